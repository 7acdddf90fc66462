"""Chapters 9 and 9b: a solution of every exercise, and the likely mistakes with their hints."""

import math

import torch


def groups(log_w, K):
    return log_w.reshape(-1, K, log_w.shape[1])


def bound_from_weights(log_w, K):
    return (math.log(K) - groups(log_w, K).logsumexp(1)).mean(0)


def relative(log_w):
    w = (log_w - log_w.amax(0)).exp()
    return w.std(0) / w.mean(0)


def standard_error(log_w):
    return relative(log_w) / len(log_w) ** 0.5


def lead_of_second(first, second):
    change = first - second
    return change.mean(), change.std() / len(change) ** 0.5


def lead(change):
    """Make an answer to 9.3 whose lead is `change(first, second)`."""
    return lambda *args: (change(*args), lead_of_second(*args)[1])


def error(change):
    """Make an answer to 9.3 whose standard error is `change(first, second)`."""
    return lambda *args: (lead_of_second(*args)[0], change(*args))


def mean_error(values):
    return values.std() / len(values) ** 0.5


def spoiled(log_p, share, D, coins=None, bits=None):
    coins = 1 - share if coins is None else coins
    bits = D if bits is None else bits
    other = torch.tensor(math.log(coins) - bits * math.log(2))
    return -torch.logaddexp(math.log(share) + log_p, other)


def auroc(outliers, held_out, tie=0.5):
    one, other = outliers[:, None], held_out
    return ((one > other).float() + tie * (one == other)).mean()


def caught(outliers, held_out, rate):
    return (outliers > held_out.quantile(1 - rate)).float().mean()


def detection(outliers, held_out, rate):
    return auroc(outliers, held_out), caught(outliers, held_out, rate)


def area(change):
    """Make an answer to 9.6 whose AUROC is `change(outliers, held_out)`."""
    return lambda outliers, held_out, rate: (
        change(outliers, held_out),
        caught(outliers, held_out, rate),
    )


def share(change):
    """Make an answer to 9.6 whose share of caught is `change(outliers, held_out, rate)`."""
    return lambda *args: (auroc(*args[:2]), change(*args))


SOLUTIONS = {
    "9.1": bound_from_weights,
    "9.2": standard_error,
    "9.3": lead_of_second,
    "9.5": spoiled,
    "9.6": detection,
}

RIGHT = []

MISTAKES = [
    ("9.1", lambda log_w, K: bound_from_weights(log_w, K).mean(), "for all images"),
    ("9.1", lambda log_w, K: -log_w, "for each image"),
    ("9.1", lambda log_w, K: -bound_from_weights(log_w, K), "sign is turned"),
    ("9.1", lambda log_w, K: -log_w.mean(0), "average of the logarithms"),
    ("9.1", lambda log_w, K: bound_from_weights(log_w, K) - math.log(K), "log K is missing"),
    ("9.1", lambda log_w, K: bound_from_weights(log_w, K) - 2 * math.log(K), "log K has the wrong"),
    ("9.1", lambda log_w, K: bound_from_weights(log_w, len(log_w)), "in one group"),
    ("9.1", lambda log_w, K: bound_from_weights(log_w[:K], K), "nly the first K"),
    (
        "9.1",
        lambda log_w, K: (math.log(K) - log_w.reshape(3, -1, K).logsumexp(-1)).mean(0),
        "mix the images",
    ),
    (
        "9.1",
        lambda log_w, K: bound_from_weights(log_w, K) + math.log(len(log_w) / K**2),
        "number of groups",
    ),
    ("9.1", lambda log_w, K: bound_from_weights(log_w, K) + 1, "it should be"),
    ("9.1", lambda log_w, K: -groups(log_w, K).exp().mean(1).log().mean(0), "logsumexp"),
    ("9.2", lambda log_w: standard_error(log_w).mean(), "for all images"),
    ("9.2", lambda log_w: log_w, "for each image"),
    ("9.2", relative, "of one weight"),
    ("9.2", lambda log_w: standard_error(log_w).square(), "is the variance"),
    ("9.2", lambda log_w: relative(log_w) / len(log_w), "divided by K"),
    ("9.2", lambda log_w: log_w.exp().std(0) / len(log_w) ** 0.5, "of the mean weight"),
    ("9.2", lambda log_w: log_w.std(0) / len(log_w) ** 0.5, "mean of log w"),
    (
        "9.2",
        lambda log_w: (standard_error(log_w).square() + 1 / len(log_w)).sqrt(),
        "- 1 is missing",
    ),
    ("9.2", lambda log_w: 3 * standard_error(log_w), "it should be"),
    (
        "9.2",
        lambda log_w: log_w.exp().std(0) / log_w.exp().mean(0) / len(log_w) ** 0.5,
        "common factor",
    ),
    ("9.3", lambda *a: lead_of_second(*a)[0], "two things"),
    ("9.3", lambda first, second: (first - second, first), "oth are one number"),
    ("9.3", lead(lambda *a: -lead_of_second(*a)[0]), "sign of the lead"),
    ("9.3", lead(lambda first, second: (first - second).sum()), "you summed"),
    ("9.3", lead(lambda first, second: (first - second).abs().mean()), "no sign"),
    ("9.3", lead(lambda first, second: first.mean()), "your lead is"),
    ("9.3", lead(lambda *a: lead_of_second(*a)[0].abs()), "change its sign"),
    ("9.3", error(lambda first, second: (first - second).std()), "the standard deviation"),
    ("9.3", error(lambda first, second: (first - second).std() / len(first)), "divided by N"),
    ("9.3", error(lambda first, second: mean_error(first - second) ** 2), "is a variance"),
    (
        "9.3",
        error(lambda first, second: math.hypot(mean_error(first), mean_error(second))),
        "image by image",
    ),
    ("9.3", error(lambda first, second: mean_error(first)), "one model's NLL"),
    (
        "9.3",
        error(lambda first, second: mean_error(first) - mean_error(second)),
        "difference of two errors",
    ),
    (
        "9.3",
        error(lambda first, second: mean_error(first) + mean_error(second)),
        "errors are added",
    ),
    ("9.3", error(lambda first, second: 3 * mean_error(first - second)), "your error is"),
    ("9.5", lambda *a: spoiled(*a).mean(), "for all images"),
    ("9.5", lambda *a: spoiled(*a)[:2], "for each image"),
    ("9.5", lambda *a: -spoiled(*a), "sign is turned"),
    ("9.5", lambda log_p, share, D: spoiled(log_p, 1 - share, D), "exchanged"),
    ("9.5", lambda *a: spoiled(*a, coins=1.0), "not 1"),
    ("9.5", lambda log_p, share, D: spoiled(log_p, 1.0, D, coins=1.0), "shares are missing"),
    ("9.5", lambda *a: spoiled(*a, bits=1), "make 2^D images"),
    ("9.5", lambda log_p, share, D: spoiled(log_p, share, D, bits=-D), "is small"),
    (
        "9.5",
        lambda log_p, share, D: -(share * log_p - (1 - share) * D * math.log(2)),
        "average of two NLLs",
    ),
    ("9.5", lambda log_p, share, D: -(math.log(share) + log_p), "nly the model's part"),
    ("9.5", lambda *a: (-spoiled(*a)).exp(), "is the probability"),
    ("9.5", lambda *a: spoiled(*a) + 1, "it should be"),
    (
        "9.5",
        lambda log_p, share, D: -(share * log_p.exp() + (1 - share) * 2.0**-D).log(),
        "logaddexp",
    ),
    ("9.6", lambda *a: detection(*a)[0], "two numbers"),
    ("9.6", lambda outliers, held_out, rate: (outliers, held_out), "oth are one number"),
    ("9.6", area(lambda outliers, held_out: auroc(held_out, outliers)), "of the held-out"),
    ("9.6", area(lambda *a: auroc(*a, tie=0.0)), "as nothing"),
    ("9.6", area(lambda *a: auroc(*a, tie=1.0)), "in full"),
    ("9.6", area(lambda *a: auroc(*a) * len(a[0]) * len(a[1])), "number of pairs"),
    ("9.6", area(lambda *a: auroc(*a) / 2), "your AUROC is"),
    ("9.6", share(lambda *a: 1 - caught(*a)), "are missed"),
    (
        "9.6",
        share(lambda outliers, held_out, rate: caught(outliers, outliers, rate)),
        "taken from the outliers",
    ),
    ("9.6", share(lambda outliers, held_out, rate: caught(outliers, held_out, 1 - rate)), "below"),
    (
        "9.6",
        share(lambda outliers, held_out, rate: caught(held_out, held_out, rate)),
        "the outliers' is wanted",
    ),
    (
        "9.6",
        share(
            lambda outliers, held_out, rate: (
                (outliers >= held_out.quantile(1 - rate)).float().mean()
            )
        ),
        "not on it",
    ),
    ("9.6", share(lambda *a: caught(*a) / 3), "your share of caught"),
]
