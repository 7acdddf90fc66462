"""Grades of many submissions: points, and files that an interrupted run goes on from."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import secrets
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..exercises.registry import CHECKS
from ..files import claimed, disk_errors, write_file
from .limits import Limits
from .run import run
from .submission import NotANotebookError, read

CORRECT, NOTE = "correct", "note"
LONGEST = 500  # characters of a hint
FORMULA = ("=", "+", "-", "@")  # what a spreadsheet takes for the beginning of one


@dataclass(frozen=True)
class Grade:
    """What one submission got for one exercise.

    Attributes
    ----------
    submission : str
        The file, as it was named.
    exercise : str
        The number; empty where the line is about the whole file.
    state : str
        "correct", "not right yet", "not done yet", "missing", "crashed", "timed out" or "out of
        memory"; of a whole file "no notebook", "no exercises", or "note" of a cell that failed.
    points, of : float
        What it got, and what it could get.
    hint : str
        What the check said, or what went wrong.
    """

    submission: str
    exercise: str
    state: str
    points: float
    of: float
    hint: str


def read_points(path: str | Path) -> dict[str, float]:
    """Read how many points each exercise gives: a TOML file with lines such as `"5.1" = 2`.

    Raises
    ------
    ValueError
        If it is not TOML, if an exercise is unknown, or if its points are no positive number.
    """
    try:
        points = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no TOML file: {error}") from error
    for number, worth in points.items():
        if number not in CHECKS:
            raise ValueError(
                f"{path}: there is no exercise {number!r} with a check; write lines as "
                "'\"5.1\" = 2'"
            )
        number_of = isinstance(worth, int | float) and not isinstance(worth, bool)
        if not number_of or not 0 < worth < math.inf:
            raise ValueError(
                f"{path}: the points of {number} must be a positive number, got {worth!r}"
            )
    if not points:
        raise ValueError(f"{path} names no exercise; write lines as '\"5.1\" = 2'")
    return points


def grade(
    paths: Sequence[str | Path],
    folder: str | Path,
    *,
    points: Mapping[str, float] | None = None,
    limits: Limits | None = None,
    seed: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[Grade]:
    """Grade notebooks, each in processes of its own, and write the results to a folder.

    `points.csv` has a row for each submission, `grades.csv` and `grades.json` one for each of its
    exercises. Every finished submission is kept in `folder` at once. A run that was interrupted
    goes on: the same call again leaves out the files that have not changed since.

    Parameters
    ----------
    paths : sequence of path
        The notebooks.
    folder : path
        Where the results go; it is made if it is missing.
    points : mapping, optional
        From the number of an exercise to its points; those exercises count, and no others. By
        default all exercises of the chapters that a notebook has checks of, at one point each.
    limits : Limits, optional
    seed : int, optional
        Of the numbers that the functions are tried on. By default one that nobody knows, the same
        for all submissions; it is written down in `grades.json`.
    progress : callable, optional
        Called with a line for each submission when it is done.

    Returns
    -------
    list of Grade
        In the order of `paths`.

    Raises
    ------
    OSError
        If the results cannot be written, or if another process is grading into the folder.
    RuntimeError
        If not even what every submission needs can be loaded.
    """
    folder, limits = Path(folder), limits or Limits()
    with disk_errors(folder, "made"):
        folder.mkdir(parents=True, exist_ok=True)
    with claimed(folder / "finished.json"):
        kept = _Kept(folder / "finished.json", points, limits, seed)
        grades: list[Grade] = []
        try:
            for path in paths:
                digest = _digest(path)
                mine = kept.find(path, digest)
                if mine is None:
                    mine = _grade_one(path, points, limits, kept.seed)
                    kept.add(path, digest, mine)
                grades += mine
                if progress:
                    progress(summary(mine))
        finally:
            _write(folder, grades, kept.seed)
    return grades


def _grade_one(
    path: str | Path, points: Mapping[str, float] | None, limits: Limits, seed: int
) -> list[Grade]:
    try:
        submission = read(path)
    except NotANotebookError as error:
        return _failed(path, points, "no notebook", str(error))
    except OSError as error:
        folder = "it is a folder; name the notebooks in it"
        why = folder if Path(path).is_dir() else f"it cannot be read: {error.strerror}"
        return _failed(path, points, "no notebook", why)
    exercises = tuple(points) if points else submission.exercises
    if not exercises or not submission.cells:
        words = "no cell calls a check" if submission.cells else "it has no code"
        return _failed(path, points, "no exercises", words)
    result = run(submission, exercises, limits, seed)
    worth = points or dict.fromkeys(exercises, 1.0)
    grades = [
        _line(path, number, state, worth[number] * (state == CORRECT), worth[number], hint)
        for number, (state, hint) in ((each, result.verdicts[each]) for each in exercises)
    ]
    for place, words in result.trouble.items():
        grades.append(_line(path, "", NOTE, 0.0, 0.0, f"code cell {place} {words}"))
    return grades


def _line(
    path: str | Path, exercise: str, state: str, points: float, of: float, hint: str
) -> Grade:
    """Return a grade that is one line of text, whatever the student wrote."""
    return Grade(plain(str(path)), exercise, plain(state), points, of, plain(hint))


def plain(text: str) -> str:
    """Return a text as one line of characters that can be shown, cut where it is very long."""
    line = "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _failed(
    path: str | Path, points: Mapping[str, float] | None, state: str, why: str
) -> list[Grade]:
    return [_line(path, "", state, 0.0, float(sum((points or {}).values())), why)]


class _Kept:
    """The submissions that are finished, in a file."""

    def __init__(
        self, path: Path, points: Mapping[str, float] | None, limits: Limits, seed: int | None
    ) -> None:
        self.path = path
        settings = {
            "version": version("vaetut"),
            "points": points and dict(points),
            "limits": asdict(limits),
        }
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            same = found["settings"] == settings and seed in (None, found["seed"])
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            same = False
        chosen = secrets.randbits(32) if seed is None else seed
        self.facts: dict[str, Any] = (
            found if same else {"settings": settings, "seed": chosen, "finished": {}}
        )
        self.seed: int = self.facts["seed"]

    def find(self, path: str | Path, digest: str | None) -> list[Grade] | None:
        """Return the grades of a file that has not changed since it was graded."""
        entry = self.facts["finished"].get(str(path))
        if entry is None or entry["digest"] != digest:
            return None
        return [Grade(**facts) for facts in entry["grades"]]

    def add(self, path: str | Path, digest: str | None, grades: list[Grade]) -> None:
        """Keep the grades of a file, unless it could not be read."""
        if digest is None:
            return
        entry = {"digest": digest, "grades": [asdict(each) for each in grades]}
        self.facts["finished"][str(path)] = entry
        write_file(self.path, json.dumps(self.facts).encode())


def _digest(path: str | Path) -> str | None:
    """Return what tells a file's content from another, or None where it cannot be read."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return None


def _write(folder: Path, grades: list[Grade], seed: int) -> None:
    _write_csv(folder / "grades.csv", [asdict(each) for each in grades])
    _write_csv(folder / "points.csv", _totals(grades))
    facts = {"seed": seed, "grades": [asdict(each) for each in grades]}
    write_file(folder / "grades.json", json.dumps(facts, indent=1).encode())


def _totals(grades: Sequence[Grade]) -> list[dict[str, Any]]:
    """Return a row for each submission: all points, those of each exercise, and what to look at."""
    mine: dict[str, list[Grade]] = {}
    for each in grades:
        mine.setdefault(each.submission, []).append(each)
    asked = {each.exercise for each in grades}
    numbers = [number for number in CHECKS if number in asked]
    return [
        {
            "submission": name,
            "points": sum(each.points for each in lines),
            "of": sum(each.of for each in lines),
            **dict.fromkeys(numbers, ""),
            **{each.exercise: each.points for each in lines if each.exercise},
            "notes": "; ".join(each.hint for each in lines if not each.exercise),
        }
        for name, lines in mine.items()
    ]


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]) if rows else [])
    writer.writeheader()
    writer.writerows(map(_harmless, rows))
    write_file(path, text.getvalue().encode("utf-8-sig"))  # so Excel reads it


def _harmless(row: dict[str, Any]) -> dict[str, Any]:
    """Keep a spreadsheet from taking a student's text for a formula."""
    return {
        key: f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
        for key, value in row.items()
    }


def summary(grades: Sequence[Grade]) -> str:
    """Return the line of one submission: its points, and what kept it from more."""
    got, of = sum(each.points for each in grades), sum(each.of for each in grades)
    rest = "; ".join(
        (each.hint if each.state == NOTE else f"{each.exercise} {each.state}".strip())
        for each in grades
        if each.state != CORRECT
    )
    return f"{got:6g} of {of:<6g} {grades[0].submission}" + (f": {rest}" if rest else "")


def table(grades: Sequence[Grade]) -> str:
    """Return all grades as text, a line for each submission and exercise."""
    width = max((len(each.submission) for each in grades), default=0)
    return "\n".join(
        f"{each.submission:<{width}}  {each.exercise:<5} {each.points:g}/{each.of:<4g} "
        f"{each.state:<14} {each.hint}".rstrip()
        for each in grades
    )
