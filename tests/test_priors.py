"""One contract for every prior: its draws have its density, and its KL is the one from draws."""

import pytest
import torch
from torch import distributions as td

import vaetut
from vaetut.distributions import Normal
from vaetut.priors import Mixture, StandardNormal, VampPrior

L, D = 2, 6


def vamp():
    inputs = torch.rand(3, D, generator=torch.Generator().manual_seed(0))
    prior = VampPrior(L, inputs)
    prior.kept = (vaetut.VAE(D, hidden_dims=(8,), prior=prior),)  # whose encoder it uses
    return prior


def mixture():
    prior = Mixture(L, 3)
    with torch.no_grad():
        prior.logits.copy_(torch.tensor([0.0, 1.0, -1.0]))
        prior.log_var.copy_(torch.tensor([[-1.0, 0.0], [0.5, -2.0], [0.0, 0.0]]))
    return prior


PRIORS = {"standard normal": lambda: StandardNormal(L), "mixture": mixture, "vamp": vamp}
priors = pytest.mark.parametrize("prior", [make() for make in PRIORS.values()], ids=PRIORS)


def posterior(rows=3):
    generator = torch.Generator().manual_seed(1)
    return Normal(*(0.5 * torch.randn(2, rows, L, generator=generator)))


@priors
def test_the_density_integrates_to_one(prior):
    line = torch.linspace(-8, 8, 801)
    density = prior.log_prob(torch.cartesian_prod(line, line)).exp()
    assert (density.sum() * (16 / 800) ** 2).item() == pytest.approx(1, abs=1e-3)


@priors
def test_draws_have_the_density(prior, assert_mean):
    """The mean of w(z) = f(z) / p(z) over draws from p is the integral of f, for any f."""
    z = prior.sample(50_000, torch.Generator().manual_seed(2))
    for centre in (-0.5, 0.7):
        f = td.Normal(centre, 0.3).log_prob(z).sum(-1)
        assert_mean((f - prior.log_prob(z)).exp().detach(), torch.tensor(1.0))


@priors
def test_the_kl_is_the_one_from_draws(prior, assert_mean):
    q = posterior()
    z = q.sample(50_000, torch.Generator().manual_seed(3))
    ratio = (
        td.Normal(q.mu, (0.5 * q.log_var).exp()).log_prob(z).sum(-1) - prior.log_prob(z)
    ).detach()
    torch.testing.assert_close(prior.log_ratio(q, z).sum(-1), ratio, rtol=1e-4, atol=1e-4)
    assert_mean(ratio, prior.kl(q, z).sum(-1).detach())


def test_only_the_standard_normal_knows_its_kl():
    assert [make().exact for make in PRIORS.values()] == [True, False, False]


@priors
@pytest.mark.parametrize("objective", ["elbo", "elbo-stl", "iwae", "iwae-dreg"])
def test_every_objective_trains_it(prior, objective):
    model = vaetut.VAE(D, hidden_dims=(8,), prior=prior)
    x = torch.rand(60, D, generator=torch.Generator().manual_seed(4))
    before = {name: weight.clone() for name, weight in prior.named_parameters()}
    recipe = vaetut.Recipe(
        hidden_dims=(8,), validation=10, epochs=2, batch_size=10, objective=objective
    )
    vaetut.train(model, x, recipe, progress=False)
    for name, weight in prior.named_parameters():
        assert not torch.equal(weight, before[name]), name


@priors
def test_it_survives_a_file(prior, tmp_path):
    model = vaetut.VAE(D, hidden_dims=(8,), prior=prior)
    vaetut.save_model(model, tmp_path / "m.safetensors")
    twin = vaetut.load_model(tmp_path / "m.safetensors")
    z = torch.ones(4, L)
    assert torch.equal(twin.prior.log_prob(z), model.prior.log_prob(z))


@priors
def test_evaluation_agrees_with_the_decomposition(prior):
    model = vaetut.VAE(D, hidden_dims=(8,), prior=prior)
    x = torch.rand(40, D, generator=torch.Generator().manual_seed(5))
    report = vaetut.evaluate(model, x, 4000)
    with torch.no_grad():
        q = model.encode(x)
        rate = prior.kl(q, q.sample(20_000, torch.Generator().manual_seed(6))).sum(-1).mean()
    assert report.rate == pytest.approx(rate.item(), rel=0.02, abs=0.01)
    assert report.nll < report.neg_elbo + 0.01


def test_a_mixture_that_is_fitted_afterwards_lies_nearer_to_the_codes():
    generator = torch.Generator().manual_seed(7)
    z = torch.cat([torch.randn(300, L, generator=generator) * 0.3 + c for c in (-1.5, 1.5)])
    fitted = Mixture.fit(z, 2)
    assert fitted.log_prob(z).mean() > StandardNormal(L).log_prob(z).mean() + 0.5
    assert not any(weight.requires_grad for weight in fitted.parameters())
    assert sorted(fitted.mu[:, 0].round().tolist()) == [-2.0, 2.0] or fitted.mu.abs().min() > 1
