"""Checks for chapter 1, "From autoencoders to VAEs"."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.nn import functional as F

from ..distributions import LOG_2PI
from .answers import ReadersError
from .registry import (
    close,
    compare,
    compare_gradients,
    drawn,
    exercise,
    furthest,
    scaled,
    shifted,
    sizes,
)

_Map = Callable[[torch.Tensor], torch.Tensor]


@exercise("1.1")
def _cost_of(cost_of: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (x, x_hat) that returns the cross-entropy of each image, (B,)."""
    g = drawn()
    B, D = sizes(g, 2, 3, 8)
    x, x_hat = (0.1 + 0.8 * torch.rand(B, D, generator=g) for _ in range(2))
    got, each = cost_of(x, x_hat), _cross_entropy(x, x_hat)  # (B, D)
    if got.shape == ():
        return "one number per image is wanted, (B,); you have summed or averaged over the batch"
    if got.shape == (B, D):
        return "those are the costs of single pixels: sum them, image by image"
    if got.shape == (D,):
        return "you went along the images; one number per image is wanted, (B,)"
    if got.shape != (B,):
        return f"one number per image is wanted, here shape ({B},); yours is {tuple(got.shape)}"
    wanted = each.sum(1)
    known = {
        "the sign is turned: a cost is positive here": -wanted,
        "sum over the pixels; you have taken their mean": each.mean(1),
        "only the first term is there: a black pixel must be charged, too": -(x * x_hat.log()).sum(
            1
        ),
        "only the second term is there: a white pixel must be charged, too": -(
            (1 - x) * (1 - x_hat).log()
        ).sum(1),
        "x and x_hat have changed places: the logarithm is taken of the chances": _cross_entropy(
            x_hat, x
        ).sum(1),
        "that is the squared error": (x - x_hat).square().sum(1),
        "that is half of the squared error": 0.5 * (x - x_hat).square().sum(1),
        "x_hat holds chances already, and no logits": (
            F.binary_cross_entropy_with_logits(x_hat, x, reduction="none").sum(1)
        ),
        "you round the grey values; each counts in both terms, by its share": _cross_entropy(
            x.round(), x_hat
        ).sum(1),
        "the cost of the perfect copy is taken off; (1.1) keeps it": (
            wanted - _cross_entropy(x, x).sum(1)
        ),
        "those are bits: take the natural logarithm": wanted / math.log(2),
        "yours is (1.1) times one factor: is a number of pixels typed in, or is it another "
        "logarithm": scaled(got, wanted),
    }
    if hint := compare(got, wanted, known):
        return hint
    x, x_hat = (torch.rand(D, B, generator=g).round() for _ in range(2))  # black and white
    x_hat = 1e-4 + (1 - 2e-4) * x_hat  # nearly sure, and often of the wrong
    x[0, 0], x_hat[0, 0], x[1, 1], x_hat[1, 1] = 1.0, 1e-4, 0.0, 1 - 1e-4
    if not close(cost_of(x, x_hat), _cross_entropy(x, x_hat).sum(1)):
        return (
            "right for chances in the middle, but not for those near 0 and 1: is something "
            "clamped, or added inside the logarithm"
        )
    x, x_hat = (0.1 + 0.8 * torch.rand(B, D, generator=g) for _ in range(2))
    return compare_gradients(
        cost_of, lambda x, x_hat: _cross_entropy(x, x_hat).sum(1), [x, x_hat], [1]
    )


def _cross_entropy(x: torch.Tensor, x_hat: torch.Tensor) -> torch.Tensor:
    return F.binary_cross_entropy(x_hat, x, reduction="none")


@exercise("1.2", results=2)
def _turned(turned: Callable[..., tuple[_Map, _Map]]) -> str | None:
    """Want a function of (encode, decode, R) that returns a turned pair of them."""
    g = drawn()
    N, D = sizes(g, 2, 3, 8)
    weight, x = torch.randn(2, D, generator=g), torch.randn(N, D, generator=g)
    angle = 0.4 + 0.8 * torch.rand((), generator=g)  # turned twice, it is still no turn back
    R = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()]).view(2, 2)
    R = R if torch.rand((), generator=g) < 0.5 else R.T

    def encode(x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(torch.as_tensor(x).float() @ weight.T)  # (N, 2)

    def decode(z: torch.Tensor) -> torch.Tensor:
        return torch.tanh(torch.as_tensor(z).float() @ weight)  # (N, D)

    got = turned(encode, decode, R)
    if not isinstance(got, tuple) or len(got) != 2 or not all(map(callable, got)):
        return "return two functions, the turned encoder and its decoder"
    z = encode(x)
    try:
        codes = got[0](x)
    except ReadersError:
        if _runs(got[1], x):
            return "the encoder comes first, then the decoder"
        raise
    if codes.shape == (2, N):
        return "the codes should stay in rows, (N, 2); yours stand in columns"
    if codes.shape != z.shape:
        return f"the codes should have the shape (N, 2), here ({N}, 2); {tuple(codes.shape)} came"
    known = {
        "your encoder does not turn anything": z,
        "your encoder turns the other way: R z for a column is z @ R.T for a row": z @ R,
    }
    if not close(codes, z @ R.T):
        return _known(codes, known) or "your encoder should return R z for every code z"
    z = torch.randn(D, 2, generator=g)  # other codes, and another number of them
    pictures = got[1](z)
    if pictures.shape == z.shape:
        return "your decoder returns codes: let the given one make pictures of them"
    known = {
        "your decoder does not turn the codes back": decode(z),
        "your decoder turns once more in the same direction; the way back is the inverse of R": (
            decode(z @ R.T)
        ),
    }
    if not close(pictures, decode(z @ R)):
        return _known(pictures, known) or "every image should be rebuilt exactly as before"
    return None


def _known(got: torch.Tensor, known: dict[str, torch.Tensor], *tolerance: float) -> str | None:
    return next((hint for hint, wrong in known.items() if close(got, wrong, *tolerance)), None)


def _runs(function: Callable[..., object], *args: object) -> bool:
    try:
        function(*args)
    except ReadersError:
        return False
    return True


@exercise("1.3")
def _log_mixture(log_mixture: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (x, weights, means, variances) that returns log p(x), (N,)."""
    g = drawn()
    for D in sizes(g, 2, 2, 6):
        N, K = sizes(g, 2, 3, 8)
        x, means = torch.randn(N, D, generator=g), torch.randn(K, D, generator=g)
        weights = (torch.rand(K, generator=g) - torch.arange(K)).softmax(0)
        variances = 0.3 + 0.4 * torch.rand(K, generator=g)
        got = log_mixture(x, weights, means, variances)
        if got.shape == ():
            return "one value per point is wanted, (N,); you have summed or averaged over them"
        if got.shape in ((N, K), (K, N)):
            return "that is one value for each point and bump: sum over the bumps, shape (N,)"
        if got.shape == (K,):
            return "you summed over the points: sum over the bumps, shape (N,)"
        if got.shape != (N,):
            return f"one value per point is wanted, here shape ({N},); yours is {tuple(got.shape)}"
        if hint := compare(
            got,
            _mixture(x, weights, means, variances),
            _mixed_up(got, x, weights, means, variances),
        ):
            return hint
    sign = 1.0 if torch.rand((), generator=g) < 0.5 else -1.0
    for far in (100.0 * sign, -30.0 * sign):
        wanted = _mixture(x + far, weights, means, variances)
        if not close(log_mixture(x + far, weights, means, variances), wanted):
            return (
                "right near the bumps, but not far from them: there the densities underflow to 0, "
                "so stay with their logarithms, and sum with logsumexp"
            )

    def by_logits(mixture: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        # Whether the weights are scaled again to add up to 1 makes no difference to logits.
        return lambda x, logits, *bumps: mixture(x, logits.softmax(0), *bumps)

    for points in (x, x + far):
        inputs = [points, weights.log(), means, variances]
        pair = by_logits(log_mixture), by_logits(_mixture)
        if hint := compare_gradients(*pair, inputs, [1, 2, 3]):
            return hint
    return None


def _mixture(
    x: torch.Tensor,
    weights: torch.Tensor,
    means: torch.Tensor,
    variances: torch.Tensor,
    constant: float | None = None,
) -> torch.Tensor:
    """Return log p(x), (N,); `constant` times log 2πv is the normalising constant, here D/2."""
    constant = 0.5 * x.shape[1] if constant is None else constant
    squares = (x[:, None] - means).square().sum(-1)  # (N, K)
    bumps = -0.5 * squares / variances - constant * (variances.log() + LOG_2PI)
    return (bumps + weights.log()).logsumexp(1)


def _mixed_up(
    got: torch.Tensor,
    x: torch.Tensor,
    weights: torch.Tensor,
    means: torch.Tensor,
    variances: torch.Tensor,
) -> dict[str, torch.Tensor]:
    given, half_D = (x, weights, means), 0.5 * x.shape[1]
    wanted, even = _mixture(*given, variances), torch.ones_like(weights)
    squares = (x[:, None] - means).square()  # (N, K, D)
    bumps = -0.5 * squares.sum(-1) / variances - half_D * (variances.log() + LOG_2PI)
    averaged = -0.5 * squares.mean(-1) / variances - half_D * (variances.log() + LOG_2PI)
    others = [_mixture(*given, variances, k / 2) for k in range(2, 9) if k != x.shape[1]]
    return {
        "that is the density; its logarithm is wanted": wanted.exp(),
        "the sign is turned": -wanted,
        "the weights are missing: each bump counts by its share": _mixture(
            x, even, means, variances
        ),
        "all bumps count alike in yours: each counts by its own weight": (
            _mixture(x, even / len(even), means, variances)
        ),
        "the weights belong into the sum as logarithms, beside the logarithms of the bumps": (
            (bumps + weights).logsumexp(1)
        ),
        "the weights multiply the bumps, and so they are added to the bumps' logarithms as "
        "logarithms": (bumps * weights).logsumexp(1),
        "that is the mean of the logarithms; the logarithm of the sum is wanted": bumps @ weights,
        "that is the sum of the logarithms; the logarithm of the sum is wanted": (
            (bumps + weights.log()).sum(1)
        ),
        "the weights are shares already: do not divide by K once more": wanted
        - math.log(len(even)),
        "that is the largest bump alone": (bumps + weights.log()).amax(1),
        "the squares are summed over the coordinates; you have taken their mean": (
            (averaged + weights.log()).logsumexp(1)
        ),
        "the factor ½ is missing in the exponent": (
            (bumps - 0.5 * squares.sum(-1) / variances + weights.log()).logsumexp(1)
        ),
        "the normalising constant is that of one dimension; a round bump in D dimensions has it "
        "D times": _mixture(*given, variances, 0.5),
        "the normalising constant of the bumps is missing": _mixture(*given, variances, 0.0),
        "those are variances; you have used them as standard deviations": (
            _mixture(*given, variances.square())
        ),
        "those are variances; you have taken their square root": _mixture(*given, variances.sqrt()),
        "the normalising constant is that of another number of dimensions than x has: is it "
        "typed in": min(others, key=lambda wrong: (got - wrong).abs().sum().item()),
        "your values are all off by the same amount: a round bump in D dimensions has log 2π D "
        "times, and ½ before it": shifted(got, wanted),
    }


@exercise("1.4")
def _log_sliding(log_sliding: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (x, f, variance) that returns log p(x), (N,), of a continuous mixture."""
    g = drawn()
    N, D = sizes(g, 2, 3, 7)
    axes = torch.linalg.qr(torch.randn(D, 2, generator=g)).Q.T  # (2, D)
    axes = axes * (0.8 + 0.4 * torch.rand(2, 1, generator=g))
    variance = 0.25 + 0.25 * torch.rand((), generator=g).item()
    asked: list[torch.Tensor] = []  # the codes that f is asked for

    def curve(axes: torch.Tensor) -> _Map:
        def f(z: torch.Tensor) -> torch.Tensor:
            z = torch.as_tensor(z)
            if z.dim() != 1:
                raise ValueError(f"f takes codes of shape (M,), and got {tuple(z.shape)}")
            asked.append(z.detach().float())
            z = z.to(torch.promote_types(z.dtype, torch.float32))
            return torch.stack([1.2 * torch.sin(z + 0.5), torch.tanh(z)], -1) @ axes.to(z)

        return f

    f = curve(axes)
    x = f(torch.randn(N, generator=g)) + 0.5 * torch.randn(N, D, generator=g)
    asked.clear()
    got = log_sliding(x, f, variance)
    grid = torch.cat(asked) if asked else torch.zeros(0)
    if got.shape == ():
        return "one value per point is wanted, (N,); you have summed or averaged over them"
    if got.shape != (N,):
        return f"one value per point is wanted, here shape ({N},); yours is {tuple(got.shape)}"

    wanted = _slid(x, f, variance)
    if not close(got, wanted, 1e-3, 1e-2):
        if not got.isfinite().all():
            return "some values are not finite: use logsumexp, and never leave the logarithm"
        known = {
            "the sign is turned": -wanted,
            "that is the density; its logarithm is wanted": wanted.exp(),
            "`variance` is that of the bump, not its standard deviation": _slid(x, f, variance**2),
            "the bump's variance is `variance`, not its square root": (
                _slid(x, f, math.sqrt(variance))
            ),
        }
        return (
            _known(got, known, 1e-3, 1e-2)
            or _about_the_grid(grid)
            or _about_the_weights(got, x, f, variance)
        )
    if hint := _about_the_grid(grid):
        return hint
    if not close(log_sliding(x, f, variance), got, 1e-5, 1e-5):
        return "yours changes from one call to the next: put a grid over z; draws would leave noise"
    far = x + 10.0 * (1 if torch.rand((), generator=g) < 0.5 else -1)
    if not close(log_sliding(far, f, variance), _slid(far, f, variance), 2e-3, 1e-2):
        return (
            "right near the curve, but not far from it: use logsumexp, never leave the logarithm, "
            "and let the grid be even out to its ends"
        )
    return compare_gradients(
        lambda axes: log_sliding(x, curve(axes), variance),
        lambda axes: _slid(x, curve(axes), variance),
        [axes],
        [0],
        rtol=1e-2,
        atol=1e-2,
    )


def _slid(
    x: torch.Tensor,
    f: _Map,
    variance: float,
    prior: float = 1.0,
) -> torch.Tensor:
    """Return the logarithm of the integral by a finer grid; `prior` 0 leaves N(0, 1) out."""
    z = torch.linspace(-5, 5, 4001, dtype=torch.float64)
    squares = (x[:, None].double() - f(z)).square().sum(-1)  # (N, 4001)
    bumps = -0.5 * (squares / variance + x.shape[1] * (LOG_2PI + math.log(variance)))
    log_share = prior * -0.5 * (z.square() + LOG_2PI) + math.log(10 / 4000)
    return (bumps + log_share).logsumexp(1).float()


def _about_the_grid(grid: torch.Tensor) -> str | None:
    """Say what is wrong with the codes that were tried."""
    if len(grid) < 2:
        return "you have tried fewer than two codes: (1.4) runs over all of them, so take a grid"
    grid = torch.unique(grid)
    steps = grid.diff()
    if steps.max() > 10 * steps.median() and len(grid) > 50:
        return "your codes do not lie evenly: put a grid over z; draws would leave noise"
    if grid.min() > -3.5 or grid.max() < 3.5:
        return (
            f"your grid reaches from {grid.min():.1f} to {grid.max():.1f}, and the prior, N(0, 1), "
            "has codes outside"
        )
    if steps.max() > 0.4:
        return f"your grid is too coarse: it has only {len(grid)} points"
    return None


def _about_the_weights(got: torch.Tensor, x: torch.Tensor, f: _Map, variance: float) -> str:
    """Say what is wrong with a sum over a good grid."""
    wanted, flat, narrow = (_slid(x, f, variance, prior) for prior in (1.0, 0.0, 2.0))
    if close(got, shifted(got, wanted), 1e-3, 1e-2):
        return (
            "your values are all off by the same amount: do the weights of your grid, the prior's "
            "density times the distance of the grid's points, sum to one, and has each bump its "
            "constant"
        )
    if close(got, shifted(got, flat), 1e-3, 2e-2):
        return "all codes count alike in yours: weight each by the prior, N(0, 1)"
    if close(got, shifted(got, narrow), 1e-3, 2e-2):
        return "the prior of your codes is too narrow: its exponent has a factor ½"
    return furthest(got, wanted)


@exercise("1.6")
def _rebuilt_by_pca(rebuilt_by_pca: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (images, L) that returns the images, rebuilt from L codes, (N, D)."""
    g = drawn()
    (L, other_L), (D, N) = sizes(g, 2, 2, 4), sorted(sizes(g, 2, 7, 13))
    images = _in_a_few_directions(N, D, L, g)
    got = rebuilt_by_pca(images, L)
    if got.shape == (N, L):
        return "those are the codes: rebuild the images from them"
    if got.shape == (L, D):
        return "those are the directions: rebuild the images with them"
    if got.shape == (D, N):
        return "the images should stay in rows, (N, D); yours stand in columns"
    if got.shape != (N, D):
        return (
            f"one picture for each image is wanted, (N, D), here {(N, D)}; {tuple(got.shape)} came"
        )
    if hint := compare(got, _on_sheet(images, L), _off_sheet(got, images, L), 1e-2, 5e-3):
        return hint
    images = _in_a_few_directions(D, N, other_L, g)  # fewer images than pixels
    got = rebuilt_by_pca(images, other_L)
    if close(got, _on_sheet(images, other_L), 1e-2, 5e-3):
        return None
    if close(got, _on_sheet(images, L), 1e-2, 5e-3):
        return "those are always equally many directions: is L typed in"
    return (
        "right where there are more images than pixels, but not the other way round, here with "
        f"N = {D} and D = {N}"
    )


def _in_a_few_directions(N: int, D: int, L: int, g: torch.Generator) -> torch.Tensor:
    """Draw images that vary in every direction, and clearly more in the first L: (N, D)."""
    rank = min(N - 1, D)
    codes = torch.randn(N, rank, generator=g, dtype=torch.float64)
    codes = torch.linalg.qr(codes - codes.mean(0)).Q  # of mean 0, uncorrelated
    directions = torch.linalg.qr(torch.randn(D, rank, generator=g, dtype=torch.float64)).Q
    spreads = 12 * 0.7 ** torch.arange(rank) * torch.where(torch.arange(rank) < L, 1.0, 0.2)
    mean = 1 + torch.randn(D, generator=g, dtype=torch.float64)
    images: torch.Tensor = mean + codes * spreads @ directions.T
    return images.float()


def _directions(rows: torch.Tensor) -> torch.Tensor:
    """Return all right singular vectors, as rows, the largest first: (D, D)."""
    directions: torch.Tensor = torch.linalg.svd(rows)[2]
    return directions


def _on_sheet(images: torch.Tensor, L: int) -> torch.Tensor:
    images = images.double()
    mean = images.mean(0)
    V = _directions(images - mean)[:L]  # (L, D)
    return (mean + (images - mean) @ V.T @ V).float()


def _off_sheet(got: torch.Tensor, images: torch.Tensor, L: int) -> dict[str, torch.Tensor]:
    got, images = got.double(), images.double()
    mean, each_mean = images.mean(0), images.mean(1, keepdim=True)
    centred, std = images - mean, images.std(0)
    U, S, Vh = torch.linalg.svd(centred, full_matrices=False)  # (N, D), (D,), (D, D)

    def through(rows: torch.Tensor, V: torch.Tensor) -> torch.Tensor:
        return rows @ V.T @ V

    V, with_mean, last = Vh[:L], _directions(images)[:L], Vh[len(Vh) - L :]
    everywhere = images.mean()
    no_mean = "the average picture is still in the images when the directions are sought"
    known = {
        "the average picture is not added back": through(centred, V),
        f"{no_mean}: subtract it first, and add it back in the end": through(images, with_mean),
        f"{no_mean}: subtract it first": mean + through(centred, with_mean),
        f"{no_mean}, and it is added on top: subtract it first": mean + through(images, with_mean),
        "subtract the average picture before you project, and add it back": through(images, V),
        "the average picture is in twice: subtract it before you project": (
            mean + through(images, V)
        ),
        "you subtract the mean of each image; x̄ is the average picture, (D,)": (
            each_mean + through(images - each_mean, _directions(images - each_mean)[:L])
        ),
        "you subtract one number; x̄ is the average picture, (D,)": (
            everywhere + through(images - everywhere, _directions(images - everywhere)[:L])
        ),
        "the singular values are multiplied in once too often": mean + U[:, :L] * S[:L] ** 2 @ V,
        "the singular values are missing: the columns of U are codes of length 1": (
            mean + U[:, :L] @ V
        ),
        "those are the directions in which the images vary least; eigh has the largest "
        "eigenvalues last": mean + through(centred, last),
        "that is one direction too many": mean + through(centred, Vh[: L + 1]),
        "that is one direction too few": mean + through(centred, Vh[: L - 1]),
        "that is one direction alone; all of the first L are wanted": (
            mean + through(centred, Vh[L - 1 : L])
        ),
        "that is direction number L + 1 alone; the first L are wanted": (
            mean + through(centred, Vh[L : L + 1])
        ),
        "you begin with the second direction": mean + through(centred, Vh[1 : L + 1]),
        "those are the images themselves: only L numbers may pass": images,
        "that is the average picture for every image: what do the codes add": mean.expand_as(
            images
        ),
        "that is what cannot be rebuilt; what can is wanted": centred - through(centred, V),
        "the pixels are scaled to one spread; the squared error counts them as they are": (
            mean + std * through(centred / std, _directions(centred / std)[:L])
        ),
        "that is another number of directions than L: is it typed in": min(
            (mean + through(centred, Vh[:k]) for k in range(1, 8) if k != L),
            key=lambda wrong: (got - wrong).abs().sum().item(),
        ),
        "those are L directions, but not the main ones: torch.linalg.svd returns Vh, whose rows "
        "are the directions, and eigh returns them as columns, the main ones last": (
            got if _is_projection(centred, got - mean, L) else got * torch.nan
        ),
    }
    return {hint: wrong.float() for hint, wrong in known.items()}


def _is_projection(rows: torch.Tensor, projected: torch.Tensor, L: int) -> bool:
    """Say whether rows are projected onto some L directions that are at right angles."""
    if not projected.isfinite().all():
        return False
    P = torch.linalg.lstsq(rows, projected).solution  # (D, D)
    pairs = (rows @ P, projected), (P, P.T), (P @ P, P)
    return abs(P.trace() - L) < 1e-2 and all(close(a, b, atol=1e-2) for a, b in pairs)
