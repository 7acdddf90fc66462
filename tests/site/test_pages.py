"""Every page of the built book, read by a real browser: phone and desktop, light and dark."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from tests.site.book import HTML, ROOT, SIZES, View, pages

RAW_TEX = re.compile(r"\$\$|\\\(|\\\[|\\(?:frac|mathcal|mathbb|mathrm|log|sum|int|mu|sigma|tag)\b")
IMAGE_NAME = re.compile(r"\.(?:png|svg|jpe?g|gif|webp)$|^_?images?/", re.IGNORECASE)


def test_toc_has_pages() -> None:
    assert pages()


def test_page_is_whole(view: View, theme: str) -> None:
    """No error, nothing from outside, nothing missing, in the theme that was asked for."""
    assert view.outside == []
    assert view.failed == []
    assert view.errors == []
    assert view.theme == theme


def test_nothing_is_wider_than_the_page(view: View, size: str) -> None:
    assert view.width <= SIZES[size][0]
    assert view.cut_off == []


def test_mathematics_is_rendered(view: View) -> None:
    assert RAW_TEX.findall(view.text) == []
    assert view.bad_formulas == 0
    assert view.rendered >= view.formulas
    assert view.unreadable == 0
    assert view.stray == []


def test_formulas_and_printed_output_are_seen_whole(view: View) -> None:
    """On a phone a formula that ends out of sight looks like one that ends there."""
    assert view.partly_seen == []


def test_what_scrolls_shows_it(view: View) -> None:
    """A code, table or formula with more behind its edge has a shade there."""
    assert view.unsigned == []


def test_quoted_code_breaks_between_words(view: View) -> None:
    """No page shows "log_likelihoo" and a "d" below it."""
    assert view.broken_names == []


def test_quotation_marks_open_what_they_quote(view: View) -> None:
    """The build takes a mark for a closing one, at the start of a line or behind a bracket."""
    assert re.findall(r"(?:^|[\s(\[])”\w.{0,30}", view.text) == []


def test_formulas_share_the_measure_of_the_text(view: View) -> None:
    assert view.off_measure == []


def test_one_search_field(view: View, size: str) -> None:
    """The theme would draw a second one; a phone has a button instead."""
    assert view.search_fields == (1 if size == "desktop" else 0)


def test_page_is_accessible(view: View) -> None:
    assert view.violations == []
    assert view.unreachable == []


def test_images_have_room(view: View) -> None:
    """A browser that knows a picture's size moves nothing when the picture comes."""
    assert view.unsized == []


def test_images_are_described(view: View) -> None:
    for source, alt in view.images:
        assert alt.strip(), f"{source} has no alt text"
        assert not IMAGE_NAME.search(alt), f"the alt text of {source} is a file name: {alt}"
        assert Path(urlsplit(source).path).stem != alt, f"{source}: alt text is the file's name"


class Anchors(HTMLParser):
    """Collect the ids and the links of one built page."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids.update(filter(None, (values.get("id"), values.get("name"))))
        link = values.get("href") if tag in {"a", "link"} else values.get("src")
        if link:
            self.links.append(link)


def parse(path: Path) -> Anchors:
    """Read the ids and links of a built page."""
    anchors = Anchors()
    anchors.feed(path.read_text(encoding="utf-8"))
    return anchors


def test_internal_links_resolve(page_name: str) -> None:
    """Files and anchors both, as a static server would resolve them."""
    broken = []
    for link in parse(HTML / page_name).links:
        target = urlsplit(urljoin(f"http://book/{page_name}", link))
        if target.scheme not in {"http", "https"} or target.netloc != "book":
            continue
        path = HTML / unquote(target.path).lstrip("/")
        path = path / "index.html" if path.is_dir() else path
        anchor = unquote(target.fragment)
        if not path.is_file() or (
            anchor and path.suffix == ".html" and anchor not in parse(path).ids
        ):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("sheet", sorted(p.name for p in (ROOT / "book/_static").glob("*.css")))
def test_styles_name_no_address(sheet: str) -> None:
    """Fonts and images of our style sheets come from the book."""
    text = (ROOT / "book" / "_static" / sheet).read_text(encoding="utf-8")
    text = text.replace("http://www.w3.org/2000/svg", "")  # the name of a language, not a place
    assert not re.search(r"@import|https?://|url\(\s*['\"]?//", text)
