"""Make the book fit into an EPUB: its name and version, no buttons of the site, no scripts."""

from __future__ import annotations

import tomllib
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx


def name_it(app: Sphinx) -> None:
    """Set what an EPUB says about itself, and what it leaves out."""
    root = Path(app.srcdir)
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    static = root / "book" / "_static"
    site_only = [p for p in static.rglob("*.*") if p.suffix == ".js" or p.parent != static]
    app.config.version = project["version"]
    app.config.epub_title = app.config.html_title
    app.config.epub_basename = "vaetut"
    app.config.epub_author = app.config.epub_publisher = app.config.author
    app.config.epub_description = project["description"]
    app.config.epub_identifier = project["urls"]["Repository"]
    app.config.epub_scheme = "URL"
    app.config.epub_show_urls = "no"
    app.config.epub_exclude_files = [
        *("index.html", "search.html", "404.html"),
        *(f"_static/{path.relative_to(static).as_posix()}" for path in site_only),
    ]


def begin(app: Sphinx) -> None:
    """Name the book, and ask the site's theme for no buttons."""
    if app.builder.name == "epub":
        name_it(app)
        app.config.html_theme_options = {}


def drop_scripts(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Leave out what only a browser can show: the playground and its like."""
    if app.builder.name != "epub":
        return
    for raw in list(doctree.findall(nodes.raw)):
        if "<script" in raw.astext():
            raw.parent.remove(raw)
