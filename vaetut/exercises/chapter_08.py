"""Checks for chapter 8, "The Bayesian view"."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..noise import make_generator
from .registry import NOT_DONE, exercise, first_match, furthest


def _tables() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return data (4,), encoder (4, 3), prior (3,) and decoder (3, 4), all positive."""
    g = make_generator(0)
    encoder, decoder = torch.randn(4, 3, generator=g), torch.randn(3, 4, generator=g)
    data, prior = torch.tensor([0.5, 0.1, 0.15, 0.25]), torch.tensor([0.6, 0.1, 0.3])
    return data, encoder.softmax(1), prior, decoder.softmax(1)


def _kl(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the sum of a log(a / b), where 0 log 0 is 0."""
    return (torch.xlogy(a, a) - torch.xlogy(a, b)).sum()


@exercise("8.1")
def _joint_kl(joint_kl: Callable[..., torch.Tensor]) -> str | None:
    """Want KL(data encoder || prior decoder) of tables, one number."""
    data, encoder, prior, decoder = _tables()
    got = joint_kl(data, encoder, prior, decoder)
    if got is None:
        return NOT_DONE
    got = torch.as_tensor(got, dtype=data.dtype)
    if got.shape == (4,):
        return "that is one number per image; one for the whole table is wanted"
    if got.shape != ():
        return f"one number is wanted; your shape is {tuple(got.shape)}"
    q, p = data[:, None] * encoder, prior * decoder.T
    wanted = _kl(q, p)
    entropy = -torch.xlogy(data, data).sum()
    per_image = (encoder * (q / p).log()).sum(1)
    known = {
        "the sign is turned: a KL is never negative": -wanted,
        "that is distortion + rate; one more term of (8.2) is missing": wanted + entropy,
        "the entropy of the data has the wrong sign: look at (8.2)": wanted + 2 * entropy,
        "this is the KL the other way round: the data belong to the first of the two": _kl(p, q),
        "this is the distortion alone": -(q * decoder.T.log()).sum(),
        "this is the rate alone": (q * (encoder / prior).log()).sum(),
        "this is the data gap alone: it compares the images, and not the pairs": _kl(
            data, p.sum(1)
        ),
        "every image counts the same in your average; weigh it with its probability": (
            per_image.mean()
        ),
        "you summed over the images without their probabilities": per_image.sum(),
        "that is an average over the table; a KL is a sum": wanted / q.numel(),
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-4):
        return f"for a small example you get {got:.4f}, it should be {wanted:.4f}"
    data = torch.tensor([0.6, 0.4, 0.0, 0.0])
    rare = torch.as_tensor(joint_kl(data, encoder, prior, decoder))
    if not torch.allclose(rare, _kl(data[:, None] * encoder, p), rtol=1e-3, atol=1e-4):
        return "right, until an image has the probability 0 in the data: it should add 0"
    return None


@exercise("8.2")
def _split_by_code(
    split_by_code: Callable[..., tuple[torch.Tensor, torch.Tensor]],
) -> str | None:
    """Want KL(q(z) || p(z)) and the mean of KL(q(x|z) || p(x|z)) over q(z), from tables."""
    data, encoder, prior, decoder = _tables()
    got = split_by_code(data, encoder, prior, decoder)
    if got is None:
        return NOT_DONE
    if not isinstance(got, tuple) or len(got) != 2:
        return "return two things, the misfit and the decoder gap"
    misfit, gap = (torch.as_tensor(value, dtype=data.dtype) for value in got)
    if misfit.shape != () or gap.shape != ():
        shapes = f"{tuple(misfit.shape)} and {tuple(gap.shape)}"
        return f"both are one number; your shapes are {shapes}"
    q, p = data[:, None] * encoder, prior * decoder.T
    code = q.sum(0)
    wanted = _kl(code, prior)
    known = {
        "your misfit is the rate: take the mean of q(z|x) over the images first, then the KL": (
            (q * (encoder / prior).log()).sum()
        ),
        "your misfit has its arguments swapped: q(z) comes first": _kl(prior, code),
        "your misfit has the wrong sign": -wanted,
        "in your q(z) every image counts the same; weigh it with its probability": _kl(
            encoder.mean(0), prior
        ),
        "you return the decoder gap first; the misfit should come first": _kl(q, p) - wanted,
    }
    if hint := first_match(misfit, known, wanted):
        return hint
    if not torch.allclose(misfit, wanted, rtol=1e-3, atol=1e-4):
        return f"the misfit should be {wanted:.4f}; yours is {misfit:.4f}"
    wanted = _kl(q, p) - wanted
    backward = q / code  # q(x|z), (X, Z)
    per_code = (backward * (backward / decoder.T).log()).sum(0)
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
        "your decoder gap is the whole joint KL; the misfit is still in it": _kl(q, p),
        "the decoder gap compares q(x|z) with p(x|z); you took q(z|x) for q(x|z)": (
            q * (encoder / decoder.T).log()
        ).sum(),
    }
    if hint := first_match(gap, known, wanted):
        return hint
    if not torch.allclose(gap, wanted, rtol=1e-3, atol=1e-4):
        return f"the decoder gap should be {wanted:.4f}; yours is {gap:.4f}"
    return None


@exercise("8.3")
def _best_encoder(best_encoder: Callable[..., torch.Tensor]) -> str | None:
    """Want the q(z|x), (X, Z), that minimises the joint KL for a given prior and decoder."""
    _, _, prior, decoder = _tables()
    got = best_encoder(prior, decoder)
    if got is None:
        return NOT_DONE
    wanted = prior * decoder.T
    wanted = wanted / wanted.sum(1, keepdim=True)
    if got.shape == (3, 4):
        return "the shape should be (X, Z), here (4, 3): a row for each image; yours is turned"
    if got.shape != (4, 3):
        return f"the shape should be (X, Z), here (4, 3); yours is {tuple(got.shape)}"
    hardest = torch.zeros(4, 3).scatter(1, wanted.argmax(1, keepdim=True), 1.0)
    known = {
        "that is the joint p(x, z); each row must add up to 1": prior * decoder.T,
        "the prior is missing: a code that is rare beforehand stays rarer": (
            decoder.T / decoder.T.sum(1, keepdim=True)
        ),
        "that is p(x|z), not p(z|x): normalise over the codes, so that each row adds up to 1": (
            decoder.T
        ),
        "the best code for each image gets everything in yours; that pays too much rate": hardest,
        "yours gives every image the prior: no rate, but the distortion suffers": prior.expand(
            4, 3
        ),
        "these are logarithms; probabilities are wanted": wanted.log(),
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got.sum(1), torch.ones(4), rtol=1e-3):
        return "each row must add up to 1"
    if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-4):
        return furthest(got, wanted)
    return None


@exercise("8.4")
def _model_joint(
    model_joint: Callable[..., tuple[torch.Tensor, torch.Tensor]],
) -> str | None:
    """Want mean and covariance of (x, z), for z ~ N(0, I) and x ~ N(Wz + b, variance I)."""
    g = make_generator(1)
    W, b, variance = torch.randn(3, 2, generator=g), torch.randn(3, generator=g), 0.5
    got = model_joint(W, b, variance)
    if got is None:
        return NOT_DONE
    if not isinstance(got, tuple) or len(got) != 2:
        return "return two things, the mean and the covariance"
    mean, covariance = got
    if mean.shape != (5,) or covariance.shape != (5, 5):
        shapes = f"{tuple(mean.shape)} and {tuple(covariance.shape)}"
        return (
            f"the shapes should be (D + L,) and (D + L, D + L), here (5,) and (5, 5), not {shapes}"
        )

    def blocks(x_part: torch.Tensor, cross: torch.Tensor, z_part: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.cat([x_part, cross], 1), torch.cat([cross.T, z_part], 1)])

    one, noise = torch.eye(2), variance * torch.eye(3)
    wanted_mean = torch.cat([b, torch.zeros(2)])
    if torch.allclose(mean, wanted_mean.flip(0)) or torch.allclose(
        mean, torch.cat([torch.zeros(2), b])
    ):
        return "x comes first in the pair, then z"
    if not torch.allclose(mean, wanted_mean, rtol=1e-3, atol=1e-4):
        return "the prior's mean is 0, so the mean of x is Wz + b at z = 0"
    wanted = blocks(W @ W.T + noise, W, one)
    known = {
        "image and code are independent in yours; they share z": blocks(
            W @ W.T + noise, 0 * W, one
        ),
        "the noise of the decoder is missing in the block of x": blocks(W @ W.T, W, one),
        "the block of x is not only noise: W carries the spread of z into it": blocks(
            noise, W, one
        ),
        "the noise enters with its variance; you squared it again": blocks(
            W @ W.T + variance**2 * torch.eye(3), W, one
        ),
        "the noise enters with its variance; you took the square root": blocks(
            W @ W.T + variance**0.5 * torch.eye(3), W, one
        ),
        "the noise is added to each pixel apart: its block is diagonal": blocks(
            W @ W.T + variance, W, one
        ),
        "the covariance of x and z has the wrong sign": blocks(W @ W.T + noise, -W, one),
        "a covariance is symmetric: the block below the diagonal is the transpose of that above": (
            torch.cat([torch.cat([W @ W.T + noise, W], 1), torch.cat([0 * W.T, one], 1)])
        ),
    }
    return first_match(covariance, known, wanted) or (
        None
        if torch.allclose(covariance, wanted, rtol=1e-3, atol=1e-4)
        else "one of the blocks is off: they are the covariances of x and x, x and z, z and z"
    )
