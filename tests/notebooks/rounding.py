"""Start a chapter's kernel on a processor that rounds otherwise, simulated.

The result of every matrix product and convolution, in a backward pass too, is multiplied by
1 + eps * noise, eps being that of its dtype: what another order of the same sums does. So a
stored output that holds under several seeds holds on other machines. As on a processor, the same
product of the same numbers gives the same result again. NumPy's products are left as they are. The
seed stands in the environment variable ROUNDING_SEED.
"""

from __future__ import annotations

import os
import runpy
import sys
import zlib
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

KERNEL = Path(__file__).resolve().parents[2] / "book" / "kernel.py"
POOL = 1 << 20  # noise is drawn once, and taken from a random place on

PRODUCTS = {
    getattr(torch.ops.aten, name)
    for name in (
        *("mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "dot", "vdot", "addr", "outer"),
        *("linear", "matmul", "einsum", "inner", "tensordot"),  # where they come undivided
        *("convolution", "convolution_backward", "conv2d", "conv_transpose2d"),
    )
    if hasattr(torch.ops.aten, name)
}


class OtherRounding(TorchDispatchMode):
    """Perturb products in their last bit.

    Parameters
    ----------
    seed : int
        Of the noise.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed
        noise = torch.randn(
            POOL, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
        )
        dtypes = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
        self.factors = {d: (1 + torch.finfo(d).eps * noise).to(d) for d in dtypes}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Run an operation; perturb its result if it is a product."""
        result = func(*args, **(kwargs or {}))
        return tree_map(self._perturb, result) if func.overloadpacket in PRODUCTS else result

    def _perturb(self, result: Any) -> Any:
        factors = self.factors.get(getattr(result, "dtype", None))
        if factors is None or not isinstance(result, torch.Tensor):
            return result
        count = result.numel()
        repeats = count // POOL + 1
        place = zlib.crc32(f"{self.seed} {result.sum().item()!r}".encode())
        place %= repeats * POOL - count
        noise = factors.repeat(repeats) if repeats > 1 else factors
        noise = noise[place : place + count].view(result.shape)
        return result.mul_(noise)  # in place, for `out=` too


if __name__ == "__main__":
    sys.path[0] = str(KERNEL.parent)  # as if it had been started itself
    with OtherRounding(int(os.environ["ROUNDING_SEED"])):
        runpy.run_path(str(KERNEL), run_name="__main__")
