"""Every check accepts its solution, and meets each likely mistake with the hint that fits."""

import math
from importlib import import_module
from pathlib import Path

import pytest

from vaetut.exercises import check
from vaetut.exercises.registry import CHECKS

FILES = sorted((Path(__file__).parent / "exercises").glob("chapter_*.py"))
CHAPTERS = [import_module(f"tests.exercises.{path.stem}") for path in FILES]
SOLUTIONS = {number: answer for c in CHAPTERS for number, answer in c.SOLUTIONS.items()}
MISTAKES = [mistake for c in CHAPTERS for mistake in c.MISTAKES]


def test_every_exercise_has_a_solution_and_mistakes():
    assert set(SOLUTIONS) == set(CHECKS) == {number for number, _, _ in MISTAKES}


@pytest.mark.parametrize("number", SOLUTIONS)
def test_the_solution_passes(number, capsys):
    check(number, SOLUTIONS[number])
    assert capsys.readouterr().out == f"{number}: correct\n"


@pytest.mark.parametrize(("number", "answer", "hint"), MISTAKES)
def test_a_mistake_gets_the_hint_that_fits(number, answer, hint, capsys):
    check(number, answer)
    said = capsys.readouterr().out
    assert said.startswith(f"{number}: not right yet.")
    assert hint in said


@pytest.mark.parametrize("number", SOLUTIONS)
def test_an_empty_stub_is_not_done_yet_and_stops_nothing(number, capsys):
    check(number, lambda *args: None)
    check(number, None)
    assert capsys.readouterr().out == 2 * f"{number}: not done yet\n"


def test_code_that_fails_is_reported_and_stops_nothing(capsys):
    check("7.1", lambda n: math.sqrt(-1))
    assert "Your code stopped with ValueError" in capsys.readouterr().out


def test_an_unknown_exercise_is_an_error_that_lists_the_known():
    with pytest.raises(ValueError, match=r"there are: .*7\.1"):
        check("0.0", None)
