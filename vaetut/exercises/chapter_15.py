"""Checks for chapter 15, "Sequences"."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from .registry import compare, compare_gradients, drawn, exercise, size


@exercise("15.1")
def _letters_before(letters_before: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (x, classes) that returns (B, D, C)."""
    g = drawn()
    B, D, C = size(g, 2, 4), size(g, 5, 7), 4
    x = torch.randint(C, (B, D), generator=g).float()
    x[0, :4], x[:, -1] = torch.tensor([2.0, 0.0, 3.0, 1.0]), 2.0  # every class, the last one not 0
    got = letters_before(x, C)
    if got.shape != (B, D, C):
        return (
            f"zeros and ones for each place and class are wanted, (B, D, C), here {(B, D, C)}; "
            f"yours is {tuple(got.shape)}"
        )
    own = F.one_hot(x.long(), C).float()  # (B, D, C)
    wanted = F.pad(own, (0, 0, 1, -1))
    known = {
        "the decoder would see the very letter that it has to write: shift by one place": own,
        "you have shifted to the left: each place would see the letter after it": (
            F.pad(own, (0, 0, -1, 1))
        ),
        "at the first place stands the last letter: nothing was written before": own.roll(1, 1),
        "you have shifted the classes, not the places": F.pad(own, (1, -1)),
        "at the first place all is zero; you have put the class 0 there": F.one_hot(
            F.pad(x, (1, -1)).long(), C
        ).float(),
        "only the letter just before is wanted, not all of them": wanted.cumsum(1).clamp(max=1),
    }
    return compare(got, wanted, known)


@exercise("15.2")
def _log_prob_of_text(log_prob_of_text: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (log_prob_each, x) that returns one number for each text."""
    g = drawn()
    D = size(g, 4, 7)
    x = torch.randint(1, 4, (4, D), generator=g).float()
    x[0, 2:], x[1, D - 1], x[2, 1] = 0.0, 0.0, 0.0  # ends repeated, at the last place, and early
    each = -torch.rand(4, D, generator=g) - 0.1  # the last text never ends
    got = log_prob_of_text(each, x)
    if got.shape != (4,):
        return f"one number for each text is wanted, here (4,); yours is {tuple(got.shape)}"

    def total(each: torch.Tensor) -> torch.Tensor:
        ended = (x == 0).cumsum(1)  # how many end symbols up to each place
        return (each * ((ended == 0) | ((ended == 1) & (x == 0)))).sum(1)

    ended, wanted = (x == 0).cumsum(1), total(each)
    length = ((ended == 0) | ((ended == 1) & (x == 0))).sum(1)
    known = {
        "the repeated end symbols count in your sum; stop at the first": each.sum(1),
        "the first end symbol belongs to the text: without it, nothing says where it stops": (
            (each * (ended == 0)).sum(1)
        ),
        "what stands after the first end symbol is no letter of the text": (
            (each * ((x != 0) | (ended == 1))).sum(1)
        ),
        "only the first end symbol's own log-probability is left: keep the letters, too": (
            (each * ((ended == 1) & (x == 0))).sum(1)
        ),
        "a text's log-probability is a sum over its letters, no mean": wanted / length,
        "log-probabilities are added": wanted.exp(),
        "the sign is turned: a log-probability is never positive": -wanted,
    }
    return compare(got, wanted, known) or compare_gradients(
        lambda each: log_prob_of_text(each, x), total, [each], [0]
    )
