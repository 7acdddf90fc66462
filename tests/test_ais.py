"""Annealed importance sampling against likelihoods that are known."""

from __future__ import annotations

import math

import torch

import vaetut
from benchmarks import ais


def annealed(way, generator, back_from=None):
    """Lead chains from q to the posterior, or back from a code of it; log p(x) and its noise."""
    betas, sizes = torch.linspace(0, 1, 101), torch.full((101,), 0.3)
    first = way[2].sample(50, generator)
    ais.anneal(way, first[:10], betas, sizes, generator, tune=True)
    if back_from is None:
        return ais.estimate(ais.anneal(way, first, betas, sizes, generator))
    last = back_from.expand_as(first)
    log_p, noise = ais.estimate(ais.anneal(way, last, betas.flip(0), sizes.flip(0), generator))
    return -log_p, noise


@torch.no_grad()
def test_annealing_finds_the_likelihood_of_a_linear_model_from_both_sides():
    g = torch.Generator().manual_seed(0)
    decoder = torch.nn.Linear(2, 6)
    decoder.weight.copy_(torch.randn(6, 2, generator=g))
    model = vaetut.VAE(6, 2, likelihood="gaussian", variance=0.5, decoder=decoder)
    z = model.prior.sample(20, g)
    x = model.likelihood.sample(model.decode(z), g)
    covariance = decoder.weight @ decoder.weight.T + 0.5 * torch.eye(6)
    truth = torch.distributions.MultivariateNormal(decoder.bias, covariance).log_prob(x)
    prior = vaetut.Normal(torch.zeros(20, 2), torch.zeros(20, 2))
    for back_from in (None, z):
        log_p, noise = annealed((model, x, prior), g, back_from)
        assert noise < 0.05
        assert abs((log_p - truth).mean()) < 4 * noise


@torch.no_grad()
def test_annealing_agrees_with_a_grid_in_two_dimensions():
    g = torch.Generator().manual_seed(0)
    model = vaetut.load_pretrained("article-2d")
    z = model.prior.sample(5, g)
    x = model.likelihood.sample(model.decode(z), g)
    line = torch.linspace(-3, 3, 151)
    log_joint = [
        model.likelihood.log_prob(x, model.decode(part)[:, None].expand(-1, 5, -1))
        + model.prior.log_prob(part)[:, None]
        for part in torch.cartesian_prod(line, line).split(1000)
    ]
    truth = torch.cat(log_joint).logsumexp(0) + 2 * math.log(line[1] - line[0])
    for back_from in (None, z):
        log_p, noise = annealed((model, x, model.encode(x)), g, back_from)
        assert noise < 0.05
        assert abs((log_p - truth).mean()) < 4 * noise
