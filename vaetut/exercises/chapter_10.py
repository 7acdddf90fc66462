"""Checks for chapter 10, "What goes wrong, and what comes next"."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from ..data import load_mnist
from ..doctor import diagnose
from ..noise import make_generator
from ..objective import kl_per_dimension, kl_standard_normal
from .registry import NOT_DONE, exercise, first_match, furthest


@exercise("10.1")
def _linear_curve(linear_curve: Callable[..., tuple[torch.Tensor, torch.Tensor]]) -> str | None:
    """Want a function of (eigenvalues, beta, variance) that returns rate and distortion."""
    eigenvalues, beta, variance = torch.tensor([8.0, 3.0, 1.0, 0.2, 0.1]), 1.6, 0.25
    got = linear_curve(eigenvalues, beta, variance)
    if got is None:
        return NOT_DONE
    if not isinstance(got, tuple) or len(got) != 2:
        return "return two things, the rate and the distortion"
    rate, distortion = (torch.as_tensor(value, dtype=torch.float32) for value in got)
    if rate.shape != () or distortion.shape != ():
        shapes = f"{tuple(rate.shape)} and {tuple(distortion.shape)}"
        return f"both are one number, summed over the directions; your shapes are {shapes}"
    level = beta * variance
    logs = 0.5 * (eigenvalues / level).log()
    wanted = logs.clamp(min=0).sum()
    known = {
        "those are directions that are switched off: they have the rate 0, not a negative one": (
            logs.sum()
        ),
        "the KL of a Gaussian has a ½ in front": 2 * wanted,
        "at weight β the noise level is βσ², not σ²": (
            (0.5 * (eigenvalues / variance).log()).clamp(min=0).sum()
        ),
        "the rate is not weighted: β stands in (10.1), outside of R": beta * wanted,
        "you have returned the distortion first; the rate is wanted first": _distortion(
            eigenvalues, level, variance
        ),
        "the means vary, too: put their mean square into the KL, and its terms cancel": (
            logs + 0.5 * (level / eigenvalues - 1)
        )[eigenvalues > level].sum(),
    }
    if hint := first_match(rate, known, wanted):
        return hint
    if not torch.isclose(rate, wanted, rtol=1e-3):
        return f"for a small example the rate should be {wanted:.3f}; yours is {rate:.3f}"
    wanted = _distortion(eigenvalues, level, variance)
    constant = len(eigenvalues) / 2 * math.log(2 * math.pi * variance)
    used = eigenvalues > level
    known = {
        "the constant of the Gaussian, D/2 log 2πσ², is missing": wanted - constant,
        "the likelihood's variance is σ², at every weight; only the noise level is βσ²": (
            _distortion(eigenvalues, level, level)
        ),
        "a direction that is switched off leaves its whole variance as error": (
            used.sum() * level / (2 * variance) + constant
        ),
        "a direction that is used leaves an error, too: βσ²": (
            eigenvalues[~used].sum() / (2 * variance) + constant
        ),
        "that is the squared error; divide it by twice σ²": (
            eigenvalues.clamp(max=level).sum() + constant
        ),
        "the squared error is divided by twice σ²": 2 * (wanted - constant) + constant,
    }
    if hint := first_match(distortion, known, wanted):
        return hint
    if not torch.isclose(distortion, wanted, rtol=1e-3):
        return f"the distortion should be {wanted:.3f}; yours is {distortion:.3f}"
    return None


def _distortion(eigenvalues: torch.Tensor, level: float, variance: float) -> torch.Tensor:
    error = eigenvalues.clamp(max=level).sum()
    return error / (2 * variance) + len(eigenvalues) / 2 * math.log(2 * math.pi * variance)


@exercise("10.2")
def _free_bits_price(price: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (mu, log_var, free) that returns one number."""
    g = make_generator(0)
    # Three coordinates are used, one is nearly off; the first lies below 0.5 for some images only.
    mu = torch.randn(6, 4, generator=g) * torch.tensor([1.0, 2.0, 0.7, 0.05])
    log_var = torch.tensor([-1.0, -3.0, -0.2, 0.0]).expand(6, 4)
    kl, free = kl_per_dimension(mu, log_var), 0.5  # (6, 4)
    got = price(mu, log_var, free)
    if got is None:
        return NOT_DONE
    got = torch.as_tensor(got)
    if got.shape == (6,):
        return "one number for the batch is wanted, not one per image: the mean stands inside"
    if got.shape == (4,):
        return "one number is wanted: sum over the coordinates, last"
    if got.shape != ():
        return f"one number is wanted; your shape is {tuple(got.shape)}"
    wanted = kl.mean(0).clamp(min=free).sum()
    known = {
        "that is the plain rate: no coordinate may cost less than λ": kl.mean(0).sum(),
        "the maximum is taken of each coordinate's mean over the images, not for each image": (
            kl.clamp(min=free).sum(1).mean()
        ),
        "λ is for each coordinate, not for their sum": kl.sum(1).mean().clamp(min=free),
        "the larger of the two is wanted, not the smaller": kl.mean(0).clamp(max=free).sum(),
        "that is what goes beyond λ; (10.4) keeps the λ itself, which has no gradient anyway": (
            (kl.mean(0) - free).clamp(min=0).sum()
        ),
        "sum over the coordinates; you have averaged": kl.mean(0).clamp(min=free).mean(),
        "the mean over the images is wanted, you have summed": kl.sum(0).clamp(min=free).sum(),
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.isclose(got, wanted, rtol=1e-3):
        return f"for a small example it should be {wanted:.4f}; yours is {got:.4f}"
    return None


@exercise("10.3")
def _best_picture(best_picture: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (z, mu, log_var, images) that returns (M, D)."""
    g = make_generator(0)
    mu, log_var = torch.randn(5, 2, generator=g), 0.5 * torch.randn(5, 2, generator=g) - 1
    z, images = torch.randn(3, 2, generator=g), torch.rand(5, 7, generator=g)
    got = best_picture(z, mu, log_var, images)
    if got is None:
        return NOT_DONE
    if got.shape != (3, 7):
        return (
            f"a picture for each code is wanted, (M, D), here (3, 7); yours is {tuple(got.shape)}"
        )
    log_q = _log_q(z, mu, log_var)  # (3, 5)
    wanted = log_q.softmax(1) @ images
    squared = (z[:, None] - mu).square()
    known = {
        "that is the average of all images; each counts by its q(z|x)": (
            images.mean(0).expand(3, -1)
        ),
        "the weights of one code must sum to 1 over the images: divide by their sum": (
            (log_q - math.log(2 * math.pi)).exp() @ images
        ),
        "the weights sum to 1 over the codes; for each code, they should over the images": (
            log_q.softmax(0) @ images
        ),
        "the density of a narrow posterior is higher: its log has a -½ log σ² that you left out": (
            (-0.5 * squared / log_var.exp()).sum(-1).softmax(1) @ images
        ),
        "a density has -½ in the exponent": (
            (-squared / log_var.exp() - log_var).sum(-1).softmax(1) @ images
        ),
        "log_var is log σ²; you have used it as log σ": (
            _log_q(z, mu, 2 * log_var).softmax(1) @ images
        ),
        "that is one image, the one with the largest weight; the weighted average is wanted": (
            images[log_q.argmax(1)]
        ),
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-4):
        return furthest(got, wanted)
    if not torch.isfinite(best_picture(z + 60, mu, log_var - 3, images)).all():
        return "far from all images every density underflows to 0: divide before you leave the log"
    return None


def _log_q(z: torch.Tensor, mu: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """Return log q(z_m|x_n) without its constant, (M, N)."""
    return -0.5 * ((z[:, None] - mu).square() / log_var.exp() + log_var).sum(-1)


@exercise("10.6")
def _mend(mend: Callable[[], tuple[nn.Module, ...]]) -> str | None:
    """Want a function of nothing that returns three models without a fault."""
    models = mend()
    if models is None:
        return NOT_DONE
    if not isinstance(models, tuple) or len(models) != 3:
        return "return three models, the patients in their order"
    x = load_mnist("test")[0][:100]
    for name, model in zip(("first", "second", "third"), models, strict=True):
        if not isinstance(model, nn.Module):
            return f"the {name} is no model; return First(), not First"
        try:
            diagnosis = diagnose(x, model=model, loss=_loss)
        except (TypeError, ValueError, RuntimeError) as error:
            return f"the {name} can't be examined. {error}"
        if diagnosis.faults:
            return f"the {name} has a fault still: {diagnosis.faults[0].seen}"
    return None


def _loss(
    logits: torch.Tensor, x: torch.Tensor, mu: torch.Tensor, log_var: torch.Tensor
) -> torch.Tensor:
    distortion = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
    return (distortion + kl_standard_normal(mu, log_var)).mean()
