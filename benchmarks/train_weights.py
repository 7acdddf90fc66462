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
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

import vaetut
from vaetut.files import write_file
from vaetut.parts import describe

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "vaetut" / "assets" / "weights"
CHECKPOINTS = ROOT / "build" / "weights"

# The network and the data of Burda et al. 2015, Table 1. The schedule is ours: their ten million
# steps would take days here. It was chosen on the held-out images, with k = 1. There, the NLL (300
# draws) was 91.1 after 20 epochs and 88.4 after 60; with Adam and its best rate, 93.7 and 90.6.
BURDA = vaetut.Recipe(
    hidden_dims=(200, 200),
    activation="tanh",
    center_output=True,
    validation=0,
    binarize="dynamic",
    optimizer="muon",
    epochs=500,
    batch_size=500,
    learning_rate=1e-2,
    betas=(0.9, 0.99),
    eps=1e-4,
    schedule="one-cycle-linear",
    rise=0.1,
)
BURDA_K5 = replace(BURDA, num_samples=5, epochs=400, precision="bf16")
# The same network with Adam and the ordinary gradient; for the record only, not bundled.
PLAIN = replace(
    BURDA,
    optimizer="adam",
    epochs=800,
    batch_size=250,
    learning_rate=5e-3,
    betas=(0.9, 0.999),
    schedule="one-cycle",
    rise=0.3,
)
RECIPES = {
    "article": vaetut.ARTICLE,
    "burda-vae-k1": BURDA,
    "burda-vae-k1-plain": PLAIN,
    "burda-iwae-k5-plain": replace(PLAIN, objective="iwae", num_samples=5, epochs=400),
    "burda-vae-k5": replace(BURDA_K5, epochs=350),
    "burda-iwae-k5": replace(BURDA_K5, objective="iwae-dreg"),
    # 50 draws cost ten times as much: it goes on from the weights of iwae-k5.
    "burda-iwae-k50": replace(
        BURDA_K5,
        center_output=False,
        objective="iwae-dreg",
        num_samples=50,
        epochs=40,
        batch_size=200,
        learning_rate=2e-3,
    ),
    # Small, for a page that runs it in the browser; the schedule was chosen on the held-out images.
    "playground": replace(
        vaetut.FAST,
        hidden_dims=(200, 200),
        objective="elbo",
        epochs=60,
        batch_size=100,
        learning_rate=2e-3,
        schedule="one-cycle",
    ),
}


@dataclass(frozen=True)
class Job:
    """What to train, what was published for it if anything, and how it is measured on test."""

    recipe: str
    latent_dim: int
    published: dict | None = None  # where there is something to compare with
    seeds: tuple[int, ...] = (0,)
    num_samples: int = 5000
    start: str | None = None  # bundled weights to go on from, instead of fresh ones


# The costs that Metzen's notebook printed, every five epochs, by latent dimensions and by the run:
# of 3 January 2017 (commit 25ce50b), whose code the article has, and of 8 December 2015 (ab42344).
# fmt: off
METZEN = {
    20: {
        "2017": (
            181.44, 110.45, 106.03, 103.36, 101.20, 99.70, 98.75, 97.98, 97.34, 96.88,
            96.42, 96.06, 95.76, 95.48, 95.17,
        ),
        "2015": (
            184.05, 109.07, 104.43, 102.08, 100.43, 99.30, 98.45, 97.80, 97.21, 96.77,
            96.33, 95.98, 95.69, 95.40, 95.15,
        ),
    },
    2: {
        "2017": (
            187.99, 153.52, 148.39, 145.73, 144.19, 143.05, 142.21, 141.56, 140.99,
            140.52, 140.08, 139.81, 139.49, 139.19, 138.96,
        ),
        "2015": (
            190.29, 154.20, 149.49, 146.78, 144.98, 143.77, 142.93, 142.26, 141.72,
            141.20, 140.85, 140.45, 140.14, 139.84, 139.64,
        ),
    },
}
# fmt: on
SOURCE = "J. H. Metzen, Variational Autoencoder in TensorFlow, notebook of {}: training cost, nats"
BURDA_2015 = "Burda, Grosse and Salakhutdinov, 2015, Table 1: test NLL, nats, and active units"


def article(latent_dim: int) -> Job:
    """Return the job of one of the article's models."""
    runs = {
        year: {"source": SOURCE.format(year), "cost": dict(zip(range(1, 75, 5), cost, strict=True))}
        for year, cost in METZEN[latent_dim].items()
    }
    return Job("article", latent_dim, {"runs": runs}, seeds=(0, 1, 2), num_samples=100)


def burda(recipe: str, nll: float, active_units: int, start: str | None = None) -> Job:
    """Return the job of one row of Burda et al. 2015, Table 1."""
    published = {"source": BURDA_2015, "nll": nll, "active_units": active_units}
    return Job(recipe, 50, published, start=start)


JOBS = {
    "article-20d": article(20),
    "article-2d": article(2),
    "vae-k1": burda("burda-vae-k1", 86.76, 19),
    "vae-k5": burda("burda-vae-k5", 86.47, 20),
    "iwae-k5": burda("burda-iwae-k5", 85.54, 22),
    "iwae-k50": burda("burda-iwae-k50", 84.78, 25, start="iwae-k5"),
    "playground-2d": Job("playground", 2, num_samples=100),
}


def main(names: list[str]) -> None:
    """Train, evaluate and write the named models."""
    torch.set_flush_denormal(True)
    for name in names or JOBS:
        job = JOBS[name]
        runs = {seed: train_one(name, job, seed) for seed in job.seeds}
        vaetut.save_model(runs[0][0], ASSETS / f"{name}.safetensors")
        card = make_card(name, job, runs)
        write_file(ASSETS / f"{name}.json", f"{json.dumps(card, indent=1)}\n".encode())
        for report in card["test"].values():
            print(f"{name}: test -ELBO {report['neg_elbo']:.2f}, NLL {report['nll']:.2f}")


def train_one(name: str, job: Job, seed: int) -> tuple[vaetut.VAE, vaetut.History]:
    """Train one seed, or continue it; return the model and its history."""
    images, _ = vaetut.load_mnist("train")
    recipe = RECIPES[job.recipe]
    model = (
        vaetut.load_pretrained(job.start)
        if job.start
        else recipe.build_model(latent_dim=job.latent_dim, seed=seed)
    )
    CHECKPOINTS.mkdir(parents=True, exist_ok=True)
    print(f"{name}, seed {seed}", file=sys.stderr)
    history = vaetut.train(model, images, recipe, seed, CHECKPOINTS / f"{name}-seed{seed}.pt")
    if history.interrupted:
        sys.exit("stopped; the same command continues")
    return model, history


def make_card(name: str, job: Job, runs: dict) -> dict:
    """Say how the weights were made and how good they are; nothing here depends on the date."""
    recipe = RECIPES[job.recipe]
    images, _ = vaetut.load_mnist("test")
    binarize_seed = 0 if recipe.binarize else None
    if recipe.binarize:  # one draw, the one of `vaetut evaluate`
        images = vaetut.binarize(images, torch.Generator().manual_seed(binarize_seed))
    model, history = runs[0]
    check = vaetut.evaluate(model, images[:500], num_samples=10, seed=0)
    return {
        "name": name,
        "recipe": {"name": job.recipe, **asdict(recipe)},
        "model": describe(model),
        "seed": 0,
        **({"start": job.start} if job.start else {}),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "curves": {
            "epoch": history.epoch,
            "cost": {seed: rounded(run.cost) for seed, (_, run) in runs.items()},
        }
        | (
            {
                "validation_cost": {
                    seed: rounded(run.validation_cost) for seed, (_, run) in runs.items()
                }
            }
            if recipe.validation
            else {}
        ),
        **({"published": job.published} if job.published else {}),
        "test": {
            seed: asdict(vaetut.evaluate(model, images, job.num_samples, progress=True))
            for seed, (model, _) in runs.items()
        },
        "check": {
            "num_images": 500,
            "num_samples": 10,
            "seed": 0,
            "binarize_seed": binarize_seed,
            "neg_elbo": check.neg_elbo,
            "nll": check.nll,
        },
    }


def rounded(values: list[float]) -> list[float]:
    """Keep four decimals: more would only be noise in the history."""
    return [round(value, 4) for value in values]


if __name__ == "__main__":
    main(sys.argv[1:])
