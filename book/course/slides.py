"""Slides for each session, from the chapters' headings, formulas, figures and questions.

A file holds everything that it shows. Arrow keys and the space bar turn the pages; printed, each
slide is a page.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator
from pathlib import Path

from .figures import Figure, of_cell
from .markup import page, render
from .sources import EXERCISES, Chapter, chapters, plan

FORMULA = re.compile(r"^\$\$\n?(.*?)\n?\$\$$", re.MULTILINE | re.DOTALL)
QUESTION = re.compile(
    r"^> \*\*Question:\*\*.*?^<details>\s*<summary>Which one, and why\?</summary>.*?</details>",
    re.MULTILINE | re.DOTALL,
)
PIECE = re.compile(
    rf"(?P<heading>^##+ [^\n]+$)|(?P<formula>{FORMULA.pattern})|(?P<question>{QUESTION.pattern})",
    re.M | re.S,
)


def write(folder: Path) -> None:
    """Write a file for each session."""
    folder.mkdir(parents=True)
    for session in plan()["session"]:
        title = f"Session {session['number']}: {session['question']}"
        body = "".join(_slides(session, title))
        path = folder / f"session-{session['number']}.html"
        path.write_text(page(title, "slides.css", body, "slides.js"), encoding="utf-8")


def _slides(session: dict, title: str) -> Iterator[str]:
    goals = "".join(f"<li>{render(goal)}</li>" for goal in session["goals"])
    yield f'<section class="title"><h1>{html.escape(title)}</h1><ul>{goals}</ul></section>'
    for name in session["chapters"]:
        if name in chapters():
            yield from of_chapter(chapters()[name])
    for number in session["in_class"]:
        yield from _exercise(number)


def of_chapter(chapter: Chapter) -> Iterator[str]:
    """Yield the slides of a chapter's main line: what is marked Deeper is left to its readers."""
    heading = deeper = ""
    for cell in chapter.built().cells:
        if cell.cell_type == "code":
            if not deeper:
                for figure in of_cell(cell, heading):
                    yield _slide(chapter, heading, _picture(figure))
            continue
        for piece in PIECE.finditer(cell.source.split(EXERCISES)[0]):
            if piece["heading"]:
                level, _, heading = piece["heading"].partition(" ")
                if not deeper or len(level) <= len(deeper):
                    deeper = level if heading.startswith("Deeper") else ""
            elif not deeper and piece["formula"]:
                yield _slide(chapter, heading, f"<div>{render(piece['formula'])}</div>")
            elif not deeper:
                asked, _, reasons = piece["question"].partition("<details>")
                yield _slide(chapter, heading, render(asked))
                reasons = re.sub(r".*?</summary>(.*)</details>", r"\1", reasons, flags=re.DOTALL)
                yield _slide(chapter, heading, f"<div>{render(reasons)}</div>")


def _exercise(number: str) -> Iterator[str]:
    for chapter in chapters().values():
        for exercise in chapter.exercises():
            if exercise.number == number:
                text = f"<div>{render(exercise.text)}</div>"
                yield _slide(chapter, f"Exercise {number}: {exercise.title}", text)


def _slide(chapter: Chapter, heading: str, content: str) -> str:
    title = render(heading).removeprefix("<p>").rstrip().removesuffix("</p>") or chapter.title
    of = html.escape(chapter.title)
    return f'<section><p class="of">{of}</p><h2>{title}</h2>{content}</section>'


def _picture(figure: Figure) -> str:
    if figure.form == "svg":
        return figure.data.decode()
    data = base64.b64encode(figure.data).decode()
    return f'<img alt="{html.escape(figure.alt)}" src="data:image/png;base64,{data}">'
