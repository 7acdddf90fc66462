"""The command `vaetut` with few images and a small network, for kills and full disks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

import vaetut
from tests.processes import ENVIRONMENT, HEED_CTRL_C

EPOCHS = 150
CODE = f"""
import dataclasses, sys, torch, vaetut
torch.set_num_threads(1)
images = torch.rand(220, 784, generator=torch.Generator().manual_seed(0))
vaetut.load_mnist = lambda split: (images, torch.arange(220) % 10)
small = dict(validation=20, hidden_dims=(16,), epochs={EPOCHS})
vaetut.ARTICLE = dataclasses.replace(vaetut.ARTICLE, **small)
from vaetut.__main__ import main
sys.argv[0] = "vaetut"
main()
"""


def start(*arguments: str, folder: Path, before: str = "") -> subprocess.Popen[str]:
    """Start the command in a folder, after a line of Python of one's own."""
    command = [sys.executable, "-c", f"{HEED_CTRL_C}{before}{CODE}", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, **pipes)


def run(*arguments: str, folder: Path, before: str = "") -> tuple[int, str]:
    """Run the command to its end; return its exit code and the last line on stderr."""
    with start(*arguments, folder=folder, before=before) as process:
        _, err = process.communicate()
    return process.returncode, err.strip().splitlines()[-1]


def assert_whole(folder: Path) -> None:
    """Assert that each file that is there can be read."""
    for path in folder.glob("*.safetensors"):
        vaetut.load_model(path)
    for path in folder.glob("*.history.json"):
        vaetut.History.load(path)
    for path in folder.glob("*.pt"):
        torch.load(path, weights_only=True)
