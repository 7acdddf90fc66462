"""A training run in a file: what it needs to go on, and which run it is."""

from __future__ import annotations

import math
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from .files import disk_errors, write_file

_PARTS = {"identity", "model", "optimizers", "generator", "history"}
_EPOCHS = re.compile(r"\bepochs=(\d+)")  # of a recipe's repr


class Checkpoint:
    """The file that a run goes on from.

    Parameters
    ----------
    path : path
    identity : dict
        What must agree for a run to go on: "recipe", its repr; "images", their shape and sum;
        whatever else tells runs apart.
    """

    def __init__(self, path: str | Path, identity: dict[str, Any]) -> None:
        self.path, self.identity = Path(path), identity

    def save(self, **parts: object) -> None:
        """Write the parts of a run's state, in place of those before."""
        buffer = BytesIO()
        torch.save({"identity": self.identity, **parts}, buffer)
        write_file(self.path, buffer.getbuffer())

    def load(self) -> dict[str, Any] | None:
        """Return what was saved, on the CPU wherever that was, or None where there is no file.

        Raises
        ------
        ValueError
            If the file is no checkpoint, or belongs to another run.
        OSError
            If it cannot be read.
        """
        if not self.path.exists():
            return None
        with disk_errors(self.path, "read"):
            data = self.path.read_bytes()
        try:
            state: dict[str, Any] = torch.load(BytesIO(data), map_location="cpu", weights_only=True)
            if not _PARTS <= state.keys():
                raise KeyError(*_PARTS - state.keys())
        except Exception as error:
            raise ValueError(
                f"{self.path} is not a checkpoint that can be read "
                f"({type(error).__name__}); "  # PyTorch's message advises to load it unsafely
                "move it away to start anew"
            ) from error
        self._check(state)
        return state

    def _check(self, state: dict[str, Any]) -> None:
        """Raise a ValueError unless what was saved is this run, or the beginning of it."""
        saved, own = state["identity"], self.identity
        differing = [k for k in saved | own if not _agree(k, saved.get(k), own.get(k))]
        if differing == ["recipe"] and _but_epochs(saved["recipe"]) == _but_epochs(own["recipe"]):
            planned, wanted = (int(_EPOCHS.findall(i["recipe"])[0]) for i in (saved, own))
            done = len(state["history"]["epoch"])
            if "schedule='constant'" not in own["recipe"]:
                raise ValueError(
                    f"{self.path} belongs to a run of {planned} epochs, and its schedule is laid "
                    "out over them: only schedule='constant' lets a run become longer or shorter; "
                    "give this run a checkpoint of its own"
                )
            if done > wanted:
                raise ValueError(
                    f"{self.path} holds {done} epochs already, and {wanted} are wanted; "
                    "give this run a checkpoint of its own"
                )
        elif differing:
            raise ValueError(
                f"{self.path} belongs to another run: {', '.join(differing)} differ(s); "
                "give this run a checkpoint of its own"
            )


def _but_epochs(recipe: str) -> str:
    return _EPOCHS.sub("", recipe)


def _agree(key: str, one: Any, other: Any) -> bool:
    if key != "images" or one is None:
        return bool(one == other)
    (shape, total), (other_shape, other_total) = one, other
    # Sums of the same numbers differ in the last bits where the threads or the processor differ.
    room = 1e-12 * math.prod(shape)
    return shape == other_shape and math.isclose(total, other_total, rel_tol=1e-12, abs_tol=room)
