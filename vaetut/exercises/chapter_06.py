"""Checks for chapter 6, "The loss"."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import distributions
from torch.nn import functional as F

from ..likelihoods import gaussian_log_likelihood
from ..noise import make_generator
from .registry import NOT_DONE, exercise, first_match, furthest


def _shape_hint(got: torch.Tensor, wanted: tuple[int, ...], width: int, axis: str) -> str | None:
    """Say what is wrong with the shape of one value per example, if something is."""
    if got.shape == wanted:
        return None
    if got.shape == ():
        return "one number per example is wanted; you also reduced over the batch axis"
    if got.shape == (*wanted, width):
        return f"one number per example is wanted; the sum over {axis} is missing"
    return f"the shape should be {wanted}; yours is {tuple(got.shape)}"


@exercise("6.1")
def _kl(kl: Callable[..., torch.Tensor]) -> str | None:
    """Want KL(q || p) of two diagonal normals, from (mu_q, log_var_q, mu_p, log_var_p)."""
    g = make_generator(0)
    mu_q, log_var_q, mu_p, log_var_p = torch.randn(4, 5, 3, generator=g)
    got = kl(mu_q, log_var_q, mu_p, log_var_p)
    if got is None:
        return NOT_DONE
    if hint := _shape_hint(got, (5,), 3, "latent dimensions"):
        return hint
    q, p = (
        distributions.Normal(m, (v / 2).exp()) for m, v in ((mu_q, log_var_q), (mu_p, log_var_p))
    )
    wanted = distributions.kl_divergence(q, p).sum(-1)
    if torch.allclose(got, wanted, rtol=1e-4, atol=1e-5):
        zero = kl(mu_q[:1], log_var_q[:1], mu_q[:1], log_var_q[:1])
        return None if zero.shape == (1,) else "a batch of one should give shape (1,)"

    def formula(a: torch.Tensor, b: torch.Tensor, ratio: torch.Tensor) -> torch.Tensor:
        return 0.5 * (a - 1 - b + ratio).sum(-1)

    square, log_ratio = (mu_q - mu_p).square(), log_var_q - log_var_p
    known = {
        "the sign is turned: a KL is never negative": -wanted,
        "twice too large: look for the factor ½": 2 * wanted,
        "half of what it should be: count the factors ½": wanted / 2,
        "you averaged over latent dimensions; the KL is a sum over them": wanted / 3,
        "this is KL(p || q): the expectation is under q, the first of the two": (
            distributions.kl_divergence(p, q).sum(-1)
        ),
        "this is the KL from N(0, I): mu_p and log_var_p play no part yet": (
            distributions.kl_divergence(q, distributions.Normal(0.0, 1.0)).sum(-1)
        ),
        "here σ stands where σ² belongs: log_var.exp() is the variance, no factor ½": formula(
            (log_ratio / 2).exp(), log_ratio, square / (log_var_p / 2).exp()
        ),
        "here log σ stands where log σ² belongs": formula(
            log_ratio.exp(), log_ratio / 2, square / log_var_p.exp()
        ),
        "the distance of the means is measured in units of p's standard deviation: divide its "
        "square by p's variance": formula(log_ratio.exp(), log_ratio, square),
        "the −1 is missing: for q = p the KL should be 0": wanted + 1.5,
    }
    return first_match(got, known) or (
        f"{furthest(got, wanted)}; with mu_p = 0 and log_var_p = 0 you should find (6.4) again"
    )


@exercise("6.2")
def _gaussian(loss: Callable[..., torch.Tensor]) -> str | None:
    """Want -log N(x; x_mean, exp(log_var_x) I) of every example, from (x, x_mean, log_var_x)."""
    g = make_generator(1)
    x, x_mean = torch.rand(2, 5, 7, generator=g)
    log_var = torch.tensor(-1.3)
    got = loss(x, x_mean, log_var)
    if got is None:
        return NOT_DONE
    if hint := _shape_hint(got, (5,), 7, "pixels"):
        return hint
    wanted = -gaussian_log_likelihood(x, x_mean, log_var)
    if torch.allclose(got, wanted, rtol=1e-4, atol=1e-5):
        return None
    error = (x - x_mean).square().sum(-1)
    scaled = error / log_var.exp()
    constant = 7 * (math.log(2 * math.pi) + log_var)
    known = {
        "the sign is turned: the loss is −log p(x|z)": -wanted,
        "twice too large: look for the factor ½": 2 * wanted,
        "you averaged over pixels; log p(x|z) is a sum over pixels": wanted / 7,
        "7 log 2π is missing: without it this is not the log of a density": (
            0.5 * (scaled + 7 * log_var)
        ),
        "only the squared error is there: the price of a large variance, its log, is missing": (
            0.5 * scaled
        ),
        "the variance plays no part yet": 0.5 * (error + 7 * math.log(2 * math.pi)),
        "every pixel pays for the variance: the log term stands there D times, not once": (
            0.5 * (scaled + constant / 7)
        ),
        "here σ stands where σ² belongs: exp(log_var_x) is the variance, without a factor ½": (
            0.5 * (error / (log_var / 2).exp() + constant)
        ),
        "you multiply the squared error by the variance; it is divided by it": (
            0.5 * (error * log_var.exp() + constant)
        ),
        "the factor ½ is missing before the squared error": scaled + 0.5 * constant,
        "the factor ½ is missing before the log term": 0.5 * scaled + constant,
    }
    return first_match(got, known) or furthest(got, wanted)


@exercise("6.3")
def _best_variance(best: Callable[..., torch.Tensor]) -> str | None:
    """Want the best variance, one number, from images (B, D) and means (K, B, D)."""
    g = make_generator(2)
    x = torch.rand(5, 7, generator=g)
    x_mean = x + 0.5 * torch.randn(4, 5, 7, generator=g)
    got = best(x, x_mean)
    if got is None:
        return NOT_DONE
    got = torch.as_tensor(got)
    if got.shape != ():
        return f"one number for all images and pixels is wanted; your shape is {tuple(got.shape)}"
    wanted = (x - x_mean).square().mean()
    if torch.isclose(got, wanted, rtol=1e-4):
        return None
    known = {
        "this is the standard deviation; its square is wanted": wanted.sqrt(),
        "this is the log of the variance": wanted.log(),
        "you averaged x_mean over the draws first, and so lost the spread between them: square "
        "every error, then average": (x - x_mean.mean(0)).square().mean(),
        "you summed over pixels: the variance belongs to one pixel": 7 * wanted,
        "you summed over the draws of z; the ELBO averages over them": 4 * wanted,
        "this is half of it: both terms of (6.7) have the factor ½, and it cancels": wanted / 2,
        "these are the absolute errors; the Gaussian has squared ones": (x - x_mean).abs().mean(),
        "this is the variance of the images, not of the errors": x.var(correction=0),
        "x_mean is not looked at: the variance of the images is not wanted": x.var(),
        "the errors' mean counts too: take their mean square, not their variance": (
            (x - x_mean).var(correction=0)
        ),
    }
    return (
        first_match(got, known)
        or f"for a small example you get {got:.4f}, it should be {wanted:.4f}"
    )


@exercise("6.4")
def _effective_beta(beta: Callable[[str, str, int, int], float]) -> str | None:
    """Want the weight of the KL that two reductions amount to, from (pixels, latents, D, L)."""
    got = {
        (pixels, latents): beta(pixels, latents, 784, 20)
        for pixels in ("sum", "mean")
        for latents in ("sum", "mean")
    }
    if got["sum", "sum"] is None:
        return NOT_DONE
    wanted = {
        ("sum", "sum"): 1.0,
        ("mean", "sum"): 784.0,
        ("sum", "mean"): 1 / 20,
        ("mean", "mean"): 784 / 20,
    }
    if all(math.isclose(got[case], wanted[case], rel_tol=1e-6) for case in wanted):
        return None
    if not math.isclose(got["sum", "sum"], 1):
        return f"two sums are the ELBO itself, where β is 1; yours is {got['sum', 'sum']:.4g}"
    if all(math.isclose(got[case] * wanted[case], 1, rel_tol=1e-6) for case in wanted):
        return "upside down: a mean over pixels makes the reconstruction small, and so the KL heavy"
    if math.isclose(got["mean", "mean"], 1):
        return "a mean over both does not cancel: there are 784 pixels but 20 latent dimensions"
    if math.isclose(got["sum", "mean"], 1):
        return "a mean over latent dimensions changes the weight too"
    case = next(c for c in wanted if not math.isclose(got[c], wanted[c], rel_tol=1e-6))
    return (
        f"for pixels={case[0]!r}, latents={case[1]!r} you get {got[case]:.4g}; multiply the loss "
        "by a number that turns the reconstruction back into a sum, and see what stands before "
        "the KL"
    )


@exercise("6.5")
def _continuous_bernoulli(log_density: Callable[..., torch.Tensor]) -> str | None:
    """Want the continuous Bernoulli's log-density of every example, from (x, logits)."""
    g = make_generator(3)
    x = torch.rand(5, 7, generator=g)
    logits = 3 * torch.randn(5, 7, generator=g)
    got = log_density(x, logits)
    if got is None:
        return NOT_DONE
    if hint := _shape_hint(got, (5,), 7, "pixels"):
        return hint
    cross_entropy = (F.softplus(logits) - x * logits).sum(-1)
    log_c = (logits / torch.tanh(logits / 2)).log().sum(-1)
    wanted = log_c - cross_entropy
    known = {
        "the sign is turned: the log-density is wanted, not the loss": -wanted,
        "the normalizing constant is missing: this is the cross-entropy's": -cross_entropy,
        "the normalizing constant has the wrong sign: the area is too small, so the density must "
        "be larger": -cross_entropy - log_c,
        "you averaged over pixels; the log-density is a sum over them": wanted / 7,
    }
    if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-4):
        return first_match(got, known) or furthest(got, wanted)
    at_zero = log_density(x[:1], torch.zeros(1, 7))
    if not torch.isfinite(at_zero).all():
        return (
            f"right, but at logits of 0 you get {at_zero.item():.4g}: 0/0. The limit there is "
            "log 2 for every pixel"
        )
    if not torch.isclose(at_zero, torch.tensor(0.0), atol=1e-4):
        return f"right, but at logits of 0 the density is 1 everywhere; yours has log {at_zero[0]}"
    for a, pixel in ((100.0, 1.0), (-100.0, 0.0)):
        extreme = log_density(torch.full((1, 7), pixel), torch.full((1, 7), a))
        if not torch.isclose(extreme, torch.tensor(7 * math.log(100.0)), rtol=1e-3):
            return (
                f"right for moderate logits, but at logits of {a:.0f} you get {extreme.item():.4g} "
                "instead of 7 log 100: use the logits all the way, no sigmoid and no exp of a "
                "large number"
            )
    at_zero = torch.zeros(1, 7, requires_grad=True)
    log_p = log_density(x[:1], at_zero)
    if log_p.requires_grad:
        log_p.sum().backward()
        if not torch.allclose(at_zero.grad, x[:1] - 0.5, atol=1e-3):
            return (
                f"right, but at logits of 0 the gradient is {at_zero.grad[0, 0]}: where() computes "
                "both branches, and 0/0 spoils the gradient of the one that is not chosen"
            )
    return None
