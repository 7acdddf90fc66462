"""Let a page lay out a section only when a reader comes near it.

vaetut.css asks for that. The theme's script would undo it: when a page has loaded it measures every
block of code, to find those that scroll. page.js does the same, for what is laid out.
"""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

SCRIPT = "_static/scripts/pydata-sphinx-theme.js"
MEASURE = re.compile(r',"complete"===document\.readyState\?(\w+)\(\):\S+?\("load",\1\)')


def stop_measuring(app: Sphinx, error: Exception | None) -> None:
    """Take the call out of the theme's script; one that is written otherwise is only slower."""
    script = Path(app.outdir) / SCRIPT
    if error is None and app.builder.name == "html" and script.is_file():
        text = script.read_text(encoding="utf-8")
        script.write_text(MEASURE.sub("", text), encoding="utf-8")
