"""How much fits into a device's memory, and what to say where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_COPIES = 8  # of the widest layer's output, which a pass without gradients may hold at once
_PART = 0.5  # of the free memory, which others may want, too


def draws_that_fit(x: torch.Tensor, width: int, wanted: int) -> int:
    """Return for how many draws of z at once, up to `wanted`, a GPU can decode a batch (B, D).

    `width` is the most numbers that a layer or the decoder makes of one example.
    """
    if x.device.type != "cuda":
        return wanted
    free, _ = torch.cuda.mem_get_info(x.device)
    free += torch.cuda.memory_reserved(x.device) - torch.cuda.memory_allocated(x.device)
    return max(1, min(wanted, int(_PART * free) // (_COPIES * len(x) * width * x.element_size())))


@contextmanager
def short_of_memory(remedy: str) -> Iterator[None]:
    """Say what to do where a device has too little memory, as a MemoryError."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise MemoryError(
            f"the device's memory is too small for this, or others use it, too; {remedy}, or use "
            "the CPU"
        ) from error
