"""Chapters 9 and 9b: a solution of every exercise, and the likely mistakes with their hints."""

import math
from itertools import combinations

import numpy as np
import torch
from scipy import stats
from scipy.special import logsumexp
from sklearn.metrics import roc_auc_score


def groups(log_w, K):
    return log_w.reshape(-1, K, log_w.shape[1])


def bound_from_weights(log_w, K):
    return (math.log(K) - groups(log_w, K).logsumexp(1)).mean(0)


def bound_by_strides(log_w, K):
    return -np.mean(logsumexp(log_w.numpy().reshape(K, -1, log_w.shape[1]), 0), 0) + np.log(K)


def bound_of_shuffled(log_w, K):
    return bound_from_weights(log_w[torch.randperm(len(log_w))], K)


def bound_of_all_groups(log_w, K):
    every = torch.tensor(list(combinations(range(len(log_w)), K)))
    return math.log(K) - log_w[every].logsumexp(1).mean(0)


def bound_image_by_image(log_w, K):
    bounds = []
    for column in log_w.T.tolist():
        terms = []
        for start in range(0, len(column), K):
            group = column[start : start + K]
            top = max(group)
            terms.append(-top - math.log(sum(math.exp(each - top) for each in group) / K))
        bounds.append(sum(terms) / len(terms))
    return bounds


def bound_in_place(log_w, K):
    top = log_w.amax(0)
    log_w -= top
    means = torch.stack([part.exp_().mean(0) for part in log_w.double().split(K)])
    return -means.log().mean(0) - top


def sorted_bound(log_w, K):
    return bound_from_weights(log_w.sort(0).values, K)


def bound_by_largest_of_all(log_w, K):
    top = log_w.max()
    return -groups((log_w - top).exp(), K).mean(1).log().mean(0) - top


def error_by_largest_of_all(log_w):
    w = (log_w - log_w.max()).exp()
    return w.std(0) / w.mean(0) / len(w) ** 0.5


def relative(log_w):
    w = (log_w - log_w.amax(0)).exp()
    return w.std(0) / w.mean(0)


def standard_error(log_w):
    return relative(log_w) / len(log_w) ** 0.5


def error_by_squares(log_w):
    w = torch.softmax(log_w.double(), 0)  # adds up to 1: the mean is 1 / K
    K = len(w)
    return ((K * (w**2).sum(0) - 1) / K).sqrt()


def error_by_logarithms(log_w):
    K = len(log_w)
    log_mean = log_w.logsumexp(0) - math.log(K)
    log_mean_square = (2 * log_w).logsumexp(0) - math.log(K)
    return (torch.expm1(log_mean_square - 2 * log_mean) / K).sqrt()


def error_by_scipy(log_w):
    w = np.exp(log_w.numpy() - np.max(log_w.numpy(), 0))
    return stats.variation(w, 0, ddof=1) / math.sqrt(len(w))


def error_image_by_image(log_w):
    errors = []
    for column in log_w.T:
        w = [math.exp(each - float(column.max())) for each in column.tolist()]
        mean = sum(w) / len(w)
        square = sum(each**2 for each in w) / len(w)
        errors.append(math.sqrt((square / mean**2 - 1) / len(w)))
    return errors


def error_in_place(log_w):
    log_w -= log_w.logsumexp(0) - math.log(len(log_w))
    w = log_w.exp_()  # relative to their mean
    return torch.linalg.vector_norm(w - 1, dim=0) / len(w)


def lead_of_second(first, second):
    change = first - second
    return change.mean(), change.std() / len(change) ** 0.5


def lead_by_the_covariance(first, second):
    covariance = torch.stack([first, second]).double().cov()
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    return first.mean() - second.mean(), (variance / len(first)).sqrt()


def lead_in_numpy(first, second):
    change = first.numpy() - second.numpy()
    return np.array([change.mean(), stats.sem(change)])


def lead_by_a_test(first, second):
    lead = float((first - second).mean())
    return lead, lead / stats.ttest_rel(first.numpy(), second.numpy()).statistic


def lead_in_a_loop(first, second):
    changes = [one - other for one, other in zip(first.tolist(), second.tolist(), strict=True)]
    mean = sum(changes) / len(changes)
    variance = sum((change - mean) ** 2 for change in changes) / (len(changes) - 1)
    return [mean, math.sqrt(variance / len(changes))]


def lead_in_place(first, second):
    second -= first
    second.neg_()
    lead = second.mean()
    second -= lead
    return lead, second.norm() / len(second)


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


def spoiled_by_stacking(log_p, share, D):
    logs = torch.stack([log_p, torch.full_like(log_p, -D * math.log(2))])
    return -(logs + torch.tensor([[share], [1 - share]]).log()).logsumexp(0)


def spoiled_in_numpy(log_p, share, D):
    coins = np.log1p(-share) - D * np.log(2)
    return -np.logaddexp(np.log(share) + log_p.double().numpy(), coins)


def spoiled_by_softplus(log_p, share, D):
    model, coins = log_p + math.log(share), math.log(1 - share) - D * math.log(2)
    return -coins - torch.nn.functional.softplus(model - coins)


def spoiled_one_by_one(log_p, share, D):
    losses = []
    for each in log_p.tolist():
        a, b = math.log(share) + each, math.log(1 - share) + D * math.log(0.5)
        losses.append(-max(a, b) - math.log1p(math.exp(-abs(a - b))))
    return losses


def spoiled_in_place(log_p, share, D):
    coins = torch.full_like(log_p, D).mul_(-math.log(2)).add_(math.log(1 - share))
    return torch.logaddexp(log_p.add_(math.log(share)), coins).neg_()


def naive_spoiled(log_p, share, D):
    return -(share * log_p.exp() + (1 - share) * 2.0**-D).log()


def auroc(outliers, held_out, tie=0.5):
    one, other = outliers[:, None], held_out
    return ((one > other).float() + tie * (one == other)).mean()


def caught(outliers, held_out, rate):
    return (outliers > held_out.quantile(1 - rate)).float().mean()


def detection(outliers, held_out, rate):
    return auroc(outliers, held_out), caught(outliers, held_out, rate)


def detection_by_sklearn(outliers, held_out, rate):
    labels = np.r_[np.ones(len(outliers)), np.zeros(len(held_out))]
    area = roc_auc_score(labels, torch.cat([outliers, held_out]).numpy())
    threshold = np.quantile(held_out.numpy(), 1 - rate)
    return area, np.mean(outliers.numpy() > threshold)


def detection_by_ranks(outliers, held_out, rate):
    M, N = len(outliers), len(held_out)
    ranks = stats.rankdata(torch.cat([outliers, held_out]).numpy())[:M]  # means of ties
    kept = held_out.sort().values[: math.ceil((1 - rate) * N)]
    return (ranks.sum() - M * (M + 1) / 2) / (M * N), float((outliers > kept[-1]).sum()) / M


def detection_by_u(outliers, held_out, rate):
    u = stats.mannwhitneyu(outliers.numpy(), held_out.numpy()).statistic
    missed = outliers <= torch.quantile(held_out.double(), 1 - rate)
    return [u / len(outliers) / len(held_out), 1 - missed.double().mean()]


def detection_in_a_loop(outliers, held_out, rate):
    below, ordered = 0.0, sorted(held_out.tolist())
    for one in outliers.tolist():
        below += sum(other < one for other in ordered) + 0.5 * ordered.count(one)
    threshold = ordered[int((1 - rate) * (len(ordered) - 1))]
    share = sum(one > threshold for one in outliers.tolist()) / len(outliers)
    return below / len(outliers) / len(ordered), share


def detection_by_search(outliers, held_out, rate):
    ordered = held_out.sort().values
    left, right = (
        torch.searchsorted(ordered, outliers, side=s).double() for s in ("left", "right")
    )
    k = round((1 - rate) * len(held_out))
    return (left + right).mean() / 2 / len(held_out), (
        outliers > held_out.kthvalue(k)[0]
    ).double().mean()


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

RIGHT = [
    ("9.1", bound_by_strides),
    ("9.1", bound_of_shuffled),
    ("9.1", bound_of_all_groups),
    ("9.1", bound_image_by_image),
    ("9.1", bound_in_place),
    ("9.2", error_by_squares),
    ("9.2", error_by_logarithms),
    ("9.2", error_by_scipy),
    ("9.2", error_image_by_image),
    ("9.2", error_in_place),
    ("9.3", lead_by_the_covariance),
    ("9.3", lead_in_numpy),
    ("9.3", lead_by_a_test),
    ("9.3", lead_in_a_loop),
    ("9.3", lead_in_place),
    ("9.5", spoiled_by_stacking),
    ("9.5", spoiled_in_numpy),
    ("9.5", spoiled_by_softplus),
    ("9.5", spoiled_one_by_one),
    ("9.5", spoiled_in_place),
    ("9.6", detection_by_sklearn),
    ("9.6", detection_by_ranks),
    ("9.6", detection_by_u),
    ("9.6", detection_in_a_loop),
    ("9.6", detection_by_search),
]

MISTAKES = [
    ("9.1", lambda log_w, K: bound_from_weights(log_w, K).mean(), "for all images"),
    ("9.1", lambda log_w, K: -log_w, "for each image"),
    ("9.1", lambda log_w, K: -bound_from_weights(log_w, K), "sign is turned"),
    ("9.1", lambda log_w, K: -log_w.mean(0), "average of the logarithms"),
    ("9.1", lambda log_w, K: bound_from_weights(log_w, K) - math.log(K), "log K is missing"),
    ("9.1", lambda log_w, K: bound_from_weights(log_w, K) - 2 * math.log(K), "log K has the wrong"),
    ("9.1", lambda log_w, K: bound_from_weights(log_w, len(log_w)), "in one group"),
    ("9.1", lambda log_w, K: bound_from_weights(log_w[:K], K), "nly the first K"),
    ("9.1", lambda log_w, K: bound_from_weights(log_w[-K:], K), "nly the last K"),
    (
        "9.1",
        lambda log_w, K: (math.log(K) - log_w.reshape(-1, log_w.shape[1], K).logsumexp(-1)).mean(0),
        "mix the images",
    ),
    (
        "9.1",
        lambda log_w, K: bound_from_weights(log_w, K) + math.log(len(log_w) / K**2),
        "number of groups",
    ),
    ("9.1", lambda log_w, K: bound_from_weights(log_w, len(log_w) // K), "ou have K groups; you"),
    (
        "9.1",
        lambda log_w, K: (math.log(K) - log_w.reshape(K, -1, log_w.shape[1]).logsumexp(1)).mean(0),
        "and divide by K",
    ),
    ("9.1", lambda log_w, K: bound_from_weights(log_w, K) * (len(log_w) / K), "a sum over"),
    ("9.1", lambda log_w, K: groups(log_w, K).exp().mean(1).mean(0), "the mean itself"),
    ("9.1", lambda log_w, K: -groups(log_w, K).logsumexp(1).amax(0) + math.log(K), "best of your"),
    ("9.1", lambda log_w, K: bound_from_weights(log_w, K) + 1, "it should be"),
    ("9.1", lambda log_w, K: -groups(log_w, K).exp().mean(1).log().mean(0), "logsumexp"),
    ("9.1", lambda log_w, K: bound_from_weights(log_w.clamp(max=80), K), "overflows"),
    ("9.1", bound_by_largest_of_all, "each image needs its own"),
    ("9.1", sorted_bound, "must not depend on its weight"),
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
    ("9.2", lambda log_w: standard_error(log_w) / len(log_w), "sum of the weights"),
    ("9.2", lambda log_w: 3 * standard_error(log_w), "it should be"),
    ("9.2", lambda log_w: relative(log_w) / 20, "it should be"),
    (
        "9.2",
        lambda log_w: log_w.exp().std(0) / log_w.exp().mean(0) / len(log_w) ** 0.5,
        "common factor",
    ),
    ("9.2", lambda log_w: error_by_squares(log_w.clamp(max=80)), "common factor"),
    ("9.2", error_by_largest_of_all, "each image needs its own"),
    ("9.3", lambda *a: lead_of_second(*a)[0], "two things"),
    ("9.3", lambda first, second: (first - second, first), "oth are one number"),
    ("9.3", lead(lambda *a: -lead_of_second(*a)[0]), "sign of the lead"),
    ("9.3", lead(lambda first, second: (first - second).sum()), "you summed"),
    ("9.3", lead(lambda first, second: (first - second).abs().mean()), "without signs"),
    ("9.3", lead(lambda first, second: (first - second).median()), "a median"),
    ("9.3", lead(lambda first, second: (first > second).float().mean()), "the share of images"),
    ("9.3", lead(lambda first, second: 1 - second.mean() / first.mean()), "is relative"),
    ("9.3", lead(lambda first, second: first.mean()), "your lead is"),
    ("9.3", lead(lambda *a: lead_of_second(*a)[0].abs()), "no sign"),
    ("9.3", error(lambda first, second: (first - second).std()), "the standard deviation"),
    ("9.3", error(lambda first, second: (first - second).std() / len(first)), "divided by N"),
    ("9.3", error(lambda first, second: mean_error(first - second) ** 2), "is a variance"),
    (
        "9.3",
        error(lambda first, second: math.hypot(mean_error(first), mean_error(second))),
        "image by image",
    ),
    ("9.3", error(lambda first, second: mean_error(first)), "one model's NLL"),
    ("9.3", error(lambda first, second: mean_error(second)), "model's NLL, not of the difference"),
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
    ("9.3", error(lambda first, second: 1.96 * mean_error(first - second)), "one is wanted"),
    ("9.3", error(lambda first, second: (first - second).norm() / len(first)), "not subtracted"),
    ("9.3", error(lambda first, second: 3 * mean_error(first - second)), "our standard error is"),
    ("9.5", lambda *a: spoiled(*a).mean(), "for all images"),
    ("9.5", lambda *a: spoiled(*a)[:1], "for each image"),
    ("9.5", lambda *a: -spoiled(*a), "sign is turned"),
    ("9.5", lambda log_p, share, D: spoiled(log_p, 1 - share, D), "exchanged"),
    ("9.5", lambda *a: spoiled(*a, coins=1.0), "not 1"),
    ("9.5", lambda log_p, share, D: spoiled(log_p, 1.0, D, coins=1.0), "shares are missing"),
    ("9.5", lambda *a: spoiled(*a, bits=1), "make 2^D images"),
    ("9.5", lambda log_p, share, D: spoiled(log_p, share, D, bits=-D), "is small"),
    ("9.5", lambda log_p, share, D: spoiled(log_p, share, D, bits=D / math.log(2)), "in bits"),
    ("9.5", lambda log_p, share, D: spoiled(-log_p, share, D), "for an NLL"),
    (
        "9.5",
        lambda log_p, share, D: -(share * log_p - (1 - share) * D * math.log(2)),
        "average of two NLLs",
    ),
    (
        "9.5",
        lambda log_p, share, D: (
            -(share * log_p).logaddexp(torch.tensor((share - 1) * D * math.log(2)))
        ),
        "not their logarithms",
    ),
    (
        "9.5",
        lambda log_p, share, D: (
            -(math.log(share) + log_p).clamp(min=math.log(1 - share) - D * math.log(2))
        ),
        "add both",
    ),
    ("9.5", lambda log_p, share, D: -(math.log(share) + log_p), "nly the model's part"),
    ("9.5", lambda *a: (-spoiled(*a)).exp(), "is the probability"),
    ("9.5", lambda *a: spoiled(*a) + 1, "it should be"),
    ("9.5", naive_spoiled, "logaddexp"),
    ("9.5", lambda log_p, share, D: naive_spoiled(log_p.double(), share, D), "logaddexp"),
    ("9.6", lambda *a: detection(*a)[0], "two numbers"),
    ("9.6", lambda outliers, held_out, rate: (outliers, held_out), "oth are one number"),
    ("9.6", area(lambda outliers, held_out: auroc(held_out, outliers)), "of the held-out"),
    ("9.6", area(lambda *a: auroc(*a, tie=0.0)), "as nothing"),
    ("9.6", area(lambda *a: auroc(*a, tie=1.0)), "in full"),
    (
        "9.6",
        area(
            lambda one, other: auroc(one, other, tie=0.0) / (one[:, None] != other).float().mean()
        ),
        "are left out",
    ),
    ("9.6", area(lambda *a: auroc(*a) * len(a[0]) * len(a[1])), "number of pairs"),
    ("9.6", area(lambda one, other: (one > other.mean()).float().mean()), "compare all pairs"),
    ("9.6", area(lambda *a: auroc(*a) / 2), "our AUROC is"),
    ("9.6", share(lambda *a: 1 - caught(*a)), "are missed"),
    (
        "9.6",
        share(lambda outliers, held_out, rate: caught(outliers, outliers, rate)),
        "taken from the outliers",
    ),
    (
        "9.6",
        share(lambda one, other, rate: caught(one, torch.cat([one, other]), rate)),
        "taken from all examples",
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
    ("9.6", share(lambda *a: caught(*a) * len(a[0])), "their share is wanted"),
    ("9.6", share(lambda *a: caught(*a) + 0.003), "our share of caught"),
]
