"""What every likelihood does."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator, Tensor, nn

from ..checks import check_batch, check_finite, check_shape, show_settings
from ..deprecated import OldLikelihood

LEAST = 1e-3  # of a mean or a share that the output layer begins at


class Likelihood(OldLikelihood, nn.Module):
    """What every likelihood does; `log_prob_each`, `mean` and `sample` are each family's own.

    `params` are what the decoder says of D values: one number for each, (..., B, D), or `width`
    numbers, (..., B, D, width).

    Attributes
    ----------
    width : int
        Numbers that the decoder owes for each value. A class says it, or `__init__` does.
    density : bool
        Whether log p is that of a density, as for real values, or of a probability. The nats of
        the two are not comparable: those of a density change with the unit of x.
    takes_coins : bool
        Whether a recipe's `binarize` makes sense: a draw of 0 or 1 with probability x stands in
        for x, as for grey images.
    takes_gaps : bool
        Whether a value may be NaN, missing.
    config : dict
        What a class of this package is called with, so that a file can make it again.
    """

    width = 1
    density = False
    takes_coins = False
    takes_gaps = False

    def __init__(self) -> None:
        super().__init__()
        self.config: dict[str, Any] = {}

    def check(self, x: Tensor, name: str = "x", remedy: str = "") -> Tensor:
        """Return data (B, D) as this likelihood takes them; raise a TypeError or ValueError else.

        It looks at shape, type and finiteness; a family looks at values, too. A message calls the
        data `name`; a `remedy` is a sentence of advice for it, the caller's.
        """
        check_batch(x, name=name)
        return check_finite(x, name=name, remedy="; for gaps, use vaetut.Observed(…)")

    def log_prob_each(self, x: Tensor, params: Tensor) -> Tensor:
        """Return log p of every value, (..., B, D), in nats."""
        raise NotImplementedError(f"{type(self).__name__} has no log_prob_each")

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """Return log p(x|z) of every example, (..., B), in nats: a sum over its values."""
        return self.log_prob_each(x, params).sum(-1)

    def mean(self, params: Tensor) -> Tensor:
        """Return the mean of every value, (..., B, D)."""
        raise NotImplementedError(f"{type(self).__name__} has no mean")

    def sample(self, params: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw every value, (..., B, D); without a generator, from fresh entropy."""
        raise NotImplementedError(f"{type(self).__name__} has no sample")

    def owed(self, input_dim: int) -> int:
        """Return how many numbers the decoder owes for D values: D * width."""
        return input_dim * self.width

    def arrange(self, numbers: Tensor) -> Tensor:
        """Return a decoder's numbers, (..., D * width), as `params`."""
        if self.width == 1:
            return numbers
        return torch.unflatten(numbers, -1, (-1, self.width))  # (..., D * width) -> (..., D, width)

    def classes(self, input_dim: int) -> list[int]:
        """Return for each of D values how many classes it has; 0 where it is a number."""
        return [0] * input_dim

    def as_input(self, x: Tensor) -> Tensor:
        """Return what the encoder sees of data (B, D): as many numbers as `seen` says."""
        return x

    def seen(self, input_dim: int) -> int:
        """Return how many numbers the encoder sees of D values."""
        return input_dim

    def start(self, x: Tensor) -> Tensor | None:
        """Return params (D,) or (D, width) that fit data (B, D) well without a code.

        By maximum likelihood, or by moments. With `center_output`, training begins at them; None
        leaves the output layer as it is.
        """
        return None

    def cost_of_ignorance(self, x: Tensor) -> Tensor:
        """Return the mean cost, in nats per example, of an answer that knows nothing of z.

        Here it is that of `start`. Without a `start` it is infinite, and training never warns that
        a cost makes no sense.
        """
        start = self.start(x)
        if start is None:
            return x.new_tensor(math.inf)
        shape = self.arrange(x.new_zeros(self.owed(x.shape[1]))).shape
        check_shape(start, shape, name="what start returns")
        return -self.log_prob(x, start.expand(len(x), *start.shape)).mean()

    def extra_repr(self) -> str:
        """Return the settings, for `repr`."""
        return show_settings(self.config)

    def kind(self, x: Tensor) -> str:
        """Say in a word what kind of data `x` is."""
        return "real" if self.density else "discrete"


def check_columns(part: Likelihood, own: int | None, given: int) -> None:
    """Raise a ValueError where a part was made for another number of columns than there are."""
    if own not in (None, given):
        kind = type(part).__name__
        raise ValueError(f"{kind} was made for {own} columns, and there are {given}")
