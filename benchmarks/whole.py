"""How long FAST takes to the result of ARTICLE: whole runs in turn, in the same precision.

python -m benchmarks.whole          up to an hour on two quiet cores
"""

from __future__ import annotations

from dataclasses import replace

import torch

import vaetut
from benchmarks import record
from benchmarks.timing import in_turn
from vaetut.training.precision import bf16_is_faster

ROUNDS = 3
RECIPES = {"ARTICLE": vaetut.ARTICLE, "FAST": vaetut.FAST}


def main() -> None:
    """Train by both recipes, held-out images and all, and add the seconds to the record."""
    torch.set_flush_denormal(True)  # as the command line does
    images, _ = vaetut.load_mnist("train")
    for precision in ("float32", "bf16"):
        if precision == "float32" or bf16_is_faster(torch.device("cpu")):
            works = {
                name: lambda recipe=recipe, precision=precision: train(recipe, images, precision)
                for name, recipe in RECIPES.items()
            }
            record.add("whole", {"precision": precision, "seconds": in_turn(works, ROUNDS)})


def train(recipe: vaetut.Recipe, images: torch.Tensor, precision: str) -> None:
    recipe = replace(recipe, precision=precision)
    vaetut.train(recipe.build_model(), images, recipe, progress=False)


if __name__ == "__main__":
    main()
