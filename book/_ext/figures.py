"""Give every picture of the finished book its size, and make PNGs smaller without any loss.

A browser that knows the size reserves the room, so nothing jumps. What an article shows before its
first section is loaded at once; the rest, and what menus show, when a reader comes near it. A
drawing keeps its type legible on a phone: it gets a least width, and a box in which it scrolls.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import imagesize
from PIL import Image
from sphinx.application import Sphinx

IMAGE = re.compile(r"<img\b[^>]*>")
TYPE = re.compile(r"font-size[:=]\s*[\"']?([\d.]+)")  # in an SVG
LEAST_TYPE = 11.5  # pixels


def attributes(tag: str) -> dict[str, str]:
    """Return the attributes of one tag."""
    found: dict[str, str] = {}
    parser = HTMLParser()
    parser.handle_starttag = lambda _, values: found.update((k, v or "") for k, v in values)
    parser.handle_startendtag = parser.handle_starttag
    parser.feed(tag)
    return found


@functools.cache
def smaller(path: Path) -> Path:
    """Write a PNG again as lossless WebP, and return whichever file is smaller."""
    if path.suffix != ".png":
        return path
    webp = path.with_suffix(".webp")
    with Image.open(path) as image:
        image.save(webp, lossless=True, quality=60, method=3)
    if webp.stat().st_size < path.stat().st_size:
        return webp
    webp.unlink()
    return path


def in_a_box(tag: str, drawing: Path, width: float) -> str:
    """Return the `<img>` of a drawing, in the box in which it scrolls."""
    smallest = min(map(float, TYPE.findall(drawing.read_text(encoding="utf-8"))))
    least = min(width, width * LEAST_TYPE / smallest)
    return f'<div class="drawing">{tag[:-1]} style="min-width:{least:.0f}px"></div>'


def rewriter(page: Path, first_view: range) -> Callable[[re.Match[str]], str]:
    """Return what to put in place of each `<img>` of a page."""

    def rewrite(match: re.Match[str]) -> str:
        tag = match[0].removesuffix(">").removesuffix("/").rstrip()
        given = attributes(match[0])
        path = page.parent / unquote(given.get("src", ""))
        if not path.is_file():
            return match[0]
        width, height = imagesize.get(path)
        if "width" not in given and "height" not in given:
            tag += f' width="{width:.0f}" height="{height:.0f}"'
        ours = path.parent.name == "_images"
        chosen = smaller(path) if ours else path
        tag = tag.replace(f"/{path.name}", f"/{chosen.name}")
        late = match.start() not in first_view and "loading" not in given
        tag += (' loading="lazy"' if late else "") + ' decoding="async">'
        return in_a_box(tag, path, width) if ours and path.suffix == ".svg" else tag

    return rewrite


def finish(app: Sphinx, error: Exception | None) -> None:
    """Rewrite the pictures of all pages."""
    if error is not None or app.builder.name != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        first_view = range(html.find("<article"), html.find("<h2"))
        rewritten = IMAGE.sub(rewriter(page, first_view), html)
        page.write_text(rewritten, encoding="utf-8")
    for png in (Path(app.outdir) / "_images").glob("*.png"):
        if png.with_suffix(".webp").exists():
            png.unlink()
