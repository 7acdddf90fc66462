"""Chapter 13: a solution of every exercise, and the likely mistakes with the hint for each."""

import math

import numpy as np
import torch
from torch.distributions import Normal

import vaetut


def each(x, mean, log_var):
    return -0.5 * ((x - mean) ** 2 / log_var.exp() + log_var + math.log(2 * math.pi))


def observed(x, mean, log_var, density=each):
    gaps = x.isnan()
    return density(torch.where(gaps, mean.detach(), x), mean, log_var).masked_fill(gaps, 0).sum(1)


def count(x):
    return (~x.isnan()).sum(1)


def fill(log_weights, means):
    return (log_weights.softmax(0)[..., None] * means).sum(0)


def nearly_safe(log_weights, means):
    weights = log_weights.exp() + 1e-12
    return ((weights / weights.sum(0))[..., None] * means).sum(0)


def in_units(log_prob, scale):
    return log_prob - scale.log()


def without_constant(x, mean, log_var):
    return each(x, mean, log_var) + 0.5 * math.log(2 * math.pi)


def over_sigma(x, mean, log_var):
    return each(x, mean, log_var) + 0.5 * (x - mean) ** 2 * (
        (-log_var).exp() - (-log_var / 2).exp()
    )


def by_weights(w, means):
    return (w[..., None] * means).sum(0) / w.sum(0)[:, None]


def observed_by_loops(x, mean, log_var):
    totals = []
    for row in range(len(x)):
        total = 0.0  # which it stays in a row of gaps: so the list has a number among tensors
        for column in range(x.shape[1]):
            if x[row, column] == x[row, column]:  # NaN is not equal to itself
                q = Normal(mean[row, column], (0.5 * log_var[row, column]).exp())
                total = total + q.log_prob(x[row, column])
        totals.append(total)
    return totals


def observed_by_index(x, mean, log_var):
    rows, columns = (~x.isnan()).nonzero(as_tuple=True)
    terms = each(x[rows, columns], mean[rows, columns], log_var[rows, columns])
    return torch.zeros(len(x)).index_add(0, rows, terms)


def observed_by_scatter(x, mean, log_var):
    seen = x.isfinite()
    out = torch.zeros_like(mean)
    out[seen] = Normal(mean[seen], log_var[seen].exp().sqrt()).log_prob(x[seen])
    return out.sum(-1)


def observed_by_einsum(x, mean, log_var):
    seen = (~x.isnan()).float()
    off = torch.nan_to_num(x) - mean
    squares = torch.einsum("bd,bd,bd->b", off**2, (-log_var).exp(), seen)
    return -0.5 * (squares + (log_var * seen).sum(1) + seen.sum(1) * math.log(2 * math.pi))


def observed_in_place(x, mean, log_var):
    gaps = x.isnan()
    x[gaps] = 0
    x -= mean
    width = (0.5 * log_var).exp()
    return (Normal(0.0, width).log_prob(x) * ~gaps).sum(1)


def observed_with_no_distance(x, mean, log_var):
    squares = (x - mean).nan_to_num(0) ** 2 / log_var.exp()  # not x - mean, but 0, in a gap
    terms = squares + log_var + math.log(2 * math.pi)
    return torch.where(x.isnan(), 0, terms).sum(1) / -2


def observed_by_package(x, mean, log_var):
    gaps = x.isnan()
    seen = torch.where(gaps, 0, x)
    return torch.where(gaps, 0, vaetut.distributions.normal_log_prob(seen, mean, log_var)).sum(1)


def column_means(x, mean, log_var):
    return each(torch.where(x.isnan(), x.nanmean(0), x), mean, log_var).sum(1)


def without_nan_rows(x, mean, log_var):
    full = ~x.isnan().any(1)
    return torch.zeros(len(x)).masked_scatter(full, each(x, mean, log_var).sum(1)[full])


def without_nan_columns(x, mean, log_var):
    return each(x, mean, log_var)[:, ~x.isnan().any(0)].sum(1)


def fill_by_loops(log_weights, means):
    K, B, D = means.shape
    guesses = torch.zeros(B, D)
    for b in range(B):
        largest = max(log_weights[k, b] for k in range(K))
        weights = [(log_weights[k, b] - largest).exp() for k in range(K)]
        for k in range(K):
            guesses[b] += weights[k] / sum(weights) * means[k, b]
    return guesses


def fill_in_numpy(log_weights, means):
    log_weights, means = log_weights.double().numpy(), means.double().numpy()
    weights = np.exp(log_weights - np.logaddexp.reduce(log_weights, axis=0))
    return np.einsum("kb,kbd->bd", weights, means)


def fill_one_by_one(log_weights, means):
    total, guess = torch.full(means.shape[1:2], -math.inf), torch.zeros(means.shape[1:])
    for log_weight, mean in zip(log_weights, means, strict=True):  # as a stream of draws
        total = total.logaddexp(log_weight)
        guess = guess + (log_weight - total).exp()[:, None] * (mean - guess)
    return guess


def fill_in_place(log_weights, means):
    log_weights -= log_weights.amax(0)
    log_weights.exp_()
    log_weights /= log_weights.sum(0)
    means *= log_weights[:, :, None]
    return means.sum(0)


SOLUTIONS = {"13.1": observed, "13.2": fill, "13.3": in_units}

RIGHT = [
    ("13.1", observed_by_loops),
    ("13.1", observed_by_index),
    ("13.1", observed_by_scatter),
    ("13.1", observed_by_einsum),
    ("13.1", observed_in_place),
    ("13.1", observed_by_package),
    ("13.1", observed_with_no_distance),
    (
        "13.2",
        lambda w, m: (torch.distributions.Categorical(logits=w.T).probs.T[..., None] * m).sum(0),
    ),
    ("13.2", fill_by_loops),
    ("13.2", fill_in_numpy),
    ("13.2", fill_one_by_one),
    ("13.2", fill_in_place),
    ("13.2", lambda w, m: torch.einsum("kb,kbd->bd", (w - w.logsumexp(0)).exp(), m)),
    ("13.2", lambda w, m: [row.softmax(0) @ m[:, b] for b, row in enumerate(w.T)]),
    (
        "13.3",
        lambda p, s: (
            torch.distributions.TransformedDistribution(
                Normal(0.0, 1.0), torch.distributions.AffineTransform(0.0, s)
            ).log_prob(torch.zeros_like(s))
            + p
            - Normal(0.0, 1.0).log_prob(torch.tensor(0.0))
        ),
    ),
    ("13.3", lambda p, s: torch.add(p, s.log(), alpha=-1)),
    ("13.3", lambda p, s: p + torch.log(1 / s)),
    ("13.3", lambda p, s: p.sub_(torch.log2(s) * math.log(2))),
    (
        "13.3",
        lambda p, s: torch.stack(
            [
                torch.stack([a - math.log(b) for a, b in zip(*rows, strict=True)])
                for rows in zip(p, s.tolist(), strict=True)
            ]
        ),
    ),
    ("13.3", lambda p, s: p - torch.from_numpy(np.log(s.detach().numpy()))),
]

MISTAKES = [
    ("13.1", lambda x, m, v: each(x.nan_to_num(), m, v), "for each row"),
    ("13.1", lambda x, m, v: each(x, m, v).sum(1), "a gap times zero"),
    ("13.1", lambda x, m, v: (each(x, m, v) * ~x.isnan()).sum(1), "a gap times zero"),
    ("13.1", lambda x, m, v: each(x.nan_to_num(), m, v).sum(1), "not a 0 that was seen"),
    (
        "13.1",
        lambda x, m, v: each(torch.where(x.isnan(), m, x), m, v).sum(1),
        "pays the constant",
    ),
    ("13.1", column_means, "column's mean"),
    ("13.1", lambda x, m, v: observed(x.masked_fill(x == 0, math.nan), m, v), "is a value"),
    (
        "13.1",
        lambda x, m, v: torch.where(x.isnan(), each(x.nan_to_num(), m, v), 0).sum(1),
        "those that were observed",
    ),
    ("13.1", without_nan_rows, "still has columns"),
    ("13.1", without_nan_columns, "still counts in the others"),
    ("13.1", lambda x, m, v: observed(x, m, v) / count(x), "nothing but gaps"),
    ("13.1", lambda x, m, v: observed(x, m, v) / count(x).clamp(min=1), "averaged"),
    ("13.1", lambda x, m, v: observed(x, m, v) / x.shape[1], "averaged"),
    (
        "13.1",
        lambda x, m, v: observed(x, m, v) / count(x).clamp(min=1) * x.shape[1],
        "scaled up",
    ),
    ("13.1", lambda x, m, v: observed(x, m, 2 * v), "log σ²"),
    ("13.1", lambda x, m, v: observed(x, m, v, over_sigma), "not by σ"),
    ("13.1", lambda x, m, v: observed(x, m, v, without_constant), "constant"),
    (
        "13.1",
        lambda x, m, v: observed(x, m, v, without_constant) - 0.5 * math.log(2 * math.pi),
        "constant -½ log 2π once",
    ),
    (
        "13.1",
        lambda x, m, v: (
            observed(x, m, v, without_constant) - 0.5 * math.log(2 * math.pi) * x.shape[1]
        ),
        "gap has no constant",
    ),
    (
        "13.1",
        lambda x, m, v: observed(x, m, v) - 0.5 * (x.isnan() * (v + math.log(2 * math.pi))).sum(1),
        "constant",
    ),
    ("13.1", lambda x, m, v: observed(x, m, v, lambda *a: each(*a) + v / 2), "-½ log σ²"),
    ("13.1", lambda x, m, v: observed(x, m, v, lambda *a: each(*a) + v), "the sign of log σ²"),
    ("13.1", lambda x, m, v: observed(x, m, v, lambda *a: each(*a) - v / 2), "½ in front, too"),
    (
        "13.1",
        lambda x, m, v: observed(
            x, m, v, lambda x, m, v: each(x, m, v) - 0.5 * (x - m) ** 2 / v.exp()
        ),
        "½ in front",
    ),
    ("13.1", lambda x, m, v: -observed(x, m, v), "its negative"),
    ("13.1", lambda x, m, v: observed(x, m, v).exp(), "logarithm is wanted"),
    ("13.1", lambda x, m, v: observed(x, m, v) * 1.1, "should be"),
    ("13.1", lambda x, m, v: each(x, m, v).nan_to_num(0).sum(1), "thrown away"),
    ("13.1", lambda x, m, v: each(x, m, v).nansum(1), "thrown away"),
    (
        "13.1",
        lambda x, m, v: torch.where(x.isnan(), 0.0, each(x, m, v)).sum(1),
        "thrown away",
    ),
    ("13.1", torch.no_grad()(observed), "has no gradient"),
    ("13.1", lambda x, m, v: observed(x, m, v.detach()), "not its gradient"),
    ("13.2", lambda w, m: w.softmax(0)[..., None] * m, "for each value"),
    ("13.2", lambda w, m: (w.softmax(0)[..., None] * m).sum(1), "not over the rows"),
    ("13.2", lambda w, m: m.mean(0), "count alike"),
    ("13.2", lambda w, m: m.sum(0), "sum over the draws"),
    ("13.2", lambda w, m: (w.exp()[..., None] * m).sum(0), "divide by their sum"),
    ("13.2", lambda w, m: (w.exp()[..., None] * m).mean(0), "not by their number"),
    ("13.2", lambda w, m: (w.softmax(1)[..., None] * m).sum(0), "over the draws"),
    (
        "13.2",
        lambda w, m: (w.exp()[..., None] * m).sum(0) / w.exp().sum(),
        "all rows together",
    ),
    (
        "13.2",
        lambda w, m: (w.exp().sum(1).view(-1, 1, 1) * m).sum(0) / w.exp().sum(),
        "added them up",
    ),
    ("13.2", lambda w, m: ((w / w.sum(0))[..., None] * m).sum(0), "log of the weights"),
    ("13.2", lambda w, m: (w[..., None] * m).sum(0), "must sum to 1"),
    ("13.2", lambda w, m: (w.log_softmax(0)[..., None] * m).sum(0), "averaged the logarithms"),
    ("13.2", lambda w, m: m[w.argmax(0), torch.arange(m.shape[1])], "largest weight"),
    ("13.2", lambda w, m: fill(-w, m), "counts more"),
    ("13.2", lambda w, m: fill(w / 2, m), "no ½"),
    ("13.2", lambda w, m: fill(2 * w, m), "no square"),
    ("13.2", lambda w, m: fill(w.softmax(0), m), "twice"),
    ("13.2", lambda w, m: by_weights(2**w, m), "natural"),
    ("13.2", lambda w, m: by_weights(10**w, m), "base 10"),
    ("13.2", lambda w, m: (w.softmax(0)[..., None] * m).mean(0), "no mean over"),
    ("13.2", lambda w, m: fill(w, m) * len(w), "multiplied by their number"),
    ("13.2", lambda w, m: fill(w, m) + 1, "should be"),
    ("13.2", lambda w, m: fill(w, m) * torch.nan, "should be"),
    ("13.2", lambda w, m: by_weights(w.exp(), m), "underflows"),
    ("13.2", lambda w, m: by_weights(w.double().exp(), m), "underflows"),
    ("13.2", nearly_safe, "underflows"),
    ("13.2", lambda w, m: by_weights((w - w.max()).exp(), m), "underflows"),
    ("13.2", lambda w, m: by_weights((w - w.mean(0)).exp(), m), "flows"),
    ("13.2", lambda w, m: by_weights((w.clamp(max=50) - w.amin(0)).exp(), m), "flows"),
    ("13.2", lambda w, m: by_weights((w - w.amax(0).clamp(max=0)).exp(), m), "overflows"),
    ("13.3", lambda p, s: (p - s.log()).sum(), "for each that is given"),
    ("13.3", lambda p, s: p + s.log(), "sign"),
    ("13.3", lambda p, s: p / s, "divided by the scale"),
    ("13.3", lambda p, s: p * s, "and multiplied"),
    ("13.3", lambda p, s: p - s, "logarithm of the scale"),
    ("13.3", lambda p, s: p + s, "logarithm of the scale"),
    ("13.3", lambda p, s: p - 0.5 * s.log(), "not s²"),
    ("13.3", lambda p, s: p - 2 * s.log(), "by s once"),
    ("13.3", lambda p, s: p.exp() / s, "its logarithm"),
    ("13.3", lambda p, s: p - s.log2(), "natural"),
    ("13.3", lambda p, s: p - s.log10(), "natural"),
    ("13.3", lambda p, s: p - s.log1p(), "no 1 +"),
    ("13.3", lambda p, s: p - s.log().sum(1, keepdim=True), "nothing is summed"),
    ("13.3", lambda p, s: p - s.log().abs(), "no absolute value"),
    ("13.3", lambda p, s: p, "has to appear"),
    ("13.3", lambda p, s: s.log() - p, "not the cost"),
    ("13.3", lambda p, s: p - s.log() + 1, "should be"),
    ("13.3", lambda p, s: (p.double().exp() / s).log(), "near -1,000"),
    ("13.3", lambda p, s: (p.exp() / s).log(), "near -1,000"),
    ("13.3", lambda p, s: (p.exp() / s).clamp(min=1e-30).log(), "near -1,000"),
    ("13.3", lambda p, s: torch.where(p < 0, p - s.log(), (p.exp() / s).log()), "near 1,000"),
    ("13.3", lambda p, s: (p - s.log()).detach(), "has no gradient"),
    ("13.3", lambda p, s: p.detach() - s.log() + 0 * p, "not its gradient"),
]


def test_the_units_are_those_of_a_library():
    v = torch.tensor([171.0, 180.0])
    standard = Normal(0.0, 1.0).log_prob((v - 170) / 8)
    assert torch.allclose(in_units(standard, torch.tensor(8.0)), Normal(170.0, 8.0).log_prob(v))
