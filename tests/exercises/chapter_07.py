"""Chapter 7: a solution of every exercise, and the likely mistakes with the hint that each gets."""

import torch
from torch.nn import functional as F

from vaetut import kl_standard_normal


def count(latent_dim, heads=2, bias=1, extra=0):
    widths = [(784, 500), (500, 500)] + heads * [(500, latent_dim)]
    widths += [(latent_dim, 500), (500, 500), (500, 784)]
    return sum((a + bias) * b for a, b in widths) + extra


def generate(model, n, g, std=1.0, mean=0.0):
    return model.decode_mean(mean + std * torch.randn(n, model.latent_dim, generator=g))


def kl(mu, log_var, factor=0.5):
    return factor * (mu**2 + log_var.exp() - 1 - log_var)


def cost(x, logits, mu, log_var, pixels="sum", latents="sum", factor=0.5, batch="mean"):
    bce = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    terms = getattr(bce, pixels)(-1) + getattr(kl(mu, log_var, factor), latents)(-1)
    return getattr(terms, batch)()


def naive_cost(x, logits, mu, log_var):
    mean = logits.sigmoid()
    bce = -(x * (1e-10 + mean).log() + (1 - x) * (1e-10 + 1 - mean).log())
    return (bce.sum(-1) + kl(mu, log_var).sum(-1)).mean()


def bce_only(x, logits, mu, log_var):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)


def kl_only(x, logits, mu, log_var):
    return kl(mu, log_var).sum(-1).mean()


def grid(nx, ny, limit=3.0):
    z2, z1 = torch.meshgrid(
        torch.linspace(limit, -limit, ny), torch.linspace(-limit, limit, nx), indexing="ij"
    )
    return torch.stack([z1, z2], -1).reshape(-1, 2)


def by_columns(nx, ny):
    return grid(nx, ny).reshape(ny, nx, 2).transpose(0, 1).reshape(-1, 2)


def half_naive_cost(x, logits, mu, log_var):
    white, black = F.logsigmoid(logits), (1 - logits.sigmoid()).log()
    distortion = -(x * white + (1 - x) * black).sum(1)
    return (distortion + kl_standard_normal(mu, log_var)).mean()


def probable_cost(x, logits, mu, log_var):
    """PyTorch's function of probabilities cuts each logarithm at -100."""
    distortion = F.binary_cross_entropy(logits.sigmoid(), x, reduction="none").sum(1)
    return (distortion + kl_standard_normal(mu, log_var)).mean()


SOLUTIONS = {"7.1": count, "7.2": generate, "7.3": cost, "7.4": grid}

RIGHT = []

MISTAKES = [
    ("7.1", lambda n: count(n, bias=0), "bias"),
    ("7.1", lambda n: count(n, heads=1), "two heads"),
    ("7.1", lambda n: count(n, extra=392_784), "never used"),
    ("7.1", lambda n: count(20), "for L = 2"),
    ("7.1", lambda n: 7, "one by one"),
    ("7.2", lambda m, n, g: generate(m, 1, g)[0], r"(784,)"),
    ("7.2", lambda m, n, g: m.decode(torch.randn(n, 3, generator=g)), "sigmoid"),
    ("7.2", lambda m, n, g: generate(m, 1, g).expand(n, -1), "the same"),
    ("7.2", lambda m, n, g: m.decode_mean(torch.rand(n, 3, generator=g)), "mean of your z"),
    ("7.2", lambda m, n, g: generate(m, n, g, std=2.0), "standard deviation"),
    (
        "7.2",
        lambda m, n, g: m.decode_mean(torch.randn(n, 1, generator=g).expand(n, 3)),
        "depend on each other",
    ),
    (
        "7.2",
        lambda m, n, g: m.decode_mean(12**0.5 * (torch.rand(n, 3, generator=g) - 0.5)),
        "not normal",
    ),
    ("7.2", lambda m, n, g: m.decode_mean(torch.randn(n, 3)), "global generator"),
    ("7.2", lambda m, n, g: generate(m, n, torch.Generator().manual_seed(g.seed())), "same"),
    ("7.3", lambda *a: -cost(*a), "sign is turned"),
    ("7.3", lambda *a: cost(*a, factor=-0.5), "wrong sign"),
    ("7.3", bce_only, "KL is missing"),
    ("7.3", kl_only, "reconstruction term is missing"),
    ("7.3", lambda *a: cost(*a, factor=1.0), "factor ½"),
    ("7.3", lambda *a: cost(*a, factor=0.25), "half of"),
    ("7.3", lambda *a: cost(*a, batch="sum"), "per example"),
    ("7.3", lambda *a: cost(*a, pixels="mean"), "averaged over pixels;"),
    ("7.3", lambda *a: cost(*a, pixels="mean", latents="mean"), "both are sums"),
    ("7.3", lambda *a: cost(*a, latents="mean"), "averaged over latent"),
    ("7.3", lambda x, a, m, v: cost(x, a, m, v).expand(2), "one number"),
    ("7.3", lambda *a: cost(*a) + 1, "it should be"),
    ("7.3", naive_cost, "at logits of -100"),
    ("7.3", probable_cost, "at logits of 40"),
    ("7.2", lambda m, n, g: generate(m, n, g).bernoulli(generator=g), "the means are wanted"),
    ("7.2", lambda m, n, g: generate(m, n, g).round(), "the means are wanted"),
    ("7.2", lambda m, n, g: generate(m, n, g) / 0, "not finite"),
    ("7.3", half_naive_cost, "at logits of 100"),
    ("7.4", lambda nx, ny: grid(nx, ny) * torch.tensor([1.0, -1.0]), "top row"),
    ("7.4", lambda nx, ny: grid(nx, ny).flip(1), "swapped"),
    ("7.4", lambda nx, ny: grid(nx, ny) * torch.tensor([-1.0, 1.0]), "columns should run"),
    ("7.4", by_columns, "column by column"),
    ("7.4", lambda nx, ny: grid(nx, nx), "(15, 2)"),
    ("7.4", lambda nx, ny: grid(nx, ny, limit=2.0), "a number in your codes"),
    ("7.4", lambda nx, ny: grid(ny, nx), "exchanged"),
]
