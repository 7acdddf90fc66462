"""One contract for every prior: its draws have its density, and its KL is the one from draws."""

import copy

import pytest
import torch
from sklearn.mixture import GaussianMixture
from torch import distributions as td

import vaetut
from vaetut.distributions import Normal
from vaetut.noise import WEIGHTS, make_generator
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


def model_of(prior):
    """Return the model that a VampPrior belongs to, and a fresh one for others."""
    return prior.kept[0] if hasattr(prior, "kept") else vaetut.VAE(D, hidden_dims=(8,), prior=prior)


PRIORS = {"standard normal": lambda: StandardNormal(L), "mixture": mixture, "vamp": vamp}


@pytest.fixture(params=PRIORS)
def prior(request):
    return PRIORS[request.param]()


def posterior(rows=3):
    generator = torch.Generator().manual_seed(1)
    return Normal(*(0.5 * torch.randn(2, rows, L, generator=generator)))


def test_the_density_integrates_to_one(prior):
    line = torch.linspace(-8, 8, 801)
    density = prior.log_prob(torch.cartesian_prod(line, line)).exp()
    assert (density.sum() * (16 / 800) ** 2).item() == pytest.approx(1, abs=1e-3)


def test_draws_have_the_density(prior, assert_mean):
    """The mean of w(z) = f(z) / p(z) over draws from p is the integral of f, for any f."""
    z = prior.sample(50_000, torch.Generator().manual_seed(2))
    for centre in (-0.5, 0.7):
        f = td.Normal(centre, 0.3).log_prob(z).sum(-1)
        assert_mean((f - prior.log_prob(z)).exp().detach(), torch.tensor(1.0))


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


@pytest.mark.parametrize("objective", ["elbo", "elbo-stl", "iwae", "iwae-dreg"])
def test_every_objective_trains_it(prior, objective):
    model = model_of(prior)
    x = torch.rand(60, D, generator=torch.Generator().manual_seed(4))
    before = {name: weight.clone() for name, weight in prior.named_parameters()}
    recipe = vaetut.Recipe(
        hidden_dims=(8,), validation=10, epochs=2, batch_size=10, objective=objective
    )
    vaetut.train(model, x, recipe, progress=False)
    for name, weight in prior.named_parameters():
        assert not torch.equal(weight, before[name]), name


def test_it_survives_a_file(prior, tmp_path):
    model = model_of(prior)
    vaetut.save_model(model, tmp_path / "m.safetensors")
    twin = vaetut.load_model(tmp_path / "m.safetensors")
    z = torch.ones(4, L)
    assert torch.equal(twin.prior.log_prob(z), model.prior.log_prob(z))
    assert list(prior.state_dict()) == [name for name, _ in prior.named_parameters()]


def test_evaluation_agrees_with_the_decomposition(prior):
    model = model_of(prior)
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


def test_noise_of_the_estimate_shrinks_with_the_draws():
    """The error that a report states is that of its own sum, rate and all."""
    model = vaetut.VAE(D, hidden_dims=(8,), prior=mixture())
    x = torch.rand(40, D, generator=torch.Generator().manual_seed(5))
    reports = [vaetut.evaluate(model, x, 50, seed) for seed in range(40)]
    found = torch.tensor([report.neg_elbo for report in reports]).std().item()
    stated = sum(report.neg_elbo_se_monte_carlo for report in reports) / len(reports)
    assert found == pytest.approx(stated, rel=0.35)
    assert "KL(q(z|x) || p(z)), estimated" in str(reports[0])
    assert not reports[0].rate_is_exact


def test_free_bits_act_on_a_kl_that_does_not_split():
    model = vaetut.VAE(D, hidden_dims=(8,), prior=mixture())
    x = torch.rand(20, D, generator=torch.Generator().manual_seed(5))
    recipe = vaetut.Recipe(validation=0, free_bits=50.0)
    noise = torch.Generator().manual_seed(0)
    loss, (_, distortion, rate) = vaetut.training.batch_loss(model, x, recipe, 1.0, noise)
    assert rate < 50
    assert loss.item() == pytest.approx(distortion.item() + 50, rel=1e-6)


def test_a_compiled_model_has_the_same_bound(prior):
    model = model_of(prior)
    x = torch.rand(8, D, generator=torch.Generator().manual_seed(5))
    compiled = torch.compile(model, backend="eager")
    for bound in (vaetut.elbo, vaetut.importance_weighted_bound):
        one, other = (
            bound(each, x, 5, torch.Generator().manual_seed(1)) for each in (model, compiled)
        )
        torch.testing.assert_close(one, other)


def test_a_copy_of_a_model_stands_alone(prior):
    model = model_of(prior)
    twin, z = copy.deepcopy(model), torch.ones(4, L)
    before = model.prior.log_prob(z)
    with torch.no_grad():
        for weight in twin.parameters():
            weight.add_(0.3)
    assert torch.equal(model.prior.log_prob(z), before)
    if list(prior.parameters()):
        assert not torch.equal(twin.prior.log_prob(z), before)


def test_the_mean_of_the_model_is_drawn_from_its_prior(assert_mean):
    model = vaetut.VAE(D, hidden_dims=(8,), prior=mixture())
    drawn = model.generate(5000, torch.Generator().manual_seed(0))
    z = model.prior.sample(5000, torch.Generator().manual_seed(1))
    assert_mean((drawn - model.decode_mean(z)).detach(), torch.zeros(D))


def test_the_aggregate_posterior_is_compared_with_the_models_prior():
    q = posterior(200)
    plain, own = (
        vaetut.aggregate_posterior(*q, generator=torch.Generator().manual_seed(0), prior=prior)
        for prior in (None, mixture())
    )
    assert plain.information == own.information
    assert own.rate == pytest.approx(own.information + own.kl_to_prior)
    assert abs(own.kl_to_prior - plain.kl_to_prior) > 0.01


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Mixture(2, 0), ValueError, "components must be at least 1"),
        (lambda: Mixture(2.0, 3), TypeError, "latent_dim must be an int"),
        (lambda: StandardNormal(2).log_prob(torch.zeros(3)), ValueError, r"shape \(..., 2\)"),
        (lambda: StandardNormal(2).sample(0), ValueError, "number must be at least 1"),
        (lambda: mixture().sample(3, 7), TypeError, "generator must be a torch.Generator"),
        (lambda: VampPrior(2, torch.zeros(3, 4)).sample(3), ValueError, "pass it to VAE"),
        (lambda: VampPrior(2, torch.zeros(3)), ValueError, "inputs must have shape"),
        (lambda: vaetut.VAE(5, prior=VampPrior(2, [3, 4])), ValueError, "the encoder sees 5"),
        (lambda: VampPrior(2, 10), TypeError, "inputs must be a torch.Tensor, got int"),
        (lambda: VampPrior(2, torch.full((3, 4), torch.nan)), ValueError, "must be finite"),
        (lambda: VampPrior(2, (-3, 4)), ValueError, "every size of inputs must be at least 1"),
        (lambda: vaetut.VAE(5, prior=StandardNormal), TypeError, "call the class to make one"),
        (lambda: Mixture.fit(torch.zeros(3), 2), ValueError, "z must have shape"),
        (lambda: Mixture.fit(torch.zeros(3, 2), 4), ValueError, "4 components need at least 4"),
        (lambda: Mixture.fit(torch.full((3, 2), torch.nan), 2), ValueError, "must be finite"),
    ],
)
def test_a_mistake_is_answered_in_words(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_pseudo_inputs_learn_as_the_encoder_sees_them():
    likelihood = vaetut.Categorical(3)
    rows = torch.tensor([[0.0, 2], [1, 1]])
    prior = VampPrior(L, likelihood.as_input(rows))
    model = vaetut.VAE(2, likelihood=likelihood, prior=prior, hidden_dims=(8,))
    q = model.encode(rows)
    torch.testing.assert_close(prior.parts()[0].mu, q.mu)
    vaetut.elbo(model, rows).elbo.sum().backward()
    assert prior.inputs.grad.abs().min() > 0
    with pytest.raises(ValueError, match=r"the encoder sees 6; use likelihood.as_input\(rows\)"):
        vaetut.VAE(2, likelihood=likelihood, prior=VampPrior(L, rows))


@pytest.mark.parametrize("make", [mixture, vamp])
def test_the_kl_moves_the_encoder_as_differences_do(make):
    """Through z and q both: the whole gradient, of a mean over fixed noise."""
    prior = make().double()
    if make is vamp:
        prior.kept[0].double()
    eps = torch.randn(4, 3, L, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def kl(mu, log_var):
        return prior.kl(Normal(mu, log_var), mu + (0.5 * log_var).exp() * eps)

    q = [value.double().requires_grad_() for value in posterior()]
    assert torch.autograd.gradcheck(kl, q)


def test_a_vamp_prior_moves_the_encoder():
    prior = vamp()
    prior.log_prob(torch.ones(4, L)).sum().backward()
    encoder = prior.kept[0].encoder
    assert encoder.mu.weight.grad.abs().max() > 0
    assert encoder.log_var.weight.grad.abs().max() > 0


def test_a_fitted_mixture_is_the_one_of_the_library():
    generator = torch.Generator().manual_seed(7)
    z = torch.cat([torch.randn(n, L, generator=generator) * 0.3 + n / 100 for n in (100, 500)])
    fitted = Mixture.fit(z, 2)
    library = GaussianMixture(2, covariance_type="diag", random_state=0).fit(z.numpy())
    expected = torch.from_numpy(library.score_samples(z.numpy())).float()
    torch.testing.assert_close(fitted.log_prob(z), expected, rtol=1e-3, atol=1e-3)
    assert fitted.parts()[1].exp().min().item() == pytest.approx(1 / 6, abs=0.02)
    assert torch.equal(Mixture.fit(z, 3, seed=0).mu, Mixture.fit(z, 3).mu)
    assert not torch.equal(Mixture.fit(z, 3, seed=5).mu, Mixture.fit(z, 3).mu)


def test_a_mixture_is_fitted_to_draws_as_they_come():
    """With gradients, in any precision, and be there one for each component."""
    z = torch.tensor([[0.0, 1.0], [2.0, 3.0]], dtype=torch.float64, requires_grad=True)
    fitted = Mixture.fit(z, 2)
    torch.testing.assert_close(fitted.mu.sort(0).values, z.detach())


def test_the_means_of_a_mixture_begin_at_draws_from_the_generator_alone():
    state = torch.random.get_rng_state()
    first, second, other = (Mixture(L, 500, make_generator(seed, WEIGHTS)).mu for seed in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert first.std().item() == pytest.approx(1, abs=0.1)
    assert torch.equal(Mixture(L, 500).mu, first)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_component_without_weight_is_never_drawn(monkeypatch):
    prior = Mixture(L, 2)
    with torch.no_grad():
        prior.logits.copy_(torch.tensor([-torch.inf, 0.0]))
        prior.mu.copy_(torch.tensor([[-100.0], [100.0]]).expand(2, L))
    monkeypatch.setattr(vaetut.priors, "uniform", lambda shape, like, generator: like.new_zeros(9))
    assert (prior.sample(9) > 0).all()  # at the least draw that there is


def test_draws_come_from_the_generator_alone(prior):
    state = torch.random.get_rng_state()
    first, second, other = (
        prior.sample(50, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), state)


class Wide(vaetut.Prior):
    """N(0, 4 I), with a formula for the KL, and the default log_ratio, which does not split."""

    exact = True

    def log_prob(self, z):
        return td.Normal(0.0, 2.0).log_prob(z).sum(-1)

    def kl(self, q, z=None):
        normal = td.Normal(q.mu, (0.5 * q.log_var).exp())
        return td.kl_divergence(normal, td.Normal(0.0, 2.0))


def test_a_formula_counts_once_whatever_the_gradient():
    """On average the two have one gradient, where the KL splits and its estimate does not."""
    model = vaetut.VAE(D, prior=Wide(L), hidden_dims=(8,))
    x, noise = torch.rand(5, D, generator=torch.Generator().manual_seed(0)), torch.Generator()
    with torch.no_grad():
        for weight in model.decoder.parameters():
            weight.zero_()  # so that the KL's gradient is all there is
    found = []
    for objective in ("elbo", "elbo-stl"):
        recipe = vaetut.Recipe(validation=0, objective=objective, num_samples=20_000)
        loss, _ = vaetut.training.batch_loss(model, x, recipe, 1.0, noise.manual_seed(0))
        found.append(torch.autograd.grad(loss, model.encoder.mu.bias)[0])
    torch.testing.assert_close(*found, rtol=0.05, atol=0.005)


@pytest.mark.parametrize("shape", [(4,), (4, 3), (1, 4)])
def test_a_kl_of_another_shape_is_refused(shape):
    prior = Wide(L)
    prior.kl = lambda q, z=None: torch.zeros(shape)
    with pytest.raises(ValueError, match=r"kl must have shape \(4, 2\) or \(4, 1\), got"):
        vaetut.elbo(vaetut.VAE(D, prior=prior), torch.rand(4, D))


def test_a_prior_may_be_changed_afterwards():
    model = vaetut.VAE(D, L, hidden_dims=(8,))
    model.prior = VampPrior(L, torch.rand(3, D))
    assert model.generate(4).shape == (4, D)
    with pytest.raises(ValueError, match="the prior must have latent_dim 2, got 3"):
        model.prior = Mixture(3, 2)
    assert isinstance(model.prior, VampPrior)


def test_pseudo_inputs_of_a_shape_alone_differ():
    prior = VampPrior(L, (4, D))
    assert (prior.inputs[0] - prior.inputs[1]).abs().max() > 0.1
    assert torch.equal(prior.inputs, torch.rand(4, D, generator=make_generator(0, WEIGHTS)))


def test_a_vamp_prior_has_one_model():
    prior = VampPrior(L, torch.rand(3, D))
    vaetut.VAE(D, prior=prior)
    with pytest.raises(ValueError, match="make one for each model"):
        vaetut.VAE(D, prior=prior)
