"""Markdown of the book as HTML that needs no script and no network: formulas become MathML."""

from __future__ import annotations

import html
import re
import sys
import unicodedata

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from .sources import BOOK
from .student import PAGE, on_site

sys.path.insert(0, str(BOOK / "_ext"))
from mathematics import typeset

LETTERS = re.compile(r'<mi[^>]*mathvariant="(script|double-struck)"[^>]*>([A-Z])</mi>')


def formula(source: str, display: bool) -> str:
    """Return a formula as MathML, its number at its end."""
    source = re.sub(r"\\tag\{([^}]*)\}", r"\\qquad\\text{(\1)}", source.strip())
    return LETTERS.sub(_letter, typeset("mathml", source, display))


def _letter(found: re.Match[str]) -> str:
    """Return a script or double-struck letter as itself: browsers do not know the variants."""
    name = f"{found[1].upper()} CAPITAL {found[2]}"
    try:
        letter = unicodedata.lookup(f"MATHEMATICAL {name}")
    except KeyError:  # a few had names before
        letter = unicodedata.lookup(name)
    return f"<mi>{letter}</mi>"


def _formula_of(source: str, options: dict) -> str:
    return formula(source, options["display_mode"])


_PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")
_PARSER.use(dollarmath_plugin, renderer=_formula_of, double_inline=True)


def render(text: str) -> str:
    """Return Markdown as HTML; links to the book's pages lead to the site."""
    return _PARSER.render(PAGE.sub(on_site, text))


def _file(name: str) -> str:
    return (BOOK / "course" / name).read_text(encoding="utf-8")


def page(title: str, style: str, body: str, script: str = "") -> str:
    """Return a whole page; `style` and `script` name files of this folder."""
    sheet = _file("page.css") + _file(style)
    script = f"<script>{_file(script)}</script>" if script else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{sheet}</style></head>"
        f"<body>{body}{script}</body></html>\n"
    )
