"""Several processes that train one model: which of them this is."""

from __future__ import annotations

import torch
from torch import distributed


def place_in_group() -> tuple[int, int]:
    """Return this process's rank and the number of processes."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def check_group(device: torch.device) -> None:
    """Raise a ValueError where two processes would share one GPU."""
    if place_in_group()[1] == 1 or device.type != "cuda":
        return
    try:
        distributed.all_reduce(torch.zeros(1, device=device))
    except RuntimeError as error:
        if "Duplicate GPU" not in str(error):
            raise
        raise ValueError(
            f"two processes use one GPU, {device}; give each its own, the one of its LOCAL_RANK, "
            "or start as many processes as there are GPUs"
        ) from error
