"""Chapter 1: a solution of every exercise, and the likely mistakes with the hint that each gets."""

import math

import torch
from torch.nn import functional as F

LOG_2PI = math.log(2 * math.pi)


def cost_of(x, x_hat):
    return -(x * x_hat.log() + (1 - x) * (1 - x_hat).log()).sum(-1)


def turned(encode, decode, R):
    return lambda x: encode(x) @ R.T, lambda z: decode(z @ R)


def log_mixture(x, weights, means, variances, constant=None, share=1.0):
    squares = (x[:, None] - means).square().sum(-1)
    constant = x.shape[1] / 2 if constant is None else constant
    bumps = -0.5 * squares / variances - constant * (variances.log() + LOG_2PI)
    return (bumps + share * weights.log()).logsumexp(1)


def mean_of_logs(x, weights, means, variances):
    squares = (x[:, None] - means).square().sum(-1)
    return (-0.5 * squares / variances - 1.5 * (variances.log() + LOG_2PI)) @ weights


def underflow(x, weights, means, variances):
    squares = (x[:, None] - means).square().sum(-1)
    bumps = (-0.5 * squares / variances).exp() / (2 * math.pi * variances) ** (x.shape[1] / 2)
    return (bumps @ weights).log()


def shifted(x, weights, means, variances):
    return (log_mixture(x, weights, means, variances).exp() + 1e-30).log()


def one_per_bump(x, weights, means, variances):
    return (x[:, None] - means).square().sum(-1)


def log_sliding(x, f, v, cell=None, prior=1.0):
    z = torch.linspace(-5, 5, 401)
    weights = cell or (z[1] - z[0])
    weights = weights * (-0.5 * prior * z**2 - 0.5 * LOG_2PI).exp()
    return log_mixture(x, weights, f(z), torch.full_like(z, v))


SOLUTIONS = {"1.1": cost_of, "1.2": turned, "1.3": log_mixture, "1.4": log_sliding}

RIGHT = []

MISTAKES = [
    ("1.1", lambda x, p: cost_of(x, p).mean(), "over the batch"),
    ("1.1", lambda x, p: F.binary_cross_entropy(p, x, reduction="none"), "single pixels"),
    ("1.1", lambda x, p: cost_of(x, p)[:2], "shape (3,)"),
    ("1.1", lambda x, p: -cost_of(x, p), "sign"),
    ("1.1", lambda x, p: cost_of(x, p) / 6, "mean"),
    ("1.1", lambda x, p: -(x * p.log()).sum(1), "black pixel"),
    ("1.1", lambda x, p: -((1 - x) * (1 - p).log()).sum(1), "white pixel"),
    ("1.1", lambda x, p: cost_of(p, x), "changed places"),
    ("1.1", lambda x, p: (x - p).square().sum(1), "squared error"),
    ("1.1", lambda x, p: cost_of(x, p) / math.log(2), "bits"),
    ("1.1", lambda x, p: 3 * cost_of(x, p), "it should be"),
    ("1.1", lambda x, p: 6 * F.binary_cross_entropy(p, x, reduction="none").mean(1), "one size"),
    ("1.2", lambda e, d, R: e, "two functions"),
    ("1.2", lambda e, d, R: (e, d), "does not turn anything"),
    ("1.2", lambda e, d, R: (lambda x: e(x) @ R, lambda z: d(z @ R.T)), "other way"),
    ("1.2", lambda e, d, R: (lambda x: 2 * e(x), d), "R z for every code"),
    ("1.2", lambda e, d, R: (turned(e, d, R)[0], d), "turn the codes back"),
    ("1.2", lambda e, d, R: (turned(e, d, R)[0], lambda z: d(z @ R.T)), "inverse of R"),
    ("1.2", lambda e, d, R: (turned(e, d, R)[0], lambda z: 2 * d(z)), "rebuilt exactly"),
    ("1.3", one_per_bump, "sum over the bumps"),
    ("1.3", lambda *a: log_mixture(*a).mean(), "per point"),
    ("1.3", lambda *a: log_mixture(*a).exp(), "the density"),
    ("1.3", lambda *a: -log_mixture(*a), "sign"),
    ("1.3", lambda *a: log_mixture(*a, share=0.0), "weights are missing"),
    ("1.3", mean_of_logs, "mean of the logarithms"),
    ("1.3", lambda *a: log_mixture(*a, constant=0.5), "one dimension"),
    ("1.3", lambda *a: log_mixture(*a, constant=0.0), "constant of the bumps is missing"),
    ("1.3", lambda x, w, m, v: log_mixture(x, w, m, v**2), "as standard deviations"),
    ("1.3", lambda x, w, m, v: log_mixture(x, w, m, v.sqrt()), "square root"),
    ("1.3", lambda *a: log_mixture(*a, constant=1.0), "it should be"),
    ("1.3", underflow, "logsumexp"),
    ("1.3", shifted, "logsumexp"),
    ("1.3", lambda *a: log_mixture(*a, constant=1.5), "for one size"),
    ("1.4", lambda *a: log_sliding(*a).mean(), "per point"),
    ("1.4", lambda *a: log_sliding(*a).log(), "not finite"),
    ("1.4", lambda *a: -log_sliding(*a), "sign"),
    ("1.4", lambda *a: log_sliding(*a).exp(), "the density"),
    ("1.4", lambda x, f, v: log_sliding(x, f, v**2), "not its standard deviation"),
    ("1.4", lambda x, f, v: log_sliding(x, f, math.sqrt(v)), "not its square root"),
    ("1.4", lambda *a: log_sliding(*a, cell=1.0), "sum to one"),
    ("1.4", lambda *a: log_sliding(*a, prior=0.0), "count alike"),
    ("1.4", lambda *a: 2 * log_sliding(*a), "it should be"),
]
