"""The exercises by their numbers, and how an answer is checked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

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
        The function that the exercise asks for. None, or a function that returns None, is "not
        done yet". Arrays and floats that it returns count as tensors, and lists as tuples.

    Raises
    ------
    TypeError, ValueError
        If there is no such exercise.
    """
    if not isinstance(number, str):
        raise TypeError(f"number must be a str, such as '7.1', got {number!r:.60}")
    if number not in CHECKS:
        raise ValueError(f"there is no exercise {number!r}; there are: {', '.join(CHECKS)}")
    try:
        hint = _hint(number, answer)
    except _ReadersError as error:
        hint = f"your code stopped with {error}"
    except Exception as error:  # the answer may be of any kind
        hint = (
            "your code runs, but what it returns is not of the kind that is asked for "
            f"({type(error).__name__}: {error})"
        )
    if hint is NOT_DONE:
        print(f"{number}: not done yet")
    elif hint:
        print(f"{number}: not right yet. {hint[0].upper()}{hint[1:]}.")
    else:
        print(f"{number}: correct")


def _hint(number: str, answer: object) -> str | None:
    if answer is None:
        return NOT_DONE
    if not callable(answer):
        return (
            f"a function is wanted, and yours is of the type {type(answer).__name__}; give the "
            "function itself, without calling it"
        )
    return CHECKS[number](_tamed(answer))


class _ReadersError(Exception):
    """Something that went wrong in the reader's own code."""


def _tamed(function: Callable) -> Callable:
    """Wrap the reader's function: it cannot change what it is given, and returns tensors."""

    def call(*args: object) -> object:
        copies = [
            a.clone() if isinstance(a, torch.Tensor) and not a.requires_grad else a for a in args
        ]
        try:
            result = function(*copies)
        except Exception as error:  # the reader's code may fail in any way
            raise _ReadersError(f"{type(error).__name__}: {error}") from error
        return _as_tensors(result)

    return call


def _as_tensors(result: object) -> object:
    """Return floats and arrays as tensors in float32, lists as tuples, functions tamed.

    A network is left as it is.
    """
    if isinstance(result, list | tuple):
        return tuple(map(_as_tensors, result))
    if isinstance(result, np.generic):
        result = result.item()
    if isinstance(result, np.ndarray | float):
        result = torch.as_tensor(result)
    if isinstance(result, torch.Tensor):
        return result.float() if result.is_floating_point() else result
    is_function = callable(result) and not isinstance(result, nn.Module)
    return _tamed(result) if is_function else result


def furthest(got: torch.Tensor, wanted: torch.Tensor, number: str = "one of your numbers") -> str:
    """Say which of the reader's numbers is furthest from what it should be."""
    place = (got - wanted).abs().nan_to_num(nan=torch.inf).argmax()
    mine, right = got.flatten()[place], wanted.flatten()[place]
    return f"for a small example {number} is {mine:.4f}, it should be {right:.4f}"


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
