"""Every check accepts its solution, and meets each likely mistake with the hint that fits."""

import math
from importlib import import_module
from pathlib import Path

import pytest
import torch

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


def as_array(result):
    """Return what a reader who thinks in NumPy would: arrays in float64, and lists of them."""
    if isinstance(result, tuple):
        return [as_array(each) for each in result]
    return result.detach().double().numpy() if isinstance(result, torch.Tensor) else result


@pytest.mark.parametrize("number", sorted(set(SOLUTIONS) - {"5.2", "13.1"}))  # which want gradients
def test_a_solution_may_come_in_other_forms(number, capsys):
    check(number, lambda *args: as_array(SOLUTIONS[number](*args)))
    assert capsys.readouterr().out == f"{number}: correct\n"


def test_a_solution_may_change_what_it_is_given(capsys):
    def log_mean(log_w):
        top = log_w.amax(0)
        log_w -= top
        return log_w.exp_().mean(0).log() + top

    check("3.1", log_mean)
    assert capsys.readouterr().out == "3.1: correct\n"


@pytest.mark.parametrize("answer", [{"mean": 1}, "418", 7, lambda x: x])
@pytest.mark.parametrize("number", SOLUTIONS)
def test_an_answer_of_another_kind_is_not_called_a_fault_of_the_code(number, answer, capsys):
    check(number, lambda *args: answer)
    said = capsys.readouterr().out
    assert said.startswith(f"{number}: not right yet.")
    assert "your code stopped" not in said.lower()


def test_the_number_that_is_off_is_the_one_shown(capsys):
    """And not the first one, which may be right."""
    for wrong, shown in ((5.0, "5.0000"), (math.nan, "nan")):

        def only_the_last(*args, wrong=wrong):
            result = SOLUTIONS["1.1"](*args)
            result[-1] = wrong
            return result

        check("1.1", only_the_last)
        assert f"one of your numbers is {shown}, it should be" in capsys.readouterr().out


def test_an_unknown_exercise_is_an_error_that_lists_the_known():
    with pytest.raises(ValueError, match=r"there are: .*7\.1"):
        check("0.0", None)
