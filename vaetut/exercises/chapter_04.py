"""Checks for chapter 4, "The practical solution: encoder and decoder"."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional as F

from ..distributions import LOG_2PI
from ..model import VAE
from ..networks import Decoder
from .draws import generator_problem, noise_problem, plausible, too_noisy
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


@exercise("4.1", results=2)
def _bayes(bayes: Callable[..., tuple[torch.Tensor, torch.Tensor]]) -> str | None:
    """Want a function of (log_likelihood, z, cell) that returns log p(x) and p(z|x)."""
    g = drawn()
    for level in (-150.0, -1000.0, 1000.0):  # a density may be large
        if hint := _bayes_at(bayes, level + 20 * torch.rand((), generator=g), g):
            return hint
    return None


def _bayes_at(
    bayes: Callable[..., tuple[torch.Tensor, torch.Tensor]],
    level: torch.Tensor,
    g: torch.Generator,
) -> str | None:
    """Try log-likelihoods whose highest is `level`."""
    points = sizes(g, 2, 25, 40)
    width = (0.15 + 0.1 * torch.rand(2, generator=g)).tolist()
    sides = [w * (torch.arange(n) - (n - 1) / 2) for n, w in zip(points, width, strict=True)]
    z, cell = torch.cartesian_prod(*sides), width[0] * width[1]  # (G, 2)
    angle, radius, steep = torch.rand(3, generator=g)
    top = (0.8 + 0.3 * radius) * torch.stack([(7 * angle).cos(), (7 * angle).sin()])
    log_likelihood = level - (3 + 2 * steep) * (z - top).square().sum(-1)
    got = bayes(log_likelihood, z, cell)
    if not isinstance(got, tuple):
        return "return two things, log p(x) and the density p(z|x) at every code"
    log_p, density = got
    if log_p.shape != () or density.shape != (len(z),):
        shapes = f"{tuple(log_p.shape)} and {tuple(density.shape)}"
        return f"log p(x) is one number and the density has shape (G,); your shapes are {shapes}"
    if not log_p.isfinite():
        return (
            "e to the power of such log-likelihoods is 0 or infinite in floats: use logsumexp, and "
            "never leave the logarithm"
        )
    log_joint = log_likelihood - 0.5 * z.square().sum(-1) - LOG_2PI
    wanted = log_joint.logsumexp(0) + math.log(cell)
    known = {
        "the prior p(z) is missing: multiply it in before you sum": (
            log_likelihood.logsumexp(0) + math.log(cell)
        ),
        "a sum becomes an integral by the area of a cell: multiply it in": wanted - math.log(cell),
        "you divided by the area of a cell": wanted - 2 * math.log(cell),
        "that is an average over the grid; an integral is a sum times the area of a cell": (
            wanted - math.log(cell) - math.log(len(z))
        ),
        "the area of a cell belongs inside the logarithm, or as its logarithm outside": (
            wanted - math.log(cell) + cell
        ),
        "the prior's constant, log 2π for two dimensions, is missing": wanted + LOG_2PI,
        "the prior of two coordinates has the constant log 2π, which is twice ½ log 2π": (
            wanted + 0.5 * LOG_2PI
        ),
        "the prior is that of both coordinates; yours has one": (
            (log_likelihood - 0.5 * (z[:, 0] ** 2 + LOG_2PI)).logsumexp(0) + math.log(cell)
        ),
        "the largest term, taken off before exp, must be added again at the end": (
            wanted - log_joint.amax()
        ),
        "the prior's log-density has a factor ½ before the square": (
            (log_joint - 0.5 * z.square().sum(-1)).logsumexp(0) + math.log(cell)
        ),
        "that is the largest term; all of them are summed": log_joint.amax() + math.log(cell),
        "the sign is turned": -wanted,
        "that is p(x), which no float can hold; its logarithm is wanted": wanted.exp(),
    }
    tight = {"rtol": 1e-5, "atol": 3e-3}
    if hint := compare(log_p, wanted, known, **tight, number="log p(x)"):
        return hint
    exact = (log_joint - wanted).exp()
    known = {
        "your density is all right in log p(x), but lacks the prior": (
            (log_likelihood - wanted).exp()
        ),
        "the prior is missing in your density": log_likelihood.softmax(0) / cell,
        "those are the weights of the cells, which sum to 1; a density integrates to 1": (
            cell * exact
        ),
        "the area of a cell is no part of the density: it belongs to the integral alone": (
            exact / cell
        ),
        "that is the log-density; the density is wanted": log_joint - wanted,
        "the numerator must be divided by p(x), as logarithms: no float can hold it": (
            log_joint.exp()
        ),
        "a density need not have 1 as its highest value: divide by p(x), not by the largest": (
            exact / exact.max()
        ),
    }
    number = "one of your densities"
    hint = compare(density, exact, known, rtol=3e-3, atol=1e-4, number=number)
    if hint and hint not in known and not density.isfinite().all():
        return (
            "your density is not finite, or 0/0: take numerator and p(x) from each other as "
            "logarithms, and only then exp"
        )
    return hint


@exercise("4.2")
def _log_aggregate(log_aggregate: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (z, mu, log_var) that returns log q(z), shape (M,)."""
    g = drawn()
    M, N, L, *others = sizes(g, 6, 2, 9)
    inputs = [torch.randn(n, L, generator=g) for n in (M, N, N)]
    return (
        _near(log_aggregate, *inputs)
        or _near(
            log_aggregate,
            *(torch.randn(n, others[2], generator=g) for n in (others[:2] + others[1:2])),
        )
        or _single(log_aggregate, *inputs)
        or _far(log_aggregate, g)
        or compare_gradients(log_aggregate, _log_q, inputs, [0, 1, 2])
    )


def _near(
    log_aggregate: Callable[..., torch.Tensor],
    z: torch.Tensor,
    mu: torch.Tensor,
    log_var: torch.Tensor,
) -> str | None:
    """Try codes that lie among the clouds."""
    (M, L), N = z.shape, len(mu)
    got = log_aggregate(z, mu, log_var)
    if got.shape in ((M, N), (N, M)):
        return "that is one value for each code and image; average over the images: shape (M,)"
    if got.shape == (N,):
        return "one value per code is wanted, (M,); yours is one per image"
    if got.shape == (M, L):
        return "that is one value for each coordinate; inside each density their logs are summed"
    if got.shape != (M,):
        return f"one value for each of the {M} codes is wanted; your shape is {tuple(got.shape)}"
    wanted = _log_q(z, mu, log_var)
    terms, off = _terms(z, mu, log_var), (z[:, None] - mu).square()
    mean, variance = mu.mean(0), log_var.exp().mean(0) + mu.var(0, correction=0)
    known = {
        "that is the mean of the logarithms; the logarithm of the mean is wanted": (
            terms.sum(-1).mean(1)
        ),
        "q(z) is an average over the images: divide by N": wanted + math.log(N),
        "you divided by the number of codes; q(z) is an average over the images": (
            wanted + math.log(N) - math.log(M)
        ),
        "all N images are in the average: divide by N, not by N - 1": (
            wanted + math.log(N / (N - 1))
        ),
        "that is the largest of the densities; all N are summed": (
            terms.sum(-1).amax(1) - math.log(N)
        ),
        "that is the largest of the densities, and all N are summed": terms.sum(-1).amax(1),
        "that is the density; its logarithm is wanted": wanted.exp(),
        "the sign is turned": -wanted,
        "(z - mu) is divided by sigma before it is squared; log_var is log σ²": (
            _log_q(z, mu, 2 * log_var)
        ),
        "the square of (z - mu) is divided by σ² = exp(log_var); you have used σ": _mixed(
            -0.5 * (off / (0.5 * log_var).exp() + log_var + LOG_2PI)
        ),
        "the density of a stretched axis is divided by σ, so half of log_var is subtracted": _mixed(
            -0.5 * (off / log_var.exp() + 2 * log_var + LOG_2PI)
        ),
        "each density is divided by its σ: half of log_var, summed over coordinates, is missing": (
            _mixed(terms + 0.5 * log_var)
        ),
        "the factor ½ before the square is missing": _mixed(terms - 0.5 * off / log_var.exp()),
        "the constant log 2π is missing": wanted + 0.5 * L * LOG_2PI,
        "the constant log 2π belongs to every coordinate, not to the sum once": (
            wanted + 0.5 * (L - 1) * LOG_2PI
        ),
        "you averaged over the coordinates; their log-densities are summed": (
            terms.mean(-1).logsumexp(1) - math.log(N)
        ),
        "a product of coordinates was averaged one by one: sum their logs first": (
            (terms.logsumexp(1) - math.log(N)).sum(-1)
        ),
        "that is one Gaussian with the moments of q(z); q(z) has N humps": (
            _terms(z, mean[None], variance.log()[None]).sum((1, 2))
        ),
        "that is one Gaussian at the mean of the codes; q(z) has N humps": (
            _terms(z, mean[None], log_var.mean(0, keepdim=True)).sum((1, 2))
        ),
    }
    return compare(got, wanted, known)


def _single(
    log_aggregate: Callable[..., torch.Tensor],
    z: torch.Tensor,
    mu: torch.Tensor,
    log_var: torch.Tensor,
) -> str | None:
    """Try one code, and one image."""
    for few in ((z[:1], mu, log_var), (z, mu[:1], log_var[:1])):
        if not close(log_aggregate(*few), _log_q(*few)):
            return "one code alone should give shape (1,), and one image alone its own log q(z|x)"
    return None


def _far(log_aggregate: Callable[..., torch.Tensor], g: torch.Generator) -> str | None:
    """Try codes where densities leave the range of floats."""
    mu, wide = torch.randn(3, 4, generator=g), torch.randn(3, 64, generator=g)
    cases = [(side + mu[:2], mu, torch.full_like(mu, v)) for side in (40, -40) for v in (0.0, -6.0)]
    cases.append((wide[:2], wide, torch.full_like(wide, -6.0)))  # in the middle of narrow clouds
    for case in cases:
        if not close(log_aggregate(*case), _log_q(*case), atol=1e-2):
            return (
                "far from all images the densities underflow to 0, and within narrow clouds of "
                "many dimensions they overflow: sum them with logsumexp"
            )
    return None


def _terms(z: torch.Tensor, mu: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """Return log q(z_m|x_n) of each coordinate, (M, N, L)."""
    return -0.5 * ((z[:, None] - mu).square() / log_var.exp() + log_var + LOG_2PI)


def _mixed(terms: torch.Tensor) -> torch.Tensor:
    """Sum over the coordinates, and mix over the images: (M, N, L) -> (M,)."""
    return terms.sum(-1).logsumexp(1) - math.log(terms.shape[1])


def _log_q(z: torch.Tensor, mu: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    return _mixed(_terms(z, mu, log_var))


@exercise("4.3", results=2)
def _moments(moments: Callable[..., tuple[torch.Tensor, torch.Tensor]]) -> str | None:
    """Want a function of (mu, log_var) that returns mean and variance of q(z), each (L,)."""
    g = drawn()
    N, L, *others = sizes(g, 4, 3, 9)
    return _moments_of(moments, g, N, L) or _moments_of(moments, g, *others)


def _moments_of(
    moments: Callable[..., tuple[torch.Tensor, torch.Tensor]], g: torch.Generator, N: int, L: int
) -> str | None:
    """Try N images and L coordinates."""
    side = 2.0 * torch.randint(2, (L,), generator=g) - 1  # the means of q(z) are not 0
    mu = torch.randn(N, L, generator=g) + 2 * side
    log_var = torch.randn(N, L, generator=g) - 1
    got = moments(mu, log_var)
    if not isinstance(got, tuple):
        return "return two things, the means and the variances"
    mean, variance = got
    if mean.shape != (L,) or variance.shape != (L,):
        shapes = f"{tuple(mean.shape)} and {tuple(variance.shape)}"
        return f"both have one value per coordinate, (L,), here ({L},); your shapes are {shapes}"
    inner, outer = log_var.exp().mean(0), mu.var(0, correction=0)
    right_mean, wanted = mu.mean(0), inner + outer
    if close(mean, wanted) and close(variance, right_mean):
        return "the other way round: the means come first, then the variances"
    precision = (-log_var).exp()
    known = {
        "the mean of a mixture is the mean of its means, not their sum": N * right_mean,
        "every image counts the same, however wide its cloud is": (
            (precision * mu).sum(0) / precision.sum(0)
        ),
        "every image counts the same, however wide its cloud": (
            (log_var.exp() * mu).sum(0) / log_var.exp().sum(0)
        ),
    }
    if not close(mean, right_mean):
        again, _ = moments(mu, log_var)
        if not torch.equal(mean, again):
            return "a second call gives other numbers: no draws are needed, only means"
        hint = compare(mean, right_mean, known, number="one of your means")
        return hint if hint in known else f"the mean of a mixture is the mean of its means; {hint}"
    known = {
        "that is the average width of one cloud; the clouds also lie apart": inner,
        "you summed the widths of the clouds; one code comes from one of them": N * inner + outer,
        "that is how far the clouds lie apart; each also has a width": outer,
        "that is how far the clouds lie apart; and each has a width": mu.var(0),
        "the second moment is not the variance: subtract the square of the mean": (
            inner + mu.square().mean(0)
        ),
        "these are standard deviations; variances are wanted": wanted.sqrt(),
        "these are logarithms; the variances themselves are wanted": wanted.log(),
        "the width is σ² = exp(log_var); you have used σ": (0.5 * log_var).exp().mean(0) + outer,
        "log_var is not the variance yet: which function takes one to the other?": (
            log_var.mean(0) + outer
        ),
        "exp(log_var) is σ² already; you squared it once more": (
            (2 * log_var).exp().mean(0) + outer
        ),
        "average σ², not log σ²": log_var.mean(0).exp() + outer,
        "average σ², not σ": (0.5 * log_var).exp().mean(0).square() + outer,
        "q(z) is the mixture of exactly these N, so divide by N, not by N - 1": inner + mu.var(0),
        "that is the variance of the mean of N codes; one code is as wide as its cloud": (
            inner / N + outer
        ),
        "variances add; you have added standard deviations": inner.sqrt() + outer.sqrt(),
    }
    return compare(variance, wanted, known, number="one of your variances")


@exercise("4.4")
def _draw_images(draw_images: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (model, n, generator) that draws z, then x: (n, 784) of zeros and ones."""
    g = drawn()
    L, n = size(g, 3, 5), size(g, 3000, 3500)
    bias = 0.8 + 0.15 * torch.rand((), generator=g)  # apart from its sigmoid, and that one's
    model = VAE(784, L, ())
    assert isinstance(model.decoder, Decoder)
    block = 784 // (L + 1)  # pixels whose logits are z_j, for each j, and then a constant
    with torch.no_grad():
        model.decoder.out.weight.zero_()
        for j in range(L):
            model.decoder.out.weight[j * block : (j + 1) * block, j] = 1.0
        model.decoder.out.bias[L * block :] = bias

    def images(n: int, generator: torch.Generator) -> torch.Tensor:
        return draw_images(model, n, generator).detach()

    got = images(n, drawn(1))
    if got.shape != (n, 784):
        return f"the shape should be (n, 784), here ({n}, 784); yours is {tuple(got.shape)}"
    if not got.isfinite().all():
        return "not all of your pixels are numbers"
    if got.min() < 0 or got.max() > 1:
        return "those are logits; their sigmoid is the chance of white, and a pixel is 0 or 1"
    if not ((got == 0) | (got == 1)).all():
        return "that is the mean of p(x|z); a sample needs one more draw, pixel by pixel"
    count = got[:, : L * block].view(n, L, block).sum(-1)  # (n, L): white pixels of each block
    same = got[:, L * block :]
    return (
        _pixels_problem(same, bias)
        or _codes_problem(count, block)
        or _images_generator_problem(lambda g: images(60, g), L, block)
        or (None if images(1, drawn(1)).shape == (1, 784) else "one image has shape (1, 784)")
    )


def _pixels_problem(white: torch.Tensor, logit: torch.Tensor) -> str | None:
    """Say what is wrong with pixels (n, m) that have the same logit, whatever the code is."""
    m, share, chance = white.shape[1], white.mean().item(), logit.sigmoid().item()
    if share > 0.999:
        return "rounding the mean is no draw: the same z would always give the same pixels"
    if (white == white[:1]).all():
        return "all images share one draw of the pixels"
    if (white == white[:, :1]).all():
        return "all pixels of an image share one random number: each needs its own"
    tolerance = 6 * math.sqrt(0.25 / white.numel())
    known = {
        "black and white are exchanged: the sigmoid is the chance of white, of a 1": 1 - chance,
        "the decoder returns logits: their sigmoid is the chance of white": logit.item(),
        "the sigmoid is taken twice: decode_mean returns chances already": (
            logit.sigmoid().sigmoid().item()
        ),
    }
    if abs(share - chance) > tolerance:
        for hint, wrong in known.items():
            if abs(share - wrong) < tolerance:
                return hint
        return (
            f"pixels that are white with probability {chance:.2f} are white {share:.2f} of the time"
        )
    if not plausible(
        white.sum(1), _count_cdf(m, logit.view(1, 1).double(), torch.ones(1, 1).double())
    ):
        return "the pixels of an image hang together: given z, each needs a draw of its own"
    return None


def _codes_problem(count: torch.Tensor, block: int) -> str | None:
    """Say what is wrong with the codes behind counts (n, L) of white pixels with logits z."""
    share = count / block
    if share.std(0).max() < 0.06:
        return "all your images seem to have the same z: each needs its own draw from the prior"
    z = torch.linspace(-8, 8, 801).double()[:, None]
    cdf = _count_cdf(block, z, (-0.5 * z.square()).softmax(0))
    table = cdf(torch.arange(block + 1).double())
    chances = table.diff(prepend=table.new_zeros(1))
    levels = torch.linspace(0, 1, block + 1).double()
    spread = (chances * (levels - 0.5).square()).sum().sqrt()
    if not (share.mean(0) - 0.5).abs().max() < 0.06:
        return "are your codes from the prior, N(0, I)? Their mean is not 0"
    if not (share.std(0) / spread - 1).abs().max() < 0.08:
        return "are your codes from the prior, N(0, I)? Their spread is not 1"
    for values in (share, (share - 0.5).square()):
        if (values.T.corrcoef() - torch.eye(values.shape[1])).abs().max() > 0.13:
            return "one latent dimension can be told from the other: each needs noise of its own"
    rare = torch.minimum(chances.cumsum(0), chances.flip(0).cumsum(0).flip(0)) < 0.005
    seen, due = rare[count.long()].sum(), count.numel() * chances[rare].sum()
    if not plausible(count, cdf) or (seen - due).abs() > 6 * due.sqrt():
        return "your codes have the right spread, but they are not normal: use torch.randn"
    for lag in (1, len(share) // 2, len(share) - len(share) // 2):
        pairs = torch.stack([share[lag:].flatten(), share[:-lag].flatten()])
        if pairs.corrcoef()[0, 1].abs() > 0.13:
            return "codes come twice: each image needs its own draw from the prior"
    return None


def _count_cdf(
    block: int, logits: torch.Tensor, weights: torch.Tensor
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the distribution function of how many of `block` pixels are white.

    Their logits are one of `logits`, (G, 1), with probabilities `weights`, (G, 1).
    """
    k = torch.arange(block + 1).double()
    choose = math.lgamma(block + 1) - torch.lgamma(k + 1) - torch.lgamma(block - k + 1)
    log_chance = choose + k * F.logsigmoid(logits) + (block - k) * F.logsigmoid(-logits)
    table = F.pad((weights * log_chance.exp()).sum(0).cumsum(0), (1, 0))
    return lambda counts: table[(counts.floor().long() + 1).clamp(0, block + 1)]


def _images_generator_problem(
    images: Callable[[torch.Generator], torch.Tensor], L: int, block: int
) -> str | None:
    """Say whether codes and pixels both come from the generator."""
    both = torch.stack([images(drawn(stream)) for stream in (1, 2)])
    share = torch.unflatten(both[..., : L * block], 2, (L, block)).mean(-1).flatten(1)
    if hint := generator_problem(images):
        return hint
    if share.corrcoef()[0, 1] > 0.8:
        return "your codes do not depend on the generator: take every draw from it"
    if torch.equal(*both[..., L * block :]):
        return "the draws of the pixels do not depend on the generator: take every draw from it"
    return None


class _Decoder:
    """Logits, (..., D), of codes (..., L): bias, a linear part, and squares of another."""

    def __init__(self, bias: torch.Tensor, *parts: torch.Tensor, bound: float = torch.inf) -> None:
        self.bias, self.parts = bias, parts  # (D,), and two of (D, L)
        self.bound = bound  # of the logits

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        z = torch.as_tensor(z)
        L = self.parts[0].shape[1]
        if z.ndim == 0 or z.shape[-1] != L:
            raise ValueError(f"codes have shape (..., L), here L = {L}; yours are {tuple(z.shape)}")
        linear, square = (z @ part.T.to(z.dtype) for part in self.parts)  # (..., D)
        logits = linear + square.square() + self.bias.to(z.dtype)
        return logits if self.bound == torch.inf else self.bound * (logits / self.bound).tanh()


class _Costs:
    """What there is to know of the distortion of images x, (B, D), under q(z|x)."""

    def __init__(
        self, decoder: _Decoder, x: torch.Tensor, mu: torch.Tensor, sigma: torch.Tensor
    ) -> None:
        self.decoder, self.x, self.mu, self.sigma = decoder, x, mu, sigma
        self.inputs = decoder, x, mu, 2 * sigma.log()
        self.rate = 0.5 * (mu**2 + sigma**2 - 1 - 2 * sigma.log()).sum(-1)  # (B,)
        node, share = (torch.from_numpy(a).float() for a in np.polynomial.hermite_e.hermegauss(24))
        L = mu.shape[1]
        nodes = torch.cartesian_prod(*L * [node])[:, None]  # (G, 1, L)
        self.weights = torch.cartesian_prod(*L * [share / share.sum()]).prod(-1)[:, None]
        self.at_mean, self.logits = self.of(decoder(mu)), decoder(mu + sigma * nodes)
        self.mean, self.spread = self.average(self.of(self.logits))

    def of(self, logits: torch.Tensor) -> torch.Tensor:
        return (F.softplus(logits) - self.x * logits).sum(-1)

    def average(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and standard deviation over the nodes, (G, B) -> (B,) each."""
        mean = (self.weights * values).sum(0)
        return mean, (self.weights * (values - mean).square()).sum(0).sqrt()


def _near_to(got: torch.Tensor, mean: torch.Tensor, spread: torch.Tensor, K: int) -> bool:
    """Say whether averages over K draws lie where they should."""
    return bool(((got - mean).abs() <= 6 * spread / K**0.5 + 2e-3).all())


@exercise("4.6", results=2)
def _two_costs(two_costs: Callable[..., tuple[torch.Tensor, torch.Tensor]]) -> str | None:
    """Want a function of (decoder, x, mu, log_var, K, generator) that returns two of (B,)."""
    g = drawn()
    B, D, L, K = size(g, 5, 7), size(g, 12, 18), size(g, 2, 3), size(g, 2000, 3000)
    parts = 0.7 * torch.randn(D, L, generator=g), 0.4 * torch.randn(D, L, generator=g)
    x = torch.randint(2, (B, D), generator=g).float()
    mu, sigma = torch.randn(B, L, generator=g), 0.5 + 0.3 * torch.rand(B, L, generator=g)
    decoder = _Decoder(torch.randn(D, generator=g) - 0.5, *parts, bound=8.0)
    exact = _Costs(decoder, x, mu, sigma)
    got = two_costs(*exact.inputs, K, drawn(1))
    if not isinstance(got, tuple):
        return "return two things, the cost at the mean and the average over the draws"
    at_mean, average = (each.detach() for each in got)
    if average.shape in ((K, B), (B, K)):
        return "the second has one cost for each draw; average over the K draws: shape (B,)"
    if at_mean.shape != (B,) or average.shape != (B,):
        shapes = f"{tuple(at_mean.shape)} and {tuple(average.shape)}"
        return f"both have one cost per image, (B,), here ({B},); your shapes are {shapes}"
    if not at_mean.isfinite().all() or not average.isfinite().all():
        return "your costs are not finite: what the decoder returns are logits, of any sign"

    def again(K: int, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        return tuple(each.detach() for each in two_costs(*exact.inputs, K, generator))

    turned = close(average, exact.at_mean) and not close(at_mean, average)
    if turned and _near_to(at_mean, exact.mean, exact.spread, K):
        return "the other way round: first the cost at the mean, then that of the draws"
    codes = _draws_of(two_costs, 1, L, L, g)
    return (
        _at_mean_problem(at_mean, again(3, drawn(2))[0], exact)
        or _draws_problem(*codes, repeated=close(average, exact.at_mean))
        or _average_problem(average, lambda g: again(K, g)[1], exact, K)
        or _single_image_problem(two_costs, exact)
        or _large_logits_problem(two_costs, exact)
        or _independence_problem(*_draws_of(two_costs, 6, L, 1, g), *codes)
        or generator_problem(lambda g: again(3, g)[1])
    )


def _at_mean_problem(got: torch.Tensor, again: torch.Tensor, exact: _Costs) -> str | None:
    """Say what is wrong with the costs at the mean, of two calls."""
    decoder, x, mu, _ = exact.inputs
    wanted, white = exact.at_mean, decoder(mu).sigmoid()
    known = {
        "the sign of the cost at the mean is turned: the distortion is -log p(x|z)": -wanted,
        "the cost at the mean is a sum over the pixels, no mean": wanted / x.shape[1],
        "the rate is in your cost at the mean; the distortion alone is wanted": (
            wanted + exact.rate
        ),
        "that is the squared error at the mean; the pixels are Bernoulli": (
            (x - white).square().sum(-1)
        ),
        "the cost at the mean is that of the code mu, not of the code 0": (
            exact.of(decoder(0 * mu))
        ),
        "the decoder returns logits already: its sigmoid is the chance of white": exact.of(white),
    }
    if not torch.equal(got, again):
        return "the cost at the mean contains noise: decode mu itself"
    return compare(got, wanted, known, number="a cost at the mean")


def _draws_of(
    costs: Callable[..., tuple[torch.Tensor, torch.Tensor]],
    K: int,
    L: int,
    coordinates: int,
    g: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Read the codes, (B, coordinates), or their means over K draws; with mu and sigma.

    The cost of a black pixel with a large logit is that logit: let it be a coordinate.
    """
    B = 400 if coordinates > 1 else 200
    mu, sigma = torch.randn(B, L, generator=g), 0.4 + 0.2 * torch.rand(B, L, generator=g)
    sigma[::2] = 1.7 + 0.4 * torch.rand(B // 2, L, generator=g)
    x, bias, none = torch.zeros(B, 2), torch.tensor([64.0, -200.0]), torch.zeros(2, L)
    read = []
    for j in range(coordinates):
        linear = torch.zeros(2, L)
        linear[0, j] = 1.0
        decoder = _Decoder(bias, linear, none)
        got = costs(decoder, x, mu, 2 * sigma.log(), K, drawn(1))
        read.append(got[1].detach() - bias[0])
    return torch.stack(read, 1), mu[:, :coordinates], sigma[:, :coordinates]


def _draws_problem(
    z: torch.Tensor, mu: torch.Tensor, sigma: torch.Tensor, repeated: bool
) -> str | None:
    """Say what is wrong with codes, (B, L), if it is a mistake that is known.

    `repeated` says whether for many draws, too, the average is the cost at the mean.
    """
    eps = (z - mu) / sigma
    if eps.abs().max() < 1e-3:
        if not repeated:
            return "with K = 1 the noise of your codes cancels: one code of its own is wanted"
        return "the second is the cost at the mean again: it needs draws of z"
    if eps.std(0).max() < 1e-3:
        return "all images got the same noise: each image needs draws of its own"
    if (eps - eps[:, :1]).abs().max() < 1e-3:
        return "all coordinates of a code share one noise: each needs its own"
    known = {
        "the noise is multiplied by the variance; it should be by sigma, its square root": (
            eps / sigma
        ),
        "the noise is multiplied by log_var; it should be by sigma": (
            eps * sigma / (2 * sigma.log())
        ),
        "the noise is not multiplied by sigma": eps * sigma,
        "your sigma is 1 over sigma: look at the sign in the exponent": eps * sigma**2,
    }
    if torch.stack([z.flatten(), mu.flatten()]).corrcoef()[0, 1] < 0.3:
        known = {
            "you drew from the prior; the codes come from q(z|x)": z,
            "mu is missing in the codes that you draw": z / sigma,
        }
    if _is_standard(eps):
        return None
    return next((hint for hint, noise in known.items() if _is_standard(noise)), None)


def _is_standard(eps: torch.Tensor) -> bool:
    """Say whether noise has mean 0 and spread 1, in wide clouds, every second, and in narrow."""
    return all(
        0.8 < part.std() < 1.25 and part.mean().abs() < 0.3 for part in (eps[::2], eps[1::2])
    )


def _independence_problem(*read: torch.Tensor) -> str | None:
    """Say what is wrong with averages of 6 codes, or with single ones, and their mu and sigma."""
    six, single = ((z - mu) / sigma for z, mu, sigma in (read[:3], read[3:]))
    if not 0.7 < math.sqrt(6) * six.std() < 1.4:
        return "with K = 6 your average is not one over 6 independent draws of each image"
    return noise_problem(single)


def _average_problem(
    got: torch.Tensor, again: Callable[[torch.Generator], torch.Tensor], exact: _Costs, K: int
) -> str | None:
    """Say what is wrong with the averages over K draws."""
    D, weights = exact.x.shape[1], exact.weights[..., None]
    mean, spread = exact.mean, exact.spread
    white = (weights * exact.logits.sigmoid()).sum(0)
    likelihood, deviation = exact.average((exact.at_mean - exact.of(exact.logits)).exp())
    known = {
        "you averaged the codes before you decoded them: average the costs": (
            exact.at_mean,
            spread,
        ),
        "you averaged what the decoder returned: average the costs": (
            exact.of((weights * exact.logits).sum(0)),
            spread,
        ),
        "you averaged the pictures, and took the cost of the mean picture: average the costs": (
            exact.of(white.logit()),
            spread,
        ),
        "that is the logarithm of a mean; the mean of the costs, which are logarithms, is wanted": (
            exact.at_mean - likelihood.log(),
            deviation / likelihood,
        ),
        "that is the squared error of the draws; the pixels are Bernoulli": exact.average(
            (exact.x - exact.logits.sigmoid()).square().sum(-1)
        ),
        "you summed over the draws": (K * mean, K * spread),
        "the cost of a draw is a sum over the pixels, no mean": (mean / D, spread / D),
        "the sign of the average is turned: the distortion is -log p(x|z)": (-mean, spread),
        "the rate is in your average; the distortion alone is wanted": (mean + exact.rate, spread),
    }
    if _near_to(got, mean, spread, K):
        return None
    for hint, wrong in known.items():
        if _near_to(got, *wrong, K):
            return hint
    return too_noisy(again, spread / K**0.5) or furthest(got, mean, "an average over the draws")


def _single_image_problem(
    costs: Callable[..., tuple[torch.Tensor, torch.Tensor]], exact: _Costs
) -> str | None:
    decoder, *rest = exact.inputs
    got = costs(decoder, *(each[:1] for each in rest), 1, drawn(1))
    if any(each.shape != (1,) for each in got):
        return "one image and one draw should give two numbers of shape (1,)"
    return None


def _large_logits_problem(
    costs: Callable[..., tuple[torch.Tensor, torch.Tensor]], exact: _Costs
) -> str | None:
    """Say whether pixels are priced right of which the decoder is certain, rightly or wrongly."""
    decoder, x, mu, _ = exact.inputs
    narrow = torch.full_like(mu, -40.0)
    _, average = costs(decoder, x, mu, narrow, 3, drawn(1))
    if not close(average, exact.at_mean):
        return "with K = 3, and hardly any noise, your average is not the cost at the mean"
    certain = _Decoder(150 * decoder.bias, 150 * decoder.parts[0], 0 * decoder.parts[1])
    wanted = exact.of(certain(mu))
    for got in costs(certain, x, mu, narrow, 3, drawn(1)):
        if not close(got, wanted):
            return (
                "right for moderate logits, but not for logits above 100: use the logits all the "
                "way, no sigmoid and no exp of a large number"
            )
    return None


@exercise("4.7")
def _draw_aggregate(draw_aggregate: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (mu, log_var, n, generator) that returns draws from q(z), (n, L)."""
    g = drawn()
    N, L, n, many = size(g, 5, 7), size(g, 2, 4), size(g, 2500, 3000), size(g, 40, 60)
    mu, log_var = _clouds(N, L, g)
    z = draw_aggregate(mu, log_var, n, drawn(1)).detach()
    if z.shape != (n, L):
        return f"the shape should be (n, L), here {(n, L)}; yours is {tuple(z.shape)}"
    if not z.isfinite().all():
        return "not all of your codes are finite numbers"
    place, eps = _read(z, mu, log_var)
    few = _clouds(many, L, g)
    return (
        _place_problem(z, place, mu, log_var)
        or _eps_problem(eps, place, (0.5 * log_var).exp())
        or _reuse_problem(lambda n, g: draw_aggregate(*few, n, g).detach(), *few)
    )


def _clouds(N: int, L: int, g: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return N clouds far apart along the first coordinate, some narrow and some wide."""
    mu = 3 * torch.randn(N, L, generator=g)
    place = 100.0 * torch.arange(N) + 300  # far from 0 also, where the prior is
    place[-1] += 50 * N * (N % 2)  # and the mean of all lies in the middle between two
    mu[:, 0] += place[torch.randperm(N, generator=g)]
    sigma = 0.35 + 0.25 * torch.rand(N, L, generator=g)
    sigma[::2] = 1.7 + 0.8 * torch.rand((N + 1) // 2, L, generator=g)
    return mu, 2 * sigma.log()


def _read(
    z: torch.Tensor, mu: torch.Tensor, log_var: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return from which image each code came, (n,), and with which noise, (n, L)."""
    place = (z[:, None, 0] - mu[:, 0]).abs().argmin(1)
    return place, (z - mu[place]) / (0.5 * log_var[place]).exp()


def _place_problem(
    z: torch.Tensor, place: torch.Tensor, mu: torch.Tensor, log_var: torch.Tensor
) -> str | None:
    """Say what is wrong with the images that codes z, (n, L), came from."""
    (n, _), N = z.shape, len(mu)
    if (z - mu[place]).abs().max() > 40:  # the clouds are 100 apart
        if z.abs().max() < 10:
            return "those are draws from the prior; what is wanted are the codes of the N images"
        spread = (log_var.exp().mean(0) + mu.var(0, correction=0)).sqrt()
        if (z.std(0) / spread - 1).abs().max() < 0.1:
            return "those are draws from one Gaussian with the moments of q(z); q(z) has N humps"
        return (
            "many of your codes lie between the clouds: a draw from a mixture is a draw from one "
            "of its parts, no average of several"
        )
    counts = place.bincount(minlength=N)
    if (counts == n).any():
        return "all your codes come from one image: draw an image anew for each code"
    if (counts == 0).any():
        return "some images are never drawn: all N are in the mixture"
    chi_square = ((counts - n / N).square() / (n / N)).sum()
    if chi_square > 60:
        return "the images are not drawn evenly: in q(z) each has the share 1/N"
    if chi_square < 0.005:
        return "each image comes equally often: the draws are not independent of each other"
    if (place[1:] == place[:-1]).float().mean() > 0.5:
        return "codes of one image stand together: draw an image anew for each code"
    return None


def _eps_problem(eps: torch.Tensor, place: torch.Tensor, sigma: torch.Tensor) -> str | None:
    """Say what is wrong with noise (n, L)."""
    spread = torch.stack([eps[place == i].std(0) for i in range(len(sigma))])  # (N, L)
    if spread.max() < 1e-2:
        if eps.abs().max() < 1e-2:
            return "those are the means: each code also needs noise, as wide as its cloud"
        if eps.std(0).max() < 1e-2:
            return "all your codes share one noise: each needs its own"
        return "all codes of an image have the same noise: each code needs its own"
    if (eps - eps[:, :1]).abs().max() < 1e-2:
        return "all coordinates of a code share one noise: each needs its own"
    known = {
        "the noise is multiplied by the variance; it should be by sigma, its square root": sigma,
        "the noise is multiplied by log_var; it should be by sigma": (
            2 * sigma.log().abs() / sigma
        ),
        "the noise is not multiplied by sigma": 1 / sigma,
        "your sigma is 1 over sigma: look at the sign in the exponent": sigma**-2,
        "noise of the prior is added: a code of q(z|x) is only as wide as its cloud": (
            (1 + sigma**-2).sqrt()
        ),
        "all clouds have the same width in yours; each has its own sigma": (
            sigma.square().mean(0).sqrt() / sigma
        ),
        "all clouds have one width in yours; each has its own sigma": sigma.mean(0) / sigma,
        "all clouds have one and the same width in yours; each has its own sigma": (
            sigma.log().mean(0).exp() / sigma
        ),
    }
    if close(spread[:, 0], torch.ones(len(sigma)), rtol=0.2) and spread[:, 1:].mean() > 2:
        return "the coordinates of one code come from different images: draw an image for each code"
    if not close(spread, torch.ones_like(spread), rtol=0.2):
        for hint, wrong in known.items():
            if close(spread, wrong, rtol=0.2):
                return hint
        off = (spread - 1).abs().argmax()
        return f"one of your clouds is {spread.flatten()[off]:.2f} times as wide as it should be"
    return noise_problem(eps)


def _reuse_problem(
    draw: Callable[[int, torch.Generator], torch.Tensor], mu: torch.Tensor, log_var: torch.Tensor
) -> str | None:
    """Say what is wrong with as many codes as there are images, and with one code."""
    n = len(mu)
    if hint := generator_problem(lambda g: draw(n, g)):
        return hint
    (place, eps), (other, noise) = (_read(draw(n, drawn(k)), mu, log_var) for k in (1, 2))
    if torch.equal(place, other):
        return "which images are drawn does not depend on the generator: take every draw from it"
    if close(eps, noise, atol=1e-2):
        return "the noise does not depend on the generator: take every draw from it"
    if len(torch.unique(place)) == n:
        return "no image comes twice: draw them with replacement, each time from all N"
    if draw(1, drawn(1)).shape != mu[:1].shape:
        return "a single code should have the shape (1, L)"
    return None
