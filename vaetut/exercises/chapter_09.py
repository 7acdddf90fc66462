"""Checks for chapters 9, "How good is it?", and 9b, "What a score does not tell"."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from ..noise import make_generator
from .registry import NOT_DONE, exercise, first_match, furthest


def _log_weights(samples: int = 12) -> torch.Tensor:
    """Return uneven log weights of three images, (S, 3)."""
    return torch.randn(samples, 3, generator=make_generator(0)) - torch.tensor([3.0, 5.0, 9.0])


def _wrong_shape(got: torch.Tensor, wanted: tuple[int, ...]) -> str | None:
    if got.shape == ():
        return f"that is one number for all images; one for each is wanted, here {wanted}"
    if got.shape != wanted:
        return f"one number for each image is wanted, here {wanted}; yours is {tuple(got.shape)}"
    return None


@exercise("9.1")
def _bound_from_weights(
    bound_from_weights: Callable[[torch.Tensor, int], torch.Tensor],
) -> str | None:
    """Want the mean of log K - logsumexp over groups of K rows, (B,)."""
    log_w, K = _log_weights(), 4
    got = bound_from_weights(log_w, K)
    if got is None:
        return NOT_DONE
    if hint := _wrong_shape(got, (3,)):
        return hint
    groups = log_w.reshape(3, K, 3)  # (S / K, K, B)
    sums = groups.logsumexp(1)  # (S / K, B)
    wanted = (math.log(K) - sums).mean(0)
    striding = (math.log(K) - log_w.reshape(K, 3, 3).logsumexp(0)).mean(0)  # as good a grouping
    if torch.allclose(got, striding, rtol=1e-3):
        wanted = striding
    known = {
        "the sign is turned: minus the bound is wanted": -wanted,
        "that is the average of the logarithms, K = 1 whatever K is: take the mean of K weights, "
        "then its logarithm": -log_w.mean(0),
        "you took the sum of the K weights for their mean: a log K is missing": (-sums).mean(0),
        "the log K has the wrong sign": (-sums).mean(0) - math.log(K),
        "that is the bound for all S draws in one group; take the logarithm in each group of K, "
        "then the mean": (math.log(12) - log_w.logsumexp(0)),
        "only the first K draws are in it; use all S": math.log(K) - groups[0].logsumexp(0),
        "your groups mix the images: keep the last axis, and split only the first": (
            math.log(K) - log_w.reshape(3, 3, K).logsumexp(-1)
        ).mean(0),
        "the logarithm is taken of the number of groups; the mean is over the K in a group": (
            (math.log(3) - sums).mean(0)
        ),
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-4):
        return furthest(got, wanted)
    low = bound_from_weights(log_w - 1000, K)
    if not torch.allclose(low, got + 1000, rtol=1e-4):
        return "right, until the log weights are near -1,000, where `exp` gives 0: use `logsumexp`"
    return None


@exercise("9.2")
def _standard_error(standard_error: Callable[[torch.Tensor], torch.Tensor]) -> str | None:
    """Want sqrt((mean of squares / square of mean - 1) / K) of the weights, (B,)."""
    log_w, K = _log_weights(400), 400
    got = standard_error(log_w)
    if got is None:
        return NOT_DONE
    if hint := _wrong_shape(got, (3,)):
        return hint
    w = (log_w - log_w.amax(0)).exp()
    spread = w.std(0, correction=0)  # (B,)
    wanted = spread / (math.sqrt(K) * w.mean(0))
    known = {
        "that is the standard deviation of one weight, relative to the mean; the error of a mean "
        "of K is smaller by the square root of K": spread / w.mean(0),
        "that is the variance; take the square root": wanted.square(),
        "the error falls with the square root of K; you divided by K": wanted / math.sqrt(K),
        "that is the error of the mean weight; its logarithm has it divided by the mean": (
            log_w.exp().std(0, correction=0) / math.sqrt(K)
        ),
        "that is the error of the mean of log w: the ELBO's noise, not that of the log of a mean": (
            log_w.std(0, correction=0) / math.sqrt(K)
        ),
        "the - 1 is missing under the root": (w.square().mean(0) / w.mean(0).square() / K).sqrt(),
    }
    # Either count of the degrees of freedom will do.
    if hint := first_match(got, known, wanted, rtol=0.005):
        return hint
    if not torch.allclose(got, wanted, rtol=0.005):
        return furthest(got, wanted)
    if not torch.allclose(standard_error(log_w - 1000), got, rtol=0.005):
        return (
            "right, until the log weights are near -1,000, where `exp` gives 0: a common factor "
            "cancels, so subtract each image's largest first"
        )
    return None


@exercise("9.3")
def _lead_of_second(
    lead_of_second: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
) -> str | None:
    """Want the mean of first - second over images, and its paired standard error."""
    g, N = make_generator(1), 400
    first = 90 + 20 * torch.randn(N, generator=g)
    second = first - 1.5 + 2 * torch.randn(N, generator=g)
    got = lead_of_second(first, second)
    if got is None:
        return NOT_DONE
    if not isinstance(got, tuple) or len(got) != 2:
        return "return two things, the lead and its standard error"
    lead, error = (torch.as_tensor(value, dtype=first.dtype) for value in got)
    if lead.shape != () or error.shape != ():
        return f"both are one number; your shapes are {tuple(lead.shape)} and {tuple(error.shape)}"
    change = first - second
    wanted = change.mean()
    known = {
        "the sign of the lead is turned: the smaller NLL is the better one": -wanted,
        "the lead is a mean over the images; you summed": change.sum(),
        "the lead has no sign in yours: the second may also be the worse one": change.abs().mean(),
    }
    if hint := first_match(lead, known, wanted):
        return hint
    if not torch.allclose(lead, wanted, rtol=1e-3):
        return f"for a small example your lead is {lead:.3f}, it should be {wanted:.3f}"
    # The lead of a model that is worse must come out negative.
    worse = torch.as_tensor(lead_of_second(second, first)[0], dtype=first.dtype)
    if not torch.allclose(worse, -wanted, rtol=1e-3):
        return "with the two models exchanged the lead should change its sign; yours does not"
    wanted = change.std() / math.sqrt(N)
    known = {
        "that is the standard deviation over the images; the error of their mean is smaller by the "
        "square root of N": change.std(),
        "the error falls with the square root of N; you divided by N": change.std() / N,
        "that is a variance; take the square root": wanted.square(),
        "you took the two models for independent; both find the same images hard, so take the "
        "difference first, image by image": ((first.var() + second.var()) / N).sqrt(),
        "that is the error of one model's NLL, not of the difference": first.std() / math.sqrt(N),
        "that is the difference of two errors; take the error of the differences": (
            (first.std() - second.std()) / math.sqrt(N)
        ),
        "two errors are added; take the error of the differences instead": (
            (first.std() + second.std()) / math.sqrt(N)
        ),
    }
    if hint := first_match(error, known, wanted, rtol=0.005, atol=1e-5):
        return hint
    if not torch.allclose(error, wanted, rtol=0.005):
        return f"for a small example your error is {error:.4f}, it should be {wanted:.4f}"
    return None


@exercise("9.5")
def _spoiled(spoiled: Callable[[torch.Tensor, float, int], torch.Tensor]) -> str | None:
    """Want -log(share p + (1 - share) 2^-D), (B,), for log p of any size."""
    # With few pixels both parts of the mixture count, with 784 the coins vanish in float32.
    log_p, share, D = torch.tensor([-1.0, -4.0, -7.0]), 0.25, 5
    got = spoiled(log_p, share, D)
    if got is None:
        return NOT_DONE
    if hint := _wrong_shape(got, (3,)):
        return hint

    def mix(model: float, coins: float, log_coins: float) -> torch.Tensor:
        return -torch.logaddexp(math.log(model) + log_p, torch.tensor(math.log(coins) + log_coins))

    log_coins = -D * math.log(2)
    wanted = mix(share, 1 - share, log_coins)
    known = {
        "the sign is turned: an NLL is wanted": -wanted,
        "the shares are exchanged: `share` is that of the model": mix(1 - share, share, log_coins),
        "the coins' share is 1 - share, not 1": mix(share, 1, log_coins),
        "the shares are missing: they are part of the mixture's probability": mix(1, 1, log_coins),
        "the coins make 2^D images, each of them with the probability 2^-D": mix(
            share, 1 - share, math.log(0.5)
        ),
        "the coins' part has the wrong sign: 2^-D is small": mix(share, 1 - share, -log_coins),
        "that is the average of two NLLs; a mixture averages probabilities, then takes the log": (
            -(share * log_p + (1 - share) * log_coins)
        ),
        "only the model's part is in it; the coins can make the image, too": -(
            math.log(share) + log_p
        ),
        "that is the probability; its negative logarithm is wanted": (-wanted).exp(),
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-4):
        return furthest(got, wanted)
    low = torch.tensor([-90.0, -900.0])
    exact = torch.tensor([90 - math.log(share), 784 * math.log(2) - math.log(1 - share)])
    if not torch.allclose(spoiled(low, share, 784), exact, rtol=1e-4):
        return (
            "right for a few pixels; with 784 the probabilities are too small for a float, so add "
            "them as logarithms: `torch.logaddexp`"
        )
    return None


@exercise("9.6")
def _detection(
    detection: Callable[[torch.Tensor, torch.Tensor, float], tuple[torch.Tensor, torch.Tensor]],
) -> str | None:
    """Want the AUROC with ties as one half, and the share above the (1 - rate) quantile."""
    g = make_generator(3)
    held_out = torch.randn(200, generator=g).mul(4).round()  # with ties
    outliers = (torch.randn(150, generator=g) * 5 + 4).round()
    rate = 0.1
    got = detection(outliers, held_out, rate)
    if got is None:
        return NOT_DONE
    if not isinstance(got, tuple) or len(got) != 2:
        return "return two numbers, the AUROC and the share of outliers that are caught"
    area, caught = (torch.as_tensor(value, dtype=held_out.dtype) for value in got)
    if area.shape != () or caught.shape != ():
        return f"both are one number; your shapes are {tuple(area.shape)} and {tuple(caught.shape)}"
    pairs = outliers[:, None], held_out
    above, ties = (pairs[0] > pairs[1]).float().mean(), (pairs[0] == pairs[1]).float().mean()
    wanted = above + ties / 2
    known = {
        "the AUROC is that of the held-out examples: an outlier with the higher score counts": (
            1 - wanted
        ),
        "in the AUROC a tie counts one half; yours counts it as nothing": above,
        "in the AUROC a tie counts one half; yours counts it in full": above + ties,
        "the AUROC is a share of the pairs; yours is a number of pairs": wanted * 150 * 200,
    }
    if hint := first_match(area, known, wanted):
        return hint
    if not torch.allclose(area, wanted, rtol=1e-3):
        return f"for a small example your AUROC is {area:.4f}, it should be {wanted:.4f}"
    threshold = held_out.quantile(1 - rate)
    wanted = (outliers > threshold).float().mean()
    known = {
        "that is the share of outliers that are missed": 1 - wanted,
        "the threshold is taken from the outliers; it comes from the held-out examples": (
            (outliers > outliers.quantile(1 - rate)).float().mean()
        ),
        "a share of `rate` of the held-out examples lies above the threshold, not below it": (
            (outliers > held_out.quantile(rate)).float().mean()
        ),
        "that is the share of held-out examples above the threshold; the outliers' is wanted": (
            (held_out > threshold).float().mean()
        ),
        "an outlier is caught above the threshold, not on it": (
            (outliers >= threshold).float().mean()
        ),
    }
    if hint := first_match(caught, known, wanted):
        return hint
    if not torch.allclose(caught, wanted, rtol=1e-3):
        return (
            f"for a small example your share of caught is {caught:.4f}, it should be {wanted:.4f}"
        )
    return None
