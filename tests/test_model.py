"""The network is the article's, sampling is exact, and log-likelihoods are those of PyTorch."""

import copy
import itertools
import math

import pytest
import torch
from hypothesis import given, strategies as st
from torch.nn import functional as F

import vaetut
from vaetut.functional import Softplus
from vaetut.likelihoods import Bernoulli
from vaetut.likelihoods.gaussian import MIN_LOG_VAR_X
from vaetut.model import unwrap_and_check
from vaetut.networks import ACTIVATIONS, Decoder, Encoder
from vaetut.noise import WEIGHTS, make_generator
from vaetut.parts import describe


def linear_layers(module):
    return [layer for layer in module.modules() if isinstance(layer, torch.nn.Linear)]


def shapes(module):
    return [(layer.in_features, layer.out_features) for layer in linear_layers(module)]


# The network


def test_the_default_is_the_articles_network():
    model = vaetut.VAE()
    assert sum(p.numel() for p in model.parameters()) == 1_316_824
    assert shapes(model.encoder) == [(784, 500), (500, 500), (500, 20), (500, 20)]
    assert shapes(model.decoder) == [(20, 500), (500, 500), (500, 784)]
    kinds = {
        type(m)
        for part in (model.encoder, model.decoder)
        for m in part.modules()
        if not list(m.children())
    }
    assert kinds == {torch.nn.Linear, Softplus}
    assert isinstance(model.likelihood, Bernoulli)


@pytest.mark.parametrize("hidden_dims", [(), (7,), (9, 4), (9, 4, 6), [9, 4]])
def test_the_decoder_has_the_encoders_widths_reversed(hidden_dims):
    model = vaetut.VAE(12, 3, hidden_dims)
    inwards = (12, *hidden_dims)
    outwards = (3, *reversed(hidden_dims), 12)
    last = (inwards[-1], 3)
    assert shapes(model.encoder) == [*itertools.pairwise(inwards), last, last]
    assert shapes(model.decoder) == list(itertools.pairwise(outwards))


def test_weights_are_xavier_uniform_and_biases_zero():
    for layer in linear_layers(vaetut.VAE(hidden_dims=(500, 300))):
        bound = math.sqrt(6 / (layer.in_features + layer.out_features))
        weight = layer.weight.detach().flatten()
        assert weight.abs().max() <= bound
        assert weight.abs().max() > 0.999 * bound
        # The uniform distribution's moments, within 5 standard errors.
        n = weight.numel()
        assert abs(weight.mean()) < 5 * bound / math.sqrt(3 * n)
        assert weight.square().mean().item() == pytest.approx(
            bound**2 / 3, abs=5 * bound**2 * math.sqrt(4 / 45 / n)
        )
        assert not layer.bias.any()


@pytest.mark.parametrize("build", [vaetut.VAE, Encoder, Decoder])
def test_initial_weights_come_from_the_generator_alone(build, seeded):
    def weights(generator):
        return torch.cat(
            [p.flatten() for p in build(12, 3, (8,), generator=generator).parameters()]
        )

    first = weights(seeded(1))
    torch.rand(7)
    assert torch.equal(weights(seeded(1)), first)
    assert not torch.equal(weights(seeded(2)), first)
    assert torch.equal(weights(None), weights(make_generator(0, WEIGHTS)))


def test_no_two_layers_start_alike():
    layers = linear_layers(vaetut.VAE(8, 8, (8, 8)))
    firsts = {layer.weight[0, 0].item() for layer in layers}
    assert len(firsts) == len(layers)


REFERENCE = {
    "elu": lambda a: torch.where(a > 0, a, a.exp() - 1),
    "gelu": lambda a: a * torch.distributions.Normal(0, 1).cdf(a),
    "leaky_relu": lambda a: torch.where(a > 0, a, 0.01 * a),
    "relu": lambda a: a.clamp(min=0),
    "sigmoid": lambda a: 1 / (1 + (-a).exp()),
    "silu": lambda a: a / (1 + (-a).exp()),
    "softplus": lambda a: (1 + a.exp()).log(),
    "tanh": lambda a: (a.exp() - (-a).exp()) / (a.exp() + (-a).exp()),
}


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_the_network_is_what_its_equations_say(make_model, images, activation):
    model = make_model(hidden_dims=(8, 5), activation=activation)
    act = REFERENCE[activation]
    h = images
    for layer in linear_layers(model.encoder)[:2]:
        h = act(h @ layer.weight.T + layer.bias)
    mu, log_var = model.encode(images)
    for got, head in ((mu, model.encoder.mu), (log_var, model.encoder.log_var)):
        torch.testing.assert_close(got, h @ head.weight.T + head.bias, rtol=1e-4, atol=1e-5)
    h = mu
    for layer in linear_layers(model.decoder)[:2]:
        h = act(h @ layer.weight.T + layer.bias)
    out = model.decoder.out
    torch.testing.assert_close(model.decode(mu), h @ out.weight.T + out.bias, rtol=1e-4, atol=1e-5)


def test_codes_may_have_any_number_of_leading_axes(model, seeded):
    z = torch.randn(2, 4, 5, 3, generator=seeded())
    decoded = model.decode(z)
    assert decoded.shape == (2, 4, 5, 12)
    torch.testing.assert_close(decoded[1, 2, 3], model.decode(z[1, 2, 3]))
    torch.testing.assert_close(model.decode_mean(z), decoded.sigmoid())


def test_the_mean_picture_is_the_sigmoid_of_the_logits_or_the_gaussian_mean(make_model, seeded):
    z = torch.randn(5, 3, generator=seeded())
    model = make_model()
    torch.testing.assert_close(model.decode_mean(z), 1 / (1 + (-model.decode(z)).exp()))
    model = make_model(likelihood="gaussian")
    assert torch.equal(model.decode_mean(z), model.decode(z))


def test_what_is_generated_are_means_of_codes_from_the_prior_or_draws(model, seeded):
    noise = seeded(4)
    z = model.prior.sample(30, noise)
    assert torch.equal(model.generate(30, seeded(4)), model.decode_mean(z))
    drawn = model.generate(30, seeded(4), sample=True)
    assert torch.equal(drawn, model.likelihood.sample(model.decode(z), noise))
    assert not torch.equal(model.generate(30), model.generate(30))
    assert not drawn.requires_grad


def test_a_compiled_function_looks_at_shapes_but_not_at_values(model, images, monkeypatch):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    found = unwrap_and_check(model, 2 * images)
    assert found[0] is model and torch.equal(found[1], 2 * images)
    for x in (images.T, images.to("meta")):
        with pytest.raises(ValueError, match="^rows (must have shape|holds no values)"):
            unwrap_and_check(model, x, name="rows")


def test_images_that_need_no_change_are_not_copied(model, images):
    assert unwrap_and_check(model, images)[1] is images
    with pytest.raises(TypeError, match=r"^rows must be torch\.float32 like the model"):
        unwrap_and_check(model, images.double(), name="rows")


def test_forward_encodes_samples_once_and_decodes(model, images, seeded):
    params, mu, log_var = model(images, generator=seeded(4))
    assert torch.equal(mu, model.encode(images)[0])
    assert torch.equal(log_var, model.encode(images)[1])
    z = vaetut.reparameterize(mu, log_var, generator=seeded(4))
    assert torch.equal(params, model.decode(z))


def test_an_image_is_encoded_the_same_alone_and_in_a_batch(model, images):
    torch.testing.assert_close(model.encode(images)[0][7:8], model.encode(images[7:8])[0])


def test_results_leave_autocast_in_the_inputs_precision(model, images):
    with torch.autocast("cpu", torch.bfloat16):
        mu, log_var = model.encode(images)
        logits = model.decode(mu)
        kl = vaetut.kl_standard_normal(mu, log_var)
    assert {t.dtype for t in (mu, log_var, logits, kl)} == {torch.float32}
    torch.testing.assert_close(mu, model.encode(images)[0], rtol=0.05, atol=0.05)


def test_the_old_config_still_rebuilds_the_architecture(make_model):
    model = make_model(hidden_dims=(8, 5), likelihood="gaussian", variance=0.2)
    words = r"^model\.config is deprecated; use vaetut\.parts\.describe\(model\)$"
    with pytest.warns(DeprecationWarning, match=words):
        config = model.config
    twin = vaetut.VAE(**config)
    assert shapes(twin) == shapes(model)
    assert torch.equal(twin.likelihood.log_var, model.likelihood.log_var)
    assert describe(twin) == describe(model)
    with pytest.warns(DeprecationWarning, match=words):
        assert make_model().config["variance"] == 1.0  # as version 0.1 said of a Bernoulli, too


def test_a_model_can_be_copied(model, images):
    twin = copy.deepcopy(model)
    assert torch.equal(twin.encode(images)[0], model.encode(images)[0])


# Sampling


def test_a_sample_is_mu_plus_sigma_times_epsilon(seeded):
    mu = torch.randn(5, 3, generator=seeded(1))
    log_var = torch.randn(5, 3, generator=seeded(2))
    eps = torch.randn(5, 3, generator=seeded(3))
    z = vaetut.reparameterize(mu, log_var, generator=seeded(3))
    assert z.shape == (5, 3)
    torch.testing.assert_close(z, mu + log_var.exp().sqrt() * eps, rtol=1e-6, atol=1e-6)


def test_k_samples_stand_along_the_first_axis(seeded):
    mu, log_var = torch.randn(2, 5, 3, generator=seeded(1))
    eps = torch.randn(4, 5, 3, generator=seeded(3))
    z = vaetut.reparameterize(mu, log_var, num_samples=4, generator=seeded(3))
    assert z.shape == (4, 5, 3)
    torch.testing.assert_close(z, mu + log_var.exp().sqrt() * eps, rtol=1e-6, atol=1e-6)
    assert vaetut.reparameterize(mu, log_var, num_samples=1).shape == (1, 5, 3)


def test_samples_have_the_posteriors_mean_and_variance(seeded, assert_mean):
    mu, log_var = torch.randn(2, 2, 3, generator=seeded(1), dtype=torch.float64)
    z = vaetut.reparameterize(mu, log_var, 40_000, seeded())
    assert_mean(z, mu)
    assert_mean((z - mu).square(), log_var.exp())
    assert_mean((z[:, 0] - mu[0]) * (z[:, 1] - mu[1]), 0.0)


def test_the_pathwise_gradient_is_the_analytic_one(seeded, assert_mean):
    """E[sum z^2] = sum mu^2 + sigma^2, so that its gradients are 2 mu and sigma^2."""
    mu, log_var = torch.randn(2, 3, generator=seeded(1), dtype=torch.float64)
    rows = (t.expand(40_000, 3).clone().requires_grad_() for t in (mu, log_var))
    mus, log_vars = rows
    vaetut.reparameterize(mus, log_vars, generator=seeded()).square().sum().backward()
    assert_mean(mus.grad, 2 * mu)
    assert_mean(log_vars.grad, log_var.exp())


def test_sampling_passes_gradcheck(seeded):
    mu, log_var = torch.randn(2, 4, 3, generator=seeded(), dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda m, v: vaetut.reparameterize(m, v, 2, seeded(1)),
        (mu.requires_grad_(), log_var.requires_grad_()),
    )


def test_without_a_generator_every_call_draws_anew():
    zeros = torch.zeros(5, 3)
    assert not torch.equal(vaetut.reparameterize(zeros, zeros), vaetut.reparameterize(zeros, zeros))


# Log-likelihoods


def test_bernoulli_agrees_with_torch_distributions(seeded):
    logits = 5 * torch.randn(3, 6, 12, generator=seeded(), dtype=torch.float64)
    x = vaetut.binarize(torch.full((6, 12), 0.5, dtype=torch.float64), seeded())
    expected = torch.distributions.Bernoulli(logits=logits).log_prob(x).sum(-1)
    got = vaetut.bernoulli_log_likelihood(x, logits)
    assert got.shape == (3, 6)
    torch.testing.assert_close(got, expected)


def test_grey_pixels_have_the_cross_entropy(images, seeded):
    logits = 5 * torch.randn(60, 12, generator=seeded())
    expected = -F.binary_cross_entropy_with_logits(logits, images, reduction="none").sum(-1)
    torch.testing.assert_close(vaetut.bernoulli_log_likelihood(images, logits), expected)


def test_a_bernoulli_image_has_probabilities_that_sum_to_one(seeded):
    every = torch.tensor(list(itertools.product([0.0, 1.0], repeat=6)), dtype=torch.float64)
    logits = torch.randn(6, generator=seeded(), dtype=torch.float64).expand(64, 6)
    total = vaetut.bernoulli_log_likelihood(every, logits).logsumexp(0)
    assert total.item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("logit", [-1000.0, -100.0, 100.0, 1000.0])
def test_loss_and_gradient_are_exact_at_huge_logits(logit):
    x = torch.tensor([[0.0, 1.0, 0.25]])
    logits = torch.full((1, 3), logit, requires_grad=True)
    value = vaetut.bernoulli_log_likelihood(x, logits)
    value.backward()
    # log p = x a - max(a, 0), up to exp(-100); d log p / da = x - sigmoid(a)
    torch.testing.assert_close(value, (x * logit - max(logit, 0)).sum(-1))
    torch.testing.assert_close(logits.grad, x - float(logit > 0))


def test_gaussian_agrees_with_torch_distributions(seeded):
    mean = torch.randn(3, 6, 12, generator=seeded(), dtype=torch.float64)
    x = torch.randn(6, 12, generator=seeded(1), dtype=torch.float64)
    for log_var in (torch.tensor(-0.7, dtype=torch.float64), mean.roll(1)):
        normal = torch.distributions.Normal(mean, (0.5 * log_var).exp())
        got = vaetut.gaussian_log_likelihood(x, mean, log_var)
        assert got.shape == (3, 6)
        torch.testing.assert_close(got, normal.log_prob(x).sum(-1))


def test_log_likelihoods_pass_gradcheck(seeded):
    x = torch.rand(4, 5, generator=seeded(), dtype=torch.float64, requires_grad=True)
    params = torch.randn(2, 4, 5, generator=seeded(), dtype=torch.float64, requires_grad=True)
    log_var = torch.tensor(-0.7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(vaetut.bernoulli_log_likelihood, (x, params))
    assert torch.autograd.gradcheck(vaetut.gaussian_log_likelihood, (x, params, log_var))


@given(st.floats(-50, 50), st.floats(0, 1))
def test_a_bernoulli_log_likelihood_is_never_positive(logit, pixel):
    x = torch.tensor([[pixel]], dtype=torch.float64)
    value = vaetut.bernoulli_log_likelihood(x, torch.tensor([[logit]], dtype=torch.float64))
    assert value <= 0


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_model_scores_every_code_with_its_image(make_model, images, seeded, likelihood):
    model = make_model(likelihood=likelihood, variance=0.3)
    z = torch.randn(2, 60, 3, generator=seeded())
    params = model.decode(z)
    distribution = (
        torch.distributions.Bernoulli(logits=params, validate_args=False)
        if likelihood == "bernoulli"
        else torch.distributions.Normal(params, math.sqrt(0.3))
    )
    got = model.log_likelihood(images, z)
    assert got.shape == (2, 60)
    torch.testing.assert_close(got, distribution.log_prob(images).sum(-1), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(model.log_likelihood(images, z[0]), got[0])


# The Gaussian's variance


@pytest.mark.parametrize("variance", [1, 0.3, 1e-6])
def test_a_fixed_variance_is_what_was_asked_for_and_is_no_parameter(
    make_model, images, seeded, variance
):
    model = make_model(likelihood="gaussian", variance=variance)
    assert "log_var_x" not in dict(model.named_parameters())
    z = torch.randn(60, 3, generator=seeded())
    normal = torch.distributions.Normal(model.decode(z), math.sqrt(variance))
    expected = normal.log_prob(images).sum(-1)
    torch.testing.assert_close(model.log_likelihood(images, z), expected, rtol=1e-4, atol=1e-4)


def test_a_learned_variance_is_one_scalar_that_follows_the_data(make_model, images, seeded):
    model = make_model(likelihood="gaussian", variance="learned")
    fixed = make_model(likelihood="gaussian")
    extra = set(dict(model.named_parameters())) - set(dict(fixed.named_parameters()))
    assert extra == {"likelihood.log_var"}
    assert model.likelihood.log_var.shape == ()
    z = torch.randn(60, 3, generator=seeded())
    model.log_likelihood(images, z).mean().backward()
    mean_square = (images - model.decode(z)).square().mean().item()
    sigma2 = model.likelihood.log_var.exp().item()
    # d/dv of -(D/2) (s/sigma^2 + v) is (D/2) (s/sigma^2 - 1)
    assert model.likelihood.log_var.grad.item() == pytest.approx(
        6 * (mean_square / sigma2 - 1), rel=1e-4
    )


def test_a_learned_variance_acts_no_lower_than_its_bound(make_model, images, seeded):
    model = make_model(likelihood="gaussian", variance="learned")
    z = torch.randn(60, 3, generator=seeded())
    values = {}
    for log_var in (MIN_LOG_VAR_X + 1, MIN_LOG_VAR_X, MIN_LOG_VAR_X - 1, -1000.0):
        with torch.no_grad():
            model.likelihood.log_var.fill_(log_var)
            values[log_var] = model.log_likelihood(images, z)
    at_bound = values.pop(MIN_LOG_VAR_X)
    assert not torch.allclose(values.pop(MIN_LOG_VAR_X + 1), at_bound)
    assert all(torch.equal(value, at_bound) for value in values.values())


def test_the_bernoulli_has_no_variance(model):
    assert not hasattr(model.likelihood, "log_var")


# Bad input

X, Z = torch.rand(4, 12), torch.rand(4, 3)
VAE, NAN = vaetut.VAE, math.nan
WRONG_SETTINGS = [
    ({"input_dim": 0}, ValueError, "input_dim must be at least 1, got 0"),
    ({"input_dim": 12.0}, TypeError, "input_dim must be an int, got 12.0"),
    ({"latent_dim": -1}, ValueError, "latent_dim must be at least 1, got -1"),
    ({"latent_dim": "2"}, TypeError, "latent_dim must be an int, got '2'"),
    ({"latent_dim": True}, TypeError, "latent_dim must be an int, got True"),
    ({"hidden_dims": 500}, TypeError, "hidden_dims must be a tuple of ints, got 500"),
    ({"hidden_dims": "55"}, TypeError, "hidden_dims must be a tuple of ints, got '55'"),
    ({"hidden_dims": (5, 0)}, ValueError, "every width in hidden_dims must be at least 1, got 0"),
    ({"hidden_dims": (5.0,)}, TypeError, "every width in hidden_dims must be an int, got 5.0"),
    ({"activation": "swish"}, ValueError, "activation must be one of .*'softplus'.*; got 'swish'"),
    ({"activation": ["relu"]}, ValueError, r"activation must be one of .*; got \['relu'\]"),
    ({"generator": 0}, TypeError, "generator must be a torch.Generator or None, got 0"),
]


@pytest.mark.parametrize(("settings", "error", "message"), WRONG_SETTINGS)
@pytest.mark.parametrize("build", [vaetut.VAE, Encoder, Decoder])
def test_a_wrong_setting_is_named(build, settings, error, message):
    if build is Decoder and "input_dim" in settings:
        settings = {"output_dim": settings["input_dim"]}
        message = message.replace("input_dim", "output_dim")
    sizes = {"output_dim" if build is Decoder else "input_dim": 12, "latent_dim": 3}
    with pytest.raises(error, match=message):
        build(**sizes | settings)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"likelihood": "poisson"}, ValueError, "'bernoulli', 'gaussian'; got 'poisson'"),
        ({"variance": 0}, ValueError, "variance must be positive and finite, got 0"),
        ({"variance": -1.0}, ValueError, "variance must be positive and finite, got -1.0"),
        ({"variance": NAN}, ValueError, "variance must be positive and finite, got nan"),
        ({"variance": math.inf}, ValueError, "variance must be positive and finite, got inf"),
        ({"variance": True}, TypeError, "variance must be a number, got True"),
        ({"variance": None}, TypeError, "variance must be a number, got None"),
        (
            {"variance": "free"},
            ValueError,
            "variance must be a positive number, 'learned', .*, got 'free'",
        ),
    ],
)
def test_a_wrong_likelihood_is_named(settings, error, message):
    with pytest.raises(error, match=message):
        vaetut.VAE(12, 3, **{"likelihood": "gaussian"} | settings)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: m.encode(X.numpy()), TypeError, "x must be a torch.Tensor, got ndarray"),
        (lambda m: m.encode(X.long()), TypeError, "floating-point numbers, got torch.int64"),
        (lambda m: m.encode(X.byte()), TypeError, "torch.uint8; divide 8-bit images by 255"),
        (lambda m: m.encode(X.double()), TypeError, "torch.float32 like the model.*float64"),
        (lambda m: m.encode(X[0]), ValueError, r"\(batch, 12\), got \(12,\); .*x\[None\]"),
        (lambda m: m.encode(X[None]), ValueError, r"\(batch, 12\), got \(1, 4, 12\)"),
        (lambda m: m.encode(X[:, :5]), ValueError, r"\(batch, 12\), got \(4, 5\)"),
        (lambda m: m.encode(X[:0]), ValueError, r"x is empty: shape \(0, 12\)"),
        (lambda m: m(X[:, :5]), ValueError, r"\(batch, 12\), got \(4, 5\)"),
        (lambda m: m(X, generator=1), TypeError, "torch.Generator or None, got 1"),
        (lambda m: m.decode(Z.numpy()), TypeError, "z must be a torch.Tensor, got ndarray"),
        (lambda m: m.decode(Z.long()), TypeError, "z must hold floating-point numbers"),
        (lambda m: m.decode(Z.double()), TypeError, "z must be torch.float32 like the model"),
        (lambda m: m.decode(Z[:, :2]), ValueError, r"z must have shape \(..., 3\), got \(4, 2\)"),
        (lambda m: m.decode(Z[0, 0]), ValueError, r"z must have shape \(..., 3\), got \(\)"),
        (lambda m: m.decode_mean(Z[:, :2]), ValueError, r"\(..., 3\), got \(4, 2\)"),
        (lambda m: m.log_likelihood(X[:, :5], Z), ValueError, r"\(batch, 12\), got \(4, 5\)"),
        (lambda m: m.log_likelihood(X, Z[:2]), ValueError, r"\(..., 4, 3\), a code for every.*2"),
        (lambda m: m.log_likelihood(X[:1], Z), ValueError, r"\(..., 1, 3\), a code for every.*4"),
        (lambda m: m.log_likelihood(X, X), ValueError, r"z must have shape \(..., 3\)"),
    ],
)
def test_the_model_says_what_it_expected(model, call, error, message):
    with pytest.raises(error, match=message):
        call(model)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: vaetut.reparameterize(Z.numpy(), Z), TypeError, "mu must be a torch.Tensor"),
        (lambda: vaetut.reparameterize(Z, [1.0]), TypeError, "log_var must be .* got list"),
        (lambda: vaetut.reparameterize(Z, Z.long()), TypeError, "log_var must hold floating"),
        (lambda: vaetut.reparameterize(Z, Z[:2]), ValueError, r"one shape, got \(4, 3\) and \(2"),
        (lambda: vaetut.reparameterize(Z, Z, 0), ValueError, "num_samples must be at least 1"),
        (lambda: vaetut.reparameterize(Z, Z, 1.0), TypeError, "num_samples must be an int"),
        (lambda: vaetut.reparameterize(Z, Z, generator=0), TypeError, "Generator or None, got 0"),
        (lambda: vaetut.bernoulli_log_likelihood(X.numpy(), X), TypeError, "x must be a torch.T"),
        (lambda: vaetut.bernoulli_log_likelihood(X, [0.0]), TypeError, "logits must be a torch.T"),
        (lambda: vaetut.bernoulli_log_likelihood(X.byte(), X), TypeError, "divide 8-bit images"),
        (
            lambda: vaetut.bernoulli_log_likelihood(X, X[:, :1]),
            ValueError,
            r"x and logits must have shapes \(B, D\) and .*, got \(4, 12\) and \(4, 1\)",
        ),
        (lambda: vaetut.bernoulli_log_likelihood(X, X[:1]), ValueError, r"\(4, 12\) and \(1, 12\)"),
        (lambda: vaetut.gaussian_log_likelihood(X, X, 0.0), TypeError, "log_var must be a torch.T"),
        (lambda: vaetut.gaussian_log_likelihood(X, Z, X[0, 0]), ValueError, "x and mean must have"),
    ],
)
def test_the_functions_say_what_they_expected(call, error, message):
    with pytest.raises(error, match=message):
        call()
