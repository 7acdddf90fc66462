"""Serve everything from the book itself.

MathJax comes from the pinned package sphinx-mathjax-offline. That package would copy
all of its 24 MB into the book; this copies what the pages can ask for. And Thebe, which
would fetch itself from elsewhere and which no page uses, is taken out of the pages.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.fileutil import copy_asset

# The renderer, its fonts, TeX extensions that it loads on demand, and its accessibility menu.
NEEDED = ("tex-chtml.js", "output/chtml/fonts", "input/tex/extensions", "a11y", "sre")


def copy_mathjax(app: Sphinx, error: Exception | None) -> None:
    """Copy MathJax into a finished HTML build."""
    if error is not None or app.builder.format != "html":
        return
    package = find_spec("sphinx-mathjax-offline")
    if package is None or package.origin is None:
        raise RuntimeError("MathJax is missing: pip install -e '.[book]'")
    source = Path(package.origin).parent / "static" / "mathjax"
    target = Path(app.outdir) / "_static" / "mathjax"
    for name in NEEDED:
        path = source / name
        copy_asset(str(path), str((target / name).parent if path.is_file() else target / name))


def drop_thebe(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Leave out the scripts and styles of Thebe."""
    for kind in ("script_files", "css_files"):
        context[kind] = [
            file
            for file in context[kind]
            if "thebe" not in f"{file.filename} {file.attributes.get('body', '')}".lower()
        ]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.config.mathjax_path = "mathjax/tex-chtml.js"
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
