"""Normal distributions: what an encoder answers, and what priors and likelihoods are made of."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from .checks import check_count, check_posterior
from .noise import standard_normal

LOG_2PI = math.log(2 * math.pi)


class Normal(NamedTuple):
    """N(mu, diag sigma^2) for every row, as an encoder gives it; it unpacks into the two.

    Parameters
    ----------
    mu, log_var : Tensor, shape (B, L)
        Means and log-variances.
    """

    mu: torch.Tensor
    log_var: torch.Tensor

    def sample(
        self, num_samples: int | None = None, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """Draw codes (B, L), or (K, B, L); `reparameterize` says how."""
        return reparameterize(*self, num_samples, generator)

    def at(self, eps: torch.Tensor) -> torch.Tensor:
        """Return mu + sigma * eps for noise (..., B, L) that has been drawn."""
        return self.mu + (0.5 * self.log_var).exp() * eps

    def log_prob(self, z: torch.Tensor) -> torch.Tensor:
        """Return the log-density of every coordinate of `z` (..., B, L), in nats."""
        return normal_log_prob(z, *self)

    def detach(self) -> Normal:
        """Return the same distribution, as numbers without gradients."""
        return Normal(self.mu.detach(), self.log_var.detach())


def reparameterize(
    mu: torch.Tensor,
    log_var: torch.Tensor,
    num_samples: int | None = None,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Sample z = mu + sigma * eps with eps ~ N(0, I), differentiably (AEVB, §2.4).

    Parameters
    ----------
    mu, log_var : Tensor, shape (B, L)
        Mean and log-variance of q(z|x).
    num_samples : int, optional
        K, how many samples to draw for each row.
    generator : torch.Generator, optional
        Source of eps; fresh entropy without one.

    Returns
    -------
    Tensor, shape (B, L), or (K, B, L) where `num_samples` is given

    Raises
    ------
    TypeError, ValueError
        If the two are not float tensors of one shape, or `num_samples` is not positive.
    """
    check_posterior(mu, log_var)
    shape = tuple(mu.shape)
    if num_samples is not None:
        num_samples = check_count(num_samples, "num_samples")
        shape = (num_samples, *shape)  # (K, B, L)
    return Normal(mu, log_var).at(standard_normal(shape, mu, generator))


def normal_log_prob(x: torch.Tensor, mean: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """Return log N(x; mean, exp(log_var)) of every number, in nats; shapes broadcast."""
    squared = (x - mean).square() * (-log_var).exp()
    return -0.5 * (squared + log_var + LOG_2PI)
