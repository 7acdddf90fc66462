"""The exercises by their numbers, and how an answer is checked."""

from __future__ import annotations

from collections.abc import Callable

import torch

NOT_DONE = "not done yet"

# A check takes the reader's answer; it returns a hint, NOT_DONE, or None where the answer is right.
Check = Callable[..., str | None]
CHECKS: dict[str, Check] = {}


def exercise(number: str) -> Callable[[Check], Check]:
    """Register the decorated function as the check of exercise `number`, e.g. "7.1"."""

    def register(function: Check) -> Check:
        CHECKS[number] = function
        return function

    return register


def check(number: str, answer: object) -> None:
    """Print whether `answer` solves the exercise, and if not, a hint that fits the mistake.

    Parameters
    ----------
    number : str
        The exercise's, e.g. "7.1".
    answer : object
        What the exercise asks for, mostly a function. None, or a function that returns None, is
        "not done yet".

    Raises
    ------
    ValueError
        If there is no such exercise.
    """
    if number not in CHECKS:
        raise ValueError(f"there is no exercise {number!r}; there are: {', '.join(CHECKS)}")
    try:
        hint = NOT_DONE if answer is None else CHECKS[number](answer)
    except Exception as error:  # the reader's code may fail in any way
        hint = f"your code stopped with {type(error).__name__}: {error}"
    if hint is NOT_DONE:
        print(f"{number}: not done yet")
    elif hint:
        print(f"{number}: not right yet. {hint[0].upper()}{hint[1:]}.")
    else:
        print(f"{number}: correct")


def first_match(
    got: torch.Tensor,
    known: dict[str, torch.Tensor],
    wanted: torch.Tensor | None = None,
    rtol: float = 1e-3,
    atol: float = 1e-4,
) -> str | None:
    """Return the hint of the first known mistake that `got` is, unless it is what is wanted."""
    if wanted is not None and torch.allclose(got, wanted, rtol=rtol, atol=atol):
        return None
    for hint, wrong in known.items():
        if torch.allclose(got, wrong, rtol=rtol, atol=atol):
            return hint
    return None
