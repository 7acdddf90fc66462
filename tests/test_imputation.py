"""Filling gaps: against models whose answer is known."""

import math
import re

import numpy as np
import pytest
import torch
from scipy.stats import norm

import vaetut
from vaetut import Categorical, Gaussian, Mixed, Observed

NAN = math.nan


class Wide(torch.nn.Module):
    """q(z|x) = N(0.1, e) for all rows: far from the posterior, and wide enough for it."""

    def __init__(self):
        super().__init__()
        self.mu = torch.nn.Parameter(torch.tensor(0.1))

    def forward(self, x):
        return self.mu.expand(len(x), 1), torch.ones_like(x[:, :1])


def linear_model(variance=0.5):
    """x = W z + b + noise, three numbers from one: a Gaussian whose conditionals are known."""
    decoder, likelihood = torch.nn.Linear(1, 3), Observed(Gaussian(variance))
    model = vaetut.VAE(3, 1, encoder=Wide(), decoder=decoder, likelihood=likelihood)
    with torch.no_grad():
        decoder.weight[:] = torch.tensor([[1.0], [-2.0], [0.5]])
        decoder.bias[:] = torch.tensor([0.0, 1.0, 3.0])
    return model.double()


def condition(model, x):
    """Return mean and covariance of the missing given the observed values of one row (3,)."""
    w, b = model.decoder.weight.detach(), model.decoder.bias.detach()
    covariance = w @ w.T + 0.5 * torch.eye(3, dtype=torch.float64)
    gaps = x.isnan()
    solve = torch.linalg.solve(covariance[~gaps][:, ~gaps], covariance[~gaps][:, gaps]).T
    mean = b[gaps] + solve @ (x - b)[~gaps]
    return mean, covariance[gaps][:, gaps] - solve @ covariance[~gaps][:, gaps]


ROWS = [[1.0, NAN, 3.5], [NAN, NAN, 2.0], [0.5, -1.0, NAN], [NAN, NAN, NAN], [1.0, 2.0, 3.0]]


def test_numbers_agree_with_the_exact_conditional_mean_and_deviation():
    model, x = linear_model(), torch.tensor(ROWS, dtype=torch.float64)
    found = vaetut.impute(model, x, 200_000, generator=torch.Generator().manual_seed(0))
    for row, filled, std, error in zip(x[:4], found.filled, found.std, found.error, strict=False):
        mean, covariance = condition(model, row)
        gaps = row.isnan()
        assert ((filled[gaps] - mean).abs() < 4 * error[gaps]).all()
        torch.testing.assert_close(std[gaps], covariance.diag().sqrt(), rtol=0.02, atol=0)
        assert (error[gaps] < 0.02).all() and (error[gaps] > 0).all()


def test_what_is_observed_stays_and_costs_no_error():
    model, x = linear_model(), torch.tensor(ROWS, dtype=torch.float64)
    found = vaetut.impute(model, x, 50, num_draws=2)
    known = ~x.isnan()
    assert torch.equal(found.filled[known], x[known])
    assert torch.equal(found.draws[:, known], x[known].expand(2, -1))
    assert not found.std[known].any() and not found.error[known].any()
    assert found.filled.isfinite().all() and found.draws.isfinite().all()


def test_the_error_is_that_of_repetitions():
    model, x = linear_model(), torch.tensor(ROWS[:3], dtype=torch.float64)
    runs = [
        vaetut.impute(model, x, 500, generator=torch.Generator().manual_seed(seed))
        for seed in range(200)
    ]
    spread = torch.stack([run.filled for run in runs]).std(0)
    told = torch.stack([run.error for run in runs]).mean(0)
    gaps = x.isnan()
    torch.testing.assert_close(told[gaps], spread[gaps], rtol=0.2, atol=0)


@pytest.mark.parametrize("row", [[NAN, NAN, NAN], [1.0, NAN, NAN]])
def test_the_effective_number_agrees_with_an_integral_over_z(row):
    model = linear_model()
    x, samples = torch.tensor([row], dtype=torch.float64), 100_000
    found = vaetut.impute(model, x, samples, generator=torch.Generator().manual_seed(0))
    z = np.linspace(-9, 9, 18_001)
    q = norm.pdf(z, 0.1, math.exp(0.5))  # as `Wide` says
    p = norm.pdf(z) * (1 if math.isnan(row[0]) else norm.pdf(row[0], z, math.sqrt(0.5)))
    share = p.sum() ** 2 / ((p**2 / q).sum() * q.sum())
    assert found.effective.shape == (1,)
    assert found.effective.item() / samples == pytest.approx(share, rel=0.03)
    assert 0.1 < share < 0.9


def test_draws_have_the_conditional_distribution():
    model, x = linear_model(), torch.tensor(ROWS[1:2], dtype=torch.float64)
    found = vaetut.impute(model, x, 20_000, 20_000, torch.Generator().manual_seed(0))
    draws = found.draws[:, 0, :2]  # (M, 2)
    mean, covariance = condition(model, x[0])
    torch.testing.assert_close(draws.mean(0), mean, rtol=0, atol=0.06)
    torch.testing.assert_close(torch.cov(draws.T), covariance, rtol=0.05, atol=0.05)


def test_the_encoder_decides_where_it_is_asked_alone():
    model, x = linear_model(), torch.tensor(ROWS[:1], dtype=torch.float64).expand(4000, 3)
    found = vaetut.impute(model, x, 1, generator=torch.Generator().manual_seed(0))
    mu, _ = model.encode(x[:1])
    expected = model.decode(mu)[0, 1]
    assert found.filled[:, 1].mean().item() == pytest.approx(expected.item(), abs=0.2)
    assert torch.equal(found.effective, torch.ones(4000, dtype=torch.float64))


def mixed_model():
    """One real value with mean 2 z and variance 1, and a class with the logits (0, 3 z, -1)."""
    likelihood = Observed(Mixed([(Gaussian(1.0), [1]), (Categorical(3), [0])]))
    decoder = torch.nn.Linear(1, 4)
    model = vaetut.VAE(2, 1, encoder=Wide(), decoder=decoder, likelihood=likelihood)
    with torch.no_grad():
        decoder.weight[:] = torch.tensor([[2.0], [0.0], [3.0], [0.0]])
        decoder.bias[:] = torch.tensor([0.0, 0.0, 0.0, -1.0])
    return model.double()


def class_chances(value):
    """Return the probabilities of its classes beside a real value, by an integral over z."""
    z = torch.linspace(-8, 8, 8001, dtype=torch.float64)
    posterior = torch.from_numpy(norm.pdf(z.numpy()) * norm.pdf(value, 2 * z.numpy()))
    logits = torch.stack([0 * z, 3 * z, 0 * z - 1], -1)
    return (posterior[:, None] * logits.softmax(-1)).sum(0) / posterior.sum()


@pytest.mark.parametrize(("value", "best"), [(2.0, 1), (-2.0, 0)])
def test_classes_agree_with_an_integral_over_z(value, best):
    x = torch.tensor([[NAN, value]], dtype=torch.float64)
    found = vaetut.impute(mixed_model(), x, 100_000, generator=torch.Generator().manual_seed(0))
    chances = class_chances(value)
    assert chances.argmax() == best == found.filled[0, 0]
    assert abs(1 - found.std[0, 0] - chances[best]) < 4 * found.error[0, 0] < 0.02


def test_draws_of_a_class_have_its_probabilities():
    x = torch.tensor([[NAN, 1.0]], dtype=torch.float64)
    found = vaetut.impute(mixed_model(), x, 5000, 5000, torch.Generator().manual_seed(0))
    shares = found.draws[:, 0, 0].long().bincount() / 5000
    torch.testing.assert_close(shares.double(), class_chances(1.0), rtol=0, atol=0.04)


def test_a_number_is_averaged_over_the_classes_it_goes_with():
    model = mixed_model()
    x = torch.tensor([[1.0, NAN]], dtype=torch.float64)
    found = vaetut.impute(model, x, 100_000, generator=torch.Generator().manual_seed(0))
    z = torch.linspace(-8, 8, 8001, dtype=torch.float64)
    logits = torch.stack([0 * z, 3 * z, 0 * z - 1], -1)
    posterior = torch.from_numpy(norm.pdf(z.numpy())) * logits.softmax(-1)[:, 1]
    mean = (posterior * 2 * z).sum() / posterior.sum()
    assert abs(found.filled[0, 1] - mean) < 4 * found.error[0, 1] < 0.2


def test_blocks_of_rows_change_nothing_but_the_noise(monkeypatch):
    model, x = linear_model(), torch.tensor(ROWS[:3] * 20, dtype=torch.float64)
    whole = vaetut.impute(model, x, 2000, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(vaetut.imputation, "ROWS", 6000)
    parts = vaetut.impute(model, x, 2000, generator=torch.Generator().manual_seed(1))
    assert ((whole.filled - parts.filled).abs() <= 6 * (whole.error + parts.error)).all()


def test_blocks_of_rows_have_noise_of_their_own(monkeypatch):
    monkeypatch.setattr(vaetut.imputation, "ROWS", 50)
    x = torch.tensor(ROWS[:1] * 6, dtype=torch.float64)
    found = vaetut.impute(linear_model(), x, 50, 3, torch.Generator().manual_seed(0))
    assert len(found.filled[:, 1].unique()) == 6 and len(found.draws[..., 1].unique()) == 18


def test_a_block_has_few_rows_where_there_are_many_draws(monkeypatch):
    monkeypatch.setattr(vaetut.imputation, "ROWS", 100)
    sizes, own = [], vaetut.imputation._impute_block

    def count(model, x, *more):
        sizes.append(len(x))
        return own(model, x, *more)

    monkeypatch.setattr(vaetut.imputation, "_impute_block", count)
    vaetut.impute(linear_model(), torch.tensor(ROWS, dtype=torch.float64), 5, 50)
    assert sizes == [2, 2, 1]
    sizes.clear()
    vaetut.impute(linear_model(), torch.tensor(ROWS, dtype=torch.float64), 101)
    assert sizes == [1] * 5


def test_without_numbers_there_are_a_thousand_codes_and_no_draws():
    model, x = linear_model(), torch.tensor(ROWS, dtype=torch.float64)
    told, as_a_rule, more = (
        vaetut.impute(model, x, *numbers, generator=torch.Generator().manual_seed(0))
        for numbers in ((1000, 0), (), (1001, 0))
    )
    assert as_a_rule.draws.shape == (0, 5, 3)
    assert torch.equal(as_a_rule.filled, told.filled)
    assert not torch.equal(as_a_rule.filled, more.filled)


def classes_model(bias):
    """Three columns of three classes, whose logits are the bias, whatever the code."""
    decoder, likelihood = torch.nn.Linear(1, 9), Observed(Categorical(3))
    model = vaetut.VAE(3, 1, encoder=Wide(), decoder=decoder, likelihood=likelihood)
    with torch.no_grad():
        decoder.weight.zero_()
        decoder.bias.copy_(torch.tensor(bias).flatten())
    return model


def test_each_row_and_column_gets_its_own_most_probable_class():
    bias = [[0.0, 1.0, 2.0], [0.0, 3.0, 1.0], [5.0, 0.0, 0.0]]
    x = torch.tensor([[NAN, NAN, 1.0], [0.0, NAN, NAN]])
    found = vaetut.impute(classes_model(bias), x, 5)
    assert found.filled.tolist() == [[2, 1, 1], [0, 1, 0]]
    chance = torch.tensor(bias).softmax(-1).amax(-1)
    gaps = x.isnan()
    torch.testing.assert_close(found.std[gaps], (1 - chance).expand(2, 3)[gaps])


def test_of_equally_probable_classes_the_first_is_taken():
    found = vaetut.impute(classes_model([[0.0] * 3] * 3), torch.full((1, 3), NAN), 5)
    assert found.filled.tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("strange", [1e200, 1e154])
def test_a_row_that_no_code_explains_is_named_by_its_values(strange):
    """Its log-weights overflow; a row without gaps is given back, however strange."""
    calm = [1.0, NAN, 3.5]
    x = torch.tensor([calm, [strange, 0.123456, NAN], calm], dtype=torch.float64)
    values = re.escape(f"no code explains its values [{strange}, 0.1235], as")
    with pytest.raises(ValueError, match=values):
        vaetut.impute(linear_model(), x, 5)
    whole = torch.tensor([calm, [strange, 0.0, 0.0]], dtype=torch.float64)
    assert vaetut.impute(linear_model(), whole, 5).filled[1].tolist() == [strange, 0.0, 0.0]


class Losing(Wide):
    """Has no answer but NaN for a large first value."""

    def forward(self, x):
        mu, log_var = super().forward(x)
        return mu.where(x[:, :1] < 100, NAN), log_var


def test_a_row_for_which_the_encoder_has_no_answer_is_named_too():
    model = linear_model()
    model.encoder = Losing().double()
    x = torch.tensor([[1.0, NAN, 3.5], [200.0, 1.0, NAN]], dtype=torch.float64)
    with pytest.raises(ValueError, match=re.escape("its values [200.0, 1.0], as")):
        vaetut.impute(model, x, 5)


def test_a_training_model_is_as_it_was():
    model = linear_model().train()
    vaetut.impute(model, torch.tensor(ROWS, dtype=torch.float64), 5)
    assert model.training and all(p.grad is None for p in model.parameters())


def test_dropout_rests_and_nothing_is_to_be_differentiated():
    decoder = torch.nn.Sequential(torch.nn.Linear(1, 3), torch.nn.Dropout(0.5))
    likelihood = Observed(Gaussian(0.5))
    model = vaetut.VAE(3, 1, encoder=Wide(), decoder=decoder, likelihood=likelihood).double()
    x = torch.tensor(ROWS, dtype=torch.float64)
    learning, resting = (
        vaetut.impute(model.train(mode), x, 50, 2, torch.Generator().manual_seed(0))
        for mode in (True, False)
    )
    assert all(torch.equal(a, b) for a, b in zip(learning, resting, strict=True))
    assert not any(part.requires_grad for part in learning)


def test_rows_that_are_unlikely_under_all_codes_have_weights_too():
    model = linear_model(1e-3)
    x = torch.tensor([[1.0, NAN, 60.0], [1.0, NAN, 3.5]], dtype=torch.float64)
    found = vaetut.impute(model, x, 1000, 5, torch.Generator().manual_seed(0))
    assert all(part.isfinite().all() for part in found)  # though each exp(log p(x|z)) is 0


def test_codes_without_any_weight_do_no_harm_while_others_have_some():
    model = linear_model()
    with torch.no_grad():
        model.decoder.weight[:] = 1e154  # squares of errors overflow, but where z is near 0
    x = torch.tensor([[0.0, NAN, 0.0]], dtype=torch.float64)
    found = vaetut.impute(model, x, 100, 1, torch.Generator().manual_seed(0))
    assert found.filled.isfinite().all() and found.draws.isfinite().all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"num_samples": 0}, ValueError, "num_samples"),
        ({"num_draws": -1}, ValueError, "num_draws"),
        ({"generator": 3}, TypeError, "manual_seed"),
        ({"x": torch.zeros(2, 4).double()}, ValueError, "x must have shape"),
        ({"x": torch.full((2, 4), math.nan).double()}, ValueError, "x must have shape"),
        ({"x": torch.full((2, 3), math.inf).double()}, ValueError, "finite"),
    ],
)
def test_bad_requests_are_described(change, error, message):
    arguments = {"x": torch.tensor(ROWS, dtype=torch.float64), "num_samples": 5} | change
    with pytest.raises(error, match=message):
        vaetut.impute(linear_model(), **arguments)


def test_a_likelihood_that_takes_no_gaps_says_so():
    model = vaetut.VAE(3, 1, hidden_dims=(4,), likelihood="gaussian")
    with pytest.raises(ValueError, match="Observed"):
        vaetut.impute(model, torch.tensor(ROWS))


def test_draws_of_each_row_follow_its_own_weights():
    model = linear_model()
    x = torch.tensor([[5.0, NAN, 5.5], [-5.0, NAN, 0.5]], dtype=torch.float64)
    found = vaetut.impute(model, x, 5000, 5000, torch.Generator().manual_seed(0))
    for row, draws in zip(x, found.draws[:, :, 1].T, strict=True):
        mean, _ = condition(model, row)
        assert draws.mean().item() == pytest.approx(mean.item(), abs=0.3)
