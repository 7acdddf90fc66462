"""How long FAST takes to the result of ARTICLE: whole runs in turn, in the same precision."""

from __future__ import annotations

from dataclasses import replace

import torch

import vaetut
from benchmarks.timing import in_turn

ROUNDS = 3


def measure(images: torch.Tensor, precisions: list[str]) -> dict[str, list[float]]:
    """Return the seconds of each round, by recipe and precision, held-out images and all."""

    def train(recipe: vaetut.Recipe) -> None:
        vaetut.train(recipe.build_model(), images, recipe, progress=False)

    works = {
        f"{name.upper()}, {precision}": lambda r=replace(recipe, precision=precision): train(r)
        for name, recipe in (("article", vaetut.ARTICLE), ("fast", vaetut.FAST))
        for precision in precisions
    }
    return in_turn(works, ROUNDS)
