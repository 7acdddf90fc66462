"""Small live figures: a chapter's picture whose class is `live-NAME` can be moved on a screen.

The chapter stays plain. Its cell says `mystnb: {image: {classes: live-kl}}`, and here, in the
book alone, `live_figures/kl.html` is put after the picture. Space for it is reserved by a style
sheet, its script comes when it is nearly in view, and without scripts, on paper and in an e-book
the picture remains. Colours and measured numbers come from where the chapter has them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import manifold
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from vaetut.plotting import COLORS

LOGGER = logging.getLogger(__name__)
FIGURES = Path(__file__).with_name("live_figures")
PREFIX = "live-"


def live_images(doctree: nodes.document) -> Iterator[tuple[nodes.image, str]]:
    """Yield the pictures that can come alive, with the names of their figures."""
    for image in doctree.findall(nodes.image):
        for name in image["classes"]:
            if name.startswith(PREFIX):
                yield image, name.removeprefix(PREFIX)


def measured_curve(doctree: nodes.document) -> list[list[float]]:
    """Return the numbers of the table that chapter 10 has printed."""
    for table in doctree.findall(nodes.table):
        head, *rows = (
            [entry.astext() for entry in row.findall(nodes.entry)]
            for row in table.findall(nodes.row)
        )
        if head == ["β", "rate", "distortion", "−ELBO"]:
            return [[float(number) for number in row] for row in rows]
    return []


def put_figures(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Put each live figure after its picture, and both into one element."""
    if app.builder.name != "html":
        return
    for image, name in list(live_images(doctree)):
        attributes = {
            "class": "app live",
            "data-app": f"live/{name}",
            "style": ";".join(f"--{key}:{color}" for key, color in COLORS.items()),
        }
        if name == "manifold":  # in the first view, which waits for nothing
            attributes |= {"data-with": "live/decoder", "data-begin": "touch"}
            attributes["style"] += ";--column:{};--row:{}".format(*manifold.START)
        else:
            attributes["data-margin"] = "600px 0px"  # small: loaded before they are seen
        if name == "beta":
            points = measured_curve(doctree)
            if not points:
                LOGGER.warning("%s: no table of rate and distortion for the live figure", page)
            attributes["data-points"] = json.dumps(points)
        opening = " ".join(f'{key}="{escape(value)}"' for key, value in attributes.items())
        figure = (FIGURES / f"{name}.html").read_text(encoding="utf-8")
        before = nodes.raw("", f"<figure {opening}>", format="html")
        after = nodes.raw("", f"{figure}</figure>", format="html")
        image.parent.replace(image, [before, image, after])


def load_scripts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Give a page with a live figure the style sheet, and the script that waits for the reader."""
    if doctree is not None and any(live_images(doctree)):
        app.add_css_file("lib/app.css")
        app.add_css_file("live/live.css")
        app.add_js_file("lib/start.js", loading_method="defer")
