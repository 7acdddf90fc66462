"""What a finding rests on, one detail at a time: a change of any would mislead a reader."""

import re
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import vaetut
from vaetut.doctor import FAULTS, symptoms
from vaetut.doctor.formula import Formula
from vaetut.doctor.interface import make_subject
from vaetut.doctor.subject import Outputs, Pass, Subject
from vaetut.doctor.watch import Watch

from . import patients
from .patients import DIGITS, VAE, LogitVAE, bce_loss, case, kl_sum, mse_loss


def faults(**given):
    return {fault.name: fault.seen for fault in vaetut.diagnose(**given).faults}


def notes(**given):
    return {note.name: note.seen for note in vaetut.diagnose(**given).notes}


# Noise


class MinusNoise(VAE):
    def reparameterize(self, mu, logvar):
        return mu - torch.randn_like(mu) * torch.exp(0.5 * logvar)


class WiderNoise(VAE):
    def reparameterize(self, mu, logvar):
        return mu + 1.05 * torch.randn_like(mu) * torch.exp(0.5 * logvar)


class ByNumpy(VAE):
    def reparameterize(self, mu, logvar):
        noise = torch.from_numpy(np.random.randn(*mu.shape)).to(mu)
        return mu + noise * logvar.exp()


def test_noise_may_be_taken_away():
    assert not faults(**case(MinusNoise(), bce_loss))


def test_a_width_of_five_per_cent_more_is_seen():
    assert "1.05 exp(0.5 h)" in faults(**case(WiderNoise(), bce_loss))["sigma-confused"]


def test_noise_that_was_not_seen_is_told():
    diagnosis = vaetut.diagnose(**case(ByNumpy(), bce_loss))
    assert "draw-unseen" in [note.name for note in diagnosis.notes]
    assert str(diagnosis).startswith("No fault was found in what could be examined.")


# Loss


def test_a_loss_for_each_example_is_averaged():
    def loss(recon, x, mu, logvar):
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar)
        return F.binary_cross_entropy(recon, x, reduction="none").sum(1) + kl.sum(1)

    assert notes(**case(VAE(), loss))["loss"] == (
        "the binary cross-entropy, plus the KL: your effective β is 1"
    )


def test_a_sum_over_the_batch_is_told_with_its_size():
    assert "summed over the batch of 60:" in notes(**case(VAE(), bce_loss))["loss"]


def test_a_kl_summed_beside_a_mean_hangs_on_the_batch():
    def loss(recon, x, mu, logvar):
        return F.binary_cross_entropy(recon, x, reduction="sum") / len(x) + kl_sum(mu, logvar)

    assert "β is 60" in notes(**case(VAE(), loss))["batch-weight"]


def test_a_prior_with_another_mean_is_noted():
    def loss(recon, x, mu, logvar):
        return bce_loss(recon, x, mu - 1, logvar)

    assert "N(1, 1)" in notes(**case(VAE(), loss))["other-prior"]


def test_exchanged_arguments_are_recognised():
    def loss(recon, x, mu, logvar):
        return bce_loss(recon, x, logvar, mu)

    assert "exchanged" in faults(**case(VAE(), loss))["kl-formula"]


class WideBoth(VAE):
    def sample(self, n, device):
        assert n == 512
        return self.decode(2 * torch.randn(n, self.latent_dim, device=device))


class FarSamples(VAE):
    def sample(self, n):
        return self.decode(3 + torch.randn(n, self.latent_dim))


def test_samples_from_the_prior_of_the_kl_are_right():
    assert not faults(**case(WideBoth(), patients.kl_to_wide))


def test_samples_with_another_mean_are_seen():
    assert "mean 3" in faults(**case(FarSamples(), bce_loss))["kl-other-prior"]


def test_our_own_loss_is_the_negative_elbo():
    given = patients.ours()
    subject = make_subject(given["x"], given["model"], None, None, None, None, {})
    torch.manual_seed(0)
    wanted = -vaetut.elbo(given["model"], given["x"], 500).elbo.mean()
    got = torch.stack([subject.loss(given["x"]) for _ in range(100)]).mean()
    assert got.item() == pytest.approx(wanted.item(), rel=0.01)


def test_the_advised_formulas_are_right():
    mu, log_var = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0))
    wanted = vaetut.kl_standard_normal(mu, log_var)
    said = " ".join(entry.change for entry in FAULTS.values())
    formulas = re.findall(r"0\.5 \* \(mu\*\*2.*?\.sum\(1\)", said)
    assert len(formulas) >= 2
    for formula in formulas:
        torch.testing.assert_close(eval(formula), wanted)
    widths = re.findall(r"std = (\(0\.5.*?\.exp\(\))|mu \+ (\S+ \* log_var\)\.exp\(\))", said)
    assert len(widths) == 2
    for width in map("".join, widths):
        torch.testing.assert_close(eval(width), (0.5 * log_var).exp())


# Ranges


def test_the_range_is_told_in_order():
    seen = faults(**case(LogitVAE(), patients.logits_loss, x=255 * DIGITS))["input-range"]
    assert "from 0 to 255" in seen


def test_data_above_the_decoders_range_are_seen():
    assert "0 to 2" in faults(**case(VAE(), mse_loss, x=2 * DIGITS))["input-range"]


def test_a_loss_that_cuts_on_one_side_only_may_learn():
    def loss(recon, x, mu, logvar):
        return ((recon.clamp(min=0) - x).abs() ** 3).sum() + kl_sum(mu, logvar)

    assert not faults(**case(LogitVAE(), loss))


def test_data_between_a_half_and_seven_tenths_suit_two_sigmoids():
    x = 0.5 + 0.2 * DIGITS
    assert not faults(**case(patients.TwoSigmoids(), mse_loss, x=x))


class CenteredCodes(VAE):
    def decode(self, z):
        return super().decode(z - z.mean(0))


def test_a_decoder_whose_rows_depend_is_seen():
    """Through `decode` alone: the encoder's rows are its own."""
    assert "reconstruction moves" in faults(**case(CenteredCodes(), bce_loss))["rows-depend"]


# Symptoms, on codes made by hand


def findings(mu, log_var, **formula):
    outputs = Outputs(torch.zeros(len(mu), 1), mu, log_var)
    subject = Subject(x=torch.zeros(len(mu), 1), forward=None, loss=None, encode=None)
    one = Pass(outputs, torch.zeros(()), Watch())
    found = symptoms.of_codes(subject, one, Formula(head="log σ²", weight=1.0, **formula))
    return {finding.name: finding.seen for finding in found}


def codes(count, spread, variance, scale=1.0):
    """Codes whose means and variances add up to those of N(0, scale) where 1 = spread + variance"""
    mu = (spread * scale) ** 0.5 * torch.randn(
        count, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    return mu, torch.full_like(mu, variance * scale).log()


def test_codes_that_fill_the_prior_have_no_symptom():
    assert findings(*codes(400, 0.2, 0.8)) == {}
    assert findings(*codes(400, 0.2, 0.8, scale=4.0), variance=4.0) == {}


def test_codes_that_are_too_narrow_are_a_misfit():
    assert "is 0.5" in findings(*codes(400, 0.1, 0.4))["prior-misfit"]


def test_of_few_examples_the_distribution_is_not_judged():
    assert findings(*codes(49, 0.1, 0.4)) == {}
    assert "prior-misfit" in findings(*codes(50, 0.1, 0.4))


def test_the_log_variance_of_a_decoder_counts_once():
    class Learned(VAE):
        def __init__(self, name, value):
            super().__init__()
            self.register_parameter(name, nn.Parameter(torch.tensor(value)))

    def floors(name, value):
        subject = Subject(None, None, None, None, modules=[Learned(name, value)])
        return [finding.name for finding in symptoms.of_variance(subject)]

    assert floors("log_var", -6.0) == []
    assert floors("log_sigma", -6.0) == floors("log_var", -10.0) == ["variance-floor"]


# Interfaces


def test_a_model_that_insists_on_float32_is_examined_in_it():
    class Insists(VAE):
        def encode(self, x):
            if x.dtype != torch.float32:
                raise RuntimeError("float32 only")
            return super().encode(x)

    diagnosis = vaetut.diagnose(**case(Insists(), bce_loss))
    assert not diagnosis.faults and "unknown-loss" not in notes(**case(Insists(), bce_loss))


def test_batch_norm_and_dropout_rest_while_it_is_examined():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 3))
    Subject(None, None, None, None, modules=[model]).set_mode(training=True)
    assert [layer.training for layer in model] == [False, False, True]


class ReturnsNormal(VAE):
    def forward(self, x):
        mu, logvar = self.encode(x)
        q = torch.distributions.Normal(mu, (0.5 * logvar).exp())
        return self.decode(q.rsample()), q


def normal_loss(recon, x, mu, sigma):
    return F.binary_cross_entropy(recon, x, reduction="sum") + kl_sum(mu, 2 * sigma.log())


def test_a_distribution_stands_for_its_mean_and_deviation():
    said = notes(**case(ReturnsNormal(), normal_loss))
    assert said["loss"].endswith("β is 1") and not faults(**case(ReturnsNormal(), normal_loss))


class EncodesNormal(VAE):
    def encode(self, x):
        mu, logvar = super().encode(x)
        return torch.distributions.Normal(mu, (0.5 * logvar).exp())


def test_an_encoder_may_return_a_distribution():
    model = EncodesNormal()

    def loss(x):
        q = model.encode(x)
        return normal_loss(model.decode(q.rsample()), x, q.mean, q.stddev)

    given = {"x": DIGITS, "encode": model.encode, "decode": model.decode, "loss": loss}
    assert not faults(**given)
    assert notes(**given)["loss"].endswith("β is 1")


class Half(nn.Module):
    """An encoder or a decoder; both call their layer `net`."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.net = nn.Linear(inputs, outputs)

    def forward(self, x):
        return self.net(x)


def test_two_modules_with_layers_of_one_name_are_two():
    torch.manual_seed(0)
    decoder = Half(4, 64)

    class Encode(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(64, 8)

        def forward(self, x):
            return self.net(x).chunk(2, -1)

    outer = Encode()

    def loss_of_modules(x):
        mu, log_var = outer(x)
        z = mu + (0.5 * log_var).exp() * torch.randn_like(mu)
        return patients.logits_loss(decoder(z), x, mu, log_var)

    given = {"x": DIGITS, "encode": outer, "decode": decoder, "loss": loss_of_modules}
    diagnosis = vaetut.diagnose(**given)
    assert not diagnosis.faults, str(diagnosis)
    assert notes(**given)["loss"].endswith("β is 1")
    assert not outer._forward_hooks and not decoder._forward_hooks


def test_what_the_loss_does_not_call_is_named():
    model = VAE()

    def loss(x):
        mu, logvar = model.encode(x)
        return bce_loss(VAE.decode(model, mu), x, mu, logvar)

    with pytest.raises(TypeError, match="does not call decode itself"):
        vaetut.diagnose(DIGITS, encode=model.encode, decode=model.decode, loss=loss)


def test_more_than_512_examples_are_not_looked_at():
    x = DIGITS.repeat(10, 1)
    x[550] = torch.nan
    assert not faults(**case(VAE(), bce_loss, x=x))


class Trainer:
    def __init__(self):
        self.net = VAE()

    def run(self, x):
        return self.net(x)


def two_steps():
    net = VAE()

    def inner(x):
        return net(x)

    return lambda x: inner(x)


def with_a_default():
    net = VAE()

    def model(x, net=net):
        return net(x)

    return model


@pytest.mark.parametrize(
    "model",
    [
        lambda: two_steps(),
        lambda: Trainer().run,
        lambda: partial(lambda net, x: net(x), VAE()),
        lambda: with_a_default(),
        lambda: (lambda nets: lambda x: nets["vae"](x))({"vae": VAE()}),
    ],
)
def test_the_module_is_found_over_some_steps(model):
    diagnosis = vaetut.diagnose(DIGITS, model=model(), loss=bce_loss)
    assert not diagnosis.faults, str(diagnosis)


def test_modules_that_take_no_part_are_left_alone():
    nets = {"vae": VAE(), "other": VAE()}
    diagnosis = vaetut.diagnose(DIGITS, model=lambda x: nets["vae"](x), loss=bce_loss)
    assert not diagnosis.faults, str(diagnosis)


class LossModule(nn.Module):
    def forward(self, recon, x, mu, logvar):
        return bce_loss(recon, x, mu, logvar)


def test_a_loss_may_be_a_module_and_take_options():
    assert notes(**case(VAE(), LossModule()))["loss"].endswith("β is 1")

    def loss(recon, x, mu, logvar, beta):
        return patients.beta_loss(recon, x, mu, logvar, beta)

    assert notes(**case(VAE(), loss, beta=3))["loss"].endswith("β is 3")


def test_outputs_with_a_number_or_as_many_codes_as_values():
    class WithNumber(VAE):
        def forward(self, x):
            recon, mu, logvar = super().forward(x)
            return recon, mu, logvar, kl_sum(mu, logvar)

    class CodesFirst(VAE):
        def forward(self, x):
            recon, mu, logvar = super().forward(x)
            return mu, logvar, recon

    assert not faults(**case(WithNumber(), bce_loss))
    assert not faults(**case(CodesFirst(64), bce_loss))


def test_frozen_and_compiled_models_are_examined():
    model = VAE().requires_grad_(False)
    assert not faults(**case(model, bce_loss))
    given = patients.trained(lambda: case(VAE(), bce_loss), 600)
    given["model"].requires_grad_(False)
    assert vaetut.diagnose(**given).trained
    ours = patients.ours(trained=True)["model"].requires_grad_(False)
    assert not faults(x=DIGITS, model=nn.DataParallel(ours))


def test_a_loss_without_a_gradient_is_a_fault():
    def loss(recon, x, mu, logvar):
        return bce_loss(recon, x, mu, logvar).detach()

    assert "detached" in faults(**case(VAE(), loss))["no-gradient"]


NET = VAE()


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"model": "article-2d"}, TypeError, "model must be a function or a module, got 'article"),
        ({"loss": "bce"}, TypeError, "loss must be a function or a module, got 'bce'"),
        ({"sample": 3}, TypeError, "sample must be a function or a module, got 3"),
        ({"loss": lambda r, x, m, v: {"kl": m.sum()}}, TypeError, 'no "loss" among them'),
        ({"loss": lambda r, x, m, v: {}}, TypeError, 'no "loss" among them'),
        ({"loss": lambda r, x, m, v: ()}, TypeError, "must return a tensor of floats"),
        ({"loss": lambda r, x, m, v: x.long().sum()}, TypeError, "must return a tensor of floats"),
        ({"loss": lambda r, x, m, v: r[99]}, ValueError, "the loss fails: IndexError"),
        ({"loss": lambda r, x, m, v: 1 / 0}, ValueError, "the loss fails: ZeroDivisionError"),
        ({"loss": lambda x, rx, mu, lv: mu.sum()}, TypeError, "loss wants x, rx, mu, lv"),
        ({"x": DIGITS.double()}, TypeError, "x is torch.float64, and the model's weights are"),
        ({"x": DIGITS.to_sparse()}, TypeError, "use x.to_dense"),
        ({"x": torch.zeros(60, 64, dtype=torch.cfloat)}, TypeError, "floats, got torch.complex64$"),
        ({"x": torch.zeros(60, 64)}, ValueError, "all examples are equal"),
        ({"x": torch.zeros(60, 0)}, ValueError, "8 examples or more"),
        ({"x": DIGITS[:7], "model": patients.ours()["model"], "loss": None}, ValueError, "got 7"),
        ({"model": lambda x: (x, x, x)}, TypeError, "no torch.nn.Module was found"),
        ({"model": nn.LazyLinear(3)}, ValueError, "weights without values"),
        ({"model": VAE().to("meta")}, ValueError, "weights without values"),
        ({"model": torch.jit.ScriptModule()}, TypeError, "traced or scripted .* the original one"),
        ({"model": None, "encode": VAE().encode}, TypeError, "^without model=, leave out model="),
        (
            {"model": None, "loss": lambda x: NET.forward(x)[0].sum()}
            | {"encode": lambda x: NET.encode(x), "decode": NET.decode},
            TypeError,
            r"loss\(x\) does not call encode itself; pass the module or the bound method",
        ),
    ],
)
def test_what_is_not_clear_is_an_error(given, error, words):
    with pytest.raises(error, match=words):
        vaetut.diagnose(**({"x": DIGITS, "model": VAE(), "loss": bce_loss} | given))


def test_two_keys_of_one_role_are_not_guessed_between():
    class Keys(VAE):
        def forward(self, x):
            recon, mu, logvar = super().forward(x)
            return {"x_mean": recon, "z_mean": mu, "z_logvar": logvar}

    with pytest.raises(TypeError, match="is not clear"):
        vaetut.diagnose(**case(Keys(), bce_loss))


def test_inference_mode_is_refused():
    with torch.inference_mode(), pytest.raises(ValueError, match="inference_mode"):
        vaetut.diagnose(**case(VAE(), bce_loss))
