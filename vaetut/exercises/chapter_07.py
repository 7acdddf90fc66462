"""Checks for chapter 7, "Code in action"."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector

from ..distributions import Normal
from ..model import VAE
from ..networks import Decoder, Encoder
from ..objective import kl_standard_normal
from .draws import generator_problem, noise_problem
from .registry import (
    close,
    compare,
    compare_gradients,
    drawn,
    exercise,
    size,
)


@exercise("7.1")
def _count_parameters(count_parameters: Callable[[int], torch.Tensor]) -> str | None:
    """Want a function from L to the number of parameters of the article's model."""
    g = drawn()
    dims = size(g, 3, 19), size(g, 21, 60)  # neither of the article's, which may be typed in
    counts = [count_parameters(L) for L in dims]
    if any(each.shape != () for each in counts):
        return f"one number is wanted; yours has the shape {tuple(counts[0].shape)}"
    got = torch.stack(counts)
    L, H, D = torch.tensor(dims), 500, 784
    models = [VAE(latent_dim=dim) for dim in dims]
    wanted = torch.tensor([float(sum(p.numel() for p in each.parameters())) for each in models])
    head, middle, last = H * L + L, H * H + H, H * D + D
    encoder = D * H + H + middle + 2 * head
    known = {
        "every layer has a bias for each of its outputs, too": wanted - (4 * H + D + 2 * L),
        "a layer has a bias for each of its outputs, not of its inputs": wanted + L - H,
        "the encoder has two heads, mu and log_var": wanted - head,
        "the decoder has one head; the article's second one is never used": wanted + last,
        "that is the encoder alone": encoder,
        "that is the decoder alone": wanted - encoder,
        "a network has two hidden layers; one from 500 to 500 is missing": wanted - middle,
        "a network has two hidden layers; those from 500 to 500 are missing": wanted - 2 * middle,
        "the decoder is given z alone, not mu and log_var": wanted + L * H,
    }
    if torch.equal(got, wanted):
        return None
    for hint, wrong in known.items():
        if torch.equal(got, wrong.float()):
            return hint
    right = (got == wanted).tolist()
    if any(right):
        return (
            f"right for L = {dims[right.index(True)]}, but not for L = {dims[right.index(False)]}: "
            "three layers touch z"
        )
    return f"for L = {dims[0]} you count {got[0]:,.0f}: go through print(model) line by line"


@exercise("7.2")
def _generate(generate: Callable[[VAE, int, torch.Generator], torch.Tensor]) -> str | None:
    """Want a function of (model, n, generator) that returns n images from the prior, (n, 784)."""
    g = drawn()
    n, L = size(g, 2000, 3000), size(g, 3, 5)
    model = VAE(latent_dim=L, hidden_dims=())
    assert isinstance(model.decoder, Decoder)
    places = torch.randperm(784, generator=g)[: L + 2]
    edge = 3 + torch.rand((), generator=g)
    with torch.no_grad():  # a decoder that reads out z: its logits are z itself, and two constants
        model.decoder.out.weight.zero_()[places[:L]] = torch.eye(L)
        model.decoder.out.bias.zero_()[places[L:]] = torch.stack([edge, -edge])
    images = generate(model, n, drawn(1))
    if images.shape != (n, 784):
        return f"the shape should be (n, 784), here {(n, 784)}; yours is {tuple(images.shape)}"
    if not images.isfinite().all():
        return "some of your values are not finite: the sigmoid of a logit always is"
    if torch.equal(images, images.round()):
        return "your pixels are black or white, as drawn or rounded; the means are wanted"
    if images.min() < 0 or images.max() > 1:
        return "the values leave [0, 1]: decode returns logits, and a picture needs their sigmoid"
    if not close(images[:, places[L]], edge.sigmoid().expand(n)):
        return "a pixel's mean is the sigmoid of its own logit; yours is another function of it"
    z = images[:, places[:L]].detach().logit()  # (n, L)
    mean, spread = z.mean(0), z.std(0)
    if spread.max() < 1e-3:
        return "all your images are the same: each needs a z of its own"
    if mean.abs().max() > 0.15:  # more than 6 standard errors, as is the next
        return f"a mean of your z is {mean[mean.abs().argmax()]:.2f}, the prior's is 0"
    if (spread - 1).abs().max() > 0.1:
        off = spread[(spread - 1).abs().argmax()]
        return f"a standard deviation of your z is {off:.2f}, the prior's is 1"
    if (z.T.corrcoef() - torch.eye(L)).abs().max() > 0.15:
        return "the coordinates of your z depend on each other: draw each by itself"
    if len(torch.unique(z, dim=0)) < len(z):
        return "some of your draws are the same: each image needs a z of its own"
    return noise_problem(z) or generator_problem(lambda g: generate(model, 5, g))


@exercise("7.3")
def _cost(batch_cost: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (x, logits, mu, log_var) that returns the article's cost, one number."""
    g = drawn()
    B, D, L = size(g, 4, 6), size(g, 8, 12), size(g, 3, 5)
    x = torch.rand(B, D, generator=g)
    logits, mu, log_var = (torch.randn(B, n, generator=g) for n in (D, L, L))
    got = batch_cost(x, logits, mu, log_var)
    if got.shape != ():
        return f"the cost is one number; yours has shape {tuple(got.shape)}"

    def right(
        x: torch.Tensor, logits: torch.Tensor, mu: torch.Tensor, log_var: torch.Tensor
    ) -> torch.Tensor:
        distortion = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        return distortion / B + kl_standard_normal(mu, log_var).mean()

    rate = kl_standard_normal(mu, log_var).mean()
    wanted = right(x, logits, mu, log_var)
    distortion = wanted - rate
    per_pixel = distortion / D

    def rate_with(variance: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
        return 0.5 * (mu**2 + variance - 1 - log_variance).sum(1).mean()

    known = {
        "the sign is turned: a cost falls where the ELBO grows": -wanted,
        "the KL has the wrong sign: it is a price, so it adds to the cost": distortion - rate,
        "the distortion has the wrong sign: it is minus a log-likelihood": rate - distortion,
        "the KL is missing": distortion,
        "the reconstruction term is missing": rate,
        "your KL is twice too large: look for the factor ½": distortion + 2 * rate,
        "your KL is half of what it should be: count the factors ½": distortion + rate / 2,
        "you summed over the batch; the cost is per example": B * wanted,
        "you averaged over pixels; log p(x|z) is a sum over pixels": per_pixel + rate,
        "you averaged over pixels and latent dimensions; both are sums": per_pixel + rate / L,
        "you averaged over latent dimensions; the KL is a sum over them": distortion + rate / L,
        "one of your terms is a sum over the batch, and the other a mean": B * distortion + rate,
        "one of your terms is a mean over the batch, and the other a sum": distortion + B * rate,
        "your KL takes log_var for the logarithm of σ; it is that of σ²": (
            distortion + rate_with((2 * log_var).exp(), 2 * log_var)
        ),
        "your KL has σ where σ² belongs": distortion + rate_with((log_var / 2).exp(), log_var),
        "x and the logits are exchanged in your reconstruction term": (
            F.binary_cross_entropy_with_logits(x, logits, reduction="sum") / B + rate
        ),
        "your KL has log σ where log σ² belongs": (
            distortion + rate_with(log_var.exp(), log_var / 2)
        ),
    }
    if hint := compare(got, wanted, known, rtol=1e-4, number="your cost"):
        return hint
    codes = [mu, log_var]
    if hint := compare_gradients(batch_cost, right, [x, logits, *codes], [1, 2, 3]):
        return hint
    place = torch.arange(B * D).reshape(B, D)  # black, grey and white, with logits of either sign
    x, sign = place % 3 / 2, 1 - 2 * (place % 2)
    logits = sign * (40 + 60 * torch.rand(B, D, generator=g))
    logits[0, :2] *= 100 / logits[0, :2].abs()
    far = batch_cost(x, logits, *codes)
    if not close(far, right(x, logits, *codes)):
        return (
            f"right for small logits, but with logits of {logits.min():.0f} to {logits.max():.0f} "
            f"your cost is {far:.4g}: take no log of a sigmoid and no exp of a logit, there is a "
            "function that works on logits"
        )
    if hint := compare_gradients(batch_cost, right, [x, logits, *codes], [1, 2, 3]):
        return f"far out, with logits of {logits.min():.0f} to {logits.max():.0f}, {hint}"
    return None


@exercise("7.4")
def _grid(grid: Callable[[int, int], torch.Tensor]) -> str | None:
    """Want a function of (nx, ny) that returns the codes of ny rows of nx pictures."""
    g = drawn()
    few, many = size(g, 3, 4), size(g, 5, 6)  # with codes that are not all whole numbers
    for nx, ny in ((few, many), (many, few)):
        z = grid(nx, ny)
        if z.shape != (ny * nx, 2):
            shapes = f"{(ny * nx, 2)}; yours is {tuple(z.shape)}"
            return f"for nx = {nx}, ny = {ny} the shape should be {shapes}"
        wanted = _codes_of_grid(nx, ny)
        known = {
            "nx is the number of columns and ny that of rows; yours are exchanged": (
                _codes_of_grid(ny, nx)
            ),
            "the top row should have the largest z_2, since a picture's rows run downwards": (
                wanted * torch.tensor([1.0, -1.0])
            ),
            "z_1 should run along a row and z_2 from row to row; yours are swapped": wanted.flip(1),
            "the columns should run from z_1 = -3 to z_1 = 3": wanted * torch.tensor([-1.0, 1.0]),
            "the codes should come row by row; yours come column by column": (
                wanted.reshape(ny, nx, 2).transpose(0, 1).reshape(-1, 2)
            ),
            "the grid should reach to -3 and 3 on both sides; yours ends before": (
                wanted * torch.tensor([(nx - 1) / nx, (ny - 1) / ny])
            ),
            "the grid should reach 3; yours leaves out the end, as arange does": (
                torch.stack(
                    [
                        (wanted[:, 0] + 3) * (nx - 1) / nx - 3,
                        3 - (3 - wanted[:, 1]) * (ny - 1) / ny,
                    ],
                    1,
                )
            ),
        }
        if hint := compare(z, wanted, known, atol=1e-5, number="a number in your codes"):
            return hint
    return None


def _codes_of_grid(nx: int, ny: int) -> torch.Tensor:
    down, right = torch.linspace(3, -3, ny), torch.linspace(-3, 3, nx)
    return torch.cartesian_prod(down, right).flip(1)  # (z_2, z_1) -> (z_1, z_2)


class _Walk(NamedTuple):
    """What some steps of training have done."""

    costs: torch.Tensor  # what each step returned, (N,)
    moved: torch.Tensor  # by how much all weights have moved, (P,)
    idle: bool  # the optimizer's momenta are the old ones
    gradient: bool  # the weights have a gradient at the end
    drew: bool  # the generators have been used
    training: list[bool]  # the model's mode, each time that it encoded


def _loss(
    model: VAE,
    images: torch.Tensor,
    generator: torch.Generator,
    *,
    draw: Callable[..., torch.Tensor] = torch.randn,
    power: float = 0.5,
    cut: bool = False,
    weights: tuple[float, float] = (1.0, 1.0),
    landing: bool = False,
) -> torch.Tensor:
    """Return the cost of 7.3 at one draw; what is not at its default is a mistake, but `landing`.

    With that, it has the gradient of the chapter's function `cost`, which is as good as the plain.
    """
    mu, log_var = model.encode(images)
    z = mu + (power * log_var).exp() * draw(mu.shape, generator=generator)
    logits = model.decode(z.detach() if cut else z)
    distortion = F.binary_cross_entropy_with_logits(logits, images, reduction="none").sum(1)
    rate = kl_standard_normal(mu, log_var)
    if landing:
        estimate = model.prior.log_ratio(Normal(mu, log_var).detach(), z).sum(1)
        rate = rate.detach() + estimate - estimate.detach()
    terms = zip(weights, (distortion, rate), strict=True)  # a term of weight 0 has no gradient
    return torch.stack([weight * term for weight, term in terms if weight]).sum(0).mean()


def _step(
    model: VAE,
    optimizer: torch.optim.Optimizer,
    images: torch.Tensor,
    generator: torch.Generator,
    *,
    loss: Callable[..., torch.Tensor] = _loss,
    zero: str = "first",
) -> torch.Tensor:
    """Make one step, and return the cost before it; `zero` is when the gradients are emptied."""
    if zero == "first":
        optimizer.zero_grad()
    cost = loss(model, images, generator)
    cost.backward()
    optimizer.step()
    if zero == "last":
        optimizer.zero_grad()
    return cost


def _late(
    step: Callable[..., torch.Tensor],
    model: VAE,
    optimizer: torch.optim.Optimizer,
    images: torch.Tensor,
    generator: torch.Generator,
    *,
    noise: str,
) -> torch.Tensor:
    """Make a step, and return the cost after it, at the same noise or at new one."""
    again = torch.Generator().set_state(generator.get_state())
    step(model, optimizer, images, generator)
    return _loss(model, images, again if noise == "same" else generator)


def _walk(step: Callable[..., torch.Tensor], batches: torch.Tensor, latent_dim: int) -> _Walk:
    """Make a step for each of the batches, (N, B, D), but the first, which is gone before.

    So there is a gradient that one may forget, and the optimizer has something to remember.
    """
    start, noises = drawn(1), [drawn(stream) for stream in range(2, 2 + len(batches))]
    model = VAE(batches.shape[-1], latent_dim, (5,), generator=start)
    with torch.no_grad():  # away from means and log-variances near 0, which hide mistakes
        for weight in model.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=start))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    _step(model, optimizer, batches[0], noises[0])
    training: list[bool] = []
    model.encoder.register_forward_pre_hook(lambda part, _: training.append(part.training))

    def weights_and_momenta() -> tuple[torch.Tensor, torch.Tensor]:
        momenta = [each["momentum_buffer"] for each in optimizer.state.values()]
        return parameters_to_vector(model.parameters()).detach(), parameters_to_vector(momenta)

    before, old = weights_and_momenta()
    untouched = [noise.get_state() for noise in noises]
    costs = [
        step(model, optimizer, images.clone(), noise)
        for images, noise in zip(batches[1:], noises[1:], strict=True)
    ]
    after, new = weights_and_momenta()
    return _Walk(
        torch.stack(costs).detach(),
        after - before,
        idle=torch.equal(old, new),
        gradient=any(weight.grad is not None for weight in model.parameters()),
        drew=not torch.equal(untouched[-1], noises[-1].get_state()),
        training=training,
    )


_RIGHT_STEPS = _step, partial(_step, loss=partial(_loss, landing=True))
_SLIPS: dict[str, dict[str, Any]] = {
    "you went uphill: the step is for the cost, not for the ELBO": {"weights": (-1.0, -1.0)},
    "there is no noise in your z": {"draw": lambda shape, generator: torch.zeros(shape)},
    "all examples have the same noise in yours: each needs its own": {
        "draw": lambda shape, generator: torch.randn(shape[1:], generator=generator)
    },
    "your noise is not normal": {"draw": torch.rand},
    "your z has σ² where σ belongs": {"power": 1.0},
    "the encoder learns from the KL alone in yours: something between it and the logits is "
    "detached": {"cut": True},
    "the KL is missing": {"weights": (1.0, 0.0)},
    "the reconstruction term is missing": {"weights": (0.0, 1.0)},
    "the KL has the wrong sign: it is a price, so it adds to the cost": {"weights": (1.0, -1.0)},
    "your KL is twice too large: look for the factor ½": {"weights": (1.0, 2.0)},
    "your KL is half of what it should be: count the factors ½": {"weights": (1.0, 0.5)},
}


@exercise("7.6")
def _training_step(training_step: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (model, optimizer, images, generator) that makes one step of training."""
    g = drawn()
    B, D, L = size(g, 4, 6), size(g, 8, 12), size(g, 3, 5)
    batches = torch.rand(3, B, D, generator=g)

    def walk(step: Callable[..., torch.Tensor]) -> _Walk:
        return _walk(step, batches, L)

    global_state = torch.get_rng_state()
    mine = walk(training_step)
    if not torch.equal(global_state, torch.get_rng_state()):
        torch.set_rng_state(global_state)
        return "you drew from PyTorch's global generator: pass generator=generator to torch.randn"
    if mine.costs.shape != (2,):
        return f"return the cost, one number; yours has the shape {tuple(mine.costs.shape[1:])}"
    if not mine.moved.any() and mine.gradient:
        return "the weights have a gradient, and have not moved: `step` comes after `backward`"
    if not mine.moved.any():
        return "no gradient has come to the weights: is `backward` missing, or emptied after it"
    if not all(mine.training):
        return "the model was in training mode, and you set it to `eval`, which is for measuring"
    if mine.idle:
        return (
            "the weights have moved, but the optimizer that you were given made no step: it keeps "
            "what it remembers of earlier steps, so use it, and no other"
        )
    known = {
        "the gradients of the step before are still there, and yours are added to them": (
            partial(_step, zero="never")
        ),
        "the weights may have a gradient when you get them: empty it before `backward`, not at the "
        "end": partial(_step, zero="last"),
        **{hint: partial(_step, loss=partial(_loss, **how)) for hint, how in _SLIPS.items()},
        **{
            hint: partial(_step, loss=partial(_loss, weights=weights))
            for hint, weights in {
                "that is a step for the cost of the whole batch; it is for the mean": (B, B),
                "you averaged over pixels: the cost is a sum over them": (1 / D, 1.0),
                "you averaged over latent dimensions: the KL is a sum over them": (1.0, 1 / L),
                "you averaged over pixels and latent dimensions: both are sums": (1 / D, 1 / L),
                "the whole cost is divided by the number of pixels in yours": (1 / D, 1 / D),
            }.items()
        },
    }

    def went_with(step: Callable[..., torch.Tensor]) -> bool:
        moved = walk(step).moved
        return close(mine.moved, moved, atol=float(1e-3 * moved.abs().max()))

    right = next((step for step in _RIGHT_STEPS if went_with(step)), None)
    if right is None:
        if hint := next((hint for hint, step in known.items() if went_with(step)), None):
            return hint
        if not mine.drew:
            return "you drew nothing from the generator that you were given: it is for the noise"
        if close(mine.costs[0], walk(_step).costs[0], rtol=1e-5, atol=0):
            return (
                "the cost of the first step is right, but one step along its gradient leads "
                "elsewhere: is it one step, and is no part detached"
            )
        return (
            "your step leads elsewhere, and so does the cost: is it that of 7.3, at z with the "
            "noise torch.randn(mu.shape, generator=generator)"
        )
    wanted = walk(right).costs
    if close(mine.costs, wanted):
        return None
    same, new = (walk(partial(_late, right, noise=noise)).costs for noise in ("same", "new"))
    return compare(
        mine.costs,
        wanted,
        {
            "the step is right; the cost comes back with its sign turned": -wanted,
            "the step is right; you return the sum over the batch, and not the mean": B * wanted,
            "the step is right; you return the cost per pixel": wanted / D,
            "the step is right; the cost is wanted from before it, and yours is from after": same,
            "the step is right; your cost is from after it, with new noise": new,
        },
        number="your cost",
    )


@exercise("7.7")
def _interpolate(interpolate: Callable[..., torch.Tensor]) -> str | None:
    """Want decoded means on the line between the codes of two images, (steps, 784)."""
    g = drawn()
    steps, L = size(g, 4, 8), size(g, 2, 4)
    model = VAE(latent_dim=L, hidden_dims=(6,), generator=g)
    assert isinstance(model.encoder, Encoder) and isinstance(model.decoder, Decoder)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=g))
        model.decoder.out.weight.mul_(3)  # so that the sigmoid bends the way between two pictures
        images = torch.rand(2, 784, generator=g).pow(torch.tensor([[0.5], [3.0]]))
        one, other = model.encode(images).mu
        model.encoder.mu.weight.mul_(3 / (other - one).norm())
        one, other = model.encode(images).mu
        side = torch.cat([torch.stack([one[1] - other[1], other[0] - one[0]]), torch.zeros(L - 2)])
        middle = 1.5 * side / side.norm()  # so that the two codes are at a right angle, seen from 0
        model.encoder.mu.bias.add_(middle - (one + other) / 2)
    first, second = images
    got = interpolate(model, first, second, steps)
    if got.shape != (steps, 784):
        return (
            f"a row for each picture is wanted, (steps, 784), here {(steps, 784)}; yours is "
            f"{tuple(got.shape)}"
        )
    if not torch.equal(got, interpolate(model, first, second, steps)):
        return "called again, yours returns other pictures: take means, and draw nothing"
    with torch.no_grad():
        (one, other), log_var = model.encode(torch.stack([first, second]))

        def between(a: torch.Tensor, b: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            return torch.lerp(a, b, t[:, None])

        t = torch.linspace(0, 1, steps)
        z, pixels = between(one, other, t), between(first, second, t)
        wanted = model.decode_mean(z)
        angle = F.cosine_similarity(one, other, dim=0).acos()
        arc = torch.outer(((1 - t) * angle).sin(), one) + torch.outer((t * angle).sin(), other)
        longer = torch.linspace(0, 1, steps + 2)
        known = {
            "that is the line between the images themselves; it runs between their codes": pixels,
            "that is the line between two decoded pictures; decode the codes in between": (
                between(wanted[0], wanted[-1], t)
            ),
            "you encoded pictures between the images; the line runs between the two codes": (
                model.decode_mean(model.encode(pixels)[0])
            ),
            "the values are logits; a picture needs their sigmoid": model.decode(z),
            "the pictures are in the wrong order: the first image comes first": wanted.flip(0),
            "the second image's own code is missing at the end": (
                model.decode_mean(between(one, other, torch.arange(steps) / steps))
            ),
            "the first image's own code is missing at the start": (
                model.decode_mean(between(one, other, torch.arange(1, steps + 1) / steps))
            ),
            "both ends are missing: the first and the last picture are the decoded ends": (
                model.decode_mean(between(one, other, longer[1:-1]))
            ),
            "the first and the last picture are the decoded codes, not the images": (
                torch.cat([first[None], wanted[1:-1], second[None]])
            ),
            "you went along an arc; a straight line is wanted": (
                model.decode_mean(arc / angle.sin())
            ),
            "your pixels are black or white; the means are wanted": wanted.round(),
            "the line runs between the log-variances in yours": (
                model.decode_mean(between(log_var[0], log_var[1], t))
            ),
        }
        hint = compare(got, wanted, known, number="a pixel")
        if hint is None or hint in known or close(got[[0, -1]], wanted[[0, -1]]):
            return hint
        return "your first and last picture are not what the two images' mean codes decode to"
