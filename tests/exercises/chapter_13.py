"""Chapter 13: a solution of every exercise, and the likely mistakes with the hint for each."""

import math

import torch
from torch.distributions import Normal


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


def by_weights(w, means):
    return (w[..., None] * means).sum(0) / w.sum(0)[:, None]


SOLUTIONS = {"13.1": observed, "13.2": fill, "13.3": in_units}

RIGHT = []

MISTAKES = [
    ("13.1", lambda x, m, v: each(x.nan_to_num(), m, v), "for each row"),
    ("13.1", lambda x, m, v: each(x, m, v).sum(1), "a gap times zero"),
    ("13.1", lambda x, m, v: (each(x, m, v) * ~x.isnan()).sum(1), "a gap times zero"),
    ("13.1", lambda x, m, v: each(x.nan_to_num(), m, v).sum(1), "not a 0 that was seen"),
    ("13.1", lambda x, m, v: observed(x, m, v) / count(x), "averaged"),
    ("13.1", lambda x, m, v: observed(x, m, v) / count(x) * x.shape[1], "scaled up"),
    ("13.1", lambda x, m, v: observed(x, m, 2 * v), "log σ²"),
    ("13.1", lambda x, m, v: observed(x, m, v, without_constant), "constant"),
    (
        "13.1",
        lambda x, m, v: observed(
            x, m, v, lambda x, m, v: each(x, m, v) - 0.5 * (x - m) ** 2 / v.exp()
        ),
        "½ in front",
    ),
    ("13.1", lambda x, m, v: -observed(x, m, v), "its negative"),
    ("13.1", lambda x, m, v: observed(x, m, v) + 1, "should be"),
    ("13.1", lambda x, m, v: each(x, m, v).nan_to_num(0).sum(1), "gradient is NaN"),
    ("13.1", torch.no_grad()(observed), "has no gradient"),
    ("13.2", lambda w, m: w.softmax(0)[..., None] * m, "for each value"),
    ("13.2", lambda w, m: m.mean(0), "count alike"),
    ("13.2", lambda w, m: (w.exp()[..., None] * m).sum(0), "divide by their sum"),
    ("13.2", lambda w, m: (w.softmax(1)[..., None] * m).sum(0), "over the draws"),
    ("13.2", lambda w, m: ((w / w.sum(0))[..., None] * m).sum(0), "log of the weights"),
    ("13.2", lambda w, m: m[w.argmax(0), torch.arange(m.shape[1])], "largest weight"),
    ("13.2", lambda w, m: (w.softmax(0)[..., None] * m).mean(0), "no mean over"),
    ("13.2", lambda w, m: fill(w, m) + 1, "should be"),
    ("13.2", lambda w, m: by_weights(w.exp(), m), "underflows"),
    ("13.2", nearly_safe, "underflows"),
    ("13.2", lambda w, m: by_weights((w - w.max()).exp(), m), "underflows"),
    ("13.2", lambda w, m: by_weights((w - w.mean(0)).exp(), m), "underflows"),
    ("13.3", lambda p, s: p + s.log(), "sign"),
    ("13.3", lambda p, s: p / s, "divided by the scale"),
    ("13.3", lambda p, s: p - s, "logarithm of the scale"),
    ("13.3", lambda p, s: p - 0.5 * s.log(), "not s²"),
    ("13.3", lambda p, s: p.exp() / s, "its logarithm"),
    ("13.3", lambda p, s: p - s.log() + 1, "should be"),
]


def test_the_units_are_those_of_a_library():
    v = torch.tensor([171.0, 180.0])
    standard = Normal(0.0, 1.0).log_prob((v - 170) / 8)
    assert torch.allclose(in_units(standard, torch.tensor(8.0)), Normal(170.0, 8.0).log_prob(v))
