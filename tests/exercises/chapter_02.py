"""Chapter 2: a solution of every exercise, and the likely mistakes with the hint that each gets."""

import math

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torch.distributions import MultivariateNormal, Normal

LOG_2PI = math.log(2 * math.pi)


def kl_from_densities(log_p, log_q, x):
    return (log_p(x) - log_q(x)).mean()


def log_density_exp(x, half=0.5, constant=LOG_2PI, jacobian=1.0):
    z = x.log()
    return -half * z**2 - 0.5 * constant - jacobian * z


def log_density_wire(x, w, v, power=1.0, line=torch.outer, mean=0.0):
    covariance = line(w, w) + v**power * torch.eye(len(w))
    return MultivariateNormal(mean * w, covariance).log_prob(x)


def no_line(w, _):
    return torch.zeros(len(w), len(w))


def kl_by_classifier(x, y, labels=(1, 0), at=None, answer="decision_function", reduce=np.mean):
    rows = np.concatenate([x, y])
    classifier = LogisticRegression(C=1e6, max_iter=1000)
    classifier.fit(rows, np.repeat(labels, [len(x), len(y)]))
    return reduce(getattr(classifier, answer)(x if at is None else at))


def loss(x, y):
    labels, rows = np.repeat([1, 0], [len(x), len(y)]), np.concatenate([x, y])
    chances = LogisticRegression(C=1e6, max_iter=1000).fit(rows, labels).predict_proba(rows)
    return log_loss(labels, chances)


SOLUTIONS = {
    "2.1": kl_from_densities,
    "2.2": log_density_exp,
    "2.3": log_density_wire,
    "2.4": kl_by_classifier,
}

RIGHT = []

MISTAKES = [
    ("2.1", lambda p, q, x: p(x) - q(x), "one value per sample"),
    ("2.1", lambda p, q, x: (p(x) - q(x)).mean()[None], "One number is wanted"),
    ("2.1", lambda p, q, x: (q(x) - p(x)).mean(), "sign is turned"),
    ("2.1", lambda p, q, x: (p(x) - q(x)).sum(), "summed over the samples"),
    ("2.1", lambda p, q, x: (p(x).exp() * (p(x) - q(x))).mean(), "weight them by p"),
    ("2.1", lambda p, q, x: (p(x) - q(x)).exp().mean(), "That is the mean ratio"),
    ("2.1", lambda p, q, x: (p(x) - q(x)).exp().mean().log(), "not the logarithm of the mean"),
    ("2.1", lambda p, q, x: -q(x).mean(), "log p is missing"),
    ("2.1", lambda p, q, x: -p(x).mean(), "log q is missing"),
    ("2.1", lambda p, q, x: (p(x) / q(x)).mean(), "they are subtracted"),
    ("2.1", lambda p, q, x: (p(x) - q(x)).mean() + 1, "it should be"),
    ("2.1", lambda p, q, x: (p(x) - q(x)).sum() / 1000, "wrong for the next"),
    ("2.2", lambda x: log_density_exp(x).sum(), "each of the 4 points"),
    ("2.2", lambda x: log_density_exp(x, jacobian=0.0), "here df/dz, is missing"),
    ("2.2", lambda x: log_density_exp(x, jacobian=-1.0), "Jacobian has the wrong sign"),
    ("2.2", lambda x: log_density_exp(x, jacobian=0.0) - x, "its logarithm is not x"),
    ("2.2", lambda x: Normal(0, 1).log_prob(x) - x.log(), "which z is mapped to x"),
    ("2.2", lambda x: Normal(0, 1).log_prob(x), "invert f"),
    ("2.2", lambda x: log_density_exp(x, half=1.0), "factor ½ is missing in the exponent"),
    ("2.2", lambda x: log_density_exp(x, constant=0.0), "log 2π"),
    ("2.2", lambda x: log_density_exp(x).exp(), "its logarithm is wanted"),
    ("2.2", lambda x: -log_density_exp(x), "sign is turned"),
    ("2.2", lambda x: log_density_exp(x) + 1, "it should be"),
    ("2.3", lambda x, w, v: Normal(x * w, v).log_prob(x), "one value per dimension"),
    ("2.3", lambda *a: log_density_wire(*a).sum(), "each of the 5 rows"),
    ("2.3", lambda *a: log_density_wire(*a, power=2), "you squared it"),
    ("2.3", lambda *a: log_density_wire(*a, power=0.5), "its square root"),
    ("2.3", lambda *a: log_density_wire(*a, line=no_line), "line itself is missing"),
    ("2.3", lambda *a: log_density_wire(*a, line=lambda w, _: (w**2).diag()), "share one z"),
    (
        "2.3",
        lambda *a: log_density_wire(*a, line=lambda w, _: w @ w * torch.eye(3)),
        "is a number",
    ),
    ("2.3", lambda *a: log_density_wire(*a, line=no_line, mean=1.0), "integrated out"),
    ("2.3", lambda *a: log_density_wire(*a, mean=1.0), "x has mean 0"),
    ("2.3", lambda *a: log_density_wire(*a).exp(), "its logarithm is wanted"),
    ("2.3", lambda *a: log_density_wire(*a) + 1.5 * LOG_2PI, "log 2π"),
    ("2.3", lambda *a: 2 * log_density_wire(*a), "factor ½"),
    ("2.3", lambda *a: -log_density_wire(*a), "sign is turned"),
    ("2.3", lambda *a: log_density_wire(*a) / 3, "averaged over the dimensions"),
    ("2.3", lambda *a: log_density_wire(*a) + 1, "it should be"),
    ("2.3", lambda x, w, v: log_density_wire(x[:, :3], w[:3], v), "wrong for the next"),
    ("2.4", lambda *a: kl_by_classifier(*a, reduce=np.asarray), "one value per datum"),
    ("2.4", lambda x, y: 1.4, "wrong for the next"),
    ("2.4", lambda x, y: math.log(2) - loss(x, y), "log 2 minus the log-loss"),
    ("2.4", lambda *a: kl_by_classifier(*a, reduce=np.diff), "One number is wanted"),
    ("2.4", lambda *a: kl_by_classifier(*a, labels=(0, 1)), "which of the two did you label 1"),
    ("2.4", lambda x, y: kl_by_classifier(x, y, labels=(0, 1), at=y), "other direction"),
    ("2.4", lambda x, y: kl_by_classifier(x, y, at=y), "averaged over outputs"),
    (
        "2.4",
        lambda x, y: kl_by_classifier(x, y, at=np.concatenate([x, y])),
        "data and outputs give together",
    ),
    (
        "2.4",
        lambda *a: kl_by_classifier(*a, answer="predict_proba", reduce=lambda p: p[:, 1].mean()),
        "log-odds, decision_function",
    ),
    ("2.4", lambda *a: kl_by_classifier(*a, reduce=np.sum), "summed over the data"),
    ("2.4", lambda *a: kl_by_classifier(*a) + 3, "should be near"),
]
