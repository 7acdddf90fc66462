"""Whether a reader's function draws what it should: its generator, its noise, its averages."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from .registry import drawn


def generator_problem(draw: Callable[[torch.Generator], torch.Tensor]) -> str | None:
    """Say what a reader's function does wrong with the generator that it is given.

    Parameters
    ----------
    draw : callable
        Calls the function, and returns its draws. They should be few: it is called five times.
    """
    state = torch.get_rng_state()
    first = draw(drawn(1))
    if not torch.equal(state, torch.get_rng_state()):
        torch.set_rng_state(state)
        return (
            "you drew from PyTorch's global generator, or set its seed: pass generator=generator "
            "to every draw, and leave the global one alone"
        )
    if not torch.equal(first, draw(drawn(1))):
        return "the same generator should give the same numbers: take every draw from it"
    if torch.equal(first, draw(drawn(2))):
        return "another generator should give other numbers: draw from the one that you are given"
    used = drawn(1)
    draw(used)
    if torch.equal(first, draw(used)):
        return "a second call gives the same numbers again: draw from the generator itself"
    return None


def plausible(draws: torch.Tensor, cdf: Callable[[torch.Tensor], torch.Tensor]) -> bool:
    """Say whether draws may come from a distribution; of right ones, one in a million may not.

    By the largest distance of the two distribution functions, and how rarely it is large (the
    inequality of Dvoretzky, Kiefer, Wolfowitz and Massart), whatever the number of draws.

    Parameters
    ----------
    draws : Tensor
        Of any shape; all are of one distribution, and independent.
    cdf : callable
        Its distribution function, also of one that has steps.
    """
    ordered = draws.flatten().double().sort().values
    steps, below = torch.unique_consecutive(ordered, return_counts=True)
    below = below.cumsum(0) / len(ordered)  # the share of draws up to each value
    exact = cdf(steps)
    least = cdf(steps - 1e-9 * steps.abs().clamp(min=1))  # just before it
    before = torch.cat([below.new_zeros(1), below[:-1]])
    distance = torch.maximum((below - exact).abs(), (before - least).abs()).max()
    return bool(distance <= math.sqrt(math.log(2e6) / (2 * len(ordered))))


def noise_problem(eps: torch.Tensor) -> str | None:
    """Say how noise, (n, m), differs from n·m independent draws of N(0, 1), if it does."""
    kurtosis = eps.pow(4).mean() / eps.square().mean().square()  # 1.8 for even noise
    flat = kurtosis < 3 - 5.5 * math.sqrt(24 / eps.numel())
    off = max(eps.mean().abs(), (eps.var() - 1).abs() / math.sqrt(2))
    if flat or off > 6 / math.sqrt(eps.numel()) or not plausible(eps, torch.special.ndtr):
        return "your noise is not normal with mean 0 and variance 1: use torch.randn"
    if len(torch.unique(eps, dim=0)) < len(eps):
        return "some of your draws are the same: each needs noise of its own"
    for lag in (1, len(eps) // 2, len(eps) - len(eps) // 2):
        pairs = torch.stack([eps[lag:].flatten(), eps[:-lag].flatten()])
        if pairs.corrcoef()[0, 1].abs() > 7 / math.sqrt(pairs.shape[1]):
            return "your draws hang together, two by two: each needs noise of its own"
    for values in (eps, eps.square()):  # one may be the other, with its sign turned at random
        off_diagonal = values.T.corrcoef() - torch.eye(eps.shape[1])
        if off_diagonal.abs().max() > 7 / math.sqrt(len(eps)):
            return "the noise of one place can be told from that of another: each needs its own"
    if _cut_off(eps):
        return f"your noise never goes beyond ±{eps.abs().max():.2f}; that of N(0, 1) has no ends"
    if _too_even(eps) or _too_even(eps.T):
        return (
            "the means or the variances of your noise are exactly alike, as those of independent "
            "draws never are: leave it as it was drawn"
        )
    return None


def _cut_off(eps: torch.Tensor) -> bool:
    """Say whether the largest of normal numbers is smaller than that of one set in a million."""
    inside = 1 - 2 * torch.special.ndtr(-eps.abs().max().double())
    return bool(eps.numel() * inside.log() < math.log(1e-6))


def _too_even(eps: torch.Tensor) -> bool:
    """Say whether noise, (n, m), is nearer to mean 0, or its columns to one variance, than chance.

    Each of the sums has the chi-square distribution, and is less once in a million times. The
    first two are in units of the noise's own spread.
    """
    (n, m), eps = eps.shape, eps.double()
    own = eps / eps.std()
    variances = own.var(0)
    sums = [
        (m, n * own.mean(0).square().sum()),
        (m - 1, n / 2 * (variances - variances.mean()).square().sum()),
        (2, eps.numel() * (eps.mean().square() + (eps.var() - 1).square() / 2)),
    ]
    half = torch.tensor([degrees / 2 for degrees, _ in sums]).double()
    chances = torch.special.gammainc(half, torch.stack([total / 2 for _, total in sums]))
    return bool((chances < 1e-6).any())


def too_noisy(
    estimate: Callable[[torch.Generator], torch.Tensor], error: torch.Tensor
) -> str | None:
    """Say that an average over K draws scatters more than K independent draws explain.

    Parameters
    ----------
    estimate : callable
        Calls the reader's function, and returns its averages.
    error : Tensor
        Their standard errors, where they are right.
    """
    scatter = torch.stack([estimate(drawn(stream)) for stream in range(3, 15)]).std(0)
    if bool((scatter > 2.3 * error).any()):  # of right ones, one in fifty million coordinates
        return "your average is noisier than K independent draws would make it: are all K in it?"
    return None
