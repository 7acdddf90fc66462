"""What each choice of FAST is worth: the recipe with one of them changed, on held-out images.

    python -m benchmarks.variants [NAME ...]

The test images are not looked at. Runs that are on record are left out.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, replace

import torch

import vaetut
from benchmarks import record

SEEDS = (0, 1, 2)
FAST = vaetut.FAST

# In 20 dimensions, but for those whose name says 2-D.
VARIANTS = {
    "FAST": FAST,
    "softplus": replace(FAST, activation="softplus"),
    "ReLU": replace(FAST, activation="relu"),
    "tanh": replace(FAST, activation="tanh"),
    "GELU": replace(FAST, activation="gelu"),
    "output bias from zero": replace(FAST, center_output=False),
    "plain gradient": replace(FAST, objective="elbo"),
    "constant rate": replace(FAST, schedule="constant"),
    "constant rate, 0.001": replace(FAST, schedule="constant", learning_rate=1e-3),
    "rate falls in half a cosine wave": replace(FAST, schedule="one-cycle"),
    "peak 0.003": replace(FAST, learning_rate=3e-3),
    "peak 0.009": replace(FAST, learning_rate=9e-3),
    "rise over a tenth of the steps": replace(FAST, rise=0.1),
    "batches of 100": replace(FAST, batch_size=100),
    "batches of 500": replace(FAST, batch_size=500),
    "7 epochs, batches of 200": replace(FAST, epochs=7, batch_size=200),
    "Adam's second beta 0.999": replace(FAST, betas=(0.9, 0.999)),
    "Adam's eps 1e-4": replace(FAST, eps=1e-4),
    "KL warm-up, 4 epochs": replace(FAST, kl_warmup_epochs=4),
    "2-D": FAST,
    "2-D, KL warm-up, 4 epochs": replace(FAST, kl_warmup_epochs=4),
}


def main(names: list[str]) -> None:
    """Train every variant and seed that is not on record yet, on all but the held-out images."""
    torch.set_flush_denormal(True)
    images, _ = vaetut.load_mnist("train")
    done = {(run["name"], run["seed"]) for run in record.read("variants")}
    for name in names or VARIANTS:
        recipe, latent_dim = VARIANTS[name], 2 if name.startswith("2-D") else 20
        for seed in SEEDS:
            if (name, seed) in done:
                continue
            model = recipe.build_model(latent_dim=latent_dim, seed=seed)
            run = {"name": name, "seed": seed, "recipe": asdict(recipe), "latent_dim": latent_dim}
            try:
                history = vaetut.train(model, images, recipe, seed, progress=False)
            except FloatingPointError as error:  # which is a result, too
                record.add("variants", run | {"failed": str(error)})
                print(f"{name}, seed {seed}: {error}", flush=True)
                continue
            if history.interrupted:
                sys.exit("stopped; the same command continues")
            cost = round(history.validation_cost[-1], 3)
            record.add("variants", run | {"held_out": cost})
            print(f"{name}, seed {seed}: {cost}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
