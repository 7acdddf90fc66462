"""An epoch of ARTICLE in one process and in two, with one thread each, by torchrun."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SETUPS = {  # processes, and threads of each
    "1 process, 1 thread": (1, 1),
    "2 processes, 1 thread each": (2, 1),
    "1 process, 2 threads": (1, 2),
}
BATCHES = (100, 1000)  # gradients are exchanged once a batch
EPOCHS = 2  # the first is warm-up


def measure(rounds: int = 3) -> dict:
    """Return the seconds of each epoch but the first, by batch size and set-up, in turn."""
    taken: dict = {str(batch): {name: [] for name in SETUPS} for batch in BATCHES}
    for _ in range(rounds):
        for batch in BATCHES:
            for name, (processes, threads) in SETUPS.items():
                history = train(processes, threads, batch)
                taken[str(batch)][name] += [round(s, 3) for s in history["seconds"][1:]]
    return taken


def train(processes: int, threads: int, batch: int) -> dict:
    """Run the command as a reader would, and read the history that it writes."""
    launch = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m"]
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "vae.safetensors"
        options = ["--epochs", str(EPOCHS), "--batch-size", str(batch), "--threads", str(threads)]
        subprocess.run(
            [
                *(sys.executable, "-m", *(launch if processes > 1 else [])),
                *("vaetut", "train", str(output), "--device", "cpu", *options),
            ],
            check=True,
            capture_output=True,
            env=os.environ | {"OMP_NUM_THREADS": str(threads)},
        )
        return json.loads(output.with_suffix(".history.json").read_text())
