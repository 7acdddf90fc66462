"""Checks for chapter 5, "The reparameterization trick"."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from ..noise import make_generator
from .registry import NOT_DONE, exercise, first_match, furthest

_LOG_2PI = math.log(2 * math.pi)


@exercise("5.1")
def _log_q(log_q: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (z, mu, log_var) that returns log q(z|x), one value per row."""
    g = make_generator(0)
    mu, log_var, eps = (torch.randn(5, 3, generator=g) for _ in range(3))
    sigma = (0.5 * log_var).exp()
    z = mu + sigma * eps
    got = log_q(z, mu, log_var)
    if got is None:
        return NOT_DONE
    if got.shape == (5, 3):
        return "the coordinates are independent, so their log-densities are summed: shape (B,)"
    if got.shape != (5,):
        return f"one value for each of the 5 rows is wanted; yours has shape {tuple(got.shape)}"
    plain = -0.5 * (eps**2 + _LOG_2PI).sum(-1)  # of eps, without the Jacobian
    jacobian = 0.5 * log_var.sum(-1)
    wanted = plain - jacobian
    by_variance = -0.5 * (((z - mu) / sigma**2) ** 2 + _LOG_2PI).sum(-1)
    as_log_sigma = by_variance - 2 * jacobian
    known = {
        "that is the log-density of eps; the stretched axis, the Jacobian, is missing": plain,
        "the Jacobian has the wrong sign: where sigma is large, the density of z is low": (
            plain + jacobian
        ),
        "in the Jacobian you have the variance; an axis is stretched by sigma": (
            plain - 2 * jacobian
        ),
        "eps is (z - mu) over sigma; you divided by the variance": by_variance - jacobian,
        "you took log_var for log σ; it is log σ², so σ is exp(½ log_var)": as_log_sigma,
        "a factor ½ is missing in the exponent": wanted - 0.5 * (eps**2).sum(-1),
        "a factor ½ is missing": 2 * wanted,
        "the constant log 2π is missing": wanted + 1.5 * _LOG_2PI,
        "the sign is turned": -wanted,
        "you averaged over the latent dimensions; they are summed": wanted / 3,
        "that is the density; its logarithm is wanted": wanted.exp(),
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-4):
        return furthest(got, wanted)
    return None


@exercise("5.2")
def _draw(draw: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (mu, log_var, K, generator) that draws codes, (K, B, L)."""
    mu = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]], requires_grad=True)
    log_var = torch.tensor([[1.0, -1.0, 0.4], [2.0, -2.0, 0.8]], requires_grad=True)
    global_state = torch.get_rng_state()
    z = draw(mu, log_var, 5000, make_generator(0))
    if z is None:
        return NOT_DONE
    if z.shape != (5000, 2, 3):
        return f"the shape should be (K, B, L), here (5000, 2, 3); yours is {tuple(z.shape)}"
    if not torch.equal(global_state, torch.get_rng_state()):
        torch.set_rng_state(global_state)
        return "you drew from PyTorch's global generator: pass generator=generator to torch.randn"
    return (
        _noise_problem(z.detach(), mu.detach(), log_var.detach())
        or _path_problem(z, mu, log_var)
        or _repeat_problem(z, draw(mu, log_var, 5000, make_generator(0)))
        or _seed_problem(z, draw(mu, log_var, 5000, make_generator(1)))
    )


def _noise_problem(z: torch.Tensor, mu: torch.Tensor, log_var: torch.Tensor) -> str | None:
    """Say what is wrong with the distribution of codes, (K, B, L)."""
    std, sigma = z.std(0), (0.5 * log_var).exp()
    if std.max() < 1e-4:
        return "the K codes of an image are all the same: draw noise of shape (K, B, L)"
    eps = (z - z.mean(0)) / std
    if torch.allclose(eps[:, 0], eps[:, 1], atol=1e-2):
        return "all rows share one noise: every image needs its own"
    if torch.allclose(eps[..., 0], eps[..., 1], atol=1e-2):
        return "all latent dimensions share one noise: each needs its own"
    known = {
        "the noise is multiplied by the variance; it should be by sigma, its square root": sigma**2,
        "sigma is not log_var itself: which function takes one to the other?": log_var.abs(),
        "the noise is not multiplied by sigma": torch.ones(2, 3),
        "your sigma is 1 over sigma: look at the sign in the exponent": 1 / sigma,
    }
    if hint := first_match(std, known, sigma, rtol=0.06):
        return hint
    if ((z.mean(0) - mu).abs() > 0.1 * sigma).any():
        return "your codes are not centred on mu: has the noise mean 0? torch.randn draws N(0, 1)"
    if not torch.allclose(std, sigma, rtol=0.06):
        return furthest(std, sigma, "one of your standard deviations")
    if not 2.7 < eps.pow(4).mean() < 3.3:  # 3 for a normal distribution, 1.8 for a uniform one
        return "your noise has the right mean and spread, but it is not normal: use torch.randn"
    flat = eps.flatten(1)  # (K, B·L)
    if len(flat.unique(dim=0)) < len(flat):
        return "some of the K codes of an image are the same: draw noise of shape (K, B, L)"
    if (flat.T.corrcoef() - torch.eye(flat.shape[1])).abs().max() > 0.1:
        return "the noise of one place can be told from that of another: each needs its own"
    return None


def _path_problem(z: torch.Tensor, mu: torch.Tensor, log_var: torch.Tensor) -> str | None:
    """Say where the gradient of codes, (K, B, L), gets lost on its way."""
    if not z.requires_grad:
        return "your codes have no gradient: sample() and detach() cut the path"
    got = torch.autograd.grad(z.sum(), (mu, log_var), allow_unused=True)
    wanted = torch.full_like(mu, len(z)), 0.5 * (z.detach() - mu.detach()).sum(0)
    for name, ours, theirs in zip(("mu", "log_var"), wanted, got, strict=True):
        if theirs is None or not theirs.any():
            return f"no gradient comes back to {name}: something cuts the path"
        if not torch.allclose(ours, theirs, rtol=1e-2, atol=0.1):
            return f"the gradient in {name} is not that of mu + sigma * eps with eps held still"
    return None


@exercise("5.3")
def _score_gradient(estimate: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (f, mu, log_var, K, generator) that returns the gradient in mu, (L,)."""
    mu, sigma = torch.tensor([0.5, -0.3, 0.2]), torch.tensor([0.7, 1.6, 0.8])
    height = torch.tensor([1.0, 4.0, 0.0])

    def steps(z: torch.Tensor) -> torch.Tensor:  # (K, L) -> (K,)
        return ((z > 0) * height).sum(-1)

    def exact(sigma: torch.Tensor) -> torch.Tensor:
        return height * (-0.5 * ((mu / sigma) ** 2 + _LOG_2PI)).exp() / sigma

    count = 200_000
    global_state = torch.get_rng_state()
    arguments = (steps, mu, 2 * sigma.log(), count)
    got = estimate(*arguments, make_generator(0))
    if got is None:
        return NOT_DONE
    if got.shape == (count, 3):
        return "that is one estimate per draw; the gradient is their mean, shape (L,)"
    if got.shape != (3,):
        return f"the gradient in mu has the shape of mu, (3,); yours is {tuple(got.shape)}"
    if not torch.equal(global_state, torch.get_rng_state()):
        torch.set_rng_state(global_state)
        return "you drew from PyTorch's global generator: take the noise from `generator`"
    got, wanted = got.detach(), exact(sigma)
    if not got.any():
        return (
            "your gradient is zero. That is the pathwise answer, as f has no slope here: use its "
            "values; or z is not detached: log q of mu + sigma * eps does not change with mu"
        )
    if got.abs().max() < 0.05:
        return "your estimate is about zero: the score alone has mean zero, so where is f?"
    known = {
        "the sign is turned": -wanted,
        "you divided by sigma once; the score in mu is (z - mu) over the variance": wanted * sigma,
        "the score in mu is (z - mu) over the variance; you did not divide": wanted * sigma**2,
        "half of it is missing: differentiate the square in log q once more": wanted / 2,
        "you used the variance as sigma": exact(sigma**2),
    }
    if torch.allclose(got / count, wanted, atol=0.05):
        return "you summed over the draws; an expectation is estimated by their mean"
    if hint := first_match(got, known, wanted, atol=0.05):
        return hint
    if not torch.allclose(got, wanted, atol=0.05):
        shown = ", ".join(f"{value:.2f}" for value in wanted)
        return f"for a cost with two steps the gradient should be near ({shown}); yours is {got}"
    return _repeat_problem(got, estimate(*arguments, make_generator(0)).detach()) or _seed_problem(
        got, estimate(*arguments, make_generator(1)).detach()
    )


@exercise("5.4")
def _correlated(correlated: Callable[..., tuple[torch.Tensor, torch.Tensor]]) -> str | None:
    """Want a function of (mu, A, eps) that returns mu + A eps, (B, L), and its log-density."""
    g = make_generator(0)
    mu, eps = (torch.randn(4, 3, generator=g) for _ in range(2))
    A = torch.tensor([[0.5, 1.0, 0.0], [2.0, 0.3, 0.4], [0.2, -0.5, 1.5]])
    got = correlated(mu, A, eps)
    if got is None:
        return NOT_DONE
    if not isinstance(got, tuple) or len(got) != 2:
        return "return two things, z and its log-density"
    z, log_q = got
    if z.shape != (4, 3) or log_q.shape != (4,):
        shapes = f"{tuple(z.shape)} and {tuple(log_q.shape)}"
        return f"the shapes should be (B, L) and (B,), here (4, 3) and (4,); yours are {shapes}"
    wanted = mu + eps @ A.T
    known = {
        "the codes lie in rows, so A acts on them from the right; transpose it": mu + eps @ A,
        "mu is missing": wanted - mu,
        "A Aᵀ is the covariance; what multiplies the noise is A": mu + eps @ (A @ A.T),
        "the diagonal of A is not all of A: use a matrix product": mu + eps * A.diag(),
    }
    if hint := first_match(z, known, wanted):
        return hint
    if not torch.allclose(z, wanted, atol=1e-4):
        return furthest(z, wanted, "a number in your codes")
    return _density_problem(log_q, -0.5 * (eps**2 + _LOG_2PI).sum(-1), A)


def _density_problem(got: torch.Tensor, plain: torch.Tensor, A: torch.Tensor) -> str | None:
    """Say what is wrong with log-densities, (B,), where those of the noise are `plain`."""
    if got.isnan().any():
        return "your log-density is nan: the determinant of A may be negative, a volume may not"
    volume = A.det().abs()
    wanted = plain - volume.log()
    known = {
        "that is the log-density of eps; the determinant is missing": plain,
        "the determinant has the wrong sign: a larger volume makes a lower density": (
            plain + volume.log()
        ),
        "the determinant of A Aᵀ is that of A squared: you count it twice": (
            plain - 2 * volume.log()
        ),
        "the logarithm of the determinant is wanted": plain - volume,
        "only a triangular matrix has its diagonal's product as determinant": (
            plain - A.diag().abs().log().sum()
        ),
        "the constant log 2π is missing": wanted + 1.5 * _LOG_2PI,
    }
    if hint := first_match(got, known, wanted):
        return hint
    if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-4):
        return furthest(got, wanted, "one of your log-densities")
    return None


def _repeat_problem(first: torch.Tensor, second: torch.Tensor) -> str | None:
    if torch.equal(first, second):
        return None
    return "the same generator should give the same numbers: take every draw from it"


def _seed_problem(first: torch.Tensor, second: torch.Tensor) -> str | None:
    if not torch.equal(first, second):
        return None
    return "another generator should give other numbers: draw from the one that is passed to you"
