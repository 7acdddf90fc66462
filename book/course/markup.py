"""Markdown of the book as HTML that needs no script and no network, its formulas as in the book."""

from __future__ import annotations

import base64
import html
import re
import sys

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from .sources import BOOK
from .student import PAGE, on_site

sys.path.insert(0, str(BOOK / "_ext"))
from mathematics import engine, mathjax_folder, typeset

FONT = re.compile(r'url\("mathjax/([\w.-]+)"\)')


def _formula_of(source: str, options: dict) -> str:
    return typeset("html", source.strip(), options["display_mode"])


def _formula_rules() -> str:
    """Return the rules that the formulas made so far need, with the fonts in them."""
    return FONT.sub(_font, engine().call("css"))


def _font(found: re.Match[str]) -> str:
    path = mathjax_folder() / "output/chtml/fonts/woff-v2" / found[1]
    data = base64.b64encode(path.read_bytes()).decode()
    return f'url("data:font/woff;base64,{data}")'


_PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")
_PARSER.use(dollarmath_plugin, renderer=_formula_of, double_inline=True)


def render(text: str) -> str:
    """Return Markdown as HTML; links to the book's pages lead to the site."""
    return _PARSER.render(PAGE.sub(on_site, text))


def _file(name: str) -> str:
    return (BOOK / "course" / name).read_text(encoding="utf-8")


def page(title: str, style: str, body: str, script: str = "") -> str:
    """Return a whole page; `style` and `script` name files of this folder."""
    sheet = _formula_rules() + _file("page.css") + _file(style)
    script = f"<script>{_file(script)}</script>" if script else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{sheet}</style></head>"
        f"<body>{body}{script}</body></html>\n"
    )
