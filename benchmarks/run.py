"""Measure speed, in one run on one machine, and record it.

    python -m benchmarks.run            all of it, in half an hour on two quiet cores
    python -m benchmarks.run epoch      one section, to look at; nothing is recorded

Seconds mean little elsewhere; the ratios are what to quote. What is compared is measured in turn.
The VAE of pytorch/examples is measured too, where PYTORCH_EXAMPLES names the folder of a clone.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("KINETO_LOG_LEVEL", "5")  # the profiler looks for a graphics card, aloud

import torch

import vaetut
from benchmarks import evaluation, machine, record, rivals, scale
from benchmarks.rivals import example, loader, ours
from benchmarks.rivals.apart import Apart
from benchmarks.table import table
from benchmarks.timing import in_turn, seconds
from vaetut.files import write_file

ROOT = Path(__file__).parents[1]
ROUNDS = 8  # of an epoch
UNFINISHED = ROOT / "build" / "benchmarks.json"


def main(names: list[str]) -> None:
    """Measure the named sections, or all; print each as it comes, and a table of all."""
    torch.set_flush_denormal(True)  # as the command line does
    splits = {split: vaetut.load_mnist(split)[0] for split in ("train", "test")}
    started = time.perf_counter()
    results: dict = {"machine": machine.describe()}
    precisions = list(dict.fromkeys(["float32", results["machine"]["auto"]]))
    for name, measure in SECTIONS.items():
        if names and name not in names:
            continue
        print(f"{(time.perf_counter() - started) / 60:5.1f} min  {name} ...", flush=True)
        results[name] = measure(splits, precisions)
        if names:
            print(json.dumps(results[name], indent=1))
        UNFINISHED.parent.mkdir(exist_ok=True)
        write_file(UNFINISHED, record.as_line(results).encode())  # should a later section fail
    if names:
        return
    results["minutes"] = round((time.perf_counter() - started) / 60, 1)
    results["table"] = table(results)
    record.add("speed", results)
    record.collect()
    print_table(results)


def epoch(splits: dict, precisions: list[str]) -> dict:
    """Time an epoch of ARTICLE by `train`, by others, and parts of it."""
    images = splits["train"][vaetut.ARTICLE.validation :].numpy()
    products = machine.article_products(len(images) // vaetut.ARTICLE.batch_size)
    own = {f"vaetut, {p}": ours.epoch(images, precision=p) for p in precisions}
    with ExitStack() as stack:
        others = {name: stack.enter_context(Apart(name, images)) for name in rivals.MODULES}
        found = {name: rival.found for name, rival in others.items()}
        works = {
            **others,
            **own,
            "loader alone": loader.alone(images, **found["loader"]["taken"]),
            "products alone": products,
        }
        return {
            "rivals": found,
            "cost": {name: round(work(), 2) for name, work in own.items()},
            "seconds": in_turn(works, ROUNDS),
        }


def train_example(splits: dict, precisions: list[str]) -> dict | None:
    """Time an epoch of the VAE of pytorch/examples, and of `train` on its network."""
    if not example.CLONE:
        return None
    images = splits["train"].numpy()
    own = ours.epoch(images, **example.NETWORK)
    with Apart("example", images) as rival:
        return {
            "rival": rival.found | {"commit": example.commit()},
            "cost": round(own(), 2),
            "seconds": in_turn({"example": rival, "vaetut": own}, ROUNDS),
        }


def step(splits: dict, precisions: list[str]) -> dict:
    """Say where the time of a step of ARTICLE goes."""
    return {p: machine.step_shares(splits["train"], p) for p in precisions}


def compiled(splits: dict, precisions: list[str]) -> dict | None:
    """Time 100 steps of ARTICLE with and without `torch.compile`, if there is a C++ compiler."""
    if not any(map(shutil.which, ("c++", "g++", "clang++"))):
        return None
    recipe = replace(vaetut.ARTICLE, epochs=1, validation=0)
    images = splits["train"][: 100 * recipe.batch_size]
    models = {"plain": recipe.build_model(), "compiled": recipe.build_model()}
    works = {
        name: lambda model=model, fuse=name == "compiled": vaetut.train(
            model, images, recipe, progress=False, compile=fuse
        )
        for name, model in models.items()
    }
    first = seconds(works["compiled"])
    return {"first": round(first, 2), "seconds": in_turn(works, rounds=5)}


SECTIONS = {
    "epoch": epoch,
    "example": train_example,
    "step": step,
    "compile": compiled,
    "evaluate": lambda splits, precisions: evaluation.against_pythae(splits["test"]),
    "command": lambda splits, precisions: evaluation.command(),
    "scale": lambda splits, precisions: scale.measure(),
}


def print_table(results: dict) -> None:
    """Print what is worth quoting."""
    print(f"\n{results['machine']}\nin {results['minutes']} minutes:")
    for row in results["table"]:
        goal = f"(goal {row['goal']}: {row['verdict'] or 'no verdict'})" if row["goal"] else ""
        print(f"{row['value']:>8}  {row['interval'] or '':>16}  {row['what']} {goal}")


if __name__ == "__main__":
    main(sys.argv[1:])
