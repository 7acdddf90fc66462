"""Write code so that a page can show it: line by line, and with no more elements than colours.

Each line is an element that knows its indent: vaetut.css can break a line that is too long for a
phone or for paper, and let the rest stand a little further in than its beginning. Tokens that look
alike in the theme's two styles are written as one, and those in the colour of the text as text:
this leaves a browser half the elements to lay out.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from typing import TextIO

from pygments.formatters import HtmlFormatter
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES, Name, Text
from sphinx.highlighting import PygmentsBridge

TAG = re.compile(r"<[^>]*>")
Kind = tuple[str, ...]  # of a token, as Pygments has it
STYLES = [get_style_by_name(f"a11y-high-contrast-{ground}") for ground in ("light", "dark")]


def look(kind: Kind) -> list[dict]:
    """Return how the theme's styles show a kind of token."""
    return [style.style_for_token(kind) for style in STYLES]


@functools.cache
def plainest(kind: Kind) -> Kind:
    """Return the kind that stands for all those that look like this one."""
    if look(kind) == look(Name):
        return Text  # names have the colour of the text
    return next((each for each in STANDARD_TYPES if look(each) == look(kind)), kind)


class Lines(HtmlFormatter):
    """Highlights code, line by line."""

    def format(self, tokensource: Iterable[tuple[Kind, str]], outfile: TextIO) -> None:
        """Write tokens; neighbours that look alike become one element."""
        super().format(((plainest(kind), text) for kind, text in tokensource), outfile)

    def wrap(self, source: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """Wrap the lines, and all of them in what Pygments puts around code."""
        return super().wrap(map(in_its_element, source))


def in_its_element(piece: tuple[int, str]) -> tuple[int, str]:
    """Wrap a line of highlighted code; Pygments marks with 0 what is none."""
    is_code, html = piece
    if not is_code:
        return piece
    text = TAG.sub("", html)
    indent = len(text) - len(text.lstrip(" "))
    return is_code, f'<span class="line" style="--indent:{indent}">{html}</span>'


def register() -> None:
    """Have Sphinx write code in this way."""
    PygmentsBridge.html_formatter = Lines
