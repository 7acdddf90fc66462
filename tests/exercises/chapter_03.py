"""Chapter 3: a solution of every exercise, and the likely mistakes with the hint that each gets."""

import math

import torch

LOG_2PI = math.log(2 * math.pi)


def log_mean(log_w, dim=0):
    largest = log_w.max(dim, keepdim=True).values
    return largest.squeeze(dim) + (log_w - largest).exp().mean(dim).log()


def ess(log_w, dim=0):
    w = (log_w - log_w.max(dim, keepdim=True).values).exp()
    return w.sum(dim) ** 2 / (w**2).sum(dim)


def log_normal(z, mu, log_var, scale=0.5, term=0.5, constant=LOG_2PI):
    eps = (z - mu) / (scale * log_var).exp()
    return -0.5 * (eps**2 + constant) - term * log_var


def log_weight(log_likelihood, z, mu, log_var, likelihood=1, prior=1, q=1, reduce="sum", **about_q):
    zero = torch.zeros_like(mu)
    terms = prior * log_normal(z, zero, zero) - q * log_normal(z, mu, log_var, **about_q)
    if reduce is None:
        return log_likelihood[..., None] + terms
    return likelihood * log_likelihood + getattr(terms, reduce)(-1)


def log_p(x, W, b, variance, det=0.5, half=0.5, count=None):
    D = x.shape[1]
    covariance = W @ W.T + variance * torch.eye(D)
    off = x - b
    square = (off * torch.linalg.solve(covariance, off.T).T).sum(-1)
    constant = (D if count is None else count) * LOG_2PI
    return -half * (square + constant) - det * torch.logdet(covariance)


def em_step(prior, table, counts, divide=True, rows=True):
    joint = prior[:, None] * table
    weighted = counts * (joint / joint.sum(0) if divide else joint)
    return weighted / weighted.sum(1, keepdim=True) if rows else weighted


SOLUTIONS = {"3.1": log_mean, "3.2": ess, "3.3": log_weight, "3.4": log_p, "3.6": em_step}

RIGHT = []

MISTAKES = [
    ("3.1", lambda w: log_mean(w, dim=1), "along the images"),
    ("3.1", lambda w: log_mean(w).sum(), "ne value for each image"),
    ("3.1", lambda w: w.logsumexp(0), "logarithm of the sum"),
    ("3.1", lambda w: w.mean(0), "mean of the logarithms"),
    ("3.1", lambda w: w.exp().mean(0), "mean itself"),
    ("3.1", lambda w: w.max(0).values, "largest term alone"),
    ("3.1", lambda w: log_mean(w) - w.max(0).values, "put it back"),
    ("3.1", lambda w: -log_mean(w), "sign is turned"),
    ("3.1", lambda w: log_mean(w) + 1, "small example"),
    ("3.1", lambda w: w.exp().mean(0).log(), "every exp is 0"),
    ("3.1", lambda w: (w.exp() + 1e-45).mean(0).log(), "every exp is 0"),
    ("3.1", lambda w: w.max() + (w - w.max()).exp().mean(0).log(), "largest term of all"),
    (
        "3.1",
        lambda w: (w - w.mean(0)).exp().mean(0).log() + w.mean(0),
        "the largest term, no other",
    ),
    ("3.2", lambda w: ess(w, dim=1), "along the images"),
    ("3.2", lambda w: ess(w).mean(), "ne value for each image"),
    ("3.2", lambda w: ess(w) / len(w), "share of K"),
    ("3.2", lambda w: 1 / ess(w), "upside down"),
    ("3.2", lambda w: torch.ones(w.shape[1]), "sum is squared"),
    ("3.2", lambda w: w.exp().sum(0) / (w.exp() ** 2).sum(0), "has to be squared"),
    ("3.2", lambda w: w.sum(0) ** 2 / (w**2).sum(0), "logarithms as weights"),
    ("3.2", lambda w: ess(w).log(), "its logarithm"),
    ("3.2", lambda w: ess(w) + 1, "small example"),
    ("3.2", lambda w: w.exp().sum(0) ** 2 / (w.exp() ** 2).sum(0), "before exp"),
    (
        "3.2",
        lambda w: (w - w.max()).exp().sum(0) ** 2 / ((w - w.max()).exp() ** 2).sum(0),
        "each image needs its own",
    ),
    (
        "3.2",
        lambda w: (w - w.mean(0)).exp().sum(0) ** 2 / (2 * (w - w.mean(0))).exp().sum(0),
        "the largest weight, no other",
    ),
    ("3.3", lambda *a: log_weight(*a, reduce=None), "over the latent dimensions: shape"),
    ("3.3", lambda *a: log_weight(*a).mean(0), "comes later"),
    ("3.3", lambda *a: log_weight(*a).T, "should be (K, B)"),
    ("3.3", lambda *a: log_weight(*a, q=0), "did not come from the prior"),
    ("3.3", lambda *a: log_weight(*a, prior=0), "prior is missing"),
    ("3.3", lambda *a: a[0], "alone"),
    ("3.3", lambda *a: log_weight(*a, likelihood=0), "log p(x|z), is missing"),
    ("3.3", lambda *a: log_weight(*a, prior=-1, q=-1), "changed places"),
    ("3.3", lambda *a: log_weight(*a, q=-1), "is subtracted"),
    ("3.3", lambda *a: -log_weight(*a), "sign is turned"),
    ("3.3", lambda *a: log_weight(*a).exp(), "its logarithm is wanted"),
    ("3.3", lambda *a: log_weight(*a, scale=1.0, term=1.0), "where sigma belongs"),
    ("3.3", lambda *a: log_weight(*a, term=0.0), "a narrow density is high"),
    ("3.3", lambda *a: log_weight(*a, term=1.0), "before log_var"),
    ("3.3", lambda *a: log_weight(*a, constant=0.0), "either both or none"),
    ("3.3", lambda *a: log_weight(*a) + 1.5 * LOG_2PI, "either both or none"),
    ("3.3", lambda *a: log_weight(*a, reduce="mean"), "they are summed"),
    ("3.3", lambda *a: log_weight(*a) + 1, "small example"),
    ("3.4", lambda x, W, b, v: log_p(x, W, b, v)[:, None].expand(3, 3), "every other"),
    ("3.4", lambda *a: log_p(*a).sum(), "each of the 3 images"),
    ("3.4", lambda x, W, b, v: log_p(x, W, 0 * b, v), "b, is missing"),
    ("3.4", lambda x, W, b, v: log_p(x, W, b, v**2), "sigma squared already"),
    ("3.4", lambda x, W, b, v: log_p(x, W, b, v**0.5), "took its root"),
    ("3.4", lambda x, W, b, v: log_p(x, 0 * W, b, v), "at z = 0"),
    ("3.4", lambda *a: log_p(*a, det=0.0), "determinant is missing"),
    ("3.4", lambda *a: log_p(*a, det=-0.5), "wrong sign"),
    ("3.4", lambda *a: log_p(*a, det=1.0), "before the determinant"),
    ("3.4", lambda *a: log_p(*a, det=1.0, half=1.0), "factor ½ is missing."),
    ("3.4", lambda *a: log_p(*a, count=0), "log 2π is missing"),
    ("3.4", lambda *a: log_p(*a, count=1), "D times"),
    ("3.4", lambda *a: log_p(*a, count=2), "not for each latent"),
    ("3.4", lambda *a: -log_p(*a), "sign is turned"),
    ("3.4", lambda *a: log_p(*a).exp(), "its logarithm is wanted"),
    ("3.4", lambda *a: log_p(*a) + 1, "small example"),
    (
        "3.4",
        lambda x, W, b, v: (
            log_p(x, W, b, v, det=0.0)
            - 0.5 * torch.linalg.det(W @ W.T + v * torch.eye(len(b))).log()
        ),
        "not for 784",
    ),
    ("3.6", lambda *a: em_step(*a).T, "shape should stay"),
    ("3.6", lambda *a: em_step(*a, rows=False), "M step is not finished"),
    ("3.6", lambda *a: em_step(*a, rows=False) / em_step(*a, rows=False).sum(), "he whole of"),
    ("3.6", lambda p, t, c: em_step(p, t, torch.ones_like(c), rows=False), "E step alone"),
    ("3.6", lambda p, t, c: em_step(p, t, torch.ones_like(c)), "counts are missing"),
    ("3.6", lambda p, t, c: em_step(torch.ones_like(p), t, c), "prior is missing"),
    ("3.6", lambda *a: em_step(*a, divide=False), "weighs with the joint"),
    ("3.6", lambda p, t, c: t, "as it was"),
    ("3.6", lambda p, t, c: (c / c.sum()).expand(t.shape), "to every code"),
    ("3.6", lambda *a: em_step(*a) + 0.1, "small example"),
]
