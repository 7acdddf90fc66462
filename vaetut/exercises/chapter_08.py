"""Checks for chapter 8, "The Bayesian view"."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from .registry import close, compare, compare_gradients, drawn, exercise, size

# For one small number among many known ones, so that they seldom coincide.
_EXACT: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-5}
_Tables = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def _logits() -> _Tables:
    """Draw the logits of data (X,), encoder (X, Z), prior (Z,) and decoder (Z, X).

    Data and prior are uneven, and the encoder prefers the code that the prior has least of: so
    that no weight can be left out unseen, and no gap is near 0.
    """
    g = drawn()
    X, Z = size(g, 5, 7), size(g, 3, 4)
    data, prior = ((torch.randperm(n, generator=g) + 1.0).log() for n in (X, Z))
    encoder, decoder = torch.randn(X, Z, generator=g), torch.randn(Z, X, generator=g)
    encoder[:, prior.argmin()] += 1.5
    return data, encoder, prior, decoder


def _tables() -> _Tables:
    """Draw data (X,), encoder (X, Z), prior (Z,) and decoder (Z, X), all positive."""
    data, encoder, prior, decoder = (logits.softmax(-1) for logits in _logits())
    return data, encoder, prior, decoder


def _kl(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the sum of a log(a / b), where 0 log 0 is 0."""
    return (torch.xlogy(a, a) - torch.xlogy(a, b)).sum()


def _both(
    data: torch.Tensor, encoder: torch.Tensor, prior: torch.Tensor, decoder: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the two joints q(x, z) and p(x, z), (X, Z) each."""
    return data[:, None] * encoder, prior * decoder.T


@exercise("8.1")
def _joint_kl(joint_kl: Callable[..., torch.Tensor]) -> str | None:
    """Want KL(data encoder || prior decoder) of tables, one number."""
    data, encoder, prior, decoder = tables = _tables()
    got = joint_kl(*tables)
    if got.shape == data.shape:
        return "that is one number per image; one for the whole table is wanted"
    if got.shape == prior.shape:
        return "that is one number per code; one for the whole table is wanted"
    if got.shape != ():
        return f"one number is wanted; your shape is {tuple(got.shape)}"
    q, p = _both(*tables)
    wanted = _kl(q, p)
    entropy = -torch.xlogy(data, data).sum()
    misfit, data_gap = _kl(q.sum(0), prior), _kl(data, p.sum(1))
    per_image = (encoder * (q / p).log()).sum(1)
    known = {
        "the sign is turned: a KL is never negative": -wanted,
        "that is distortion + rate; one more term of (8.2) is missing": wanted + entropy,
        "the entropy of the data has the wrong sign: look at (8.2)": wanted + 2 * entropy,
        "this is the KL the other way round: the data belong to the first of the two": _kl(p, q),
        "this is the distortion alone": -(q * decoder.T.log()).sum(),
        "this is the rate alone": (q * (encoder / prior).log()).sum(),
        "this is the data gap alone: it compares the images, and not the pairs": data_gap,
        "this is the posterior gap alone": wanted - data_gap,
        "this is the misfit alone: it compares the codes, and not the pairs": misfit,
        "this is the decoder gap alone": wanted - misfit,
        "every image counts the same in your average; weigh it with its probability": (
            per_image.mean()
        ),
        "you summed over the images without their probabilities": per_image.sum(),
        "that is an average over the table; a KL is a sum": wanted / q.numel(),
        "that is in bits: take the natural logarithm": wanted / math.log(2),
        "the pairs of the prior and the decoder weigh the logarithms in yours; those of the data "
        "and the encoder do": (p * (q / p).log()).sum(),
    }
    if hint := compare(got, wanted, known, **_EXACT):
        return hint
    logits = _logits()
    if hint := compare_gradients(
        lambda *a: joint_kl(*(each.softmax(-1) for each in a)),
        lambda *a: _kl(*_both(*(each.softmax(-1) for each in a))),
        logits,
        [1, 3],
    ):
        return hint
    rare = data.clone()
    rare[data.argsort()[:2]] = 0
    rare /= rare.sum()
    if not close(joint_kl(rare, encoder, prior, decoder), _kl(rare[:, None] * encoder, p)):
        return "right, until an image has the probability 0 in the data: it should add 0"
    return None


@exercise("8.2", results=2)
def _split_by_code(
    split_by_code: Callable[..., tuple[torch.Tensor, torch.Tensor]],
) -> str | None:
    """Want KL(q(z) || p(z)) and the mean of KL(q(x|z) || p(x|z)) over q(z), from tables."""
    data, encoder, prior, decoder = tables = _tables()
    got = split_by_code(*tables)
    if not isinstance(got, tuple):
        return "return two things, the misfit and the decoder gap"
    misfit, gap = got
    if misfit.shape != () or gap.shape != ():
        shapes = f"{tuple(misfit.shape)} and {tuple(gap.shape)}"
        return f"both are one number; your shapes are {shapes}"
    q, p = _both(*tables)
    code = q.sum(0)
    wanted, whole = _kl(code, prior), _kl(q, p)
    backward = q / code  # q(x|z), (X, Z)
    per_code = (backward * (backward / decoder.T).log()).sum(0)
    rate = (q * (encoder / prior).log()).sum()
    known = {
        "your misfit is the rate: take the mean of q(z|x) over the images first, then the KL": rate,
        "your misfit has its arguments swapped: q(z) comes first": _kl(prior, code),
        "your misfit has the wrong sign": -wanted,
        "in your q(z) every image counts the same; weigh it with its probability": _kl(
            encoder.mean(0), prior
        ),
        "you return the decoder gap first; the misfit should come first": whole - wanted,
        "your misfit is the data gap: it compares the codes, and not the images": (
            _kl(data, p.sum(1))
        ),
        "your misfit is a mean over the codes; a KL is a sum": wanted / len(prior),
        "your misfit is in bits: take the natural logarithm": wanted / math.log(2),
    }
    if hint := compare(misfit, wanted, known, **_EXACT, number="your misfit"):
        return hint
    wanted = whole - wanted
    known = {
        "your decoder gap has the wrong sign": -wanted,
        "average the decoder gap over q(z), the codes of the data, not over the prior": (
            prior * per_code
        ).sum(),
        "every code counts the same in your decoder gap; weigh it with q(z)": per_code.mean(),
        "you summed the decoder gap over the codes without weighing them": per_code.sum(),
        "that is the distortion: q(x|z) is missing in the numerator": (
            -(q * decoder.T.log()).sum()
        ),
        "your decoder gap is the whole joint KL; the misfit is still in it": whole,
        "the decoder gap compares q(x|z) with p(x|z); you took q(z|x) for q(x|z)": (
            q * (encoder / decoder.T).log()
        ).sum(),
        "your decoder gap is the posterior gap: it compares what is given the code": (
            whole - _kl(data, p.sum(1))
        ),
        "your decoder gap has its arguments swapped: q(x|z) comes first": (
            code * (decoder.T * (decoder.T / backward).log()).sum(0)
        ).sum(),
    }
    return compare(gap, wanted, known, **_EXACT, number="your decoder gap")


@exercise("8.3")
def _best_encoder(best_encoder: Callable[..., torch.Tensor]) -> str | None:
    """Want the q(z|x), (X, Z), that minimises the joint KL for a given prior and decoder."""
    data, _, prior, decoder = _tables()
    X, Z = len(data), len(prior)
    got = best_encoder(prior, decoder)
    if got.shape == (Z, X):
        return f"the shape should be (X, Z), here {(X, Z)}: a row for each image; yours is turned"
    if got.shape != (X, Z):
        return f"the shape should be (X, Z), here {(X, Z)}; yours is {tuple(got.shape)}"
    joint = prior * decoder.T

    def normal(table: torch.Tensor) -> torch.Tensor:
        return table / table.sum(1, keepdim=True)

    wanted = normal(joint)
    known = {
        "that is the joint p(x, z); each row must add up to 1": joint,
        "the prior is missing: a code that is rare beforehand stays rarer": normal(decoder.T),
        "you divided by the prior: a code that is rare beforehand stays rarer": (
            normal(decoder.T / prior)
        ),
        "that is p(x|z), not p(z|x): normalise over the codes, so that each row adds up to 1": (
            decoder.T
        ),
        "the best code for each image gets everything in yours; that pays too much rate": (
            torch.zeros(X, Z).scatter(1, wanted.argmax(1, keepdim=True), 1.0)
        ),
        "the likeliest code for each image gets everything in yours; that pays too much rate": (
            torch.zeros(X, Z).scatter(1, decoder.T.argmax(1, keepdim=True), 1.0)
        ),
        "yours gives every image the prior: no rate, but the distortion suffers": (
            prior.expand(X, Z)
        ),
        "yours gives every image all codes alike": torch.full((X, Z), 1 / Z),
        "these are logarithms; probabilities are wanted": wanted.log(),
        "a softmax takes logarithms; you gave it probabilities": joint.softmax(1),
    }
    if hint := compare(got, wanted, known):
        if hint in known or close(got.sum(1), torch.ones(X)):
            return hint
        return "each row must add up to 1"
    return None


@exercise("8.4", results=2)
def _model_joint(
    model_joint: Callable[..., tuple[torch.Tensor, torch.Tensor]],
) -> str | None:
    """Want mean and covariance of (x, z), for z ~ N(0, I) and x ~ N(Wz + b, variance I)."""
    g = drawn()
    L = size(g, 2, 3)
    D = L + size(g, 1, 3)
    W, b = torch.randn(D, L, generator=g), torch.randn(D, generator=g)
    b += b.sign()  # away from 0, the mean of z
    variance = 0.3 + 0.4 * float(torch.rand((), generator=g))
    got = model_joint(W, b, variance)
    if not isinstance(got, tuple):
        return "return two things, the mean and the covariance"
    mean, covariance = got
    if mean.shape != (D + L,) or covariance.shape != (D + L, D + L):
        here = f"{(D + L,)} and {(D + L, D + L)}"
        shapes = f"{tuple(mean.shape)} and {tuple(covariance.shape)}"
        return f"the shapes should be (D + L,) and (D + L, D + L), here {here}, not {shapes}"

    def blocks(x_part: torch.Tensor, cross: torch.Tensor, z_part: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.cat([x_part, cross], 1), torch.cat([cross.T, z_part], 1)])

    zero = torch.zeros(L)
    known = {
        "x comes first in the pair, then z": torch.cat([zero, b]),
        "the prior's mean is 0, so the mean of x is Wz + b at z = 0": torch.zeros(D + L),
        "the mean of x is Wz + b at the mean of z, which is 0": torch.cat([b + W.sum(1), zero]),
        "the mean of z is 0": torch.cat([b, zero + 1]),
    }
    if hint := compare(mean, torch.cat([b, zero]), known, number="a number in your mean"):
        return hint
    one, of_x = torch.eye(L), torch.eye(D)
    spread = W @ W.T
    right = spread + variance * of_x
    wanted = blocks(right, W, one)
    known = {
        "image and code are independent in yours; they share z": blocks(right, 0 * W, one),
        "the noise of the decoder is missing in the block of x": blocks(spread, W, one),
        "the block of x is not only noise: W carries the spread of z into it": (
            blocks(variance * of_x, W, one)
        ),
        "the noise enters with its variance; you squared it again": (
            blocks(spread + variance**2 * of_x, W, one)
        ),
        "the noise enters with its variance; you took the square root": (
            blocks(spread + variance**0.5 * of_x, W, one)
        ),
        "the variance is that of the noise alone; it does not multiply the spread of z": (
            blocks(variance * (spread + of_x), W, one)
        ),
        "the noise of the decoder has the variance that is given, not 1": (
            blocks(spread + of_x, W, one)
        ),
        "the noise is added to each pixel apart: its block is diagonal": (
            blocks(spread + variance, W, one)
        ),
        "the pixels share z, so the block of x is not diagonal": (
            blocks(right.diag().diag(), W, one)
        ),
        "the covariance of x and z has the wrong sign": blocks(right, -W, one),
        "the variance of z is the prior's, 1": blocks(right, W, variance * one),
        "z comes first in your covariance; x does in the pair": wanted.roll((L, L), (0, 1)),
        "that is the inverse of the covariance": wanted.inverse(),
        "a covariance is symmetric: the block below the diagonal is the transpose of that above": (
            torch.cat([torch.cat([right, W], 1), torch.cat([0 * W.T, one], 1)])
        ),
    }
    hint = compare(covariance, wanted, known)
    if hint is None or hint in known:
        return hint
    places = {
        "x and x": (slice(D), slice(D)),
        "x and z": (slice(D), slice(D, None)),
        "z and x": (slice(D, None), slice(D)),
        "z and z": (slice(D, None), slice(D, None)),
    }
    off = [name for name, place in places.items() if not close(covariance[place], wanted[place])]
    return f"of your four blocks that of {' and that of '.join(off)} is off"


def _rounds(
    data: torch.Tensor,
    prior: torch.Tensor,
    decoder: torch.Tensor,
    rounds: int,
    *,
    costs: str = "after",
    weigh: bool = True,
    use_prior: bool = True,
    hard: bool = False,
    learn_prior: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the decoder and the costs of 8.6; what is not at its default is a mistake."""

    def best_encoder() -> torch.Tensor:
        joint = (prior if use_prior else torch.ones_like(prior)) * decoder.T
        if hard:
            return torch.zeros_like(joint).scatter(1, joint.argmax(1, keepdim=True), 1.0)
        return joint / joint.sum(1, keepdim=True)

    def cost() -> torch.Tensor:
        q = data[:, None] * encoder
        return (torch.xlogy(q, encoder) - torch.xlogy(q, prior * decoder.T)).sum()

    found = []
    for _ in range(rounds):
        encoder = best_encoder()
        if costs == "before":
            found.append(cost())
        joint = (data[:, None] if weigh else 1) * encoder
        decoder = (joint / joint.sum(0)).T
        if learn_prior:
            prior = joint.sum(0) / joint.sum()
        if costs == "next":
            encoder = best_encoder()
        if costs != "before":
            found.append(cost())
    return decoder, torch.stack(found)


@exercise("8.6", results=2)
def _alternate(
    alternate: Callable[..., tuple[torch.Tensor, torch.Tensor]],
) -> str | None:
    """Want the decoder (Z, X) and the costs (n,) of n rounds of best encoder, best decoder."""
    data, _, prior, noise = _logits()
    X, Z = len(data), len(prior)
    n = 7 - Z  # 3 or 4, and not Z
    # The images are dealt out to the codes, the rarest to those that the prior has most of: so
    # every round has a long way to go.
    data, prior = data.softmax(0), prior.softmax(0).sort(descending=True).values
    own = data.argsort().argsort() * Z // X
    first = (0.5 * noise + 6 * (own == torch.arange(Z)[:, None])).softmax(1)
    start = data, prior, first, n
    got = alternate(*start)
    if not isinstance(got, tuple):
        return "return two things, the decoder and the costs"
    decoder, costs = got
    if decoder.shape == (X, Z):
        return f"the decoder has a row for each code, (Z, X), here {(Z, X)}; yours is turned"
    if decoder.shape != (Z, X) or costs.shape != (n,):
        return (
            f"the shapes should be (Z, X) and (rounds,), here {(Z, X)} and {(n,)}; yours are "
            f"{tuple(decoder.shape)} and {tuple(costs.shape)}"
        )
    wanted, falling = _rounds(*start)
    slips: dict[str, dict[str, Any]] = {
        "the prior is missing in your best encoder": {"use_prior": False},
        "every image counts the same in your best decoder; weigh it with its probability": {
            "weigh": False
        },
        "the likeliest code for each image gets everything in yours; the best encoder shares": {
            "hard": True
        },
        "that is the decoder after one round: did you do only one, or does your prior learn, too": {
            "learn_prior": True  # then all stands still after one
        },
    }
    known = {hint: _rounds(*start, **slip)[0] for hint, slip in slips.items()}
    known |= {
        "that is the decoder of the round before the last": _rounds(data, prior, first, n - 1)[0],
        "you did one round more": _rounds(data, prior, first, n + 1)[0],
        "that is the decoder that you were given": first,
        "your decoder is q(z|x); the best one is q(x|z), whose rows add up to 1 over the images": (
            (prior * wanted.T / (wanted.T @ prior)[:, None]).T
        ),
    }
    if hint := compare(decoder, wanted, known, number="a number in your decoder"):
        if hint in known or close(decoder.sum(1), torch.ones(Z)):
            return hint
        return "each row of the decoder must add up to 1: it is q(x|z), over the images"
    entropy = -torch.xlogy(data, data).sum()
    known = {
        "a round's cost is that of its new encoder and new decoder; yours has the old decoder": (
            _rounds(*start, costs="before")[1]
        ),
        "a round's cost is that of its own encoder; yours has the next round's": (
            _rounds(*start, costs="next")[1]
        ),
        "your costs are in the wrong order: the first round comes first": falling.flip(0),
        "the sign is turned: the cost is minus the ELBO": -falling,
        "that is the joint KL; the cost has the entropy of the data in it": falling - entropy,
        "the entropy of the data is twice in your cost": falling + entropy,
        "your costs are all of the last round: note each when it is reached": (
            falling[-1].expand(n)
        ),
    }
    if hint := compare(costs, falling, known, number="one of your costs"):
        if hint not in known and (costs.diff() > 1e-4).any():
            rises = int((costs.diff() > 1e-4).nonzero()[0]) + 2
            return f"your cost rises in round {rises}, and neither half of a round can raise it"
        return hint
    return None
