"""The bounds are what they claim to be, checked where the exact answer is known."""

import itertools
import math

import pytest
import torch
from hypothesis import given, strategies as st
from torch.distributions import Normal, kl_divergence

import vaetut
from vaetut import distributions, objective
from vaetut.checks import check_images
from vaetut.objective import (
    dreg_loss,
    kl_per_dimension,
    log_importance_weights,
    noise_for,
    stream_log_weights,
)
from vaetut.priors import StandardNormal

FLOATS = st.floats(-8, 8)
NOT_TINY = st.floats(1e-3, 8) | st.floats(-8, -1e-3)


def row(values):
    return torch.tensor([values], dtype=torch.float64)


def random_posterior(generator, shape=(5, 3)):
    return torch.randn(2, *shape, generator=generator, dtype=torch.float64)


# The KL divergence


def test_the_kl_agrees_with_torch_distributions(seeded):
    mu, log_var = random_posterior(seeded())
    expected = kl_divergence(Normal(mu, (0.5 * log_var).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(kl_per_dimension(mu, log_var), expected)
    torch.testing.assert_close(vaetut.kl_standard_normal(mu, log_var), expected.sum(-1))


def test_the_kl_agrees_with_monte_carlo(seeded, assert_mean):
    mu, log_var = random_posterior(seeded())
    q = Normal(mu, (0.5 * log_var).exp())
    z = mu + (0.5 * log_var).exp() * torch.randn(
        20_000, 5, 3, generator=seeded(1), dtype=torch.float64
    )
    log_ratio = q.log_prob(z) - Normal(0.0, 1.0).log_prob(z)
    posterior = distributions.Normal(mu, log_var)
    found = StandardNormal(mu.shape[1]).log_ratio(posterior, z)
    torch.testing.assert_close(found, log_ratio)
    assert_mean(log_ratio.sum(-1), vaetut.kl_standard_normal(mu, log_var))


@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=5))
def test_the_kl_is_not_negative(pairs):
    mu, log_var = map(row, zip(*pairs, strict=True))
    assert (kl_per_dimension(mu, log_var) >= -1e-15).all()  # exp(v) - 1 - v cancels near zero


def test_the_kl_is_zero_at_the_prior():
    zeros = torch.zeros(4, 3)
    assert not vaetut.kl_standard_normal(zeros, zeros).any()


@given(FLOATS, FLOATS, NOT_TINY, st.booleans())
def test_the_kl_is_zero_nowhere_else(mu, log_var, other, in_mean):
    mu, log_var = (other, log_var) if in_mean else (mu, other)
    assert vaetut.kl_standard_normal(row([mu]), row([log_var])) > 0


@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=2, max_size=5), st.randoms())
def test_the_kl_adds_up_over_coordinates_in_any_order(pairs, random):
    total = vaetut.kl_standard_normal(*map(row, zip(*pairs, strict=True)))
    random.shuffle(pairs)
    parts = [vaetut.kl_standard_normal(row([mu]), row([log_var])) for mu, log_var in pairs]
    torch.testing.assert_close(sum(parts), total)


def test_the_kl_passes_gradcheck(seeded):
    mu, log_var = random_posterior(seeded())
    inputs = (mu.requires_grad_(), log_var.requires_grad_())
    assert torch.autograd.gradcheck(vaetut.kl_standard_normal, inputs)
    vaetut.kl_standard_normal(mu, log_var).sum().backward()
    torch.testing.assert_close(mu.grad, mu.detach())
    torch.testing.assert_close(log_var.grad, 0.5 * (log_var.detach().exp() - 1))


# The ELBO and the importance-weighted bound, term by term


def test_the_elbo_is_the_mean_log_likelihood_less_the_kl(model, images, seeded):
    got = vaetut.elbo(model, images, num_samples=4, generator=seeded(3))
    mu, log_var = model.encode(images)
    eps = torch.randn(4, 60, 3, generator=seeded(3))
    logits = model.decode(mu + (0.5 * log_var).exp() * eps)
    log_likelihood = torch.distributions.Bernoulli(logits=logits, validate_args=False)
    log_likelihood = log_likelihood.log_prob(images).sum(-1).mean(0)
    kl = kl_divergence(Normal(mu, (0.5 * log_var).exp()), Normal(0.0, 1.0)).sum(-1)
    assert all(part.shape == (60,) for part in got)
    torch.testing.assert_close(got.log_likelihood, log_likelihood, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(got.kl, kl, rtol=1e-5, atol=1e-4)
    assert torch.equal(got.elbo, got.log_likelihood - got.kl)


def test_one_draw_for_the_elbo_and_5000_for_the_bound_unless_said(linear_gaussian, seeded):
    example = linear_gaussian()
    model, x = example.model, example.x
    for function, draws in ((vaetut.elbo, 1), (vaetut.importance_weighted_bound, 5000)):
        got, said = function(model, x, generator=seeded()), function(model, x, draws, seeded())
        torch.testing.assert_close(got, said, rtol=0, atol=0)


def test_the_bound_is_the_log_of_the_mean_weight(model, images, seeded):
    got = vaetut.importance_weighted_bound(model, images, num_samples=4, generator=seeded(3))
    mu, log_var = model.encode(images)
    sigma = (0.5 * log_var).exp()
    z = mu + sigma * torch.randn(4, 60, 3, generator=seeded(3))
    log_w = (
        model.log_likelihood(images, z)
        + Normal(0.0, 1.0).log_prob(z).sum(-1)
        - Normal(mu, sigma).log_prob(z).sum(-1)
    )
    expected = log_w.double().exp().mean(0).log().float()
    assert got.shape == (60,)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("bound", [vaetut.importance_weighted_bound, vaetut.elbo])
def test_equal_seeds_give_equal_bounds(model, images, seeded, bound):
    def value(generator):
        result = bound(model, images, 3, generator)
        return result.elbo if bound is vaetut.elbo else result

    assert torch.equal(value(seeded(1)), value(seeded(1)))
    assert not torch.equal(value(seeded(1)), value(seeded(2)))
    assert not torch.equal(value(None), value(None))


def test_tiny_weights_do_not_underflow(make_model, images, seeded):
    model = make_model(likelihood="gaussian", variance=1e-4)
    bound = vaetut.importance_weighted_bound(model, images, 5, seeded())
    assert torch.isfinite(bound).all()
    assert (bound < -200).all()  # exp() of which is zero in float32


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("name", ["elbo", "importance_weighted_bound"])
def test_the_gradients_of_both_bounds_pass_gradcheck(make_model, seeded, name, likelihood):
    """With respect to every weight, at fixed noise."""
    variance = "learned" if likelihood == "gaussian" else 1.0
    model = make_model(
        input_dim=4, hidden_dims=(3,), latent_dim=2, likelihood=likelihood, variance=variance
    ).double()
    x = torch.rand(3, 4, generator=seeded(1), dtype=torch.float64)

    def bound(*weights):  # gradcheck moves the model's own weights, in place
        value = getattr(vaetut, name)(model, x, num_samples=3, generator=seeded(2))
        return value.elbo if name == "elbo" else value

    weights = tuple(model.parameters())
    assert len(weights) == 10 + (likelihood == "gaussian")
    assert torch.autograd.gradcheck(bound, weights)


# Streaming


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(objective, "CHUNK_ELEMENTS", {"cpu": 7 * 60 * 12})


def test_without_gradients_samples_come_in_bounded_chunks(small_chunks, model, images, seeded):
    chunks = [w for _, w in stream_log_weights(model, images, model.encode(images), 17, seeded())]
    assert [len(chunk) for chunk in chunks] == [7, 7, 3]


def test_a_chunk_holds_at_least_one_sample(monkeypatch, model, images, seeded):
    monkeypatch.setattr(objective, "CHUNK_ELEMENTS", {"cpu": 1})
    assert [
        len(w) for _, w in stream_log_weights(model, images, model.encode(images), 2, seeded())
    ] == [1, 1]


def test_streaming_gives_the_log_of_the_mean_of_all_weights(small_chunks, model, images, seeded):
    with torch.no_grad():
        got = vaetut.importance_weighted_bound(model, images, 17, seeded())
        chunks = [
            w for _, w in stream_log_weights(model, images, model.encode(images), 17, seeded())
        ]
    assert not got.requires_grad
    expected = torch.cat(chunks).logsumexp(0) - math.log(17)
    torch.testing.assert_close(got, expected)


def test_gradients_on_or_off_the_value_is_the_same(model, images, seeded):
    with_gradients = vaetut.importance_weighted_bound(model, images, 5, seeded())
    assert with_gradients.requires_grad
    with torch.no_grad():
        without = vaetut.importance_weighted_bound(model, images, 5, seeded())
    torch.testing.assert_close(with_gradients.detach(), without)


# Where log p(x) is known

SHIFT, WIDEN, DRAWS = 0.4, 0.5, 2000


def draws_of_bound(example, num_samples, generator):
    """Return DRAWS independent values of the bound for every image, (DRAWS, N)."""
    repeated = example.x.repeat(DRAWS, 1)
    with torch.no_grad():
        got = vaetut.importance_weighted_bound(example.model, repeated, num_samples, generator)
    return got.reshape(DRAWS, -1)


def test_the_elbo_lies_below_log_p_by_the_kl_to_the_true_posterior(
    linear_gaussian, seeded, assert_mean
):
    example = linear_gaussian(SHIFT, WIDEN)
    repeated = example.x.repeat(DRAWS, 1)
    draws = vaetut.elbo(example.model, repeated, generator=seeded()).elbo.reshape(DRAWS, -1)
    assert example.gap > 0.5
    assert_mean(draws.detach(), example.log_p - example.gap)


def test_one_sample_of_the_bound_is_the_elbo_on_average(linear_gaussian, seeded, assert_mean):
    example = linear_gaussian(SHIFT, WIDEN)
    assert_mean(draws_of_bound(example, 1, seeded()), example.log_p - example.gap)


def test_the_bound_grows_with_k_towards_log_p(linear_gaussian, seeded):
    example = linear_gaussian(SHIFT, WIDEN)
    sizes = (1, 2, 5, 20)
    draws = {k: draws_of_bound(example, k, seeded(k)) for k in sizes}
    error = {k: draws[k].std(0) / math.sqrt(DRAWS) for k in sizes}
    for few, more in itertools.pairwise(sizes):
        growth = draws[more].mean(0) - draws[few].mean(0)
        assert (growth > 4 * (error[few] ** 2 + error[more] ** 2).sqrt()).all()
    for k in sizes:
        assert (draws[k].mean(0) < example.log_p + 4 * error[k]).all()
    assert (draws[1].mean(0) < example.log_p - 4 * error[1]).all()


def test_many_samples_reach_log_p(linear_gaussian, seeded):
    example = linear_gaussian(SHIFT, WIDEN)
    with torch.no_grad():
        bound = vaetut.importance_weighted_bound(example.model, example.x, 200_000, seeded())
    torch.testing.assert_close(bound, example.log_p, rtol=0, atol=0.02)


def test_the_mean_weight_is_p_without_bias(linear_gaussian, seeded, assert_mean):
    example = linear_gaussian(SHIFT, WIDEN)
    with torch.no_grad():
        q = example.model.encode(example.x)
        z = vaetut.reparameterize(*q, 20_000, seeded())
        _, log_w = log_importance_weights(example.model, example.x, z, q)
    assert_mean((log_w - example.log_p).exp(), 1.0)


@pytest.mark.parametrize("num_samples", [1, 3])
def test_where_q_is_exact_every_single_draw_is_log_p(linear_gaussian, seeded, num_samples):
    example = linear_gaussian()
    for seed in range(20):
        bound = vaetut.importance_weighted_bound(
            example.model, example.x, num_samples, seeded(seed)
        )
        torch.testing.assert_close(bound, example.log_p, rtol=0, atol=1e-9)


def test_where_q_is_exact_the_elbo_is_log_p_on_average(linear_gaussian, seeded, assert_mean):
    example = linear_gaussian()
    assert example.gap == 0
    repeated = example.x.repeat(DRAWS, 1)
    draws = vaetut.elbo(example.model, repeated, generator=seeded()).elbo.reshape(DRAWS, -1)
    assert_mean(draws.detach(), example.log_p)


# The doubly reparameterized gradient


def gradients(example, loss):
    """Return the gradients of the mean of `loss`, as one vector: (encoder's, decoder's)."""
    parts = (example.model.encoder.parameters(), example.model.decoder.parameters())
    return [
        torch.cat([g.flatten() for g in torch.autograd.grad(loss.mean(), [*p], retain_graph=True)])
        for p in parts
    ]


@pytest.mark.parametrize("num_samples", [1, 5])
def test_the_doubly_reparameterized_gradient_is_the_bounds_with_less_noise(
    linear_gaussian, seeded, assert_mean, num_samples
):
    example = linear_gaussian(SHIFT, WIDEN)
    differences, noise = [], []
    for seed in range(400):
        eps = noise_for(example.model, example.x, num_samples, seeded(seed))
        loss, bound = dreg_loss(example.model, example.x, eps)
        plain = vaetut.importance_weighted_bound(
            example.model, example.x, num_samples, seeded(seed)
        )
        assert torch.equal(bound, plain) and not bound.requires_grad
        encoder, decoder = gradients(example, loss)
        plain_encoder, plain_decoder = gradients(example, -plain)
        torch.testing.assert_close(decoder, plain_decoder)
        differences.append(encoder - plain_encoder)
        noise.append(torch.stack([encoder, plain_encoder]))
    assert_mean(torch.stack(differences), 0.0)
    with_less, plain = torch.stack(noise).var(0).sum(-1)
    assert with_less < 0.8 * plain


@pytest.mark.parametrize("num_samples", [1, 5])
def test_where_q_is_exact_the_encoder_has_nothing_to_learn(linear_gaussian, seeded, num_samples):
    example = linear_gaussian()
    eps = noise_for(example.model, example.x, num_samples, seeded())
    loss, _ = dreg_loss(example.model, example.x, eps)
    plain = vaetut.importance_weighted_bound(example.model, example.x, num_samples, seeded())
    assert gradients(example, loss)[0].abs().max() < 1e-9
    assert gradients(example, -plain)[0].abs().max() > 1e-3


@pytest.mark.parametrize("bound", [vaetut.elbo, vaetut.importance_weighted_bound])
def test_rounding_at_the_edge_of_the_range_is_taken_back(model, bound, seeded):
    x = X.round()
    for dtype in (torch.float32, torch.float64):
        model, x = model.to(dtype), x.to(dtype)
        rounded = x + (2 * x - 1) * 60 * torch.finfo(dtype).eps
        assert not torch.equal(rounded, x)
        got, expected = (bound(model, each, 3, seeded()) for each in (rounded, x))
        torch.testing.assert_close(got, expected, rtol=0, atol=0)


def test_images_in_range_are_not_copied(images):
    assert check_images(images) is images


def test_images_from_inference_mode_may_take_part_in_gradients(model, images, seeded):
    with torch.inference_mode():
        inferred = images.clone()
    vaetut.elbo(model, inferred, generator=seeded()).elbo.mean().backward()
    assert model.decoder.out.bias.grad.any()


# Bad input

X, Z = torch.rand(4, 12), torch.rand(4, 3)


@pytest.mark.parametrize("bound", [vaetut.elbo, vaetut.importance_weighted_bound])
@pytest.mark.parametrize(
    ("x", "options", "error", "message"),
    [
        (X.numpy(), {}, TypeError, "x must be a torch.Tensor, got ndarray"),
        (X.byte(), {}, TypeError, "torch.uint8; divide 8-bit images by 255"),
        (X.long(), {}, TypeError, "floating-point numbers, got torch.int64"),
        (X.double(), {}, TypeError, "torch.float32 like the model, got torch.float64"),
        (X[0], {}, ValueError, r"\(batch, 12\), got \(12,\); add the batch axis"),
        (X.reshape(1, 4, 12), {}, ValueError, r"\(batch, 12\), got \(1, 4, 12\)"),
        (X[:, :7], {}, ValueError, r"\(batch, 12\), got \(4, 7\)"),
        (X[:0], {}, ValueError, r"x is empty: shape \(0, 12\)"),
        (X + math.nan, {}, ValueError, "x must be finite; it holds NaN or infinity"),
        (X - math.inf, {}, ValueError, "x must be finite; it holds NaN or infinity"),
        (2 * X.round(), {}, ValueError, r"in \[0, 1\] for a Bernoulli.*from 0 to 2"),
        (X - 2, {}, ValueError, r"in \[0, 1\] for a Bernoulli.*likelihood='gaussian'"),
        (X, {"num_samples": 0}, ValueError, "num_samples must be at least 1, got 0"),
        (X, {"num_samples": 2.0}, TypeError, "num_samples must be an int, got 2.0"),
        (X, {"generator": 0}, TypeError, "generator must be a torch.Generator or None, got 0"),
    ],
)
def test_the_bounds_say_what_they_expected(model, bound, x, options, error, message):
    with pytest.raises(error, match=message):
        bound(model, x, **options)


@pytest.mark.parametrize("bound", [vaetut.elbo, vaetut.importance_weighted_bound])
def test_a_gaussian_takes_any_finite_number_and_nothing_else(make_model, seeded, bound):
    model = make_model(likelihood="gaussian")
    bound(model, 5 * X - 2, 2, seeded())
    with pytest.raises(ValueError, match="x must be finite"):
        bound(model, X / 0, 2, seeded())


@pytest.mark.parametrize("kl", [vaetut.kl_standard_normal, kl_per_dimension])
@pytest.mark.parametrize(
    ("mu", "log_var", "error", "message"),
    [
        (Z.numpy(), Z, TypeError, "mu must be a torch.Tensor, got ndarray"),
        (Z, None, TypeError, "log_var must be a torch.Tensor, got NoneType"),
        (Z.long(), Z, TypeError, "mu must hold floating-point numbers, got torch.int64"),
        (Z, Z[:, :2], ValueError, r"must have one shape, got \(4, 3\) and \(4, 2\)"),
    ],
)
def test_the_kl_says_what_it_expected(kl, mu, log_var, error, message):
    with pytest.raises(error, match=message):
        kl(mu, log_var)
