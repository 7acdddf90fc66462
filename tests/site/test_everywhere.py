"""The book works from a folder, under a subpath, by keyboard, and where there is no page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
import yaml
from playwright.sync_api import Browser, Page, Request, expect

from tests.site.book import HTML, ROOT, pages
from tests.site.server import serving

CHAPTER = "book/06_the_loss.html"
SELECTED = re.compile(r"\bselected\b")
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
ADDRESS = CONFIG["html"]["baseurl"]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Return an empty page that must not complain; its errors are asserted at the end."""
    page, errors = browser.new_page(viewport={"width": 1440, "height": 900}), []
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))

    def note_failure(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # as when a reader leaves a page early
            errors.append(request.url)

    page.on("requestfailed", note_failure)
    yield page
    page.close()
    assert errors == []


@pytest.fixture(scope="session")
def addresses(
    site: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[str, Path]]]:
    """Return the book's address in a folder, and under a subpath."""
    above = tmp_path_factory.mktemp("site")
    (above / "deep").mkdir()
    (above / "deep" / "down").symlink_to(HTML, target_is_directory=True)
    with serving(above) as address:
        yield {"folder": HTML.as_uri(), "subpath": f"{address}/deep/down", "root": site}


@pytest.mark.parametrize("where", ["folder", "subpath"])
def test_book_works(page: Page, addresses: dict[str, str], where: str) -> None:
    """Styles, pictures and fonts come; the entry leads to the first page, and on to the last."""
    start = addresses[where]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{start}/index.html")
    page.wait_for_url(f"{start}/book/index.html")
    with page.expect_navigation():
        page.click("article table a >> nth=0")
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).fontWeight") == "650"
    page.goto(f"{start}/{CHAPTER}", wait_until="networkidle")
    assert page.evaluate("[...document.fonts].some(f => f.status === 'loaded')")
    page.click(".prev-next-area .right-next")
    page.wait_for_url(re.compile("/07_"))
    assert [url for url in asked if not url.startswith((start, "data:"))] == []


@pytest.mark.parametrize("where", ["folder", "subpath"])
def test_search_finds(page: Page, addresses: dict[str, str], where: str) -> None:
    start = addresses[where]
    page.goto(f"{start}/{CHAPTER}")
    page.keyboard.press("Control+k")
    page.keyboard.type("posterior collapse")
    page.keyboard.press("Enter")
    result = page.locator("#search-results li a").first
    result.wait_for()
    assert page.locator("#search-results li").count() > 1
    result.click()
    page.wait_for_url(re.compile(r"/book/[\w.]+html"))


def test_keyboard_opens_what_a_page_has(page: Page, site: str) -> None:
    """The skip link comes first, focus can be seen, and a menu opens and closes."""
    page.goto(f"{site}/{CHAPTER}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main-content"
    page.wait_for_function("document.activeElement.getBoundingClientRect().top >= 0")
    button = page.locator(".dropdown-launch-buttons .dropdown-toggle")
    button.focus()
    assert button.evaluate("n => getComputedStyle(n).outlineStyle") != "none"
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Tab")
    assert "mybinder.org" in page.evaluate("document.activeElement.href")
    page.keyboard.press("Escape")
    assert button.get_attribute("aria-expanded") == "false"
    assert button.evaluate("n => n === document.activeElement")


@pytest.mark.parametrize("anchor", ["sum-or-mean", "what-to-read-next"])
def test_link_into_a_page_arrives(page: Page, site: str, anchor: str) -> None:
    """Also past sections whose length is still a guess."""
    page.goto(f"{site}/{CHAPTER}#{anchor}", wait_until="networkidle")
    place = f"document.getElementById('{anchor}').querySelector('h2').getBoundingClientRect().top"
    page.wait_for_function(
        f"Math.abs({place} - 100) < 150 || scrollY + innerHeight + 2 >= "
        "document.documentElement.scrollHeight"
    )


def test_old_link_finds_a_section_that_is_deeper_now(page: Page, site: str) -> None:
    page.goto(f"{site}/book/10_what_goes_wrong.html#give-it-the-label", wait_until="networkidle")
    page.wait_for_url("**#deeper-give-it-the-label")
    assert page.locator("section:target > h2").inner_text().startswith("Deeper: give it the label")
    page.wait_for_function("scrollY > 1000")  # the browser goes there itself


def test_buttons_lead_to_the_notebook_itself(page: Page, site: str) -> None:
    """Colab and Binder open this chapter, its source can be edited, and it can be downloaded."""
    repository = CONFIG["repository"]["url"]
    slug = urlsplit(repository).path
    page.goto(f"{site}/{CHAPTER}")
    links = page.eval_on_selector_all(".article-header-buttons a", "all => all.map(a => a.href)")
    assert (
        f"https://colab.research.google.com/github{slug}/blob/main/book/06_the_loss.ipynb" in links
    )
    binder = f"https://mybinder.org/v2/gh{slug}/main?urlpath=lab/tree/book/06_the_loss.ipynb"
    assert binder in links
    assert f"{repository}/edit/main/book/src/06_the_loss.md" in links
    assert any(link.startswith(f"{repository}/issues/new") for link in links)
    notebook = next(link for link in links if link.endswith(".ipynb") and link.startswith(site))
    cells = json.loads(page.request.get(notebook).text())["cells"]
    assert cells[0]["source"][0].startswith("# 6")


def test_code_can_be_copied(page: Page, site: str) -> None:
    page.goto(f"{site}/{CHAPTER}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    cell = page.locator("div.cell_input").filter(visible=True).first  # those before are folded
    cell.hover()
    cell.locator("button.copybtn").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines() == cell.locator("pre").inner_text().strip().splitlines()


def copy(page: Page) -> str:
    """Press the keys for a copy, and return what is on the clipboard."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.keyboard.press("Control+c")
    return page.evaluate("navigator.clipboard.readText()")


def test_formula_is_copied_as_tex(page: Page, site: str) -> None:
    """Two clicks select and shade it; nothing of it stays behind."""
    page.goto(f"{site}/{CHAPTER}")
    formula = page.locator("div.math").first
    formula.locator("mjx-math").dblclick()
    expect(formula).to_have_class(SELECTED)
    tex = r"\mathrm{KL}(q\,\|\,p) = \mathbb{E}_{q(z)}\big[\log q(z) - \log p(z)\big]. \tag{6.1}"
    assert copy(page) == f"$${tex}$$"
    page.locator("h1").click()
    expect(formula).not_to_have_class(SELECTED)


def test_sentence_is_copied_with_its_formulas(page: Page, site: str) -> None:
    """From the middle of one paragraph to the next, across a formula that stands by itself."""
    page.goto(f"{site}/{CHAPTER}")
    page.evaluate("""() => {
      const formula = document.querySelector("div.math");
      const [before, after] = [formula.previousElementSibling, formula.nextElementSibling];
      getSelection().setBaseAndExtent(before.firstChild, 4, after.querySelector("mjx-math"), 0);
    }""")
    lines = [line for line in copy(page).splitlines() if line]
    assert len(lines) == 3
    shaded = page.locator("span.math.selected").first
    assert shaded.locator("[tabindex]").count() == 0  # else the sign of what scrolls covers it
    assert lines[0].startswith("Kullback") and " over $q$, of the " in lines[0]
    assert lines[1].startswith("$$") and lines[1].endswith(r"\tag{6.1}$$")
    assert lines[2].startswith("For $q = ") and lines[2].endswith("$")


def test_table_is_copied_with_tabs(page: Page, site: str) -> None:
    """With formulas in its cells and without."""
    page.goto(f"{site}/book/A_notation_and_glossary.html")
    for table in page.locator("table").all()[:2]:
        table.evaluate("table => getSelection().selectAllChildren(table)")
        rows = [line.split("\t") for line in copy(page).splitlines() if line]
        assert len(rows) == table.locator("tr").count()
        assert {len(row) for row in rows} == {table.locator("tr").first.locator("th").count()}
        assert any("$" in cell for row in rows for cell in row) == (
            table.locator("[data-tex]").count() > 0
        )


def test_printed_table_keeps_its_columns_on_a_phone(browser: Browser, site: str) -> None:
    """Its lines go on behind the edge, where other output breaks."""
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{site}/book/C_from_tensorflow_1_to_pytorch.html")
    table = page.locator(".columns pre").first
    table.scroll_into_view_if_needed()
    expect(table).to_have_attribute("tabindex", "0")
    lines = table.text_content().strip("\n").splitlines()
    assert max(map(len, lines)) > 50
    height = table.evaluate("n => n.clientHeight / parseFloat(getComputedStyle(n).lineHeight)")
    assert len(lines) <= height < len(lines) + 2
    page.close()


@pytest.mark.parametrize("name", ["index", "06_the_loss", "11_playground", "D_solutions"])
def test_the_narrowest_screen_shows_a_page_whole(page: Page, site: str, name: str) -> None:
    """A width of 320 pixels is that of a small phone, and of a desktop at four times the size."""
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"{site}/book/{name}.html", wait_until="networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") == 320


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_reader_chooses_the_colours(browser: Browser, site: str, mode: str) -> None:
    """A choice holds on the next page, from its first moment on."""
    context = browser.new_context(color_scheme="light" if mode == "dark" else "dark")
    page = context.new_page()
    page.goto(f"{site}/{CHAPTER}")
    button = page.locator(".theme-switch-button:visible").first
    for _ in range(3):
        if page.evaluate("document.documentElement.dataset.mode") == mode:
            break
        button.click()
    page.goto(f"{site}/book/index.html", wait_until="commit")
    page.wait_for_function("document.documentElement.dataset.theme === " + json.dumps(mode))
    context.close()


def test_missing_page_leads_back(browser: Browser, site: str) -> None:
    page = browser.new_page()
    answer = page.goto(f"{site}/book/no/such/page.html")
    assert answer is not None
    assert answer.status == 404
    assert page.get_attribute("a", "href") == f"{ADDRESS}book/index.html"
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    page.close()


def meta(html: str, name: str) -> str:
    """Return the content of one meta element."""
    found = re.search(rf'<meta (?:name|property)="{name}" content="([^"]*)"', html)
    return found[1] if found else ""


def test_every_page_says_what_it_is_about() -> None:
    """Title, description, address and preview differ from page to page, and fit."""
    seen: dict[str, list[str]] = {"title": [], "description": [], "og:url": []}
    for name in pages():
        html = (HTML / name).read_text(encoding="utf-8")
        title = re.search(r"<title>([^<]+)</title>", html)
        assert title is not None
        seen["title"].append(title[1])
        for key in ("description", "og:url"):
            seen[key].append(meta(html, key))
        assert 50 <= len(meta(html, "description")) <= 190, name
        assert meta(html, "og:url") == f"{ADDRESS}{name}"
        assert f'<link rel="canonical" href="{ADDRESS}{name}"' in html
        card = HTML / meta(html, "og:image").removeprefix(ADDRESS)
        assert card.is_file()
        assert html.count("<h1") == 1, name
    for values in seen.values():
        assert len(set(values)) == len(values)


def test_sitemap_lists_the_pages() -> None:
    tree = ElementTree.parse(HTML / "sitemap.xml")
    listed = {node.text for node in tree.iter() if node.tag.endswith("loc")}
    assert listed == {f"{ADDRESS}{name}" for name in pages()}
    assert f"{ADDRESS}sitemap.xml" in (HTML / "robots.txt").read_text(encoding="utf-8")
