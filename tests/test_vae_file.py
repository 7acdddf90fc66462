"""`book/vae.py`: what chapter 7 shows is what it trains, and the package trains the same."""

import ast
import importlib.util
import inspect
import re
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

import vaetut
from vaetut.noise import TRAINING, make_generator

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "book" / "vae.py"
CHAPTER = ROOT / "book" / "src" / "07_code_in_action.md"
PIECES = [node for node in ast.parse(FILE.read_text()).body if hasattr(node, "name")]


@pytest.fixture
def vae():
    spec = importlib.util.spec_from_file_location("vae", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.name)
def test_the_chapter_shows_it_word_for_word(piece):
    assert ast.get_source_segment(FILE.read_text(), piece) in CHAPTER.read_text()


def test_it_needs_pytorch_alone():
    tree = ast.parse(FILE.read_text())
    outside = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {getattr(node, "module", None) or node.names[0].name for node in outside}
    assert {name.split(".")[0] for name in names} == {"math", "torch"}
    assert len(FILE.read_text().splitlines()) < 145


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ten_steps_are_those_of_the_package(vae, dtype):
    x = vaetut.load_mnist("train")[0][:2600].to(dtype)
    package = vaetut.FAST.build_model(784, 20, seed=3).to(dtype)
    model = vae.VAE().to(dtype)
    with torch.no_grad():
        for own, given in zip(model.parameters(), package.parameters(), strict=True):
            own.copy_(given)
    recipe = replace(vaetut.FAST, epochs=1, validation=100)
    history = vaetut.train(package, x, recipe, seed=0, progress=False)
    generator = make_generator(0, TRAINING)
    training, _ = vae.train(model, x[100:], x[:100], epochs=1, generator=generator)
    assert training == pytest.approx(history.cost, rel=1e-5)
    # Adam makes steps of one length out of small gradients, too, and so of their rounding errors.
    close = 1e-3 if dtype == torch.float32 else 1e-5
    for own, given in zip(model.parameters(), package.parameters(), strict=True):
        torch.testing.assert_close(own, given, rtol=0, atol=close)


def test_its_cost_is_the_negative_elbo(vae):
    x = vaetut.load_mnist("test")[0][:50]
    model, package = vae.VAE(), vaetut.FAST.build_model(784, 20)
    with torch.no_grad():
        for own, given in zip(model.parameters(), package.parameters(), strict=True):
            own.copy_(given)
        eps = torch.randn(50, 20, generator=torch.Generator().manual_seed(0))
        distortion, rate = vae.cost(model, x, eps)
        terms = vaetut.elbo(package, x, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(distortion, -terms.log_likelihood)
    torch.testing.assert_close(rate, terms.kl)


def test_samples_are_pictures(vae):
    model = vae.VAE()
    pictures = model.generate(7, torch.Generator().manual_seed(0))
    assert pictures.shape == (7, 784) and 0 <= pictures.min() and pictures.max() <= 1
    assert torch.equal(pictures, model.generate(7, torch.Generator().manual_seed(0)))
    z = torch.randn(7, 20, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(pictures, model.decode(z).sigmoid())
    again = model.reconstruct(pictures)
    torch.testing.assert_close(again, model.decode(model.encode(pictures)[0]).sigmoid())
    assert not pictures.requires_grad and not again.requires_grad
    assert model.double().generate(2).dtype == torch.float64


def test_without_a_step_the_costs_are_those_of_the_two_parts(vae, capsys):
    """At a learning rate of 0, with a last batch that is short; the parts are far apart."""
    x = vaetut.load_mnist("train")[0][:300]
    held_out = 1 - x[:40]
    model = vae.VAE()
    with torch.no_grad():
        model.decoder[-1].bias.fill_(1.0)  # a bright picture
    training, validation = vae.train(model, x, held_out, epochs=3, learning_rate=0.0)
    assert len(training) == len(validation) == 3
    assert training[0] > 1.5 * validation[0]
    for costs, part in ((training, x), (validation, held_out)):
        with torch.no_grad():
            wanted = sum(vae.cost(model, part, torch.randn(len(part), 20))).mean().item()
        assert costs == pytest.approx([wanted] * 3, rel=0.01)
    line = f"training {training[-1]:6.1f}, held out {validation[-1]:6.1f} nats"
    assert line in capsys.readouterr().out


def test_its_settings_are_those_of_fast(vae):
    defaults = inspect.signature(vae.train).parameters
    for name in ("epochs", "batch_size", "learning_rate"):
        assert defaults[name].default == getattr(vaetut.FAST, name)


def test_as_a_program_it_trains_on_all_but_the_first_5000(monkeypatch, tmp_path):
    """White images to learn from, black ones held out."""

    class Fake:
        def __init__(self, folder, download):
            self.data = torch.zeros(5300, 28, 28, dtype=torch.uint8)
            self.data[5000:] = 255

    monkeypatch.setattr(torchvision.datasets, "MNIST", Fake)
    monkeypatch.chdir(tmp_path)
    done = runpy.run_path(str(FILE), run_name="__main__")
    assert done["images"].shape == (5300, 784) and done["images"].max() == 1
    assert done["vae"].generate(5).mean() > 0.9
    assert "log_var.weight" in torch.load(tmp_path / "vae.pt", weights_only=True)


def test_the_doctor_finds_no_fault_in_it(vae):
    x = vaetut.load_mnist("test")[0][:100]
    model = vae.VAE()

    def loss(x):
        return sum(vae.cost(model, x, torch.randn(len(x), 20).to(x))).mean()

    diagnosis = vaetut.diagnose(x, encode=model.encode, decode=model.decode, loss=loss)
    assert not diagnosis.faults, str(diagnosis)


def test_arrays_are_data_too(vae):
    x = vaetut.load_mnist("train")[0][:300].double().numpy()
    vae.train(vae.VAE(), np.asarray(x), x[:10], epochs=1)


def test_a_second_training_keeps_what_was_learned(vae):
    x = vaetut.load_mnist("train")[0][:300]
    model = vae.VAE()
    first, _ = vae.train(model, x, x[:10], epochs=20, batch_size=100, learning_rate=1e-3)
    second, _ = vae.train(model, x, x[:10], epochs=1, batch_size=100, learning_rate=1e-3)
    assert second[0] < first[0] - 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: 255 * x, r"lie in \[0, 1\]"),
        (lambda x: x / 0, r"lie in \[0, 1\]"),
        (lambda x: x - 0.01, r"lie in \[0, 1\]"),
        (lambda x: x.where(x > 0, torch.nan), r"lie in \[0, 1\]"),
        (lambda x: x.unflatten(1, (28, 28)), r"row of 784 numbers or more, got \(300, 28, 28\)"),
        (lambda x: x[:0], r"one row of 784 numbers or more, got \(0, 784\)"),
    ],
)
def test_data_that_do_not_fit_are_refused(vae, change, message):
    x = vaetut.load_mnist("train")[0][:300]
    for seen, held_out in ((change(x), x), (x, change(x))):
        with pytest.raises(ValueError, match=message):
            vae.train(vae.VAE(), seen, held_out)


def test_whole_numbers_are_data_too(vae):
    x = (vaetut.load_mnist("train")[0][:300] > 0.5).byte()
    training, _ = vae.train(vae.VAE(), x, x[:10], epochs=1)
    assert training[0] < 784


def test_a_narrow_code_has_the_gradient_that_it_has_in_float64(vae):
    """Where z = mu + sigma * eps is rounded to mu, too."""
    x = vaetut.load_mnist("test")[0][:5]
    grads = []
    for dtype in (torch.float32, torch.float64):
        torch.manual_seed(0)
        model = vae.VAE()
        torch.nn.init.constant_(model.log_var.bias, -40.0)
        torch.nn.init.constant_(model.mu.bias, 1.0)
        eps = torch.randn(5, 20, generator=torch.Generator().manual_seed(1))
        model, x, eps = model.to(dtype), x.to(dtype), eps.to(dtype)
        sum(vae.cost(model, x, eps)).mean().backward()
        grads.append(model.log_var.bias.grad.double())
    torch.testing.assert_close(*grads, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("log_var", [-150.0, 80.0])
def test_an_extreme_variance_keeps_cost_and_gradient_finite(vae, log_var):
    model = vae.VAE()
    torch.nn.init.constant_(model.log_var.bias, log_var)
    x = vaetut.load_mnist("test")[0][:5]
    loss = sum(vae.cost(model, x, torch.randn(5, 20))).mean()
    loss.backward()
    assert loss.isfinite()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in model.parameters())


def test_the_playground_shows_three_lines_of_it():
    page = (ROOT / "book" / "11_playground.md").read_text()
    (shown,) = re.findall(r'<ol data-pg="lines">(.*?)</ol>', page, re.DOTALL)
    lines = [line.strip() for line in FILE.read_text().splitlines()]
    first = lines.index("mu, log_var = model.encode(x)")
    assert re.findall(r"<code>(.*?)</code>", shown) == lines[first : first + 3]
