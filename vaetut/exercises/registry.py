"""The exercises by their numbers, and how an answer is judged."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass

import torch

from ..noise import make_generator
from .answers import (
    NothingReturned,
    ReadersError,
    TimeUp,
    is_stub,
    known_ground,
    tamed,
    time_limit,
)

TIME_LIMIT = 60.0  # seconds for one check; the slowest right answer needs a few

# A check takes the reader's answer; it returns a hint, or None where the answer is right.
Check = Callable[..., str | None]
CHECKS: dict[str, Check] = {}
_RESULTS: dict[str, int] = {}  # how many things the answer to each exercise returns
_SEED: ContextVar[int] = ContextVar("seed")


@dataclass(frozen=True)
class Verdict:
    """What a check says of an answer.

    Attributes
    ----------
    number : str
        The exercise's.
    state : {"correct", "not right yet", "not done yet"}
        "not done yet" is a function that is still empty, or None.
    hint : str
        What the mistake looks like; empty unless the state is "not right yet".
    """

    number: str
    state: str
    hint: str = ""

    def __str__(self) -> str:
        """Return the line that the reader sees."""
        if not self.hint:
            return f"{self.number}: {self.state}"
        end = "" if self.hint.endswith("?") else "."
        return f"{self.number}: {self.state}. {self.hint[0].upper()}{self.hint[1:]}{end}"


def exercise(number: str, results: int = 1) -> Callable[[Check], Check]:
    """Register the decorated function as the check of exercise `number`, e.g. "7.1".

    `results` is how many things the reader's function returns. Where they are several and the
    number is right, the check gets a tuple; where it is one, a tensor.
    """

    def register(function: Check) -> Check:
        CHECKS[number] = function
        _RESULTS[number] = results
        return function

    return register


def judge(number: str, answer: object, *, seed: int | None = None) -> Verdict:
    """Say whether `answer` solves the exercise, and if not, give a hint that fits the mistake.

    Parameters
    ----------
    number : str
        The exercise's, e.g. "7.1".
    answer : object
        The function that the exercise asks for. It gets copies of the check's arguments. Arrays,
        lists and numbers that it returns count as tensors, of any precision.
    seed : int, optional
        Of the sizes and numbers that the answer is tried on. By default they are new each time.

    Returns
    -------
    Verdict

    Raises
    ------
    TypeError, ValueError
        If there is no such exercise.
    """
    if not isinstance(number, str):
        raise TypeError(f"number must be a str, such as '7.1', got {number!r:.60}")
    if number not in CHECKS:
        raise ValueError(f"there is no exercise {number!r}; there are: {', '.join(CHECKS)}")
    if answer is None or is_stub(answer):
        return Verdict(number, "not done yet")
    if not callable(answer):
        kind = type(answer).__name__
        hint = f"a function is wanted, and yours is of the type {kind}; give the function itself, "
        return Verdict(number, "not right yet", hint + "without calling it")
    token = _SEED.set(secrets.randbits(32) if seed is None else seed)
    try:
        found = _hint(number, answer)
    finally:
        _SEED.reset(token)
    return Verdict(number, "not right yet" if found else "correct", found or "")


def _hint(number: str, answer: Callable[..., object]) -> str | None:
    try:
        with known_ground(), time_limit(TIME_LIMIT):
            return CHECKS[number](tamed(answer, _RESULTS[number]))
    except NothingReturned:
        return "your function returns nothing: let it end with `return` and the result"
    except ReadersError as error:
        return f"your code stopped with {error}"
    except TimeUp:
        return (
            f"your code ran for more than {TIME_LIMIT:.0f} seconds and was stopped: is there a "
            "loop that never ends, or one that PyTorch could do in one call?"
        )
    except Exception as error:  # the answer may be of any kind
        return (
            "your code runs, but what it returns is not of the kind that is asked for "
            f"({type(error).__name__}: {error})"
        )


def check(number: str, answer: object) -> None:
    """Print what `judge` says of `answer`.

    The function gets copies of its arguments, so it may work in place. Numbers, arrays and lists
    that it returns count as tensors.

    Parameters
    ----------
    number : str
        The exercise's, e.g. "7.1".
    answer : object
        The function that the exercise asks for; an empty one is "not done yet".

    Raises
    ------
    TypeError, ValueError
        If there is no such exercise.
    """
    print(judge(number, answer))


def drawn(stream: int = 0) -> torch.Generator:
    """Return the generator of a check's sizes and numbers; each run of a check has its own."""
    return make_generator(_SEED.get(), stream)


def size(generator: torch.Generator, low: int, high: int) -> int:
    """Draw a size from `low` to `high`, both included."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def sizes(generator: torch.Generator, count: int, low: int, high: int) -> list[int]:
    """Draw `count` sizes from `low` to `high`, both included, no two of them equal."""
    order = torch.randperm(high - low + 1, generator=generator)
    return (order[:count] + low).tolist()


def shifted(got: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return `wanted` plus one number, that which fits `got`: for a constant too many or too few.

    Of two numbers or more it is a known mistake; a single one fits always. A number near 0 is none.
    """
    shift = (got - wanted).mean().nan_to_num(0, 0, 0)
    return wanted + (shift if shift.abs() > 0.05 else torch.nan)


def scaled(got: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return `wanted` times one number, that which fits `got`: for a factor too many or too few.

    A factor near 1 is none, and all zeros are no multiple.
    """
    factor = ((got * wanted).sum() / wanted.square().sum()).nan_to_num(1, 1, 1)
    return wanted * (factor if factor and (factor - 1).abs() > 0.02 else torch.nan)


def close(got: torch.Tensor, wanted: torch.Tensor, rtol: float = 1e-3, atol: float = 1e-4) -> bool:
    """Say whether shape and values agree, every number finite where the wanted one is."""
    return got.shape == wanted.shape and torch.allclose(got, wanted, rtol=rtol, atol=atol)


def furthest(got: torch.Tensor, wanted: torch.Tensor, number: str = "one of your numbers") -> str:
    """Say which of the reader's numbers is furthest from what it should be."""
    place = (got - wanted).abs().nan_to_num(nan=torch.inf).argmax()
    mine, right = got.flatten()[place], wanted.flatten()[place]
    return f"for a small example {number} is {mine:.4f}, it should be {right:.4f}"


def compare(
    got: torch.Tensor,
    wanted: torch.Tensor,
    known: dict[str, torch.Tensor],
    rtol: float = 1e-3,
    atol: float = 1e-4,
    number: str = "one of your numbers",
) -> str | None:
    """Return None for the wanted numbers, else the hint of the known mistake that `got` is.

    Where it is none of them, say which number is furthest off. `got` has the wanted shape.
    """
    if close(got, wanted, rtol, atol):
        return None
    for hint, wrong in known.items():
        if close(got, wrong, rtol, atol):
            return hint
    return furthest(got, wanted, number)


def compare_gradients(
    answer: Callable[..., torch.Tensor],
    reference: Callable[..., torch.Tensor],
    inputs: Sequence[torch.Tensor],
    wrt: Sequence[int],
    rtol: float = 1e-3,
    atol: float = 1e-4,
) -> str | None:
    """Compare the gradients of a loss whose value is right already, or say that there is none.

    Parameters
    ----------
    answer, reference : callable
        The reader's function and ours, of `inputs`.
    inputs : sequence of Tensor
        What both are called with.
    wrt : sequence of int
        The places of the inputs that a gradient must come back to.
    """
    inputs = [each.detach().clone() for each in inputs]
    leaves = [inputs[place].requires_grad_() for place in wrt]
    result = answer(*inputs)
    if not result.requires_grad:
        return (
            "the value is right, and has no gradient: compute with PyTorch's functions, without "
            "detach and no_grad"
        )
    try:
        got = torch.autograd.grad(result.sum(), leaves, allow_unused=True)
    except RuntimeError as error:
        reason = str(error).split(";")[0].split(": [")[0]
        return f"the value is right, but PyTorch finds no way back to its gradient ({reason})"
    wanted = torch.autograd.grad(reference(*inputs).sum(), leaves)
    if any(one is not None and not one.isfinite().all() for one in got):
        return (
            "the value is right, and its gradient is not finite: where do you divide by 0 or "
            "compute with NaN, even if the result is thrown away?"
        )
    if any(
        one is None or not close(one, other, rtol, atol)
        for one, other in zip(got, wanted, strict=True)
    ):
        return "the value is right, but not its gradient: is a part detached, or made by hand?"
    return None
