"""A refined q is nearer to the posterior, one example at a time, and the model stays as it was."""

import pytest
import torch

import vaetut


def kl_to_posterior(example, q):
    """KL(q || p(z|x)) for each row of a linear Gaussian model: log p(x) - ELBO, without noise."""
    w, v = example.model.decoder.out.weight, example.model.likelihood.log_var.double().exp()
    m = w.square().sum(0) + v
    center = (example.x - example.model.decoder.out.bias) @ w / m
    ratio = q.log_var.exp() * m / v
    return 0.5 * ((q.mu - center).square() * m / v + ratio - 1 - ratio.log()).sum(1)


@pytest.fixture
def wrong(linear_gaussian):
    """A model whose encoder is wrong by a known amount, in mean and in variance."""
    return linear_gaussian(shift=0.5, widen=-1.0, num_images=40)


def test_it_finds_the_posterior_where_the_family_holds_it(wrong, seeded):
    with torch.no_grad():
        before = kl_to_posterior(wrong, wrong.model.encode(wrong.x))
        after = kl_to_posterior(wrong, vaetut.refine_posterior(wrong.model, wrong.x, 100, seeded()))
    assert before.mean() == pytest.approx(wrong.gap.item(), rel=1e-6)
    assert before.min() > 1.0
    assert after.max() < 0.02


def test_more_steps_come_nearer(wrong, seeded):
    gaps = []
    with torch.no_grad():
        for steps in (1, 10, 100):
            q = vaetut.refine_posterior(wrong.model, wrong.x, steps, seeded())
            gaps.append(kl_to_posterior(wrong, q).mean().item())
    assert gaps[0] > gaps[1] > gaps[2]


def test_it_takes_a_hundred_steps_if_not_told(wrong, seeded):
    told, own = (
        vaetut.refine_posterior(wrong.model, wrong.x, *steps, generator=seeded())
        for steps in ([100], [])
    )
    assert torch.equal(told.mu, own.mu)


def test_it_counts_the_models_own_prior(linear_gaussian, seeded):
    """With a narrow prior around 2 the same decoder has another posterior, and q goes there."""
    example = linear_gaussian(num_images=20)
    prior = vaetut.Mixture(2, 1).double()
    with torch.no_grad():
        prior.mu.fill_(2.0)
        prior.log_var.fill_(-6.0)
    example.model.prior = prior
    q = vaetut.refine_posterior(example.model, example.x, 200, seeded())
    assert (q.mu - 2).abs().max() < 0.6


def test_a_rows_result_does_not_hang_on_its_neighbours(wrong, seeded, monkeypatch):
    noise = torch.randn(5, 40, 2, dtype=torch.float64, generator=seeded())

    def sample(self, num_samples, generator):
        return self.mu + (self.log_var / 2).exp() * noise[:, : len(self.mu)]

    monkeypatch.setattr(vaetut.Normal, "sample", sample)
    whole = vaetut.refine_posterior(wrong.model, wrong.x, 20, seeded())
    part = vaetut.refine_posterior(wrong.model, wrong.x[:7], 20, seeded())
    torch.testing.assert_close(whole.mu[:7], part.mu)
    torch.testing.assert_close(whole.log_var[:7], part.log_var)


@pytest.mark.parametrize("gradients", [True, False])
def test_the_model_is_left_as_it_was(make_model, images, seeded, gradients):
    model = make_model().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    with torch.set_grad_enabled(gradients):
        q = vaetut.refine_posterior(model, images, 3, seeded())
    assert model.training
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert not q.mu.requires_grad
    assert not q.log_var.requires_grad
    assert torch.equal(torch.get_rng_state(), state)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_equal_generators_give_equal_results(model, images, seeded):
    first, second, other = (
        vaetut.refine_posterior(model, images, 3, seeded(seed)).mu for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_a_report_with_a_refined_q_is_nearer_to_the_truth_and_says_so(wrong):
    exact = -wrong.log_p.mean().item()
    plain = vaetut.evaluate(wrong.model, wrong.x, 500)
    refined = vaetut.evaluate(wrong.model, wrong.x, 500, refine_steps=100)
    assert plain.neg_elbo - exact > 1
    assert abs(refined.neg_elbo - exact) < 0.02 + 4 * refined.neg_elbo_se_monte_carlo
    assert abs(refined.nll - exact) < 4 * refined.nll_se_monte_carlo
    assert refined.nll_se_monte_carlo < plain.nll_se_monte_carlo / 3
    assert (plain.refine_steps, refined.refine_steps) == (0, 100)
    assert "q(z|x) improved for each of them by 100 steps" in str(refined)
    assert "improved" not in str(plain)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_steps": 0}, ValueError, "num_steps must be at least 1, got 0"),
        ({"num_steps": 2.0}, TypeError, "num_steps must be an int, got 2.0"),
        ({"generator": 0}, TypeError, "generator must be a torch.Generator"),
    ],
)
def test_refine_says_what_it_expected(model, images, options, error, message):
    with pytest.raises(error, match=message):
        vaetut.refine_posterior(model, images, **options)


def test_what_does_not_fit_the_model_is_refused(model, images):
    with pytest.raises(ValueError, match="x must have shape"):
        vaetut.refine_posterior(model, images[:, :-1])
    with pytest.raises(ValueError, match="refine_steps must be at least 0, got -1"):
        vaetut.evaluate(model, images, 2, refine_steps=-1)
