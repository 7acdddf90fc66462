"""The small live figures: against PyTorch, by mouse and keyboard, on paper, without scripts."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import torch
from playwright.sync_api import Browser, BrowserContext, Locator, Page

from tests.site.book import HTML, ROOT

CHAPTERS = {
    "kl": "06_the_loss",
    "noise": "05_the_reparameterization_trick",
    "beta": "10_what_goes_wrong",
}
FIGURE = "figure.live"
OURS = re.compile("_static/(live|lib)/")
BOX = f"""() => {{
  const box = document.querySelector('{FIGURE}').getBoundingClientRect();
  return [box.top + scrollY, box.height];
}}"""


def address(name: str) -> str:
    return f"{HTML.as_uri()}/book/{CHAPTERS[name]}.html"


@dataclass
class Opened:
    """A chapter on a phone, before and after its figure came into view."""

    page: Page
    early: list[str]  # of the live figures' files, those that came with the page
    box: list[float]  # of the figure, before its script: top and height
    errors: list[str]


def open_chapter(context: BrowserContext, name: str) -> Opened:
    page, requests, errors = context.new_page(), [], []
    page.on(
        "request",
        lambda r: requests.append(r.url) if re.search("_static/(live|lib)/", r.url) else None,
    )
    page.on("console", lambda m: errors.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address(name))
    opened = Opened(page, requests.copy(), page.evaluate(BOX), errors)
    page.locator(FIGURE).scroll_into_view_if_needed()
    page.wait_for_selector(f"{FIGURE}[data-state=ready]")
    return opened


@pytest.fixture(scope="module")
def opened(browser: Browser) -> Iterator[Callable[[str], Opened]]:
    """A function that opens a chapter from its file, once."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, reduced_motion="reduce", has_touch=True
    )
    yield functools.cache(functools.partial(open_chapter, context))
    context.close()


@pytest.fixture
def live(opened: Callable[[str], Opened]) -> Callable[[str], Page]:
    """A function that returns a chapter with its figure in view."""
    return lambda name: opened(name).page


def slide(page: Page, **values: float) -> None:
    """Move sliders as a reader's hand does."""
    for name, value in values.items():
        page.locator(f'{FIGURE} input[data-live="{name}"]').evaluate(
            "(input, value) => { input.value = value; input.dispatchEvent(new Event('input')); }",
            value,
        )


def number(page: Page, name: str) -> float:
    text = page.locator(f'{FIGURE} td[data-live="{name}"]').inner_text()
    return float(text.replace("−", "-"))


def slider(page: Page, name: str) -> Locator:
    return page.locator(f'{FIGURE} input[data-live="{name}"]')


# Numbers


def test_kl_shows_its_numbers(live: Callable[[str], Page]) -> None:
    """Of the chapter's three posteriors, at the press of a button; and anywhere by the sliders."""
    page = live("kl")
    printed = dict(re.findall(r"^([ABC]): ([\d.]+) nats$", chapter_text("kl"), re.MULTILINE))
    assert set(printed) == set("ABC")
    for name, price in printed.items():
        page.get_by_role("button", name=name, exact=True).click()
        assert number(page, "kl") == float(price)
    slide(page, mu=-1.5, sigma=0.5)
    assert number(page, "mean") == pytest.approx(1.125, abs=0.0051)
    assert number(page, "width") == pytest.approx(0.5 * (0.25 - 1 + math.log(4)), abs=0.0051)
    valuetext = slider(page, "sigma").get_attribute("aria-valuetext")
    assert valuetext == "0.50; KL 1.44 nats"


def test_averages_and_slopes_are_shown(live: Callable[[str], Page]) -> None:
    """Those of the draws that are on the screen."""
    page = live("noise")
    for mu, sigma in ((1.0, 1.0), (-2.5, 0.1), (2.35, 1.5)):
        slide(page, mu=mu, sigma=sigma)
        eps = torch.tensor(page.evaluate(f"document.querySelector('{FIGURE}').app.state.eps"))
        assert len(eps) == 20
        z = mu + sigma * eps
        shown = {"fixed": (0.5 * (z + 1) ** 2).mean().item(), "fixedSlope": (z + 1).mean().item()}
        shown |= {"exact": 0.5 * ((mu + 1) ** 2 + sigma**2), "exactSlope": mu + 1}
        for name, value in shown.items():
            assert number(page, name) == pytest.approx(value, abs=0.0051)


def test_noise_is_kept_until_it_is_drawn_anew(live: Callable[[str], Page]) -> None:
    page = live("noise")
    eps = f"() => document.querySelector('{FIGURE}').app.state.eps"
    fresh = f"""() => {{
      const {{ state }} = document.querySelector('{FIGURE}').app;
      return state.fresh[Math.round((state.mu + 3) / 0.05)];
    }}"""
    slide(page, mu=0.5)
    kept, once = page.evaluate(eps), page.evaluate(fresh)
    slide(page, mu=0.55)
    slide(page, mu=0.5)
    assert page.evaluate(eps) == kept
    assert page.evaluate(fresh) != once
    page.get_by_role("button", name="Draw new ε").click()
    assert page.evaluate(eps) != kept


def chapter_outputs(name: str) -> Iterator[str]:
    notebook = json.loads((ROOT / "book" / f"{CHAPTERS[name]}.ipynb").read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            yield "".join(output.get("text", output.get("data", {}).get("text/markdown", "")))


def chapter_text(name: str) -> str:
    return "\n".join(chapter_outputs(name))


def test_curve_is_the_chapters(live: Callable[[str], Page]) -> None:
    """The models are those of the stored table; the cheapest one minimises D + beta R."""
    (table,) = (text for text in chapter_outputs("beta") if text.startswith("| β | rate |"))
    lines = [line for line in table.splitlines()[2:] if line.startswith("|")]
    rows = [[float(n) for n in line.strip("| ").split("|")] for line in lines]
    page = live("beta")
    assert json.loads(page.locator(FIGURE).get_attribute("data-points")) == rows
    for exponent in (-1, 0, 0.5, 1, 2, 3, 4):
        slide(page, beta=exponent)
        beta = 2**exponent
        costs = [distortion + beta * rate for _, rate, distortion, _ in rows]
        _, rate, distortion, total = rows[costs.index(min(costs))]
        shown = [number(page, name) for name in ("rate", "distortion", "sum", "cost")]
        assert shown[:3] == [rate, distortion, total]
        assert shown[3] == pytest.approx(min(costs), abs=0.51)
    for trained, *_ in rows:  # so close to the curve are the chapter's short trainings
        slide(page, beta=math.log2(trained))
        assert f"trained at β = {trained:g}," in slider(page, "beta").get_attribute(
            "aria-valuetext"
        )


def test_line_touches_the_curve_from_below(live: Callable[[str], Page]) -> None:
    """On the screen: through the cheapest model, with slope -beta, and no model under it."""
    page = live("beta")
    for exponent in (-0.5, 1.3, 3.2):
        slide(page, beta=exponent)
        page.evaluate("() => new Promise(requestAnimationFrame)")
        line, dots, units = page.evaluate("""() => {
          const svg = document.querySelector('figure.live svg');
          const [line] = svg.querySelectorAll('line[stroke-dasharray]');
          const at = (node, ...names) => names.map((name) => Number(node.getAttribute(name)));
          const dots = [...svg.querySelectorAll('circle[fill="var(--model)"]')];
          const grid = [...svg.querySelectorAll('.live-grid')];
          const numbers = [...svg.querySelectorAll('.live-grid + text')];
          return [
            at(line, 'x1', 'y1', 'x2', 'y2'),
            dots.map((dot) => at(dot, 'cx', 'cy')),
            grid.map((node, i) =>
              [...at(node, 'x1', 'y1', 'x2', 'y2'), Number(numbers[i].textContent)]),
          ];
        }""")
        upright = [u for u in units if u[0] == u[2]]
        level = [u for u in units if u[1] == u[3]]
        per_rate = (upright[-1][0] - upright[0][0]) / (upright[-1][4] - upright[0][4])
        per_price = (level[-1][1] - level[0][1]) / (level[-1][4] - level[0][4])
        x1, y1, x2, y2 = line
        slope = ((y2 - y1) / per_price) / ((x2 - x1) / per_rate)
        assert slope == pytest.approx(-(2**exponent), rel=1e-3)
        above = [(y1 + (x - x1) * (y2 - y1) / (x2 - x1)) - y for x, y in dots]
        assert min(above) == pytest.approx(0, abs=0.01)


# By hand


@pytest.mark.parametrize("name", CHAPTERS)
def test_keyboard_alone(live: Callable[[str], Page], name: str) -> None:
    """Tab reaches every control in order; arrows move a slider, its number and its words."""
    page = live(name)
    controls = page.locator(f"{FIGURE} :is(input, button)")
    controls.first.focus()
    for i in range(controls.count()):
        assert controls.nth(i).evaluate("node => node === document.activeElement")
        assert controls.nth(i).evaluate("n => n.labels?.length || n.textContent.trim().length")
        page.keyboard.press("Tab")
    first = controls.first
    first.focus()
    before = (
        first.get_attribute("aria-valuetext"),
        page.locator(f"{FIGURE} output").first.inner_text(),
    )
    page.keyboard.press("Home")
    after = (
        first.get_attribute("aria-valuetext"),
        page.locator(f"{FIGURE} output").first.inner_text(),
    )
    assert before[0] != after[0]
    assert before[1] != after[1]
    drawn = page.locator(f"{FIGURE} svg").inner_html()
    page.keyboard.press("PageUp")
    page.evaluate("() => new Promise(requestAnimationFrame)")
    assert page.locator(f"{FIGURE} svg").inner_html() != drawn


@pytest.mark.parametrize("name", ["kl", "noise"])
def test_handles_can_be_dragged(live: Callable[[str], Page], name: str) -> None:
    """A little to the left: the sliders and the handles go along."""
    page = live(name)
    slide(page, mu=1.0, sigma=1.0)
    page.evaluate("() => new Promise(requestAnimationFrame)")
    svg = page.locator(f"{FIGURE} svg")
    svg.scroll_into_view_if_needed()
    handles = f"() => document.querySelector('{FIGURE}').app.handles().map(({{x, y}}) => [x, y])"
    box = svg.bounding_box()
    for handle, moved in enumerate(("mu", "sigma")[: len(page.evaluate(handles))]):
        u, v = page.evaluate(handles)[handle]
        before = float(slider(page, moved).input_value())
        page.mouse.move(box["x"] + u, box["y"] + v)
        page.mouse.down()
        page.mouse.move(box["x"] + u - 15, box["y"] + v, steps=3)
        page.mouse.up()
        page.mouse.move(box["x"] + u + 100, box["y"] + v)  # nothing is held any more
        assert float(slider(page, moved).input_value()) < before
        assert page.evaluate(handles)[handle][0] == pytest.approx(u - 15, abs=3)


# On the page


@pytest.mark.parametrize("name", CHAPTERS)
def test_nothing_comes_early_and_nothing_jumps(opened: Callable[[str], Opened], name: str) -> None:
    """No script before near view, and the same box before and after it."""
    chapter = opened(name)
    early = [url.split("/")[-1].split("?")[0] for url in chapter.early]
    assert sorted(early) == ["app.css", "live.css", "start.js"]
    assert chapter.page.evaluate(BOX) == chapter.box
    assert chapter.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert chapter.page.locator(f"{FIGURE} > img").is_hidden()
    assert chapter.errors == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_paper_has_the_picture(live: Callable[[str], Page], name: str) -> None:
    page = live(name)
    page.emulate_media(media="print")
    assert page.locator(f"{FIGURE} > img").is_visible()
    page.wait_for_function(f"document.querySelector('{FIGURE} > img').naturalWidth > 0")
    assert page.locator(f"{FIGURE} .app-body").is_hidden()
    page.emulate_media(media="screen")


@pytest.mark.parametrize("name", CHAPTERS)
def test_without_scripts_the_picture_stays(browser: Browser, name: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address(name), wait_until="domcontentloaded")
    assert page.locator(f"{FIGURE} > img").is_visible()
    assert page.locator(f"{FIGURE} > img").get_attribute("alt")
    assert page.locator(f"{FIGURE} .app-body").is_hidden()
    context.close()


def test_failure_leaves_the_picture(browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.route("**/live/kl.js", lambda route: route.abort())
    page.goto(address("kl"), wait_until="domcontentloaded")
    page.locator(FIGURE).scroll_into_view_if_needed()
    page.wait_for_selector(f"{FIGURE}[data-state=failed]")
    assert page.locator(f"{FIGURE} > img").is_visible()
    context.close()


def test_only_live_pages_load_it() -> None:
    loading = {
        page.stem for page in HTML.rglob("*.html") if "live/live.css" in page.read_text("utf-8")
    }
    assert loading == {"index", *CHAPTERS.values()}
