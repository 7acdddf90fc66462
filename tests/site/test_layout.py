"""How tall a page says it is, what it loads at first, and whether a phone shows it legibly."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser

from tests.site.book import SIZES

MEASURE = 38 * 16  # pixels of the text's width
HEAVIEST = 260_000  # bytes of a first view on a phone

# What came over the wire, once the page has started what it shows at first.
LOADED = """async () => {
  await document.fonts.ready;
  const apps = [...document.querySelectorAll('[data-app]:not([data-begin])')];
  const seen = (app) => app.getBoundingClientRect().top < 0.7 * innerHeight;
  while (apps.some((app) => seen(app) && !app.dataset.state)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return ['navigation', 'resource'].flatMap((kind) => performance.getEntriesByType(kind))
    .reduce((sum, each) => sum + each.transferSize, 0);
}"""

# Drawings whose smallest type is shown with fewer than 11 pixels.
SMALL_TYPE = """async () => {
  const small = [];
  for (const image of document.querySelectorAll('article .drawing img')) {
    const svg = await (await fetch(image.src)).text();
    const sizes = [...svg.matchAll(/font-size[:=]\\s*["']?([\\d.]+)/g)].map(match => +match[1]);
    const scale = image.getBoundingClientRect().width / svg.match(/width="(\\d+)"/)[1];
    if (Math.min(...sizes) * scale < 11) small.push(image.alt);
  }
  return small;
}"""

# Code of which a part is out of sight until one scrolls.
CUT_CODE = """() => [...document.querySelectorAll('article div:not(.output) > .highlight pre')]
  .filter(code => code.clientWidth > 0 && code.scrollWidth > code.clientWidth + 1)
  .map(code => code.textContent.slice(0, 80))"""

# Sentences in a column of a dozen characters.
SQUEEZED = """() => [...document.querySelectorAll('article .table td')]
  .filter(cell => cell.textContent.length > 50 && cell.clientWidth < 125)
  .map(cell => cell.textContent)"""

# Pictures that are wider than the text, so that their type is larger than its.
WIDE = """measure => [...document.querySelectorAll('article :is(.cell_output, .drawing) img')]
  .filter(image => image.getBoundingClientRect().width > measure + 1).map(image => image.alt)"""


@dataclass
class Layout:
    """How one page is laid out in one size."""

    at_first: int = 0  # its height before anybody has scrolled
    measured: int = 0  # blocks of code that the theme's script has marked
    in_full: int = 0  # its height when all is laid out
    loaded: int = 0  # bytes, before anybody has scrolled
    small_type: list[str] = field(default_factory=list)
    cut_code: list[str] = field(default_factory=list)
    squeezed: list[str] = field(default_factory=list)
    wide: list[str] = field(default_factory=list)


def lay_out(browser: Browser, site: str, page_name: str, size: str) -> Layout:
    """Open a page, and write down how it is laid out."""
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(f"{site}/{page_name}", wait_until="load")
    layout, tall = Layout(), "document.documentElement.scrollHeight"
    layout.at_first = page.evaluate(tall)
    layout.measured = page.locator("pre[tabindex='-1']").count()
    layout.loaded = page.evaluate(LOADED)
    page.add_style_tag(content="section { content-visibility: visible !important }")
    layout.in_full = page.evaluate(tall)
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    layout.small_type = page.evaluate(SMALL_TYPE)
    layout.cut_code = page.evaluate(CUT_CODE)
    layout.squeezed = page.evaluate(SQUEEZED)
    layout.wide = page.evaluate(WIDE, MEASURE)
    page.close()
    return layout


@pytest.fixture(scope="session")
def laid_out(browser: Browser, site: str) -> Callable[[str, str], Layout]:
    """Return a function that lays out a page in a size, once."""
    return functools.cache(functools.partial(lay_out, browser, site))


@pytest.fixture
def layout(laid_out: Callable[[str, str], Layout], page_name: str, size: str) -> Layout:
    """Return how `page_name` is laid out in the asked-for size."""
    return laid_out(page_name, size)


def test_the_scroll_bar_is_honest(layout: Layout) -> None:
    """Before any section is laid out, a page is as tall as it will be, to a tenth."""
    assert layout.at_first == pytest.approx(layout.in_full, rel=0.1)


def test_the_first_view_is_light(layout: Layout, size: str) -> None:
    """Also for the trainer, which is at work in it: with its digits."""
    assert layout.loaded > 40_000  # it is counted at all
    if size == "phone":
        assert layout.loaded < HEAVIEST


def test_nobody_measures_what_is_out_of_sight(layout: Layout) -> None:
    """The theme's script would have every section laid out when a page has loaded."""
    assert layout.measured == 0


def test_drawings_code_and_tables_can_be_read(layout: Layout, size: str) -> None:
    assert layout.small_type == []
    assert layout.wide == []
    if size == "phone":
        assert layout.cut_code == []
        assert layout.squeezed == []
