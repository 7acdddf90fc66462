"""Chapter 15: a solution of every exercise, and the likely mistakes with the hint for each."""

import torch
from torch.nn import functional as F


def one_hot(x, classes):
    return F.one_hot(x.long(), classes).float()


def letters_before(x, classes):
    return F.pad(one_hot(x, classes), (0, 0, 1, -1))


def ends_before(x):
    return F.pad((x == 0).cumsum(1), (1, -1))


def log_prob_of_text(log_prob_each, x):
    return (log_prob_each * (ends_before(x) == 0)).sum(1)


def first_end(x):
    return (x == 0) & (ends_before(x) == 0)


def by_assignment(x, classes):
    out = torch.zeros(*x.shape, classes)
    out[:, 1:] = one_hot(x, classes)[:, :-1]
    return out


def by_comparison(x, classes):
    before = torch.cat([torch.full_like(x[:, :1], -1), x[:, :-1]], 1)
    return (before[..., None] == torch.arange(classes)).float()


def by_loops(x, classes):
    out = torch.zeros(len(x), x.shape[1], classes)
    for row in range(len(x)):
        for place in range(1, x.shape[1]):
            out[row, place, int(x[row, place - 1])] = 1
    return out


def letter_by_letter(log_prob_each, x):
    totals = []
    for terms, letters in zip(log_prob_each, x, strict=True):
        total = 0.0
        for term, letter in zip(terms, letters, strict=True):
            total = total + term
            if letter == 0:
                break
        totals.append(total)
    return totals


def by_length(log_prob_each, x):
    ends = torch.cat([x == 0, torch.ones_like(x[:, :1], dtype=torch.bool)], 1)
    last = ends.float().argmax(1)  # the first end symbol, or behind the last letter
    return (log_prob_each * (torch.arange(x.shape[1]) <= last[:, None])).sum(1)


SOLUTIONS = {"15.1": letters_before, "15.2": log_prob_of_text}

RIGHT = [
    ("15.1", by_assignment),
    ("15.1", by_comparison),
    ("15.1", by_loops),
    ("15.1", lambda x, c: torch.cat([torch.zeros(len(x), 1, c), one_hot(x, c)[:, :-1]], 1)),
    ("15.1", lambda x, c: one_hot(x, c).roll(1, 1) * (torch.arange(x.shape[1]) > 0)[:, None]),
    ("15.2", letter_by_letter),
    ("15.2", by_length),
    (
        "15.2",
        lambda p, x: p.cumsum(1).gather(1, (x == 0).float().argmax(1, True))[:, 0],
    ),
    ("15.2", lambda p, x: torch.where(ends_before(x) > 0, 0.0, p).sum(1)),
    ("15.2", lambda p, x: p.masked_fill(((x == 0).cumsum(1) - (x == 0).long()) > 0, 0).sum(-1)),
    ("15.2", lambda p, x: torch.einsum("bd,bd->b", p, (ends_before(x) == 0).float())),
]

MISTAKES = [
    ("15.1", lambda x, c: letters_before(x, c).transpose(1, 2)[:, :2], "(B, D, C)"),
    ("15.1", lambda x, c: letters_before(x, 9), "(B, D, C)"),
    ("15.1", lambda x, c: F.pad(F.one_hot(x.long()), (0, 0, 1, -1)), "the last one is not in"),
    ("15.1", lambda x, c: F.pad(x, (1, -1)), "not the number"),
    ("15.1", lambda x, c: letters_before(x, c)[:, 1:], "a row of its own"),
    ("15.1", lambda x, c: one_hot(x, c).roll(1, 0), "shifted the texts"),
    ("15.1", lambda x, c: F.pad(one_hot(x, c), (0, 0, 0, 0, 1, -1)), "shifted the texts"),
    ("15.1", lambda x, c: F.pad(one_hot(x, c), (0, 0, 2, -2)), "two on"),
    ("15.1", lambda x, c: one_hot(x, c).flip(1), "turned the text round"),
    ("15.1", lambda x, c: letters_before(x, c) * torch.nan, "should be"),
    ("15.1", one_hot, "very letter"),
    ("15.1", lambda x, c: F.pad(one_hot(x, c), (0, 0, -1, 1)), "to the left"),
    ("15.1", lambda x, c: one_hot(x, c).roll(1, 1), "the last letter"),
    ("15.1", lambda x, c: F.pad(one_hot(x, c), (1, -1)), "shifted the classes"),
    ("15.1", lambda x, c: one_hot(F.pad(x, (1, -1)), c), "class 0"),
    ("15.1", lambda x, c: letters_before(x, c).cumsum(1).clamp(max=1), "just before"),
    ("15.1", lambda x, c: letters_before(x, c) + 1, "should be"),
    ("15.2", lambda p, x: p.sum(), "for each text"),
    ("15.2", lambda p, x: p.sum(1), "stop at the first"),
    ("15.2", lambda p, x: (p * ((x == 0).cumsum(1) == 0)).sum(1), "belongs to the text"),
    ("15.2", lambda p, x: (p * ((x != 0) | ((x == 0).cumsum(1) == 1))).sum(1), "no letter"),
    ("15.2", lambda p, x: (p * first_end(x)).sum(1), "keep the letters"),
    (
        "15.2",
        lambda p, x: log_prob_of_text(p, x) / (ends_before(x) == 0).sum(1),
        "no mean",
    ),
    ("15.2", lambda p, x: log_prob_of_text(p, x).exp(), "are added"),
    ("15.2", lambda p, x: log_prob_of_text(p, x) - 1, "should be"),
    ("15.2", lambda p, x: p * (ends_before(x) == 0), "add up those"),
    ("15.2", lambda p, x: (p * (x != 0)).sum(1), "do not count with you"),
    ("15.2", lambda p, x: (p * (x == 0).flip(1).cumsum(1).flip(1).bool()).sum(1), "the last one"),
    ("15.2", lambda p, x: (p * (F.pad(ends_before(x), (1, -1)) == 0)).sum(1), "too many"),
    ("15.2", lambda p, x: (p * ((x == 0).cumsum(1) > 0)).sum(1), "in place of the text"),
    ("15.2", lambda p, x: log_prob_of_text(p, x) / x.shape[1], "over the places"),
    ("15.2", lambda p, x: log_prob_of_text(p.exp(), x), "not their exponentials"),
    ("15.2", lambda p, x: -log_prob_of_text(p, x), "sign is turned"),
    ("15.2", lambda p, x: log_prob_of_text(p, x).detach(), "has no gradient"),
    (
        "15.2",
        lambda p, x: (
            (p.detach() * (ends_before(x) == 0) + p * first_end(x)).sum(1)
            - (p.detach() * first_end(x)).sum(1)
        ),
        "not its gradient",
    ),
]


def test_what_comes_after_the_end_changes_nothing():
    x = torch.tensor([[2.0, 0.0, 0.0]])
    one, other = torch.tensor([[-1.0, -2.0, -3.0]]), torch.tensor([[-1.0, -2.0, -9.0]])
    assert torch.equal(log_prob_of_text(one, x), log_prob_of_text(other, x))
