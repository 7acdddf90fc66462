"""What the build writes for code and for formulas: no more than pages need, and no less."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
import yaml
from fontTools.ttLib import TTFont
from pygments.lexers import PythonLexer
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES, Name, Text

from book._ext.lines import STYLES, Lines, look, plainest
from book._ext.mathematics import characters, mathjax_folder
from tests.site.book import HTML, ROOT

FONTS = sorted((HTML / "_static" / "mathjax").glob("*.woff"))
CODE = 'for x in data:  # twice\n    print(f"{x:.2f}", x.sum(-1) * 0.5)\n'


def css() -> str:
    return (HTML / "_static" / "book.css").read_text(encoding="utf-8")


def highlighted() -> str:
    written = io.StringIO()
    Lines().format(PythonLexer().get_tokens(CODE), written)
    return written.getvalue()


@pytest.mark.parametrize("kind", STANDARD_TYPES, ids=str)
def test_a_kind_is_written_as_one_that_looks_like_it(kind: tuple[str, ...]) -> None:
    written = plainest(kind)
    assert look(written) == look(kind) or (written is Text and look(kind) == look(Name))


def test_the_styles_are_those_of_the_theme() -> None:
    """What stands without an element has the colour of names."""
    for style, ground in zip(STYLES, ("light", "dark"), strict=True):
        rule = rf'data-theme="{ground}"\] \.highlight\{{[^}}]*[; ]color: ?#(\w+)'
        (block,) = re.findall(rule, css())
        assert block.lower() == style.style_for_token(Name)["color"]


def test_an_e_book_has_the_style_of_the_site_by_day() -> None:
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["sphinx"]["config"]
    assert get_style_by_name(config["pygments_style"]) is STYLES[0]


def test_code_has_an_element_for_each_colour_and_no_more() -> None:
    html = highlighted()
    assert re.sub(r"<[^>]*>", "", html).replace("&quot;", '"').strip() == CODE.strip()
    assert '<span class="k">for</span> x <span class="k">in</span> data:' in html
    assert html.count('<span class="ni">') == 5


@pytest.mark.parametrize("font", FONTS, ids=lambda path: path.stem)
def test_a_font_has_the_glyphs_of_the_formulas(font: Path) -> None:
    whole = TTFont(mathjax_folder() / "output/chtml/fonts/woff-v2" / font.name)
    rules = "".join(line for line in css().splitlines() if "mjx" in line)
    needed = {ord(" ")} | characters(rules)
    assert len(needed) > 100
    assert needed & set(whole.getBestCmap()) <= set(TTFont(font).getBestCmap())
