"""Checks for chapter 14, "Colour and counts"."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.distributions import Poisson

from .registry import NOT_DONE, exercise, first_match, furthest


@exercise("14.1")
def _bits_per_value(bits_per_value: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (neg_log_prob, input_dim) that returns one number."""
    nats, input_dim = torch.tensor([310.0, 150.0, 270.0]), 192
    got = bits_per_value(nats, input_dim)
    if got is None:
        return NOT_DONE
    got = torch.as_tensor(got)
    if got.shape != ():
        return f"the mean over the batch is wanted, one number; your shape is {tuple(got.shape)}"
    wanted = nats.mean() / (input_dim * math.log(2))
    known = {
        "those are nats: a bit is log 2 of them, so there are more bits than nats": (
            nats.mean() / input_dim
        ),
        "there are more bits than nats: divide by log 2": nats.mean() * math.log(2) / input_dim,
        "those are bits per image; divide by the number of its values": (nats.mean() / math.log(2)),
        "the mean over the images is wanted, you have summed": (
            nats.sum() / (input_dim * math.log(2))
        ),
        "the logarithm is the natural one": nats.mean() / (input_dim * math.log10(2)),
        "a cost is positive here": -wanted,
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.isclose(got.float(), wanted, rtol=1e-3):
        return f"for a small example it should be {wanted:.4f}; yours is {got:.4f}"
    return None


@exercise("14.2")
def _capped(capped: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (x, log_mean, most)."""
    x = torch.tensor([[0.0, 3.0, 5.0], [5.0, 1.0, 2.0]])
    log_mean, most = torch.tensor([[0.7, 1.0, 2.0], [1.8, 0.9, 0.5]]), 5
    got = capped(x, log_mean, most)
    if got is None:
        return NOT_DONE
    if got.shape != (2, 3):
        return f"one number for each count is wanted, here (2, 3); yours is {tuple(got.shape)}"
    poisson = Poisson(log_mean.exp())
    plain = poisson.log_prob(x)
    every = poisson.log_prob(torch.arange(most + 1.0)[:, None, None])  # (6, 2, 3)
    wanted = plain - every.logsumexp(0)
    known = {
        "that is a Poisson without an end: divide by the chance of n or less": plain,
        "what is left out makes the others more probable: look at the sign": (
            plain + every.logsumexp(0)
        ),
        "the n itself is allowed: its chance belongs to the sum": plain - every[:-1].logsumexp(0),
        "take the logarithm of the chance of n or less": plain - every.exp().sum(0),
        "the chance of n or less is wanted, you have taken that of more": (
            plain - (1 - every.exp().sum(0)).log()
        ),
        "what is given is the logarithm of the mean": Poisson(log_mean).log_prob(x)
        - Poisson(log_mean).log_prob(torch.arange(most + 1.0)[:, None, None]).logsumexp(0),
        "that is the probability; its logarithm is wanted": wanted.exp(),
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-4):
        return furthest(got, wanted)
    far = torch.full((2, 3), 1000.0)  # a mean that a fresh network may well say
    if not capped(x, far.log(), most).isfinite().all():
        return "with a mean of 1000 it is not finite: add the chances of 0 to n with logsumexp"
    return None
