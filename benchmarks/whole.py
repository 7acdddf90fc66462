"""How long FAST takes to the result of ARTICLE: whole runs in turn, in the same precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

import vaetut
from benchmarks.timing import in_turn

ROUNDS = 3


def measure(images: torch.Tensor, precisions: list[str]) -> dict[str, list[float]]:
    """Return the seconds of each round, by recipe and precision, held-out images and all."""

    def run(recipe: vaetut.Recipe) -> Callable[[], object]:
        return lambda: vaetut.train(recipe.build_model(), images, recipe, progress=False)

    works = {
        f"{name}, {precision}": run(replace(recipe, precision=precision))
        for name, recipe in (("ARTICLE", vaetut.ARTICLE), ("FAST", vaetut.FAST))
        for precision in precisions
    }
    return in_turn(works, ROUNDS)
