"""Chapter 4: a solution of every exercise, and the likely mistakes with the hint that each gets."""

import itertools
import math

import torch

LOG_2PI = math.log(2 * math.pi)


def bayes(log_likelihood, z, cell, prior=1.0, constant=LOG_2PI, power=1.0, mean=False):
    log_joint = log_likelihood - prior * (0.5 * z.square().sum(-1) + constant)
    log_p = log_joint.logsumexp(0) + power * math.log(cell) - mean * math.log(len(z))
    return log_p, (log_joint - log_p).exp()


def density(change):
    """Make a solution of 4.1 whose density is `change(density, log_joint, cell)`."""

    def answer(log_likelihood, z, cell):
        log_p, exact = bayes(log_likelihood, z, cell)
        return log_p, change(exact, exact.log() + log_p, cell)

    return answer


def without_prior(log_likelihood, z, cell):
    log_p, _ = bayes(log_likelihood, z, cell)
    return log_p, (log_likelihood - log_p).exp()


def underflow(log_likelihood, z, cell):
    log_p = (log_likelihood.exp() * (-0.5 * z.square().sum(-1) - LOG_2PI).exp() * cell).sum().log()
    return log_p, torch.ones(len(z))


def terms(z, mu, log_var, scale=1.0, constant=LOG_2PI):
    log_var = scale * log_var
    return -0.5 * ((z[:, None] - mu) ** 2 / log_var.exp() + log_var + constant)


def log_aggregate(z, mu, log_var, **options):
    return terms(z, mu, log_var, **options).sum(-1).logsumexp(1) - math.log(len(mu))


def moments(mu, log_var):
    return mu.mean(0), log_var.exp().mean(0) + mu.var(0, correction=0)


def variance(change):
    """Make a solution of 4.3 whose variance is `change(mu, log_var)`."""
    return lambda mu, log_var: (mu.mean(0), change(mu, log_var))


def normal(n, L, generator):
    return torch.randn(n, L, generator=generator)


def even(n, L, generator):  # the right spread, but no tails
    return math.sqrt(12) * (torch.rand(n, L, generator=generator) - 0.5)


def one_number(n, L, generator):  # for all dimensions
    return normal(n, 1, generator).expand(n, L)


def draw_images(model, n, generator, codes=None, scale=1.0, shared=False, make=normal):
    with torch.no_grad():
        z = scale * make(codes or n, model.latent_dim, generator)
        mean = model.decode_mean(z).expand(n, -1)
        u = torch.rand((1, 784) if shared else mean.shape, generator=generator)
        return (u < mean).float()


def means(model, n, generator):
    return model.decode_mean(torch.randn(n, model.latent_dim, generator=generator))


def logits(model, n, generator):
    return model.decode(torch.randn(n, model.latent_dim, generator=generator))


SEEDS = itertools.count()


def another_seed():
    return torch.Generator().manual_seed(next(SEEDS))


SOLUTIONS = {"4.1": bayes, "4.2": log_aggregate, "4.3": moments, "4.4": draw_images}

RIGHT = []

MISTAKES = [
    ("4.1", lambda *a: bayes(*a)[0], "two things"),
    ("4.1", lambda *a: bayes(*a)[::-1], "one number"),
    ("4.1", underflow, "logsumexp"),
    ("4.1", lambda *a: bayes(*a, prior=0.0), "prior p(z) is missing"),
    ("4.1", lambda *a: bayes(*a, power=0.0), "multiply it in"),
    ("4.1", lambda *a: bayes(*a, power=-1.0), "divided by the area"),
    ("4.1", lambda *a: bayes(*a, power=0.0, mean=True), "average over the grid"),
    ("4.1", lambda *a: bayes(*a, constant=0.0), "for two dimensions, is missing"),
    ("4.1", lambda *a: bayes(*a, constant=LOG_2PI / 2), "twice ½ log 2π"),
    ("4.1", lambda *a: (-bayes(*a)[0], bayes(*a)[1]), "sign is turned"),
    ("4.1", lambda *a: (bayes(*a)[0] + 3, bayes(*a)[1]), "log p(x) should be"),
    ("4.1", without_prior, "lacks the prior"),
    ("4.1", density(lambda exact, joint, cell: cell * exact), "weights of the cells"),
    ("4.1", density(lambda exact, joint, cell: exact.log()), "log-density"),
    ("4.1", density(lambda exact, joint, cell: joint.exp()), "divided by p(x)"),
    ("4.1", density(lambda exact, joint, cell: 3 * exact), "should reach"),
    ("4.2", lambda *a: terms(*a).sum(-1), "average over the images"),
    ("4.2", lambda *a: terms(*a).sum(-1).logsumexp(0), "one per image"),
    ("4.2", lambda *a: log_aggregate(*a).sum(), "4 codes"),
    ("4.2", lambda *a: terms(*a).sum(-1).mean(1), "logarithm of the mean"),
    ("4.2", lambda *a: terms(*a).sum(-1).logsumexp(1), "divide by N"),
    ("4.2", lambda *a: log_aggregate(*a).exp(), "its logarithm"),
    ("4.2", lambda *a: -log_aggregate(*a), "sign is turned"),
    ("4.2", lambda *a: log_aggregate(*a, scale=2.0), "log σ²"),
    ("4.2", lambda *a: log_aggregate(*a, constant=0.0), "log 2π"),
    ("4.2", lambda *a: (terms(*a).logsumexp(1) - math.log(5)).sum(-1), "sum their logs first"),
    ("4.2", lambda *a: log_aggregate(*a) + 1, "it should be"),
    ("4.2", lambda *a: terms(*a).sum(-1).exp().mean(1).log(), "underflow"),
    ("4.2", lambda *a: (terms(*a).sum(-1).exp().mean(1) + 1e-30).log(), "underflow"),
    ("4.3", lambda *a: moments(*a)[0], "two things"),
    ("4.3", lambda mu, log_var: (mu.mean(), log_var.exp().mean()), "one value per coordinate"),
    ("4.3", lambda mu, log_var: (0 * mu[0], moments(mu, log_var)[1]), "mean of its means"),
    ("4.3", variance(lambda mu, log_var: log_var.exp().mean(0)), "lie apart"),
    ("4.3", variance(lambda mu, log_var: mu.var(0, correction=0)), "also has a width"),
    ("4.3", variance(lambda mu, log_var: mu.var(0)), "also has a width"),
    ("4.3", variance(lambda mu, log_var: (log_var.exp() + mu**2).mean(0)), "second moment"),
    ("4.3", lambda *a: (moments(*a)[0], moments(*a)[1].sqrt()), "standard deviations"),
    (
        "4.3",
        variance(lambda mu, log_var: (0.5 * log_var).exp().mean(0) + mu.var(0, correction=0)),
        "you have used σ",
    ),
    (
        "4.3",
        variance(lambda mu, log_var: log_var.mean(0) + mu.var(0, correction=0)),
        "not the variance yet",
    ),
    (
        "4.3",
        variance(lambda mu, log_var: log_var.mean(0).exp() + mu.var(0, correction=0)),
        "not log σ²",
    ),
    ("4.3", variance(lambda mu, log_var: log_var.exp().mean(0) + mu.var(0)), "not by N - 1"),
    ("4.3", lambda *a: (moments(*a)[0], moments(*a)[1] + 1), "it should be"),
    ("4.4", lambda m, n, g: draw_images(m, n, None), "global generator"),
    ("4.4", lambda m, n, g: draw_images(m, n, g)[0], "(n, 784)"),
    ("4.4", logits, "logits"),
    ("4.4", means, "one more draw"),
    ("4.4", lambda m, n, g: means(m, n, g).round(), "no draw"),
    ("4.4", lambda m, n, g: draw_images(m, n, g, codes=1), "the same z"),
    ("4.4", lambda m, n, g: draw_images(m, n, g, shared=True), "share one draw"),
    ("4.4", lambda m, n, g: draw_images(m, n, g, scale=3.0), "spread is not 1"),
    ("4.4", lambda m, n, g: draw_images(m, n, g, make=even), "they are not normal"),
    ("4.4", lambda m, n, g: draw_images(m, n, g, make=one_number), "told from the other"),
    (
        "4.4",
        lambda m, n, g: (torch.rand(n, 784, generator=g) < means(m, n, g) / 2).float(),
        "white with probability 0.73",
    ),
    ("4.4", lambda m, n, g: draw_images(m, n, g, scale=torch.tensor([1.0, 0.0])), "not 1"),
    ("4.4", lambda m, n, g: draw_images(m, n, another_seed()), "same generator"),
    (
        "4.4",
        lambda m, n, g: draw_images(m, n, torch.Generator().manual_seed(0)),
        "do not depend on the generator",
    ),
]
