"""Is FAST no worse than ARTICLE? Train the seeds that answer it, and measure them.

    python -m benchmarks.seeds fast-20d 0 1 2

Each seed is trained, looked at on the test images once, and added to the record. A training that
was stopped is continued by the same command, from its checkpoint in build/seeds/.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, replace

import torch

import vaetut
from benchmarks import record
from benchmarks.train_weights import ROOT, rounded

CHECKPOINTS = ROOT / "build" / "seeds"
NUM_SAMPLES = 100  # draws of z per test image: a Monte Carlo error below 0.005 nats

# A recipe, and the size of its latent space. In two dimensions, FAST has a warm-up of the KL.
FAST_2D = replace(vaetut.FAST, kl_warmup_epochs=4)
RUNS = {
    "article-20d": (vaetut.ARTICLE, 20),
    "article-2d": (vaetut.ARTICLE, 2),
    "fast-20d": (vaetut.FAST, 20),
    "fast-2d": (FAST_2D, 2),
    "fast-20d-bf16": (replace(vaetut.FAST, precision="bf16"), 20),
    "fast-2d-bf16": (replace(FAST_2D, precision="bf16"), 2),
}


def main(name: str, seeds: list[int]) -> None:
    """Train, measure and record each seed that is not on record yet."""
    torch.set_flush_denormal(True)
    recipe, latent_dim = RUNS[name]
    done = {run["seed"] for run in record.read("seeds") if run["name"] == name}
    splits = {split: vaetut.load_mnist(split)[0] for split in ("train", "test")}
    CHECKPOINTS.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        if seed in done:
            print(f"{name}, seed {seed} is on record; nothing is measured twice")
            continue
        model = recipe.build_model(latent_dim=latent_dim, seed=seed)
        checkpoint = CHECKPOINTS / f"{name}-seed{seed}.pt"
        run = {"name": name, "seed": seed, "recipe": asdict(recipe), "latent_dim": latent_dim}
        try:
            history = vaetut.train(model, splits["train"], recipe, seed, checkpoint)
        except FloatingPointError as error:  # which is a result, too
            record.add("seeds", run | {"failed": str(error)})
            print(f"{name}, seed {seed}: {error}", flush=True)
            continue
        if history.interrupted:
            sys.exit("stopped; the same command continues")
        report = vaetut.evaluate(model, splits["test"], NUM_SAMPLES, progress=True)
        cost = rounded(history.validation_cost)
        record.add("seeds", run | {"validation_cost": cost, "test": asdict(report)})
        print(f"{name}, seed {seed}: test -ELBO {report.neg_elbo:.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], [int(seed) for seed in sys.argv[2:]])
