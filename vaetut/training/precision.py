"""In how many bits a training computes."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from timeit import repeat
from typing import Any

import torch
from torch import distributed
from torch.nn import functional as F
from tqdm import tqdm

from .groups import place_in_group


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Return the context in which a recipe's precision holds; "auto" asks a probe, and says so."""
    if precision == "auto":
        rank, processes = place_in_group()
        faster = torch.tensor(int(rank == 0 and bf16_is_faster(device)), device=device)
        if processes > 1:
            distributed.broadcast(faster, src=0)  # all do as the first one finds
        precision = "bf16" if faster else "float32"
        if rank == 0:
            tqdm.write(f"precision: {precision}", file=sys.stderr)
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def bf16_is_faster(device: torch.device) -> bool:
    """Time a layer both ways, casts and all; without bf16 units it is ten times slower."""
    x, weight = torch.ones(2, 512, 512, device=device)

    def layer(precision: str) -> None:
        with torch.no_grad(), autocast(precision, device):
            F.linear(x, weight).sum().item()  # .item() waits for the device

    # The best of some: a machine does other things, too.
    times = {p: min(repeat(partial(layer, p), number=1)) for p in ("float32", "bf16")}
    return times["bf16"] < times["float32"]
