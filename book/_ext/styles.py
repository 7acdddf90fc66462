"""Join the style sheets into one, and leave out rules that no page of this book can need.

The theme's sheets and their kin have 540 kB, of which pages use a tenth, and a browser paints
nothing before it has read them all. A selector stays if every class, id and element in it occurs
in some page, or as a word in a script; a rule stays if one of its selectors does.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import tinycss2
from sphinx.application import Sphinx
from tinycss2.ast import AtRule, Declaration, Node, QualifiedRule

# In this order: later rules win. Ours come last.
SHEETS = (
    "basic.css",
    "styles/pydata-sphinx-theme.css",
    "pygments.css",
    "styles/sphinx-book-theme.css",
    "copybutton.css",
    "mystnb.*.css",
    "mathjax.css",
    "icons.css",
    "vaetut.css",
)
# What comes with the theme and its kin, and no page loads: 9 MB.
UNNEEDED = (
    "styles",
    "vendor",
    "locales",
    "scripts/bootstrap.js*",
    "scripts/fontawesome.js*",
    "**/*.map",
    "**/*.LICENSE.txt",
    "**/*webpack-macros.html",
    "design-tabs.js",
    "sphinx-design*.css",
    "sphinx-thebe*",
    "togglebutton.*",
    *(sheet for sheet in SHEETS if "/" not in sheet),
)
ICON_FONT = re.compile(r"\.fa[bsr]?\b|\.fa-|Font Awesome|--fa-")  # icons.css replaces it
PARENTHESES = re.compile(r"\([^()]*\)")


class Used:
    """What occurs in the finished pages and their scripts."""

    def __init__(self, html: Iterable[str], scripts: Iterable[str]) -> None:
        self.names: set[str] = set()  # classes, ids and words of scripts
        self.elements = {"html", "body"}
        for page in html:
            self.elements.update(tag.lower() for tag in re.findall(r"<([a-zA-Z][\w-]*)", page))
            for value in re.findall(r"\b(?:class|id)=[\"']([^\"']*)", page):
                self.names.update(value.split())
        for script in scripts:
            words = re.findall(r"[\w-]+", script)
            self.names.update(words)
            self.elements.update(words)

    def fits(self, selector: str) -> bool:
        """Say whether something could match a selector. In doubt it could."""
        while PARENTHESES.search(selector):  # :not(.a), :is(.a, .b)
            selector = PARENTHESES.sub("", selector)
        selector = re.sub(r"\[[^\]]*\]|::?[\w-]+", "", selector)
        names = re.findall(r"[.#]((?:[\w-]|\\.)+)", selector)
        elements = re.findall(r"(?:^|[\s>+~])([a-zA-Z][\w-]*)", selector)
        return {name.replace("\\", "") for name in names} <= self.names and {
            element.lower() for element in elements
        } <= self.elements


def split_selectors(prelude: str) -> list[str]:
    """Split a list of selectors at its commas, but not within brackets."""
    return [part.strip() for part in re.split(r",(?![^(\[]*[)\]])", prelude)]


def slim(css: str, used: Used, elsewhere: str = "", icons: bool = False) -> str:
    """Return the rules that some page can need, without variables that nothing asks for."""
    asked = set(re.findall(r"var\(\s*(--[\w-]+)", css + elsewhere))
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    return "".join(_slim_rules(rules, used, asked, icons))


def _slim_rules(rules: Iterable[Node], used: Used, asked: set[str], icons: bool) -> Iterator[str]:
    for rule in rules:
        if isinstance(rule, QualifiedRule):
            prelude = tinycss2.serialize(rule.prelude)
            head = ",".join(s for s in split_selectors(prelude) if used.fits(s))
            body = _slim_declarations(rule.content, asked)
        elif isinstance(rule, AtRule) and rule.content is not None:
            head = f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}".rstrip()
            if rule.lower_at_keyword in {"media", "supports"}:
                inner = tinycss2.parse_rule_list(rule.content, True, True)
                body = "".join(_slim_rules(inner, used, asked, icons))
            elif rule.lower_at_keyword == "font-face":
                body = _slim_declarations(rule.content, asked)
            else:  # @keyframes
                body = " ".join(tinycss2.serialize(rule.content).split())
        else:  # @charset, @import
            continue
        if head and body and (icons or not ICON_FONT.search(head + body)):
            yield f"{head}{{{body}}}\n"


def _slim_declarations(content: list[Node], asked: set[str]) -> str:
    declarations = tinycss2.parse_declaration_list(content, True, True)
    return ";".join(
        re.sub(r"\s+", " ", d.serialize())
        for d in declarations
        if isinstance(d, Declaration) and (not d.name.startswith("--") or d.name in asked)
    )


def drop_unnamed(css: str) -> str:
    """Leave out fonts and animations that no rule names."""
    rules = re.sub(r"^@font-face.*\n", "", css, flags=re.MULTILINE)

    def if_named(rule: re.Match[str]) -> str:
        value = rf"(?:font-family|animation(?:-name)?):[^;}}]*\b{re.escape(rule[1])}\b"
        return rule[0] if re.search(value, rules) else ""

    css = re.sub(r"^@font-face\{font-family: ?[\"']?([\w -]+).*\n", if_named, css, flags=re.M)
    return re.sub(r"^@(?:-webkit-)?keyframes ([\w-]+)\{.*\}\n", if_named, css, flags=re.M)


def join(app: Sphinx, error: Exception | None) -> None:
    """Write the one sheet, and take away what it replaces."""
    if error is not None or app.builder.name != "html":
        return
    folder = Path(app.outdir)
    static = folder / "_static"
    sheets = [path for name in SHEETS for path in sorted(static.glob(name))]
    texts = {path: path.read_text(encoding="utf-8") for path in sheets}
    for name in UNNEEDED:
        for path in static.glob(name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def read(pattern: str) -> list[str]:
        return [p.read_text(encoding="utf-8") for p in sorted(folder.rglob(pattern))]

    html, scripts = read("*.html"), read("*.js")
    used = Used(html, scripts)
    # A page's own sheet (the playground has one) may use our variables.
    elsewhere = "".join([*html, *scripts, *read("*.css")])
    asking = elsewhere + "".join(texts.values())
    css, longer = "", None
    for path, text in texts.items():
        css += slim(text, used, asking, icons=path.name == "icons.css")
    while css != longer:  # a variable may be all that asks for another one
        css, longer = slim(css, used, elsewhere, icons=True), css
    css = drop_unnamed(css)
    (static / "book.css").write_text(css, encoding="utf-8")
    for font in (static / "mathjax").iterdir():
        if font.name not in css:
            font.unlink()
