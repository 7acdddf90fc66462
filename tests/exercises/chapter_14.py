"""Chapter 14: a solution of every exercise, and the likely mistakes with the hint for each."""

import math

import torch
from torch.distributions import Poisson
from torch.special import gammaincc


def bits_per_value(neg_log_prob, input_dim):
    return neg_log_prob.mean() / (input_dim * math.log(2))


def plain(x, log_mean, most):
    return Poisson(log_mean.exp()).log_prob(x)


def inside(log_mean, most):
    return gammaincc(torch.tensor(most + 1.0), log_mean.exp())


def capped_log_prob(x, log_mean, most):
    every = torch.arange(most + 1.0).view(-1, *[1] * log_mean.ndim)
    return plain(x, log_mean, most) - plain(every, log_mean, most).logsumexp(0)


SOLUTIONS = {"14.1": bits_per_value, "14.2": capped_log_prob}

RIGHT = []

MISTAKES = [
    ("14.1", lambda n, d: n / (d * math.log(2)), ", one number"),
    ("14.1", lambda n, d: n.mean() / d, "a bit is log 2 of them"),
    ("14.1", lambda n, d: n.mean() * math.log(2) / d, "divide by log 2"),
    ("14.1", lambda n, d: n.mean() / math.log(2), "bits per image"),
    ("14.1", lambda n, d: n.sum() / (d * math.log(2)), "summed"),
    ("14.1", lambda n, d: n.mean() / (d * math.log10(2)), "natural"),
    ("14.1", lambda n, d: -bits_per_value(n, d), "positive"),
    ("14.1", lambda n, d: bits_per_value(n, d) + 1, "should be"),
    ("14.2", lambda x, m, n: capped_log_prob(x, m, n).sum(1), "for each count"),
    ("14.2", lambda x, m, n: plain(x, m, n) - inside(m, n).log(), "logsumexp"),
    ("14.2", plain, "without an end"),
    ("14.2", lambda x, m, n: plain(x, m, n) + inside(m, n).log(), "sign"),
    ("14.2", lambda x, m, n: plain(x, m, n) - inside(m, n - 1).log(), "itself is allowed"),
    ("14.2", lambda x, m, n: plain(x, m, n) - inside(m, n), "logarithm of the chance"),
    ("14.2", lambda x, m, n: plain(x, m, n) - (1 - inside(m, n)).log(), "that of more"),
    (
        "14.2",
        lambda x, m, n: capped_log_prob(x, m.log(), n),
        "logarithm of the mean",
    ),
    ("14.2", lambda x, m, n: capped_log_prob(x, m, n).exp(), "its logarithm"),
    ("14.2", lambda x, m, n: capped_log_prob(x, m, n) + 1, "should be"),
]


def test_the_chances_add_up_to_one():
    log_mean = torch.tensor([[2.5]]).expand(17, 1)
    total = capped_log_prob(torch.arange(17.0)[:, None], log_mean, 16).exp().sum()
    assert torch.isclose(total, torch.tensor(1.0), rtol=1e-5)
