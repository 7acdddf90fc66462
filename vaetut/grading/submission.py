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
_CALL = re.compile(r"""\bcheck\(\s*(?:number\s*=\s*)?["'](\d+\.\d+)["']""")


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
        The numbers of the exercises whose check it calls anywhere.
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
        notebook = nbformat.reads(data.decode("utf-8-sig"), as_version=4)
        cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
        asked = set(_CALL.findall("\n".join(cells))) & set(CHECKS)
    except Exception as error:  # what nbformat and json raise is of many kinds
        first = str(error).partition("\n")[0]
        raise NotANotebookError(f"not a notebook: {type(error).__name__}: {first:.80}") from error
    return Submission(tuple(map(_without_checks, cells)), frozenset(asked))


def _without_checks(source: str) -> str:
    """Return a cell as plain Python without its calls of `check`."""
    try:
        code = TransformerManager().transform_cell(source)
        tree = ast.parse(code)
    except (SyntaxError, ValueError):  # it will fail when it is run, and say so there
        return source
    lines, checks = code.splitlines(), list(filter(_is_check, tree.body))
    for statement in checks:
        for line in range(statement.lineno - 1, statement.end_lineno or statement.lineno):
            lines[line] = ""
    return "\n".join(lines) if checks else source


def _is_check(statement: ast.stmt) -> bool:
    """Say whether a statement checks an exercise, and does nothing but that."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not call.args:
        return False
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    number = getattr(call.args[0], "value", None)
    return name == "check" and isinstance(number, str) and _NUMBER.match(number) is not None
