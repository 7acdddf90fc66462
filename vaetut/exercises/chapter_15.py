"""Checks for chapter 15, "Sequences"."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from ..noise import make_generator
from .registry import NOT_DONE, exercise, first_match, furthest


@exercise("15.1")
def _letters_before(letters_before: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (x, classes) that returns (B, D, C)."""
    x, classes = torch.tensor([[2.0, 0.0, 3.0, 1.0], [3.0, 3.0, 1.0, 0.0]]), 4
    got = letters_before(x, classes)
    if got is None:
        return NOT_DONE
    if got.shape != (2, 4, 4):
        return (
            "zeros and ones for each place and class are wanted, (B, D, C), here (2, 4, 4); "
            f"yours is {tuple(got.shape)}"
        )
    own = F.one_hot(x.long(), classes).float()  # (2, 4, 4)
    wanted = F.pad(own, (0, 0, 1, -1))
    known = {
        "the decoder would see the very letter that it has to write: shift by one place": own,
        "you have shifted to the left: each place would see the letter after it": (
            F.pad(own, (0, 0, -1, 1))
        ),
        "at the first place stands the last letter: nothing was written before": own.roll(1, 1),
        "you have shifted the classes, not the places": F.pad(own, (1, -1)),
        "at the first place all is zero; you have put the class 0 there": F.one_hot(
            F.pad(x, (1, -1)).long(), classes
        ).float(),
        "only the letter just before is wanted, not all of them": wanted.cumsum(1).clamp(max=1),
    }
    if hint := first_match(got.float(), known, wanted):
        return hint
    return None if torch.equal(got.float(), wanted) else furthest(got.float(), wanted)


@exercise("15.2")
def _log_prob_of_text(log_prob_of_text: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (log_prob_each, x) that returns one number for each text."""
    x = torch.tensor([[2.0, 1.0, 0.0, 0.0], [3.0, 3.0, 1.0, 0.0], [1.0, 0.0, 2.0, 0.0]])
    each = -torch.rand(3, 4, generator=make_generator(0)) - 0.1
    got = log_prob_of_text(each, x)
    if got is None:
        return NOT_DONE
    if got.shape != (3,):
        return f"one number for each text is wanted, here (3,); yours is {tuple(got.shape)}"
    ended = (x == 0).float().cumsum(1)  # how many end symbols up to each place
    wanted = (each * ((ended == 0) | ((ended == 1) & (x == 0)))).sum(1)
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
        "a text's log-probability is a sum over its letters, no mean": (
            wanted / torch.tensor([3.0, 4.0, 2.0])
        ),
        "log-probabilities are added": wanted.exp(),
    }
    if hint := first_match(got, known, wanted):
        return hint
    return None if torch.allclose(got, wanted, rtol=1e-3) else furthest(got, wanted)
