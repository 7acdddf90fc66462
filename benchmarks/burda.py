"""Train and measure one seed of a row of Burda et al. 2015, Table 1, and record it.

    python -m benchmarks.burda vae-k1-plain 0

Hours on one thread. A run that was stopped is continued by the same command, from its checkpoint in
build/weights/. The test images are looked at once, after the training, and the look belongs into
the log of PROTOCOL.md.
"""

from __future__ import annotations

import sys
from dataclasses import asdict

import torch

import vaetut
from benchmarks import record
from benchmarks.train_weights import JOBS, RECIPES, Job, train_one

REFINE_STEPS = 100

# The rows with bundled weights, and those that repeat the paper's optimiser and gradient.
ROWS = {name: job for name, job in JOBS.items() if job.recipe.startswith("burda")} | {
    "vae-k1-plain": Job("burda-vae-k1-plain", 50),
    "iwae-k5-plain": Job("burda-iwae-k5-plain", 50),
}


def main(name: str, seed: int) -> None:
    """Train, measure with the encoder's q and with a refined one, and add it to the record."""
    on_record = [run for run in record.read("burda") if (run["row"], run["seed"]) == (name, seed)]
    if any("test, refined q" in run for run in on_record):
        sys.exit(f"{name}, seed {seed} is on record; nothing is measured twice")
    torch.set_flush_denormal(True)
    job = ROWS[name]
    run = {"row": name, "seed": seed, "recipe": asdict(RECIPES[job.recipe]), "start": job.start}
    if bundled := seed == 0 and name in JOBS:
        model = vaetut.load_pretrained(name)
        run["test"] = vaetut.load_card(name)["test"]["0"]
    else:
        model, _ = train_one(name, job, seed)
    images = vaetut.binarize(vaetut.load_mnist("test")[0], torch.Generator().manual_seed(0))
    for key, steps in {"test": 0, "test, refined q": REFINE_STEPS}.items():
        if steps or not bundled:
            options = {"progress": True, "refine_steps": steps}
            report = vaetut.evaluate(model, images, job.num_samples, **options)
            run[key] = asdict(report)
            print(f"{name}, seed {seed}, {key}: NLL {report.nll:.2f}", flush=True)
    record.add("burda", run)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
