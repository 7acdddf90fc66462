"""Say in each page's head what it is about, for search engines and for previews of a link.

Also writes sitemap.xml and robots.txt, lets the book's bare address lead to its first page, and
"suggest edit" to a chapter's text source instead of its notebook.

Two libraries do part of this, and not as well: sphinxext-opengraph describes a page by its first
characters, cut within a word, and not by its question; sphinx-sitemap lists only the pages that
this build wrote anew.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

LONGEST = 160  # characters; search engines show no more of a description
CHAPTER = "A chapter that answers with formulas, running code and measured numbers."
CARD = "_static/card.png"
ENTRY = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<meta http-equiv="refresh" content="0; url={first}">
<link rel="canonical" href="{address}{first}">
<link rel="icon" href="_static/favicon.svg" type="image/svg+xml">
<meta name="description" content="{title}">
</head>
<body><main><h1><a href="{first}">{title}</a></h1></main></body>
</html>
"""


def words(node: nodes.Element) -> str:
    """Return a node's text in one line, ending before its first formula."""
    text = ""
    for part in node.findall(lambda n: isinstance(n, nodes.Text | nodes.math)):
        if isinstance(part, nodes.math):
            break
        if not isinstance(part.parent, nodes.math):
            text += part.astext()
    return " ".join(text.split())


def shorten(text: str) -> str:
    """Return as many whole words as fit into a description."""
    if len(text) <= LONGEST:
        return text
    return text[: text.rfind(" ", 0, LONGEST - 1)].rstrip(",;:.") + " …"


def describe(doctree: nodes.document) -> str:
    """Return a chapter's opening question, or what a page says it is for, or how it begins."""
    for strong in doctree.findall(nodes.strong):
        question = words(strong)
        if question.endswith("?") and isinstance(strong.parent, nodes.paragraph):
            return shorten(f"{question[0].upper()}{question[1:]} {CHAPTER}")
    for paragraph in doctree.findall(nodes.paragraph):
        text = words(paragraph).removeprefix("What this is for: to ")
        if len(text) > 60:
            return shorten(text[0].upper() + text[1:])
    return ""


def add_metadata(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: nodes.document | None
) -> None:
    """Add description and preview to a page's head; pages without content are not to be found."""
    if app.builder.name != "html":
        return
    if tree is None:
        context["metatags"] = '\n<meta name="robots" content="noindex">'
        return
    address = app.config.html_baseurl
    description = describe(tree)
    values = {
        "og:type": "website" if page == app.config.root_doc else "article",
        "og:site_name": app.config.html_title,
        "og:title": context["title"],
        "og:description": description,
        "og:url": f"{address}{app.builder.get_target_uri(page)}",
        "og:image": f"{address}{CARD}",
        "og:image:width": "1200",
        "og:image:height": "630",
        "og:image:alt": "Digits in rows and columns, drawn by a model and coloured by class",
    }
    lines = [
        f'<meta name="description" content="{escape(description)}">',
        *(f'<meta property="{k}" content="{escape(v)}">' for k, v in values.items()),
        '<meta name="twitter:card" content="summary_large_image">',
    ]
    context["metatags"] = "\n" + "\n".join(lines)


def edit_the_source(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: nodes.document | None
) -> None:
    """Let "suggest edit" lead to what people edit: book/src/NN_name.md."""
    name = Path(page).name
    if not (Path(app.srcdir) / "book" / "src" / f"{name}.md").is_file():
        return
    groups = [group.get("buttons", []) for group in context.get("header_buttons", [])]
    for button in (button for group in groups for button in group):
        if button.get("label") == "source-edit-button":
            button["url"] = button["url"].replace(f"{name}.ipynb", f"src/{name}.md")


def write_entry(app: Sphinx, error: Exception | None) -> None:
    """Write the files that are found before any page is."""
    if error is not None or app.builder.name != "html":
        return
    folder, address = Path(app.outdir), app.config.html_baseurl
    urls = [address + app.builder.get_target_uri(page) for page in sorted(app.env.found_docs)]
    sitemap = "".join(f"<url><loc>{escape(url)}</loc></url>\n" for url in urls)
    (folder / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{sitemap}</urlset>\n',
        encoding="utf-8",
    )
    (folder / "robots.txt").write_text(
        f"User-agent: *\nAllow: /\nSitemap: {address}sitemap.xml\n", encoding="utf-8"
    )
    first = app.builder.get_target_uri(app.config.root_doc)
    entry = ENTRY.format(title=escape(app.config.html_title), first=first, address=address)
    (folder / "index.html").write_text(entry, encoding="utf-8")
