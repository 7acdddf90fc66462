"""`vaetut evaluate` against pythae's `get_nll`: same model, same images, same number of samples."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import torch

import vaetut
from benchmarks.rivals.pythae import as_pythae
from benchmarks.rivals.tuning import tune
from benchmarks.timing import in_turn

NAME = "vae-k1"
SAMPLES = 5000
IMAGES = 100  # in each round; both need a time that grows with the number of images
CHUNKS = [{"batch_size": size} for size in (100, 500, 1000, SAMPLES)]  # of pythae's samples
COMMAND_IMAGES = 2000


def against_pythae(images: torch.Tensor, rounds: int = 4) -> dict:
    """Estimate the NLL of the same binarized images both ways."""
    model = vaetut.load_pretrained(NAME)
    x = vaetut.binarize(images[:IMAGES], torch.Generator().manual_seed(0))
    chunk = tune(partial(get_nll, model), CHUNKS, x)
    by_pythae = get_nll(model, x, **chunk["taken"])
    found: dict[str, list[float]] = {"vaetut": [], "pythae": []}
    works = {
        "vaetut": lambda: found["vaetut"].append(vaetut.evaluate(model, x, SAMPLES).nll),
        "pythae": lambda: found["pythae"].append(by_pythae()),
    }
    return {
        "model": NAME,
        "samples": SAMPLES,
        "images": IMAGES,
        "chunk": chunk,
        "seconds": in_turn(works, rounds),
        "nll": {name: round(values[0], 3) for name, values in found.items()},
    }


def get_nll(model: vaetut.VAE, x: torch.Tensor, batch_size: int) -> Callable[[], float]:
    """Return pythae's estimate of the NLL as a callable, with so many samples in each pass."""
    theirs, pictures = as_pythae(model), x.reshape(-1, 1, 28, 28)

    @torch.no_grad()
    def work() -> float:
        return -float(theirs.get_nll(pictures, SAMPLES, batch_size))  # it returns log p(x)

    return work


def command() -> dict:
    """Run the command itself, and ask the system how much memory it took at most."""
    options = ["--samples", str(SAMPLES), "--images", str(COMMAND_IMAGES), "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "vaetut", "evaluate", NAME, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    report = json.load(process.stdout)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError("vaetut evaluate failed")
    return {
        "images": COMMAND_IMAGES,
        "nll": report["nll"],
        "memory_gib": round(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 2**30, 2),
    }
