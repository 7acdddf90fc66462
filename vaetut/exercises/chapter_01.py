"""Checks for chapter 1, "From autoencoders to VAEs"."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.nn import functional as F

from ..noise import make_generator
from .registry import NOT_DONE, exercise, first_match, furthest

_LOG_2PI = math.log(2 * math.pi)


def _same_at_other_sizes(got: torch.Tensor, wanted: torch.Tensor) -> str | None:
    """Return what is wrong with an answer that was right for the first sizes that were tried."""
    if got.shape == wanted.shape and torch.allclose(got, wanted, rtol=1e-3, atol=1e-4):
        return None
    return "right for one size, but not for another: take all sizes from the arguments"


@exercise("1.1")
def _cost_of(cost_of: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (x, x_hat) that returns the cross-entropy of each image, (B,)."""
    g = make_generator(0)
    x, x_hat = torch.rand(3, 6, generator=g), 0.1 + 0.8 * torch.rand(3, 6, generator=g)
    got = cost_of(x, x_hat)
    if got is None:
        return NOT_DONE
    each = F.binary_cross_entropy(x_hat, x, reduction="none")  # (B, D)
    if got.shape == ():
        return "one number per image is wanted, (B,); you have summed or averaged over the batch"
    if got.shape == each.shape:
        return "those are the costs of single pixels: sum them, image by image"
    if got.shape != (3,):
        return f"one number per image is wanted, here shape (3,); yours is {tuple(got.shape)}"
    wanted = each.sum(1)
    known = {
        "the sign is turned: a cost is positive here": -wanted,
        "sum over the pixels; you have taken their mean": each.mean(1),
        "only the first term is there: a black pixel must be charged, too": -(x * x_hat.log()).sum(
            1
        ),
        "only the second term is there: a white pixel must be charged, too": -(
            (1 - x) * (1 - x_hat).log()
        ).sum(1),
        "x and x_hat have changed places: the logarithm is taken of the chances": (
            F.binary_cross_entropy(x, x_hat, reduction="none").sum(1)
        ),
        "that is the squared error": (x - x_hat).square().sum(1),
        "those are bits: take the natural logarithm": wanted / math.log(2),
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got, wanted, rtol=1e-3):
        return furthest(got, wanted)
    x, x_hat = torch.rand(2, 9, generator=g), 0.1 + 0.8 * torch.rand(2, 9, generator=g)
    wanted = F.binary_cross_entropy(x_hat, x, reduction="none").sum(1)
    return _same_at_other_sizes(cost_of(x, x_hat), wanted)


@exercise("1.2")
def _turned(turned: Callable[..., tuple]) -> str | None:
    """Want a function of (encode, decode, R) that returns a turned pair of them."""
    g = make_generator(0)
    weight, x = torch.randn(2, 5, generator=g), torch.randn(4, 5, generator=g)
    R = torch.tensor([[0.8, -0.6], [0.6, 0.8]])

    def encode(x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x @ weight.T)  # (N, 2)

    def decode(z: torch.Tensor) -> torch.Tensor:
        return torch.tanh(z @ weight)  # (N, 5)

    got = turned(encode, decode, R)
    if got is None:
        return NOT_DONE
    if not isinstance(got, tuple) or len(got) != 2 or not all(callable(each) for each in got):
        return "return two functions, the turned encoder and its decoder"
    z = encode(x)
    codes = got[0](x)
    known = {
        "your encoder does not turn anything": z,
        "your encoder turns the other way: R z for a column is z @ R.T for a row": z @ R,
    }
    if hint := first_match(codes, known, z @ R.T):
        return hint
    if codes.shape != z.shape or not torch.allclose(codes, z @ R.T, atol=1e-5):
        return "your encoder should return R z for every code z of the given one"
    known = {
        "your decoder does not turn the codes back": decode(z @ R.T),
        "your decoder turns once more in the same direction; the way back is the inverse of R": (
            decode(z @ R.T @ R.T)
        ),
    }
    pictures = got[1](z @ R.T)
    if hint := first_match(pictures, known, decode(z)):
        return hint
    if pictures.shape != x.shape or not torch.allclose(pictures, decode(z), atol=1e-5):
        return "every image should be rebuilt exactly as before"
    return None


@exercise("1.3")
def _log_mixture(log_mixture: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (x, weights, means, variances) that returns log p(x), (N,)."""
    g = make_generator(0)
    x, means = torch.randn(5, 3, generator=g), torch.randn(4, 3, generator=g)
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4])
    variances = torch.tensor([0.5, 1.0, 2.0, 0.8])
    got = log_mixture(x, weights, means, variances)
    if got is None:
        return NOT_DONE
    if got.shape in ((5, 4), (4, 5)):
        return "that is one value for each point and bump: sum over the bumps, shape (N,)"
    if got.shape != (5,):
        return f"one value per point is wanted, here shape (5,); yours is {tuple(got.shape)}"
    squares = (x[:, None] - means).square().sum(-1)  # (N, K)

    def mixture(scale: torch.Tensor, constant: float = 1.5, share: bool = True) -> torch.Tensor:
        bumps = -0.5 * squares / scale - constant * (scale.log() + _LOG_2PI)
        return (bumps + share * weights.log()).logsumexp(1)

    wanted = mixture(variances)
    bumps = -0.5 * squares / variances - 1.5 * (variances.log() + _LOG_2PI)
    known = {
        "that is the density; its logarithm is wanted": wanted.exp(),
        "the sign is turned": -wanted,
        "the weights are missing: each bump counts by its share": mixture(variances, share=False),
        "that is the mean of the logarithms; the logarithm of the sum is wanted": bumps @ weights,
        "the normalising constant is that of one dimension; a round bump in D dimensions has it "
        "D times": mixture(variances, 0.5),
        "the normalising constant of the bumps is missing": mixture(variances, 0.0),
        "those are variances; you have used them as standard deviations": mixture(
            variances.square()
        ),
        "those are variances; you have taken their square root": mixture(variances.sqrt()),
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-4):
        return furthest(got, wanted)
    x, means = torch.randn(6, 2, generator=g), torch.randn(3, 2, generator=g)
    weights, variances = torch.tensor([0.2, 0.3, 0.5]), torch.tensor([0.7, 1.2, 0.4])
    for points in (x, x + 100):
        squares = (points[:, None] - means).square().sum(-1)
        bumps = -0.5 * squares / variances - variances.log() - _LOG_2PI
        wanted = (bumps + weights.log()).logsumexp(1)
        got = log_mixture(points, weights, means, variances)
        if points is x and (hint := _same_at_other_sizes(got, wanted)):
            return hint
        if not torch.allclose(got, wanted, rtol=1e-3):
            return "far from all bumps the densities underflow to 0: sum them with logsumexp"
    return None


@exercise("1.4")
def _log_sliding(log_sliding: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (x, f, variance) that returns log p(x), (N,), of a continuous mixture."""
    x = torch.randn(6, 2, generator=make_generator(0))
    slope, given = torch.tensor([1.0, -0.5]), 0.3

    def f(z: torch.Tensor) -> torch.Tensor:
        return z[:, None] * slope  # a straight line, for which the integral is known

    got = log_sliding(x, f, given)
    if got is None:
        return NOT_DONE
    if got.shape != (6,):
        return f"one value per point is wanted, here shape (6,); yours is {tuple(got.shape)}"
    if not got.isfinite().all():
        return "some values are not finite: use logsumexp, and never leave the logarithm"

    def exact(variance: float) -> torch.Tensor:
        covariance = torch.outer(slope, slope) + variance * torch.eye(2)
        return torch.distributions.MultivariateNormal(torch.zeros(2), covariance).log_prob(x)

    wanted = exact(given)
    if torch.allclose(got, wanted, atol=1e-2):
        return None
    known = {
        "the sign is turned": -wanted,
        "that is the density; its logarithm is wanted": wanted.exp(),
        "`variance` is that of the bump, not its standard deviation": exact(given**2),
        "the bump's variance is `variance`, not its square root": exact(math.sqrt(given)),
    }
    if hint := first_match(got, known, atol=1e-2):
        return hint
    difference = got - wanted
    if difference.std() < 1e-2:
        return (
            "your values are all off by the same amount: do the weights of your grid, the prior's "
            "density times the distance of the grid's points, sum to one"
        )
    uniform = torch.linspace(-4, 4, 401)
    flat = -0.5 * (x[:, None] - f(uniform)).square().sum(-1) / given
    if (got - flat.logsumexp(1)).std() < 2e-2:
        return "all codes count alike in yours: weight each by the prior, N(0, 1)"
    return furthest(got, wanted)
