"""The VAE of pytorch/examples, run as it stands: vae/main.py of a clone that the reader has.

Another network than ARTICLE's, so it is compared with `vaetut.train` on that network.
"""

from __future__ import annotations

import os
import runpy
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import numpy as np

from vaetut.files import write_file

CLONE = os.environ.get("PYTORCH_EXAMPLES")  # the folder; without it, nothing is run
NAME = "the VAE of pytorch/examples"
PACKAGES = "torch", "torchvision"
SETTINGS = [{}]

# What vae/main.py trains, as changes of ARTICLE.
NETWORK = {"hidden_dims": (400,), "activation": "relu", "batch_size": 128}


def commit() -> str:
    """Return which version of the example the clone holds."""
    ask = ["git", "-C", CLONE, "rev-parse", "--short", "HEAD"]
    return subprocess.run(ask, capture_output=True, text=True).stdout.strip() or "unknown"


def epoch(images: np.ndarray) -> Callable[[], float]:
    """Return the example's own `train(1)`, on these images."""
    script = Path(CLONE).resolve() / "vae" / "main.py"
    with tempfile.TemporaryDirectory() as folder:  # it looks for MNIST beside where it runs
        lay_out(images, Path(folder) / "data" / "MNIST" / "raw")
        here = Path(folder) / "vae"
        here.mkdir()
        arguments = [str(script), "--no-accel"]
        with chdir(here), patch.object(sys, "argv", arguments), redirect_stdout(StringIO()):
            train = runpy.run_path(str(script), run_name="example")["train"]

    def work() -> float:
        with redirect_stdout(StringIO()) as said:
            train(1)
        return float(said.getvalue().split()[-1])  # "Average loss: 105.7"

    return work


def lay_out(images: np.ndarray, folder: Path) -> None:
    """Write the images as torchvision keeps MNIST, with labels of zero: nothing reads them."""
    folder.mkdir(parents=True)
    count = len(images)
    pixels = (
        struct.pack(">4i", 0x803, count, 28, 28) + (images * 255).round().astype("u1").tobytes()
    )
    labels = struct.pack(">2i", 0x801, count) + bytes(count)
    for split in ("train", "t10k"):
        write_file(folder / f"{split}-images-idx3-ubyte", pixels)
        write_file(folder / f"{split}-labels-idx1-ubyte", labels)
