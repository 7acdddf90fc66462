"""Checks for chapter 3, "The ideal and the roundabout approach"."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from ..noise import make_generator
from .registry import NOT_DONE, exercise, first_match, furthest

_LOG_2PI = math.log(2 * math.pi)


@exercise("3.1")
def _log_mean(log_mean: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of log-weights (K, B) that returns the logarithm of their mean, (B,)."""
    log_w = torch.tensor([[0.0, -3.0], [1.0, -1.0], [-2.0, 0.5]])
    got = log_mean(log_w)
    if got is None:
        return NOT_DONE
    if problem := _shape_problem(got, (2,), log_w.exp().mean(1).log()):
        return problem
    wanted = log_w.exp().mean(0).log()
    known = {
        "that is the logarithm of the sum; divide by K": log_w.exp().sum(0).log(),
        "that is the mean of the logarithms; they are logarithms of what is to be averaged": (
            log_w.mean(0)
        ),
        "that is the mean itself; its logarithm is wanted": wanted.exp(),
        "that is the largest term alone": log_w.max(0).values,
        "take the largest term out first, and put it back in the end": (
            wanted - log_w.max(0).values
        ),
        "the sign is turned": -wanted,
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got, wanted, rtol=1e-4, atol=1e-4):
        return f"for a small example yours is {got.tolist()}, it should be {wanted.tolist()}"
    for shift, what in ((-1000.0, "-1000 every exp is 0"), (1000.0, "+1000 every exp is infinite")):
        if not torch.allclose(log_mean(log_w + shift), wanted + shift, rtol=1e-4):
            return f"at {what}, in 32 bits: take out the largest term of each column first"
    columns = log_w + torch.tensor([0.0, -1000.0])
    if not torch.allclose(log_mean(columns), wanted + torch.tensor([0.0, -1000.0]), rtol=1e-4):
        return "you take out the largest term of all; each image needs its own"
    wide = torch.tensor([[-300.0], [100.0]])
    if not torch.allclose(log_mean(wide), torch.tensor([100 - math.log(2)]), rtol=1e-4):
        return "for -300 and 100 in one column it fails: take out the largest term, no other"
    return None


@exercise("3.2")
def _ess(ess: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of log-weights (K, B) that returns the effective sample sizes, (B,)."""
    log_w = torch.tensor([[0.0, -3.0], [1.0, -1.0], [-2.0, 0.5], [0.3, 0.4]])
    w = log_w.exp()
    got = ess(log_w)
    if got is None:
        return NOT_DONE
    if problem := _shape_problem(got, (2,), w.sum(1) ** 2 / (w**2).sum(1)):
        return problem
    wanted = w.sum(0) ** 2 / (w**2).sum(0)
    known = {
        "that is the share of K; the number itself is wanted": wanted / 4,
        "the fraction is upside down: equal weights should give K": 1 / wanted,
        "the sum is squared, not only the weights; yours is 1 for any weights": torch.ones(2),
        "the sum of the weights has to be squared": w.sum(0) / (w**2).sum(0),
        "you used the logarithms as weights; (3.7) wants the weights": (
            log_w.sum(0) ** 2 / (log_w**2).sum(0)
        ),
        "that is its logarithm": wanted.log(),
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got, wanted, rtol=1e-4, atol=1e-4):
        return f"for a small example yours is {got.tolist()}, it should be {wanted.tolist()}"
    for shift in (-1000.0, 1000.0):
        if not torch.allclose(ess(log_w + shift), wanted, rtol=1e-3):
            return f"with {shift:+.0f} added to log_w it changes: scale the weights before exp"
    columns = log_w + torch.tensor([0.0, -1000.0])
    if not torch.allclose(ess(columns), wanted, rtol=1e-3):
        return "you scale all columns by the largest weight of all; each image needs its own"
    if not torch.allclose(ess(torch.tensor([[-300.0], [100.0]])), torch.ones(1), rtol=1e-3):
        return "for -300 and 100 in one column it fails: scale by the largest weight, no other"
    return None


@exercise("3.3")
def _log_weight(log_weight: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (log_likelihood, z, mu, log_var) that returns log w, (K, B)."""
    g = make_generator(0)
    log_likelihood = -5 * torch.rand(4, 2, generator=g)
    mu, log_var = (torch.randn(2, 3, generator=g) for _ in range(2))
    eps = torch.randn(4, 2, 3, generator=g)
    z = mu + (0.5 * log_var).exp() * eps
    got = log_weight(log_likelihood, z, mu, log_var)
    if got is None:
        return NOT_DONE
    if got.shape == (4, 2, 3):
        return "the densities of z are sums over the latent dimensions: shape (K, B)"
    if got.shape == (2,):
        return "one weight for each draw is wanted, (K, B); the mean over draws comes later"
    if got.shape != (4, 2):
        return f"the shape should be (K, B), here (4, 2); yours is {tuple(got.shape)}"
    prior = -0.5 * (z**2 + _LOG_2PI).sum(-1)
    q = -0.5 * (eps**2 + log_var + _LOG_2PI).sum(-1)
    by_variance = -0.5 * (((z - mu) / log_var.exp()) ** 2 + 2 * log_var + _LOG_2PI).sum(-1)
    wanted = log_likelihood + prior - q
    known = {
        "q is missing: the draws did not come from the prior": log_likelihood + prior,
        "the prior is missing": log_likelihood - q,
        "that is log p(x|z) alone: the weight of a draw from the prior": log_likelihood,
        "the likelihood, log p(x|z), is missing": prior - q,
        "prior and q have changed places": log_likelihood - prior + q,
        "q is divided by, so its logarithm is subtracted": log_likelihood + prior + q,
        "the sign is turned": -wanted,
        "that is the weight; its logarithm is wanted": wanted.exp(),
        "in log q you have the variance where sigma belongs": log_likelihood + prior - by_variance,
        "in log q the term in log_var is missing: a narrow density is high": (
            wanted - 0.5 * log_var.sum(-1)
        ),
        "the factor ½ before log_var is missing in log q": wanted + 0.5 * log_var.sum(-1),
        "only one of the two densities has its log 2π; either both or none": (
            wanted - 1.5 * _LOG_2PI
        ),
        "only one of the densities has its log 2π; either both or none": wanted + 1.5 * _LOG_2PI,
        "you averaged over the latent dimensions; they are summed": (
            log_likelihood + (prior - q) / 3
        ),
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-3):
        return furthest(got, wanted)
    return None


@exercise("3.4")
def _log_p(log_p: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (x, W, b, variance) that returns log N(x; b, W Wᵀ + variance I), (B,)."""
    g = make_generator(0)
    x, W, b = (torch.randn(shape, generator=g) for shape in ((3, 4), (4, 2), (4,)))
    variance = 0.3
    got = log_p(x, W, b, variance)
    if got is None:
        return NOT_DONE
    if got.shape == (3, 3):
        return "you have every image with every other; the square of one image is one number"
    if got.shape != (3,):
        return f"one value for each of the 3 images is wanted, (B,); yours is {tuple(got.shape)}"

    def normal(noise: float, mean: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        covariance = scale * W @ W.T + noise * torch.eye(4)
        off = x - mean
        square = (off @ torch.linalg.inv(covariance) * off).sum(-1)
        return -0.5 * (square + torch.logdet(covariance) + 4 * _LOG_2PI)

    wanted = normal(variance, b)
    log_det = torch.logdet(W @ W.T + variance * torch.eye(4))
    known = {
        "the mean, b, is missing": normal(variance, torch.zeros(4)),
        "variance is sigma squared already": normal(variance**2, b),
        "variance is sigma squared; you took its root": normal(math.sqrt(variance), b),
        "that is p(x|z) at z = 0: W takes part in the covariance": normal(variance, b, 0.0),
        "the logarithm of the determinant is missing": wanted + 0.5 * log_det,
        "the logarithm of the determinant has the wrong sign": wanted + log_det,
        "the factor ½ before the determinant is missing": wanted - 0.5 * log_det,
        "a factor ½ is missing": 2 * wanted,
        "the constant log 2π is missing": wanted + 2 * _LOG_2PI,
        "log 2π counts once for each pixel, D times in all": wanted + 1.5 * _LOG_2PI,
        "log 2π counts once for each pixel, not for each latent dimension": wanted + _LOG_2PI,
        "the sign is turned": -wanted,
        "that is the density; its logarithm is wanted": wanted.exp(),
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-3):
        return furthest(got, wanted)
    x, W = torch.randn(2, 784, generator=g), torch.randn(784, 2, generator=g)
    large = log_p(x, W, torch.zeros(784), variance)
    square = (x.square().sum(1) - _explained(x, W, variance)) / variance
    log_det = 782 * math.log(variance) + torch.logdet(W.T @ W + variance * torch.eye(2))
    if not torch.allclose(large, -0.5 * (square + log_det + 784 * _LOG_2PI), rtol=1e-3):
        return (
            "right for 4 pixels, but not for 784: there a determinant is 0 or infinite in 32 bits; "
            "torch.logdet takes its logarithm in one go"
        )
    return None


def _explained(x: torch.Tensor, W: torch.Tensor, variance: float) -> torch.Tensor:
    """Return (x W) M⁻¹ (x W)ᵀ of each image, with M = Wᵀ W + variance I: (B,)."""
    M = W.T @ W + variance * torch.eye(W.shape[1])
    return ((x @ W) * torch.linalg.solve(M, (x @ W).T).T).sum(1)


@exercise("3.6")
def _em_step(em_step: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (prior, likelihood, counts) that returns the next table, (Z, X)."""
    g = make_generator(0)
    for codes, pictures in ((3, 4), (2, 5)):
        prior = torch.rand(codes, generator=g).softmax(0)
        table = torch.randn(codes, pictures, generator=g).softmax(1)
        counts = torch.randint(1, 20, (pictures,), generator=g).float()
        got = em_step(prior, table, counts)
        if got is None:
            return NOT_DONE
        if got.shape != table.shape:
            return (
                f"the table's shape should stay (Z, X), here {tuple(table.shape)}; "
                f"yours is {tuple(got.shape)}"
            )
        joint = prior[:, None] * table
        weighted = counts * joint / joint.sum(0)
        wanted = weighted / weighted.sum(1, keepdim=True)
        unweighted = joint / joint.sum(0)
        flat = table / table.sum(0)
        by_joint = counts * joint
        known = {
            "the M step is not finished: each row has to add up to 1": weighted,
            "the whole of your table adds up to 1; each row should": weighted / weighted.sum(),
            "that is the posterior, the E step alone; in the end each row adds up to 1": unweighted,
            "the counts are missing": unweighted / unweighted.sum(1, keepdim=True),
            "the prior is missing in Bayes' rule": (
                counts * flat / (counts * flat).sum(1, keepdim=True)
            ),
            "that weighs with the joint; divide each column by its sum, for the posterior": (
                by_joint / by_joint.sum(1, keepdim=True)
            ),
            "that is the table as it was": table,
            "all rows are the data's shares: you gave every picture to every code": (
                (counts / counts.sum()).expand(codes, pictures)
            ),
        }
        if hint := first_match(got, known, wanted):
            return hint
        if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-4):
            return furthest(got, wanted)
    return None


def _shape_problem(got: torch.Tensor, shape: tuple[int, ...], turned: torch.Tensor) -> str | None:
    """Say what is wrong with a shape; `turned` is the result along the wrong axis."""
    if got.shape == shape:
        return None
    if got.shape == turned.shape and torch.allclose(got, turned, rtol=1e-3):
        return "you went along the images; the draws are the first axis"
    return f"one value for each image is wanted, shape {shape}; yours is {tuple(got.shape)}"
