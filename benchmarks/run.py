"""Measure speed, in one run on one machine, and record it.

    python -m benchmarks.run            all of it, in under half an hour on two quiet cores
    python -m benchmarks.run epoch      one section, to look at; nothing is recorded

Seconds mean little elsewhere; the ratios are what to quote. What is compared is measured in turn.
The record is benchmarks/results.json, and a copy in the package, for the book's page.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("KINETO_LOG_LEVEL", "5")  # the profiler looks for a graphics card, aloud

import torch

import vaetut
from benchmarks import evaluation, machine, recipes, rivals, scale
from benchmarks.table import table
from benchmarks.timing import in_turn, seconds
from vaetut.files import write_file

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "benchmarks" / "results.json", ROOT / "vaetut" / "assets" / "benchmarks.json"
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
        write_file(UNFINISHED, as_json(results))  # should a later section fail
    if names:
        return
    results["minutes"] = round((time.perf_counter() - started) / 60, 1)
    results["table"] = table(results)
    for record in RECORDS:
        write_file(record, as_json(results))
    print_table(results)


def as_json(results: dict) -> bytes:
    return f"{json.dumps(results, indent=1, ensure_ascii=False)}\n".encode()


def imports(splits: dict, precisions: list[str]) -> dict:
    """Time `import vaetut`, and what it spares until it is needed, in fresh processes."""

    def load(modules: str) -> None:
        subprocess.run([sys.executable, "-c", f"import {modules}"], check=True)

    names = "vaetut", "torch, torchvision"
    return in_turn({name: lambda name=name: load(name) for name in names}, rounds=3)


def epoch(splits: dict, precisions: list[str]) -> dict:
    """Time an epoch of ARTICLE by `train`, by others, and parts of it."""
    images = splits["train"]
    training = images[vaetut.ARTICLE.validation :]
    products, gflop = machine.article_products(len(training) // vaetut.ARTICLE.batch_size)
    works = {
        "loader": rivals.with_loader(training),
        "pythae": rivals.pythae_epoch(training),
        **{f"vaetut, {p}": lambda p=p: recipes.article_epoch(images, 20, p) for p in precisions},
        "loader alone": rivals.loader_only(training),
        "products alone": products,
    }
    return {"seconds": in_turn(works, rounds=5), "gflop": round(gflop, 1)}


def step(splits: dict, precisions: list[str]) -> dict:
    """Say where the time of a step of ARTICLE goes."""
    return {p: machine.step_shares(splits["train"], p) for p in precisions}


def compiled(splits: dict, precisions: list[str]) -> dict | None:
    """Time 100 steps of ARTICLE with and without `torch.compile`, if there is a C++ compiler."""
    if not any(map(shutil.which, ("c++", "g++", "clang++"))):
        return None
    recipe = replace(vaetut.ARTICLE, epochs=1, validation=0)
    images = splits["train"][: 100 * recipe.batch_size]
    plain, fused = recipe.build_model(), recipe.build_model()
    fused.encoder.compile()
    fused.decoder.compile()
    works = {
        name: lambda model=model: vaetut.train(model, images, recipe, progress=False)
        for name, model in (("plain", plain), ("compiled", fused))
    }
    first = seconds(works["compiled"])
    return {"first": round(first, 2), "seconds": in_turn(works, rounds=5)}


SECTIONS = {
    "import": imports,
    "peak": lambda splits, precisions: machine.peak(precisions),
    "epoch": epoch,
    "step": step,
    "compile": compiled,
    "evaluate": lambda splits, precisions: evaluation.against_pythae(splits["test"]),
    "command": lambda splits, precisions: evaluation.command(),
    "scale": lambda splits, precisions: scale.measure(),
    "fast": recipes.fast,
    "long": recipes.long,
}


def print_table(results: dict) -> None:
    """Print what is worth quoting."""
    print(f"\n{results['machine']}\nin {results['minutes']} minutes:")
    for row in results["table"]:
        goal = f"goal {row['goal']}" if row["goal"] else ""
        print(f"{row['value']:>10}  {row['what']}  {goal}")


if __name__ == "__main__":
    main(sys.argv[1:])
