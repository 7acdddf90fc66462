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
    B, D, C = size(g, 2, 3), size(g, 9, 11), size(g, 6, 8)
    x = torch.randint(C - 1, (B, D), generator=g).float()  # so the last class does not appear
    x[0, :5] = torch.tensor([2.0, 0.0, 3.0, 1.0, C - 2])
    x[:, -1] = 2.0  # not class 0
    got = letters_before(x, C)
    if got.shape == (B, D, C - 1):
        return "there are C classes, also where the last one is not in the batch"
    if got.shape == (B, D):
        return "zeros and a one for each place are wanted, and not the number of the class"
    if got.shape == (B, D - 1, C):
        return "the first place has a row of its own, with only zeros"
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
        "you have shifted the texts, not the places": own.roll(1, 0),
        "you have shifted the texts, not the places, and the first is empty": (
            F.pad(own, (0, 0, 0, 0, 1, -1))
        ),
        "shift by one place; yours is two on": F.pad(own, (0, 0, 2, -2)),
        "the decoder reads from the left: yours has turned the text round": own.flip(1),
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
    B, D = size(g, 4, 6), size(g, 7, 10)
    x = torch.randint(1, 4, (B, D), generator=g).float()
    # Ends: repeated, at the last place, early with letters after it, and at the first place.
    x[0, 2:], x[1, D - 1], x[2, 1], x[3, 0], x[4:, D - 1] = 0.0, 0.0, 0.0, 0.0, 0.0
    each = -torch.rand(B, D, generator=g) - 0.1
    got = log_prob_of_text(each, x)
    if got.shape == (B, D):
        return "one number for each text is wanted: add up those of its letters"
    if got.shape != (B,):
        return f"one number for each text is wanted, here {(B,)}; yours is {tuple(got.shape)}"

    def total(each: torch.Tensor) -> torch.Tensor:
        ended = (x == 0).cumsum(1)  # how many end symbols up to each place
        return (each * ((ended == 0) | ((ended == 1) & (x == 0)))).sum(1)

    ended, wanted, places = (x == 0).cumsum(1), total(each), torch.arange(D)
    first = (x == 0).float().argmax(1)  # the place of the first end symbol
    last = D - 1 - (x == 0).flip(1).float().argmax(1)  # and of the last
    length = ((ended == 0) | ((ended == 1) & (x == 0))).sum(1)
    known = {
        "the repeated end symbols count in your sum; stop at the first": each.sum(1),
        "the first end symbol belongs to the text: without it, nothing says where it stops": (
            (each * (ended == 0)).sum(1)
        ),
        "what stands after the first end symbol is no letter of the text": (
            (each * ((x != 0) | (ended == 1))).sum(1)
        ),
        "a text goes up to its first end symbol, and not up to the last one": (
            (each * (places <= last[:, None])).sum(1)
        ),
        "a text has a letter too many: it ends with its first end symbol": (
            (each * (places <= first[:, None] + 1)).sum(1)
        ),
        "the end symbols do not count with you: the first one belongs to the text, and what stands "
        "after it does not": (each * (x != 0)).sum(1),
        "what stands after the end is added, in place of the text": (each * (ended > 0)).sum(1),
        "only the first end symbol's own log-probability is left: keep the letters, too": (
            (each * ((ended == 1) & (x == 0))).sum(1)
        ),
        "a text's log-probability is a sum over its letters, no mean": wanted / length,
        "a text's log-probability is a sum over its letters, no mean over the places": wanted / D,
        "log-probabilities are added": wanted.exp(),
        "log-probabilities are added, not their exponentials": (
            (each.exp() * (ended - (x == 0).long() == 0)).sum(1)
        ),
        "the sign is turned: a log-probability is never positive": -wanted,
    }
    return compare(got, wanted, known) or compare_gradients(
        lambda each: log_prob_of_text(each, x), total, [each], [0]
    )
