"""Checks for chapter 10, "What goes wrong, and what comes next"."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from ..data import load_mnist
from ..doctor import diagnose
from ..model import VAE
from ..networks import Encoder
from ..noise import make_generator
from ..objective import kl_standard_normal
from ..priors import kl_per_dimension
from .registry import close, compare, compare_gradients, drawn, exercise, furthest, size

_Two = tuple[torch.Tensor, torch.Tensor]


def _uniform(g: torch.Generator, low: float, high: float, *shape: int) -> torch.Tensor:
    return low + (high - low) * torch.rand(shape, generator=g)


@exercise("10.1", results=2)
def _linear_curve(linear_curve: Callable[..., _Two]) -> str | None:
    """Want a function of (eigenvalues, beta, variance) that returns rate and distortion."""
    g = drawn()
    eigenvalues, beta, variance = _draw_curve(g)
    while not (
        _told_apart(_rate(eigenvalues, beta * variance), _wrong_rates(eigenvalues, beta, variance))
        and _told_apart(
            _distortion(eigenvalues, beta * variance, variance),
            _wrong_distortions(eigenvalues, beta, variance),
        )
    ):
        eigenvalues, beta, variance = _draw_curve(g)
    level = beta * variance
    got = linear_curve(eigenvalues, beta, variance)
    if not isinstance(got, tuple):
        return "return two things, the rate and the distortion"
    rate, distortion = got
    if rate.shape != () or distortion.shape != ():
        shapes = f"{tuple(rate.shape)} and {tuple(distortion.shape)}"
        return f"both are one number, summed over the directions; your shapes are {shapes}"
    return (
        compare(rate, _rate(eigenvalues, level), _wrong_rates(eigenvalues, beta, variance))
        or compare(
            distortion,
            _distortion(eigenvalues, level, variance),
            _wrong_distortions(eigenvalues, beta, variance),
            number="the distortion",
        )
        or _slopes(linear_curve, eigenvalues, beta, variance)
    )


def _draw_curve(g: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, float]:
    # The weight is far from 1 and from 2, which would hide it or look like a forgotten half.
    variance, beta = _uniform(g, 0.15, 0.35).item(), _uniform(g, 1.3, 1.7)
    used = beta * variance * _uniform(g, 2, 20, size(g, 2, 4))
    off = beta * variance * _uniform(g, 0.1, 0.55, size(g, 2, 4))  # below the variance, too
    eigenvalues = torch.cat([used, off])
    return eigenvalues[torch.randperm(len(eigenvalues), generator=g)], beta, variance


def _told_apart(wanted: torch.Tensor, known: dict[str, torch.Tensor]) -> bool:
    """Say whether no two of some numbers are so near that they would pass for each other."""
    numbers = torch.stack([wanted, *known.values()]).sort().values
    return bool((numbers.diff() > 3e-3 * numbers[1:].abs() + 3e-4).all())


def _rate(eigenvalues: torch.Tensor, level: torch.Tensor | float) -> torch.Tensor:
    return 0.5 * (eigenvalues / level).log().clamp(min=0).sum()


def _distortion(
    eigenvalues: torch.Tensor, level: torch.Tensor | float, variance: torch.Tensor | float
) -> torch.Tensor:
    error = torch.minimum(eigenvalues, torch.as_tensor(level)).sum()
    return error / (2 * variance) + _constant(len(eigenvalues), variance)


def _constant(directions: int, variance: torch.Tensor | float) -> float:
    return directions / 2 * math.log(2 * math.pi * variance)


def _wrong_rates(
    eigenvalues: torch.Tensor, beta: torch.Tensor, variance: float
) -> dict[str, torch.Tensor]:
    level = beta * variance
    logs, wanted = 0.5 * (eigenvalues / level).log(), _rate(eigenvalues, level)
    not_negative = (
        "those are directions that are switched off: they have the rate 0, not a negative one"
    )
    return {
        not_negative: logs.sum(),
        "the KL of a Gaussian has a ½ in front": 2 * wanted,
        "at weight β the noise level is βσ², not σ²": _rate(eigenvalues, variance),
        "σ² is given, not σ: it needs no square": _rate(eigenvalues, beta * variance**2),
        "σ² is given, and the level is in its unit: it needs no root": (
            _rate(eigenvalues, beta * variance**0.5)
        ),
        "the rate is not weighted: β stands in (10.1), outside of R": beta * wanted,
        "you have returned the distortion first; the rate is wanted first": (
            _distortion(eigenvalues, level, variance)
        ),
        "the means vary, too: put their mean square into the KL, and its terms cancel": (
            logs + 0.5 * (level / eigenvalues - 1)
        )[eigenvalues > level].sum(),
        "λ is what the data vary by, and the noise is in it: there is no 1 + in the logarithm": (
            0.5 * (1 + eigenvalues / level).log()[eigenvalues > level].sum()
        ),
        "there is no 1 + in the logarithm; and a direction that is off has no rate": (
            0.5 * (1 + eigenvalues / level).log().sum()
        ),
        "the rate is the sum over the directions, you have averaged": wanted / len(eigenvalues),
        "that is the mean over the directions in use; the sum is wanted": (
            logs[eigenvalues > level].mean()
        ),
        "those are bits: nats have the natural logarithm": wanted / math.log(2),
        "a rate is never negative: look at the sign": -wanted,
    }


def _wrong_distortions(
    eigenvalues: torch.Tensor, beta: torch.Tensor, variance: float
) -> dict[str, torch.Tensor]:
    level, D = beta * variance, len(eigenvalues)
    wanted, constant = _distortion(eigenvalues, level, variance), _constant(D, variance)
    used = eigenvalues > level
    error = (wanted - constant) * 2 * variance
    always = "the likelihood's variance is σ², at every weight; only the noise level is βσ²"
    return {
        "the constant of the Gaussian, D/2 log 2πσ², is missing": wanted - constant,
        always: _distortion(eigenvalues, level, level),
        always + ". Divide the error by 2σ²": error / (2 * level) + constant,
        "the error of a direction in use is βσ²; you have σ²": (
            _distortion(eigenvalues, variance, variance)
        ),
        "a direction that is switched off leaves its whole variance as error": (
            used.sum() * level / (2 * variance) + constant
        ),
        "a direction that is used leaves an error, too: βσ²": (
            eigenvalues[~used].sum() / (2 * variance) + constant
        ),
        "a direction that is used leaves βσ² as error, and not its whole variance": (
            eigenvalues.sum() / (2 * variance) + constant
        ),
        "every direction leaves βσ²? One that is switched off varies by less": (
            D * level / (2 * variance) + constant
        ),
        "that is the squared error; divide it by twice σ²": error + constant,
        "the squared error alone is no distortion of a Gaussian yet": error,
        "the squared error is divided by twice σ²": error / variance + constant,
        "the constant counts every direction, also those that are switched off": (
            wanted - constant + _constant(int(used.sum()), variance)
        ),
        "each direction has half of log 2πσ²": wanted + constant,
        "the constant is added: it belongs to minus the log-density": wanted - 2 * constant,
        "the distortion is the sum over the directions, you have averaged": wanted / D,
        "that is the log-density; the distortion is its negative": -wanted,
        "the distortion has no weight: β stands before R": beta * wanted,
    }


def _slopes(
    linear_curve: Callable[..., _Two],
    eigenvalues: torch.Tensor,
    beta: torch.Tensor,
    variance: float,
) -> str | None:
    """Want the derivatives by beta of both, for (10.2)."""
    references = {
        "the rate": lambda beta: _rate(eigenvalues, beta * variance),
        "the distortion": lambda beta: _distortion(eigenvalues, beta * variance, variance),
    }
    for place, (name, reference) in enumerate(references.items()):

        def answer(beta: torch.Tensor, place: int = place) -> torch.Tensor:
            return linear_curve(eigenvalues, beta, variance)[place]

        if hint := compare_gradients(answer, reference, [beta], [0]):
            return f"as to {name} as a function of β: {hint}"
    return None


@exercise("10.2")
def _free_bits_price(free_bits_price: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (mu, log_var, free) that returns one number."""
    g = drawn()
    B, L = size(g, 5, 9), size(g, 10, 14)
    free = _uniform(g, 0.2, 0.4).item()
    # Some coordinates are in use, some nearly off, and some lie below `free` for some images only.
    widths = torch.tensor([1.0, 2.0, 0.7, 0.05])[torch.arange(L) % 4]
    mu = widths * torch.randn(B, L, generator=g)
    log_var = torch.tensor([-1.0, -3.0, -0.2, 0.0])[torch.arange(L) % 4].repeat(B, 1)
    log_var = log_var + _uniform(g, -0.1, 0.1, B, L)
    # And a batch in which all coordinates together stay below it, but for one image.
    quiet = 0.03 * mu
    quiet[0] = math.sqrt(3 * free / L)
    batches = (mu, log_var), (quiet, 0.03 * log_var)
    got = [free_bits_price(*batch, free) for batch in batches]
    shape = got[0].shape
    if shape == (B,):
        return "one number for the batch is wanted, not one per image: the mean stands inside"
    if shape == (L,):
        return "one number is wanted: sum over the coordinates, last"
    if shape != () or got[1].shape != ():
        return f"one number is wanted; your shape is {tuple(shape)}"

    if got[0].isnan():
        return "your result is NaN: log_var is a logarithm already, and may be negative"

    def reference(mu: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
        return kl_per_dimension(mu, log_var).mean(0).clamp(min=free).sum()

    def of_both(function: Callable[..., torch.Tensor]) -> torch.Tensor:
        return torch.stack([function(*batch) for batch in batches])

    def of_kl(function: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        return of_both(lambda mu, log_var: function(kl_per_dimension(mu, log_var)))

    known = {
        "that is the plain rate: no coordinate may cost less than λ": (
            of_kl(lambda kl: kl.mean(0).sum())
        ),
        "the maximum is taken of each coordinate's mean over the images, not for each image": (
            of_kl(lambda kl: kl.clamp(min=free).sum(1).mean())
        ),
        "λ is for each coordinate, not for their sum": (
            of_kl(lambda kl: kl.sum(1).mean().clamp(min=free))
        ),
        "λ is for each coordinate; you have compared it with each image's sum": (
            of_kl(lambda kl: kl.sum(1).clamp(min=free).mean())
        ),
        "λ is for each coordinate; you have compared L times λ with their sum": (
            of_kl(lambda kl: kl.sum(1).mean().clamp(min=L * free))
        ),
        "the larger of the two is wanted, not the smaller": (
            of_kl(lambda kl: kl.mean(0).clamp(max=free).sum())
        ),
        "that is what goes beyond λ; (10.4) keeps the λ itself, which has no gradient anyway": (
            of_kl(lambda kl: (kl.mean(0) - free).clamp(min=0).sum())
        ),
        "a coordinate that costs less than λ is not left out: it costs λ": (
            of_kl(lambda kl: (kl.mean(0) * (kl.mean(0) > free)).sum())
        ),
        "λ takes the place of what is below it; it is not added to what is above": (
            of_kl(lambda kl: (kl.mean(0) + free).sum())
        ),
        "sum over the coordinates; you have averaged": (
            of_kl(lambda kl: kl.mean(0).clamp(min=free).mean())
        ),
        "the mean over the images is wanted, you have summed": (
            of_kl(lambda kl: kl.sum(0).clamp(min=free).sum())
        ),
        "the mean is over the images, and the sum over the coordinates; you have them the other "
        "way round": of_kl(lambda kl: kl.mean(1).clamp(min=free).sum()),
        "λ is in nats, as the KL is: no log 2": (
            of_kl(lambda kl: kl.mean(0).clamp(min=free * math.log(2)).sum())
        ),
        "log_var is log σ²; you have used it as log σ": (
            of_both(lambda mu, log_var: reference(mu, 2 * log_var))
        ),
        "the KL of a Gaussian has a ½ in front": (
            of_kl(lambda kl: (2 * kl).mean(0).clamp(min=free).sum())
        ),
        "the KL's -1 is missing: with σ = 1 and μ = 0 it must be 0": (
            of_kl(lambda kl: (kl + 0.5).mean(0).clamp(min=free).sum())
        ),
        "the KL has minus log σ² in it: look at the sign": of_both(
            lambda mu, log_var: (
                (kl_per_dimension(mu, log_var) + log_var).mean(0).clamp(min=free).sum()
            )
        ),
        "the KL has σ² = exp(log_var) in it; you have σ": of_both(
            lambda mu, log_var: (
                (kl_per_dimension(mu, log_var) + ((0.5 * log_var).exp() - log_var.exp()) / 2)
                .mean(0)
                .clamp(min=free)
                .sum()
            )
        ),
        "the sign is turned: a price is positive": -of_both(reference),
    }
    return compare(torch.stack(got), of_both(reference), known) or compare_gradients(
        lambda mu, log_var: free_bits_price(mu, log_var, free), reference, [mu, log_var], [0, 1]
    )


@exercise("10.3")
def _best_picture(best_picture: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (z, mu, log_var, images) that returns (M, D)."""
    g = drawn()
    M, N, L, D = size(g, 3, 4), size(g, 5, 7), size(g, 2, 3), size(g, 9, 12)
    while True:
        mu, z = _uniform(g, -1.5, 1.5, N, L), _uniform(g, -1.5, 1.5, M, L)
        # One image has the widest posterior by far: it is the one that is meant far out.
        log_var = _uniform(g, -1.5, -0.3, N, L)
        log_var[size(g, 0, N - 1)] = 0.4
        nearest = torch.cdist(z, mu).argmin(1)
        if not torch.equal(nearest, _log_q(z, mu, log_var).argmax(1)):
            break
    images = torch.rand(N, D, generator=g)
    got = best_picture(z, mu, log_var, images)
    if got.shape != (M, D):
        return (
            f"a picture for each code is wanted, (M, D), here {(M, D)}; yours is {tuple(got.shape)}"
        )
    log_q = _log_q(z, mu, log_var)  # (M, N)
    wanted = log_q.softmax(1) @ images
    squared = (z[:, None] - mu).square()
    density = (log_q - L / 2 * math.log(2 * math.pi)).exp()
    divide = "the weights of one code must sum to 1 over the images: divide by their sum"
    known = {
        "that is the average of all images; each counts by its q(z|x)": (
            images.mean(0).expand(M, -1)
        ),
        divide: density @ images,
        divide + ", not by their number": density @ images / N,
        "the weights sum to 1 over the codes; for each code, they should over the images": (
            log_q.softmax(0) @ images
        ),
        "the weights of all codes together sum to 1; for each code, they should": (
            log_q.flatten().softmax(0).view(M, N) @ images
        ),
        "the density of a narrow posterior is higher: its log has a -½ log σ² that you left out": (
            (-0.5 * squared / log_var.exp()).sum(-1).softmax(1) @ images
        ),
        "each image has its own σ, which you left out": (
            (-0.5 * squared).sum(-1).softmax(1) @ images
        ),
        "a density has -½ in the exponent": (
            (-squared / log_var.exp() - log_var).sum(-1).softmax(1) @ images
        ),
        "a density has -½ in the exponent, before the square as well": (
            (-squared / log_var.exp() - 0.5 * log_var).sum(-1).softmax(1) @ images
        ),
        "log_var is log σ²; you have used it as log σ": (
            _log_q(z, mu, 2 * log_var).softmax(1) @ images
        ),
        "the square is divided by σ², not by σ": (
            (-0.5 * (squared / (0.5 * log_var).exp() + log_var)).sum(-1).softmax(1) @ images
        ),
        "-½ log σ² is what a narrow posterior gains: look at the sign": (
            (-0.5 * (squared / log_var.exp() - log_var)).sum(-1).softmax(1) @ images
        ),
        "the log-density of a code is the sum over its coordinates, no mean": (
            (log_q / L).softmax(1) @ images
        ),
        "that is one image, the one with the largest weight; the weighted average is wanted": (
            images[log_q.argmax(1)]
        ),
        "that is one image, the nearest one; the weighted average is wanted": (images[nearest]),
        "the weights are q(z|x) itself, and not its logarithm": (
            log_q / log_q.sum(1, keepdim=True) @ images
        ),
    }
    if hint := compare(got, wanted, known):
        return hint
    # Far out on both sides, and with one code that is near: its largest weight is not theirs.
    far = torch.cat([z[:1], z[1:2] + 60, z[2:] - 60])
    wanted = _log_q(far, mu, log_var - 3).softmax(1) @ images
    if not close(best_picture(far, mu, log_var - 3, images), wanted):
        return "far from all images every density underflows to 0: divide before you leave the log"
    return None


def _log_q(z: torch.Tensor, mu: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """Return log q(z_m|x_n) without its constant, (M, N)."""
    return -0.5 * ((z[:, None] - mu).square() / log_var.exp() + log_var).sum(-1)


@cache
def _digits() -> torch.Tensor:
    """Return some test images, which take a while to unpack."""
    return load_mnist("test")[0][:1000].clone()


@exercise("10.6", results=3)
def _mend(mend: Callable[[], tuple[nn.Module, ...]]) -> str | None:
    """Want a function of nothing that returns three models without a fault."""
    models = mend()
    if not isinstance(models, tuple):
        return "return three models, the patients in their order"
    images = _digits()
    x = images[torch.randperm(len(images), generator=drawn())[:8]]
    for place, (name, model) in enumerate(zip(("first", "second", "third"), models, strict=True)):
        if not isinstance(model, nn.Module):
            return f"the {name} is no model; return First(), not First"
        if any(model is other for other in models[:place]):
            continue
        try:
            diagnosis = diagnose(x, model=model, loss=_loss)
        except (TypeError, ValueError, RuntimeError) as error:
            return f"the {name} can't be examined. {error}"
        if diagnosis.faults:
            return f"the {name} has a fault still: {diagnosis.faults[0].seen}"
        if hint := _fault_unseen(model, x):
            return f"the {name} has a fault still: {hint}"
    return None


@torch.no_grad()
def _fault_unseen(model: nn.Module, x: torch.Tensor) -> str | None:
    """Say what the doctor may not see: a draw row by row, and logits that something bounds."""
    logits, mu, log_var = model(x)
    if logits.min() >= 0 or logits.max() <= 0:
        low, high = logits.min(), logits.max()
        return f"its {logits.numel()} logits have one sign, they lie from {low:.2g} to {high:.2g}"
    if hint := _bound_of_logits(model, mu):
        return hint
    draw = getattr(model, "draw", None)
    if draw is None:
        return None
    q = mu.repeat(25, 1), log_var.repeat(25, 1) - 2  # sharper than a fresh model's
    try:
        noise = (draw(*q) - q[0]) / (0.5 * q[1]).exp()
    except TypeError:  # a draw with arguments of its own
        return None
    if not 0.9 < noise.std() < 1.1:
        return f"in units of σ, the noise in its draws has the standard deviation {noise.std():.2f}"
    return None


def _bound_of_logits(model: nn.Module, mu: torch.Tensor) -> str | None:
    """Say whether, at codes far out, many logits are the largest that there can be."""
    decode = getattr(model, "decode", None)
    if decode is None:
        return None
    try:
        logits = decode(1e4 * torch.randn(mu.shape, generator=drawn(1))).abs()
    except (TypeError, RuntimeError):  # one with arguments of its own
        return None
    share = (logits > 0.99 * logits.max()).float().mean()
    if share < 0.05:
        return None
    return f"at codes far out, {share:.0%} of its logits are ±{logits.max():.2g}: what bounds them?"


def _loss(
    logits: torch.Tensor, x: torch.Tensor, mu: torch.Tensor, log_var: torch.Tensor
) -> torch.Tensor:
    distortion = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
    return (distortion + kl_standard_normal(mu, log_var)).mean()


LATENT = 3  # latent dimensions of the small model


@dataclass(frozen=True)
class _Run:
    """A short training of a small model, the same each time from the same seed."""

    images: torch.Tensor  # (B, D)
    steps: int
    warm_up: int
    seed: int

    def parts(self, noise: int = 0) -> tuple[VAE, torch.optim.Optimizer, torch.Generator]:
        """Return a fresh model, its optimizer, and the generator of one of two noises."""
        model = VAE(self.images.shape[1], LATENT, (), generator=make_generator(self.seed, 1))
        assert isinstance(model.encoder, Encoder)
        with torch.no_grad():
            model.encoder.mu.weight.mul_(2)  # so that there is a rate to weigh
        optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.5)
        return model, optimizer, make_generator(self.seed, 2 + noise)

    def of(self, answer: Callable[..., _Two], noise: int = 0) -> tuple[_Two, torch.Tensor]:
        """Return what the answer does, and the weights of the model afterwards."""
        model, optimizer, generator = self.parts(noise)
        got = answer(model, self.images, self.steps, self.warm_up, optimizer, generator)
        return got, nn.utils.parameters_to_vector(model.parameters()).detach()

    def weights(self) -> torch.Tensor:
        """Return the weights of the KL, (steps,)."""
        return (torch.arange(self.steps) / self.warm_up).clamp(max=1)


# A price of one image from its distortion, its rate and the weight: what is trained, or reported.
_Price = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def _price(distortion: torch.Tensor, rate: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
    return distortion + beta * rate


def _train(run: _Run) -> _Two:
    """Return losses (steps,) and the model's weights afterwards."""
    parts = model, *_ = run.parts()
    losses = torch.stack(list(_losses(run, parts)))
    return losses, nn.utils.parameters_to_vector(model.parameters()).detach()


def _losses(
    run: _Run,
    parts: tuple[VAE, torch.optim.Optimizer, torch.Generator],
    trained: _Price = _price,
    reported: _Price | None = None,
    draw: str = "",
    zero: bool = True,
    step: bool = True,
    after: bool = False,
) -> Iterator[torch.Tensor]:
    """Train, and yield the loss of each step when it is made; with arguments, a mistake's."""
    model, optimizer, generator = parts
    shape, ahead = (len(run.images), model.latent_dim), []
    if draw in ("once", "ahead"):
        number = 1 if draw == "once" else run.steps
        ahead = [*torch.randn(number, *shape, generator=generator)]

    def terms() -> _Two:
        mu, log_var = model.encode(run.images)
        z = mu + ((1.0 if draw == "variance" else 0.5) * log_var).exp() * eps
        z = z.detach() if draw == "detached" else mu if draw == "none" else z
        logits = model.decode_mean(z) if draw == "squashed" else model.decode(z)
        each = F.binary_cross_entropy_with_logits(logits, run.images, reduction="none")
        return each.sum(1), kl_standard_normal(mu, log_var)

    for place, beta in enumerate(run.weights()):
        if draw == "one for all":
            eps = torch.randn(shape[1], generator=generator)
        elif draw == "uniform":
            eps = torch.rand(shape, generator=generator)
        elif ahead:
            eps = ahead[place % len(ahead)]
        else:
            eps = torch.randn(shape, generator=generator)
        if zero:
            optimizer.zero_grad()
        found = terms()
        loss = trained(*found, beta).mean()
        if step:
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            value = (reported or trained)(*(terms() if after else found), beta).mean()
        yield value


def _draw_runs() -> list[_Run]:
    """Return two runs: one that goes on after its warm-up, and one that ends within it."""
    g = drawn()
    runs = []
    for longer in (True, False):
        images = torch.rand(size(g, 6, 9), size(g, 10, 15), generator=g)
        warm_up = size(g, 5, 6) if longer else size(g, 8, 10)
        steps = warm_up + size(g, 3, 4) if longer else size(g, 4, 5)
        runs.append(_Run(images, steps, warm_up, size(g, 0, 2**30)))
    return runs


@exercise("10.7", results=2)
def _warm_up(train_with_warm_up: Callable[..., _Two]) -> str | None:
    """Want a function that trains, and returns the weights of the KL and the losses."""
    runs = _draw_runs()
    got = []
    for run in runs:
        result, parameters = run.of(train_with_warm_up)
        if not isinstance(result, tuple):
            return "return two things, the weights of the KL and the losses"
        shapes = [tuple(each.shape) for each in result]
        if shapes != 2 * [(run.steps,)]:
            return (
                f"both have one number for each step, here {(run.steps,)}; your shapes are "
                f"{shapes[0]} and {shapes[1]}"
            )
        got.append((*result, parameters))
    weights, losses, parameters = (torch.cat(each).detach() for each in zip(*got, strict=True))
    wanted = torch.cat([run.weights() for run in runs])
    if hint := compare(weights, wanted, _wrong_weights(runs), number="one of your weights"):
        return hint
    wanted, trained = (torch.cat(each) for each in zip(*map(_train, runs), strict=True))
    if not close(losses, wanted):
        return (
            _wrong_loss(losses, runs[0])
            or _wrong_noise(train_with_warm_up, runs[0])
            or furthest(losses, wanted, "one of your losses")
        )
    if not close(parameters, trained):
        return (
            "weights and losses are right, but not the model that is left: was a copy trained, or "
            "is the last step missing"
        )
    return None


def _wrong_weights(runs: list[_Run]) -> dict[str, torch.Tensor]:
    def of(weight: Callable[[torch.Tensor, _Run], torch.Tensor]) -> torch.Tensor:
        return torch.cat([weight(torch.arange(float(run.steps)), run) for run in runs])

    return {
        "the steps are counted from 0: your weights are those of the next step": (
            of(lambda t, run: ((t + 1) / run.warm_up).clamp(max=1))
        ),
        "your weight gets to 1 a step too early": (
            of(lambda t, run: (t / (run.warm_up - 1)).clamp(max=1))
        ),
        "your weight gets to 1 a step too late": (
            of(lambda t, run: (t / (run.warm_up + 1)).clamp(max=1))
        ),
        "after the warm-up the weight stays at 1; yours goes on": (
            of(lambda t, run: t / run.warm_up)
        ),
        "the warm-up has its own number of steps; yours takes the whole training": (
            of(lambda t, run: t / run.steps)
        ),
        "the warm-up has its own number of steps; yours ends with the training": (
            of(lambda t, run: t / (run.steps - 1))
        ),
        "the weight rises by the same amount in each step, you have it jump": (
            of(lambda t, run: (t // run.warm_up).clamp(max=1))
        ),
        "the weight rises; yours falls": of(lambda t, run: (1 - t / run.warm_up).clamp(min=0)),
        "after the warm-up the weight stays at 1; yours begins again": (
            of(lambda t, run: t % run.warm_up / run.warm_up)
        ),
        "that is the full weight from the first step on: there is no warm-up": (
            of(lambda t, run: torch.ones_like(t))
        ),
        "the weight rises by the same amount in each step; yours by squares": (
            of(lambda t, run: (t / run.warm_up).clamp(max=1) ** 2)
        ),
        "you have returned the losses first; the weights are wanted first": (
            torch.cat([_train(run)[0] for run in runs])
        ),
    }


def _wrong_noise(train: Callable[..., _Two], run: _Run) -> str | None:
    """Say whether the noise comes from elsewhere than the generator that is given."""
    one, again, other = (run.of(train, noise)[0][1].detach() for noise in (0, 0, 1))
    if close(one, torch.stack(list(_losses(run, run.parts(), draw="ahead")))):
        return "your noise is drawn for all steps at once: draw that of a step in the step"
    if not torch.allclose(again, one, equal_nan=True):
        return "two runs with the same generator are not alike: take the noise from `generator`"
    if torch.allclose(other, one, equal_nan=True):
        return "another generator changes nothing: take the noise from `generator`, as it comes"
    return None


def _wrong_loss(losses: torch.Tensor, run: _Run) -> str | None:
    """Return the hint of the known mistake that the losses of a run's first steps are."""
    first = replace(run, steps=3)
    B, D = run.images.shape

    def full(d: torch.Tensor, r: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
        return d + r

    def summed(d: torch.Tensor, r: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
        return B * _price(d, r, beta)

    known: dict[str, dict[str, Any]] = {
        "the gradients add up from step to step: set them to zero before each": {"zero": False},
        "the same noise is used in every step: draw it anew": {"draw": "once"},
        "all images have the same noise: each needs its own": {"draw": "one for all"},
        "noise is drawn from N(0, 1)": {"draw": "uniform"},
        "log_var is log σ²; you have used its exponential as σ": {"draw": "variance"},
        "the mean is decoded: draw a code": {"draw": "none"},
        "decode gives logits already; yours go through a sigmoid twice": {"draw": "squashed"},
        "no gradient comes back to the encoder through the code": {"draw": "detached"},
        "the weight belongs to the rate, not to the distortion": {
            "trained": lambda d, r, beta: beta * d + r
        },
        "the rate alone is weighted; you have weighted the distortion, too": {
            "trained": lambda d, r, beta: beta * (d + r)
        },
        "the distortion keeps its full weight while that of the rate rises": {
            "trained": lambda d, r, beta: (1 - beta) * d + beta * r
        },
        "the weight is in your loss twice": {"trained": lambda d, r, beta: d + beta**2 * r},
        "the weight changes nothing: the rate has the full price from the first step on": {
            "trained": full
        },
        "the model is trained with the weight; the loss is wanted with it, too": {"reported": full},
        "the losses have the weight, but the model is trained without it": {
            "trained": full,
            "reported": _price,
        },
        "the rate is in your loss, but no gradient comes from it: is it detached": {
            "trained": lambda d, r, beta: d,
            "reported": _price,
        },
        "that is the distortion alone; the rate is missing": {"trained": lambda d, r, beta: d},
        "the model is trained rightly, but you have returned the distortion alone": {
            "reported": lambda d, r, beta: d
        },
        "the KL of a Gaussian has a ½ in front": {"trained": lambda d, r, beta: d + 2 * beta * r},
        "the rate is the sum over the latent dimensions, no mean": {
            "trained": lambda d, r, beta: d + beta * r / LATENT
        },
        "the rate is a price: it is added": {"trained": lambda d, r, beta: d - beta * r},
        "the model gets worse on purpose: look at the sign of what you minimise": {
            "trained": lambda d, r, beta: -_price(d, r, beta),
            "reported": _price,
        },
        "the sign is turned: a loss is what falls": {
            "reported": lambda d, r, beta: -_price(d, r, beta)
        },
        "the model does not change: is there a step in each round": {"step": False},
        "the loss is wanted before the step is made; yours is from after it": {"after": True},
        "the mean over the images is wanted, you have summed": {"trained": summed},
        "the model is trained with the mean over the images, and you have returned their sum": {
            "reported": summed
        },
        "the mean over the images is wanted; you minimise their sum": {
            "trained": summed,
            "reported": _price,
        },
        "an image costs the sum over its pixels, no mean": {
            "trained": lambda d, r, beta: d / D + beta * r
        },
    }
    for hint, changes in known.items():
        wrong = _losses(
            first, first.parts(), **changes
        )  # no further than to the first that differs
        if all(close(mine, other) for mine, other in zip(losses, wrong, strict=False)):
            return hint
    return None


@exercise("10.8")
def _active_units(active_units: Callable[[torch.Tensor], torch.Tensor]) -> str | None:
    """Want a function of mu that says of each coordinate whether it is active, (L,)."""
    g = drawn()
    # Variance and mean of each kind of coordinate. None is so near to the limit that it matters
    # whether one divides by N or by N - 1, and each mistake is wrong about one of them at least.
    kinds = torch.tensor(
        [
            [_uniform(g, 0.5, 0.8), 0.0],
            [_uniform(g, 0.03, 0.05), _uniform(g, -2, -1)],
            [_uniform(g, 0.013, 0.017), 0.0],  # half of it would not be enough
            [0.0085, 0.0],  # not in use, as all that follow; more than a hundredth of the first
            [_uniform(g, 0.003, 0.006), 0.0],
            [_uniform(g, 0.0005, 0.0008), 0.0],  # their sum would be
            [_uniform(g, 0.00015, 0.00024), _uniform(g, 1, 2)],  # its standard deviation would be
            [_uniform(g, 0.00006, 0.00008), 0.0],  # the largest would be
            [0.0, _uniform(g, 1, 2)],
            [0.0, 0.0],
        ]
    )
    kinds = torch.cat([kinds, kinds[torch.randint(len(kinds), (size(g, 1, 4),), generator=g)]])
    kinds = kinds[torch.randperm(len(kinds), generator=g)]
    L, N = len(kinds), size(g, 25, 40)
    noise = torch.randn(N, L, generator=g)
    noise = (noise - noise.mean(0)) / noise.std(0)
    mu = noise * kinds[:, 0].sqrt() + kinds[:, 1]
    got = active_units(mu)
    wanted = (kinds[:, 0] > 0.01).float()
    if got.shape == ():
        return "one answer for each coordinate is wanted, (L,), not how many there are"
    if got.shape == (N,):
        return "one answer for each coordinate is wanted; yours has one for each image"
    if got.shape == (int(wanted.sum()),):
        return "a True or a False for every coordinate is wanted, not the list of those in use"
    if got.shape != (L,):
        return f"one answer for each coordinate is wanted, here {(L,)}; yours is {tuple(got.shape)}"
    spread, squares = mu.var(0), mu.square().mean(0)
    if close(got, spread, rtol=0.1) or close(got, spread.sqrt(), rtol=0.1):
        return "that is how much each mean moves; say of each whether it is enough"
    if ((got != 0) & (got != 1)).any():
        return "a True or a False is wanted for each coordinate"
    known = {
        "True is for a coordinate in use; yours is the other way round": 1 - wanted,
        "a mean that is far from 0 and never moves says nothing: take the variance, not the mean "
        "square": squares > 0.01,
        "the mean over the images is not what counts, but how much it moves": (
            mu.mean(0).abs() > 0.01
        ),
        "the mean over the images is not what counts, but how much it moves with them": (
            mu.mean(0) > 0.01
        ),
        "the size of the mean is not what counts, but how much it moves": mu.abs().mean(0) > 0.01,
        "that is the mean's part of the KL; the rule is about the variance": 0.5 * squares > 0.01,
        "the rule is about the variance, without a half": 0.5 * spread > 0.01,
        "the variance is a mean over the images, you have summed": spread * (N - 1) > 0.01,
        "the largest distance is not what counts, but the variance": (
            (mu - mu.mean(0)).abs().amax(0) > 0.01
        ),
        "the limit is 0.01 itself, not a hundredth of the largest variance": (
            spread > 0.01 * spread.max()
        ),
        "your limit is too high": spread > 0.1,
        "your limit is too low": spread > 0.001,
        "the limit is one for the variance; you compare the standard deviation": spread**0.5 > 0.01,
        "a coordinate counts as in use only above the limit; yours are all in use": (torch.ones(L)),
        "a coordinate whose mean moves enough is in use; yours are all off": torch.zeros(L),
    }
    return compare(got, wanted, {hint: wrong.float() for hint, wrong in known.items()})


@exercise("10.9", results=2)
def _with_label(conditional_inputs: Callable[..., _Two]) -> str | None:
    """Want a function of (images, z, labels, classes): what the encoder sees, and the decoder."""
    g = drawn()
    B, C, L, D = size(g, 7, 9), size(g, 5, 6), size(g, 2, 3), size(g, 11, 14)
    images, z = torch.rand(B, D, generator=g), torch.randn(B, L, generator=g)
    labels = torch.randint(C - 1, (B,), generator=g)  # so the last class is not in the batch
    labels[:5], labels[-1] = torch.tensor([2, 0, 3, 1, C - 2]), 0
    got = conditional_inputs(images, z, labels, C)
    if not isinstance(got, tuple):
        return "return two things, what the encoder sees and what the decoder sees"
    names, inputs = ("encoder", "decoder"), (images, z)
    shapes = [(B, D + C), (B, L + C)]
    if [each.shape for each in got] == shapes[::-1]:
        return "you have returned the decoder's input first; the encoder's is wanted first"
    for name, result, own, shape in zip(names, got, inputs, shapes, strict=True):
        width = own.shape[1]
        if result.shape == (B, width + 1):
            return (
                f"the {name} gets the label as a number: then class 2 lies between 1 and 3, which "
                "means nothing; give each class a column of its own"
            )
        if result.shape == (B, width + C - 1):
            return "there are C classes, also where the last one is not in the batch"
        if result.shape == (B, width):
            return f"the {name} does not see the label: its input has no more columns than before"
        if result.shape == (B, C):
            return f"the {name}'s input is the label alone; what it saw before stays"
        if result.shape != shape:
            return f"the {name}'s input has the shape {shape} here; yours is {tuple(result.shape)}"
    for name, result, own in zip(names, got, inputs, strict=True):
        wanted, known = _labelled(own, labels, C)
        if hint := compare(result, wanted, known):
            return f"as to what the {name} sees: {hint}"
    return compare_gradients(
        lambda z: conditional_inputs(images, z, labels, C)[1].square(),
        lambda z: _labelled(z, labels, C)[0].square(),
        [z],
        [0],
    )


def _labelled(
    own: torch.Tensor, labels: torch.Tensor, C: int
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return what a network sees, and what it would with a mistake."""
    hot = F.one_hot(labels, C).float()  # (B, C)
    wanted = torch.cat([own, hot], 1)

    def beside(label: torch.Tensor) -> torch.Tensor:
        return torch.cat([own, label], 1)

    return wanted, {
        "the label comes after it, you have put it first": torch.cat([hot, own], 1),
        "the classes are counted from 0: your ones stand a column too far": beside(hot.roll(1, 1)),
        "the classes are counted from 0: your ones stand a column too early": (
            beside(hot.roll(-1, 1))
        ),
        "the columns of the classes stand in the reverse order": beside(hot.flip(1)),
        "a 1 marks the label, and the others are 0; yours is the other way round": beside(1 - hot),
        "a 1 marks the label: yours has the label's number there": beside(hot * labels[:, None]),
        "each column holds the label's number: a one at its class, and zeros": (
            beside(labels[:, None].float().expand(-1, C))
        ),
        "one column is marked, that of the label, and none before it": (
            beside(hot.flip(1).cumsum(1).flip(1))
        ),
        "the labels have come apart from their images: a row's label stays with it": (
            beside(hot.roll(1, 0))
        ),
        "the labels have come apart from their images: a label stays in its row": (
            beside(hot.flip(0))
        ),
        "its numbers are cut to integers: make the label a float, not the other way round": (
            wanted.long().float()
        ),
        "the place of the label is left empty": beside(torch.zeros_like(hot)),
    }
