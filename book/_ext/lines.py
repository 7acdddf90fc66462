"""Put every line of code into an element that knows its indent.

vaetut.css can then break a line that is too long for a phone or for paper, and let the rest stand
a little further in than its beginning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pygments.formatters import HtmlFormatter
from sphinx.highlighting import PygmentsBridge

TAG = re.compile(r"<[^>]*>")


class Lines(HtmlFormatter):
    """Highlights code, line by line."""

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
