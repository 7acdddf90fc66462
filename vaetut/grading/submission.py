"""A notebook that was handed in: its cells without their checks, and what they define."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from ..exercises.registry import CHECKS

_NUMBER = re.compile(r"\d+\.\d+\Z")


class NotANotebookError(ValueError):
    """A file that cannot be read as a notebook; the message says why."""


@dataclass(frozen=True)
class Submission:
    """What is run of a notebook.

    Attributes
    ----------
    cells : tuple of str
        Its code, the calls of `check` taken out.
    asked : frozenset of str
        The numbers of the exercises whose check it called.
    """

    cells: tuple[str, ...]
    asked: frozenset[str]

    @property
    def exercises(self) -> tuple[str, ...]:
        """All exercises of the chapters that it has a check of, in the book's order."""
        chapters = {number.partition(".")[0] for number in self.asked}
        return tuple(number for number in CHECKS if number.partition(".")[0] in chapters)

    def defining(self, name: str) -> list[int]:
        """Return the places of the cells that seem to define a function."""
        pattern = re.compile(
            rf"^\s*(async\s+)?def\s+{name}\b|^\s*{name}\s*(:[^=]+)?=", re.MULTILINE
        )
        return [place for place, source in enumerate(self.cells) if pattern.search(source)]


def function_name(number: str) -> str:
    """Return the name that a chapter gives to the function of an exercise."""
    return next(iter(inspect.signature(CHECKS[number]).parameters))


def read(path: str | Path) -> Submission:
    """Read a submission.

    Raises
    ------
    NotANotebookError
        If it is none.
    OSError
        If the file cannot be read.
    """
    data = Path(path).read_bytes()
    try:
        text = data.decode("utf-8")
        notebook = nbformat.reads(text, as_version=4)
        sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    except Exception as error:  # what nbformat and json raise is of many kinds
        first = str(error).partition("\n")[0]
        raise NotANotebookError(f"not a notebook: {type(error).__name__}: {first:.80}") from error
    cells, asked = [], set()
    for source in sources:
        rest, numbers = _without_checks(source)
        cells.append(rest)
        asked |= numbers
    return Submission(tuple(cells), frozenset(asked & set(CHECKS)))


def _without_checks(source: str) -> tuple[str, set[str]]:
    """Return a cell as plain Python without its calls of `check`, and the exercises they name."""
    try:
        code = TransformerManager().transform_cell(source)
        tree = ast.parse(code)
    except (SyntaxError, ValueError):  # it will fail when it is run, and say so there
        return source, set()
    lines, numbers = code.splitlines(), set()
    for statement in tree.body:
        if number := _checked(statement):
            numbers.add(number)
            for line in range(statement.lineno - 1, statement.end_lineno or statement.lineno):
                lines[line] = ""
    return ("\n".join(lines) if numbers else source), numbers


def _checked(statement: ast.stmt) -> str | None:
    """Return the exercise that a statement checks, if it does nothing but that."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not call.args:
        return None
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    number = getattr(call.args[0], "value", None)
    matches = name == "check" and isinstance(number, str) and _NUMBER.match(number)
    return number if matches else None
