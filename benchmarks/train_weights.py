"""Train the bundled weights again, by their recipes, and write them with their cards.

    python benchmarks/train_weights.py            all of them; takes hours on two cores
    python benchmarks/train_weights.py article-2d

Every run keeps a checkpoint in build/weights/ after each epoch, so that a run that was stopped is
continued by the same command. The weights of seed 0 are bundled; the other seeds give the spread.
"""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import asdict
from pathlib import Path

import torch

import vaetut
from vaetut.training import RECIPES

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "vaetut" / "assets" / "weights"
CHECKPOINTS = ROOT / "build" / "weights"
SEEDS = (0, 1, 2)

# The recipe and the latent dimensions of each model.
MODELS = {"article-20d": ("article", 20), "article-2d": ("article", 2)}

# The training cost that the tutorial behind the article printed, in nats.
METZEN_2015 = {
    "source": "J. H. Metzen, Variational Autoencoder in TensorFlow, 2015: training cost, nats",
    "cost": {
        "article-20d": {1: 181.44, 6: 110.45, 16: 103.36, 31: 98.75, 51: 96.42, 71: 95.17},
        "article-2d": {1: 187.99, 6: 153.52, 16: 145.73, 31: 142.21, 51: 140.08, 71: 138.96},
    },
}


def main(names: list[str]) -> None:
    """Train, evaluate and write the named models."""
    for name in names or MODELS:
        recipe_name, latent_dim = MODELS[name]
        recipe = RECIPES[recipe_name]
        runs = {seed: train_one(name, recipe, latent_dim, seed) for seed in SEEDS}
        model = runs[SEEDS[0]][0]
        vaetut.save_model(model, ASSETS / f"{name}.safetensors")
        card = make_card(name, recipe_name, runs)
        (ASSETS / f"{name}.json").write_text(json.dumps(card, indent=1) + "\n")
        print(f"{name}: test -ELBO", [round(r["neg_elbo"], 2) for r in card["test"].values()])


def train_one(
    name: str, recipe: vaetut.Recipe, latent_dim: int, seed: int
) -> tuple[vaetut.VAE, vaetut.History]:
    """Train one seed, or continue it; return the model and its history."""
    images, _ = vaetut.load_mnist("train")
    model = recipe.build_model(latent_dim=latent_dim, seed=seed)
    CHECKPOINTS.mkdir(parents=True, exist_ok=True)
    print(f"{name}, seed {seed}", file=sys.stderr)
    history = vaetut.train(model, images, recipe, seed, CHECKPOINTS / f"{name}-seed{seed}.pt")
    if history.interrupted:
        sys.exit("stopped; the same command continues")
    return model, history


def make_card(name: str, recipe_name: str, runs: dict) -> dict:
    """Say how the weights were made and how good they are; nothing here depends on the date."""
    images, _ = vaetut.load_mnist("test")
    model, history = runs[SEEDS[0]]
    check = vaetut.evaluate(model, images[:500], num_samples=10, seed=0)
    return {
        "name": name,
        "recipe": {"name": recipe_name, **asdict(RECIPES[recipe_name])},
        "model": model.config,
        "seed": SEEDS[0],
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "curves": {
            "epoch": history.epoch,
            "cost": {seed: rounded(run.cost) for seed, (_, run) in runs.items()},
            "validation_cost": {
                seed: rounded(run.validation_cost) for seed, (_, run) in runs.items()
            },
        },
        "published": {"source": METZEN_2015["source"], "cost": METZEN_2015["cost"][name]},
        "test": {
            seed: asdict(vaetut.evaluate(model, images, num_samples=100, progress=True))
            for seed, (model, _) in runs.items()
        },
        "check": {
            "num_images": 500,
            "num_samples": 10,
            "seed": 0,
            "binarize_seed": None,
            "neg_elbo": check.neg_elbo,
            "nll": check.nll,
        },
    }


def rounded(values: list[float]) -> list[float]:
    """Keep four decimals: more would only be noise in the history."""
    return [round(value, 4) for value in values]


if __name__ == "__main__":
    main(sys.argv[1:])
