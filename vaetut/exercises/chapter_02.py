"""Checks for chapter 2, "Obstacles"."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.distributions import MultivariateNormal, Normal

from ..noise import make_generator
from .registry import NOT_DONE, exercise, first_match, furthest

_LOG_2PI = math.log(2 * math.pi)
_ONLY_ONE = "it is right for one example and wrong for the next: what of the first is typed in?"


@exercise("2.1")
def _kl_from_densities(estimate: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (log_p, log_q, x) that returns the mean of log p - log q over x."""
    p, q = Normal(0.0, 1.0), Normal(torch.tensor([0.5, -1.0]), torch.tensor([1.5, 0.8]))

    def log_p(x: torch.Tensor) -> torch.Tensor:  # (N, 2) -> (N,)
        return p.log_prob(x).sum(-1)

    def log_q(x: torch.Tensor) -> torch.Tensor:
        return q.log_prob(x).sum(-1)

    x = torch.randn(1000, 2, generator=make_generator(0))
    got = estimate(log_p, log_q, x)
    if got is None:
        return NOT_DONE
    got = torch.as_tensor(got)
    if got.shape == (1000,):
        return "that is one value per sample; an expectation is estimated by their mean"
    if got.shape != ():
        return f"one number is wanted; yours has shape {tuple(got.shape)}"
    a, b = log_p(x), log_q(x)
    wanted = (a - b).mean()
    known = {
        "the sign is turned: KL is positive, since p fits its own samples best": -wanted,
        "you summed over the samples; an expectation is estimated by their mean": 1000 * wanted,
        "the samples come from p already: don't weight them by p once more": (
            a.exp() * (a - b)
        ).mean(),
        "that is the mean ratio; its logarithm is what (2.1) averages": (a - b).exp().mean(),
        "the mean of the logarithms is wanted, not the logarithm of the mean": (
            (a - b).exp().mean().log()
        ),
        "that is the negative log-likelihood; log p is missing": -b.mean(),
        "that is the entropy of p; log q is missing": -a.mean(),
        "log p and log q are logarithms already, so they are subtracted": (a / b).mean(),
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-4):
        return f"for a small example yours is {got:.4f}, it should be {wanted:.4f}"
    fewer = torch.randn(300, 2, generator=make_generator(1))
    again = torch.as_tensor(estimate(log_p, log_q, fewer))
    if not torch.allclose(again, (log_p(fewer) - log_q(fewer)).mean(), rtol=1e-3, atol=1e-4):
        return _ONLY_ONE
    return None


@exercise("2.2")
def _log_density_exp(log_density: Callable[[torch.Tensor], torch.Tensor]) -> str | None:
    """Want a function of x, (B,), that returns the log-density of exp(z), (B,)."""
    x = torch.tensor([0.2, 0.7, 1.5, 4.0])
    got = log_density(x)
    if got is None:
        return NOT_DONE
    if got.shape != (4,):
        return f"one value for each of the 4 points is wanted; yours has shape {tuple(got.shape)}"
    z = x.log()
    plain = -0.5 * (z**2 + _LOG_2PI)
    wanted = plain - z
    forgot = -0.5 * (x**2 + _LOG_2PI)
    known = {
        "that is the log-density of z; the determinant, here df/dz, is missing": plain,
        "the Jacobian has the wrong sign: where f stretches the axis, the density is low": plain
        + z,
        "df/dz is exp(z), and that is x: its logarithm is not x": plain - x,
        "the density of z is wanted at z, not at x: which z is mapped to x?": forgot - z,
        "that is the standard normal density at x: invert f, and change variables": forgot,
        "a factor ½ is missing in the exponent": wanted - 0.5 * z**2,
        "the constant log 2π is missing": wanted + 0.5 * _LOG_2PI,
        "that is the density; its logarithm is wanted": wanted.exp(),
        "the sign is turned": -wanted,
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-4):
        return furthest(got, wanted)
    return None


@exercise("2.3")
def _log_density_wire(log_density: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (x, w, variance) that returns the log-density of w z + noise, (B,)."""
    x = 2 * torch.randn(5, 3, generator=make_generator(0))
    w, given = torch.tensor([1.0, -0.5, 2.0]), 0.3
    got = log_density(x, w, given)
    if got is None:
        return NOT_DONE
    if got.shape == (5, 3):
        return "that is one value per dimension; the dimensions are not even independent here"
    if got.shape != (5,):
        return f"one value for each of the 5 rows is wanted; yours has shape {tuple(got.shape)}"

    def normal(
        variance: float = given,
        line: torch.Tensor | None = None,
        mean: torch.Tensor | None = None,
    ) -> torch.Tensor:
        covariance = (torch.outer(w, w) if line is None else line) + variance * torch.eye(3)
        return MultivariateNormal(0 * w if mean is None else mean, covariance).log_prob(x)

    wanted, flat = normal(), torch.zeros(3, 3)
    known = {
        "`variance` is one already; you squared it": normal(given**2),
        "you put not the variance but its square root into the covariance": normal(given**0.5),
        "the line itself is missing: w z adds w wᵀ to the covariance": normal(line=flat),
        "the dimensions share one z, so they are correlated: w wᵀ has more than a diagonal": (
            normal(line=torch.diag(w**2))
        ),
        "wᵀw is a number; the covariance needs the matrix w wᵀ": normal(line=w @ w * torch.eye(3)),
        "that is p(x|z) at z = 1: z must be integrated out": normal(line=flat, mean=w),
        "z has mean 0, so x has mean 0, not w": normal(mean=w),
        "that is the density; its logarithm is wanted": wanted.exp(),
        "the constant, log 2π for each dimension, is missing": wanted + 1.5 * _LOG_2PI,
        "a factor ½ is missing": 2 * wanted,
        "the sign is turned": -wanted,
        "you averaged over the dimensions": wanted / 3,
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-3):
        return furthest(got, wanted)
    longer = torch.randn(2, 6, generator=make_generator(1))  # another D
    x, w = longer[:, :5], longer[0, 1:]
    again = log_density(x, w, given)
    covariance = torch.outer(w, w) + given * torch.eye(5)
    right = MultivariateNormal(torch.zeros(5), covariance).log_prob(x)
    if again.shape != (2,) or not torch.allclose(again, right, rtol=1e-3, atol=1e-3):
        return _ONLY_ONE
    return None


@exercise("2.4")
def _kl_by_classifier(estimate: Callable[[np.ndarray, np.ndarray], Any]) -> str | None:
    """Want a function of NumPy arrays (x, y) that returns KL(x's distribution || y's)."""
    count, rates = 4000, torch.tensor([2.0, 3.0, 0.5])
    g = make_generator(0)
    # Exponentials: their log-ratio is linear, and the two directions of their KL differ.
    x, y = (-torch.rand(count, 3, generator=g).clamp_min(1e-7).log() for _ in range(2))
    x, y = x.double(), (y / rates).double()  # in float32, probabilities saturate at 1
    got = estimate(x.numpy(), y.numpy())
    if got is None:
        return NOT_DONE
    if np.shape(got) == (count,):
        return "that is one value per datum; an expectation is estimated by their mean"
    if np.shape(got) != ():
        return f"one number is wanted; yours has shape {np.shape(got)}"
    forth = (rates - 1 - rates.log()).sum().item()
    back = (1 / rates - 1 + rates.log()).sum().item()
    known = {
        "the sign is turned: which of the two did you label 1?": -forth,
        "that is the other direction, KL(model‖data): average over the data": back,
        "you averaged over outputs, where the log-odds are mostly negative; (2.1) asks the data": (
            -back
        ),
        "that is what data and outputs give together, as the mean log-odds or as log 2 minus the "
        "log-loss; (2.1) averages the log-odds over the data only": (forth - back) / 2,
    }
    if abs(got - forth) < 0.12:
        turned = estimate(y.numpy(), x.numpy())  # the two piles change places
        return None if abs(turned - back) < 0.12 else _ONLY_ONE
    for hint, wrong in known.items():
        if abs(got - wrong) < 0.12:
            return hint
    if 0 < got < 1:
        return "is that a probability, or a share? The log-odds, decision_function, are wanted"
    if got > 100:
        return "you summed over the data; an expectation is estimated by their mean"
    return f"for a small example yours is {got:.2f}, it should be near {forth:.2f}"
