"""The first page: a ring on the sheet of digits, by mouse, finger and keyboard, on paper."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page

import vaetut
from tests.site.book import HTML, SIZES
from vaetut.plotting import PALETTE

ADDRESS = f"{HTML.as_uri()}/book/index.html"
FIGURE = "figure.live"
RING, DIGIT = f"{FIGURE} [role=slider]", f"{FIGURE} canvas"
READY = f"{FIGURE}[data-state=ready]"
LIMIT = 60_000  # bytes, uncompressed, of all that the first page has for this
OURS = re.compile("_static/(live|lib)/")
ON_TOUCH = ["decoder.js", "manifold.js"]
BOXES = f"""() => ['{FIGURE}', '{RING}', '{DIGIT}', '.start'].map((selector) => {{
  const {{ x, y, width, height }} = document.querySelector(selector).getBoundingClientRect();
  return [x, y + scrollY, width, height];
}})"""
PIXELS = f"""() => {{
  const canvas = document.querySelector('{DIGIT}');
  const {{ data }} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return Array.from(data);
}}"""

Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """A function that opens the first page from its file; `page.asked` lists what came for it."""
    contexts, errors = [], []

    def open_page(size: str = "desktop", **options: object) -> Page:
        width, height = SIZES[size]
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **options))
        page = contexts[-1].new_page()
        page.asked = []
        page.on("request", lambda r: page.asked.append(r.url) if OURS.search(r.url) else None)
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(ADDRESS, wait_until="load")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def names(page: Page) -> set[str]:
    return {url.split("/")[-1].split("?")[0] for url in page.asked}


def code(page: Page) -> torch.Tensor:
    return torch.tensor(page.evaluate(f"Array.from(document.querySelector('{FIGURE}').app.z)"))


def screenshot(page: Page) -> torch.Tensor:
    """What the large digit looks like."""
    with Image.open(io.BytesIO(page.locator(DIGIT).screenshot())) as image:
        return torch.tensor(np.asarray(image.convert("RGB")).astype(int))


def middle(page: Page, column: float, row: float) -> tuple[float, float]:
    """Where a column and a row of the sheet are on the screen."""
    box = page.locator(RING).bounding_box()
    return (
        box["x"] + (column + 0.5) / 24 * box["width"],
        box["y"] + (row + 0.5) / 10 * box["height"],
    )


@pytest.fixture(scope="module")
def model() -> vaetut.VAE:
    return vaetut.load_pretrained("article-2d")


@pytest.fixture(scope="module")
def decode() -> Callable[[torch.Tensor], torch.Tensor]:
    """The copy of the decoder that the page has, run by PyTorch."""
    text = (HTML / "_static/live/decoder.js").read_text(encoding="utf-8")
    exported = json.loads(text.removeprefix("globalThis.VAETUT_EXPORT = ").rstrip(";\n"))
    *hidden, out = map(vaetut.web.read_layer, exported["layers"])
    inked = torch.tensor([mark == "1" for mark in exported["inked"]])

    def decode(z: torch.Tensor) -> torch.Tensor:
        h = z
        for weight, bias in hidden:
            h = torch.nn.functional.softplus(torch.nn.functional.linear(h, weight, bias))
        means = torch.zeros(*z.shape[:-1], len(inked))
        means[..., inked] = torch.nn.functional.linear(h, *out).sigmoid()
        return means

    return decode


def assert_digit_is(page: Page, means: torch.Tensor) -> None:
    """Every pixel is the mean's, to the last of the screen's levels, in the ink of a neighbour."""
    pixels = torch.tensor(page.evaluate(PIXELS)).view(784, 4)[:, :3]
    digit = re.search(
        r", near a place of the (\d)s$", page.locator(RING).get_attribute("aria-valuetext")
    )[1]
    ink = torch.tensor([int(PALETTE[int(digit)][i : i + 2], 16) for i in (1, 3, 5)])
    expected = 255 + means[:, None] * (ink - 255)
    assert (pixels - expected).abs().max() < 0.6


# What lies where, and when it comes


def test_the_first_view_has_something_to_do_and_both_buttons(open_page: Open, size: str) -> None:
    page = open_page(size)
    parts = [RING, DIGIT, f"{FIGURE} p", ".start a >> nth=0", ".start a >> nth=1"]
    boxes = [page.locator(part).bounding_box() for part in parts]
    for box in boxes:
        assert box["y"] >= 0 and box["y"] + box["height"] <= SIZES[size][1]
        assert box["x"] >= 0 and box["x"] + box["width"] <= SIZES[size][0]
    sheet = page.locator(f"{FIGURE} > img").bounding_box()
    assert boxes[0] == pytest.approx(sheet, abs=1)  # the plane lies on the picture
    if size == "desktop":
        assert boxes[1]["height"] == pytest.approx(sheet["height"], abs=2)


def test_it_comes_alive_when_touched_and_nothing_moves(open_page: Open, size: str) -> None:
    """A still picture before, and no weights; then all of it, within the limit."""
    page = open_page(size)
    page.wait_for_load_state("networkidle")
    page.evaluate("scrollBy(0, 50)")
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(300)
    assert names(page) == {"app.css", "digit.png", "live.css", "start.js"}
    before, still = page.evaluate(BOXES), page.locator(FIGURE).inner_text()
    value = page.locator(RING).get_attribute("aria-valuetext")
    picture = screenshot(page)
    page.locator(RING).focus()
    page.wait_for_selector(READY)
    assert sorted(names(page) - {"app.css", "digit.png", "live.css", "start.js"}) == ON_TOUCH
    assert page.evaluate(BOXES) == before
    assert page.locator(FIGURE).inner_text() == still
    assert page.locator(RING).get_attribute("aria-valuetext") == value
    assert (screenshot(page) - picture).abs().max() <= 12  # its weights are rounded; measured: 8
    assert Axe().run(page, FIGURE, {"preload": False}).response["violations"] == []
    files = [HTML / url.removeprefix(f"{HTML.as_uri()}/").split("?")[0] for url in set(page.asked)]
    assert sum(path.stat().st_size for path in files) <= LIMIT


# By hand


def test_mouse(open_page: Open, decode: Callable) -> None:
    """Pressed and dragged: the ring, its numbers and the digit go along, until it is let go."""
    page = open_page()
    page.mouse.move(*middle(page, 3, 3))
    page.wait_for_selector(READY)
    start = code(page)
    page.mouse.down()
    pressed = code(page)
    page.mouse.move(*middle(page, 20, 8), steps=4)
    dragged = code(page)
    page.mouse.up()
    page.mouse.move(*middle(page, 12, 1))
    assert len({tuple(z.tolist()) for z in (start, pressed, dragged)}) == 3
    assert torch.equal(code(page), dragged)
    normal = torch.distributions.Normal(0.0, 1.0)
    shares = torch.tensor([20.5 / 24, 1.5 / 10])
    torch.testing.assert_close(dragged, normal.icdf(shares), atol=0.02, rtol=0)
    assert_digit_is(page, decode(dragged))
    assert (decode(dragged) - decode(start)).abs().max() > 0.5
    across, up = (f"{value:.2f}".replace("-", "−") for value in dragged.tolist())
    text = f"{across} across and {up} up"
    assert page.locator("[data-live=dials]").inner_text() == text
    assert (
        page.locator(RING)
        .get_attribute("aria-valuetext")
        .startswith(f"{text}, near a place of the ")
    )
    assert page.locator(RING).get_attribute("aria-valuenow") == f"{dragged[0]:.2f}"
    ring = page.locator(f"{RING} i").bounding_box()
    assert ring["x"] + ring["width"] / 2 == pytest.approx(middle(page, 20, 8)[0], abs=1)
    assert ring["y"] + ring["height"] / 2 == pytest.approx(middle(page, 20, 8)[1], abs=1)


def test_mouse_beyond_the_edge_stays_on_the_sheet(open_page: Open) -> None:
    page = open_page()
    page.mouse.move(*middle(page, 3, 3))
    page.wait_for_selector(READY)
    page.mouse.down()
    page.mouse.move(5, 5)
    corner = torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor([0.5 / 24, 9.5 / 10]))
    torch.testing.assert_close(code(page), corner, atol=1e-4, rtol=0)


def finger(page: Page) -> Callable:
    """Return a function that touches: the kind of event, and where."""
    hand = page.context.new_cdp_session(page)

    def touch(kind: str, *at: float) -> None:
        points = [{"x": at[0], "y": at[1]}] if at else []
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    return touch


def test_the_first_finger_on_the_ring_takes_it_along(open_page: Open) -> None:
    """It came before the script that follows it."""
    page = open_page("phone", has_touch=True, is_mobile=True)
    touch = finger(page)
    ring = page.locator(f"{RING} i").bounding_box()
    touch("touchStart", ring["x"] + ring["width"] / 2, ring["y"] + ring["height"] / 2)
    page.wait_for_selector(READY)
    for row in (3, 5, 7, 9):
        touch("touchMove", *middle(page, 5, row))
    touch("touchEnd")
    page.wait_for_timeout(100)
    shares = torch.tensor([5.5 / 24, 0.5 / 10])
    there = torch.distributions.Normal(0.0, 1.0).icdf(shares)
    torch.testing.assert_close(code(page), there, atol=0.05, rtol=0)


def test_finger(open_page: Open, decode: Callable) -> None:
    """The first touch already counts, though the script comes after it; the ring is dragged; a
    swipe beside it scrolls the page, as everywhere."""
    page = open_page("phone", has_touch=True, is_mobile=True)
    touch = finger(page)
    touch("touchStart", *middle(page, 2, 1))
    page.wait_for_selector(READY)
    first = code(page)
    normal = torch.distributions.Normal(0.0, 1.0)
    shares = torch.tensor([2.5 / 24, 8.5 / 10])
    torch.testing.assert_close(first, normal.icdf(shares), atol=0.05, rtol=0)
    assert_digit_is(page, decode(first))
    touch("touchEnd")
    touch("touchStart", *middle(page, 2, 1))
    for row in (3, 5, 7, 9):
        touch("touchMove", *middle(page, 5, row))
    touch("touchEnd")
    page.wait_for_timeout(100)
    last = code(page)
    torch.testing.assert_close(
        last, normal.icdf(torch.tensor([5.5 / 24, 0.5 / 10])), atol=0.05, rtol=0
    )
    assert_digit_is(page, decode(last))
    assert page.evaluate("scrollY") == 0
    x, y = middle(page, 15, 8)
    touch("touchStart", x, y)
    for step in range(1, 6):
        touch("touchMove", x, y - 30 * step)
    touch("touchEnd")
    page.wait_for_timeout(100)
    assert page.evaluate("scrollY") > 50


def test_keyboard_alone(open_page: Open, decode: Callable) -> None:
    """The ring comes before the buttons; arrows move it, a little with Shift; Home is back."""
    page = open_page()
    page.locator(".start a").first.focus()
    page.keyboard.press("Shift+Tab")
    assert page.locator(RING).evaluate("node => node === document.activeElement")
    page.wait_for_selector(READY)
    home = code(page)
    found = {}
    for key in ("ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown", "Shift+ArrowRight"):
        page.keyboard.press("Home")
        page.keyboard.press(key)
        found[key] = code(page) - home
        assert_digit_is(page, decode(code(page)))
    signs = {key: moved.sign().tolist() for key, moved in found.items()}
    assert signs == {
        "ArrowRight": [1, 0],
        "ArrowLeft": [-1, 0],
        "ArrowUp": [0, 1],
        "ArrowDown": [0, -1],
        "Shift+ArrowRight": [1, 0],
    }
    torch.testing.assert_close(5 * found["Shift+ArrowRight"], found["ArrowRight"])
    page.keyboard.press("Home")
    for _ in range(8):
        page.keyboard.press("ArrowDown")
    assert (decode(code(page)) - decode(home)).abs().max() > 0.5
    assert page.evaluate("scrollY") == 0


# What is drawn


def test_the_copy_draws_what_the_model_draws(decode: Callable, model: vaetut.VAE) -> None:
    """Wherever the ring can go: the page says by how much they differ, and for what it stands."""
    normal = torch.distributions.Normal(0.0, 1.0)
    across, up = (normal.icdf(torch.tensor([1 - 0.5 / n])).item() for n in (24, 10))
    z = torch.cartesian_prod(torch.linspace(-across, across, 61), torch.linspace(-up, up, 53))
    with torch.no_grad():
        wanted = model.decode_mean(z)
        off = (decode(z) - wanted).abs().sum(1) / wanted.sum(1)  # as a share of the ink
    assert off.mean() == pytest.approx(1 / 8, abs=0.02)
    assert off.max() < 0.3  # the worst picture
    text = (HTML / "book/index.html").read_text(encoding="utf-8")
    assert "by about an eighth of the ink" in text


# Where nothing moves


@pytest.mark.parametrize("how", ["paper", "no scripts", "failure"])
def test_the_sheet_alone_remains(browser: Browser, how: str) -> None:
    width, height = SIZES["desktop"]
    context = browser.new_context(
        viewport={"width": width, "height": height}, java_script_enabled=how != "no scripts"
    )
    page = context.new_page()
    if how == "failure":
        page.route("**/live/decoder.js", lambda route: route.abort())
    page.goto(ADDRESS)
    if how == "failure":
        page.locator(RING).focus()
        page.wait_for_selector(f"{FIGURE}[data-state=failed]")
    if how == "paper":
        page.emulate_media(media="print")
    assert page.locator(f"{FIGURE} .app-body").is_hidden()
    sheet = page.locator(f"{FIGURE} > img")
    assert sheet.is_visible()
    assert sheet.bounding_box()["width"] == pytest.approx(
        page.locator(FIGURE).bounding_box()["width"], abs=1
    )
    context.close()
