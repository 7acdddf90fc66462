"""Measure training and evaluation on one GPU, and record it with the card's name.

    python -m benchmarks.gpu        a few minutes

The first call of each work is not timed: it compiles and records. Where PyTorch finds no GPU, there
is nothing to measure, and the program says so.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median

import torch

import vaetut
from benchmarks import record
from benchmarks.side_by_side import fast
from benchmarks.timing import seconds

ROUNDS, ENOUGH = 10, 40.0  # rounds of each work; but no new one after so many seconds, nor under 3
SEEDS = list(range(8))
GOALS = {  # seconds, on an H100
    "FAST, 20-D": 0.8,
    "FAST, 20-D, compiled": 0.5,
    "ARTICLE, 75 epochs": 20.0,
    "ARTICLE, 75 epochs, compiled": 12.0,
    "NLL, 10,000 x 5,000": 1.5,
    "NLL, 10,000 x 5,000, compiled": 0.5,
    "eight seeds of FAST": 1.2,
}


def main() -> None:
    """Time all works, print a table, and add them to the record."""
    if not torch.cuda.is_available():
        print(table({}))
        sys.exit("PyTorch finds no GPU here: the times are left empty, and nothing is recorded")
    found: dict = {}
    device = torch.device("cuda")
    works, results = make_works(device)
    for name, work in works.items():
        first = seconds(lambda work=work: (work(), torch.cuda.synchronize()))
        found[name] = {"first": round(first, 2), "seconds": repeat(work), "goal": GOALS[name]}
        print(f"{name}: {median(found[name]['seconds']):.3f} s", flush=True)
    card = torch.cuda.get_device_properties(device)
    machine = {"card": card.name, "memory_gib": round(card.total_memory / 2**30, 1)}
    run = {"machine": machine, "cuda": torch.version.cuda, "works": found, "results": results}
    record.add("gpu", run)
    record.collect()
    print(f"\n{machine}\n{table(found)}\n{results}")


def make_works(device: torch.device) -> tuple[dict[str, Callable[[], None]], dict[str, float]]:
    """Return what is timed, and where its results will be."""
    images = vaetut.load_mnist("train")[0].to(device)
    test = vaetut.load_mnist("test")[0]
    binary = vaetut.binarize(test, torch.Generator().manual_seed(0)).to(device)
    model, results = vaetut.load_pretrained("vae-k1").to(device), {}
    results["NLL on the CPU"] = vaetut.load_card("vae-k1")["test"]["0"]["nll"]

    def train(name: str, recipe: vaetut.Recipe, compile: bool) -> None:
        vae = recipe.build_model().to(device)
        history = vaetut.train(vae, images, recipe, progress=False, compile=compile)
        results[name] = history.validation_cost[-1]

    def nll(name: str, compile: bool) -> None:
        results[name] = vaetut.evaluate(model, binary, 5000, compile=compile).nll

    def side_by_side() -> None:
        fast(images, SEEDS)

    recipes = {"FAST, 20-D": vaetut.FAST, "ARTICLE, 75 epochs": vaetut.ARTICLE}
    works: dict[str, Callable[[], None]] = {}
    for name, recipe in recipes.items():
        for full, compile in ((name, False), (f"{name}, compiled", True)):
            works[full] = lambda full=full, recipe=recipe, compile=compile: train(
                full, recipe, compile
            )
    for full, compile in (("NLL, 10,000 x 5,000", False), ("NLL, 10,000 x 5,000, compiled", True)):
        works[full] = lambda full=full, compile=compile: nll(full, compile)
    works["eight seeds of FAST"] = side_by_side
    return works, results


def repeat(work: Callable[[], None]) -> list[float]:
    """Time a work ten times, or as often as there is time for, and three times at least."""
    taken: list[float] = []
    started = time.perf_counter()
    while len(taken) < 3 or (len(taken) < ROUNDS and time.perf_counter() - started < ENOUGH):
        taken.append(round(seconds(lambda: (work(), torch.cuda.synchronize())), 4))
    return taken


def table(works: dict) -> str:
    """Return the times beside the goals, as Markdown; empty where there are none."""
    rows = ["| one GPU, median of the rounds | seconds | rounds | goal |", "|---|--:|--:|--:|"]
    for name, goal in GOALS.items():
        taken = works.get(name, {}).get("seconds", [])
        shown = f"{median(taken):.3f} | {len(taken)}" if taken else " | "
        rows.append(f"| {name} | {shown} | ≤ {goal:g} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
