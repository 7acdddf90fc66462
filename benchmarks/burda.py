"""Train and measure one seed of a row of Burda et al. 2015, Table 1, and record it.

    python -m benchmarks.burda vae-k1-plain 0

Hours on one thread. A run that was stopped is continued by the same command, from its checkpoint in
build/weights/. The test images are looked at once, after the training, and the look belongs into
the log of PROTOCOL.md. The record is a file of benchmarks/records/burda/, and is not replaced.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

import vaetut
from benchmarks.train_weights import JOBS, RECIPES, Job, train_one
from vaetut.files import write_file

RECORDS = Path(__file__).parent / "records" / "burda"
REFINE_STEPS = 100

# The rows with bundled weights, and those that repeat the paper's optimiser and gradient.
ROWS = {name: job for name, job in JOBS.items() if job.recipe.startswith("burda")} | {
    "vae-k1-plain": Job("burda-vae-k1-plain", 50),
    "iwae-k5-plain": Job("burda-iwae-k5-plain", 50),
}


def main(name: str, seed: int) -> None:
    """Train, measure with the encoder's q and with a refined one, and write the record."""
    path = RECORDS / f"{name}-seed{seed}.json"
    if path.exists():
        sys.exit(f"{path.name} is on record; nothing is measured twice")
    torch.set_flush_denormal(True)
    job = ROWS[name]
    record = {"row": name, "seed": seed, "recipe": asdict(RECIPES[job.recipe])}
    record |= {"start": job.start, "made": circumstances()}
    if bundled := seed == 0 and name in JOBS:
        model = vaetut.load_pretrained(name)
        record["test"] = vaetut.load_card(name)["test"]["0"]
    else:
        model, _ = train_one(name, job, seed)
    images = vaetut.binarize(vaetut.load_mnist("test")[0], torch.Generator().manual_seed(0))
    for key, steps in {"test": 0, "test, refined q": REFINE_STEPS}.items():
        if steps or not bundled:
            options = {"progress": True, "refine_steps": steps}
            report = vaetut.evaluate(model, images, job.num_samples, **options)
            record[key] = asdict(report)
            print(f"{name}, seed {seed}, {key}: NLL {report.nll:.2f}", flush=True)
    RECORDS.mkdir(parents=True, exist_ok=True)
    write_file(path, f"{json.dumps(record, indent=1)}\n".encode())


def circumstances() -> dict:
    """Say when, with which code and on what the record was made."""
    commit = ["git", "rev-parse", "--short", "HEAD"]
    here = {"cwd": Path(__file__).parent, "capture_output": True, "text": True}  # none without git
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": subprocess.run(commit, **here).stdout.strip(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "threads": torch.get_num_threads(),
    }


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
