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


SOLUTIONS = {"15.1": letters_before, "15.2": log_prob_of_text}

MISTAKES = [
    ("15.1", lambda x, c: letters_before(x, c).transpose(1, 2)[:, :2], "(B, D, C)"),
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
]


def test_what_comes_after_the_end_changes_nothing():
    x = torch.tensor([[2.0, 0.0, 0.0]])
    one, other = torch.tensor([[-1.0, -2.0, -3.0]]), torch.tensor([[-1.0, -2.0, -9.0]])
    assert torch.equal(log_prob_of_text(one, x), log_prob_of_text(other, x))
