"""What five draws teach a VAE and an IWAE: plain rows of Burda's table, cut short, over seeds.

    python -m benchmarks.draws

Sixty epochs with Adam and the ordinary gradient, without the held-out images, and measured on
those: the test images are not looked at. Runs that are on record are left out.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, replace

import torch

import vaetut
from benchmarks import record
from benchmarks.train_weights import PLAIN

SEEDS = (0, 1, 2)
NUM_SAMPLES = 500
SHORT = replace(PLAIN, validation=5000, epochs=60)
ROWS = {
    "vae-k1": SHORT,
    "vae-k5": replace(SHORT, num_samples=5),
    "iwae-k5": replace(SHORT, num_samples=5, objective="iwae"),
}


def main() -> None:
    """Train and measure every row and seed that is not on record yet."""
    torch.set_flush_denormal(True)
    images, _ = vaetut.load_mnist("train")
    held_out = vaetut.binarize(images[: SHORT.validation], torch.Generator().manual_seed(0))
    done = {(run["row"], run["seed"]) for run in record.read("draws")}
    for seed in SEEDS:
        for row, recipe in ROWS.items():
            if (row, seed) in done:
                continue
            model = recipe.build_model(latent_dim=50, seed=seed)
            if vaetut.train(model, images, recipe, seed, progress=False).interrupted:
                sys.exit("stopped; the same command continues")
            report = vaetut.evaluate(model, held_out, NUM_SAMPLES)
            run = {"row": row, "seed": seed, "recipe": asdict(recipe), "held_out": asdict(report)}
            record.add("draws", run)
            print(f"{row}, seed {seed}: {report.active_units} units, NLL {report.nll:.2f}")


if __name__ == "__main__":
    main()
