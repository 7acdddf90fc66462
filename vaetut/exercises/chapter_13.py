"""Checks for chapter 13, "Your own data"."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from ..distributions import LOG_2PI, normal_log_prob
from ..noise import make_generator
from .registry import NOT_DONE, exercise, first_match, furthest


@exercise("13.1")
def _observed(observed: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (x, mean, log_var) that returns one log-density for each row."""
    g = make_generator(0)
    x, mean, log_var = torch.randn(3, 4, 5, generator=g)
    log_var = 0.5 * log_var - 1
    gaps = torch.tensor([[0, 1, 0, 0, 1], [0, 0, 0, 0, 0], [1, 0, 0, 0, 0], [0, 1, 1, 1, 0]]).bool()
    got = observed(x.masked_fill(gaps, math.nan), mean, log_var)
    if got is None:
        return NOT_DONE
    if got.shape != (4,):
        return f"one number for each row is wanted, here (4,); yours is {tuple(got.shape)}"
    if got.isnan().any():
        return "your result is NaN: a gap times zero is NaN still; put a number in its place first"
    each = normal_log_prob(x, mean, log_var)
    wanted = each.masked_fill(gaps, 0).sum(1)
    known = {
        "a gap is not a 0 that was seen: what the model says of it must not count": (
            normal_log_prob(x.masked_fill(gaps, 0), mean, log_var).sum(1)
        ),
        "the sum over the observed columns is wanted, you have averaged": (wanted / (~gaps).sum(1)),
        "a row with gaps is not to be scaled up: what is missing costs nothing": (
            wanted / (~gaps).sum(1) * 5
        ),
        "log_var is log σ²; you have used it as log σ": (
            normal_log_prob(x, mean, 2 * log_var).masked_fill(gaps, 0).sum(1)
        ),
        "the constant -½ log 2π is missing": wanted + 0.5 * LOG_2PI * (~gaps).sum(1),
        "the squared error has a ½ in front": (
            (-(x - mean).square() / log_var.exp() - 0.5 * (log_var + LOG_2PI))
            .masked_fill(gaps, 0)
            .sum(1)
        ),
        "that is the cost; the log-density is its negative": -wanted,
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-4):
        return furthest(got, wanted)
    start = torch.stack([mean, log_var]).requires_grad_()
    result = observed(x.masked_fill(gaps, math.nan), *start)
    if not result.requires_grad:
        return (
            "the value is right, and has no gradient: compute with PyTorch's functions, without "
            "detach and no_grad"
        )
    (slope,) = torch.autograd.grad(result.sum(), start)
    if not slope.isfinite().all():
        return (
            "the value is right, the gradient is NaN: a NaN that is thrown away afterwards "
            "still spoils it; put a number into the gaps before you compute"
        )
    return None


@exercise("13.2")
def _fill(fill: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (log_weights, means) that returns one guess for each value."""
    g = make_generator(0)
    log_weights = torch.randn(6, 3, generator=g) * 2
    means = torch.randn(6, 3, 4, generator=g)
    got = fill(log_weights - 5, means)
    if got is None:
        return NOT_DONE
    if got.shape != (3, 4):
        return f"a guess for each value is wanted, here (3, 4); yours is {tuple(got.shape)}"
    wanted = (log_weights.softmax(0)[..., None] * means).sum(0)
    known = {
        "all draws count alike in your mean; each has a weight": means.mean(0),
        "the weights must sum to 1 over the draws: divide by their sum": (
            ((log_weights - 5).exp()[..., None] * means).sum(0)
        ),
        "the weights sum to 1 over the rows; for each row, they should over the draws": (
            (log_weights.softmax(1)[..., None] * means).sum(0)
        ),
        "what is given is the log of the weights": (
            ((log_weights - 5) / (log_weights - 5).sum(0))[..., None] * means
        ).sum(0),
        "that is the draw with the largest weight; the weighted mean is wanted": (
            means[log_weights.argmax(0), torch.arange(3)]
        ),
        "the weights sum to 1 already: no mean over the draws after that": wanted / 6,
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-4):
        return furthest(got, wanted)
    lower = log_weights - torch.tensor([5, 1000, 5])  # one row only: its own largest counts
    lower[1:, 2] -= 1000  # and one row with both
    wanted = (lower.softmax(0)[..., None] * means).sum(0)
    if not torch.allclose(fill(lower, means), wanted, rtol=1e-3, atol=1e-4):
        return "near -1,000 every weight underflows to 0: divide before you leave the log"
    return None


@exercise("13.3")
def _in_units(in_units: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (log_prob, scale)."""
    log_prob, scale = torch.tensor([-1.3, 0.4]), torch.tensor([5.0, 0.02])
    got = in_units(log_prob, scale)
    if got is None:
        return NOT_DONE
    wanted = log_prob - scale.log()
    known = {
        "a density that is spread over more units is lower: look at the sign": (
            log_prob + scale.log()
        ),
        "the density is divided by the scale; this is its logarithm": log_prob / scale,
        "take the logarithm of the scale": log_prob - scale,
        "the scale is s, not s²": log_prob - 0.5 * scale.log(),
        "that is the density; its logarithm is wanted": log_prob.exp() / scale,
    }
    if hint := first_match(got, known, wanted):
        return hint
    return None if torch.allclose(got, wanted, rtol=1e-3) else furthest(got, wanted)
