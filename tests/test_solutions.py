"""Appendix D holds one solution, accepted by its check, for every exercise of the chapters."""

from __future__ import annotations

import re
from collections import Counter

import nbformat
import pytest

from book.build import BOOK, read_source
from vaetut.exercises.registry import CHECKS

NOTEBOOK = BOOK / "D_solutions.ipynb"
CHAPTERS = sorted((BOOK / "src").glob("[0-9][0-9]*_*.md"))
EXERCISE = re.compile(r"^\*\*(\d+\.\d+) (.+?)\*\*", re.MULTILINE)
HEADING = re.compile(r"^(#{2,3}) (.+)$", re.MULTILINE)
CORRECT = re.compile(r"^(\d+\.\d+): (.+)$", re.MULTILINE)


def exercises(chapter) -> list[tuple[str, str]]:
    """Return number and title of a chapter's exercises, in order."""
    part = chapter.read_text(encoding="utf-8").split("\n## Exercises\n")[1].split("\n## ")[0]
    return [(number, title.removesuffix(".")) for number, title in EXERCISE.findall(part)]


def sections() -> dict[str, list]:
    """Return the notebook's cells below each of its headings, with the heading's text first."""
    found: dict[str, list] = {}
    below: list = []
    for cell in nbformat.read(NOTEBOOK, 4).cells:
        if cell.cell_type == "markdown":
            for part in re.split(r"^(?=##)", cell.source, flags=re.MULTILINE):
                if heading := HEADING.match(part):
                    assert heading[2] not in found, heading[2]
                    below = found[heading[2]] = []
                below.append(part)
        else:
            below.append(cell)
    return found


def said(cells: list) -> list[tuple[str, str]]:
    """Return what the checks printed in some cells: numbers and verdicts."""
    outputs = [output for cell in cells if not isinstance(cell, str) for output in cell.outputs]
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    return CORRECT.findall(printed)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_the_exercises_are_numbered_and_the_checks_are_theirs(chapter):
    number = int(chapter.stem[:2])
    # Chapter 9b goes on from chapter 9.
    of_number = [path for path in CHAPTERS if path.stem[:2] == chapter.stem[:2]]
    both = [n for path in of_number for n, _ in exercises(path)]
    assert both == [f"{number}.{k}" for k in range(1, len(both) + 1)]
    found = [n for n, _ in exercises(chapter)]
    source = "\n".join(c.source for c in read_source(chapter).cells if c.cell_type == "code")
    called = re.findall(r'exercises\.check\("([^"]+)"', source)
    assert called == [n for n in CHECKS if n in found]
    assert {n for n in CHECKS if n.split(".")[0] == str(number)} <= set(both)


def test_every_check_says_correct_exactly_once():
    verdicts = [verdict for cells in sections().values() for verdict in said(cells)]
    assert {verdict for _, verdict in verdicts} == {"correct"}
    assert Counter(number for number, _ in verdicts) == Counter(list(CHECKS))


def test_the_headings_are_the_exercises_in_the_chapters_order():
    expected = []
    for chapter in CHAPTERS:
        expected.append(f"Chapter {chapter.stem.split('_')[0].lstrip('0')}")
        expected += [f"{number} {title}" for number, title in exercises(chapter)]
    assert list(sections()) == expected


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_solution_stands_below_its_heading_and_links_back(chapter):
    found = sections()
    for number, title in exercises(chapter):
        cells = found[f"{number} {title}"]
        assert f"({chapter.stem}.ipynb#exercises)" in cells[0], number
        assert [n for n, _ in said(cells)] == [number] * (number in CHECKS), number


def test_what_counts_as_an_exercise(tmp_path):
    chapter = tmp_path / "01_a.md"
    chapter.write_text(
        "**1.9 No.** x\n\n## Exercises\n\n**1.1 Yes, $K$ times.** y **2**\n\n## What to read next\n"
    )
    assert exercises(chapter) == [("1.1", "Yes, $K$ times")]
