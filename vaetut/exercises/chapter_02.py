"""Checks for chapter 2, "Obstacles"."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from ..distributions import LOG_2PI
from .registry import (
    close,
    compare,
    compare_gradients,
    drawn,
    exercise,
    furthest,
    shifted,
    size,
    sizes,
)


@exercise("2.1")
def _kl_from_densities(kl_from_densities: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (log_p, log_q, x) that returns the mean of log p - log q over x."""
    g = drawn()
    (N, M), (D, more) = sizes(g, 2, 100, 200), sizes(g, 2, 2, 5)
    pairs = [_two_normals(D, g), _two_normals(more, g)]
    samples = [p.sample(count, g) for (p, _), count in zip(pairs, (N, M), strict=True)]
    numbers, rights, known = [], [], []
    for (p, q), x in zip(pairs, samples, strict=True):
        one = kl_from_densities(p.log_prob, q.log_prob, x)
        if one.shape == (len(x),):
            return "that is one value per sample; an expectation is estimated by their mean"
        if one.shape != ():
            return f"one number is wanted; yours has shape {tuple(one.shape)}"
        if not one.isfinite():
            return "your number is not finite: log_p and log_q return logarithms already"
        numbers.append(one)
        rights.append((p.log_prob(x) - q.log_prob(x)).mean())
        known.append(_other_means(p.log_prob(x), q.log_prob(x), x.shape[1]))
    got, wanted = torch.stack(numbers), torch.stack(rights)
    both = {hint: torch.stack([one[hint] for one in known]) for hint in known[0]}
    totals = wanted * torch.tensor([N, M])
    both["you divide the sum by a number that is typed in: divide by the number of samples"] = (
        totals * (got[0] / totals[0])
    )
    if hint := compare(got, wanted, both):
        return hint
    for sigma, what in ((1.0, "-1000 exp gives 0"), (0.05, "+1000 exp gives infinity")):
        p = _IndependentNormal(torch.zeros(784), torch.full((784,), sigma))
        q = _IndependentNormal(torch.full((784,), 0.1 * sigma), torch.full((784,), sigma))
        x = p.sample(50, g)
        if not close(
            kl_from_densities(p.log_prob, q.log_prob, x), (p.log_prob(x) - q.log_prob(x)).mean()
        ):
            return (
                f"right in {D} dimensions, but not in 784: of log-densities around {what}; leave "
                "them as they are"
            )
    return None


def _other_means(a: torch.Tensor, b: torch.Tensor, D: int) -> dict[str, torch.Tensor]:
    """Return what else could be made of log p(x) and log q(x), (N,), in D dimensions."""
    ratio = a - b
    return {
        "the sign is turned: KL is positive, since p fits its own samples best": -ratio.mean(),
        "you summed over the samples; an expectation is estimated by their mean": ratio.sum(),
        "the samples come from p already: don't weight them by p once more": (
            (a.exp() * ratio).mean()
        ),
        "the samples come from p already, so all of them count alike": a.softmax(0) @ ratio,
        "that is the sum over p(x) times the log-ratio; of samples from p it is the mean": (
            (a.exp() * ratio).sum()
        ),
        "that weights the samples by q, and turns the direction; they come from p already": (
            (b.exp() * -ratio).mean()
        ),
        "that is another estimate, with the same expectation; (2.1) is the mean of the log-ratio": (
            ((-ratio).exp() - 1 + ratio).mean()
        ),
        "that is the mean ratio; its logarithm is what (2.1) averages": ratio.exp().mean(),
        "the mean of the logarithms is wanted, not the logarithm of the mean": (
            ratio.exp().mean().log()
        ),
        "that takes the means of the densities first; the logarithm comes before the mean": (
            a.exp().mean().log() - b.exp().mean().log()
        ),
        "some samples count negatively, and they should: take no absolute values": (
            ratio.abs().mean()
        ),
        "that is the negative log-likelihood; log p is missing": -b.mean(),
        "that is the entropy of p; log q is missing": -a.mean(),
        "log p and log q are logarithms already, so they are subtracted": (a / b).mean(),
        "that is the difference of the densities; that of their logarithms is wanted": (
            a.exp().mean() - b.exp().mean()
        ),
        "log_p and log_q are sums over the coordinates already: divide by the number of samples "
        "alone": ratio.mean() / D,
        "one sample is no mean: take all of them": ratio[0],
        "all N samples are in the mean: divide by N, not by N - 1": ratio.sum() / (len(ratio) - 1),
        "those are bits: take the natural logarithm": ratio.mean() / math.log(2),
    }


class _IndependentNormal:
    """A normal distribution with its own mean and spread in each dimension."""

    def __init__(self, mean: torch.Tensor, sigma: torch.Tensor) -> None:
        self.mean, self.sigma = mean, sigma

    def log_prob(self, x: torch.Tensor) -> torch.Tensor:  # (N, D) -> (N,)
        eps = (torch.as_tensor(x) - self.mean) / self.sigma
        return (-0.5 * (eps.square() + LOG_2PI) - self.sigma.log()).sum(-1)

    def sample(self, count: int, g: torch.Generator) -> torch.Tensor:
        return self.mean + self.sigma * torch.randn(count, len(self.mean), generator=g)


def _two_normals(D: int, g: torch.Generator) -> tuple[_IndependentNormal, _IndependentNormal]:
    sign = torch.randint(2, (D,), generator=g) * 2.0 - 1.0
    p = _IndependentNormal(torch.randn(D, generator=g), 0.8 + 0.4 * torch.rand(D, generator=g))
    off = sign * (0.7 + 0.5 * torch.rand(D, generator=g))
    return p, _IndependentNormal(p.mean + off, 1.2 + 0.4 * torch.rand(D, generator=g))


@exercise("2.2")
def _log_density_exp(log_density_exp: Callable[[torch.Tensor], torch.Tensor]) -> str | None:
    """Want a function of x, (B,), that returns the log-density of exp(z), (B,)."""
    g = drawn()
    B = size(g, 4, 8)
    sign = 1.0 - 2.0 * (torch.arange(B) % 2)  # codes on both sides of 0
    z = sign * (0.4 + 1.2 * torch.rand(B, generator=g))
    x = z.exp()
    got = log_density_exp(x)
    if got.shape != (B,):
        return f"one value for each of the {B} points is wanted; yours has shape {tuple(got.shape)}"

    def plain(z: torch.Tensor) -> torch.Tensor:
        return -0.5 * (z.square() + LOG_2PI)

    wanted = plain(z) - z
    known = {
        "that is the log-density of z; the determinant, here df/dz, is missing": plain(z),
        "the Jacobian has the wrong sign: where f stretches the axis, the density is low": (
            plain(z) + z
        ),
        "the bars in (2.7) belong to df/dz, not to its logarithm, which may be negative": (
            plain(z) - z.abs()
        ),
        "df/dz is exp(z), and that is x: its logarithm is not x": plain(z) - x,
        "the density is divided by df/dz, so of the logarithms one is subtracted": plain(z) / x,
        "the logarithm of df/dz is subtracted, not 1 / x": plain(z) - 1 / x,
        "the density of z is wanted at z, not at x: which z is mapped to x": plain(x) - z,
        "that is the standard normal density at x: invert f, and change variables": plain(x),
        "the z that is mapped to x is not exp(x): invert f": plain(x.exp()) - x,
        "f is exp, and its inverse the natural logarithm": plain(x.log10()) - x.log10(),
        "a factor ½ is missing in the exponent": wanted - 0.5 * z**2,
        "the constant log 2π is missing": wanted + 0.5 * LOG_2PI,
        "log 2π is there once too often: it has a factor ½, like the square": (
            wanted - 0.5 * LOG_2PI
        ),
        "that is the density; its logarithm is wanted": wanted.exp(),
        "the sign is turned": -wanted,
        "your values are all off by the same amount: look at the constant": shifted(got, wanted),
    }
    if hint := compare(got, wanted, known):
        return hint
    far = (30 + 30 * torch.rand(B, generator=g)) * sign
    x = far.exp()
    if not close(log_density_exp(x), plain(x.log()) - x.log()):
        return (
            f"right for x around 1, but not for {x.min():.0e} and {x.max():.0e}: there a density "
            "underflows to 0, so stay with its logarithm"
        )
    return compare_gradients(log_density_exp, lambda x: plain(x.log()) - x.log(), [z.exp()], [0])


@exercise("2.3")
def _log_density_wire(log_density_wire: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (x, w, variance) that returns the log-density of w z + noise, (B,)."""
    g = drawn()
    for D in sizes(g, 2, 3, 7):
        B = size(g, 8, 11)
        variance = 0.2 + 0.3 * torch.rand((), generator=g).item()
        sign = 1.0 - 2.0 * (torch.arange(D) % 2)
        x, w = torch.randn(B, D, generator=g), sign * (0.6 + torch.rand(D, generator=g))
        got = log_density_wire(x, w, variance)
        if got.shape == (B, D):
            return "that is one value per dimension; the dimensions are not even independent here"
        if got.shape != (B,):
            return (
                f"one value for each of the {B} rows is wanted; yours has shape {tuple(got.shape)}"
            )
        if hint := compare(got, _wire(x, w, variance), _bent_wire(got, x, w, variance)):
            return hint
    side = 1.0 if torch.rand((), generator=g) < 0.5 else -1.0
    for far in (x + 30 * side * w, x * 30):
        if not close(log_density_wire(far, w, variance), _wire(far, w, variance)):
            return (
                "right near the line, but not far from it or far out along it: there a density "
                "underflows to 0, so stay with its logarithm"
            )
    if hint := compare_gradients(
        lambda x, w: log_density_wire(x, w, variance),
        lambda x, w: _wire(x, w, variance),
        [x, w],
        [1],
    ):
        return hint
    many = size(g, 150, 200)
    x, w = (torch.randn(*shape, generator=g) for shape in ((3, many), (many,)))
    for variance, what in ((0.2, "0"), (5.0, "infinite")):
        if not close(log_density_wire(x, w, variance), _wire(x, w, variance)):
            return (
                f"right in {D} dimensions, but not in {many}: there a determinant is {what} in 32 "
                "bits; torch.logdet takes its logarithm in one go"
            )
    return None


def _wire(
    x: torch.Tensor, w: torch.Tensor, variance: float, across: float = 1.0, axes: int | None = None
) -> torch.Tensor:
    """Return log N(x; 0, w wᵀ + variance I), (B,), by what lies along w and across it.

    `across` is the share of the latter that counts, `axes` the number of its directions.
    """
    x, w = x.double(), w.double()
    axes = len(w) - 1 if axes is None else axes
    along = (x @ w).square() / w.square().sum()
    total = w.square().sum() + variance
    squares = along / total + across * (x.square().sum(-1) - along) / variance
    logs = total.log() + axes * math.log(variance) + (axes + 1) * LOG_2PI
    return -0.5 * (squares + logs).float()


def _bent_wire(
    got: torch.Tensor, x: torch.Tensor, w: torch.Tensor, variance: float
) -> dict[str, torch.Tensor]:
    D, eye = len(w), torch.eye(len(w))

    def normal(covariance: torch.Tensor, mean: torch.Tensor | float = 0.0) -> torch.Tensor:
        off = x - mean
        square: torch.Tensor = (off * torch.linalg.solve(covariance, off.T).T).sum(-1)
        return -0.5 * (square + torch.logdet(covariance) + D * LOG_2PI)

    wanted, line = _wire(x, w, variance), torch.outer(w, w)
    log_det = torch.logdet(line + variance * eye)
    return {
        "`variance` is one already; you squared it": normal(line + variance**2 * eye),
        "you put not the variance but its square root into the covariance": (
            normal(line + math.sqrt(variance) * eye)
        ),
        "the line itself is missing: w z adds w wᵀ to the covariance": normal(variance * eye),
        "the dimensions share one z, so they are correlated: w wᵀ has more than a diagonal": (
            normal(torch.diag(w**2) + variance * eye)
        ),
        "the dimensions share one z, so they are correlated; you have the spread |w| in each": (
            normal(torch.diag(w.abs()) + variance * eye)
        ),
        "wᵀw is a number; the covariance needs the matrix w wᵀ": (normal((w @ w + variance) * eye)),
        "that is p(x|z) at z = 1: z must be integrated out": normal(variance * eye, w),
        "z has mean 0, so x has mean 0, not w": normal(line + variance * eye, w),
        "that is the density of what lies along w; what lies across has noise, too": (
            _wire(x, w, variance, across=0.0, axes=0)
        ),
        "the distance from the line counts, too: it is the noise": (
            _wire(x, w, variance, across=0.0)
        ),
        "D - 1 directions lie across the line; you count one": _wire(x, w, variance, axes=1),
        "D - 1 directions lie across the line; you count D": _wire(x, w, variance, axes=D),
        "that is the density; its logarithm is wanted": wanted.exp(),
        "the constant, log 2π for each dimension, is missing": wanted + 0.5 * D * LOG_2PI,
        "the constant log 2π counts once for each dimension, D times in all": (
            wanted + 0.5 * (D - 1) * LOG_2PI
        ),
        "a factor ½ is missing": 2 * wanted,
        "the logarithm of the determinant is missing": wanted + 0.5 * log_det,
        "the logarithm of the determinant has the wrong sign": wanted + log_det,
        "the factor ½ before the determinant is missing": wanted - 0.5 * log_det,
        "the factor ½ before the squares is missing": (
            2 * wanted + 0.5 * log_det + 0.5 * D * LOG_2PI
        ),
        "the sign is turned": -wanted,
        "you averaged over the dimensions": wanted / D,
        "your values are all off by the same amount: look at the constants, log 2π for each "
        "dimension and the logarithm of the determinant": shifted(got, wanted),
    }


@exercise("2.4")
def _kl_by_classifier(
    kl_by_classifier: Callable[[np.ndarray, np.ndarray], torch.Tensor],
) -> str | None:
    """Want a function of NumPy arrays (x, y) that returns KL(x's distribution || y's)."""
    g = drawn()
    numbers: list[torch.Tensor] = []
    rights, slips = [], []
    for D in sizes(g, 2, 2, 3):
        N = size(g, 30_000, 34_000)  # so that a quarter of them is enough, held out
        x, y = _uniform_and_falling(N, D, g)
        x, y = (y, x) if numbers else (x, y)  # the second time they change places
        one = kl_by_classifier(x, y)
        if one.shape == (N,):
            return "that is one value per datum; an expectation is estimated by their mean"
        if one.shape == (2 * N,):
            return "that is one value for each row of both piles; (2.1) is a mean over the data"
        if one.shape != ():
            return f"one number is wanted; yours has shape {tuple(one.shape)}"
        right, known = _by_log_odds(x, y)
        numbers.append(one)
        rights.append(right)
        slips.append(known)
    got, wanted = torch.stack(numbers), torch.tensor(rights, dtype=torch.float32)
    if got[0] == got[1]:
        return "yours is the same for two different pairs of piles: is a number typed in"
    if close(got, wanted, rtol=0.05, atol=0.0):
        return None
    for hint in slips[0]:
        wrong = torch.tensor([known[hint] for known in slips], dtype=torch.float32)
        if close(got, wrong, rtol=0.02, atol=1e-3):
            return hint
    if ((got > 0.2 * wanted) & (got < 0.95 * wanted)).all():
        return (
            "yours is too small: is the classifier held back by its penalty (C), or stopped early"
        )
    return furthest(got, wanted)


def _uniform_and_falling(N: int, D: int, g: torch.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw points from the unit cube, evenly and from falling exponentials: twice (N, D).

    Their log-ratio is linear and has bounds, and the two directions of their KL differ.
    """
    u, v = torch.rand(2, N, D, generator=g, dtype=torch.float64)
    rates = 4 + 1.5 * torch.rand(D, generator=g, dtype=torch.float64)
    return u.numpy(), (-(1 - v * (1 - (-rates).exp())).log() / rates).numpy()


def _by_log_odds(x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, float]]:
    """Return the estimate, and what else could be made of a classifier of both piles."""
    rows, is_data = np.concatenate([x, y]), np.repeat([1, 0], [len(x), len(y)])
    classifier = LogisticRegression(C=1e6, max_iter=1000).fit(rows, is_data)
    odds, chances = classifier.decision_function(rows), classifier.predict_proba(rows)
    of_x, of_y, each = odds[: len(x)], odds[len(x) :], chances[: len(x), 1]
    loss = -np.log(chances[np.arange(len(rows)), is_data]).mean()
    right = of_x.mean()
    return right, {
        "the sign is turned: which of the two did you label 1": -right,
        "that is the other direction, KL(model‖data): average over the data": -of_y.mean(),
        "you averaged over outputs, where the log-odds are mostly negative; (2.1) asks the data": (
            of_y.mean()
        ),
        "you averaged over data and outputs together; (2.1) averages the log-odds over the data "
        "only": odds.mean(),
        "that is log 2 minus the log-loss, half-way between data and outputs; (2.1) averages the "
        "log-odds over the data": math.log(2) - loss,
        "that is the log-loss of the classifier; (2.1) averages its log-odds over the data": loss,
        "the log-odds of some data are negative, and they should count so": np.abs(of_x).mean(),
        "those are both directions added; one is wanted": right - of_y.mean(),
        "you summed over the data; an expectation is estimated by their mean": of_x.sum(),
        "is that a probability? The log-odds, decision_function, are wanted": each.mean(),
        "is that a share? The log-odds, decision_function, are wanted": (each > 0.5).mean(),
        "that is the share that the classifier gets right; its log-odds, decision_function, are "
        "wanted": ((odds > 0) == is_data).mean(),
        "that is the logarithm of the probability; of the odds it is wanted, that of data over "
        "that of outputs": np.log(each).mean(),
        "those are the odds; their logarithm is wanted": np.exp(of_x).mean(),
        "the logarithm comes before the mean": np.log(np.exp(of_x).mean()),
        "the logarithm of the odds comes before the mean over the data": (
            np.log(each.mean() / (1 - each.mean()))
        ),
        "the intercept of the classifier is missing": right - classifier.intercept_[0],
        "those are bits: take the natural logarithm": right / math.log(2),
    }
