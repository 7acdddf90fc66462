"""Checks for chapter 6, "The loss"."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import distributions
from torch.nn import functional as F

from ..distributions import LOG_2PI
from ..likelihoods import gaussian_log_likelihood
from .registry import (
    close,
    compare,
    compare_gradients,
    drawn,
    exercise,
    furthest,
    size,
    sizes,
)


def _shape_hint(got: torch.Tensor, rows: int, width: int, axis: str) -> str | None:
    """Say what is wrong with the shape of one value per example, if something is."""
    if got.shape == (rows,):
        return None
    if got.shape == ():
        return "one number per example is wanted; you also reduced over the batch axis"
    if got.shape == (rows, width):
        return f"one number per example is wanted; the sum over {axis} is missing"
    if got.shape == (width,):
        return (
            f"one number per example is wanted, and you have summed over the examples, not {axis}"
        )
    return f"the shape should be (B,), here {(rows,)}; yours is {tuple(got.shape)}"


@exercise("6.1")
def _kl(kl: Callable[..., torch.Tensor]) -> str | None:
    """Want KL(q || p) of two diagonal normals, from (mu_q, log_var_q, mu_p, log_var_p)."""
    g = drawn()
    B, L, *others = sizes(g, 4, 3, 9)
    inputs = list(torch.randn(4, B, L, generator=g))
    return (
        _kl_problem(kl, *inputs)
        or _kl_problem(kl, *torch.randn(4, *others, generator=g))
        or _narrow_problem(kl, *inputs)
        or compare_gradients(kl, _kl_of_normals, inputs, range(4))
    )


def _kl_of_normals(
    mu_q: torch.Tensor, log_var_q: torch.Tensor, mu_p: torch.Tensor, log_var_p: torch.Tensor
) -> torch.Tensor:
    q, p = (
        distributions.Normal(m, (v / 2).exp()) for m, v in ((mu_q, log_var_q), (mu_p, log_var_p))
    )
    return distributions.kl_divergence(q, p).sum(-1)


def _kl_problem(
    kl: Callable[..., torch.Tensor],
    mu_q: torch.Tensor,
    log_var_q: torch.Tensor,
    mu_p: torch.Tensor,
    log_var_p: torch.Tensor,
) -> str | None:
    """Try four tensors (B, L)."""
    B, L = mu_q.shape
    got = kl(mu_q, log_var_q, mu_p, log_var_p)
    if hint := _shape_hint(got, B, L, "latent dimensions"):
        return hint
    wanted = _kl_of_normals(mu_q, log_var_q, mu_p, log_var_p)

    def formula(a: torch.Tensor, b: torch.Tensor, distance: torch.Tensor) -> torch.Tensor:
        return 0.5 * (a - 1 - b + distance).sum(-1)

    square, log_ratio = (mu_q - mu_p).square(), log_var_q - log_var_p
    ratio, distance = log_ratio.exp(), square / log_var_p.exp()
    known = {
        "the sign is turned: a KL is never negative": -wanted,
        "twice too large: look for the factor ½": 2 * wanted,
        "half of what it should be: count the factors ½": wanted / 2,
        "you averaged over latent dimensions; the KL is a sum over them": wanted / L,
        "this is KL(p || q): the expectation is under q, the first of the two": _kl_of_normals(
            mu_p, log_var_p, mu_q, log_var_q
        ),
        "this is the KL from N(0, I): mu_p and log_var_p play no part yet": _kl_of_normals(
            mu_q, log_var_q, 0 * mu_p, 0 * log_var_p
        ),
        "that is the difference of two KLs from N(0, I), and no KL": (
            _kl_of_normals(mu_q, log_var_q, 0 * mu_p, 0 * log_var_p)
            - _kl_of_normals(mu_p, log_var_p, 0 * mu_p, 0 * log_var_p)
        ),
        "here σ stands where σ² belongs: log_var.exp() is the variance, no factor ½": formula(
            (log_ratio / 2).exp(), log_ratio, square / (log_var_p / 2).exp()
        ),
        "in the ratio of the variances σ stands where σ² belongs": formula(
            (log_ratio / 2).exp(), log_ratio, distance
        ),
        "in the distance of the means σ stands where σ² belongs: p's variance divides it": formula(
            ratio, log_ratio, square / (log_var_p / 2).exp()
        ),
        "here σ² is squared once more: log_var.exp() is the variance already": formula(
            (2 * log_ratio).exp(), log_ratio, square / (2 * log_var_p).exp()
        ),
        "you took exp(log_var) for σ; it is σ²": formula(
            (2 * log_ratio).exp(), 2 * log_ratio, square / (2 * log_var_p).exp()
        ),
        "here log σ stands where log σ² belongs": formula(ratio, log_ratio / 2, distance),
        "the factor ½ is missing before the distance of the means": (
            wanted + 0.5 * distance.sum(-1)
        ),
        "the factor ½ is missing before the logarithms: log_var is log σ²": (
            wanted - 0.5 * log_ratio.sum(-1)
        ),
        "that is the mean of both directions; KL(q || p) has one": (
            0.5 * (wanted + _kl_of_normals(mu_p, log_var_p, mu_q, log_var_q))
        ),
        "the logarithm has the wrong sign: a narrow q should cost more": formula(
            ratio, -log_ratio, distance
        ),
        "the ratio of the variances is upside down: q's stands above": formula(
            (-log_ratio).exp(), log_ratio, distance
        ),
        "the distance of the means is measured in units of p's standard deviation: divide its "
        "square by p's variance": formula(ratio, log_ratio, square),
        "the distance of the means is measured in units of p's standard deviation, not of q's": (
            formula(ratio, log_ratio, square / log_var_q.exp())
        ),
        "the distance of the means is squared before it is divided by a variance": formula(
            ratio, log_ratio, (mu_q - mu_p).abs() / log_var_p.exp()
        ),
        "the distance of the means is missing": formula(ratio, log_ratio, 0 * square),
        "the ratio of the variances is missing": formula(0 * ratio, log_ratio, distance),
        "the logarithms are missing": formula(ratio, 0 * log_ratio, distance),
        "the −1 is missing: for q = p the KL should be 0": wanted + 0.5 * L,
        "the −1 belongs to every coordinate, not to the sum once": wanted + 0.5 * (L - 1),
    }
    hint = compare(got, wanted, known, rtol=1e-4, atol=1e-5)
    if hint is None or hint in known:
        return hint
    if got.isfinite().all() and not torch.equal(got, kl(mu_q, log_var_q, mu_p, log_var_p)):
        return "a second call gives other numbers: derive the formula, no draws are needed"
    return f"{hint}; with mu_p = 0 and log_var_p = 0 you should find (6.4) again"


def _narrow_problem(
    kl: Callable[..., torch.Tensor],
    mu_q: torch.Tensor,
    log_var_q: torch.Tensor,
    mu_p: torch.Tensor,
    log_var_p: torch.Tensor,
) -> str | None:
    """Try a batch of one, and variances that are tiny or huge."""
    one = [each[:1] for each in (mu_q, log_var_q, mu_p, log_var_p)]
    if kl(*one).shape != (1,):
        return "a batch of one should give shape (1,)"
    for level in (-20.0, 20.0):
        scale = math.exp(level / 2)
        case = scale * mu_q, log_var_q + level, scale * mu_p, log_var_p + level
        if not close(kl(*case), _kl_of_normals(*case)):
            return (
                f"right for variances near 1, but not where log_var is about {level:.0f}: nothing "
                "may be added to a variance, and none clipped"
            )
    return None


@exercise("6.2")
def _gaussian(gaussian_price: Callable[..., torch.Tensor]) -> str | None:
    """Want -log N(x; x_mean, exp(log_var_x) I) of every example, from (x, x_mean, log_var_x)."""
    g = drawn()
    B, D, *others = sizes(g, 4, 3, 9)
    sign = 2.0 * size(g, 0, 1) - 1
    images, more = torch.rand(2, B, D, generator=g), torch.rand(2, *others, generator=g)
    log_var = sign * (1 + torch.rand((), generator=g))
    inputs, second = [*images, log_var], [*more, -log_var]
    return (
        _gaussian_problem(gaussian_price, *inputs)
        or _gaussian_problem(gaussian_price, *second)
        or _variance_problem(gaussian_price, *images)
        or compare_gradients(gaussian_price, _minus_log_likelihood, inputs, [1, 2])
    )


def _minus_log_likelihood(
    x: torch.Tensor, x_mean: torch.Tensor, log_var: torch.Tensor
) -> torch.Tensor:
    return -gaussian_log_likelihood(x, x_mean, log_var)


def _gaussian_problem(
    loss: Callable[..., torch.Tensor],
    x: torch.Tensor,
    x_mean: torch.Tensor,
    log_var: torch.Tensor,
) -> str | None:
    """Try images (B, D)."""
    B, D = x.shape
    got = loss(x, x_mean, log_var)
    if hint := _shape_hint(got, B, D, "pixels"):
        return hint
    wanted = _minus_log_likelihood(x, x_mean, log_var)
    error, var, sigma = (x - x_mean).square().sum(-1), log_var.exp(), (log_var / 2).exp()
    scaled, constant = error / var, D * (LOG_2PI + log_var)
    known = {
        "the sign is turned: the loss is −log p(x|z)": -wanted,
        "twice too large: look for the factor ½": 2 * wanted,
        "you averaged over pixels; log p(x|z) is a sum over pixels": wanted / D,
        "D/2 log 2π is missing: without it this is not the log of a density": (
            0.5 * (scaled + D * log_var)
        ),
        "log 2π belongs to every pixel: it stands there D times, not once": (
            0.5 * (scaled + D * log_var + LOG_2PI)
        ),
        "only the squared error is there: the price of a large variance, its log, is missing": (
            0.5 * scaled
        ),
        "only the squared error is there, and without its ½; a large variance has a price": scaled,
        "that is half the squared error; the variance plays no part yet": 0.5 * error,
        "that is the squared error; the variance plays no part yet": error,
        "the variance plays no part yet": 0.5 * (error + D * LOG_2PI),
        "the variance divides the error, but the price of a large one, its log, is missing": (
            0.5 * (scaled + D * LOG_2PI)
        ),
        "every pixel pays for the variance: the log term stands there D times, not once": (
            0.5 * (scaled + constant / D)
        ),
        "here σ stands where σ² belongs: exp(log_var_x) is the variance, without a factor ½": (
            0.5 * (error / sigma + constant)
        ),
        "the variance is squared once more: exp(log_var_x) is σ², not σ": (
            0.5 * (error / var**2 + constant)
        ),
        "you took log_var_x for log σ; it is log σ²": (
            0.5 * (error / var**2 + constant + D * log_var)
        ),
        "here log σ stands where log σ² belongs": 0.5 * (scaled + constant - 0.5 * D * log_var),
        "here log σ² stands twice: with the factor ½ before it, it is log σ": (
            0.5 * (scaled + constant + D * log_var)
        ),
        "the logarithm of the variance has the wrong sign: a large variance has a price": (
            0.5 * (scaled + constant) - D * log_var
        ),
        "log_var_x is the logarithm of the variance; you divided by the logarithm": (
            0.5 * (error / log_var + constant)
        ),
        "you multiply the squared error by the variance; it is divided by it": (
            0.5 * (error * var + constant)
        ),
        "the factor ½ is missing before the squared error": scaled + 0.5 * constant,
        "the factor ½ is missing before the log term": 0.5 * scaled + constant,
    }
    return compare(got, wanted, known, rtol=1e-4, atol=1e-5)


def _variance_problem(
    loss: Callable[..., torch.Tensor], x: torch.Tensor, x_mean: torch.Tensor
) -> str | None:
    """Try a batch of one, and variances that are tiny or huge."""
    if loss(x[:1], x_mean[:1], torch.tensor(0.5)).shape != (1,):
        return "a batch of one should give shape (1,)"
    for level in (-20.0, 20.0):
        case = x, x_mean, torch.tensor(level)
        if not close(loss(*case), _minus_log_likelihood(*case)):
            return (
                f"right for variances near 1, but not where log_var_x is {level:.0f}: nothing may "
                "be added to the variance, and a density may underflow, its logarithm not"
            )
    return None


@exercise("6.3")
def _best_variance(best_variance: Callable[..., torch.Tensor]) -> str | None:
    """Want the best variance, one number, from images (B, D) and means (K, B, D)."""
    g = drawn()
    K, B, D, *others = sizes(g, 6, 3, 9)
    return _best_problem(best_variance, g, K, B, D) or _best_problem(best_variance, g, *others)


def _best_problem(
    best: Callable[..., torch.Tensor], g: torch.Generator, K: int, B: int, D: int
) -> str | None:
    """Try B images of D pixels and K draws."""
    x = torch.rand(B, D, generator=g)
    spread = 0.2 + 0.7 * torch.rand(B, 1, generator=g)  # of each image
    x_mean = x + 0.3 + spread * torch.randn(K, B, D, generator=g)
    got = best(x, x_mean)
    if got.shape != ():
        return f"one number for all images and pixels is wanted; your shape is {tuple(got.shape)}"
    error = x - x_mean
    wanted = error.square().mean()
    known = {
        "this is the standard deviation; its square is wanted": wanted.sqrt(),
        "this is the log of the variance": wanted.log(),
        "this is 1 over the variance": 1 / wanted,
        "you averaged x_mean over the draws first, and so lost the spread between them: square "
        "every error, then average": (x - x_mean.mean(0)).square().mean(),
        "you averaged the errors first; square every error, then average": error.mean().square(),
        "you summed over pixels: the variance belongs to one pixel": D * wanted,
        "you summed over the draws of z; the ELBO averages over them": K * wanted,
        "you summed over the images; one variance serves all of them": B * wanted,
        "you summed over everything; the mean is wanted": K * B * D * wanted,
        "you divided by the number of pixels twice": wanted / D,
        "you divided by the number of draws twice": wanted / K,
        "this is half of it: both terms of (6.7) have the factor ½, and it cancels": wanted / 2,
        "these are the absolute errors; the Gaussian has squared ones": error.abs().mean(),
        "only the first draw is looked at; (6.7) averages over all K": (
            (x - x_mean[0]).square().mean()
        ),
        "only the last draw is looked at; (6.7) averages over all K": (
            (x - x_mean[-1]).square().mean()
        ),
        "these are the errors' variances over the images; their mean counts, too": (
            error.var(1).mean()
        ),
        "this is the variance of the images, not of the errors": x.var(correction=0),
        "x_mean is not looked at: the variance of the images is not wanted": x.var(),
        "this is the variance of the means; x is not looked at": x_mean.var(correction=0),
        "this is the variance of the means, and x is not looked at": x_mean.var(),
        "this is the spread over the draws alone; the errors to x are wanted": (
            x_mean.var(0, correction=0).mean()
        ),
        "this is the spread over the draws alone; errors to x are wanted": x_mean.var(0).mean(),
        "the errors' mean counts too: take their mean square, not their variance": (
            error.var(correction=0)
        ),
        "the errors' mean counts, too: take their mean square, not their variance": error.var(),
        "the variance is the mean over all; you took the roots first, then averaged": (
            error.square().mean((0, 2)).sqrt().mean()
        ),
        "divide by the number of errors, not by one less": (
            wanted * error.numel() / (error.numel() - 1)
        ),
    }
    return compare(got, wanted, known, rtol=3e-5, atol=1e-7, number="the variance")


@exercise("6.4")
def _effective_beta(effective_beta: Callable[[str, str, int, int], torch.Tensor]) -> str | None:
    """Want the weight of the KL that two reductions amount to, from (pixels, latents, D, L)."""
    g = drawn()
    cases = [(p, q) for p in ("sum", "mean") for q in ("sum", "mean")]
    for D, L in ((size(g, 100, 1000), size(g, 5, 50)), (size(g, 5, 50), size(g, 100, 1000))):
        numbers = [effective_beta(*case, D, L) for case in cases]
        if any(number.shape != () for number in numbers):
            return "one number is wanted: what stands before the KL"
        got = torch.stack(numbers)
        wanted = torch.tensor([1.0, 1 / L, D, D / L])
        if not close(got[0], wanted[0]):
            return f"two sums are the ELBO itself, where β is 1; yours is {got[0]:.4g}"
        known = {
            "upside down: a mean over pixels makes the reconstruction small, and so the KL heavy": [
                1.0,
                L,
                1 / D,
                L / D,
            ],
            "a mean over pixels makes the reconstruction small, and so the KL heavier, not "
            "lighter": [1.0, 1 / L, 1 / D, 1 / D / L],
            "a mean over latent dimensions makes the KL small, and so lighter": [1.0, L, D, D * L],
            "a mean over both does not cancel: there are not as many pixels as latent dimensions": [
                1.0,
                1 / L,
                D,
                1.0,
            ],
            "a mean over both does not cancel: there are not as many latent dimensions as pixels": [
                1.0,
                1.0,
                D,
                1.0,
            ],
            "a mean over latent dimensions changes the weight too": [1.0, 1.0, D, D],
            "a mean over pixels changes the weight, too": [1.0, 1 / L, 1.0, 1 / L],
            "both means change the weight": [1.0, 1.0, 1.0, 1.0],
            "the number of pixels and that of latent dimensions are exchanged": [
                1.0,
                1 / D,
                L,
                L / D,
            ],
        }
        exact = {hint: torch.tensor(values) for hint, values in known.items()}
        hint = compare(got, wanted, exact, rtol=1e-4, atol=0.0)
        if hint in known:
            return hint
        if hint:
            place = int(((got / wanted - 1).abs().nan_to_num(nan=torch.inf) > 1e-4).int().argmax())
            p, q = cases[place]
            return (
                f"for pixels={p!r}, latents={q!r}, {D} pixels and {L} latent dimensions you get "
                f"{got[place]:.4g}; multiply the loss by a number that turns the reconstruction "
                "back into a sum, and see what stands before the KL"
            )
    return None


@exercise("6.5")
def _continuous_bernoulli(log_density: Callable[..., torch.Tensor]) -> str | None:
    """Want the continuous Bernoulli's log-density of every example, from (x, logits)."""
    g = drawn()
    B, D, *others = sizes(g, 4, 2, 9)
    inputs = _pixels(g, B, D)
    return (
        _density_problem(log_density, *inputs)
        or _density_problem(log_density, *_pixels(g, *others))
        or _gradient_problem(log_density, *inputs)
        or _zero_problem(log_density, inputs[0])
        or _near_zero_problem(log_density, g)
        or _extreme_problem(log_density, inputs[0], g)
    )


def _pixels(g: torch.Generator, B: int, D: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return grey pixels, and logits of both signs that are not near 0."""
    x, size, side = torch.rand(3, B, D, generator=g)
    return x, (0.5 + 5 * size) * torch.where(side < 0.5, -1.0, 1.0)


def _log_density(x: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    a = logits.abs().clamp(min=1e-4)
    return (x * logits - F.softplus(logits) + (a / torch.tanh(a / 2)).log()).sum(-1)


def _density_problem(
    log_density: Callable[..., torch.Tensor], x: torch.Tensor, logits: torch.Tensor
) -> str | None:
    """Try logits that are neither large nor near 0."""
    B, D = x.shape
    got = log_density(x, logits)
    if hint := _shape_hint(got, B, D, "pixels"):
        return hint
    cross_entropy = (F.softplus(logits) - x * logits).sum(-1)
    area = torch.tanh(logits / 2) / logits
    log_c = -area.log().sum(-1)
    wanted = log_c - cross_entropy
    known = {
        "the sign is turned: the log-density is wanted, not the loss": -wanted,
        "the normalizing constant is missing: this is the cross-entropy's": -cross_entropy,
        "that is the cross-entropy: its sign is turned, and the normalizing constant is missing": (
            cross_entropy
        ),
        "the normalizing constant has the wrong sign: the area is too small, so the density must "
        "be larger": -cross_entropy - log_c,
        "the logarithm of the normalizing constant is wanted": ((1 / area).sum(-1) - cross_entropy),
        "tanh is taken of half the logit": (
            (logits / torch.tanh(logits)).log().sum(-1) - cross_entropy
        ),
        "the cross-entropy has the wrong sign": cross_entropy + log_c,
        "that is the normalizing constant alone": log_c,
        "the constant is that of each pixel's own logit, not of one for all": (
            -area.mean(-1).log() - cross_entropy
        ),
        "the constants of the pixels are multiplied, so their logarithms are added": (
            (1 / area).sum(-1).log() - cross_entropy
        ),
        "the constant log 2 holds at logits of 0 alone": D * math.log(2) - cross_entropy,
        "you averaged over pixels; the log-density is a sum over them": wanted / D,
        "that is the density; its logarithm is wanted": wanted.exp(),
    }
    if hint := compare(got, wanted, known):
        return hint
    if log_density(x[:1], logits[:1]).shape != (1,):
        return "a batch of one should give shape (1,)"
    return None


def _gradient_problem(
    log_density: Callable[..., torch.Tensor], x: torch.Tensor, logits: torch.Tensor
) -> str | None:
    return compare_gradients(log_density, _log_density, [x, logits], [1])


def _zero_problem(log_density: Callable[..., torch.Tensor], x: torch.Tensor) -> str | None:
    """Try logits of exactly 0, alone and beside others."""
    zero = torch.zeros_like(x)
    got = log_density(x, zero)
    if not got.isfinite().all():
        return "right, but at logits of 0 your result is not finite: 0/0, which has a limit there"
    if not close(got, 0 * got, atol=1e-3):
        return (
            "right, but at logits of 0 the density is 1 everywhere; the logarithm of yours is "
            f"{got[0]:.4g}"
        )
    leaf = zero.requires_grad_()
    (slope,) = torch.autograd.grad(log_density(x, leaf).sum(), leaf)
    if not slope.isfinite().all():
        return (
            "right, but at logits of 0 the gradient is not finite: where() computes both branches, "
            "and 0/0 spoils the gradient of the one that is not chosen"
        )
    if not close(slope[:, 0], x[:, 0] - 0.5, atol=2e-3):
        return (
            f"right, but at logits of 0 the gradient is not: {furthest(slope[:, 0], x[:, 0] - 0.5)}"
        )
    return None


def _near_zero_problem(log_density: Callable[..., torch.Tensor], g: torch.Generator) -> str | None:
    """Try logits beside 0; some are minus the small number that is often added to avoid 0/0."""
    steps = torch.tensor([0.3, 0.1, 0.05, *(10.0**-k for k in range(2, 13)), torch.finfo().eps])
    logits = torch.cat([steps, -steps])[:, None].requires_grad_()
    x = torch.rand(logits.shape, generator=g)
    got, wanted = log_density(x, logits), _log_density(x, logits)
    if not got.isfinite().all():
        place = logits.detach()[~got.isfinite()][0].item()
        return (
            f"right, but at a logit of {place:.1g} your result is not finite: what you add to the "
            "logits keeps them from 0/0 at 0, and makes it there"
        )
    if not close(got, wanted, atol=1e-3):
        return "right, but not at logits near 0: log 2 is the constant at 0 alone"
    slope, right = (torch.autograd.grad(each.sum(), logits)[0] for each in (got, wanted))
    if not close(slope, right, atol=1e-3):
        return (
            "right, but at logits near 0 the gradient is not: the logarithm of the constant is "
            "curved there, so one number in its place is not enough"
        )
    return None


def _extreme_problem(
    log_density: Callable[..., torch.Tensor], x: torch.Tensor, g: torch.Generator
) -> str | None:
    """Try large logits of both signs, beside the right pixel and the wrong one."""
    for side in (1, -1):
        logits = side * (90 + 60 * torch.rand(x.shape, generator=g))
        for pixels in (x, torch.ones_like(x), torch.zeros_like(x)):
            if not close(log_density(pixels, logits), _log_density(pixels, logits)):
                return (
                    f"right for moderate logits, but not at logits of about {100 * side}: use the "
                    "logits all the way, no sigmoid and no exp of a large number"
                )
        if hint := compare_gradients(log_density, _log_density, [x, logits], [1]):
            return f"at logits of about {100 * side}, {hint}"
    return None
