"""Checks for chapter 13, "Your own data"."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from ..distributions import LOG_2PI, normal_log_prob
from .registry import close, compare, compare_gradients, drawn, exercise, size


@exercise("13.1")
def _observed(observed_log_likelihood: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (x, mean, log_var) that returns one log-density for each row."""
    g = drawn()
    B, D = size(g, 5, 7), size(g, 8, 10)
    x, mean, log_var = torch.randn(3, B, D, generator=g)
    x, log_var = x + 1, 0.5 * log_var - 1
    gaps = torch.rand(B, D, generator=g) < 0.4
    gaps[0], gaps[1] = True, False  # a row with nothing but gaps, and one without
    gaps[2:, 0], gaps[2:, 1] = True, False
    x[1:3, 1] = 0.0  # which is a value
    gappy = x.masked_fill(gaps, math.nan)
    got = observed_log_likelihood(gappy, mean, log_var)
    if got.shape != (B,):
        return f"one number for each row is wanted, here {(B,)}; yours is {tuple(got.shape)}"
    each = normal_log_prob(x, mean, log_var)
    wanted, number = each.masked_fill(gaps, 0).sum(1), (~gaps).sum(1)
    if got[1:].isnan().any():
        return "your result is NaN: a gap times zero is NaN still; put a number in its place first"
    if not got[0].isfinite():
        return (
            "a row with nothing but gaps makes your result "
            f"{got[0]:g}: what is missing costs nothing"
        )

    def scored(x: torch.Tensor, log_var: torch.Tensor = log_var) -> torch.Tensor:
        return normal_log_prob(x, mean, log_var).masked_fill(gaps, 0).sum(1)

    filled = normal_log_prob(torch.where(gaps, mean, x), mean, log_var).sum(1)
    columns = x.masked_fill(gaps, 0).sum(0) / (~gaps).sum(0)
    known = {
        "a gap is not a 0 that was seen: what the model says of it must not count": (
            normal_log_prob(x.masked_fill(gaps, 0), mean, log_var).sum(1)
        ),
        "an observed 0 is a value: only NaN marks a gap": (
            each.masked_fill(gaps | (x == 0), 0).sum(1)
        ),
        "a gap that is filled with the mean still pays the constant and log σ²: leave it out": (
            filled
        ),
        "a gap that is filled with the column's mean counts as if it had been seen": (
            normal_log_prob(torch.where(gaps, columns, x), mean, log_var).sum(1)
        ),
        "that is the log-density of the gaps; those that were observed count": (
            normal_log_prob(x.masked_fill(gaps, 0), mean, log_var).masked_fill(~gaps, 0).sum(1)
        ),
        "a row with a gap still has columns that were seen: keep them": (
            each.sum(1).masked_fill(gaps.any(1), 0)
        ),
        "no column is left: one with a gap in some row still counts in the others": torch.zeros(B),
        "the sum over the observed columns is wanted, you have averaged": (
            wanted / number.clamp(min=1)
        ),
        "the sum over the columns is wanted, you have averaged": wanted / D,
        "a row with gaps is not to be scaled up: what is missing costs nothing": (
            wanted / number.clamp(min=1) * D
        ),
        "log_var is log σ²; you have used it as log σ": scored(x, 2 * log_var),
        "the square is divided by σ², not by σ": (
            (-0.5 * ((x - mean).square() / (0.5 * log_var).exp() + log_var + LOG_2PI))
            .masked_fill(gaps, 0)
            .sum(1)
        ),
        "the constant -½ log 2π is missing": wanted + 0.5 * LOG_2PI * number,
        "each column that is seen has the constant -½ log 2π once": (
            wanted + 0.5 * LOG_2PI * (number - 1)
        ),
        "a gap has no constant -½ log 2π": wanted - 0.5 * LOG_2PI * (D - number),
        "a gap does not pay for its σ": (
            wanted - 0.5 * (log_var + LOG_2PI).masked_fill(~gaps, 0).sum(1)
        ),
        "-½ log σ² is missing: a wide density is a low one": (
            wanted + 0.5 * log_var.masked_fill(gaps, 0).sum(1)
        ),
        "a wide density is a low one: look at the sign of log σ²": (
            wanted + log_var.masked_fill(gaps, 0).sum(1)
        ),
        "the squared error has a ½ in front": (
            (-(x - mean).square() / log_var.exp() - 0.5 * (log_var + LOG_2PI))
            .masked_fill(gaps, 0)
            .sum(1)
        ),
        "log σ² has a ½ in front, too": wanted - 0.5 * log_var.masked_fill(gaps, 0).sum(1),
        "that is the cost; the log-density is its negative": -wanted,
        "the logarithm is wanted": wanted.exp(),
    }
    return compare(got, wanted, known) or compare_gradients(
        lambda mean, log_var: observed_log_likelihood(gappy, mean, log_var),
        lambda mean, log_var: normal_log_prob(x, mean, log_var).masked_fill(gaps, 0).sum(1),
        [mean, log_var],
        [0, 1],
    )


@exercise("13.2")
def _fill(fill: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (log_weights, means) that returns one guess for each value."""
    g = drawn()
    K, B, D = size(g, 6, 8), size(g, 3, 4), size(g, 9, 11)
    log_weights = torch.randn(K, B, generator=g).clamp(-2.5, 2.5) * 1.5 - 5
    log_weights[0] = -3.0  # none of the rows has a single weight
    means = torch.randn(K, B, D, generator=g)
    got = fill(log_weights, means)
    if got.shape == (K, D):
        return (
            f"a guess for each value is wanted, (B, D), here {(B, D)}; yours is {(K, D)}: the sum "
            "is over the draws, not over the rows"
        )
    if got.shape != (B, D):
        return f"a guess for each value is wanted, here {(B, D)}; yours is {tuple(got.shape)}"

    def weighted(weights: torch.Tensor) -> torch.Tensor:
        return (weights[..., None] * means).sum(0)

    wanted = weighted(log_weights.softmax(0))
    divide = "the weights must sum to 1 over the draws: divide by their sum"
    known = {
        "all draws count alike in your mean; each has a weight": means.mean(0),
        "that is the sum over the draws; each has a weight, and they sum to 1": means.sum(0),
        divide: weighted(log_weights.exp()),
        divide + ", not by their number": weighted(log_weights.exp()) / K,
        "the weights sum to 1 over the rows; for each row, they should over the draws": (
            weighted(log_weights.softmax(1))
        ),
        "the weights of all rows together sum to 1; for each row, they should": (
            weighted(log_weights.flatten().softmax(0).view(K, B))
        ),
        "a row has weights of its own; you have added them up over the rows": (
            weighted(log_weights.logsumexp(1, keepdim=True).softmax(0).expand(-1, B))
        ),
        "what is given is the log of the weights": weighted(log_weights / log_weights.sum(0)),
        "what is given is the log of the weights; and they must sum to 1": weighted(log_weights),
        "that is the draw with the largest weight; the weighted mean is wanted": (
            means[log_weights.argmax(0), torch.arange(B)]
        ),
        "a large weight counts more, not less: look at the sign": (
            weighted((-log_weights).softmax(0))
        ),
        "the logarithms are of the weights themselves: there is no ½, and no square": (
            weighted((0.5 * log_weights).softmax(0))
        ),
        "the logarithms are of the weights themselves: no square": (
            weighted((2 * log_weights).softmax(0))
        ),
        "you have taken the weights' logarithm again, or the softmax twice": (
            weighted(log_weights.softmax(0).softmax(0))
        ),
        "the logarithm is the natural one": weighted((log_weights * math.log(2)).softmax(0)),
        "the logarithm is the natural one; yours is that to the base 10": (
            weighted((log_weights * math.log(10)).softmax(0))
        ),
        "the weights sum to 1 already: no mean over the draws after that": wanted / K,
        "the weights sum to 1 already: multiplied by their number they do not": wanted * K,
        "you have averaged the logarithms: a mean of values is wanted": (
            weighted(log_weights.log_softmax(0))
        ),
    }
    if hint := compare(got, wanted, known):
        return hint
    return _far_weights(fill, log_weights, means)


def _far_weights(
    fill: Callable[..., torch.Tensor], log_weights: torch.Tensor, means: torch.Tensor
) -> str | None:
    """Want the right guesses also where the weights are too small, or too large, for a float."""
    for away, what in ((-1000, "underflows to 0"), (1000, "overflows")):
        # One row lies far out as a whole, so its own largest weight counts; in another one all
        # draws but the first do; and one is near.
        far = log_weights.clone()
        far[:, 0] += away
        far[1:, -1] += away
        if not close(fill(far, means), (far.softmax(0)[..., None] * means).sum(0)):
            sign = "-" if away < 0 else "+"
            return f"near {sign}1,000 every weight {what}: divide before you leave the log"
    return None


@exercise("13.3")
def _in_units(in_units: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (log_prob, scale)."""
    g = drawn()
    shape = size(g, 3, 5), size(g, 6, 8)
    scale = torch.exp(2 * torch.rand(shape, generator=g) + 0.5)
    scale = torch.where(torch.rand(shape, generator=g) < 0.5, 1 / scale, scale)
    scale[0, 0], scale[-1, -1] = 5.0, 0.02
    log_prob = torch.randn(shape, generator=g) - 1.5
    got = in_units(log_prob, scale)
    if got.shape != shape:
        return (
            f"one number for each that is given is wanted, here {shape}; yours is "
            f"{tuple(got.shape)}"
        )
    wanted = log_prob - scale.log()
    known = {
        "a density that is spread over more units is lower: look at the sign": (
            log_prob + scale.log()
        ),
        "the density is divided by the scale; this is its logarithm": log_prob / scale,
        "the density is divided by the scale; this is its logarithm, and multiplied": (
            log_prob * scale
        ),
        "take the logarithm of the scale": log_prob - scale,
        "take the logarithm of the scale; and look at the sign": log_prob + scale,
        "the scale is s, not s²": log_prob - 0.5 * scale.log(),
        "the scale is s, and not its logarithm or its root: divide by s once": (
            log_prob - 2 * scale.log()
        ),
        "that is the density; its logarithm is wanted": log_prob.exp() / scale,
        "the logarithm is the natural one": log_prob - scale.log2(),
        "the logarithm is the natural one; yours is that to the base 10": log_prob - scale.log10(),
        "there is no 1 + in the logarithm": log_prob - scale.log1p(),
        "a number stands for each value: nothing is summed, nor averaged": (
            log_prob - scale.log().sum(-1, keepdim=True)
        ),
        "a narrow column has a higher density: there is no absolute value": (
            log_prob - scale.log().abs()
        ),
        "the units change the density: the scale has to appear": log_prob,
        "the sign is turned: the log-density is wanted, not the cost": -wanted,
    }
    if hint := compare(got, wanted, known):
        return hint
    for away in (-1000, 1000):
        if not close(in_units(log_prob + away, scale), wanted + away):
            return (
                f"for a log_prob near {away:,} it is wrong: there the density itself is too "
                f"{'small' if away < 0 else 'large'} for a float, so never leave the log"
            )
    return compare_gradients(
        lambda log_prob: in_units(log_prob, scale).square(),
        lambda log_prob: (log_prob - scale.log()).square(),
        [log_prob],
        [0],
    )
