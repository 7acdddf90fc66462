"""Checks for chapter 5, "The reparameterization trick"."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from ..distributions import LOG_2PI, normal_log_prob
from .draws import generator_problem, noise_problem, too_noisy
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

_Two = tuple[torch.Tensor, torch.Tensor]


@exercise("5.1")
def _log_q(log_q: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (z, mu, log_var) that returns log q(z|x), one value per row."""
    g = drawn()
    B, L, *others = sizes(g, 4, 2, 9)
    inputs = _codes(g, B, L)
    return (
        _log_q_problem(log_q, *inputs)
        or _log_q_problem(log_q, *_codes(g, *others))
        or _far_problem(log_q, *inputs)
        or compare_gradients(log_q, _normal, inputs, [0, 1, 2])
    )


def _codes(g: torch.Generator, B: int, L: int) -> list[torch.Tensor]:
    """Return z, mu and log_var, each (B, L); z is not far out."""
    mu, log_var, eps = torch.randn(3, B, L, generator=g)
    return [mu + (0.5 * log_var).exp() * eps, mu, log_var]


def _normal(z: torch.Tensor, mu: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    return normal_log_prob(z, mu, log_var).sum(-1)


def _log_q_problem(
    log_q: Callable[..., torch.Tensor], z: torch.Tensor, mu: torch.Tensor, log_var: torch.Tensor
) -> str | None:
    """Try rows that are not far out."""
    B, L = z.shape
    got = log_q(z, mu, log_var)
    if got.shape == (B, L):
        return "the coordinates are independent, so their log-densities are summed: shape (B,)"
    if got.shape != (B,):
        return f"one value for each of the {B} rows is wanted; yours has shape {tuple(got.shape)}"
    off, var, jacobian = z - mu, log_var.exp(), 0.5 * log_var.sum(-1)
    square = (off**2 / var).sum(-1)  # of eps
    plain = -0.5 * (square + L * LOG_2PI)  # of eps, without the Jacobian
    wanted = plain - jacobian
    by_variance = -0.5 * ((off / var) ** 2 + LOG_2PI).sum(-1)
    known = {
        "that is the log-density of eps; the stretched axis, the Jacobian, is missing": plain,
        "the Jacobian has the wrong sign: where sigma is large, the density of z is low": (
            plain + jacobian
        ),
        "in the Jacobian you have the variance; an axis is stretched by sigma": (
            plain - 2 * jacobian
        ),
        "in the Jacobian sigma itself stands; its logarithm is wanted": (
            plain - (0.5 * log_var).exp().sum(-1)
        ),
        "eps is (z - mu) over sigma; you divided by the variance": by_variance - jacobian,
        "you took log_var for log σ; it is log σ², so σ is exp(½ log_var)": (
            by_variance - 2 * jacobian
        ),
        "eps is squared whole: under (z - mu)² stands σ², yours has σ": (
            -0.5 * (off**2 / (0.5 * log_var).exp() + LOG_2PI).sum(-1) - jacobian
        ),
        "eps is (z - mu) divided by sigma; you multiplied": (
            -0.5 * (off**2 * var + LOG_2PI).sum(-1) - jacobian
        ),
        "that is the density of eps at z: where is (z - mu)?": (
            -0.5 * (z**2 + LOG_2PI).sum(-1) - jacobian
        ),
        "the squares of eps are wanted, not their absolute values": (
            wanted + 0.5 * square - 0.5 * (off.abs() / (0.5 * log_var).exp()).sum(-1)
        ),
        "a factor ½ is missing in the exponent": wanted - 0.5 * square,
        "a factor ½ is missing": 2 * wanted,
        "the constant log 2π is missing": wanted + 0.5 * L * LOG_2PI,
        "the constant log 2π belongs to every coordinate, not to the sum once": (
            wanted + 0.5 * (L - 1) * LOG_2PI
        ),
        "the constant has a factor ½ for each coordinate": wanted - 0.5 * L * LOG_2PI,
        "the exponent, minus half of the square of eps, has lost its minus": wanted + square,
        "the sign is turned": -wanted,
        "you averaged over the latent dimensions; they are summed": wanted / L,
        "that is the density; its logarithm is wanted": wanted.exp(),
    }
    return compare(got, wanted, known)


def _far_problem(
    log_q: Callable[..., torch.Tensor], z: torch.Tensor, mu: torch.Tensor, log_var: torch.Tensor
) -> str | None:
    """Try a single row, codes far out, and narrow and wide axes."""
    if log_q(z[:1], mu[:1], log_var[:1]).shape != (1,):
        return "a batch of one should give shape (1,)"
    for side in (40.0, -40.0):
        for v in (-16.0, 16.0):
            case = mu + side * math.exp(v / 2), mu, torch.full_like(mu, v)
            if not close(log_q(*case), _normal(*case)):
                return (
                    "right near mu, but 40 sigma away the density is 0 in floats, or sigma is "
                    "changed where it is very small: never leave the logarithm, add nothing to it"
                )
    return None


@exercise("5.2")
def _draw(draw: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (mu, log_var, K, generator) that draws codes, (K, B, L)."""
    g = drawn()
    B, L, *others = sizes(g, 4, 2, 6)
    K, few = size(g, 2000, 3000), size(g, 7, 12)
    mu, log_var = _posterior(g, B, L)
    z = draw(mu, log_var, K, drawn(1))
    if z.shape != (K, B, L):
        return f"the shape should be (K, B, L), here {(K, B, L)}; yours is {tuple(z.shape)}"
    small = _posterior(g, *others)
    for k in (few, 1):
        if draw(*small, k, drawn(1)).shape != (k, *others):
            return f"the shape should be (K, B, L), also for K = {k}, B = {others[0]}"
    return (
        _codes_problem(z.detach(), mu.detach(), log_var.detach())
        or _path_problem(z, mu, log_var, g)
        or generator_problem(lambda g: draw(*small, few, g).detach())
    )


def _posterior(g: torch.Generator, B: int, L: int) -> _Two:
    """Return means and log-variances (B, L), that want gradients; no sigma is near 1."""
    mu = 2 * torch.randn(B, L, generator=g)
    log_var = 0.8 + torch.rand(B, L, generator=g)
    log_var.flatten()[::2] *= -1
    return mu.requires_grad_(), log_var.requires_grad_()


def _codes_problem(z: torch.Tensor, mu: torch.Tensor, log_var: torch.Tensor) -> str | None:
    """Say what is wrong with the distribution of codes, (K, B, L)."""
    if not z.isfinite().all():
        return "not all of your codes are finite numbers"
    std, sigma = z.std(0), (0.5 * log_var).exp()
    if std.max() < 1e-4:
        return "the K codes of an image are all the same: draw noise of shape (K, B, L)"
    eps = (z - z.mean(0)) / std
    if (eps - eps[:, :1]).abs().max() < 1e-2:
        return "all rows share one noise: every image needs its own"
    if (eps - eps[..., :1]).abs().max() < 1e-2:
        return "all latent dimensions share one noise: each needs its own"
    known = {
        "the noise is multiplied by the variance; it should be by sigma, its square root": sigma**2,
        "sigma is not log_var itself: which function takes one to the other?": log_var.abs(),
        "sigma is not half of log_var: which function takes one to the other?": log_var.abs() / 2,
        "the noise is not multiplied by sigma": torch.ones_like(sigma),
        "your sigma is 1 over sigma: look at the sign in the exponent": 1 / sigma,
        "you took the root of sigma: log_var is log σ², so how is log σ made of it?": sigma.sqrt(),
    }
    hint = compare(std, sigma, known, rtol=0.1, number="one of your standard deviations")
    if hint in known:
        return hint
    if ((z.mean(0) - mu).abs() > 0.12 * sigma).any():
        return "your codes are not centred on mu: has the noise mean 0? torch.randn draws N(0, 1)"
    return hint or noise_problem(((z - mu) / sigma).flatten(1))  # (K, B·L)


def _path_problem(
    z: torch.Tensor, mu: torch.Tensor, log_var: torch.Tensor, g: torch.Generator
) -> str | None:
    """Say where the gradient of codes, (K, B, L), gets lost on its way."""
    if not z.requires_grad:
        return "what you return has no gradient: sample() and detach() cut the path"
    weights = torch.randn(z.shape, generator=g)
    got = torch.autograd.grad((weights * z).sum(), (mu, log_var), allow_unused=True)
    with torch.no_grad():
        wanted = weights.sum(0), 0.5 * (weights * (z - mu)).sum(0)
    for name, ours, theirs in zip(("mu", "log_var"), wanted, got, strict=True):
        if theirs is None or not theirs.any():
            return f"no gradient comes back to {name}: something cuts the path"
        if not close(theirs, ours, rtol=1e-2, atol=0.05):
            return f"the gradient in {name} is not that of mu + sigma * eps with eps held still"
    return None


def _match(got: torch.Tensor, mean: torch.Tensor, error: torch.Tensor) -> bool:
    """Say whether estimates lie within six standard errors of where they should."""
    return bool(((got - mean).abs() <= 6 * error + 1e-4 * mean.abs() + 1e-5).all())


def _diagnose(
    got: torch.Tensor,
    again: Callable[[torch.Generator], torch.Tensor],
    known: dict[str, _Two],
    right: _Two,
    K: int,
    number: str,
) -> str | None:
    """Return the hint of the mistake that an estimate from K draws most likely is, or None.

    Parameters
    ----------
    again : callable
        Makes the estimate once more, with another generator.
    known, right : mean and standard deviation of one draw
        Of each mistake, and of the right one.
    """
    if _match(got, right[0], right[1] / K**0.5):
        return too_noisy(again, right[1] / K**0.5)
    runs = torch.stack([again(drawn(stream)) for stream in range(3, 9)])
    got, scatter, likely = runs.mean(0), runs.std(0), {}
    for hint, (mean, spread) in known.items():
        error = spread / (6 * K) ** 0.5
        if _match(got, mean, error) and (scatter <= 3 * spread / K**0.5 + 1e-6).all():
            likely[hint] = (0.5 * ((got - mean) / error).square() + error.log()).sum().item()
    if likely:
        return min(likely, key=likely.__getitem__)
    return too_noisy(again, right[1] / K**0.5) or furthest(runs[0], right[0], number)


def _signs(shape: tuple[int, ...], g: torch.Generator) -> torch.Tensor:
    return 2.0 * torch.randint(2, shape, generator=g) - 1


class _Steps:
    """A cost with a step in each coordinate: ± half of a height."""

    def __init__(self, L: int, g: torch.Generator) -> None:
        order, side = torch.randperm(L, generator=g), _signs((2, L), g)
        self.mu, at = torch.randn(L, generator=g), 0.35 + 0.25 * torch.rand(L, generator=g)
        self.sigma = 0.35 + 0.15 * torch.rand(L, generator=g)
        self.sigma[order[::2]] = 1.8 + 0.4 * torch.rand(len(order[::2]), generator=g)
        self.step = self.mu + side[0] * at * self.sigma  # where there are many codes
        self.height = side[1] * (2 + torch.rand(L, generator=g))
        self.height[order[2:]] = 0  # one narrow and one wide coordinate matter
        self.eps = torch.randn(20_000, L, generator=g)  # for standard errors alone

    def __call__(self, z: torch.Tensor) -> torch.Tensor:  # (K, L) -> (K,)
        if z.ndim != 2 or z.shape[1] != len(self.step):
            raise ValueError(f"f takes codes of shape (K, L), yours have {tuple(z.shape)}")
        return ((z > self.step) * self.height - self.height / 2 + 0 * z).sum(-1)

    def estimates(self, scale: torch.Tensor, divisor: torch.Tensor) -> _Two:
        """Return mean and spread of f (z - mu) / divisor for z = mu + scale * eps."""
        off = (self.mu - self.step) / scale
        slope = self.height * (-0.5 * (off**2 + LOG_2PI)).exp() / scale
        z = self.mu + scale * self.eps
        spread = (self(z)[:, None] * (z - self.mu) / divisor).std(0)
        return slope * scale**2 / divisor, spread

    def in_log_var(self) -> _Two:
        """Return mean and spread of the estimate of the gradient in log_var."""
        off = (self.mu - self.step) / self.sigma
        slope = -0.5 * off * self.height * (-0.5 * (off**2 + LOG_2PI)).exp()
        return slope, (self(self.mu + self.sigma * self.eps)[:, None] * (self.eps**2 - 1) / 2).std(
            0
        )


@exercise("5.3")
def _score_gradient(score_gradient: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (f, mu, log_var, K, generator) that returns the gradient in mu, (L,)."""
    g = drawn()
    L, K = size(g, 3, 5), size(g, 60_000, 70_000)
    steps = _Steps(L, g)
    mu, log_var = steps.mu, 2 * steps.sigma.log()

    def again(K: int, generator: torch.Generator) -> torch.Tensor:
        return score_gradient(steps, mu, log_var, K, generator).detach()

    got = again(K, drawn(1))
    if got.shape == (K, L):
        return "that is one estimate per draw; the gradient is their mean, shape (L,)"
    if got.shape != (L,):
        return f"the gradient in mu has the shape of mu, ({L},); yours is {tuple(got.shape)}"
    if not got.any():
        return _zero_problem(
            lambda f: score_gradient(f, mu, log_var, 1000, drawn(1)).detach(), g, L
        )
    return _score_problem(got, steps, K, lambda g: again(K, g)) or generator_problem(
        lambda g: again(50, g)
    )


def _zero_problem(estimate: Callable[..., torch.Tensor], g: torch.Generator, L: int) -> str:
    """Say why a gradient through steps is zero, by one through a slope."""
    slope = torch.randn(L, generator=g)
    if close(estimate(lambda z: z @ slope.to(z.dtype)), slope):
        return "that is the pathwise gradient: it sees the slope of f, which is 0; use its values"
    return (
        "your gradient is zero: z is not detached, and log q of mu + sigma * eps does not change "
        "with mu"
    )


def _score_problem(
    got: torch.Tensor, steps: _Steps, K: int, again: Callable[[torch.Generator], torch.Tensor]
) -> str | None:
    """Say what is wrong with an estimate from K draws that is not zero."""
    sigma, one = steps.sigma, torch.ones_like(steps.sigma)
    wanted, spread = steps.estimates(sigma, sigma**2)
    known = {
        "your estimate is about zero: the score has mean zero; where is f, at the same codes?": (
            0 * wanted,
            2 / sigma,
        ),
        "the sign is turned": (-wanted, spread),
        "you divided by sigma once; the score in mu is (z - mu) over the variance": (
            steps.estimates(sigma, sigma)
        ),
        "the score in mu is (z - mu) over the variance; you did not divide": (
            steps.estimates(sigma, one)
        ),
        "you multiplied by sigma; the score in mu is (z - mu) over the variance": (
            steps.estimates(sigma, one / sigma)
        ),
        "(z - mu) is divided by the variance; you divided eps by it, or twice by sigma more": (
            steps.estimates(sigma, sigma**3)
        ),
        "half of it is missing: differentiate the square in log q once more": (wanted / 2, spread),
        "it is twice what it should be: the square in log q has a factor ½": (
            2 * wanted,
            2 * spread,
        ),
        "you used the variance as sigma": steps.estimates(sigma**2, sigma**4),
        "the noise is multiplied by the variance; it should be by sigma, its square root": (
            steps.estimates(sigma**2, sigma**2)
        ),
        "the codes are mu + sigma * eps; sigma is missing there": steps.estimates(one, sigma**2),
        "the noise is not multiplied by sigma: the codes are not from q": (
            steps.estimates(one, one)
        ),
        "that is the gradient in log_var; the one in mu is wanted": steps.in_log_var(),
        "you summed over the draws; an expectation is estimated by their mean": (
            K * wanted,
            K * spread,
        ),
    }
    return _diagnose(got, again, known, (wanted, spread), K, "one of your numbers")


@exercise("5.4", results=2)
def _correlated(correlated: Callable[..., _Two]) -> str | None:
    """Want a function of (mu, A, eps) that returns mu + A eps, (B, L), and its log-density."""
    g = drawn()
    B, L, *others = sizes(g, 4, 3, 8)
    first, second = _affine(g, -1, B, L), _affine(g, 1, *others)
    return (
        _affine_problem(correlated, *first)
        or _affine_problem(correlated, *second)
        or _large_problem(correlated, g)
        or compare_gradients(lambda *a: correlated(*a)[0], lambda *a: _map(*a)[0], first, [0, 1])
        or compare_gradients(lambda *a: correlated(*a)[1], lambda *a: _map(*a)[1], first, [1])
    )


def _affine(
    g: torch.Generator, sign: float, B: int, L: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return mu, eps (B, L), and A (L, L) between them, not symmetric, with a sign of its det."""
    mu, eps = (torch.randn(B, L, generator=g) for _ in range(2))
    turns = [torch.linalg.qr(torch.randn(L, L, generator=g)).Q for _ in range(2)]
    A = turns[0] * (0.6 + 1.2 * torch.rand(L, generator=g)) @ turns[1]
    if A.det().sign() != sign:
        A[0] = -A[0]
    return mu, A, eps


def _map(mu: torch.Tensor, A: torch.Tensor, eps: torch.Tensor) -> _Two:
    plain = -0.5 * (eps**2 + LOG_2PI).sum(-1)
    return mu + eps @ A.T, plain - torch.linalg.slogdet(A).logabsdet


def _affine_problem(
    correlated: Callable[..., _Two], mu: torch.Tensor, A: torch.Tensor, eps: torch.Tensor
) -> str | None:
    """Try one case of moderate size."""
    B, L = mu.shape
    got = correlated(mu, A, eps)
    if not isinstance(got, tuple):
        return "return two things, z and its log-density"
    z, log_q = got
    if z.shape == (B, L) and log_q.shape == (B, L):
        return "one log-density for each row is wanted, (B,): sum over the coordinates"
    if z.shape != (B, L) or log_q.shape != (B,):
        shapes = f"{tuple(z.shape)} and {tuple(log_q.shape)}"
        here = f"{(B, L)} and {(B,)}"
        return f"the shapes should be (B, L) and (B,), here {here}; yours are {shapes}"
    wanted = mu + eps @ A.T
    known = {
        "the codes lie in rows, so A acts on them from the right; transpose it": mu + eps @ A,
        "mu is missing": wanted - mu,
        "A itself multiplies the noise, not its inverse": mu + eps @ A.inverse().T,
        "the noise is missing: that is mu": mu,
        "A Aᵀ is the covariance; what multiplies the noise is A": mu + eps @ (A @ A.T),
        "A acts on the noise alone, not on mu": (mu + eps) @ A.T,
        "the diagonal of A is not all of A: use a matrix product": mu + eps * A.diag(),
    }
    return compare(z, wanted, known, number="a number in your codes") or _density_problem(
        log_q, wanted, eps, A
    )


def _density_problem(
    got: torch.Tensor, z: torch.Tensor, eps: torch.Tensor, A: torch.Tensor
) -> str | None:
    """Say what is wrong with log-densities, (B,)."""
    if got.isnan().any():
        return "your log-density is nan: the determinant of A may be negative, a volume may not"
    L, volume = len(A), A.det().abs()
    plain = -0.5 * (eps**2 + LOG_2PI).sum(-1)  # of the noise
    wanted = plain - volume.log()
    known = {
        "that is the log-density of eps; the determinant is missing": plain,
        "the determinant has the wrong sign: a larger volume makes a lower density": (
            plain + volume.log()
        ),
        "eps is standard normal, and not z": wanted + 0.5 * (eps**2 - z**2).sum(-1),
        "the determinant belongs to each row once": wanted - (len(z) - 1) * volume.log(),
        "the determinant of A Aᵀ is that of A squared: you count it twice": (
            plain - 2 * volume.log()
        ),
        "a volume is stretched by the determinant itself, not by its root": (
            plain - 0.5 * volume.log()
        ),
        "the logarithm of the determinant is wanted": plain - volume,
        "the logarithm of the determinant is wanted, and of its absolute value": plain - A.det(),
        "only a triangular matrix has its diagonal's product as determinant": (
            plain - A.diag().abs().log().sum()
        ),
        "the constant log 2π is missing": wanted + 0.5 * L * LOG_2PI,
        "the constant log 2π belongs to every coordinate, not to the sum once": (
            wanted + 0.5 * (L - 1) * LOG_2PI
        ),
        "a factor ½ is missing before the square of eps": wanted - 0.5 * (eps**2).sum(-1),
        "the sign is turned": -wanted,
        "that is the density; its logarithm is wanted": wanted.exp(),
    }
    return compare(got, wanted, known, number="one of your log-densities")


def _large_problem(correlated: Callable[..., _Two], g: torch.Generator) -> str | None:
    """Try a batch of one, and determinants that are no float."""
    mu, A, eps = _affine(g, 1, 2, 100)
    for scale in (0.1, 10.0):
        wanted = _map(mu[:1], scale * A, eps[:1])
        got = correlated(mu[:1], scale * A, eps[:1])
        if any(one.shape != other.shape for one, other in zip(got, wanted, strict=True)):
            return "a batch of one should give the shapes (1, L) and (1,)"
        if not close(got[1], wanted[1]):
            return (
                "right for small matrices; but the determinant of 100 rows is 0 or infinite in "
                "floats: is there a function that returns its logarithm?"
            )
    return None


class _Cost:
    """A cost z'Qz/2 + cz + Σ b z³/3, the moments of whose gradient are known."""

    def __init__(self, L: int, g: torch.Generator) -> None:
        side, Q = _signs((2, L), g), 0.2 * torch.rand(L, L, generator=g)
        self.Q, self.c = Q + Q.T, torch.randn(L, generator=g)
        self.b = side[0] * (1.5 + torch.rand(L, generator=g))
        self.mu = side[1] * (1 + 0.5 * torch.rand(L, generator=g))
        self.sigma = 0.4 + 0.1 * torch.rand(L, generator=g)
        self.sigma[::2] = 1.7 + 0.3 * torch.rand(len(self.sigma[::2]), generator=g)
        self.eps = torch.randn(20_000, L, generator=g)  # for the spread of other estimates

    def __call__(self, z: torch.Tensor) -> torch.Tensor:  # (K, L) -> (K,)
        if z.ndim != 2 or z.shape[1] != len(self.c):
            raise ValueError(f"f takes codes of shape (K, L), yours have {tuple(z.shape)}")
        Q, c, b = (each.to(z.dtype) for each in (self.Q, self.c, self.b))
        return 0.5 * ((z @ Q) * z).sum(-1) + z @ c + (b * z**3).sum(-1) / 3

    def slope(self, mu: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """Return the mean of the gradient over N(mu, sigma²)."""
        return self.Q @ mu + self.c + self.b * (mu**2 + sigma**2)

    def spread(self, sigma: torch.Tensor) -> torch.Tensor:
        """Return its standard deviation."""
        linear = self.Q * sigma + torch.diag(2 * self.b * self.mu * sigma)  # (L, L): of eps
        return (linear.square().sum(1) + 2 * (self.b * sigma**2).square()).sqrt()

    def score_error(self, K: int) -> torch.Tensor:
        """Return the standard error of a score-function estimate for the cost z @ c."""
        z = self.mu + self.sigma * self.eps
        return ((z @ self.c)[:, None] * self.eps / self.sigma).std(0) / math.sqrt(K)

    def in_sigma(self, factor: torch.Tensor) -> _Two:
        """Return mean and spread of the gradient in sigma, times a factor."""
        z = self.mu + self.sigma * self.eps
        spread = ((z @ self.Q + self.c + self.b * z**2) * self.eps * factor).std(0)
        return self.sigma * (self.Q.diag() + 2 * self.b * self.mu) * factor, spread


@exercise("5.6", results=2)
def _pathwise_gradient(pathwise_gradient: Callable[..., _Two]) -> str | None:
    """Want a function of (f, mu, log_var, K, generator): a gradient in mu and its error, (L,)."""
    g = drawn()
    L, K = size(g, 3, 5), size(g, 800, 1000)
    cost = _Cost(L, g)
    mu, log_var = cost.mu, 2 * cost.sigma.log()
    got = pathwise_gradient(cost, mu, log_var, K, drawn(1))
    if not isinstance(got, tuple):
        return "return two things, the estimate and its standard error"
    gradient, error = (each.detach() for each in got)
    if gradient.shape == (K, L):
        return "that is one estimate per draw; the gradient is their mean, shape (L,)"
    if gradient.shape != (L,) or error.shape != (L,):
        shapes = f"{tuple(gradient.shape)} and {tuple(error.shape)}"
        return f"both have the shape of mu, (L,), here ({L},); your shapes are {shapes}"

    def again(K: int, generator: torch.Generator) -> torch.Tensor:
        return pathwise_gradient(cost, mu, log_var, K, generator)[0].detach()

    straight = pathwise_gradient(lambda z: z @ cost.c.to(z.dtype), mu, log_var, K, drawn(1))[
        0
    ].detach()
    if not close(straight, cost.c) and _match(straight, cost.c, cost.score_error(K)):
        return "that is the score function's estimate, from values of f; it needs the slope of f"
    return (
        _pathwise_problem(gradient, error, cost, K, lambda g: again(K, g))
        or _straight_problem(pathwise_gradient, mu, log_var, g)
        or _error_problem(error, cost, K, lambda g: again(K, g))
        or _sum_problem(pathwise_gradient, mu, log_var, g)
        or generator_problem(lambda g: again(5, g))
        or _dependence_problem(pathwise_gradient, mu, log_var)
    )


def _pathwise_problem(
    got: torch.Tensor,
    error: torch.Tensor,
    cost: _Cost,
    K: int,
    again: Callable[[torch.Generator], torch.Tensor],
) -> str | None:
    """Say what is wrong with an estimate of the gradient."""
    mu, sigma = cost.mu, cost.sigma
    wanted, spread = cost.slope(mu, sigma), cost.spread(sigma)
    right = spread / K**0.5
    if _match(error, wanted, right) and close(got, right, rtol=0.3):
        return "the other way round: first the gradient, then its standard error"
    one = torch.ones_like(sigma)
    known = {
        "that is the slope at mu; its average over the draws is wanted": (
            cost.slope(mu, 0 * sigma),
            spread,
        ),
        "the sign is turned": (-wanted, spread),
        "you summed over the draws; an expectation is estimated by their mean": (
            K * wanted,
            K * spread,
        ),
        "you divided by K twice: a mean over the draws has it in its slope already": (
            wanted / K,
            spread / K,
        ),
        "the noise is multiplied by the variance; it should be by sigma, its square root": (
            cost.slope(mu, sigma**2),
            cost.spread(sigma**2),
        ),
        "the noise is multiplied by log_var; it should be by sigma": (
            cost.slope(mu, 2 * sigma.log()),
            cost.spread(2 * sigma.log()),
        ),
        "the noise is not multiplied by sigma": (cost.slope(mu, one), cost.spread(one)),
        "your sigma is 1 over sigma: look at the sign in the exponent": (
            cost.slope(mu, 1 / sigma),
            cost.spread(1 / sigma),
        ),
        "mu is missing in your codes": (cost.slope(0 * mu, sigma), spread),
        "that is the gradient in log_var; the one in mu is wanted": cost.in_sigma(0.5 * sigma),
        "that is the gradient in sigma; the one in mu is wanted": cost.in_sigma(one),
    }
    return _diagnose(got, again, known, (wanted, spread), K, "one number of your gradient")


def _error_problem(
    got: torch.Tensor, cost: _Cost, K: int, again: Callable[[torch.Generator], torch.Tensor]
) -> str | None:
    """Say what is wrong with the standard errors, where the estimate is right."""
    spread = cost.spread(cost.sigma)
    if got.abs().max() < 1e-3 * spread.min() / K**0.5:
        return "your standard error is 0: are all K draws the same, or each slope their mean?"
    squares = {
        "that is the variance of one draw; a standard error is a standard deviation": spread,
        "that is the variance of the mean; a standard error is a standard deviation": (
            spread / K**0.5
        ),
    }
    known = {
        "that is the spread of one draw; the mean of K draws is nearer": spread,
        "a standard error falls with the root of K": spread / K,
        "you count K draws twice: the root is taken of K alone": spread / K**0.25,
        "that is the spread of the sum over K draws; the mean of them is wanted": (spread * K**0.5),
        "that is a half-width of two standard errors; one is wanted": 1.96 * spread / K**0.5,
    }
    if close(got, spread / K**0.5, rtol=0.3, atol=0):
        return None
    if hint := too_noisy(again, spread / K**0.5):
        return hint
    for hint, root in squares.items():
        if close(got.abs().sqrt(), root, rtol=0.3, atol=0):
            return hint
    return compare(got, spread / K**0.5, known, 0.3, 0, "one of your standard errors")


def _straight_problem(
    estimate: Callable[..., _Two], mu: torch.Tensor, log_var: torch.Tensor, g: torch.Generator
) -> str | None:
    """Try a cost whose slope is the same everywhere, with another L; and noise that is shared."""
    mu, log_var = torch.cat([mu, mu[:1] + 1]), torch.cat([log_var, log_var[:1]])
    slope = torch.randn(len(mu), generator=g)
    gradient, _ = estimate(lambda z: z @ slope.to(z.dtype), mu, log_var, 30, drawn(1))
    if not close(gradient.detach(), slope):
        return "where f has the same slope everywhere, that slope is the gradient, without noise"
    errors, shared, sigma = [], [], (0.5 * log_var).exp()
    for side in (1, -1):  # independent noise makes sum and difference equally uncertain
        two = torch.tensor([1.0, side] + [0.0] * (len(mu) - 2))
        _, error = estimate(_half_square(two), mu, log_var, 500, drawn(1))
        errors.append(error.detach()[0])
        shared.append((two @ sigma).abs() / 500**0.5)
    if close(torch.stack(errors), torch.stack(shared), rtol=0.15):
        return "all coordinates of a code share one noise: each needs its own"
    return None


def _dependence_problem(
    estimate: Callable[..., _Two], mu: torch.Tensor, log_var: torch.Tensor
) -> str | None:
    """Try a cost whose gradient is z: so the estimate is the mean of the draws themselves."""
    g, K = drawn(9), 6
    runs = [estimate(lambda z: z.square().sum(-1) / 2, mu, log_var, K, g)[0] for _ in range(60)]
    eps = (torch.stack(runs).detach() - mu) / (0.5 * log_var).exp()
    scatter = K**0.5 * eps.square().mean().sqrt()
    if 0.75 < scatter < 1.25:  # its own error is below 0.06
        return None
    return (
        f"your estimate scatters {scatter:.1f} times as much as one over K independent draws: has "
        "each draw noise of its own, as it comes"
    )


def _half_square(weights: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a cost: half the square of a weighted sum of the coordinates."""
    return lambda z: 0.5 * (z @ weights.to(z.dtype)) ** 2


def _sum_problem(
    estimate: Callable[..., _Two], mu: torch.Tensor, log_var: torch.Tensor, g: torch.Generator
) -> str | None:
    """Try another number of draws, and a cost whose slope has no noise."""
    K = size(g, 1500, 1600)
    _, got = estimate(_half_square(torch.ones_like(mu)), mu, log_var, K, drawn(1))
    wanted = log_var.exp().sum().sqrt().expand(len(mu)) / K**0.5
    if hint := compare(got.detach(), wanted, {}, 0.12, 0, "one of your standard errors"):
        return hint
    _, got = estimate(lambda z: z.sum(-1), mu, log_var, K, drawn(1))
    if not close(got, 0 * got):
        return "where f has the same slope everywhere, the standard error is 0"
    return None
