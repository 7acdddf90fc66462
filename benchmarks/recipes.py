"""How long FAST takes to the article's result, and how good the article's network gets in its time.

ARTICLE's time is that of one epoch, times 75; its epochs are taken before and after each run.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import torch

import vaetut
from benchmarks.timing import seconds

SEEDS = (0, 1, 2)
TEST_SAMPLES = 20  # draws of z per test image: a Monte Carlo error of about 0.01 nats

# What FAST is for a size: in two dimensions, a warm-up of the KL is better on the held-out images.
FAST = {20: vaetut.FAST, 2: replace(vaetut.FAST, kl_warmup_epochs=4)}

# FAST for about as long as ARTICLE takes, by precision.
LONG = {
    "float32": replace(vaetut.FAST, epochs=90),
    "bf16": replace(vaetut.FAST, epochs=140, precision="bf16"),
}


def article_epoch(images: torch.Tensor, latent_dim: int, precision: str = "float32") -> float:
    """Train one epoch of ARTICLE; return its seconds, held-out images and all.

    What a run does once, before its first epoch, is left out.
    """
    recipe = replace(vaetut.ARTICLE, epochs=1, precision=precision)
    model = recipe.build_model(latent_dim=latent_dim)
    return vaetut.train(model, images, recipe, progress=False).seconds[0]


def run(recipe: vaetut.Recipe, latent_dim: int, seed: int, splits: dict) -> dict:
    """Train once, and measure on the test images."""
    model = recipe.build_model(latent_dim=latent_dim, seed=seed)
    histories = []

    def work() -> None:
        histories.append(vaetut.train(model, splits["train"], recipe, seed, progress=False))

    taken = seconds(work)
    report = vaetut.evaluate(model, splits["test"], TEST_SAMPLES)
    (history,) = histories
    return {
        "latent_dim": latent_dim,
        "kl_warmup_epochs": recipe.kl_warmup_epochs,
        "precision": recipe.precision,
        "seed": seed,
        "seconds": round(taken, 3),
        "validation_cost": [round(cost, 2) for cost in history.validation_cost],
        "epoch_seconds": [round(s, 3) for s in history.seconds],
        "test": round(report.neg_elbo, 3),
    }


def between_epochs(
    splits: dict, latent_dim: int, runs: list[tuple[vaetut.Recipe, int]]
) -> list[dict]:
    """Train by each recipe with its seed, between two epochs of ARTICLE."""
    rows, before = [], article_epoch(splits["train"], latent_dim)
    for recipe, seed in runs:
        row = run(recipe, latent_dim, seed, splits)
        after = article_epoch(splits["train"], latent_dim)
        rows.append(row | {"article_epoch": round((before + after) / 2, 3)})
        before = after
    return rows


def fast(splits: dict, precisions: list[str]) -> list[dict]:
    """Run FAST for every size, seed and precision."""
    rows = []
    for latent_dim, recipe in FAST.items():
        pairs = product(SEEDS, precisions)
        runs = [(replace(recipe, precision=precision), seed) for seed, precision in pairs]
        rows += between_epochs(splits, latent_dim, runs)
    return rows


def long(splits: dict, precisions: list[str]) -> dict:
    """Train the article's network for about as long as ARTICLE takes, in the faster precision."""
    recipe = LONG[precisions[-1]]
    (row,) = between_epochs(splits, 20, [(recipe, 0)])
    return row | {"epochs": recipe.epochs}
