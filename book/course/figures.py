"""A folder of all figures, with a table of where each comes from, and their licence."""

from __future__ import annotations

import base64
import csv
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from .sources import ROOT, Chapter, chapters
from .student import site

FORMS = {"image/png": "png", "image/svg+xml": "svg"}
LICENCE = "CC BY 4.0"


@dataclass(frozen=True)
class Figure:
    """A picture of a chapter."""

    section: str
    alt: str
    form: str
    data: bytes


def of_cell(cell: NotebookNode, section: str) -> Iterator[Figure]:
    """Yield the pictures of a code cell."""
    alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
    for output in cell.get("outputs", []):
        for kind, form in FORMS.items():
            data = output.get("data", {}).get(kind)
            if data is not None:
                text = "".join(data)
                yield Figure(
                    section, alt, form, base64.b64decode(text) if form == "png" else text.encode()
                )


def of_chapter(chapter: Chapter) -> Iterator[Figure]:
    """Yield the pictures of a chapter with the sections in which they stand."""
    section = ""
    for cell in chapter.built().cells:
        if cell.cell_type == "markdown":
            headings = re.findall(r"^##+ (.+)$", cell.source, re.MULTILINE)
            section = headings[-1] if headings else section
        else:
            yield from of_cell(cell, section)


def write(folder: Path) -> None:
    """Write the figures, `figures.csv` and the licence."""
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "LICENSE-CONTENT", folder / "LICENCE.txt")
    with (folder / "figures.csv").open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "chapter", "section", "description", "licence", "source"])
        for chapter in chapters().values():
            for place, figure in enumerate(of_chapter(chapter), 1):
                name = f"{chapter.name}-{place:02}.{figure.form}"
                (folder / name).write_bytes(figure.data)
                source = f"{site()}{chapter.path.stem}.html"
                table.writerow([name, chapter.title, figure.section, figure.alt, LICENCE, source])
