"""Look over PyTorch's shoulder: the noise that is drawn, small results, the first bad number."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Draw(NamedTuple):
    """One call of a random function: what it returned, less its mean and over its width."""

    name: str
    noise: torch.Tensor
    place: int  # in the list of what was computed


class Watch(TorchDispatchMode):
    """Record, while it is entered, what PyTorch computes.

    Parameters
    ----------
    largest : int
        Results of more elements than this are not kept (but the draws are).

    Attributes
    ----------
    draws : list of Draw
        Normal and uniform noise; dropout's masks are none.
    results : list of Tensor or None
        A copy of every floating-point result that is small enough, in order.
    first_bad : str
        The first operation that turned finite numbers into others; "" where none did.
    bad_size : int
        How many numbers that operation returned.
    """

    def __init__(self, largest: int = 0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # PyTorch gives it no types
        self.largest = largest
        self.draws: list[Draw] = []
        self.results: list[torch.Tensor | None] = []
        self.first_bad, self.bad_size = "", 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run one operation, and look at what comes out."""
        result = func(*args, **(kwargs or {}))
        name = func._schema.name.split("::")[-1].rstrip("_")
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
                self._look(name, tensor, args)
        return result

    def _look(self, name: str, tensor: torch.Tensor, args: tuple[Any, ...]) -> None:
        if name.startswith(("empty", "new_empty")):  # whatever was in memory
            return
        if not self.first_bad and not tensor.isfinite().all():
            given = [t for t in tree_leaves(args) if isinstance(t, torch.Tensor)]
            if all(t.isfinite().all() for t in given if t is not tensor and t.numel()):
                self.first_bad, self.bad_size = name, tensor.numel()
        if name in ("randn", "randn_like", "normal", "normal_functional", "rand", "rand_like"):
            noise, numbers = tensor.clone(), args
            if name == "normal" and args and args[0] is tensor:  # in place: tensor, mean, width
                numbers = args[1:]
            if name == "normal" and len(numbers) > 1:
                noise = (noise - numbers[0]) / numbers[1]
            self.draws.append(Draw(name, noise, len(self.results)))
        self.results.append(tensor.clone() if tensor.numel() <= self.largest else None)
