"""Chapter 6: a solution of every exercise, and the likely mistakes with the hint that each gets."""

import math

import torch
from torch.nn import functional as F

LOG_2PI = math.log(2 * math.pi)


def kl(mu_q, v_q, mu_p, v_p, factor=0.5, reduce="sum", var=1.0, log=1.0, scale=True, minus=1):
    ratio, square = v_q - v_p, (mu_q - mu_p) ** 2
    distance = square / (var * v_p).exp() if scale else square
    terms = (var * ratio).exp() + distance - minus - log * ratio
    return factor * getattr(terms, reduce)(-1)


def gaussian(x, mean, v, factor=0.5, reduce="sum", var=1.0, log=1.0, constant=LOG_2PI):
    terms = (x - mean) ** 2 * (-var * v).exp() + log * v + constant
    return factor * getattr(terms, reduce)(-1)


def squares(x, mean):
    return ((x - mean) ** 2).sum(-1)


def best_variance(x, x_mean):
    return (x - x_mean).square().mean()


def effective_beta(pixels, latents, num_pixels, num_latents):
    beta = num_pixels if pixels == "mean" else 1
    return beta / num_latents if latents == "mean" else beta


def log_c(logits):
    a = logits.abs().clamp(min=1e-4)  # at 0 it would be 0/0; the limit is 2
    return (a / (a / 2).tanh()).log()


def continuous_bernoulli(x, logits, log_c=log_c, sign=1, reduce="sum"):
    terms = x * logits - F.softplus(logits) + sign * log_c(logits)
    return getattr(terms, reduce)(-1)


def by_the_book(logits):  # the paper's form, in the mean
    mean = logits.sigmoid()
    c = (2 * (1 - 2 * mean).atanh() / (1 - 2 * mean)).log()
    return torch.where(mean == 0.5, math.log(2), c)


def other_branch(logits):  # right values, and nan in the gradient at 0
    return torch.where(logits == 0, math.log(2), (logits / (logits / 2).tanh()).log())


def one_sided(x, logits):  # overflows for very negative logits
    return (x * logits - logits - torch.log1p((-logits).exp()) + log_c(logits)).sum(-1)


SOLUTIONS = {
    "6.1": kl,
    "6.2": gaussian,
    "6.3": best_variance,
    "6.4": effective_beta,
    "6.5": continuous_bernoulli,
}

RIGHT = []

MISTAKES = [
    ("6.1", lambda *a: -kl(*a), "sign is turned"),
    ("6.1", lambda *a: kl(*a, factor=1.0), "factor ½"),
    ("6.1", lambda *a: kl(*a, factor=0.25), "alf of what"),
    ("6.1", lambda *a: kl(*a, reduce="mean"), "averaged over latent"),
    ("6.1", lambda *a: kl(*a).mean(), "batch axis"),
    ("6.1", lambda m, v, n, w: kl(m[..., None], v[..., None], n[..., None], w[..., None]), "sum"),
    ("6.1", lambda *a: kl(*a)[:2], "shape should be"),
    ("6.1", lambda m, v, n, w: kl(n, w, m, v), "KL(p || q)"),
    ("6.1", lambda m, v, n, w: kl(m, v, 0 * n, 0 * w), "play no part"),
    ("6.1", lambda *a: kl(*a, var=0.5), "ere σ stands where σ²"),
    ("6.1", lambda *a: kl(*a, log=0.5), "ere log σ stands"),
    ("6.1", lambda *a: kl(*a, scale=False), "units of p's"),
    ("6.1", lambda *a: kl(*a, minus=0), "−1 is missing"),
    ("6.1", lambda *a: kl(*a, minus=2), "(6.4) again"),
    ("6.1", lambda *a: kl(*a).squeeze(), "batch of one"),
    ("6.2", lambda *a: -gaussian(*a), "sign is turned"),
    ("6.2", lambda *a: gaussian(*a, factor=1.0), "Twice too large"),
    ("6.2", lambda *a: gaussian(*a, reduce="mean"), "averaged over pixels"),
    ("6.2", lambda *a: gaussian(*a).mean(), "batch axis"),
    ("6.2", lambda x, m, v: gaussian(x[..., None], m[..., None], v), "sum over pixels is missing"),
    ("6.2", lambda *a: gaussian(*a, constant=0.0), "log 2π"),
    ("6.2", lambda *a: gaussian(*a, constant=0.0, log=0.0), "nly the squared error"),
    ("6.2", lambda *a: gaussian(*a, var=0.0, log=0.0), "plays no part"),
    ("6.2", lambda x, m, v: 0.5 * (squares(x, m) / v.exp() + v + LOG_2PI), "D times"),
    ("6.2", lambda *a: gaussian(*a, var=0.5), "ere σ stands where σ²"),
    ("6.2", lambda *a: gaussian(*a, var=-1.0), "divided by it"),
    ("6.2", lambda x, m, v: gaussian(x, m, v) + squares(x, m) / v.exp() / 2, "before the squared"),
    ("6.2", lambda x, m, v: 2 * gaussian(x, m, v) - squares(x, m) / v.exp() / 2, "before the log"),
    ("6.2", lambda *a: gaussian(*a) + 1, "it should be"),
    ("6.3", lambda x, m: (x - m).square().mean((0, 1)), "ne number"),
    ("6.3", lambda x, m: best_variance(x, m).sqrt(), "standard deviation"),
    ("6.3", lambda x, m: best_variance(x, m).log(), "log of the variance"),
    ("6.3", lambda x, m: best_variance(x, m.mean(0)), "lost the spread"),
    ("6.3", lambda x, m: (x - m).square().sum(-1).mean(), "summed over pixels"),
    ("6.3", lambda x, m: (x - m).square().sum(0).mean(), "summed over the draws"),
    ("6.3", lambda x, m: best_variance(x, m) / 2, "cancels"),
    ("6.3", lambda x, m: (x - m).abs().mean(), "absolute"),
    ("6.3", lambda x, m: x.var(correction=0), "of the images"),
    ("6.3", lambda x, m: x.var(), "of the images"),
    ("6.3", lambda x, m: (x - m).var(correction=0), "mean square"),
    ("6.3", lambda x, m: best_variance(x, m) + 1, "it should be"),
    ("6.4", lambda *a: 1 / effective_beta(*a), "pside down"),
    ("6.4", lambda p, q, d, n: d * effective_beta(p, q, d, n), "wo sums"),
    ("6.4", lambda p, q, d, n: d if (p, q) == ("mean", "sum") else 1, "does not cancel"),
    ("6.4", lambda p, q, d, n: d if p == "mean" else 1, "changes the weight too"),
    ("6.4", lambda p, q, d, n: effective_beta(p, q, d + 1, n), "turns the reconstruction back"),
    ("6.5", lambda *a: -continuous_bernoulli(*a), "sign is turned"),
    ("6.5", lambda *a: continuous_bernoulli(*a, sign=0), "is missing"),
    ("6.5", lambda *a: continuous_bernoulli(*a, sign=-1), "wrong sign"),
    ("6.5", lambda *a: continuous_bernoulli(*a, reduce="mean"), "averaged over pixels"),
    ("6.5", lambda *a: continuous_bernoulli(*a).sum(), "batch axis"),
    ("6.5", lambda x, a: continuous_bernoulli(x, a) + 1, "it should be"),
    ("6.5", lambda x, a: continuous_bernoulli(x, a, lambda a: (a / (a / 2).tanh()).log()), "0/0"),
    ("6.5", lambda x, a: continuous_bernoulli(x, a, lambda a: log_c(a) + (a == 0)), "everywhere"),
    ("6.5", lambda x, a: continuous_bernoulli(x, a, other_branch), "both branches"),
    ("6.5", lambda x, a: continuous_bernoulli(x, a, by_the_book), "all the way"),
    ("6.5", one_sided, "at logits of -100"),
]
