"""The page that trains a VAE: its gradients are PyTorch's, and a visitor sees it learn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from playwright.sync_api import Browser, Page
from torch.nn import functional as F

import vaetut
from tests.site.book import HTML

NAME = "book/12_train_in_the_browser.html"
PATIENCE = 60_000  # ms, for a busy machine

# Texts into the arrays that the page's functions take, and back; numbers travel fast as JSON.
HELPERS = """
globalThis.read = (text) => JSON.parse(text, (_, value) =>
  Array.isArray(value) && typeof value[0] === "number" ? Float32Array.from(value) : value);
globalThis.write = (found) => JSON.stringify(found, (_, value) =>
  ArrayBuffer.isView(value) ? Array.from(value) : value);
globalThis.report = () => VAETUT_TRAINER.state.report;
"""
GRADIENTS = """(text) => {
  const { weights, x, eps, beta, activation } = read(text);
  return write(VAETUT_TRAINER.vae.gradients(weights, x, eps, beta, activation));
}"""
ADAM = """(text) => {
  const { weights, x, epsilons, beta, activation, rate } = read(text);
  const { vae } = VAETUT_TRAINER;
  const update = vae.makeAdam(weights, rate);
  for (const eps of epsilons) {
    update(vae.gradients(weights, x, eps, beta, activation).gradients);
  }
  return write(weights);
}"""


@contextmanager
def opened(browser: Browser, address: str, **context: Any) -> Iterator[Page]:
    """Open the page, scroll to the trainer, and hold that nothing went wrong in the end."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, **context)
    page, errors = context.new_page(), []
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfailed", lambda request: errors.append(request.url))
    page.goto(f"{address}/{NAME}")
    page.locator("[data-tr=plane]").scroll_into_view_if_needed()
    page.wait_for_function("document.getElementById('tr').dataset.state === 'ready'")
    page.wait_for_function("VAETUT_TRAINER.state.report")
    page.evaluate(HELPERS)
    yield page
    context.close()
    assert errors == []


@pytest.fixture(scope="module")
def calm(browser: Browser, site: str) -> Iterator[Page]:
    """Return one page for all tests that press Start themselves."""
    with opened(browser, site, reduced_motion="reduce") as page:
        yield page


@pytest.fixture
def page(calm: Page) -> Page:
    """Return that page with a fresh model, at rest, at beta = 1."""
    if calm.locator("[data-tr=run]").inner_text() == "Pause":
        calm.locator("[data-tr=run]").click()
    calm.locator("[data-beta='1']").click()
    start_over(calm)
    return calm


def start_over(page: Page, control: str = "reset") -> None:
    """Press the control and wait for the new model."""
    run = page.evaluate("VAETUT_TRAINER.state.run")
    page.locator(f"[data-tr={control}]").click()
    page.wait_for_function(f"VAETUT_TRAINER.state.run > {run} && report()?.steps === 0")


def as_lists(model: vaetut.VAE, kind: str = "data") -> dict:
    """Return the model's weights, or their gradients with kind="grad", in the page's form."""

    def layer(linear: torch.nn.Linear) -> dict:
        return {n: getattr(p, kind).flatten().tolist() for n, p in linear.named_parameters()}

    def hidden(network: torch.nn.Module) -> list[dict]:
        return [layer(part) for part in network.hidden if isinstance(part, torch.nn.Linear)]

    encoder, decoder = model.encoder, model.decoder
    return {
        "encoder": hidden(encoder),
        "mu": layer(encoder.mu),
        "logVar": layer(encoder.log_var),
        "decoder": hidden(decoder),
        "out": layer(decoder.out),
    }


def flat(weights: dict) -> list[torch.Tensor]:
    """Return the arrays of the page's form in one order."""
    layers = [*weights["encoder"], weights["mu"], weights["logVar"]]
    layers += [*weights["decoder"], weights["out"]]
    return [torch.tensor(layer[name]) for layer in layers for name in ("weight", "bias")]


def terms(
    model: vaetut.VAE, x: torch.Tensor, eps: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return distortion and rate, means over the batch, at the given noise."""
    mu, log_var = model.encode(x)
    z = mu + (0.5 * log_var).exp() * eps
    return -model.log_likelihood(x, z).mean(), vaetut.kl_standard_normal(mu, log_var).mean()


def random_model(sizes: tuple, activation: str) -> tuple[vaetut.VAE, torch.Generator]:
    """Return a model whose biases are not zero, and a generator."""
    g = torch.Generator().manual_seed(0)
    model = vaetut.VAE(*sizes, activation, generator=g)
    for name, p in model.named_parameters():
        if name.endswith("bias"):
            p.data = 0.3 * torch.randn(p.shape, generator=g)
    return model, g


def assert_close(ours: dict, theirs: dict, part: float = 1e-4) -> None:
    """Hold that two sets of arrays differ by no more than that part of their largest number."""
    for a, b in zip(flat(ours), flat(theirs), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=part * b.abs().max().item())


@pytest.mark.parametrize("beta", [0.0, 1.0, 8.0])
@pytest.mark.parametrize("activation", ["silu", "tanh", "relu", "softplus"])
@pytest.mark.parametrize(
    ("sizes", "count"), [((196, 2, (64, 64)), 64), ((9, 2, (7, 5)), 5)], ids=["page", "odd"]
)
def test_gradients_are_pytorchs(
    calm: Page, sizes: tuple, count: int, activation: str, beta: float
) -> None:
    model, g = random_model(sizes, activation)
    ink = torch.rand(count, sizes[0], generator=g) < 0.3
    x = torch.rand(count, sizes[0], generator=g) * ink
    eps = torch.randn(count, 2, generator=g)
    distortion, rate = terms(model, x, eps)
    (distortion + beta * rate).backward()

    case = {"weights": as_lists(model), "beta": beta, "activation": activation}
    case |= {"x": x.flatten().tolist(), "eps": eps.flatten().tolist()}
    found = json.loads(calm.evaluate(GRADIENTS, json.dumps(case)))
    assert found["distortion"] == pytest.approx(distortion.item(), rel=1e-5)
    assert found["rate"] == pytest.approx(rate.item(), rel=1e-5)
    assert_close(found["gradients"], as_lists(model, "grad"))


@pytest.mark.parametrize("activation", ["silu", "relu"])
def test_adam_is_pytorchs(calm: Page, activation: str) -> None:
    """After five steps the weights have moved alike."""
    model, g = random_model((196, 2, (64, 64)), activation)
    x = torch.rand(64, 196, generator=g)
    epsilons = torch.randn(5, 64, 2, generator=g)
    case = {"weights": as_lists(model), "beta": 2.0, "activation": activation, "rate": 3e-3}
    case |= {"x": x.flatten().tolist(), "epsilons": epsilons.flatten(1).tolist()}

    adam = torch.optim.Adam(model.parameters(), lr=3e-3)
    for eps in epsilons:
        adam.zero_grad()
        distortion, rate = terms(model, x, eps)
        (distortion + 2.0 * rate).backward()
        adam.step()
    found = json.loads(calm.evaluate(ADAM, json.dumps(case)))
    assert_close(found, as_lists(model))


def test_digits_are_mnists(calm: Page) -> None:
    for split, name, count in (("train", "train", 5000), ("test", "heldOut", 500)):
        found = calm.evaluate(
            f"[VAETUT_TRAINER.digits.{name}.length, Array.from("
            f"VAETUT_TRAINER.digits.{name}.subarray(0, 50 * 196))]"
        )
        assert found[0] == count * 196
        images = F.avg_pool2d(vaetut.load_mnist(split)[0][:50].view(-1, 1, 28, 28), 2)
        difference = torch.tensor(found[1]).view(50, 196) - images.flatten(1)
        assert difference.abs().max() <= 0.5 / 15 + 1e-6  # 16 levels


def reach(page: Page, label: str) -> None:
    """Walk to a control with the Tab key alone."""
    page.evaluate("document.activeElement?.blur()")
    for _ in range(200):
        page.keyboard.press("Tab")
        found = page.evaluate(
            "document.activeElement.closest('#tr') && (document.activeElement"
            ".labels?.[0] ?? document.activeElement).textContent"
        )
        if found and found.startswith(label):
            return
    pytest.fail(f"the keyboard does not reach {label}")


def run_to(page: Page, steps: int) -> dict:
    """Train until so many steps are done, pause, and return the last report's numbers."""
    page.locator("[data-tr=run]").press("Enter")
    page.wait_for_function(f"report()?.steps >= {steps}")
    page.locator("[data-tr=run]").press("Enter")
    page.wait_for_function("!report().running")
    return page.evaluate("({ steps: report().steps, ...report().heldOut })")


def test_keyboard_trains_and_loss_falls(page: Page) -> None:
    start = page.evaluate("report().heldOut")
    assert start["distortion"] == pytest.approx(136, abs=3)  # 196 pixels at log 2
    reach(page, "Start")
    page.keyboard.press("Enter")
    page.wait_for_function("report().heldOut.distortion + report().heldOut.rate < 60")
    assert page.evaluate("report().steps") < 1000  # seconds, where a step takes milliseconds
    assert page.locator("[data-tr=run]").inner_text() == "Pause"
    numbers = page.locator("[data-tr=heldOutSum]")
    assert float(numbers.inner_text()) < 60


def test_pause_stops_the_worker(page: Page) -> None:
    paused = run_to(page, 20)["steps"]
    count = page.evaluate("VAETUT_TRAINER.state.history.length")
    page.wait_for_timeout(700)
    assert page.evaluate("VAETUT_TRAINER.state.history.length") == count
    page.locator("[data-tr=step]").press("Enter")
    page.wait_for_function(f"report().steps > {paused}")
    assert page.evaluate("report().steps") == paused + 1


def test_larger_beta_smaller_rate(page: Page) -> None:
    """The slider, by keyboard, from one end to the other."""
    rates = {}
    for key, beta in (("Home", 0), ("End", 8)):
        reach(page, "β")
        page.keyboard.press(key)
        assert page.evaluate("VAETUT_TRAINER.state.beta") == beta
        start_over(page)
        rates[beta] = run_to(page, 60)["rate"]
    assert rates[8] < 3 < rates[0]


def test_same_seed_same_weights(page: Page) -> None:
    def after(control: str) -> float:
        start_over(page, control)
        for step in (1, 2, 3):
            page.locator("[data-tr=step]").click()
            page.wait_for_function(f"report().steps === {step}")
        return page.evaluate("report().heldOut.distortion")

    first = after("reset")
    assert after("reset") == first
    assert after("seed") != first


def test_works_from_a_folder(browser: Browser) -> None:
    """Opened as a file, it starts by itself and learns."""
    with opened(browser, HTML.as_uri()) as page:
        page.wait_for_function("report()?.heldOut.distortion < 80")


def test_nothing_is_loaded_before_it_is_seen(browser: Browser, site: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 400})
    page, requests = context.new_page(), []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(f"{site}/{NAME}", wait_until="networkidle")

    def names() -> set[str]:
        return {url.split("/")[-1] for url in requests if "/trainer/" in url}

    assert names() == {"trainer.css", "start.js"}
    page.locator("[data-tr=plane]").scroll_into_view_if_needed()
    page.wait_for_function("globalThis.VAETUT_TRAINER?.state.report?.steps > 0", timeout=PATIENCE)
    assert names() >= {"digits.js", "vae.js", "worker.js", "draw.js", "app.js"}
    assert all(url.startswith((site, "blob:")) for url in requests)
    context.close()


def test_without_scripts_there_is_a_picture(browser: Browser, site: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/{NAME}")
    assert page.locator(".tr-still img").is_visible()
    assert not page.locator(".tr-app").is_visible()
    context.close()
