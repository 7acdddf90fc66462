"""Real values, and where their variance comes from."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Generator, Tensor, nn

from ..checks import check_broadcast, check_count, check_number, check_pixels
from ..distributions import LOG_2PI, normal_log_prob, reparameterize
from .base import Likelihood, check_columns

MIN_LOG_VAR_X = -10.0  # a learned variance stops here: a perfect fit would send it to -infinity


class Gaussian(Likelihood):
    """N(mean, variance) for every value.

    Parameters
    ----------
    variance : float, "learned", "columns" or "decoder"
        One number for all; one that is learned; one for each column, learned; or one for every
        value, from the decoder. A learned variance acts down to exp(-10), and no further.
    input_dim : int, optional
        How many columns it has, for "columns": D, or those of its group in `Mixed`.
    """

    density = True
    log_var: Tensor  # there is none for "decoder"

    def __init__(self, variance: float | str = 1.0, input_dim: int | None = None) -> None:
        if not isinstance(variance, str):
            variance = check_number(variance, "variance")
        elif variance not in ("learned", "columns", "decoder"):
            raise ValueError(
                "variance must be a positive number, 'learned', 'columns' or 'decoder', "
                f"got {variance!r}"
            )
        super().__init__()
        if input_dim is not None:
            input_dim = check_count(input_dim, "input_dim")
        self.config = {"variance": variance, "input_dim": input_dim}
        if not isinstance(variance, str):
            self.log_var = torch.tensor(math.log(variance))  # no buffer: never uninitialised
            self.fixed = float(np.float32(math.log(variance)))  # which no device has to be sent
        elif variance == "decoder":
            self.width = 2
        elif variance == "learned":
            self.log_var = nn.Parameter(torch.zeros(()))
        elif input_dim is None:
            raise ValueError("Gaussian('columns', input_dim=…) needs the number of its columns")
        else:
            self.log_var = nn.Parameter(torch.zeros(input_dim))

    def _parts(self, params: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of every value."""
        if not isinstance(self.config["variance"], str):
            return params, params.new_full((), self.fixed)
        mean, log_var = params.unbind(-1) if self.width == 2 else (params, self.log_var)
        return mean, log_var.clamp(min=MIN_LOG_VAR_X)

    def log_prob_each(self, x: Tensor, params: Tensor) -> Tensor:
        return normal_log_prob(x, *self._parts(params))

    def mean(self, params: Tensor) -> Tensor:
        return self._parts(params)[0]

    def sample(self, params: Tensor, generator: Generator | None = None) -> Tensor:
        mean, log_var = self._parts(params)
        return reparameterize(mean, log_var.expand_as(mean), generator=generator)

    def owed(self, input_dim: int) -> int:
        check_columns(self, self.config["input_dim"], input_dim)
        return super().owed(input_dim)

    def cost_of_ignorance(self, x: Tensor) -> Tensor:
        """Return that of means from N(0, 1), in the order of what a fresh decoder pays.

        The expected squared error is then x^2 + 1.
        """
        log_var = x.new_zeros(()) if self.width == 2 else self.log_var.to(x)
        error = x.square().mean(0) + 1  # (D,)
        return 0.5 * (error * (-log_var).exp() + log_var + LOG_2PI).sum()


def gaussian_log_likelihood(x: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """Return log N(x; mean, diag exp(log_var)) in nats, summed over pixels.

    Parameters
    ----------
    x : Tensor, shape (B, D)
    mean : Tensor, shape (..., B, D)
    log_var : Tensor
        Log-variance, a scalar or broadcastable to `mean`.

    Returns
    -------
    Tensor, shape (..., B)

    Raises
    ------
    TypeError, ValueError
        If one is not a float tensor, or the shapes don't fit.
    """
    check_pixels(x, mean, name="mean")
    check_broadcast(log_var, mean, name="log_var")
    return normal_log_prob(x, mean, log_var).sum(-1)
