"""Draw the picture that goes with a link to the book: 1200 x 630, digits and title."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from sphinx.application import Sphinx

SIZE = (1200, 630)
PAPER, INK, QUIET = "#ffffff", "#14171b", "#4a5560"


def draw(cover: Path, title: str) -> Image.Image:
    """Return the card: the cover's upper rows across the top, the title below."""
    card = Image.new("RGB", SIZE, PAPER)
    with Image.open(cover) as digits:
        scale = SIZE[0] / digits.width
        digits = digits.convert("RGB").resize((SIZE[0], round(digits.height * scale)))
    card.paste(digits.crop((0, 0, SIZE[0], 400)), (0, 0))
    pen = ImageDraw.Draw(card)
    pen.text((60, 440), title, font=ImageFont.load_default(58), fill=INK)
    line = "A book of notebooks, in which nothing is asserted that is not shown"
    pen.text((62, 535), line, font=ImageFont.load_default(31), fill=QUIET)
    return card


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the card beside the other static files."""
    if error is not None or app.builder.name != "html":
        return
    static = Path(app.outdir) / "_static"
    card = draw(static / "manifold.png", app.config.html_title)
    card.quantize(128).save(static / "card.png", optimize=True)
