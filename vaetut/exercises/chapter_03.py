"""Checks for chapter 3, "The ideal and the roundabout approach"."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from ..distributions import LOG_2PI
from .registry import (
    close,
    compare,
    compare_gradients,
    drawn,
    exercise,
    scaled,
    shifted,
    size,
    sizes,
)


@exercise("3.1")
def _log_mean(log_mean: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of log-weights (K, B) that returns the logarithm of their mean, (B,)."""
    g = drawn()
    K, B = sizes(g, 2, 3, 8)
    log_w = _spread_weights(K, B, g)
    got, wanted = log_mean(log_w), _log_mean_exp(log_w)
    if problem := _shape_problem(got, (B,), _log_mean_exp(log_w.T)):
        return problem
    largest, w = log_w.amax(0), log_w.exp()
    known = {
        "that is the logarithm of the sum; divide by K": log_w.logsumexp(0),
        "that is the mean of the logarithms; they are logarithms of what is to be averaged": (
            log_w.mean(0)
        ),
        "that is the mean itself; its logarithm is wanted": wanted.exp(),
        "that is the sum of the weights; the logarithm of their mean is wanted": w.sum(0),
        "that is the largest term alone": largest,
        "take the largest term out first, and put it back in the end": wanted - largest,
        "the largest term is put back twice": wanted + largest,
        "put the largest logarithm back, not its exp": wanted - largest + largest.exp(),
        "log K is added; a mean is the sum divided by K": wanted + 2 * math.log(K),
        "the logarithm is divided by K; the sum is": log_w.logsumexp(0) / K,
        "the sign is turned": -wanted,
        "your values are all off by the same amount: the mean is the sum divided by K, the number "
        "of draws": shifted(got, wanted),
    }
    if hint := compare(got, wanted, known):
        return hint
    shift = 1000.0 + 1000.0 * torch.rand((), generator=g).item()
    for by, what in ((-shift, "0"), (shift, "infinite")):
        if not close(log_mean(log_w + by), wanted + by, 1e-5, 1e-2):
            return (
                f"around {by:+.0f} every exp is {what}, in 32 bits: take out the largest term of "
                "each column first"
            )
    apart = torch.where(torch.arange(B) % 2 == 0, 0.0, -shift)
    if not close(log_mean(log_w + apart), wanted + apart, 1e-5, 1e-2):
        return "you take out the largest term of all; each image needs its own"
    wide = _wide_weights(K, B, g)
    if not close(log_mean(wide), _log_mean_exp(wide), 1e-4, 1e-2):
        return (
            "for -300 and 100 in one column it fails: take out the largest term, no other, and "
            "clamp nothing"
        )
    many = torch.full((size(g, 3000, 4000), B), -30.0)
    many[0] = 8.0
    if not close(log_mean(many), _log_mean_exp(many)):
        return (
            f"right for {K} draws, but not for {len(many):,} of which one counts: is something "
            "added inside the logarithm"
        )
    for far in (log_w, log_w + apart, wide):
        if hint := compare_gradients(log_mean, _log_mean_exp, [far], [0]):
            return hint
    return None


def _log_mean_exp(log_w: torch.Tensor) -> torch.Tensor:
    return log_w.logsumexp(0) - math.log(len(log_w))


def _spread_weights(K: int, B: int, g: torch.Generator) -> torch.Tensor:
    """Draw log-weights of which one of each column leads, but does not have all the weight."""
    log_w = 1.5 * torch.rand(K, B, generator=g) - 1.5
    leader = torch.randint(K, (B,), generator=g)
    log_w[leader, torch.arange(B)] = 0.5 + torch.rand(B, generator=g)
    return log_w


def _wide_weights(K: int, B: int, g: torch.Generator) -> torch.Tensor:
    """Draw log-weights around -300, and one or two around 100 in each column: (K, B)."""
    log_w = -300 + torch.rand(K, B, generator=g)
    log_w[0], log_w[1, ::2] = 100 + torch.rand(B, generator=g), 100.0
    return log_w


@exercise("3.2")
def _ess(ess_of: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of log-weights (K, B) that returns the effective sample sizes, (B,)."""
    g = drawn()
    K, B = sizes(g, 2, 3, 8)
    log_w = _spread_weights(K, B, g)
    w, p = log_w.exp(), log_w.softmax(0)
    got, wanted = ess_of(log_w), _ess_of(log_w)
    if problem := _shape_problem(got, (B,), _ess_of(log_w.T)):
        return problem
    known = {
        "that is the share of K; the number itself is wanted": wanted / K,
        "the fraction is upside down: equal weights should give K": 1 / wanted,
        "the sum is squared, not only the weights; yours is 1 for any weights": torch.ones(B),
        "you get K for any weights: below stands the sum of the squares": torch.full((B,), 1.0 * K),
        "the sum of the weights has to be squared": w.sum(0) / (w**2).sum(0),
        "below stands the sum of the squares, not of the weights": w.sum(0),
        "you used the logarithms as weights; (3.7) wants the weights": (
            log_w.sum(0) ** 2 / (log_w**2).sum(0)
        ),
        "the weights are scaled along the images; the draws are the first axis": (
            1 / log_w.softmax(1).square().sum(0)
        ),
        "that is its logarithm": wanted.log(),
        "that is one over the largest share; (3.7) looks at all of them": 1 / p.amax(0),
        "that is the exp of the entropy, another effective number; (3.7) has the squares": (
            (-(p * p.log()).sum(0)).exp()
        ),
        "that is the root of (3.7)": wanted.sqrt(),
        "yours is (3.7) times one factor: is a number of draws typed in": scaled(got, wanted),
    }
    if hint := compare(got, wanted, known):
        return hint
    shift = 1000.0 + 1000.0 * torch.rand((), generator=g).item()
    for by in (-shift, shift):
        if not close(ess_of(log_w + by), wanted, 1e-2):
            return f"with {by:+.0f} added to log_w it changes: scale the weights before exp"
    apart = torch.where(torch.arange(B) % 2 == 0, 0.0, -shift)
    if not close(ess_of(log_w + apart), wanted, 1e-2):
        return "you scale all columns by the largest weight of all; each image needs its own"
    wide = _wide_weights(K, B, g)
    if not close(ess_of(wide), _ess_of(wide)):
        return (
            "for -300 and 100 in one column it fails: scale by the largest weight, no other, and "
            "clamp nothing"
        )
    return None


def _ess_of(log_w: torch.Tensor) -> torch.Tensor:
    return 1 / log_w.softmax(0).square().sum(0)


@exercise("3.3")
def _log_weight(log_weight: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (log_likelihood, z, mu, log_var) that returns log w, (K, B)."""
    g = drawn()
    K, B, L = sizes(g, 3, 2, 6)
    log_likelihood = -1 - 5 * torch.rand(K, B, generator=g)
    mu = torch.randn(B, L, generator=g)
    sign = 1.0 - 2.0 * (torch.arange(B * L) % 2).view(B, L)
    log_var = sign * (0.5 + torch.rand(B, L, generator=g))
    log_var[:, -1] += 0.4  # the sum over the latent dimensions is not 0
    z = mu + (0.5 * log_var).exp() * torch.randn(K, B, L, generator=g)
    inputs = log_likelihood, z, mu, log_var
    got = log_weight(*inputs)
    if got.shape == (K, B, L):
        return "the densities of z are sums over the latent dimensions: shape (K, B)"
    if got.shape == (B,):
        return "one weight for each draw is wanted, (K, B); the mean over draws comes later"
    if got.shape != (K, B):
        return f"the shape should be (K, B), here {(K, B)}; yours is {tuple(got.shape)}"
    if hint := compare(got, _log_w(*inputs), _other_weights(got, *inputs)):
        return hint
    side = 1.0 if torch.rand((), generator=g) < 0.5 else -1.0
    sigma = (0.5 * log_var).exp()
    far = mu + 30 * side * sigma * (1 + torch.rand(K, B, L, generator=g))
    small, large = -11.5 - log_var.abs(), 11.5 + log_var.abs()
    near = mu + (0.5 * small).exp() * torch.randn(K, B, L, generator=g)
    clamped = "is log_var clamped, or something added to the variance"
    for hint, values in {
        "right for likelihoods around 1, but not for those of images, with logarithms around "
        "-1000: stay with the logarithms": (log_likelihood - 1000, z, mu, log_var),
        f"right for sigma around 1, but not for a very small one: {clamped}": (
            log_likelihood,
            near,
            mu,
            small,
        ),
        f"right for sigma around 1, but not for a very large one: {clamped}": (
            log_likelihood,
            z,
            mu,
            large,
        ),
        "right near mu, but not 30 sigma from it: there a density underflows to 0, so stay with "
        "its logarithm": (log_likelihood, far, mu, log_var),
    }.items():
        if not close(log_weight(*values), _log_w(*values)):
            return hint
    return compare_gradients(log_weight, _log_w, inputs, [0, 1, 2, 3])


def _log_w(
    log_likelihood: torch.Tensor, z: torch.Tensor, mu: torch.Tensor, log_var: torch.Tensor
) -> torch.Tensor:
    q = (z - mu).square() / log_var.exp() + log_var
    return log_likelihood + 0.5 * (q - z.square()).sum(-1)


def _other_weights(
    got: torch.Tensor,
    log_likelihood: torch.Tensor,
    z: torch.Tensor,
    mu: torch.Tensor,
    log_var: torch.Tensor,
) -> dict[str, torch.Tensor]:
    L = z.shape[-1]
    prior = -0.5 * (z.square() + LOG_2PI).sum(-1)

    def log_q(power: float = 1.0, term: float = 0.5) -> torch.Tensor:
        """Have (z - mu)² divided by the variance to a power, and `term` before log_var."""
        squares = (z - mu).square() / (power * log_var).exp()
        return (-0.5 * (squares + LOG_2PI) - term * log_var).sum(-1)

    q, weight = log_q(), log_likelihood + prior
    wanted = weight - q
    kl = 0.5 * (mu.square() + log_var.exp() - log_var - 1).sum(-1)  # (B,)
    return {
        "q is missing: the draws did not come from the prior": weight,
        "the prior is missing": log_likelihood - q,
        "that is log p(x|z) alone: the weight of a draw from the prior": log_likelihood,
        "the likelihood, log p(x|z), is missing": prior - q,
        "log_likelihood is a logarithm already, and the others are logarithms, too": (
            log_likelihood.exp() + prior - q
        ),
        "prior and q have changed places": log_likelihood - prior + q,
        "q is divided by, so its logarithm is subtracted": weight + q,
        "the sign is turned": -wanted,
        "that is the weight; its logarithm is wanted": wanted.exp(),
        "that has the KL, a mean over all draws; here each draw has its own log p(z) - log q(z)": (
            log_likelihood - kl
        ),
        "in log q you have the variance where sigma belongs": weight - log_q(2.0, 1.0),
        "in log q log_var is the logarithm of sigma squared; you have halved it once too often": (
            weight - log_q(0.5, 0.25)
        ),
        "in log q the distance from mu is divided by sigma, and then squared": (
            weight - log_q(0.5, 0.5)
        ),
        "in log q the square is divided by sigma squared, no more": weight - log_q(2.0, 0.5),
        "in log q the distance from mu is measured in units of sigma": weight - log_q(0.0, 0.5),
        "in log q the term in log_var is missing: a narrow density is high": (
            weight - log_q(1.0, 0.0)
        ),
        "the factor ½ before log_var is missing in log q": weight - log_q(1.0, 1.0),
        "in log q the term in log_var has the wrong sign: a narrow density is high": (
            weight - log_q(1.0, -0.5)
        ),
        "only one of the two densities has its log 2π; either both or none": (
            wanted - 0.5 * L * LOG_2PI
        ),
        "only one of the densities has its log 2π; either both or none": (
            wanted + 0.5 * L * LOG_2PI
        ),
        "you averaged over the latent dimensions; they are summed": (
            log_likelihood + (prior - q) / L
        ),
        "the weights are scaled to add up to one; here they stay as they are": (
            wanted.log_softmax(0)
        ),
        "that is the logarithm of the mean weight for every draw; each has its own": (
            _log_mean_exp(wanted).expand_as(wanted)
        ),
        "your values are all off by the same amount: look at the constants": shifted(got, wanted),
    }


@exercise("3.4")
def _log_p(log_p: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (x, W, b, variance) that returns log N(x; b, W Wᵀ + variance I), (B,)."""
    g = drawn()
    D, L = size(g, 4, 6), size(g, 2, 3)
    B = size(g, 7, 9)
    x, b = torch.randn(B, D, generator=g), 0.5 + torch.randn(D, generator=g).abs()
    W = torch.linalg.qr(torch.randn(D, L, generator=g)).Q * (3 + torch.rand(L, generator=g))
    variance = 0.4 + 0.1 * torch.rand((), generator=g).item()
    got = log_p(x, W, b, variance)
    if got.shape == (B, B):
        return "you have every image with every other; the square of one image is one number"
    if got.shape == (B, D):
        return "that is one value for each pixel; the pixels are not independent here"
    if got.shape != (B,):
        return f"one value for each of the {B} images is wanted, (B,); yours is {tuple(got.shape)}"
    if hint := compare(got, _log_normal(x, W, b, variance), _not_normal(got, x, W, b, variance)):
        return hint
    side = 100.0 if torch.rand((), generator=g) < 0.5 else -100.0
    if not close(log_p(side * x, W, b, variance), _log_normal(side * x, W, b, variance)):
        return (
            "right near b, but not far from it: there a density underflows to 0, so stay with its "
            "logarithm"
        )
    if hint := compare_gradients(
        lambda x, W, b: log_p(x, W, b, variance),
        lambda x, W, b: _log_normal(x, W, b, variance),
        [x, W, b],
        [1, 2],
    ):
        return hint
    many = size(g, 400, 500)
    x, W, b = (torch.randn(*shape, generator=g) for shape in ((2, many), (many, L), (many,)))
    for noise, what in ((variance, "0"), (1 / variance, "infinite")):
        if not close(log_p(x, W, b, noise), _log_normal(x, W, b, noise)):
            return (
                f"right for {D} pixels, but not for {many}: there a determinant is {what} in 32 "
                "bits; torch.logdet takes its logarithm in one go"
            )
    return None


def _log_normal(x: torch.Tensor, W: torch.Tensor, b: torch.Tensor, variance: float) -> torch.Tensor:
    """Return log N(x; b, W Wᵀ + variance I) by M = Wᵀ W + variance I, which is (L, L)."""
    (D, L), off, W = W.shape, (x - b).double(), W.double()
    M = W.T @ W + variance * torch.eye(L)
    explained: torch.Tensor = ((off @ W) * torch.linalg.solve(M, (off @ W).T).T).sum(1)
    square = (off.square().sum(1) - explained) / variance
    log_det = (D - L) * math.log(variance) + torch.logdet(M)
    return (-0.5 * (square + log_det + D * LOG_2PI)).float()


def _not_normal(
    got: torch.Tensor, x: torch.Tensor, W: torch.Tensor, b: torch.Tensor, variance: float
) -> dict[str, torch.Tensor]:
    D, L = W.shape
    eye, wanted, off = torch.eye(D), _log_normal(x, W, b, variance), x - b
    C = W @ W.T + variance * eye
    log_det = torch.logdet(C)
    square = (off * torch.linalg.solve(C, off.T).T).sum(1)
    return {
        "the mean, b, is missing": _log_normal(x, W, 0 * b, variance),
        "b is subtracted from x, not added": _log_normal(x, W, -b, variance),
        "variance is sigma squared already": _log_normal(x, W, b, variance**2),
        "variance is sigma squared; you took its root": _log_normal(x, W, b, math.sqrt(variance)),
        "that is p(x|z) at z = 0: W takes part in the covariance": (
            _log_normal(x, 0 * W, b, variance)
        ),
        "that is p(x|z) at z = 1: z must be integrated out": (
            _log_normal(x, 0 * W, b + W.sum(1), variance)
        ),
        "the pixels share z, so the covariance W Wᵀ has more than a diagonal": (
            _diagonal_normal(off, W.square().sum(1) + variance)
        ),
        "the square takes the inverse of the covariance, not the covariance": (
            -0.5 * ((off @ C * off).sum(1) + log_det + D * LOG_2PI)
        ),
        "the determinant is that of Wᵀ W + sigma squared I, which is only (L, L): D - L factors "
        "sigma squared are missing": wanted + 0.5 * (D - L) * math.log(variance),
        "the logarithm of the determinant is missing": wanted + 0.5 * log_det,
        "the logarithm of the determinant has the wrong sign": wanted + log_det,
        "the determinant's logarithm is wanted, not the determinant": (
            wanted + 0.5 * log_det - 0.5 * log_det.exp()
        ),
        "the factor ½ before the determinant is missing": wanted - 0.5 * log_det,
        "the factor ½ before the square is missing": wanted - 0.5 * square,
        "a factor ½ is missing": 2 * wanted,
        "the constant log 2π is missing": wanted + 0.5 * D * LOG_2PI,
        "the factor ½ before log 2π is missing": wanted - 0.5 * D * LOG_2PI,
        "log 2π counts once for each pixel, D times in all": wanted + 0.5 * (D - 1) * LOG_2PI,
        "log 2π counts once for each pixel, not for each latent dimension": (
            wanted + 0.5 * (D - L) * LOG_2PI
        ),
        "the sign is turned": -wanted,
        "that is the density; its logarithm is wanted": wanted.exp(),
        "you averaged over the pixels": wanted / D,
        "your values are all off by the same amount: look at the determinant and at log 2π, which "
        "counts D times": shifted(got, wanted),
    }


def _diagonal_normal(off: torch.Tensor, variances: torch.Tensor) -> torch.Tensor:
    return -0.5 * (off.square() / variances + variances.log() + LOG_2PI).sum(1)


@exercise("3.6")
def _em_step(em_step: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (prior, likelihood, counts) that returns the next table, (Z, X)."""
    g = drawn()
    codes, pictures = sorted(sizes(g, 2, 3, 7))
    prior = (0.8 * torch.rand(codes, generator=g) - 0.2 * torch.arange(codes)).softmax(0)
    table = torch.rand(codes, pictures, generator=g)
    table += 3.5 * torch.eye(codes, pictures)  # each code is the likeliest of some picture
    table = table.softmax(1)
    counts = torch.randint(2, 20, (pictures,), generator=g).float()
    counts[0], counts[1] = 1.0, 20.0
    got = em_step(prior, table, counts)
    if got.shape != table.shape:
        return (
            f"the table's shape should stay (Z, X), here {tuple(table.shape)}; "
            f"yours is {tuple(got.shape)}"
        )
    if hint := compare(got, _em(prior, table, counts), _no_em(prior, table, counts)):
        return hint
    rare, counts[-1] = table.clone(), 0.0
    rare[:, -1] = 0.0  # the table after the first step
    rare /= rare.sum(1, keepdim=True)
    for before, after in ((table, ""), (rare, ", and its column is 0 already")):
        again = em_step(prior, before, counts)
        if not close(again, _em(prior, before, counts)):
            return (
                f"right if every picture occurs, but not if one has the count 0{after}: its column "
                "should be 0, and not 0/0, which is NaN"
            )
    return None


def _em(prior: torch.Tensor, table: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    joint = prior[:, None] * table  # (Z, X)
    weighted = counts * joint / joint.sum(0).clamp(min=1e-30)
    return weighted / weighted.sum(1, keepdim=True)


def _no_em(
    prior: torch.Tensor, table: torch.Tensor, counts: torch.Tensor
) -> dict[str, torch.Tensor]:
    def rows(table: torch.Tensor) -> torch.Tensor:
        return table / table.sum(1, keepdim=True)

    joint = prior[:, None] * table
    posterior, flat, shares = joint / joint.sum(0), table / table.sum(0), counts / counts.sum()
    weighted = counts * posterior
    hard = torch.zeros_like(table).scatter_(0, posterior.argmax(0, keepdim=True), 1.0)
    return {
        "the M step is not finished: each row has to add up to 1": weighted,
        "the whole of your table adds up to 1; each row should": weighted / weighted.sum(),
        "that is the posterior, the E step alone; in the end each row adds up to 1": posterior,
        "the counts are missing": rows(posterior),
        "the prior is missing in Bayes' rule": rows(counts * flat),
        "the prior is missing in Bayes' rule, and so are the counts": rows(flat),
        "that weighs with the joint; divide each column by its sum, for the posterior": (
            rows(counts * joint)
        ),
        "each row is divided by its own sum, and not by the prior": (
            shares * posterior / prior[:, None]
        ),
        "the posterior multiplies the old table once more": rows(weighted * table),
        "every picture goes to its likeliest code alone; let it count with its probability": (
            rows(counts * hard)
        ),
        "that is the prior's next value for each code, not the table's": (
            (weighted.sum(1, keepdim=True) / counts.sum()).expand_as(table)
        ),
        "that is the table as it was": table,
        "all rows are the data's shares: you gave every picture to every code": (
            shares.expand_as(table)
        ),
    }


def _shape_problem(got: torch.Tensor, shape: tuple[int, ...], turned: torch.Tensor) -> str | None:
    """Say what is wrong with a shape; `turned` is the result along the wrong axis."""
    if got.shape == shape:
        return None
    if got.shape == turned.shape and close(got, turned):
        return "you went along the images; the draws are the first axis"
    return f"one value for each image is wanted, shape {shape}; yours is {tuple(got.shape)}"
