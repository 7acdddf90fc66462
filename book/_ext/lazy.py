"""Say how tall each section will be, so that a page need not lay it out before a reader comes near.

vaetut.css asks the browser for that. It takes the height from here until it knows better: so the
scroll bar tells from the beginning how long a page is.
"""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

from sphinx.application import Sphinx

# What a section holds, and the pixels that each takes on a phone and on a desktop: fitted to all
# sections of the book as Chromium lays them out.
PIXELS = {
    "letters": (0.7, 0.4),
    "paragraphs": (7.8, 6.8),
    "headings": (55.3, 64.8),
    "names": (80.5, 67.9),  # of functions and classes, with their arguments
    "formulas": (88.8, 82.1),
    "their lines": (11.8, 25.7),
    "blocks of lines": (43.1, 49.1),
    "lines": (17.0, 19.7),
    "broken lines": (22.6, 1.2),
    "printed lines": (22.3, 22.3),
    "folded": (77.9, 89.7),
    "pictures": (401.0, 618.0),  # with the width of the text, and as tall
    "live figures": (885.0, 884.0),
    "tr": (20.7, 9.7),
    "td": (3.4, 6.6),
    "table letters": (0.7, 0.38),
    "stacked tr": (11.7, 28.7),  # tables.py
    "stacked td": (46.4, 4.2),
    "stacked letters": (0.35, 0.3),
}
FORMULA = re.compile(r"<mjx-container([^>]*)>(.*?)</mjx-container>", re.S)
VOID = {"br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
BLOCKS = {"p": "paragraphs", "li": "paragraphs", "dt": "names"}
BLOCKS |= {"h2": "headings", "h3": "headings", "h4": "headings"}
APART = {"answers-at-the-end", "column", "headerlink", "live"}  # not seen, or counted as a whole
WIDTH, LINE = 608, 49  # of a picture on a desktop, in pixels; of code on a phone, in characters


class Contents(HTMLParser):
    """Counts what each section of a page shows before anything is unfolded."""

    def __init__(self) -> None:
        super().__init__()
        self.sections: dict[str, Counter[str]] = {}
        self.now: Counter[str] = Counter()  # what is counted outside of sections is for nothing
        self.open: list[set[str]] = []  # of each open element its name, as a tag, and its classes
        self.skipping = 0  # the number of open elements down to one whose contents do not count
        self.code = ""

    def inside(self, what: str) -> bool:
        """Say whether we are in an element of this class, or of this name in angle brackets."""
        return any(what in element for element in self.open)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count an element."""
        values = {key: value or "" for key, value in attrs}
        classes = set(values.get("class", "").split())
        if tag == "section" and sum("<section>" in element for element in self.open) == 1:
            self.now = self.sections[values["id"]] = Counter()
        if tag == "img" and not self.skipping:
            width, height = float(values["width"]), float(values["height"])
            self.now["pictures"] += height / width * min(1, width / WIDTH)
        if tag in VOID:
            return
        self.open.append({f"<{tag}>", *classes})
        if self.skipping:
            return
        if tag in BLOCKS and not self.inside("<table>"):
            self.now[BLOCKS[tag]] += 1
        elif tag in {"tr", "td"}:
            self.now[f"stacked {tag}" if self.inside("stacked") else tag] += 1
        elif tag == "x-formula":
            self.now["formulas"] += 1
            self.now["their lines"] += int(values["lines"])
        elif tag == "details":
            self.now["folded"] += 1
        elif "live" in classes:
            self.now["live figures"] += 1
        if classes & APART or tag in {"details", "script", "style", "svg"}:
            self.skipping = len(self.open)

    def handle_endtag(self, tag: str) -> None:
        """Leave an element; one of code is counted now."""
        while self.open and f"<{tag}>" not in self.open.pop():
            pass
        if len(self.open) < self.skipping:
            self.skipping = 0
        if tag == "pre" and self.code:
            lines = self.code.rstrip("\n").split("\n")
            self.now["blocks of lines"] += 1
            if self.inside("cell_output"):
                self.now["printed lines"] += len(lines)
            else:
                self.now["lines"] += len(lines)
                self.now["broken lines"] += sum((len(line) - 1) // LINE for line in lines if line)
            self.code = ""

    def handle_data(self, data: str) -> None:
        """Count the letters of a text."""
        if self.skipping:
            return
        if self.inside("<pre>"):
            self.code += data
            return
        letters = len(" ".join(data.split()))
        if not self.inside("<table>"):
            self.now["letters"] += letters
        else:
            self.now["stacked letters" if self.inside("stacked") else "table letters"] += letters


def plain(formula: re.Match[str]) -> str:
    """Return as many letters as a formula has, or an element that says how many lines."""
    attributes, inner = formula[1], formula[2]
    if 'display="true"' in attributes:
        return f'<x-formula lines="{max(1, inner.count("<mjx-mtr"))}"></x-formula>'
    return "x" * inner.count("<mjx-c ")


def contents(html: str) -> dict[str, Counter[str]]:
    """Return what the sections of a page hold, by their ids."""
    parser = Contents()
    start = html.index("<article")
    parser.feed(FORMULA.sub(plain, html[start : html.index("</article>", start)]))
    return parser.sections


def measure(app: Sphinx, error: Exception | None) -> None:
    """Write the heights into all pages."""
    if error is not None or app.builder.name != "html":
        return
    for page in Path(app.outdir, "book").glob("*.html"):
        html = page.read_text(encoding="utf-8")
        for name, counted in contents(html).items():
            phone, desktop = (
                sum(number * PIXELS[what][screen] for what, number in counted.items())
                for screen in (0, 1)
            )
            style = f"--phone:{phone:.0f}px;--desktop:{desktop:.0f}px"
            html = html.replace(f'<section id="{name}">', f'<section id="{name}" style="{style}">')
        page.write_text(html, encoding="utf-8")
