"""A rival in a process of its own, which sleeps while others run.

JAX has threads, and a DataLoader forks the process for its workers: the two must not meet in one.
"""

from __future__ import annotations

import multiprocessing
import os
from importlib import import_module
from importlib.metadata import version
from multiprocessing.connection import Connection

import numpy as np
import torch

from benchmarks.rivals.tuning import tune

SPAWN = multiprocessing.get_context("spawn")


class Apart:
    """An epoch of a rival, with its best setting; each call trains for one more.

    `found` says its `name` and `versions`, the settings `tried` and `taken`, and the `cost` of its
    first epoch, which is over. To be used in a `with`, which ends the process.
    """

    def __init__(self, name: str, images: np.ndarray) -> None:
        self.pipe, other_end = SPAWN.Pipe()
        self.process = SPAWN.Process(target=_serve, args=(name, images, other_end))
        self.process.start()
        other_end.close()  # the process has its own; should it die, `recv` is an EOFError
        self.found: dict = self.pipe.recv()

    def __call__(self) -> float:
        """Return the mean training cost of one epoch more."""
        self.pipe.send(True)
        return self.pipe.recv()

    def __enter__(self) -> Apart:
        return self

    def __exit__(self, *error: object) -> None:
        self.pipe.send(False)  # to close the pipe is not enough where a forked worker holds it, too
        self.process.join()


def _serve(name: str, images: np.ndarray, pipe: Connection) -> None:
    """Tune, train a first epoch, and then one for each True, until a False comes."""
    usual, *_ = multiprocessing.get_all_start_methods()
    multiprocessing.set_start_method(usual, force=True)  # else its workers are spawned, as it was
    torch.set_flush_denormal(True)  # as for ours
    os.environ["NPROC"] = str(torch.get_num_threads())  # JAX takes as many
    rival = import_module(f"benchmarks.rivals.{name}")
    versions = {package: version(package) for package in rival.PACKAGES}
    found = {"name": rival.NAME, "versions": versions}
    found |= tune(rival.epoch, rival.SETTINGS, images)
    epoch = rival.epoch(images, **found["taken"])
    pipe.send(found | {"cost": round(epoch(), 2)})
    while pipe.recv():
        pipe.send(epoch())
