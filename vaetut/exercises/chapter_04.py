"""Checks for chapter 4, "The practical solution: encoder and decoder"."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from ..model import VAE
from ..noise import make_generator
from .registry import NOT_DONE, exercise, first_match, furthest

_LOG_2PI = math.log(2 * math.pi)


@exercise("4.1")
def _bayes(bayes: Callable[..., tuple[torch.Tensor, torch.Tensor]]) -> str | None:
    """Want a function of (log_likelihood, z, cell) that returns log p(x) and p(z|x)."""
    side = torch.linspace(-3, 3, 61)
    z, cell = torch.cartesian_prod(side, side), 0.01
    log_likelihood = -150 - 4 * (z - torch.tensor([1.0, -0.5])).square().sum(-1)  # (G,)
    got = bayes(log_likelihood, z, cell)
    if got is None:
        return NOT_DONE
    if not isinstance(got, tuple) or len(got) != 2:
        return "return two things, log p(x) and the density p(z|x) at every code"
    log_p, density = (torch.as_tensor(value, dtype=z.dtype) for value in got)
    if log_p.shape != () or density.shape != (len(z),):
        shapes = f"{tuple(log_p.shape)} and {tuple(density.shape)}"
        return f"log p(x) is one number and the density has shape (G,); your shapes are {shapes}"
    log_prior = -0.5 * z.square().sum(-1) - _LOG_2PI
    wanted = (log_likelihood + log_prior).logsumexp(0) + math.log(cell)
    if not log_p.isfinite():
        return (
            "e to the power of -150 is 0 in float32: use logsumexp, and never leave the logarithm"
        )
    known = {
        "the prior p(z) is missing: multiply it in before you sum": (
            log_likelihood.logsumexp(0) + math.log(cell)
        ),
        "a sum becomes an integral by the area of a cell: multiply it in": wanted - math.log(cell),
        "you divided by the area of a cell": wanted - 2 * math.log(cell),
        "that is an average over the grid; an integral is a sum times the area of a cell": (
            wanted - math.log(cell) - math.log(len(z))
        ),
        "the prior's constant, log 2π for two dimensions, is missing": wanted + _LOG_2PI,
        "the prior of two coordinates has the constant log 2π, which is twice ½ log 2π": (
            wanted + 0.5 * _LOG_2PI
        ),
        "the sign is turned": -wanted,
    }
    if hint := first_match(log_p, known, wanted):
        return hint
    if not torch.allclose(log_p, wanted, rtol=1e-4):
        return f"for a small example log p(x) should be {wanted:.3f}; yours is {log_p:.3f}"
    exact = (log_likelihood + log_prior - wanted).exp()
    known = {
        "your density is all right in log p(x), but lacks the prior": (
            log_likelihood - wanted
        ).exp(),
        "those are the weights of the cells, which sum to 1; a density integrates to 1": cell
        * exact,
        "that is the log-density; the density is wanted": exact.log(),
        "the numerator must be divided by p(x)": (log_likelihood + log_prior).exp(),
    }
    if hint := first_match(density, known, exact):
        return hint
    if not torch.allclose(density, exact, rtol=1e-3, atol=1e-5):
        return f"the density should reach {exact.max():.3f}; yours reaches {density.max():.3f}"
    return None


@exercise("4.2")
def _log_aggregate(log_aggregate: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (z, mu, log_var) that returns log q(z), shape (M,)."""
    g = make_generator(0)
    mu, log_var = torch.randn(5, 3, generator=g), torch.randn(5, 3, generator=g)
    z = torch.randn(4, 3, generator=g)
    got = log_aggregate(z, mu, log_var)
    if got is None:
        return NOT_DONE
    if got.shape in ((4, 5), (5, 4)):
        return "that is one value for each code and image; average over the images: shape (M,)"
    if got.shape == (5,):
        return "one value per code is wanted, (M,); yours is one per image"
    if got.shape != (4,):
        return f"one value for each of the 4 codes is wanted; your shape is {tuple(got.shape)}"
    wanted = _mixture(z, mu, log_var).logsumexp(1) - math.log(5)
    far = z + 40
    known = {
        "that is the mean of the logarithms; the logarithm of the mean is wanted": (
            _mixture(z, mu, log_var).mean(1)
        ),
        "q(z) is an average over the images: divide by N": wanted + math.log(5),
        "that is the density; its logarithm is wanted": wanted.exp(),
        "the sign is turned": -wanted,
        "(z - mu) is divided by sigma before it is squared; log_var is log σ²": (
            _mixture(z, mu, 2 * log_var).logsumexp(1) - math.log(5)
        ),
        "the constant log 2π is missing": wanted + 1.5 * _LOG_2PI,
        "a product of coordinates was averaged one by one: sum their logs first": (
            _mixture(z, mu, log_var, reduce=False).logsumexp(1) - math.log(5)
        ).sum(-1),
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-4):
        return furthest(got, wanted)
    narrow = torch.full_like(mu, -6.0)
    wanted = _mixture(far, mu, narrow).logsumexp(1) - math.log(5)
    if not torch.allclose(log_aggregate(far, mu, narrow), wanted, rtol=1e-3):
        return "far from all images the densities underflow to 0: sum them with logsumexp"
    return None


def _mixture(
    z: torch.Tensor, mu: torch.Tensor, log_var: torch.Tensor, reduce: bool = True
) -> torch.Tensor:
    """Return log q(z_m|x_n), (M, N), or with the coordinates apart, (M, N, L)."""
    terms = -0.5 * ((z[:, None] - mu).square() / log_var.exp() + log_var + _LOG_2PI)
    return terms.sum(-1) if reduce else terms


@exercise("4.3")
def _moments(moments: Callable[..., tuple[torch.Tensor, torch.Tensor]]) -> str | None:
    """Want a function of (mu, log_var) that returns mean and variance of q(z), each (L,)."""
    g = make_generator(0)
    mu, log_var = torch.randn(6, 3, generator=g) + 1, 0.5 * torch.randn(6, 3, generator=g) - 1
    got = moments(mu, log_var)
    if got is None:
        return NOT_DONE
    if not isinstance(got, tuple) or len(got) != 2:
        return "return two things, the means and the variances"
    mean, variance = got
    if mean.shape != (3,) or variance.shape != (3,):
        shapes = f"{tuple(mean.shape)} and {tuple(variance.shape)}"
        return f"both have one value per coordinate, (L,), here (3,); your shapes are {shapes}"
    if not torch.allclose(mean, mu.mean(0), rtol=1e-3, atol=1e-4):
        return "the mean of a mixture is the mean of its means"
    inner, outer = log_var.exp().mean(0), mu.var(0, correction=0)
    wanted = inner + outer
    if torch.allclose(variance, wanted, rtol=1e-3, atol=1e-4):
        return None
    known = {
        "that is the average width of one cloud; the clouds also lie apart": inner,
        "that is how far the clouds lie apart; each also has a width": outer,
        "that is how far the clouds lie apart; each also has a width ": mu.var(0),
        "the second moment is not the variance: subtract the square of the mean": (
            inner + mu.square().mean(0)
        ),
        "these are standard deviations; variances are wanted": wanted.sqrt(),
        "the width is σ² = exp(log_var); you have used σ": (0.5 * log_var).exp().mean(0) + outer,
        "log_var is not the variance yet: which function takes one to the other?": (
            log_var.mean(0) + outer
        ),
        "average σ², not log σ²": log_var.mean(0).exp() + outer,
        "q(z) is the mixture of exactly these N, so divide by N, not by N - 1": inner + mu.var(0),
    }
    for hint, wrong in known.items():
        if torch.allclose(variance, wrong, rtol=1e-3, atol=1e-4):
            return hint.strip()
    return furthest(variance, wanted, "one of your variances")


@exercise("4.4")
def _draw_images(draw_images: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (model, n, generator) that draws z, then x: (n, 784) of zeros and ones."""
    model = VAE(784, 2, ())
    with torch.no_grad():  # a linear decoder: the logits are z_1, then z_2, then 1
        model.decoder.out.weight.zero_()
        model.decoder.out.weight[:261, 0] = 1.0
        model.decoder.out.weight[261:522, 1] = 1.0
        model.decoder.out.bias[522:] = 1.0
    global_state = torch.get_rng_state()
    got = draw_images(model, 2000, make_generator(0))
    if got is None:
        return NOT_DONE
    if not torch.equal(global_state, torch.get_rng_state()):
        torch.set_rng_state(global_state)
        return "you drew from PyTorch's global generator: pass generator=generator to every draw"
    if got.shape != (2000, 784):
        return f"the shape should be (n, 784), here (2000, 784); yours is {tuple(got.shape)}"
    got = got.detach().float()
    if got.min() < 0 or got.max() > 1:
        return "those are logits; their sigmoid is the chance of white, and a pixel is 0 or 1"
    if not ((got == 0) | (got == 1)).all():
        return "that is the mean of p(x|z); a sample needs one more draw, pixel by pixel"
    left, middle, right = got[:, :261], got[:, 261:522], got[:, 522:]
    if right.mean() > 0.999:
        return "rounding the mean is no draw: the same z would always give the same pixels"
    if left.mean(1).std() < 0.05:
        return "all your images seem to have the same z: each needs its own draw from the prior"
    if (right - right[:1]).abs().max() == 0:
        return "all images share one draw of the pixels"
    if not 0.70 < right.mean() < 0.76:
        return (
            f"pixels that are white with probability 0.73 are white {right.mean():.2f} of the time"
        )
    white = torch.stack([left.mean(1), middle.mean(1)])  # (2, 2000): nearly the sigmoids of z
    if not all(0.195 < share.std() < 0.225 for share in white):
        return "are your codes from the prior, N(0, I)? Their spread is not 1"
    if not all(0.01 < (share > 0.88).float().mean() < 0.04 for share in white):  # z above 2
        return "your codes have the right spread, but they are not normal: use torch.randn"
    if white.corrcoef()[0, 1].abs() > 0.1:
        return "one latent dimension can be told from the other: each needs noise of its own"
    if not torch.equal(got, draw_images(model, 2000, make_generator(0)).detach().float()):
        return "the same generator should give the same images: take every draw from it"
    if torch.equal(got, draw_images(model, 2000, make_generator(1)).detach().float()):
        return "your images do not depend on the generator: take every draw from it"
    return None
