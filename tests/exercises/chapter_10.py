"""Chapter 10: a solution of every exercise, and the likely mistakes with the hint for each."""

import math

import torch
from torch import nn

import vaetut


def linear_curve(eigenvalues, beta, variance, used=True, half=0.5, scale=1.0):
    level = beta * variance
    logs = half * (eigenvalues / level).log()
    rate = scale * (logs.clamp(min=0) if used else logs).sum()
    return rate, distortion(eigenvalues, level, variance)


def distortion(eigenvalues, level, variance, constant=True):
    error = eigenvalues.clamp(max=level).sum() / (2 * variance)
    return error + constant * len(eigenvalues) / 2 * math.log(2 * math.pi * variance)


def with_distortion(change):
    """Make a solution of 10.1 whose distortion is `change(eigenvalues, level, variance)`."""

    def answer(eigenvalues, beta, variance):
        rate, _ = linear_curve(eigenvalues, beta, variance)
        return rate, change(eigenvalues, beta * variance, variance)

    return answer


def constant(eigenvalues, variance):
    return len(eigenvalues) / 2 * math.log(2 * math.pi * variance)


def without_means(eigenvalues, beta, variance):
    rate, cost = linear_curve(eigenvalues, beta, variance)
    shrunk = (beta * variance / eigenvalues).clamp(max=1)
    return rate + 0.5 * (shrunk - 1).sum(), cost


def free_bits_price(mu, log_var, free):
    return kl(mu, log_var).mean(0).clamp(min=free).sum()


def kl(mu, log_var):
    return vaetut.kl_per_dimension(mu, log_var)


def log_q(z, mu, log_var, width=1.0, half=0.5, squares=1.0):
    centred = (z[:, None] - mu).square() / (squares * log_var).exp()
    return (-half * centred - 0.5 * width * log_var).sum(-1)


def best_picture(z, mu, log_var, images, **options):
    return log_q(z, mu, log_var, **options).softmax(1) @ images


def density(z, mu, log_var):
    return (log_q(z, mu, log_var) - math.log(2 * math.pi)).exp()


def underflow(z, mu, log_var, images):
    weight = density(z, mu, log_var)
    return weight @ images / weight.sum(1, keepdim=True)


class Patient(nn.Module):
    """The patients of 10.6, healthy, or with one fault."""

    def __init__(self, width=0.5, shared=False, squash=False):
        super().__init__()
        self.width, self.shared, self.squash = width, shared, squash
        self.hidden = nn.Sequential(nn.Linear(784, 100), nn.SiLU())
        self.mu, self.log_var = nn.Linear(100, 10), nn.Linear(100, 10)
        self.decoder = nn.Sequential(nn.Linear(10, 100), nn.SiLU(), nn.Linear(100, 784))

    def decode(self, z):
        return self.decoder(z).sigmoid() if self.squash else self.decoder(z)

    def forward(self, x):
        h = self.hidden(x)
        mu, log_var = self.mu(h), self.log_var(h)
        noise = torch.randn(mu.shape[1]) if self.shared else torch.randn_like(mu)
        return self.decode(mu + (self.width * log_var).exp() * noise), mu, log_var


def patients(first=None, second=None, third=None):
    return [Patient(**(fault or {})) for fault in (first, second, third)]


SOLUTIONS = {
    "10.1": linear_curve,
    "10.2": free_bits_price,
    "10.3": best_picture,
    "10.6": patients,
}

RIGHT = []

MISTAKES = [
    ("10.1", lambda *a: linear_curve(*a)[0], "two things"),
    ("10.1", lambda e, b, v: (e, e), "one number"),
    ("10.1", lambda *a: linear_curve(*a, used=False), "not a negative one"),
    ("10.1", lambda *a: linear_curve(*a, half=1.0), "½ in front"),
    ("10.1", lambda e, b, v: linear_curve(e, 1.0, v), "βσ², not σ²"),
    ("10.1", lambda e, b, v: linear_curve(e, b, v, scale=b), "not weighted"),
    ("10.1", lambda *a: linear_curve(*a)[::-1], "distortion first"),
    ("10.1", without_means, "means vary"),
    ("10.1", lambda *a: linear_curve(*a, scale=1.3), "the rate should be"),
    (
        "10.1",
        with_distortion(lambda e, level, v: distortion(e, level, v, constant=False)),
        "constant of the Gaussian",
    ),
    (
        "10.1",
        with_distortion(lambda e, level, v: distortion(e, level, level)),
        "at every weight",
    ),
    (
        "10.1",
        with_distortion(
            lambda e, level, v: (e > level).sum() * level / (2 * v) + constant(e, v),
        ),
        "whole variance",
    ),
    (
        "10.1",
        with_distortion(lambda e, level, v: e[e <= level].sum() / (2 * v) + constant(e, v)),
        "leaves an error, too",
    ),
    (
        "10.1",
        with_distortion(lambda e, level, v: e.clamp(max=level).sum() + constant(e, v)),
        "divide it by twice",
    ),
    (
        "10.1",
        with_distortion(lambda e, level, v: e.clamp(max=level).sum() / v + constant(e, v)),
        "is divided by twice",
    ),
    ("10.1", with_distortion(lambda e, level, v: e.sum()), "distortion should be"),
    ("10.2", lambda mu, lv, free: kl(mu, lv).clamp(min=free).sum(1), "not one per image"),
    ("10.2", lambda mu, lv, free: kl(mu, lv).mean(0).clamp(min=free), "sum over the coordinates"),
    ("10.2", lambda mu, lv, free: kl(mu, lv), "your shape is"),
    ("10.2", lambda mu, lv, free: kl(mu, lv).mean(0).sum(), "plain rate"),
    ("10.2", lambda mu, lv, free: kl(mu, lv).clamp(min=free).sum(1).mean(), "for each image"),
    ("10.2", lambda mu, lv, free: kl(mu, lv).sum(1).mean().clamp(min=40 * free), "should be"),
    ("10.2", lambda mu, lv, free: kl(mu, lv).sum(1).clamp(min=free).mean(), "plain rate"),
    ("10.2", lambda mu, lv, free: kl(mu, lv).mean(0).clamp(max=free).sum(), "not the smaller"),
    (
        "10.2",
        lambda mu, lv, free: (kl(mu, lv).mean(0) - free).clamp(min=0).sum(),
        "goes beyond",
    ),
    ("10.2", lambda mu, lv, free: kl(mu, lv).mean(0).clamp(min=free).mean(), "averaged"),
    ("10.2", lambda mu, lv, free: kl(mu, lv).sum(0).clamp(min=free).sum(), "summed"),
    ("10.3", lambda z, mu, lv, x: best_picture(z, mu, lv, x)[0], "(3, 7)"),
    ("10.3", lambda z, mu, lv, x: x.mean(0).expand(len(z), -1), "average of all images"),
    ("10.3", lambda z, mu, lv, x: density(z, mu, lv) @ x, "divide by their sum"),
    ("10.3", lambda z, mu, lv, x: log_q(z, mu, lv).softmax(0) @ x, "over the codes"),
    ("10.3", lambda *a: best_picture(*a, width=0.0), "left out"),
    ("10.3", lambda *a: best_picture(*a, half=1.0, width=2.0), "-½ in the exponent"),
    ("10.3", lambda z, mu, lv, x: best_picture(z, mu, 2 * lv, x), "log σ²"),
    ("10.3", lambda z, mu, lv, x: x[log_q(z, mu, lv).argmax(1)], "largest weight"),
    ("10.3", lambda *a: best_picture(*a) + 1, "it should be"),
    ("10.3", underflow, "underflows"),
    ("10.6", lambda: patients()[:2], "three models"),
    ("10.6", lambda: [Patient] * 3, "not First"),
    ("10.6", lambda: [nn.Linear(784, 10)] * 3, "first can't be examined"),
    ("10.6", lambda: patients(first={"width": 1.0}), "first has a fault still"),
    ("10.6", lambda: patients(second={"shared": True}), "second has a fault still"),
    ("10.6", lambda: patients(third={"squash": True}), "third has a fault still"),
]


def test_the_formula_is_the_models():
    """The curve of 10.1 against an ELBO of the best linear VAE, exact but for the draws of z."""
    eigenvalues, beta, variance = torch.tensor([8.0, 3.0, 1.0, 0.2, 0.1]), 2.0, 0.25
    level = beta * variance
    model = vaetut.VAE(5, 5, (), likelihood="gaussian", variance=variance)
    w = (eigenvalues - level).clamp(min=0).sqrt()
    with torch.no_grad():
        model.decoder.out.weight.copy_(w.diag())
        model.encoder.mu.weight.copy_((w / (w**2 + level)).diag())
        model.encoder.log_var.weight.zero_()
        model.encoder.log_var.bias.copy_((level / (w**2 + level)).log())
        g = torch.Generator().manual_seed(0)
        x = torch.randn(200_000, 5, generator=g) * eigenvalues.sqrt()
        terms = vaetut.elbo(model, x, generator=g)
    rate, cost = linear_curve(eigenvalues, beta, variance)
    assert torch.isclose(terms.kl.mean(), rate, rtol=1e-2)
    assert torch.isclose(-terms.log_likelihood.mean(), cost, rtol=1e-2)
