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
from tests.site.book import HTML, SIZES

NAME = "book/12_train_in_the_browser.html"
PATIENCE = 60_000  # ms, for a busy machine

HELPERS = """
globalThis.trainer = () => document.getElementById("tr").app;
globalThis.report = () => trainer().state.report;
"""


@contextmanager
def opened(browser: Browser, address: str, **context: Any) -> Iterator[Page]:
    """Open the page, scroll to the trainer, and hold that nothing went wrong in the end."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | context)
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


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """Return a page of its own, with a fresh model, at rest, at beta = 1."""
    with opened(browser, site, reduced_motion="reduce") as page:
        yield page


def start_over(page: Page, control: str = "reset") -> None:
    """Press the control and wait until the new model learns."""
    run = page.evaluate("trainer().state.run")
    page.locator(f"[data-tr={control}]").click()
    page.wait_for_function(f"trainer().state.run > {run} && report()?.steps > 0")


def test_digits_are_mnists(page: Page) -> None:
    for split, name, count in (("train", "train", 5000), ("test", "heldOut", 500)):
        found = page.evaluate(
            f"[trainer().digits.{name}.length, Array.from("
            f"trainer().digits.{name}.subarray(0, 50 * 196))]"
        )
        assert found[0] == count * 196
        images = F.avg_pool2d(vaetut.load_mnist(split)[0][:50].view(-1, 1, 28, 28), 2)
        difference = torch.tensor(found[1]).view(50, 196) - images.flatten(1)
        assert difference.abs().max() <= 0.5 / 7 + 1e-6  # eight levels


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
    """Wait until so many steps are done, pause, and return the last report's numbers."""
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
    page.locator("[data-tr=run]").press("Enter")
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


@pytest.mark.parametrize("control", ["reset", "seed"])
def test_start_over_starts(page: Page, control: str) -> None:
    """After a pause as well, and at the same beta."""
    page.locator("[data-beta='4']").click()
    page.locator("[data-tr=run]").press("Enter")
    run_to(page, 20)
    start_over(page, control)
    assert page.locator("[data-tr=run]").inner_text() == "Pause"
    assert page.evaluate("report().beta") == 4
    first = page.evaluate("trainer().state.history[0]")
    assert first["images"] == 0
    assert first["heldOut"]["distortion"] == pytest.approx(136, abs=3)


def test_pictures_are_under_the_buttons(browser: Browser, site: str, size: str) -> None:
    """Before the curves, and on a phone before the plane."""
    width, height = SIZES[size]
    viewport = {"width": width, "height": height}
    with opened(browser, site, viewport=viewport, reduced_motion="reduce") as page:
        names = ("bar", "side", "plane", "curves")
        bar, side, plane, curves = (page.locator(f".tr-{n}").bounding_box() for n in names)
    gap = side["y"] - (bar["y"] + bar["height"])
    assert 0 <= gap < 40
    assert side["y"] + side["height"] <= curves["y"]
    if size == "phone":
        assert side["y"] + side["height"] <= plane["y"]


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
        return {url.split("/")[-1] for url in requests if re.search("_static/(trainer|lib)/", url)}

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
