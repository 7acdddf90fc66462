"""The page that trains a VAE: a visitor sees it learn."""

from __future__ import annotations

import re
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

HELPERS = """
globalThis.trainer = () => document.getElementById("tr").app;
globalThis.report = () => trainer().state.report;
"""


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
    page.evaluate(HELPERS)
    page.wait_for_function("report()")
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
    run = page.evaluate("trainer().state.run")
    page.locator(f"[data-tr={control}]").click()
    page.wait_for_function(f"trainer().state.run > {run} && report()?.steps === 0")


def test_digits_are_mnists(calm: Page) -> None:
    for split, name, count in (("train", "train", 5000), ("test", "heldOut", 500)):
        found = calm.evaluate(
            f"[trainer().digits.{name}.length, Array.from("
            f"trainer().digits.{name}.subarray(0, 50 * 196))]"
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
    count = page.evaluate("trainer().state.history.length")
    page.wait_for_timeout(700)
    assert page.evaluate("trainer().state.history.length") == count
    page.locator("[data-tr=step]").press("Enter")
    page.wait_for_function(f"report().steps > {paused}")
    assert page.evaluate("report().steps") == paused + 1


def test_larger_beta_smaller_rate(page: Page) -> None:
    """The slider, by keyboard, from one end to the other."""
    rates = {}
    for key, beta in (("Home", 0), ("End", 8)):
        reach(page, "β")
        page.keyboard.press(key)
        assert page.evaluate("trainer().state.beta") == beta
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
        return {
            url.split("/")[-1] for url in requests if re.search("_static/(trainer|lib)/", url)
        }

    assert names() == {"app.css", "trainer.css", "start.js"}
    page.locator("[data-tr=plane]").scroll_into_view_if_needed()
    page.wait_for_function(
        "document.getElementById('tr').app?.state.report?.steps > 0", timeout=PATIENCE
    )
    assert names() >= {"digits.js", "app.js"}
    assert all(url.startswith((site, "blob:")) for url in requests)
    context.close()


def test_without_scripts_there_is_a_picture(browser: Browser, site: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/{NAME}")
    assert page.locator(".app-still img").is_visible()
    assert not page.locator(".app-body").is_visible()
    context.close()
