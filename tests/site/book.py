"""The built book: where it lies, which pages it has, and how a page is viewed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Request

ROOT = Path(__file__).resolve().parents[2]
HTML = Path(os.environ.get("BOOK_HTML", ROOT / "book" / "_build" / "html"))

SIZES = {"phone": (390, 844), "desktop": (1440, 900)}
THEMES = ("light", "dark")


def toc_files(node: dict) -> Iterator[str]:
    """Yield every page of a Jupyter Book table of contents, in order."""
    for key in ("root", "file"):
        if key in node:
            yield node[key]
    for key in ("parts", "chapters", "sections"):
        for child in node.get(key) or []:
            yield from toc_files(child)


def pages() -> list[str]:
    """Return all pages of the book, relative to the build."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [f"{name.removesuffix('.md').removesuffix('.ipynb')}.html" for name in toc_files(toc)]


# What a reader sees, without code, listings and MathJax's own output.
VISIBLE_TEXT = """() => {
  const article = document.querySelector('article').cloneNode(true);
  article.querySelectorAll('pre, code, script, style, mjx-container').forEach(n => n.remove());
  return article.textContent;
}"""

# Pictures that no width and height keep room for.
UNSIZED = """[...document.querySelectorAll('img:not([width][height])')].map(i => i.outerHTML)"""

# Typeset formulas whose boxes are for the eye alone, and which have no MathML for the ear.
UNREADABLE = """() => [...document.querySelectorAll('article mjx-container')]
  .filter(n => n.querySelector('mjx-assistive-mml > math') === null
    || n.querySelector('mjx-math[aria-hidden=true]') === null)
  .length"""

# Punctuation that stands in another line than the formula before it.
STRAY = """() => [...document.querySelectorAll('article span.math')].filter(formula => {
  const after = formula.nextSibling;
  if (after?.nodeType !== Node.TEXT_NODE || !',.;:!?)]'.includes(after.data[0])) return false;
  const range = document.createRange();
  range.setStart(after, 0);
  range.setEnd(after, 1);
  const shown = [...formula.getClientRects()].pop();  // none where it is hidden
  return shown && range.getBoundingClientRect().top > shown.bottom;
}).map(formula => formula.parentNode.textContent.slice(0, 80))"""

# What scrolls sideways, and cannot be reached by keyboard.
UNREACHABLE = """() => [...document.querySelectorAll('article *')]
  .filter(n => n.scrollWidth > n.clientWidth + 1 && n.clientWidth > 0
    && ['auto', 'scroll'].includes(getComputedStyle(n).overflowX))
  .filter(n => n.tabIndex < 0 && n.querySelector('a, button, [tabindex="0"]') === null)
  .map(n => n.outerHTML.slice(0, 200))"""

# axe sees a formula as a screen reader does: its MathML, without the boxes. But it takes a head
# that is nothing but a formula for an empty one.
AXE_CONTEXT = {"exclude": [["mjx-math"], ["th:has(math)"]]}

# Text and pictures that leave the page at a side, outside of what scrolls inside itself.
CUT_OFF = """() => [...document.querySelectorAll(
    ['p', 'li', 'h1', 'h2', 'h3', 'blockquote', 'img', 'summary'].map(n => 'article ' + n).join())]
  .filter(n => n.closest('pre, table, div.math, mjx-container, .drawing') === null)
  .map(n => [n, n.getBoundingClientRect()])
  .filter(([n, box]) => box.right > window.innerWidth + 1 || box.left < -1)
  .map(([n, box]) => n.outerHTML.slice(0, 200))"""


# Formulas and printed output of which a part is out of sight until one scrolls. A printed table may
# scroll (breaks.py), if it ends in no verdict.
PARTLY_SEEN = """() => [...document.querySelectorAll('article :is(.math, .cell_output pre)')]
  .filter(n => !n.closest('table, .columns') || /True|False/.test(n.textContent))
  .filter(n => {
    const box = n.getBoundingClientRect();
    // In a line the MathML, which nobody sees, may be wider than the glyphs.
    return (n.localName !== 'span' && n.scrollWidth > n.clientWidth + 1)
      || [...n.querySelectorAll('mjx-c')].some(c => {
        const { left, right } = c.getBoundingClientRect();
        const room = n.localName === 'span' ? 4 : 1;  // the empty side of a hat stands out
        return left < box.left - room || right > box.right + room;
      });
  }).map(n => n.dataset.tex ?? n.textContent.trim().slice(0, 80))"""

# What scrolls sideways, and has no shade at its edges that says so.
UNSIGNED = """() => [...document.querySelectorAll('article *')]
  .filter(n => n.scrollWidth > n.clientWidth + 1 && n.clientWidth > 0)
  .filter(n => ['auto', 'scroll'].includes(getComputedStyle(n).overflowX)
    && !getComputedStyle(n).backgroundImage.includes('gradient'))
  .map(n => n.outerHTML.slice(0, 200))"""

# Quoted code that goes on in another line in the middle of a word. "DataLoader" has two words.
BROKEN_NAMES = """() => [...document.querySelectorAll('article :is(:not(pre) > code, dt.sig)')]
  .filter(code => {
    const texts = document.createTreeWalker(code, NodeFilter.SHOW_TEXT), range = new Range();
    let before = '', bottom = Infinity;
    while (texts.nextNode()) {
      const text = texts.currentNode;
      for (let i = 0; i < text.length; i++) {
        range.setStart(text, i);
        range.setEnd(text, i + 1);
        const box = range.getClientRects()[0], pair = before + text.data[i];
        if (box && box.top > bottom - 2 && /[a-z0-9]{2}/i.test(pair) && !/[a-z][A-Z]/.test(pair)) {
          return true;
        }
        before = text.data[i];
        if (box) bottom = box.bottom;
      }
    }
  }).map(code => code.textContent)"""

# Displayed formulas that are not centred on the text's own measure.
OFF_MEASURE = """() => [...document.querySelectorAll('article section > div.math')]
  .filter(formula => {
    const text = formula.closest('section').querySelector(':scope > p').getBoundingClientRect();
    const box = formula.getBoundingClientRect();
    return Math.abs(box.left - text.left) > 1 || Math.abs(box.right - text.right) > 1;
  }).map(formula => formula.dataset.tex)"""


@dataclass
class View:
    """What one page did and showed in one size and theme."""

    errors: list[str] = field(default_factory=list)  # on the console
    outside: list[str] = field(default_factory=list)  # requests that left the book
    failed: list[str] = field(default_factory=list)  # requests without a good answer
    theme: str = ""
    width: int = 0  # of the whole page; more than the screen's means sideways scrolling
    cut_off: list[str] = field(default_factory=list)
    text: str = ""
    formulas: int = 0  # as written
    rendered: int = 0
    bad_formulas: int = 0
    unreadable: int = 0  # formulas without MathML
    partly_seen: list[str] = field(default_factory=list)  # formulas and output that are cut
    unsigned: list[str] = field(default_factory=list)  # scrolls, and does not show it
    broken_names: list[str] = field(default_factory=list)
    off_measure: list[str] = field(default_factory=list)
    search_fields: int = 0
    images: list[tuple[str, str]] = field(default_factory=list)  # source, alt text
    unsized: list[str] = field(default_factory=list)
    stray: list[str] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)  # what axe finds


def visit(browser: Browser, site: str, page_name: str, size: str, theme: str) -> View:
    """Open a page, unfold its answers, and write down what is there."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
    page, view = context.new_page(), View()
    page.on("console", lambda m: view.errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: view.errors.append(str(error)))
    page.on("requestfailed", lambda r: view.failed.append(r.url))
    page.on("response", lambda r: view.failed.append(r.url) if r.status >= 400 else None)

    def note_outside(request: Request) -> None:
        if not request.url.startswith((site, "data:", "blob:")):
            view.outside.append(request.url)

    page.on("request", note_outside)
    page.goto(f"{site}/{page_name}", wait_until="load")
    page.evaluate("() => document.querySelectorAll('details').forEach(d => { d.open = true })")
    # As when a reader has been everywhere: every section is laid out.
    page.add_style_tag(content="section { content-visibility: visible !important }")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")
    page.wait_for_load_state("networkidle")

    view.theme = page.evaluate("document.documentElement.dataset.theme")
    view.width = page.evaluate("document.documentElement.scrollWidth")
    view.cut_off = page.evaluate(CUT_OFF)
    view.text = page.evaluate(VISIBLE_TEXT)
    view.formulas = page.locator("article .math").count()
    view.rendered = page.locator("article mjx-container").count()
    view.bad_formulas = page.locator("article :is(mjx-merror, .tex-error)").count()
    view.unreadable = page.evaluate(UNREADABLE)
    view.unsized = page.evaluate(UNSIZED)
    view.stray = page.evaluate(STRAY)
    view.partly_seen = page.evaluate(PARTLY_SEEN)
    view.unsigned = page.evaluate(UNSIGNED)
    view.broken_names = page.evaluate(BROKEN_NAMES)
    view.off_measure = page.evaluate(OFF_MEASURE)
    view.unreachable = page.evaluate(UNREACHABLE)
    view.search_fields = page.locator(
        ".search-button-field:visible, input[type=search]:visible"
    ).count()
    view.images = page.evaluate(
        "[...document.querySelectorAll('article img')]"
        ".map(i => [i.getAttribute('src') ?? '', i.getAttribute('alt') ?? ''])"
    )
    found = Axe().run(page, context=AXE_CONTEXT).response["violations"]
    view.violations = [f"{v['id']}: {node['html'][:200]}" for v in found for node in v["nodes"]]
    context.close()
    return view
