"""Levels, classes and counts: values that can be told one by one."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from ..checks import NO_FLOAT64, check_count, check_whole
from ..noise import as_generator, uniform
from .base import LEAST, Likelihood

MAX_LOG_SCALE = 20.0  # of a logistic: far beyond any that data in [0, 1] could have
# The log of r stays within this: above, counts have become Poisson counts long before; below, all
# but a few in 1e9 are zero, and r would vanish.
MAX_LOG_R = 20.0


class DiscretizedLogistic(Likelihood):
    """A logistic density cut into levels: x in {0, 1/(n-1), ..., 1}.

    The lowest and the highest level take the tails. Params are location and log of the scale of
    the density, (..., B, D, 2), both in the units of x. Salimans et al. 2017 (arXiv:1701.05517) mix
    several of them.

    Parameters
    ----------
    levels : int
        n; 256 for 8-bit images.
    """

    width = 2

    def __init__(self, levels: int = 256) -> None:
        super().__init__()
        self.config = {"levels": check_count(levels, "levels", minimum=2)}
        self.step: float = 1 / (self.config["levels"] - 1)

    def check(self, x: Tensor, name: str = "x", remedy: str = "") -> Tensor:
        x, most = super().check(x, name), self.config["levels"] - 1
        check_whole(x * most, f"{name} * {most}", most, slack=1e-3)  # eight bits, divided by 255
        return x

    def _parts(self, params: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-scale, the latter where exp neither overflows nor vanishes."""
        mean, log_scale = params.unbind(-1)
        return mean, log_scale.clamp(-MAX_LOG_SCALE, MAX_LOG_SCALE)

    def log_prob_each(self, x: Tensor, params: Tensor) -> Tensor:
        mean, log_scale = self._parts(params)
        above = (x - mean + self.step / 2) * (-log_scale).exp()
        below = (x - mean - self.step / 2) * (-log_scale).exp()
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), where nothing cancels.
        inside = (-torch.expm1(-self.step * (-log_scale).exp())).log()
        inside = F.logsigmoid(above) + F.logsigmoid(-below) + inside
        inside = torch.where(x < self.step / 2, F.logsigmoid(above), inside)
        return torch.where(x > 1 - self.step / 2, F.logsigmoid(-below), inside)

    def mean(self, params: Tensor) -> Tensor:
        mean, log_scale = self._parts(params)
        total = torch.zeros_like(mean)
        for level in range(self.config["levels"] - 1):  # E[x] is a sum of P(x > edge)
            edge = (level + 0.5) * self.step
            total = total + ((mean - edge) * (-log_scale).exp()).sigmoid()
        return total * self.step

    def sample(self, params: Tensor, generator: Generator | None = None) -> Tensor:
        mean, log_scale = self._parts(params)
        noise = uniform(tuple(mean.shape), mean, generator).logit(eps=1e-7)
        x = mean + log_scale.exp() * noise
        return ((x / self.step).round() * self.step).clamp(0, 1)

    def start(self, x: Tensor) -> Tensor | None:
        mean, spread = x.mean(0), x.std(0, correction=0).clamp(min=self.step)
        return torch.stack([mean, (spread * math.sqrt(3) / math.pi).log()], -1)


class Categorical(Likelihood):
    """One of C classes for every value: x in {0, ..., C-1}; params are logits (..., B, D, C).

    Parameters
    ----------
    classes : int
        C. The encoder sees D numbers for each class, class by class: 1 where a value is of it.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.width = check_count(classes, "classes", minimum=2)
        self.config = {"classes": self.width}

    def check(self, x: Tensor, name: str = "x", remedy: str = "") -> Tensor:
        return check_whole(super().check(x, name), name, self.width - 1)

    def log_prob_each(self, x: Tensor, params: Tensor) -> Tensor:
        classes = x.long().expand(params.shape[:-1])
        return params.log_softmax(-1).gather(-1, classes[..., None])[..., 0]

    def mean(self, params: Tensor) -> Tensor:
        """Return the mean class, which says something where classes have an order."""
        return params.softmax(-1) @ torch.arange(self.width).to(params)

    def sample(self, params: Tensor, generator: Generator | None = None) -> Tensor:
        noise = uniform(tuple(params.shape), params, generator)
        return (params - (-noise.log()).log()).argmax(-1).to(params)  # Gumbel's trick

    def classes(self, input_dim: int) -> list[int]:
        return [self.width] * input_dim

    def seen(self, input_dim: int) -> int:
        return input_dim * self.width

    def as_input(self, x: Tensor) -> Tensor:
        one_hot = (x[..., None] == torch.arange(self.width, device=x.device)).to(x)  # (B, D, C)
        return one_hot.movedim(-1, -2).flatten(-2)  # -> (B, C, D) -> (B, C * D)

    def start(self, x: Tensor) -> Tensor | None:
        return F.one_hot(x.long(), self.width).to(x).mean(0).clamp(min=LEAST).log()


class Binomial(Likelihood):
    """How many of n trials succeed: x in {0, ..., n}; params are logits.

    Parameters
    ----------
    trials : int
        n. The encoder sees x / n.
    """

    def __init__(self, trials: int) -> None:
        super().__init__()
        self.trials = check_count(trials, "trials")
        self.config = {"trials": self.trials}

    def check(self, x: Tensor, name: str = "x", remedy: str = "") -> Tensor:
        return check_whole(super().check(x, name), name, self.trials)

    def log_prob_each(self, x: Tensor, params: Tensor) -> Tensor:
        x, a = _all_digits(x, params)
        n = torch.full_like(x, self.trials)
        ways = torch.lgamma(n + 1) - torch.lgamma(x + 1) - torch.lgamma(n - x + 1)
        return (ways + x * a - n * F.softplus(a)).to(params.dtype)

    def mean(self, params: Tensor) -> Tensor:
        return self.trials * params.sigmoid()

    def sample(self, params: Tensor, generator: Generator | None = None) -> Tensor:
        generator = as_generator(generator)
        share = params.sigmoid().to(generator.device)
        trials = torch.full_like(share, self.trials)
        return torch.binomial(trials, share, generator=generator).to(params)

    def as_input(self, x: Tensor) -> Tensor:
        return x / self.trials

    def start(self, x: Tensor) -> Tensor | None:
        return (x.mean(0) / self.trials).clamp(LEAST, 1 - LEAST).logit()


class Poisson(Likelihood):
    """Counts whose variance is their mean: x in {0, 1, ...}; params are logs of the mean.

    The encoder sees log(1 + x).
    """

    def check(self, x: Tensor, name: str = "x", remedy: str = "") -> Tensor:
        return check_whole(super().check(x, name), name)

    def log_prob_each(self, x: Tensor, params: Tensor) -> Tensor:
        x, log_mean = _all_digits(x, params)
        return (x * log_mean - log_mean.exp() - torch.lgamma(x + 1)).to(params.dtype)

    def mean(self, params: Tensor) -> Tensor:
        return params.exp()

    def sample(self, params: Tensor, generator: Generator | None = None) -> Tensor:
        generator = as_generator(generator)
        return _poisson(params.exp().to(generator.device), generator).to(params)

    def as_input(self, x: Tensor) -> Tensor:
        return x.log1p()

    def start(self, x: Tensor) -> Tensor | None:
        return x.mean(0).clamp(min=LEAST).log()


class NegativeBinomial(Likelihood):
    """Counts of mean m and variance m + m^2 / r; params are log m and log r, (..., B, D, 2).

    r acts from exp(-20) to exp(20), and no further. The encoder sees log(1 + x).
    """

    width = 2

    def check(self, x: Tensor, name: str = "x", remedy: str = "") -> Tensor:
        return check_whole(super().check(x, name), name)

    def log_prob_each(self, x: Tensor, params: Tensor) -> Tensor:
        x, both = _all_digits(x, params)
        log_mean, log_r = both[..., 0], both[..., 1].clamp(-MAX_LOG_R, MAX_LOG_R)
        r, share = log_r.exp(), F.softplus(log_mean - log_r)  # log(1 + m / r)
        ways = torch.lgamma(x + r) - torch.lgamma(r) - torch.lgamma(x + 1)
        return (ways - (r + x) * share + x * (log_mean - log_r)).to(params.dtype)

    def mean(self, params: Tensor) -> Tensor:
        return params[..., 0].exp()

    def sample(self, params: Tensor, generator: Generator | None = None) -> Tensor:
        generator = as_generator(generator)
        mean, r = params[..., 0].exp(), params[..., 1].clamp(-MAX_LOG_R, MAX_LOG_R).exp()
        # A Poisson whose rate is drawn from the gamma of that mean and shape r.
        rates = torch._standard_gamma(r.to(generator.device), generator)
        rates = rates * (mean / r).to(generator.device)
        return _poisson(rates, generator).to(params)

    def as_input(self, x: Tensor) -> Tensor:
        return x.log1p()

    def start(self, x: Tensor) -> Tensor | None:
        mean = x.mean(0).clamp(min=LEAST)
        excess = torch.maximum(x.var(0, correction=0) - mean, LEAST * mean)
        return torch.stack([mean.log(), (mean.square() / excess).log()], -1)


def _all_digits(*numbers: Tensor) -> list[Tensor]:
    """Return numbers in float64, where a device has it: logs of large factorials cancel."""
    return [n if n.device.type in NO_FLOAT64 else n.double() for n in numbers]


def _poisson(rates: Tensor, generator: Generator) -> Tensor:
    """Draw counts; of more than 1e9, whose spread is below 1 in 30,000, the mean itself."""
    most = 1e9  # PyTorch counts in integers, which overflow
    return torch.where(rates > most, rates.round(), torch.poisson(rates.clamp(max=most), generator))
