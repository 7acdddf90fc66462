"""What the course is made of: the chapters, their exercises, solutions and known mistakes."""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from book.build import BOOK, read_source

ROOT = BOOK.parent
EXERCISES = "\n## Exercises\n"
TITLE = re.compile(r"^\*\*(\d+\.\d+) (.+?)\*\*\s*", re.MULTILINE)
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(?::[^\n]*\n)*\n*(.*?)^```$", re.MULTILINE | re.DOTALL)
ANSWER = re.compile(r"<details>\s*<summary>(?!Which one)(.*?)</summary>(.*?)</details>", re.DOTALL)
CHECK = re.compile(r'^exercises\.check\("([\d.]+)", (\w+)\)\n?', re.MULTILINE)


@dataclass(frozen=True)
class Exercise:
    """One exercise: its text, and its code to go on from or, of one without, its answer."""

    number: str
    title: str
    text: str
    stub: str
    function: str
    answer: str


@dataclass(frozen=True)
class Chapter:
    """A chapter of the book that has exercises."""

    path: Path

    @property
    def name(self) -> str:
        """The number in the file's name, such as "09b"."""
        return self.path.stem.partition("_")[0]

    @property
    def title(self) -> str:
        """The heading, such as "9b · What a score does not tell"."""
        return re.search(r"^# (.+)$", self.text, re.MULTILINE)[1]

    @property
    def text(self) -> str:
        """The source."""
        return self.path.read_text(encoding="utf-8")

    def source(self) -> NotebookNode:
        """Return the notebook without outputs."""
        return read_source(self.path)

    def built(self) -> NotebookNode:
        """Return the notebook with its stored outputs."""
        return nbformat.read(BOOK / f"{self.path.stem}.ipynb", as_version=4)

    def exercises(self) -> list[Exercise]:
        """Return the exercises in their order."""
        part = self.text.split(EXERCISES)[1].split("\n## ")[0]
        _, *pieces = TITLE.split(part)
        return [_exercise(*pieces[i : i + 3]) for i in range(0, len(pieces), 3)]


def _exercise(number: str, title: str, body: str) -> Exercise:
    answer = ANSWER.search(body)
    code = "\n\n".join(CELL.findall(body))  # what is given, and what is asked for
    call = CHECK.search(code)
    return Exercise(
        number=number,
        title=title.removesuffix("."),
        text=ANSWER.sub("", CELL.sub("", body)).strip(),
        stub=CHECK.sub("", code).strip(),
        function=call[2] if call else "",
        answer=answer[2].strip() if answer else "",
    )


@cache
def chapters() -> dict[str, Chapter]:
    """Return the chapters by the numbers in their files' names."""
    found = (Chapter(path) for path in sorted((BOOK / "src").glob("[0-9]*.md")))
    return {chapter.name: chapter for chapter in found}


@cache
def plan() -> dict:
    """Return sessions and exercises as sessions.toml has them."""
    return tomllib.loads((BOOK / "course" / "sessions.toml").read_text(encoding="utf-8"))


@cache
def solutions() -> dict[str, str]:
    """Return the code of appendix D's solutions by number, without the call of the check."""
    text = (BOOK / "src" / "D_solutions.md").read_text(encoding="utf-8")
    codes = ("\n\n".join(CELL.findall(section)) for section in text.split("\n### "))
    return {c[1]: CHECK.sub("", code).strip() for code in codes if (c := CHECK.search(code))}


@cache
def preamble() -> str:
    """Return what appendix D imports and loads before its solutions."""
    text = (
        (BOOK / "src" / "D_solutions.md").read_text(encoding="utf-8").split("\n## Chapter 1\n")[0]
    )
    return "\n\n".join(cell.strip() for cell in CELL.findall(text) if "find_spec" not in cell)


def mistakes(chapter: str) -> list[tuple[str, str, str]]:
    """Return number, code and a piece of the hint of the mistakes that the tests know."""
    path = ROOT / "tests" / "exercises" / f"chapter_{chapter[:2]}.py"
    source = path.read_text(encoding="utf-8")
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == "MISTAKES":
            return [
                (number.value, ast.get_source_segment(source, code), hint.value)
                for number, code, hint in (entry.elts for entry in statement.value.elts)
            ]
    raise ValueError(f"{path} has no MISTAKES")
