"""Training follows its recipe, is reproducible, and can be stopped and resumed bit for bit."""

import copy
import dataclasses
import errno
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import vaetut
from vaetut.checkpoint import Checkpoint
from vaetut.noise import TRAINING, make_generator
from vaetut.objective import dreg_loss, noise_for
from vaetut.parts import describe
from vaetut.recipe import OBJECTIVES, SCHEDULES
from vaetut.training import batch_loss, precision, run as loop, steps
from vaetut.training.optimizers import make_optimizers
from vaetut.training.steps import loss_at

RECIPE = vaetut.Recipe(
    hidden_dims=(8,), validation=10, epochs=4, batch_size=16, learning_rate=3e-3
)  # 50 images to train on: 4 steps an epoch, the last of 2 images

needs_muon = pytest.mark.skipif(
    not hasattr(torch.optim, "Muon"), reason="Muon came with PyTorch 2.9"
)


def run(model, images, seed=0, checkpoint=None, **settings):
    recipe = dataclasses.replace(RECIPE, **settings)
    return vaetut.train(model, images, recipe, seed, checkpoint, progress=False)


def fresh(model):
    """Give the decoder's last bias back what the constructor gave it."""
    torch.nn.init.zeros_(model.decoder.out.bias)
    return model


def assert_equal_weights(model, other):
    for (name, weight), (_, expected) in zip(
        model.state_dict().items(), other.state_dict().items(), strict=True
    ):
        assert torch.equal(weight, expected), name


def assert_equal_histories(history, other):
    curves, expected = history.curves(), other.curves()
    del curves["seconds"], expected["seconds"]
    assert curves == expected
    assert history.interrupted == other.interrupted


@pytest.fixture
def calls(monkeypatch):
    """Record (x, beta) of every step."""
    original, seen = steps.loss_at, []

    def spy(model, x, recipe, beta, eps):
        seen.append((x.clone(), beta.item()))
        return original(model, x, recipe, beta, eps)

    monkeypatch.setattr(steps, "loss_at", spy)
    return seen


def sorted_rows(x):
    return sorted(map(tuple, x.tolist()))


# The run


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_cost_falls(make_model, images, likelihood, schedule):
    model = make_model(likelihood=likelihood, variance="learned")
    history = run(model, images, epochs=20, schedule=schedule, learning_rate=1e-2)
    assert history.cost[-1] < history.cost[0] - 0.5
    assert history.validation_cost[-1] < history.validation_cost[0]


def test_history_has_an_entry_for_every_epoch(model, images):
    history = run(model, images)
    assert history.epoch == [1, 2, 3, 4]
    for name, curve in history.curves().items():
        assert len(curve) == 4, name
        assert all(math.isfinite(value) for value in curve), name
    assert not history.interrupted
    for cost, distortion, rate in zip(history.cost, history.distortion, history.rate, strict=True):
        assert cost == pytest.approx(distortion + rate, rel=1e-6)


def test_equal_seeds_give_equal_runs_bit_for_bit(make_model, images):
    first, second, third = make_model(), make_model(), make_model()
    history = run(first, images, seed=1)
    assert_equal_histories(history, run(second, images, seed=1))
    assert_equal_weights(first, second)
    other = run(third, images, seed=2)
    assert other.cost[0] != history.cost[0]
    assert not torch.equal(third.decoder.out.bias, first.decoder.out.bias)


def test_the_first_images_are_held_out_and_every_other_one_is_seen_each_epoch(
    model, images, calls, monkeypatch
):
    original, validated = loop.elbo_at, []

    def spy(model, x, eps):
        validated.append(x.clone())
        return original(model, x, eps)

    monkeypatch.setattr(loop, "elbo_at", spy)
    run(model, images)
    epochs = [calls[start : start + 4] for start in range(0, len(calls), 4)]
    assert len(epochs) == 4
    for epoch in epochs:
        assert [len(x) for x, _ in epoch] == [16, 16, 16, 2]
        assert sorted_rows(torch.cat([x for x, _ in epoch])) == sorted_rows(images[10:])
    assert not torch.equal(epochs[0][0][0], epochs[1][0][0])  # shuffled anew
    assert len(validated) == 4
    assert all(torch.equal(x, images[:10]) for x in validated)


def test_the_images_are_left_as_they_were(model, images):
    before = images.clone()
    run(model, images, binarize="dynamic")
    assert torch.equal(images, before)


def test_nothing_is_held_out_where_the_recipe_says_so(model, images, calls):
    history = run(model, images, validation=0, epochs=1)
    assert math.isnan(history.validation_cost[0])
    assert sorted_rows(torch.cat([x for x, _ in calls])) == sorted_rows(images)


def test_the_cost_is_the_mean_over_images_not_over_batches(model, images, monkeypatch):
    def count(model, x, recipe, beta, eps):
        loss, _ = loss_at(model, x, recipe, beta, eps)
        return loss, torch.full((3,), float(len(x)))

    monkeypatch.setattr(steps, "loss_at", count)
    history = run(model, images, epochs=1)
    assert history.cost == [pytest.approx((3 * 16 * 16 + 2 * 2) / 50)]


def test_the_validation_cost_is_the_negative_elbo_after_the_epoch(make_model, images):
    noise = 200  # repeat the held-out images, so that the noise averages out
    held_out = images[:10].repeat(noise, 1)
    model = make_model()
    history = run(model, torch.cat([held_out, images]), validation=10 * noise, epochs=2)
    with torch.no_grad():
        values = -vaetut.elbo(model, held_out, generator=torch.Generator().manual_seed(5)).elbo
    tolerance = 4 * math.sqrt(2 / len(values)) * values.std().item()
    assert abs(history.validation_cost[-1] - values.mean().item()) < tolerance
    assert abs(history.validation_cost[0] - history.validation_cost[1]) > 1e-3


def test_validation_uses_the_same_noise_after_every_epoch(model, images):
    history = run(model, images, learning_rate=1e-30, binarize="dynamic")
    assert history.validation_cost == pytest.approx([history.validation_cost[0]] * 4, rel=1e-6)
    assert history.cost[0] != pytest.approx(history.cost[1], rel=1e-6)


def test_dynamic_binarization_draws_anew_every_epoch(model, images, calls):
    grey = images.clone()
    grey[10:] = images[10]  # one and the same image: only binarization tells them apart
    run(model, grey, binarize="dynamic", epochs=2)
    seen = torch.cat([x for x, _ in calls])
    assert set(seen.unique().tolist()) == {0.0, 1.0}
    assert len(seen.unique(dim=0)) > 50
    deviation = (seen.mean(0) - images[10]).abs()
    assert (deviation < 4 * 0.5 / math.sqrt(len(seen))).all()


def test_the_optimiser_is_adam_with_the_recipes_settings(make_model, images):
    """Against a loop written out, step by step."""
    settings = {"betas": (0.8, 0.95), "eps": 1e-3, "learning_rate": 0.02, "batch_size": 50}
    model, reference = make_model(), make_model()
    run(model, images, epochs=3, **settings)
    generator = make_generator(0, TRAINING)
    adam = torch.optim.Adam(reference.parameters(), 0.02, (0.8, 0.95), 1e-3)
    for _ in range(3):
        x = images[10:][torch.randperm(50, generator=generator)]
        loss = -vaetut.elbo(reference, x, generator=generator).elbo.mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    for got, expected in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_adam_has_the_betas_and_eps_of_its_recipe(model):
    recipe = dataclasses.replace(RECIPE, betas=(0.7, 0.8), eps=1e-5)
    (adam,) = make_optimizers(model, recipe)
    assert type(adam) is torch.optim.Adam
    assert (adam.defaults["betas"], adam.defaults["eps"]) == ((0.7, 0.8), 1e-5)
    assert not adam.defaults["weight_decay"] and not adam.defaults["amsgrad"]


@needs_muon
def test_muon_has_no_weight_decay(model):
    recipe = dataclasses.replace(RECIPE, optimizer="muon", betas=(0.7, 0.8), eps=1e-5)
    muon, adam = make_optimizers(model, recipe)
    assert not muon.defaults["weight_decay"] and not adam.defaults["weight_decay"]
    assert (adam.defaults["betas"], adam.defaults["eps"]) == ((0.7, 0.8), 1e-5)


@pytest.mark.parametrize("settings", [{}, {"center_output": True}, {"objective": "iwae"}], ids=str)
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_every_weight_has_a_gradient_and_moves(make_model, images, likelihood, settings):
    """The output bias as well, also after it was centred, and a variance that is learned."""
    model = fresh(make_model(likelihood=likelihood, variance="learned"))
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    run(model, images, epochs=1, **settings)
    for name, weight in model.named_parameters():
        assert weight.grad is not None and weight.grad.any(), f"{name} has no gradient"
        assert not torch.equal(weight, before[name]), f"{name} does not move"


def test_a_step_follows_the_gradient_of_its_own_batch(model, images, monkeypatch):
    """Nothing is left of the gradients of the batches before."""
    wanted, got, original = [], [], torch.optim.Adam.step

    def spy(model, *args):
        loss, terms = loss_at(model, *args)
        wanted.append(list(torch.autograd.grad(loss, [*model.parameters()], retain_graph=True)))
        return loss, terms

    def step(self, *args, **kwargs):
        got.append([weight.grad.clone() for weight in self.param_groups[0]["params"]])
        return original(self, *args, **kwargs)

    monkeypatch.setattr(steps, "loss_at", spy)
    monkeypatch.setattr(torch.optim.Adam, "step", step)
    run(model, images, epochs=2)
    assert len(got) == 8
    torch.testing.assert_close(got, wanted)


def test_every_step_has_noise_of_its_own(model, images, monkeypatch):
    """And every image in it, and every draw of an image."""
    seen = []

    def spy(model, x, recipe, beta, eps):
        assert eps.shape == (2, len(x), 3)
        seen.append(eps.reshape(-1, 3))
        return loss_at(model, x, recipe, beta, eps)

    monkeypatch.setattr(steps, "loss_at", spy)
    run(model, images, epochs=2, num_samples=2)
    noise = torch.cat(seen)
    assert len(noise) == len(noise.unique(dim=0)) == 2 * 2 * 50


def test_dropout_rests_in_validation_alone(model, images, monkeypatch):
    modes = {"training": [], "validation": []}

    def note(kind, function):
        def spy(model, *args):
            modes[kind].append(model.training)
            return function(model, *args)

        return spy

    monkeypatch.setattr(steps, "loss_at", note("training", loss_at))
    monkeypatch.setattr(loop, "elbo_at", note("validation", loop.elbo_at))
    run(model, images)
    assert modes == {"training": [True] * 16, "validation": [False] * 4}
    assert model.training


@needs_muon
def test_muon_moves_the_matrices_and_adam_the_biases(make_model, images):
    """Against a loop written out, in which each singular value of a step is nearly the same."""
    settings = {"betas": (0.8, 0.95), "eps": 1e-3, "learning_rate": 0.02, "batch_size": 50}
    model, reference = make_model(), make_model()
    start = [p.detach().clone() for p in model.parameters()]
    run(model, images, epochs=1, optimizer="muon", **settings)
    generator = make_generator(0, TRAINING)
    biases = [p for p in reference.parameters() if p.ndim == 1]
    adam = torch.optim.Adam(biases, 0.02, (0.8, 0.95), 1e-3)
    x = images[10:][torch.randperm(50, generator=generator)]
    (-vaetut.elbo(reference, x, generator=generator).elbo.mean()).backward()
    adam.step()
    pairs = zip(model.parameters(), reference.parameters(), start, strict=True)
    for got, expected, old in pairs:
        if got.ndim == 1:
            torch.testing.assert_close(got, expected)
            continue
        step = got.detach() - old
        sizes = torch.linalg.svdvals(step) / (0.02 * 0.2 * math.sqrt(max(step.shape)))
        assert 0.6 < sizes.median() and sizes.max() < 1.3
        left, _, right = torch.linalg.svd(expected.grad, full_matrices=False)
        cosine = F.cosine_similarity(step.flatten(), -(left @ right).flatten(), dim=0)
        assert cosine > 0.9


def test_an_old_pytorch_has_no_muon(model, images, monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon", raising=False)
    with pytest.raises(RuntimeError, match="optimizer='muon' needs PyTorch 2.9 or later"):
        run(model, images, optimizer="muon")


@pytest.fixture
def rates(monkeypatch):
    """Record the learning rate of every step."""
    seen, original = [], torch.optim.Adam.step

    def spy(self, *args, **kwargs):
        seen.append(self.param_groups[0]["lr"])
        return original(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", spy)
    return seen


def test_a_constant_rate_is_constant(model, images, rates):
    run(model, images)
    assert rates == [3e-3] * 16


@pytest.mark.parametrize(("settings", "peak_at"), [({}, 29), ({"rise": 0.1}, 9)])
@pytest.mark.parametrize("schedule", ["one-cycle", "one-cycle-linear"])
def test_a_cycle_rises_and_falls_to_zero(model, images, rates, schedule, settings, peak_at):
    run(model, images, schedule=schedule, epochs=25, **settings)
    assert len(rates) == 100
    peak = rates.index(max(rates))
    assert abs(peak - peak_at) <= 1
    assert max(rates) == pytest.approx(3e-3, rel=0.01)
    assert rates == sorted(rates[: peak + 1]) + sorted(rates[peak + 1 :], reverse=True)
    assert rates[-1] < 0.02 * max(rates)
    steps = torch.tensor(rates[peak + 1 :]).diff()
    assert (steps.max() - steps.min() < 1e-8) == (schedule == "one-cycle-linear")


def test_the_output_is_centred_on_the_training_images(make_model, images, monkeypatch):
    images[:, 0], images[:, 1] = 0.0, 1.0  # a pixel that is always black, one always white
    images[:10, 2:] = 0.0  # the held-out images have no say
    model = fresh(make_model())
    monkeypatch.setattr(loop._Run, "_epoch", lambda *args: pytest.fail("centred too late"))
    with pytest.raises(pytest.fail.Exception):
        run(model, images, center_output=True)
    centred = model.decoder.out.bias.detach()
    torch.testing.assert_close(centred.sigmoid()[2:], images[10:, 2:].mean(0))
    torch.testing.assert_close(centred[:2], torch.tensor([-6.9068, 6.9068]), rtol=1e-3, atol=0)


def test_the_output_stays_where_it_was_unless_asked(make_model, images):
    model, twin = make_model(), make_model()
    run(model, images, learning_rate=1e-30)
    assert_equal_weights(model, twin)
    gaussian = make_model(likelihood="gaussian")
    run(gaussian, images, learning_rate=1e-30, center_output=True)
    assert torch.equal(gaussian.decoder.out.bias, twin.decoder.out.bias)


@pytest.mark.parametrize("history", [None, vaetut.History()])
def test_training_that_goes_on_leaves_a_trained_output_alone(make_model, images, history):
    model, twin = make_model(), make_model()
    settings = {"center_output": True, "learning_rate": 1e-30}
    if history is None:
        run(model, images, **settings)
    else:
        recipe = dataclasses.replace(RECIPE, **settings)
        loop.train_pass(model, images, recipe, 0, history)
    assert_equal_weights(model, twin)


def test_a_frozen_output_is_not_centred(make_model, images):
    model = fresh(make_model())
    model.decoder.requires_grad_(False)
    run(model, images, center_output=True)
    assert not model.decoder.out.bias.any()


def test_a_decoder_of_another_form_cannot_be_centred(make_model, images):
    model = make_model()
    model.decoder = vaetut.Decoder(3, 7, (8,))
    with pytest.raises(ValueError, match=r"owes 12 numbers, and has 7; .*center_output=False"):
        run(model, images, center_output=True)


# A cost that is no number, or makes no sense


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_cost_that_is_not_finite_stops_the_run(model, images, objective):
    message = (
        r"nan in epoch 1, step 2( \(.*\))?; try a smaller learning_rate \(it is 1e\+20\); "
        r"vaetut\.diagnose examines a model$"
    )
    with pytest.raises(FloatingPointError, match=message) as caught:
        run(model, images, learning_rate=1e20, objective=objective)
    assert ("rate" in str(caught.value).split(";")[0]) == objective.startswith("elbo")


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ([[3, 2, 1], [math.inf, math.inf, 1]], r"step 2 \(distortion first\)"),
        ([[math.nan, 1, math.inf], [math.nan, math.nan, math.nan]], r"step 1 \(rate first\)"),
        ([[3, 2, 1], [3, 2, 1], [math.nan] * 3], r"step 3 \(distortion and rate at once\)"),
    ],
)
def test_the_term_that_left_first_is_named(model, images, monkeypatch, terms, message):
    def loss_at(model, *args):
        # The weights stay finite, as those of another process might.
        return 0 * model.decoder.out.bias.sum(), torch.tensor(given.pop(0), dtype=torch.float32)

    given = [*terms, *[terms[-1]] * (4 - len(terms))]
    monkeypatch.setattr(steps, "loss_at", loss_at)
    with pytest.raises(FloatingPointError, match=message):
        run(model, images)


UNSCALED = (
    r"data reach from -?\d.* to .*, the largest standard deviation of a column is [\d.]+, and .*"
)


@pytest.fixture
def unscaled(images):
    """Columns with standard deviations of up to hundreds, as in a table of measurements."""
    return images * torch.logspace(-1, 3.2, 12)


def test_columns_that_are_not_scaled_are_described(make_model, unscaled):
    model = make_model(likelihood="gaussian")
    with torch.no_grad():
        model.encoder.log_var.weight.mul_(100)
    with pytest.raises(FloatingPointError, match=UNSCALED + "standardise the columns; where"):
        run(model, unscaled, learning_rate=1e-9)


def test_a_finite_cost_that_makes_no_sense_is_a_warning(make_model, unscaled):
    model = make_model(likelihood="gaussian")
    with torch.no_grad():
        model.encoder.log_var.weight.zero_()
        model.encoder.log_var.bias.fill_(20)
    with pytest.warns(UserWarning, match="last epoch's cost, .*, makes no sense.*" + UNSCALED) as w:
        history = run(model, unscaled, learning_rate=1e-9)
    assert math.isfinite(history.cost[0])
    assert "is 1.0: standardise the columns" in str(w[0].message)


@pytest.mark.parametrize("variance", [1e-3, 1.0, 1e3])
def test_knowing_nothing_costs_what_random_answers_do(make_model, images, seeded, variance):
    """Over answers from N(0, 1), and so over a fresh decoder's."""
    model = make_model(likelihood="gaussian", variance=variance)
    answers = torch.randn(2000, 60, 12, generator=seeded())
    drawn = -vaetut.gaussian_log_likelihood(images, answers, model.likelihood.log_var).mean()
    ignorant = model.likelihood.cost_of_ignorance(images)
    assert ignorant.item() == pytest.approx(drawn.item(), rel=1e-2)


def test_a_density_may_cost_less_than_nothing(images):
    """Then a hundred times the cost of ignorance would be less, and every run be doubted."""

    class Narrow(vaetut.Gaussian):
        def cost_of_ignorance(self, x):
            return x.new_tensor(-1.0)

    model = vaetut.VAE(12, 3, (8,), likelihood=Narrow(0.05))
    assert run(model, images).cost[-1] > -1.0


def test_the_weight_of_the_kl_decides_what_makes_sense(make_model, images):
    model = make_model()
    with torch.no_grad():
        model.encoder.mu.bias.fill_(50)  # 3,750 nats, which nobody pays for
        model.decoder.hidden[0].weight.mul_(0.01)
    assert run(model, images, beta=0.0, learning_rate=1e-9).rate[-1] > 3000
    with pytest.warns(UserWarning, match=r"costs about 8\.32; try a smaller learning_rate"):
        run(model, images, learning_rate=1e-9)


# The objective, by hand


def by_hand(model, x, num_samples, generator):
    """Return distortion, (K, B), KL per coordinate, (B, L), and log weights, (K, B)."""
    mu, log_var = model.encode(x)
    eps = torch.randn(num_samples, *mu.shape, generator=generator)
    z = mu + (0.5 * log_var).exp() * eps
    logits = model.decode(z)
    distortion = F.binary_cross_entropy_with_logits(
        logits, x.expand_as(logits), reduction="none"
    ).sum(-1)
    kl = 0.5 * (mu**2 + log_var.exp() - 1 - log_var)
    log_w = -distortion - 0.5 * (z**2).sum(-1) + 0.5 * (eps**2 + log_var).sum(-1)
    return distortion, kl, log_w


@pytest.mark.parametrize("num_samples", [1, 3])
@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 4.0])
def test_the_loss_is_distortion_plus_beta_times_rate(model, images, seeded, beta, num_samples):
    recipe = dataclasses.replace(RECIPE, num_samples=num_samples)
    loss, terms = batch_loss(model, images, recipe, beta, seeded(1))
    distortion, kl, _ = by_hand(model, images, num_samples, seeded(1))
    distortion, rate = distortion.mean(), kl.sum(1).mean()
    torch.testing.assert_close(loss, distortion + beta * rate)
    expected = torch.stack([distortion + rate, distortion, rate])
    torch.testing.assert_close(terms, expected.detach(), rtol=1e-5, atol=1e-5)
    assert not terms.requires_grad


def test_free_bits_make_the_first_nats_of_every_coordinate_cost_the_same(model, images, seeded):
    _, kl, _ = by_hand(model, images, 1, seeded(1))
    mean = kl.mean(0)
    free_bits = mean.median().item()  # one coordinate below, one at, one above
    recipe = dataclasses.replace(RECIPE, free_bits=free_bits)
    loss, terms = batch_loss(model, images, recipe, 0.5, seeded(1))
    distortion, _, _ = by_hand(model, images, 1, seeded(1))
    expected = distortion.mean() + 0.5 * mean.clamp(min=free_bits).sum()
    torch.testing.assert_close(loss, expected)
    assert mean.clamp(min=free_bits).sum() > mean.sum() + 0.01
    assert terms[2].item() == pytest.approx(mean.sum().item(), rel=1e-5)  # the rate is the KL


def loss_and_gradients(example, settings, beta, generator):
    """Return loss and terms, and the gradients of the loss: the encoder's and the decoder's."""
    model = example.model
    loss, terms = batch_loss(model, example.x, vaetut.Recipe(**settings), beta, generator)
    parts = model.encoder.parameters(), model.decoder.parameters()
    gradients = [torch.autograd.grad(loss, [*p], retain_graph=True) for p in parts]
    return torch.stack([loss.detach(), *terms]), *(
        torch.cat([g.flatten() for g in part]) for part in gradients
    )


@pytest.mark.parametrize("settings", [{}, {"num_samples": 3}, {"free_bits": 0.8}])
@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_the_elbo_sticks_the_landing_with_the_same_values_and_mean_gradient(
    linear_gaussian, seeded, assert_mean, settings, beta
):
    example = linear_gaussian(torch.tensor([0.2, -0.1]).double(), 0.3)
    differences = []
    for seed in range(400):
        values, encoder, decoder = loss_and_gradients(example, settings, beta, seeded(seed))
        settings_stl = settings | {"objective": "elbo-stl"}
        values_stl, *stl = loss_and_gradients(example, settings_stl, beta, seeded(seed))
        torch.testing.assert_close(values_stl, values)
        torch.testing.assert_close(stl[1], decoder)
        differences.append(stl[0] - encoder)
    differences = torch.stack(differences)
    vary = differences.std(0) > 1e-12  # not what costs nothing
    torch.testing.assert_close(differences[:, ~vary], torch.zeros_like(differences[:, ~vary]))
    assert vary.any() == (beta > 0)
    if beta:
        assert_mean(differences[:, vary], 0.0)


@pytest.mark.parametrize("num_samples", [1, 3])
def test_where_q_is_exact_the_landing_is_without_noise(linear_gaussian, seeded, num_samples):
    settings = {"num_samples": num_samples}
    _, plain, _ = loss_and_gradients(linear_gaussian(), settings, 1.0, seeded())
    settings["objective"] = "elbo-stl"
    _, encoder, _ = loss_and_gradients(linear_gaussian(), settings, 1.0, seeded())
    assert encoder.abs().max() < 1e-12
    assert plain.abs().max() > 1e-3


@pytest.mark.parametrize("name", ["iwae", "iwae-dreg"])
def test_the_iwae_objectives_cost_is_the_negative_bound(model, images, seeded, name):
    recipe = dataclasses.replace(RECIPE, objective=name, num_samples=5)
    loss, terms = batch_loss(model, images, recipe, 1.0, seeded(1))
    _, _, log_w = by_hand(model, images, 5, seeded(1))
    expected = -(log_w.logsumexp(0) - math.log(5)).mean()
    if name == "iwae":
        torch.testing.assert_close(loss, expected)
    else:
        expected_loss, _ = dreg_loss(model, images, noise_for(model, images, 5, seeded(1)))
        torch.testing.assert_close(loss, expected_loss.mean())
    assert terms[0].item() == pytest.approx(expected.item(), rel=1e-5)
    assert terms[1:].isnan().all()


@pytest.mark.parametrize("name", ["iwae", "iwae-dreg"])
def test_an_iwae_run_records_its_bound_and_validates_by_the_elbo(make_model, images, name):
    history = run(make_model(), images, objective=name, num_samples=5, epochs=10)
    assert history.cost[-1] < history.cost[0]
    assert all(math.isnan(value) for value in history.distortion + history.rate)
    assert all(math.isfinite(value) for value in history.validation_cost)


def test_beta_is_constant_without_a_warm_up(model, images, calls):
    run(model, images, beta=0.7)
    assert {beta for _, beta in calls} == {torch.tensor(0.7).item()}


def test_beta_grows_from_zero_over_the_warm_up(model, images, calls):
    run(model, images, beta=2.0, kl_warmup_epochs=2.5)
    expected = [2.0 * min(1, step / 4 / 2.5) for step in range(16)]
    assert [beta for _, beta in calls] == pytest.approx(expected)


def test_a_larger_beta_lowers_the_rate(make_model, images):
    small, large = (
        run(make_model(), images, beta=beta, epochs=30, learning_rate=1e-2).rate[-1]
        for beta in (0.1, 4.0)
    )
    assert large < 0.5 * small


# Stopping and resuming


def interrupt_at(monkeypatch, step):
    """Press Ctrl-C in the given step, counted from 1."""
    counter = itertools.count(1)

    def interrupted(*args):
        if next(counter) == step:
            raise KeyboardInterrupt
        return loss_at(*args)

    monkeypatch.setattr(steps, "loss_at", interrupted)


def test_ctrl_c_keeps_what_was_learned_and_says_so(make_model, images, monkeypatch):
    model, start, reference = make_model(), make_model(), make_model()
    run(reference, images)
    interrupt_at(monkeypatch, 11)  # the third step of epoch 3
    with pytest.warns(UserWarning, match=r"stopped in epoch 3 of 4; .* learned so far$"):
        history = run(model, images)
    assert history.interrupted
    assert history.epoch == [1, 2]
    for weight in ("encoder.mu.weight", "decoder.out.bias"):
        assert not torch.equal(model.state_dict()[weight], start.state_dict()[weight])
        assert not torch.equal(model.state_dict()[weight], reference.state_dict()[weight])


def test_ctrl_c_points_at_the_callers_line(model, images, monkeypatch):
    interrupt_at(monkeypatch, 1)
    with pytest.warns(UserWarning, match="stopped in epoch 1") as caught:
        vaetut.train(model, images, RECIPE, progress=False)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "settings",
    [
        {"schedule": "constant"},
        {"schedule": "one-cycle", "betas": (0.9, 0.99)},
        {"schedule": "constant", "binarize": "dynamic", "center_output": True},
        {"schedule": "one-cycle", "binarize": "dynamic", "kl_warmup_epochs": 3, "free_bits": 0.1},
        {"schedule": "one-cycle-linear", "objective": "iwae", "num_samples": 2},
        {"schedule": "one-cycle", "objective": "iwae-dreg", "num_samples": 2},
        pytest.param({"schedule": "one-cycle", "optimizer": "muon"}, marks=needs_muon),
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
@pytest.mark.parametrize("same_model", [True, False])
def test_a_resumed_run_equals_one_that_never_stopped(
    make_model, images, monkeypatch, tmp_path, settings, same_model
):
    whole = fresh(make_model())
    expected = run(whole, images, seed=3, **settings)

    model, path = fresh(make_model()), tmp_path / "run.pt"
    with monkeypatch.context() as patch:
        interrupt_at(patch, 11)
        with pytest.warns(UserWarning, match=r"run\.pt continues after epoch 2$"):
            stopped = run(model, images, 3, path, **settings)
    assert stopped.epoch == [1, 2]
    if not same_model:
        model = make_model(seed=7)  # other weights: those of the checkpoint count
    history = run(model, images, 3, path, **settings)

    assert_equal_weights(model, whole)
    if "objective" in settings:  # NaN is not equal to itself
        for name in ("distortion", "rate"):
            assert all(map(math.isnan, getattr(history, name)))
            setattr(history, name, getattr(expected, name))
    assert_equal_histories(history, expected)


def test_a_finished_run_is_not_run_again(make_model, images, tmp_path, calls):
    path = tmp_path / "run.pt"
    first, second = make_model(), make_model(seed=5)
    history = run(first, images, checkpoint=path)
    steps = len(calls)
    assert_equal_histories(run(second, images, checkpoint=path), history)
    assert len(calls) == steps
    assert_equal_weights(second, first)


def test_a_checkpoint_changes_nothing_in_the_run(make_model, images, tmp_path):
    first, second = make_model(), make_model()
    run(first, images)
    run(second, images, checkpoint=tmp_path / "run.pt")
    assert_equal_weights(first, second)


def test_a_full_disk_leaves_the_last_checkpoint(make_model, images, tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    whole, model = make_model(), make_model()
    run(whole, images)
    original, counter = Path.replace, itertools.count(1)

    def full(unfinished, target):
        if next(counter) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(unfinished, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match=r"run\.pt cannot be written: no space left on device"):
            run(model, images, checkpoint=path)
    assert torch.load(path)["history"]["epoch"] == [1, 2]
    history = run(model, images, checkpoint=path)
    assert history.epoch == [1, 2, 3, 4]
    assert_equal_weights(model, whole)


@pytest.mark.parametrize("epoch", [1, 2, 4])
def test_ctrl_c_while_an_epoch_is_saved_does_not_lose_it(
    make_model, images, tmp_path, monkeypatch, epoch
):
    path, whole, model = tmp_path / "run.pt", make_model(), make_model()
    run(whole, images)
    original, counter = Checkpoint.save, itertools.count(1)

    def save(self, **parts):
        if next(counter) == epoch:
            raise KeyboardInterrupt
        original(self, **parts)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", save)
        with pytest.warns(UserWarning, match=rf"run\.pt continues after epoch {epoch}$"):
            stopped = run(model, images, checkpoint=path)
    assert len(stopped.epoch) == len(torch.load(path)["history"]["epoch"]) == epoch
    assert not run(model, images, checkpoint=path).interrupted
    assert_equal_weights(model, whole)


def test_where_a_checkpoint_cannot_be_written_no_step_is_made(make_model, images, tmp_path, calls):
    model, twin = make_model(), make_model()
    with pytest.raises(FileNotFoundError, match=r"run\.pt cannot be written: there is no folder"):
        run(model, images, checkpoint=tmp_path / "missing" / "run.pt")
    with pytest.raises(IsADirectoryError, match=r"cannot be written: it is a folder"):
        run(model, images, checkpoint=tmp_path)
    assert calls == []
    assert_equal_weights(model, twin)


def test_a_checkpoint_that_cannot_be_read_is_not_called_damaged(
    make_model, images, tmp_path, monkeypatch
):
    path = tmp_path / "run.pt"
    run(make_model(), images, checkpoint=path)

    def deny(self):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", deny)
    with pytest.raises(PermissionError, match=r"run\.pt cannot be read: permission denied"):
        run(make_model(), images, checkpoint=path)


# More epochs

LONGER = [{}, {"binarize": "dynamic", "center_output": True}, {"kl_warmup_epochs": 3, "beta": 2}]


@pytest.mark.parametrize("settings", LONGER, ids=lambda s: "-".join(s) or "plain")
def test_a_run_that_is_made_longer_equals_one_that_was_planned_so(
    make_model, images, tmp_path, settings
):
    whole, model, path = make_model(), make_model(), tmp_path / "run.pt"
    expected = run(whole, images, epochs=4, **settings)
    run(model, images, 0, path, epochs=2, **settings)
    history = run(make_model(seed=7), images, 0, path, epochs=3, **settings)
    assert history.epoch == [1, 2, 3]
    history = run(model, images, 0, path, epochs=4, **settings)
    assert_equal_weights(model, whole)
    assert_equal_histories(history, expected)


def test_an_interrupted_run_may_be_given_fewer_epochs(make_model, images, tmp_path, monkeypatch):
    whole, model, path = make_model(), make_model(), tmp_path / "run.pt"
    run(whole, images, epochs=3)
    with monkeypatch.context() as patch:
        interrupt_at(patch, 11)
        with pytest.warns(UserWarning, match="continues after epoch 2$"):
            run(model, images, 0, path, epochs=20)
    assert run(make_model(), images, 0, path, epochs=2).epoch == [1, 2]
    assert run(model, images, 0, path, epochs=3).epoch == [1, 2, 3]
    assert_equal_weights(model, whole)


@pytest.mark.parametrize("schedule", ["one-cycle", "one-cycle-linear"])
def test_a_cycle_cannot_be_made_longer(make_model, images, tmp_path, schedule):
    path = tmp_path / "run.pt"
    run(make_model(), images, 0, path, epochs=2, schedule=schedule)
    message = r"run\.pt belongs to a run of 2 epochs, and its schedule is laid out over them"
    with pytest.raises(ValueError, match=message):
        run(make_model(), images, 0, path, epochs=4, schedule=schedule)


def test_a_run_cannot_go_back(make_model, images, tmp_path):
    path = tmp_path / "run.pt"
    run(make_model(), images, 0, path, epochs=4)
    with pytest.raises(ValueError, match=r"run\.pt holds 4 epochs already, and 2 are wanted"):
        run(make_model(), images, 0, path, epochs=2)


def test_more_epochs_do_not_hide_another_difference(make_model, images, tmp_path):
    path = tmp_path / "run.pt"
    run(make_model(), images, 0, path, epochs=2)
    with pytest.raises(ValueError, match="belongs to another run: recipe differ"):
        run(make_model(), images, 0, path, epochs=4, kl_warmup_epochs=1)


# Other devices, other machines


def test_a_checkpoint_from_a_graphics_card_is_read_without_one(
    make_model, images, tmp_path, monkeypatch
):
    """The tensors in the file say that they were on one, as torch.save writes it there."""
    whole, model, path = make_model(), make_model(), tmp_path / "run.pt"
    run(whole, images, epochs=4)
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        run(model, images, checkpoint=path, epochs=2)
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="deserialize object on a CUDA device"):
            torch.load(path, weights_only=True)
    run(model, images, checkpoint=path, epochs=4)
    assert_equal_weights(model, whole)


def test_the_last_bits_of_a_sum_make_no_other_run(make_model, images, tmp_path):
    """They differ with the number of threads, where there are many images."""
    path = tmp_path / "run.pt"
    run(make_model(), images, checkpoint=path)
    state = torch.load(path)
    shape, total = state["identity"]["images"]
    state["identity"]["images"] = [shape, math.nextafter(total, 0)]
    torch.save(state, path)
    assert run(make_model(), images, checkpoint=path).epoch == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="another run: images differ"):
        run(make_model(), images - 1e-6 * (images > 0.5), checkpoint=path)


def test_a_checkpoint_that_started_from_other_weights_is_refused(make_model, images, tmp_path):
    path, recipe = tmp_path / "run.pt", dataclasses.replace(RECIPE, epochs=1)

    def go_on(start):
        vaetut.train(make_model(), images, recipe, 0, path, progress=False, start=start)

    go_on("these")
    go_on("these")
    for other in ("those", None):
        with pytest.raises(ValueError, match="belongs to another run: start differ"):
            go_on(other)


@pytest.mark.parametrize("part", ["recipe", "seed", "model", "images"])
def test_a_checkpoint_of_another_run_is_refused(make_model, images, tmp_path, part):
    path = tmp_path / "run.pt"
    run(make_model(), images, checkpoint=path)
    before = path.read_bytes()
    model, seed, settings = make_model(), 0, {}
    if part == "recipe":
        settings = {"learning_rate": 1e-4}
    elif part == "seed":
        seed = 1
    elif part == "model":
        model = make_model(hidden_dims=(9,))
    else:
        images = images * 0.5
    with pytest.raises(ValueError, match=rf"run\.pt belongs to another run: {part} differ"):
        run(model, images, seed, path, **settings)
    assert path.read_bytes() == before


DAMAGES = ["truncated", "noise", "empty", "weights only", "a list", "a part"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_named(make_model, images, tmp_path, damage):
    path = tmp_path / "run.pt"
    run(make_model(), images, checkpoint=path, epochs=1)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-500])
    elif damage == "noise":
        path.write_bytes(bytes(range(256)) * 10)
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "weights only":
        torch.save(make_model().state_dict(), path)
    elif damage == "a part":
        torch.save({"identity": torch.load(path)["identity"]}, path)
    else:
        torch.save([1, 2], path)
    model, twin = make_model(), make_model()
    with pytest.raises(
        ValueError, match=r"run\.pt is not a checkpoint that can be read.*move it"
    ) as e:
        run(model, images, checkpoint=path, epochs=1)
    assert "weights_only" not in str(e.value)  # PyTorch's advice is to load it unsafely
    assert_equal_weights(model, twin)


class Program:
    """What does something as soon as it is unpickled: it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_in_a_checkpoint_is_executed(make_model, images, tmp_path):
    path = tmp_path / "run.pt"
    run(make_model(), images, checkpoint=path, epochs=1)
    torch.save(torch.load(path) | {"more": Program(tmp_path / "made")}, path)
    with pytest.raises(ValueError, match=r"run\.pt is not a checkpoint"):
        run(make_model(), images, checkpoint=path, epochs=1)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("shape", "one", "other", "agree"),
    [
        ((2, 3), 1000.0, 1000.0 + 5e-10, True),  # the last bits of a sum
        ((2, 3), 1000.0, 1000.0 + 1e-7, False),
        ((600, 784), 0.0, 3e-7, True),  # where positive and negative numbers cancel
        ((600, 784), 0.0, 1e-6, False),
    ],
)
def test_the_same_images_may_have_sums_that_differ_in_the_last_bits(
    tmp_path, shape, one, other, agree
):
    state = {name: {} for name in ("model", "optimizers", "generator", "history")}
    Checkpoint(tmp_path / "run.pt", {"images": [shape, one]}).save(**state)
    again = Checkpoint(tmp_path / "run.pt", {"images": [shape, other]})
    if agree:
        assert again.load()
    else:
        with pytest.raises(ValueError, match="another run: images differ"):
            again.load()


# Precision and progress


@pytest.mark.parametrize("faster", [True, False])
def test_auto_precision_follows_the_probe(make_model, images, monkeypatch, capsys, faster):
    monkeypatch.setattr(precision, "bf16_is_faster", lambda device: faster)
    auto, single = make_model(), make_model()
    history = run(auto, images, precision="auto")
    expected = run(single, images)
    out, err = capsys.readouterr()
    assert out == ""
    assert f"precision: {'bf16' if faster else 'float32'}" in err
    assert (history.cost == expected.cost) is not faster
    assert history.cost == pytest.approx(expected.cost, rel=0.02)
    assert {p.dtype for p in auto.parameters()} == {torch.float32}


def test_the_probe_answers_on_this_machine(model, images):
    history = run(model, images, precision="auto")
    assert precision.bf16_is_faster(torch.device("cpu")) in (True, False)
    assert history.cost[-1] < history.cost[0]


@pytest.mark.parametrize("progress", [True, False])
def test_the_progress_bar_goes_to_stderr_alone(model, images, capsys, progress):
    vaetut.train(model, images, RECIPE, progress=progress)
    out, err = capsys.readouterr()
    assert out == ""
    if progress:
        assert "epoch 4/4" in err
        assert "16/16" in err
    else:
        assert err == ""


# Recipes


def test_a_recipe_cannot_be_changed_but_replaced():
    with pytest.raises(dataclasses.FrozenInstanceError):
        vaetut.ARTICLE.epochs = 3
    assert dataclasses.replace(vaetut.ARTICLE, epochs=3).epochs == 3
    assert vaetut.ARTICLE.epochs == 75
    assert hash(vaetut.ARTICLE) == hash(vaetut.Recipe())


def test_the_articles_recipe_is_metzens():
    recipe = vaetut.ARTICLE
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate) == (75, 100, 1e-3)
    assert (recipe.hidden_dims, recipe.activation) == ((500, 500), "softplus")
    assert (recipe.validation, recipe.binarize, recipe.num_samples) == (5000, None, 1)
    assert (recipe.schedule, recipe.betas, recipe.eps) == ("constant", (0.9, 0.999), 1e-8)
    assert (recipe.beta, recipe.kl_warmup_epochs, recipe.free_bits) == (1, 0, 0)
    assert (recipe.precision, recipe.objective) == ("float32", "elbo")
    assert recipe.optimizer == "adam"


def test_the_articles_recipe_builds_the_default_network():
    built, default = vaetut.ARTICLE.build_model(), vaetut.VAE()
    assert describe(built) == describe(default)
    assert_equal_weights(built, default)
    other = vaetut.ARTICLE.build_model(seed=1)
    assert not torch.equal(other.encoder.mu.weight, built.encoder.mu.weight)


def test_a_recipe_holds_plain_values():
    recipe = vaetut.Recipe(center_output=np.True_, rise=np.float32(0.5), epochs=np.int64(3))
    assert recipe.center_output is True
    assert type(recipe.rise) is float and type(recipe.epochs) is int


def test_build_model_passes_its_arguments_on():
    recipe = dataclasses.replace(RECIPE, hidden_dims=(9, 4), activation="silu")
    model = recipe.build_model(12, 5, likelihood="gaussian", variance=0.5)
    network = {"hidden_dims": (9, 4), "activation": "silu"}
    wanted = vaetut.VAE(12, 5, **network, likelihood="gaussian", variance=0.5)
    assert describe(model) == describe(wanted)
    prior = vaetut.Mixture(5, 3)
    model = recipe.build_model(12, 5, "gaussian", prior=prior)
    assert model.prior is prior
    assert model.likelihood.config["variance"] == 1.0


NEED_ELBO = "beta, kl_warmup_epochs and free_bits need objective elbo or elbo-stl"


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
        ({"epochs": 1.5}, TypeError, "epochs must be an int, got 1.5"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"num_samples": "1"}, TypeError, "num_samples must be an int, got '1'"),
        ({"validation": -1}, ValueError, "validation must be at least 0, got -1"),
        ({"validation": 0.1}, TypeError, "validation must be an int, got 0.1"),
        ({"hidden_dims": 500}, TypeError, "hidden_dims must be a tuple of ints, got 500"),
        ({"hidden_dims": (5, -1)}, ValueError, "width in hidden_dims must be at least 1, got -1"),
        ({"activation": "swish"}, ValueError, "activation must be one of .*; got 'swish'"),
        ({"binarize": True}, ValueError, "binarize must be one of None, 'dynamic'; got True"),
        (
            {"objective": "vae"},
            ValueError,
            "objective must be one of 'elbo', 'elbo-stl', 'iwae', 'iwae-dreg'; got 'vae'",
        ),
        ({"optimizer": "sgd"}, ValueError, "optimizer must be one of 'adam', 'muon'; got 'sgd'"),
        ({"schedule": "cosine"}, ValueError, "schedule must be one of .*; got 'cosine'"),
        ({"precision": "fp16"}, ValueError, "precision must be one of .*; got 'fp16'"),
        ({"beta": -0.1}, ValueError, "beta must be at least 0 and finite, got -0.1"),
        ({"beta": math.nan}, ValueError, "beta must be at least 0 and finite, got nan"),
        ({"beta": "1"}, TypeError, "beta must be a number, got '1'"),
        ({"kl_warmup_epochs": math.inf}, ValueError, "kl_warmup_epochs must be .*, got inf"),
        ({"free_bits": -1}, ValueError, "free_bits must be at least 0 and finite, got -1"),
        ({"learning_rate": 0}, ValueError, "learning_rate must be positive and finite, got 0"),
        ({"rise": 0}, ValueError, "rise must be positive and less than 1, got 0"),
        ({"rise": 1.0}, ValueError, "rise must be positive and less than 1, got 1.0"),
        ({"learning_rate": None}, TypeError, "learning_rate must be a number, got None"),
        ({"eps": -1e-8}, ValueError, "eps must be positive and finite, got -1e-08"),
        ({"betas": 0.9}, TypeError, r"betas must be a pair of numbers in \[0, 1\), got 0.9"),
        (
            {"betas": (0.9,)},
            TypeError,
            r"betas must be a pair of numbers in \[0, 1\), got \(0.9,\)",
        ),
        (
            {"betas": (0.9, 1.0)},
            ValueError,
            "each of betas must be at least 0 and less than 1, got 1.0",
        ),
        ({"betas": (0.9, "x")}, TypeError, "each of betas must be a number, got 'x'"),
        ({"objective": "iwae", "beta": 2.0}, ValueError, NEED_ELBO),
        ({"objective": "iwae-dreg", "kl_warmup_epochs": 1}, ValueError, NEED_ELBO),
        ({"objective": "iwae", "free_bits": 0.1}, ValueError, NEED_ELBO),
        ({"momentum": 0.9}, TypeError, "momentum"),
    ],
)
def test_a_bad_field_is_named(settings, error, message):
    with pytest.raises(error, match=message):
        vaetut.Recipe(**settings)


def test_a_recipe_keeps_plain_numbers_whatever_they_came_as():
    plain = {"epochs": 3, "validation": 7, "hidden_dims": (4,), "learning_rate": 0.5, "beta": 2.0}
    plain |= {"betas": (0.0, 0.5), "schedule": "constant"}
    given = {"epochs": np.int64(3), "validation": np.uint8(7), "hidden_dims": [np.int32(4)]}
    given |= {"learning_rate": np.float32(0.5), "beta": np.int64(2)}
    given |= {"betas": [np.float64(0), 0.5], "schedule": np.str_("constant")}
    assert repr(vaetut.Recipe(**given)) == repr(vaetut.Recipe(**plain))
    assert hash(vaetut.Recipe(**given)) == hash(vaetut.Recipe(**plain))


def test_a_run_keeps_plain_numbers(images, tmp_path):
    """So that a checkpoint can be read, and files be written."""
    path = tmp_path / "run.pt"
    for number in (int, np.int64):
        model = RECIPE.build_model(number(12), number(2), "gaussian", np.float32(0.5), number(1))
        assert json.dumps(describe(model))
        history = run(model, images, number(3), path)
    history.append(**{name: np.float32(value) for name, value in EPOCH.items()})
    history.save(tmp_path / "history.json")
    assert vaetut.History.load(tmp_path / "history.json") == history


# History

EPOCH = {
    "epoch": 1,
    "cost": 6.0,
    "distortion": 4.0,
    "rate": 2.0,
    "validation_cost": 7.0,
    "seconds": 0.1,
}


def test_a_history_survives_saving_and_loading(model, images, tmp_path):
    history = run(model, images)
    history.interrupted = True
    history.save(tmp_path / "history.json")
    assert vaetut.History.load(tmp_path / "history.json") == history


def test_a_history_without_validation_survives_too(model, images, tmp_path):
    history = run(model, images, validation=0)
    history.save(tmp_path / "history.json")
    loaded = vaetut.History.load(tmp_path / "history.json")
    assert all(math.isnan(value) for value in loaded.validation_cost)
    assert loaded.cost == history.cost


def test_curves_are_the_lists_by_name():
    history = vaetut.History()
    history.append(**EPOCH)
    assert history.curves() == {name: [value] for name, value in EPOCH.items()}


@pytest.mark.parametrize("change", [{"rate": None}, {"extra": 1.0}])
def test_an_epoch_that_is_not_whole_is_not_appended(change):
    values = {name: value for name, value in (EPOCH | change).items() if value is not None}
    history = vaetut.History()
    with pytest.raises(ValueError, match="an epoch needs epoch, cost, .*seconds; got"):
        history.append(**values)
    assert history == vaetut.History()


@pytest.mark.parametrize("content", ["", "not JSON", "[1, 2]", json.dumps({"loss": [1.0]})])
def test_a_file_that_is_no_history_is_named(tmp_path, content):
    path = tmp_path / "history.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"history\.json is not a history that was saved"):
        vaetut.History.load(path)


# Bad input

X = torch.rand(60, 12)


@pytest.mark.parametrize(
    ("images", "options", "error", "message"),
    [
        (X.numpy(), {}, TypeError, "images must be a torch.Tensor, got ndarray"),
        (X.byte(), {}, TypeError, "torch.uint8; divide 8-bit images by 255"),
        (X.double(), {}, TypeError, "torch.float32 like the model, got torch.float64"),
        (X[0], {}, ValueError, r"images must have shape \(batch, 12\), got \(12,\)"),
        (X[:, :7], {}, ValueError, r"images must have shape \(batch, 12\), got \(60, 7\)"),
        (X[:0], {}, ValueError, r"images is empty: shape \(0, 12\)"),
        (X + math.nan, {}, ValueError, "images must be finite"),
        (2 * X.round(), {}, ValueError, r"images must lie in \[0, 1\].*from 0 to 2"),
        (X[:10], {}, ValueError, "holds out 10 images for validation, but there are only 10"),
        (X, {"recipe": "article"}, TypeError, "recipe must be a Recipe, .* got 'article'"),
        (X, {"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        (X, {"seed": None}, TypeError, "seed must be an int, got None"),
    ],
)
def test_train_says_what_it_expected_and_leaves_the_model_alone(
    make_model, images, options, error, message
):
    model, twin = make_model(), make_model()
    with pytest.raises(error, match=message):
        vaetut.train(model, images, **{"recipe": RECIPE, "progress": False} | options)
    assert_equal_weights(model, twin)


def test_a_gaussian_is_not_binarized(make_model, images):
    with pytest.raises(ValueError, match="binarize='dynamic' needs likelihood='bernoulli'"):
        run(make_model(likelihood="gaussian"), images, binarize="dynamic")


# What a failure leaves -----------------------------------------------------------------------


def test_a_pass_that_fails_leaves_model_and_state_as_they_were(make_model, images):
    model, history = make_model(likelihood="gaussian"), vaetut.History()
    state = loop.train_pass(model, images, RECIPE, 0, history)
    before, moments = copy.deepcopy(model), copy.deepcopy(state["moments"])
    with pytest.raises(FloatingPointError):
        loop.train_pass(model, 1e30 * images, RECIPE, 0, history, state)
    assert_equal_weights(model, before)
    torch.testing.assert_close(state["moments"], moments, rtol=0, atol=0)
    loop.train_pass(model, images, RECIPE, 0, history, state)
    assert history.epoch == [1, 2]


def test_a_history_takes_an_epoch_whole_or_not_at_all():
    history = vaetut.History()
    with pytest.raises(TypeError, match="distortion must be a number"):
        history.append(**dict.fromkeys(history.curves(), 1.0) | {"distortion": "low"})
    assert history == vaetut.History()


@pytest.mark.parametrize(
    "text", ['{"epoch": 3}', '{"epoch": [1], "cost": [1]}', "[" * 100_000, '{"seconds": ["x"]}']
)
def test_curves_that_do_not_go_together_are_no_history(tmp_path, text):
    path = tmp_path / "curves.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"curves.json is not a history that was saved"):
        vaetut.History.load(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda model, images: (model, images.flip(0)),
        lambda model, images: (model.double(), images.double()),
        lambda model, images: (freeze(model), images),
    ],
    ids=["another order of the images", "another dtype", "frozen weights"],
)
def test_a_checkpoint_of_another_run_is_refused_whatever_differs(
    make_model, images, tmp_path, change
):
    path = tmp_path / "run.pt"
    run(make_model(), images, checkpoint=path, epochs=1)
    other, changed = change(make_model(), images)
    with pytest.raises(ValueError, match="belongs to another run"):
        run(other, changed, checkpoint=path, epochs=2)


def freeze(model):
    model.decoder.requires_grad_(False)
    return model


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_frozen_encoder_stays_and_the_decoder_learns(make_model, images, objective):
    model = make_model()
    model.encoder.requires_grad_(False)
    before = copy.deepcopy(model)
    run(model, images, epochs=1, objective=objective)
    assert_equal_weights(model.encoder, before.encoder)
    assert not torch.equal(model.decoder.out.weight, before.decoder.out.weight)


def test_without_a_stderr_there_is_no_bar(make_model, images, monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    vaetut.train(make_model(), images, RECIPE)
    vaetut.evaluate(make_model(), images, 2, progress=True)
