"""Checks for chapters 9, "How good is it?", and 9b, "What a score does not tell"."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from .registry import close, compare, drawn, exercise, size


def _wrong_shape(got: torch.Tensor, wanted: tuple[int, ...]) -> str | None:
    if got.shape == ():
        return f"that is one number for all images; one for each is wanted, here {wanted}"
    if got.shape != wanted:
        return f"one number for each image is wanted, here {wanted}; yours is {tuple(got.shape)}"
    return None


def _bound(log_w: torch.Tensor, K: int) -> torch.Tensor:
    """Return the bound, (B,), of log weights (S, B) in groups of K that follow each other."""
    return (math.log(K) - torch.unflatten(log_w, 0, (-1, K)).logsumexp(1)).mean(0)


@exercise("9.1")
def _bound_from_weights(
    bound_from_weights: Callable[[torch.Tensor, int], torch.Tensor],
) -> str | None:
    """Want the mean of log K - logsumexp over groups of K rows, (B,), however they are grouped."""
    g = drawn()
    K, groups = (torch.randperm(3, generator=g)[:2] + 2).tolist()
    S = K * groups
    B = S + size(g, 1, 3)
    # Of each image's weights all are equal but one, each time in another place. So all groupings
    # give the same bound.
    low = -3 - 6 * torch.rand(B, generator=g)
    place = torch.randperm(B, generator=g) % S
    log_w = low.repeat(S, 1)
    log_w[place, torch.arange(B)] += 2 + torch.rand(B, generator=g)
    got = bound_from_weights(log_w, K)
    if hint := _wrong_shape(got, (B,)):
        return hint
    wanted = _bound(log_w, K)
    by_rows, by_columns = log_w.reshape(groups, K, B), log_w.reshape(K, groups, B)
    known = {
        "the sign is turned: minus the bound is wanted": -wanted,
        "that is the average of the logarithms, K = 1 whatever K is: take the mean of K weights, "
        "then its logarithm": -log_w.mean(0),
        "you took the sum of the K weights for their mean: a log K is missing": (
            wanted - math.log(K)
        ),
        "the log K has the wrong sign": wanted - 2 * math.log(K),
        "that is the bound for all S draws in one group; take the logarithm in each group of K, "
        "then the mean": _bound(log_w, S),
        "only the first K draws are in it; use all S": _bound(log_w[:K], K),
        "only the last K draws are in it; use all S": _bound(log_w[-K:], K),
        "your groups mix the images: keep the last axis, and split only the first": (
            math.log(K) - log_w.reshape(groups, B, K).logsumexp(-1)
        ).mean(0),
        "the logarithm is taken of the number of groups; the mean is over the K in a group": (
            wanted - math.log(K) + math.log(groups)
        ),
        "you have K groups; you need groups of K": _bound(log_w, groups),
        "you have K groups, and divide by K; you need groups of K": (
            (math.log(K) - by_columns.logsumexp(1)).mean(0)
        ),
        "that is a sum over the groups; take their mean": groups * wanted,
        "each group gives the logarithm of a mean; yours gives the mean itself": (
            by_rows.exp().mean(1).mean(0)
        ),
        "the best of your groups is chosen; their mean is wanted": (
            (math.log(K) - by_rows.logsumexp(1)).amin(0)
        ),
    }
    if hint := compare(got, wanted, known):
        return hint
    for shift, says in ((-1000.0, "gives 0"), (1000.0, "overflows")):
        if not close(bound_from_weights(log_w + shift, K), wanted - shift, rtol=1e-5):
            return (
                f"right, until the log weights are near {shift:,.0f}, where `exp` {says}: use "
                "`logsumexp`"
            )
    apart = torch.where(torch.arange(B) % 2 == 0, 0.0, -1000.0)
    if not close(bound_from_weights(log_w + apart, K), wanted - apart, rtol=1e-5):
        return "you take out the largest log weight of all; each image needs its own"
    # Weights of any kind: over many orders, the mean of a right answer is that of ours.
    log_w = 2 * torch.randn(S, 3, generator=g)
    orders = [torch.randperm(S, generator=g) for _ in range(100)]
    theirs, ours = (
        torch.stack([bound(log_w[order], K) for order in orders])  # (100, 3)
        for bound in (bound_from_weights, _bound)
    )
    error = ((theirs.var(0) + ours.var(0)) / len(orders)).sqrt()
    if not ((theirs.mean(0) - ours.mean(0)).abs() < 6 * error + 1e-3).all():
        return (
            "right where all weights but one are equal, and not else: a draw's group must not "
            "depend on its weight"
        )
    return None


@exercise("9.2")
def _standard_error(standard_error: Callable[[torch.Tensor], torch.Tensor]) -> str | None:
    """Want sqrt((mean of squares / square of mean - 1) / K) of the weights, (B,)."""
    g = drawn()
    K, B = size(g, 300, 500), size(g, 3, 5)
    log_w = torch.randn(K, B, generator=g) - 3 - 6 * torch.rand(B, generator=g)
    got = standard_error(log_w)
    if hint := _wrong_shape(got, (B,)):
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
        "you divided by the sum of the weights; divide by their mean": wanted / K,
        "1/K stands outside the root in yours; it belongs inside": wanted / math.sqrt(K),
    }
    # Either count of the degrees of freedom will do.
    if hint := compare(got, wanted, known, rtol=0.005, atol=1e-6):
        return hint
    for shift, says in ((-1000.0, "gives 0"), (1000.0, "overflows")):
        if not close(standard_error(log_w + shift), wanted, rtol=0.005):
            return (
                f"right, until the log weights are near {shift:,.0f}, where `exp` {says}: a common "
                "factor cancels, so subtract each image's largest first"
            )
    apart = torch.where(torch.arange(B) % 2 == 0, 0.0, -1000.0)
    if not close(standard_error(log_w + apart), wanted, rtol=0.005):
        return "you subtract the largest log weight of all; each image needs its own"
    return None


@exercise("9.3", results=2)
def _lead_of_second(
    lead_of_second: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
) -> str | None:
    """Want the mean of first - second over images, and its paired standard error."""
    g = drawn()
    N = 2 * size(g, 150, 250) + 1
    first = 90 + 20 * torch.randn(N, generator=g)
    uneven = -torch.rand(N, generator=g).log() - 1  # with the mean 0, and another median
    second = first - 1 - torch.rand((), generator=g) + 4 * uneven
    got, exchanged = lead_of_second(first, second), lead_of_second(second, first)
    if not isinstance(got, tuple):
        return "return two things, the lead and its standard error"
    lead, error = got
    if lead.shape != () or error.shape != ():
        return f"both are one number; your shapes are {tuple(lead.shape)} and {tuple(error.shape)}"
    # The lead of a model that is worse must come out negative.
    leads, errors = (torch.stack(pair) for pair in zip(got, exchanged, strict=True))
    change, both = first - second, torch.tensor([1.0, -1.0])
    wanted = both * change.mean()
    known = {
        "the sign of the lead is turned: the smaller NLL is the better one": -wanted,
        "the lead is a mean over the images; you summed": both * change.sum(),
        "the lead has no sign in yours: the second may also be the worse one": wanted.abs(),
        "your lead is a mean without signs: on some images the second is the worse one": (
            torch.ones(2) * change.abs().mean()
        ),
        "your lead is a median over the images; the mean is wanted": both * change.quantile(0.5),
        "your lead is the share of images on which the second is better; by how much is wanted": (
            torch.stack([(change > 0).float().mean(), (change < 0).float().mean()])
        ),
        "your lead is relative; it is a difference in nats": (
            torch.stack([change.mean() / first.mean(), -change.mean() / second.mean()])
        ),
    }
    if hint := compare(leads, wanted, known, number="your lead"):
        return hint
    root = math.sqrt(N)
    wanted = change.std() / root
    known = {
        "that is the standard deviation over the images; the error of their mean is smaller by the "
        "square root of N": change.std(),
        "the error falls with the square root of N; you divided by N": change.std() / N,
        "that is a variance; take the square root": wanted.square(),
        "you took the two models for independent; both find the same images hard, so take the "
        "difference first, image by image": ((first.var() + second.var()) / N).sqrt(),
        "that is the error of one model's NLL, not of the difference": first.std() / root,
        "that is the error of the other model's NLL, not of the difference": second.std() / root,
        "that is the difference of two errors; take the error of the differences": (
            (first.std() - second.std()) / root
        ),
        "two errors are added; take the error of the differences instead": (
            (first.std() + second.std()) / root
        ),
        "that is 1.96 standard errors, half an interval; one is wanted": 1.96 * wanted,
        "the lead is not subtracted before you square": change.square().mean().sqrt() / root,
    }
    return compare(
        error, wanted, known, rtol=0.005, atol=1e-6, number="your standard error"
    ) or compare(
        errors, wanted.expand(2), {}, rtol=0.005, number="with the two exchanged, your error"
    )


@exercise("9.5")
def _spoiled(spoiled: Callable[[torch.Tensor, float, int], torch.Tensor]) -> str | None:
    """Want -log(share p + (1 - share) 2^-D), (B,), for log p of any size."""
    g = drawn()
    # With few pixels both parts of the mixture count, with many the coins vanish in any float.
    B, D = size(g, 2, 4), size(g, 5, 6)
    share = 0.2 + 0.2 * float(torch.rand((), generator=g))
    log_p = -1 - 5 * torch.rand(B, generator=g)
    log_p[0] -= 4  # below the coins
    got = spoiled(log_p, share, D)
    if hint := _wrong_shape(got, (B,)):
        return hint
    log_coins = -D * math.log(2)

    def mix(
        model: float, coins: float, log_coins: float, log_p: torch.Tensor = log_p
    ) -> torch.Tensor:
        other = torch.tensor(math.log(coins) + log_coins)
        return -torch.logaddexp(math.log(model) + log_p, other)

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
        "the coins' logarithm is in bits; it is -D log 2": mix(share, 1 - share, -D),
        "that is the average of two NLLs; a mixture averages probabilities, then takes the log": (
            -(share * log_p + (1 - share) * log_coins)
        ),
        "only the model's part is in it; the coins can make the image, too": (
            -math.log(share) - log_p
        ),
        "you took log_p for an NLL": mix(share, 1 - share, log_coins, -log_p),
        "the better of the two parts is not all: add both": (
            -torch.maximum(math.log(share) + log_p, torch.tensor(math.log(1 - share) + log_coins))
        ),
        "the shares multiply the probabilities, not their logarithms": (
            -torch.logaddexp(share * log_p, torch.tensor((1 - share) * log_coins))
        ),
        "that is the probability; its negative logarithm is wanted": (-wanted).exp(),
    }
    if hint := compare(got, wanted, known):
        return hint
    D = size(g, 2000, 4000)
    log_coins = -D * math.log(2)
    log_p = torch.tensor([-90.0, 1.5 * log_coins, log_coins, 0.0])
    if not close(
        spoiled(log_p, share, D), mix(share, 1 - share, log_coins, log_p), rtol=1e-5, atol=1e-3
    ):
        return (
            f"right for a few pixels; with {D:,} the probabilities are too small for a float, so "
            "add them as logarithms: `torch.logaddexp`"
        )
    return None


def _scores(g: torch.Generator, rate: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draw the scores of outliers and of held-out examples, with ties; return the threshold, too.

    Around the threshold all are equal, so it is the same whatever a quantile does between two.
    """
    M = 2 * size(g, 40, 60) + 1
    N = 2 * M + 1  # no share of the ones is a share of the others
    held_out = torch.randn(N, generator=g).mul(8).round().sort().values
    at = int((1 - rate) * (N - 1))
    threshold = held_out[at].clone()
    held_out[at - 2 : at + 4] = threshold
    outliers = (torch.randn(M, generator=g) * 10 + 8).round()
    outliers[torch.randperm(M, generator=g)[:5]] = threshold
    return outliers, held_out[torch.randperm(N, generator=g)], threshold


def _areas(
    outliers: torch.Tensor, held_out: torch.Tensor
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return the AUROC, and what the known mistakes make of it."""
    pairs = outliers[:, None], held_out
    above, ties = (pairs[0] > pairs[1]).float().mean(), (pairs[0] == pairs[1]).float().mean()
    wanted = above + ties / 2
    return wanted, {
        "the AUROC is that of the held-out examples: an outlier with the higher score counts": (
            1 - wanted
        ),
        "in the AUROC a tie counts one half; yours counts it as nothing": above,
        "in the AUROC a tie counts one half; yours counts it in full": above + ties,
        "ties are left out of your AUROC; each counts one half": above / (1 - ties),
        "the AUROC is a share of the pairs; yours is a number of pairs": (
            wanted * len(outliers) * len(held_out)
        ),
        "you compared the outliers with the mean of the held-out scores; compare all pairs": (
            (outliers > held_out.mean()).float().mean()
        ),
    }


def _shares(
    outliers: torch.Tensor, held_out: torch.Tensor, threshold: torch.Tensor, rate: float
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return the share of caught, and what the known mistakes make of it."""

    def above(scores: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
        return (scores > threshold).float().mean()

    wanted = above(outliers, threshold)
    return wanted, {
        "that is the share of outliers that are missed": 1 - wanted,
        "the threshold is taken from the outliers; it comes from the held-out examples": (
            above(outliers, outliers.quantile(1 - rate))
        ),
        "the threshold is taken from all examples; it comes from the held-out ones": (
            above(outliers, torch.cat([outliers, held_out]).quantile(1 - rate))
        ),
        "a share of `rate` of the held-out examples lies above the threshold, not below it": (
            above(outliers, held_out.quantile(rate))
        ),
        "that is the share of held-out examples above the threshold; the outliers' is wanted": (
            above(held_out, threshold)
        ),
        "an outlier is caught above the threshold, not on it": (
            (outliers >= threshold).float().mean()
        ),
        "that is a number of outliers; their share is wanted": wanted * len(outliers),
    }


@exercise("9.6", results=2)
def _detection(
    detection: Callable[[torch.Tensor, torch.Tensor, float], tuple[torch.Tensor, torch.Tensor]],
) -> str | None:
    """Want the AUROC with ties as one half, and the share above the (1 - rate) quantile."""
    g = drawn()
    rate = 0.16 + 0.1 * float(torch.rand((), generator=g))  # not one that is typed in
    apart = torch.zeros(())
    while apart < 5e-4:  # until no mistake gives the number of another one
        outliers, held_out, threshold = _scores(g, rate)
        answers = _areas(outliers, held_out), _shares(outliers, held_out, threshold, rate)
        apart = min(
            torch.stack([one, *known.values()]).sort()[0].diff().min() for one, known in answers
        )
    got = detection(outliers, held_out, rate)
    if not isinstance(got, tuple):
        return "return two numbers, the AUROC and the share of outliers that are caught"
    area, caught = got
    if area.shape != () or caught.shape != ():
        return f"both are one number; your shapes are {tuple(area.shape)} and {tuple(caught.shape)}"
    for mine, (wanted, known), number in zip(
        got, answers, ("AUROC", "share of caught"), strict=True
    ):
        if hint := compare(mine, wanted, known, rtol=1e-4, atol=1e-5, number=f"your {number}"):
            return hint
    return None
