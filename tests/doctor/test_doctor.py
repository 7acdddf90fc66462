"""The doctor names the fault of a faulty VAE and no other, and none of a healthy one."""

import json
import random
from collections import Counter
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import vaetut
from tests.test_article_map import BOOK, sections
from vaetut.doctor import FAULTS, NOTES, SYMPTOMS
from vaetut.doctor.faults import _is_not_normal

from . import patients
from .patients import DIGITS, FAULTY, HEALTHY, VAE, bce_loss, case, kl_sum
from .table import RECORD


def names(findings):
    return [finding.name for finding in findings]


# Faults


@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_is_named_and_no_other(name):
    fault, make = FAULTY[name]
    diagnosis = vaetut.diagnose(**make())
    assert names(diagnosis.faults) == [fault], str(diagnosis)


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_model_has_no_fault(name):
    diagnosis = vaetut.diagnose(**HEALTHY[name]())
    assert names(diagnosis.faults) == [], str(diagnosis)
    assert not {"draw-unseen", "unknown-loss"} & set(names(diagnosis.notes)), str(diagnosis)


def test_every_fault_has_a_patient():
    assert {fault for fault, _ in FAULTY.values()} == set(FAULTS)


# What a loss amounts to


def loss_note(loss, model=None, x=DIGITS, **options):
    notes = vaetut.diagnose(x, model=model or VAE(), loss=loss, **options).notes
    return next(note.seen for note in notes if note.name == "loss")


def weighted(recon, x, mu, logvar, distortion, rate, batch=1):
    bce = F.binary_cross_entropy(recon, x, reduction="none").sum(1).mean()
    return batch * (distortion * bce + rate * kl_sum(mu, logvar) / len(x))


@pytest.mark.parametrize(
    ("distortion", "rate", "batch", "beta"),
    [(1, 1, 1, "1"), (1, 4, 1, "4"), (1, 2, 60, "2"), (1 / 64, 1, 1, "64"), (3, 1, 1, "0.333")],
)
def test_weights_become_beta(distortion, rate, batch, beta):
    loss = partial(weighted, distortion=distortion, rate=rate, batch=batch)
    assert loss_note(loss).endswith(f"your effective β is {beta}")


def test_our_own_model_has_a_loss_of_its_own():
    notes = {note.name: note.seen for note in vaetut.diagnose(**patients.ours()).notes}
    assert "loss" not in notes and notes["own-loss"].endswith("plus the KL to its prior")


def test_the_width_of_the_noise_is_told_with_its_factor():
    (fault,) = vaetut.diagnose(**case(patients.NarrowNoise(), bce_loss)).faults
    assert "by 0.1 exp(0.5 h)" in fault.seen


def test_noise_of_the_right_mean_and_variance_may_be_another():
    assert _is_not_normal(torch.randn(300, generator=torch.Generator().manual_seed(0)).sign())
    widths = [torch.randn(300, generator=torch.Generator().manual_seed(k)) for k in range(200)]
    assert not any(_is_not_normal(noise) for noise in widths)
    assert all(_is_not_normal(3 * noise) for noise in widths)


def test_a_mean_squared_error_has_the_variance_of_a_gaussian():
    def loss(recon, x, mu, logvar):
        return F.mse_loss(recon, x) + 0.00025 * kl_sum(mu, logvar) / len(x)

    said = loss_note(loss, patients.LogitVAE())
    assert "the mean over 64 values of the squared error, plus 0.00025 times the KL" in said
    assert said.endswith("Gaussian with σ² = 0.008")


def test_an_absolute_error_is_laplaces():
    def loss(recon, x, mu, logvar):
        return ((recon - x).abs().sum() * 2 + kl_sum(mu, logvar)) / len(x)

    assert loss_note(loss, patients.LogitVAE()).endswith("Laplace's with a scale of 0.5")


def test_a_weight_of_the_batch_is_noted():
    def loss(recon, x, mu, logvar):
        return F.binary_cross_entropy(recon, x, reduction="sum") + kl_sum(mu, logvar) / len(x)

    diagnosis = vaetut.diagnose(DIGITS, model=VAE(), loss=loss)
    assert "batch-weight" in names(diagnosis.notes) and not diagnosis.faults


def test_another_prior_is_noted():
    diagnosis = vaetut.diagnose(DIGITS, model=VAE(), loss=patients.kl_to_wide)
    (note,) = [note for note in diagnosis.notes if note.name == "other-prior"]
    assert "N(0, 4)" in note.seen and not diagnosis.faults


def test_without_kl_there_is_a_note():
    def loss(recon, x, mu, logvar):
        return F.mse_loss(recon, x)

    diagnosis = vaetut.diagnose(DIGITS, model=VAE(), loss=loss)
    assert "no-kl" in names(diagnosis.notes) and not diagnosis.faults


def test_what_is_not_recognised_is_said():
    def loss(recon, x, mu, logvar):
        kl = (0.5 * (mu**2 + logvar.exp() - 1 - logvar)).sum(1)
        return ((recon - x).abs().pow(3).sum(1) + kl**2).mean()

    diagnosis = vaetut.diagnose(DIGITS, model=VAE(), loss=loss)
    assert names(diagnosis.notes) == ["untrained"] + ["unknown-loss"] * 2 and not diagnosis.faults
    assert str(diagnosis).startswith("No fault was found in what could be examined.")


# Symptoms


def trained(beta, latent_dim=4, steps=600):
    x = torch.tensor(patients.load_digits().data[:300] / 16, dtype=torch.float32)

    def loss(recon, x, mu, logvar):
        return F.binary_cross_entropy(recon, x, reduction="sum") + beta * kl_sum(mu, logvar)

    return patients.trained(lambda: case(VAE(latent_dim), loss, x=x), steps)


@pytest.mark.parametrize(
    ("beta", "latent_dim", "symptoms"),
    [
        (1, 3, set()),
        (30, 4, {"collapse"}),
        (1, 20, {"dead-coordinates"}),
        (1e-3, 2, {"far-codes"}),
        (0.1, 4, {"prior-misfit", "holes"}),
    ],
)
def test_symptoms_of_trained_models(beta, latent_dim, symptoms):
    diagnosis = vaetut.diagnose(**trained(beta, latent_dim))
    assert diagnosis.trained and not diagnosis.faults
    near = {"holes"} if latent_dim == 20 else set()  # near its limit: rounding may decide
    assert symptoms <= set(names(diagnosis.symptoms)) <= symptoms | near, str(diagnosis)


@pytest.mark.parametrize("seed", range(5))
def test_a_code_that_training_put_out_is_a_collapse(seed):
    """By the best-known mistake: the mean of the cross-entropy beside the sum of the KL."""

    def loss(recon, x, mu, logvar):
        return F.binary_cross_entropy(recon, x) + kl_sum(mu, logvar)

    def make():
        torch.manual_seed(seed)
        model = VAE()
        for layer in (model.fc1, model.fc21, model.fc22, model.fc3, model.fc4):
            layer.reset_parameters()
        return case(model, loss)

    diagnosis = vaetut.diagnose(**patients.trained(make, 3000))
    assert diagnosis.trained and names(diagnosis.symptoms) == ["collapse"], str(diagnosis)
    assert {"loss", "batch-weight"} == set(names(diagnosis.notes))


@pytest.mark.parametrize("name", [n for n in HEALTHY if "trained" not in n])
def test_a_fresh_model_has_no_symptoms(name):
    diagnosis = vaetut.diagnose(**HEALTHY[name]())
    assert not diagnosis.trained and not diagnosis.symptoms
    assert "untrained" in names(diagnosis.notes)


def test_a_fresh_model_that_begins_with_the_mean_has_no_symptoms():
    model = VAE()
    with torch.no_grad():
        model.fc4.bias.copy_(DIGITS.mean(0).clamp(1e-3, 1 - 1e-3).logit())
    diagnosis = vaetut.diagnose(**case(model, bce_loss))
    assert not diagnosis.trained and not diagnosis.symptoms


def test_a_variance_at_its_floor():
    given = patients.trained(lambda: case(patients.LearnedVariance(), patients.mse_loss), 600)
    with torch.no_grad():
        given["model"].log_sigma.fill_(-6.0)
    assert "variance-floor" in names(vaetut.diagnose(**given).symptoms)


GAPPY = DIGITS.clone()
GAPPY[3, 40:] = float("nan")
COUNTS = (16 * DIGITS).round()
OURS = {
    "gaussian": lambda: (DIGITS, vaetut.VAE(64, 3, (20,), likelihood="gaussian")),
    "decoder's variance": lambda: (
        DIGITS,
        vaetut.VAE(64, 3, (20,), likelihood=vaetut.Gaussian("decoder")),
    ),
    "gaps": lambda: (
        GAPPY,
        vaetut.VAE(64, 3, (20,), likelihood=vaetut.Observed(vaetut.Gaussian("columns", 64))),
    ),
    "classes": lambda: (COUNTS, vaetut.VAE(64, 3, (20,), likelihood=vaetut.Categorical(17))),
    "counts": lambda: (COUNTS, vaetut.VAE(64, 3, (20,), likelihood=vaetut.NegativeBinomial())),
    "mixture": lambda: (DIGITS, vaetut.VAE(64, 3, (20,), prior=vaetut.Mixture(3, 4))),
    "vamp": lambda: (DIGITS, vaetut.VAE(64, 3, (20,), prior=vaetut.VampPrior(3, DIGITS))),
}


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("epochs", [0, 20])
def test_our_own_models_are_healthy(name, epochs):
    x, model = OURS[name]()
    if epochs:
        recipe = vaetut.Recipe(validation=0, epochs=epochs, batch_size=20, learning_rate=3e-3)
        vaetut.train(model, x, recipe, progress=False)
    diagnosis = vaetut.diagnose(x, model=model)
    assert not diagnosis.faults, str(diagnosis)


@pytest.mark.parametrize(
    ("beta", "symptom"), [(0.1, None), (50.0, "collapse"), (None, "untrained")]
)
def test_gaps_have_no_part_in_whether_a_model_is_trained(beta, symptom):
    x = DIGITS.clone()
    x[::2, 20:40] = torch.nan
    likelihood = vaetut.Observed(vaetut.Gaussian(0.05))
    model = vaetut.VAE(64, 3, (40,), likelihood=likelihood)
    if beta is not None:
        recipe = vaetut.Recipe(
            validation=0, epochs=60, batch_size=20, learning_rate=3e-3, beta=beta
        )
        vaetut.train(model, x, recipe, progress=False)
    diagnosis = vaetut.diagnose(x, model=model)
    assert diagnosis.trained == (beta is not None)
    assert symptom is None or symptom in names(diagnosis.symptoms + diagnosis.notes)
    assert " nan " not in str(diagnosis)


def test_an_estimator_sends_its_rows():
    est = vaetut.VariationalAutoencoder(latent_dim=2, hidden_dims=(16,), epochs=3, random_state=0)
    diagnosis = est.fit(DIGITS.numpy()).diagnose(DIGITS.numpy())
    assert not diagnosis.faults and "Bernoulli" in diagnosis.notes[-1].seen


# Nothing is changed


class Counts(VAE):
    """With everything that a pass may change."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(32)
        self.drop = nn.Dropout(0.2)
        self.calls = 0

    def encode(self, x):
        self.calls += 1
        self.last = x
        h = self.drop(F.relu(self.norm(self.fc1(x))))
        return self.fc21(h), self.fc22(h)


def state(model):
    modules = list(model.modules())
    return {
        "weights": {k: v.clone() for k, v in model.state_dict().items()},
        "grads": [None if p.grad is None else p.grad.clone() for p in model.parameters()],
        "modes": [module.training for module in modules],
        "attributes": {str(sorted(vars(module))): 0 for module in modules},
        "calls": model.calls,
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state()[1].copy(),
        "random": random.getstate()[1],
        "dtype": torch.get_default_dtype() == torch.float32,
    }


@pytest.mark.parametrize("broken", [False, True])
def test_nothing_is_changed(broken):
    torch.manual_seed(77)
    np.random.seed(77)
    random.seed(77)
    model = Counts()
    bce_loss(*(lambda out: (out[0], DIGITS, *out[1:]))(model(DIGITS))).backward()
    model.eval()
    model.norm.train()
    data = [p.data_ptr() for p in model.parameters()]
    x, before = DIGITS.clone(), state(model)

    def loss(recon, x, mu, logvar):
        if broken and model.fc1.weight.dtype == torch.float64:
            raise KeyboardInterrupt
        return bce_loss(recon, x, mu, logvar)

    if broken:
        with pytest.raises(KeyboardInterrupt):
            vaetut.diagnose(x, model=model, loss=loss)
    else:
        vaetut.diagnose(x, model=model, loss=loss)
    torch.testing.assert_close(state(model), before, rtol=0, atol=0)
    assert torch.equal(x, DIGITS) and data == [p.data_ptr() for p in model.parameters()]


def test_the_same_model_gets_the_same_diagnosis():
    first, second = (str(vaetut.diagnose(**case(VAE(), bce_loss))) for _ in range(2))
    assert first == second


# Interfaces


class Returns(VAE):
    def __init__(self, arrange):
        super().__init__()
        self.arrange = arrange

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        return self.arrange(self.decode(z), mu, logvar, z, x)


@pytest.mark.parametrize(
    "arrange",
    [
        lambda r, m, v, z, x: [r, x, m, v],
        lambda r, m, v, z, x: (m, v, r),
        lambda r, m, v, z, x: (r, z, m, v),
        lambda r, m, v, z, x: (r, (m, v)),
        lambda r, m, v, z, x: {"recon_x": r, "mu": m, "logvar": v, "z": z},
    ],
)
def test_outputs_may_come_in_any_order(arrange):
    assert loss_note(bce_loss, Returns(arrange)).endswith("β is 1")


def backwards(x, recon, mu, logvar):
    return bce_loss(recon, x, mu, logvar)


def of_model(model, x):
    recon, mu, logvar = model(x)
    return bce_loss(recon, x, mu, logvar)


def of_data(x, model):
    return {"loss": of_model(model, x), "kl": 0.0}


@pytest.mark.parametrize("loss", [backwards, of_model, of_data])
def test_losses_may_want_it_in_their_own_order(loss):
    assert loss_note(loss).endswith("β is 1")


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"x": DIGITS.numpy()}, TypeError, "x must be a tensor, got ndarray"),
        ({"x": DIGITS.long()}, TypeError, r"use x.float\(\)"),
        ({"x": DIGITS[:5]}, ValueError, r"8 examples or more.*\(5, 64\)"),
        ({"x": DIGITS / 0}, ValueError, "finite"),
        ({"loss": None}, TypeError, "loss is missing"),
        ({"model": VAE}, TypeError, "got the class VAE"),
        ({"model": nn.Linear(64, 3)}, TypeError, "not reconstruction, mu, log_var"),
        ({"model": None}, TypeError, "no torch.nn.Module was found"),
        ({"loss": lambda a, b: a}, TypeError, "loss wants a, b"),
        ({"loss": lambda r, x, m, v: 3.0}, TypeError, "must return a tensor of floats, not 3.0"),
        ({"loss": lambda r, x, m, v: r.view(7, 7)}, ValueError, "cannot be computed"),
        ({"model": nn.Module()}, TypeError, "cannot be called with x alone"),
        ({"model": vaetut.VAE(64, 2, (8,))}, TypeError, "its own ELBO; leave out loss, or hand"),
        (
            {"model": None, "encode": VAE().encode, "decode": VAE().decode},
            TypeError,
            "function of x alone, and this one wants recon, x, mu, logvar; write loss=lambda x",
        ),
        ({"decode": nn.Linear(5, 64)}, TypeError, "does not take codes of the shape of mu"),
    ],
)
def test_bad_input(given, error, words):
    with pytest.raises(error, match=words):
        vaetut.diagnose(**({"x": DIGITS, "model": VAE(), "loss": bce_loss} | given))


def test_options_reach_the_loss():
    given = HEALTHY["convolutions and batch norm"]()
    del given["M_N"]
    with pytest.raises(TypeError, match="found no 'M_N'; if that is an option"):
        vaetut.diagnose(**given)


# The book


@pytest.mark.parametrize("name", FAULTS | SYMPTOMS | NOTES)
def test_every_finding_says_what_to_do_and_where_the_book_tells(name):
    entry = (FAULTS | SYMPTOMS | NOTES)[name]
    assert entry.means.endswith(".") and entry.change.endswith((".", "?"))
    assert bool(entry.measured) == (name in SYMPTOMS)
    page, anchor = entry.section.split("#")
    assert anchor in sections(BOOK / "src" / f"{page}.md")


def test_a_likelihood_without_a_mean_is_examined_too():
    class Coins(vaetut.Likelihood):
        def log_prob(self, x, params):
            return vaetut.bernoulli_log_likelihood(x, params)

    x = torch.tensor(patients.load_digits().data / 16, dtype=torch.float32)
    model = vaetut.VAE(64, 4, (32,), likelihood=Coins())
    assert not vaetut.diagnose(x, model=model).trained
    recipe = replace(vaetut.FAST, beta=30.0, epochs=40, validation=0, center_output=False)
    vaetut.train(model, x, recipe, progress=False)
    diagnosis = vaetut.diagnose(x, model=model)
    assert not diagnosis.faults, str(diagnosis)
    assert names(diagnosis.symptoms) == ["collapse"]


def test_the_table_in_the_book_is_of_these_patients():
    table = json.loads(RECORD.read_text(encoding="utf-8"))
    planted = Counter([fault for fault, _ in FAULTY.values()] + ["none"] * len(HEALTHY))
    assert table == {fault: {fault: count} for fault, count in planted.items()}
