"""Likelihoods p(x|z): what kind of data a decoder describes, and at what price.

A likelihood of your own is a subclass of `Likelihood` with `log_prob_each`, `mean` and `sample`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from .checks import (
    NO_FLOAT64,
    brief,
    check_batch,
    check_broadcast,
    check_count,
    check_finite,
    check_images,
    check_number,
    check_pixels,
    check_shape,
    check_whole,
    show_settings,
)
from .deprecated import OldLikelihood
from .distributions import LOG_2PI, normal_log_prob, reparameterize
from .functional import cross_entropy
from .noise import as_generator, uniform

LIKELIHOODS = ("bernoulli", "gaussian")  # those that have a short name
MIN_LOG_VAR_X = -10.0  # a learned variance stops here: a perfect fit would send it to -infinity
MAX_LOG_R = 20.0  # counts of a learned r stop here: they have become Poisson counts long before
LEAST = 1e-3  # of a mean or a share that the output layer begins at


class Likelihood(OldLikelihood, nn.Module):
    """What every likelihood does; `log_prob_each`, `mean` and `sample` are each family's own.

    `params` are what the decoder says of D values: one number for each, (..., B, D), or `width`
    numbers, (..., B, D, width).

    Attributes
    ----------
    width : int
        Numbers that the decoder owes for each value. A class says it, or `__init__` does.
    density : bool
        Whether log p is that of a density, as for real values, or of a probability. The nats of
        the two are not comparable: those of a density change with the unit of x.
    takes_coins : bool
        Whether a draw of 0 or 1 with probability x may stand in for x, as for grey images.
    config : dict
        What a class of this package is called with, so that a file can make it again.
    """

    width = 1
    density = False
    takes_coins = False

    def __init__(self) -> None:
        super().__init__()
        self.config: dict = {}

    def check(self, x: Tensor, name: str = "x", remedy: str = "") -> Tensor:
        """Return data (B, D) as this likelihood takes them; raise a ValueError for others.

        A message calls them `name`, and a `remedy` is a sentence of advice for it.
        """
        check_batch(x, name=name)
        return check_finite(x, name=name, remedy="; for gaps, use vaetut.Observed(…)")

    def log_prob_each(self, x: Tensor, params: Tensor) -> Tensor:
        """Return log p of every value, (..., B, D), in nats."""
        raise NotImplementedError(f"{type(self).__name__} has no log_prob_each")

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """Return log p(x|z) of every example, (..., B), in nats: a sum over its values."""
        return self.log_prob_each(x, params).sum(-1)

    def mean(self, params: Tensor) -> Tensor:
        """Return the mean of every value, (..., B, D)."""
        raise NotImplementedError(f"{type(self).__name__} has no mean")

    def sample(self, params: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw every value, (..., B, D)."""
        raise NotImplementedError(f"{type(self).__name__} has no sample")

    def owed(self, input_dim: int) -> int:
        """Return how many numbers the decoder owes for D values: D * width."""
        return input_dim * self.width

    def arrange(self, numbers: Tensor) -> Tensor:
        """Return a decoder's numbers, (..., D * width), as `params`."""
        if self.width == 1:
            return numbers
        return numbers.unflatten(-1, (-1, self.width))  # (..., D * width) -> (..., D, width)

    def as_input(self, x: Tensor) -> Tensor:
        """Return what the encoder sees of data (B, D): as many numbers as `seen` says."""
        return x

    def seen(self, input_dim: int) -> int:
        """Return how many numbers the encoder sees of D values."""
        return input_dim

    def start(self, x: Tensor) -> Tensor | None:
        """Return the params (D,) or (D, width) that fit data (B, D) best without a code.

        With `center_output`, training begins at them; None leaves the output layer as it is.
        """
        return None

    def cost_of_ignorance(self, x: Tensor) -> Tensor:
        """Return the mean cost, in nats per example, of an answer that knows nothing of z.

        It is that of `start`, and infinite where there is none: then no cost of a training is so
        high that it brings a warning.
        """
        start = self.start(x)
        if start is None:
            return x.new_tensor(math.inf)
        shape = self.arrange(x.new_zeros(self.owed(x.shape[1]))).shape
        check_shape(start, shape, name="what start returns")
        return -self.log_prob(x, start.expand(len(x), *start.shape)).mean()

    def extra_repr(self) -> str:
        """Return the settings, for `repr`."""
        return show_settings(self.config)

    def kind(self, x: Tensor) -> str:
        """Say in a word what kind of data `x` is."""
        return "real" if self.density else "discrete"


class Bernoulli(Likelihood):
    """One coin for every value: x in [0, 1], params are logits.

    log p = sum_d x_d a_d - log(1 + exp(a_d)), from logits a, so that nothing takes the log of a
    number near 0 (AEVB, eq. 11). For grey x it is the cross-entropy, not the log of a density
    (Loaiza-Ganem & Cunningham 2019).
    """

    takes_coins = True

    def check(self, x: Tensor, name: str = "x", remedy: str = "") -> Tensor:
        return check_images(x, name=name, remedy=remedy or "Scale the images")

    def log_prob_each(self, x: Tensor, params: Tensor) -> Tensor:
        return x * params - F.softplus(params)

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        return bernoulli_log_likelihood(x, params)  # the same, several times faster

    def mean(self, params: Tensor) -> Tensor:
        return params.sigmoid()

    def sample(self, params: Tensor, generator: Generator | None = None) -> Tensor:
        return (uniform(tuple(params.shape), params, generator) < params.sigmoid()).to(params)

    def start(self, x: Tensor) -> Tensor | None:
        return x.mean(0).clamp(LEAST, 1 - LEAST).logit()

    def cost_of_ignorance(self, x: Tensor) -> Tensor:
        """Return D log 2, that of logits of 0."""
        return x.new_tensor(x.shape[1] * math.log(2))

    def kind(self, x: Tensor) -> str:
        return "binary" if bool(((x == 0) | (x == 1)).all()) else "grey"


class Gaussian(Likelihood):
    """N(mean, variance) for every value.

    Parameters
    ----------
    variance : float, "learned", "columns" or "decoder"
        One number for all; one that is learned; one for each column, learned; or one for every
        value, from the decoder. None that is learned acts below exp(`MIN_LOG_VAR_X`).
    input_dim : int, optional
        How many columns it has, for "columns": D, or those of its group in `Mixed`.
    """

    density = True

    def __init__(self, variance: float | str = 1.0, input_dim: int | None = None) -> None:
        if not isinstance(variance, str):
            variance = check_number(variance, "variance")
        elif variance not in ("learned", "columns", "decoder"):
            raise ValueError(
                "variance must be a positive number, 'learned', 'columns' or 'decoder', "
                f"got {variance!r}"
            )
        super().__init__()
        if variance == "columns" and input_dim is None:
            raise ValueError("Gaussian('columns', input_dim=…) needs the number of its columns")
        if input_dim is not None:
            input_dim = check_count(input_dim, "input_dim")
        self.config = {"variance": variance, "input_dim": input_dim}
        if variance == "columns":
            self.log_var = nn.Parameter(torch.zeros(input_dim))
        elif variance == "learned":
            self.log_var = nn.Parameter(torch.zeros(()))
        elif variance == "decoder":
            self.width = 2
        else:
            self.log_var = torch.tensor(math.log(variance))  # no buffer: never uninitialised

    def _parts(self, params: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of every value."""
        mean, log_var = params.unbind(-1) if self.width == 2 else (params, self.log_var)
        learned = isinstance(self.config["variance"], str)
        return mean, log_var.clamp(min=MIN_LOG_VAR_X) if learned else log_var.to(params)

    def log_prob_each(self, x: Tensor, params: Tensor) -> Tensor:
        return normal_log_prob(x, *self._parts(params))

    def mean(self, params: Tensor) -> Tensor:
        return self._parts(params)[0]

    def sample(self, params: Tensor, generator: Generator | None = None) -> Tensor:
        mean, log_var = self._parts(params)
        return reparameterize(mean, log_var.expand_as(mean), generator=generator)

    def owed(self, input_dim: int) -> int:
        _check_columns(self, self.config["input_dim"], input_dim)
        return super().owed(input_dim)

    def cost_of_ignorance(self, x: Tensor) -> Tensor:
        """Return that of means from N(0, 1), which is about the most that a fresh decoder pays.

        The expected squared error is then x^2 + 1.
        """
        log_var = x.new_zeros(()) if self.width == 2 else self.log_var.to(x)
        error = x.square().mean(0) + 1  # (D,)
        return 0.5 * (error * (-log_var).exp() + log_var + LOG_2PI).sum()


class DiscretizedLogistic(Likelihood):
    """A logistic density cut into levels: x in {0, 1/(n-1), ..., 1} (Salimans et al. 2017).

    The lowest and the highest level take the tails. Params are mean and log-scale of every value,
    (..., B, D, 2), both in the units of x.

    Parameters
    ----------
    levels : int
        n; 256 for 8-bit images.
    """

    width = 2

    def __init__(self, levels: int = 256) -> None:
        super().__init__()
        self.config = {"levels": check_count(levels, "levels", minimum=2)}
        self.step = 1 / (self.config["levels"] - 1)

    def check(self, x: Tensor, name: str = "x", remedy: str = "") -> Tensor:
        x, most = super().check(x, name), self.config["levels"] - 1
        check_whole(x * most, f"{name} * {most}", most, slack=1e-3)  # eight bits, divided by 255
        return x

    def log_prob_each(self, x: Tensor, params: Tensor) -> Tensor:
        mean, log_scale = params.unbind(-1)
        above = (x - mean + self.step / 2) * (-log_scale).exp()
        below = (x - mean - self.step / 2) * (-log_scale).exp()
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), where nothing cancels.
        inside = (-torch.expm1(-self.step * (-log_scale).exp())).log()
        inside = F.logsigmoid(above) + F.logsigmoid(-below) + inside
        inside = torch.where(x < self.step / 2, F.logsigmoid(above), inside)
        return torch.where(x > 1 - self.step / 2, F.logsigmoid(-below), inside)

    def mean(self, params: Tensor) -> Tensor:
        mean, log_scale = params.unbind(-1)
        total = torch.zeros_like(mean)
        for level in range(self.config["levels"] - 1):  # E[x] is a sum of P(x > edge)
            edge = (level + 0.5) * self.step
            total = total + ((mean - edge) * (-log_scale).exp()).sigmoid()
        return total * self.step

    def sample(self, params: Tensor, generator: Generator | None = None) -> Tensor:
        mean, log_scale = params.unbind(-1)
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

    def seen(self, input_dim: int) -> int:
        return input_dim * self.width

    def as_input(self, x: Tensor) -> Tensor:
        one_hot = F.one_hot(x.long(), self.width).to(x)  # (B, D, C)
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

    No r acts above exp(`MAX_LOG_R`). The encoder sees log(1 + x).
    """

    width = 2

    def check(self, x: Tensor, name: str = "x", remedy: str = "") -> Tensor:
        return check_whole(super().check(x, name), name)

    def log_prob_each(self, x: Tensor, params: Tensor) -> Tensor:
        x, both = _all_digits(x, params)
        log_mean, log_r = both[..., 0], both[..., 1].clamp(max=MAX_LOG_R)
        r, share = log_r.exp(), F.softplus(log_mean - log_r)  # log(1 + m / r)
        ways = torch.lgamma(x + r) - torch.lgamma(r) - torch.lgamma(x + 1)
        return (ways - (r + x) * share + x * (log_mean - log_r)).to(params.dtype)

    def mean(self, params: Tensor) -> Tensor:
        return params[..., 0].exp()

    def sample(self, params: Tensor, generator: Generator | None = None) -> Tensor:
        generator = as_generator(generator)
        mean, r = params[..., 0].exp(), params[..., 1].clamp(max=MAX_LOG_R).exp()
        # A Poisson whose rate is drawn from the gamma of that mean and shape r.
        rates = torch._standard_gamma(r.to(generator.device), generator) * (mean / r)
        return _poisson(rates, generator).to(params)

    def as_input(self, x: Tensor) -> Tensor:
        return x.log1p()

    def start(self, x: Tensor) -> Tensor | None:
        mean = x.mean(0).clamp(min=LEAST)
        excess = torch.maximum(x.var(0, correction=0) - mean, LEAST * mean)
        return torch.stack([mean.log(), (mean.square() / excess).log()], -1)


class Mixed(Likelihood):
    """One likelihood for each group of columns; params are flat, group after group.

    Its nats are those of a density if those of one group are. A mean of classes is the mean of
    their numbers: look at draws instead, `VAE.generate(n, sample=True)`.

    Parameters
    ----------
    groups : sequence of pairs (Likelihood, sequence of int)
        Each a family, and the columns that are its own. Each column has one group.
    """

    def __init__(self, groups: Sequence[tuple[Likelihood, Sequence[int]]]) -> None:
        super().__init__()
        groups = [_check_group(group) for group in groups]
        flat = [column for _, columns in groups for column in columns]
        if (
            not all(columns for _, columns in groups)
            or not flat
            or sorted(flat) != list(range(len(flat)))
        ):
            raise ValueError(
                f"each of the columns 0, 1, … needs one group, got the columns {sorted(flat)}"
            )
        self.config = {"groups": groups}
        parts, self.columns = zip(*groups, strict=True)
        self.parts = nn.ModuleList(parts)
        self.order = sorted(range(len(flat)), key=flat.__getitem__)
        self.density = any(part.density for part in parts)

    def _columns(self, x: Tensor) -> Iterator[tuple[Likelihood, Tensor]]:
        """Yield each family with its columns of x."""
        for part, columns in zip(self.parts, self.columns, strict=True):
            yield part, x[..., columns]

    def _params(self, params: Tensor) -> Iterator[tuple[Likelihood, Tensor]]:
        """Yield each family with its params."""
        sizes = [part.owed(len(c)) for part, c in zip(self.parts, self.columns, strict=True)]
        for part, numbers in zip(self.parts, params.split(sizes, -1), strict=True):
            yield part, part.arrange(numbers)

    def _in_order(self, values: Iterable[Tensor]) -> Tensor:
        return torch.cat(list(values), -1)[..., self.order]

    def check(self, x: Tensor, name: str = "x", remedy: str = "") -> Tensor:
        check_batch(x, len(self.order), name=name)
        pairs = zip(self._columns(x), self.columns, strict=True)
        return self._in_order(
            part.check(values, f"{name}[:, {columns}]", remedy) for (part, values), columns in pairs
        )

    def log_prob_each(self, x: Tensor, params: Tensor) -> Tensor:
        pairs = zip(self._columns(x), self._params(params), strict=True)
        return self._in_order(part.log_prob_each(v, p) for (part, v), (_, p) in pairs)

    def mean(self, params: Tensor) -> Tensor:
        return self._in_order(part.mean(p) for part, p in self._params(params))

    def sample(self, params: Tensor, generator: Generator | None = None) -> Tensor:
        generator = as_generator(generator)
        return self._in_order(part.sample(p, generator) for part, p in self._params(params))

    def owed(self, input_dim: int) -> int:
        _check_columns(self, len(self.order), input_dim)
        return sum(part.owed(len(v)) for part, v in zip(self.parts, self.columns, strict=True))

    def arrange(self, numbers: Tensor) -> Tensor:
        return numbers

    def seen(self, input_dim: int) -> int:
        _check_columns(self, len(self.order), input_dim)
        pairs = zip(self.parts, self.columns, strict=True)
        return sum(part.seen(len(columns)) for part, columns in pairs)

    def as_input(self, x: Tensor) -> Tensor:
        return torch.cat([part.as_input(values) for part, values in self._columns(x)], -1)

    def start(self, x: Tensor) -> Tensor | None:
        """Return the families' params, flat; zeros where one has none."""
        starts = []
        for part, values in self._columns(x):
            start = part.start(values)
            zeros = x.new_zeros(part.owed(values.shape[1]))
            starts.append(zeros if start is None else start.flatten())
        return torch.cat(starts)

    def kind(self, x: Tensor) -> str:
        kinds = {part.kind(values) for part, values in self._columns(x)}
        order = ("grey", "real", "discrete", "binary")  # what holds for one holds for the sum
        return next((kind for kind in order if kind in kinds), super().kind(x))

    def cost_of_ignorance(self, x: Tensor) -> Tensor:
        return sum(part.cost_of_ignorance(values) for part, values in self._columns(x))


class Observed(Likelihood):
    """Another likelihood for data with gaps: NaN costs nothing, and the encoder sees a mask.

    It is right where a gap says nothing of what is missing ("missing at random"; MIWAE, Mattei &
    Frellsen 2019). Draws and means have no gaps.

    Parameters
    ----------
    base : Likelihood
        Of what is there: of the whole table, such as `Mixed`, or of a group in it.
    """

    def __init__(self, base: Likelihood) -> None:
        super().__init__()
        self.config = {"base": _check_part(base)}
        self.base, self.width, self.density = base, base.width, base.density

    def check(self, x: Tensor, name: str = "x", remedy: str = "") -> Tensor:
        check_batch(x, name=name)
        gaps = x.isnan()
        if gaps.all():
            raise ValueError(f"{name} holds nothing but gaps (NaN)")
        checked = self.base.check(self._filled(x), name, remedy)
        return checked.masked_fill(gaps, math.nan)

    @staticmethod
    def _filled(x: Tensor) -> Tensor:
        """Put values of the same column into its gaps, in turn; 0 where it has none."""
        filled, gaps = x.clone(), x.isnan()
        for d in gaps.any(0).nonzero().flatten().tolist():
            known = x[~gaps[:, d], d] if not gaps[:, d].all() else x.new_zeros(1)
            turns = torch.arange(int(gaps[:, d].sum()), device=x.device) % len(known)
            filled[gaps[:, d], d] = known[turns]
        return filled

    def log_prob_each(self, x: Tensor, params: Tensor) -> Tensor:
        gaps = x.isnan()
        return self.base.log_prob_each(x.masked_fill(gaps, 0), params).masked_fill(gaps, 0)

    def mean(self, params: Tensor) -> Tensor:
        return self.base.mean(params)

    def sample(self, params: Tensor, generator: Generator | None = None) -> Tensor:
        return self.base.sample(params, generator)

    def owed(self, input_dim: int) -> int:
        return self.base.owed(input_dim)

    def arrange(self, numbers: Tensor) -> Tensor:
        return self.base.arrange(numbers)

    def seen(self, input_dim: int) -> int:
        return self.base.seen(input_dim) + input_dim

    def as_input(self, x: Tensor) -> Tensor:
        gaps = x.isnan()
        return torch.cat([self.base.as_input(x.masked_fill(gaps, 0)), gaps.to(x)], -1)

    def start(self, x: Tensor) -> Tensor | None:
        return self.base.start(self._filled(x))

    def kind(self, x: Tensor) -> str:
        return self.base.kind(self._filled(x))

    def cost_of_ignorance(self, x: Tensor) -> Tensor:
        """Return what the data would cost if there were no gaps, which is more."""
        return self.base.cost_of_ignorance(self._filled(x))


def _all_digits(*numbers: Tensor) -> list[Tensor]:
    """Return numbers in float64, where a device has it: logs of large factorials cancel."""
    return [n if n.device.type in NO_FLOAT64 else n.double() for n in numbers]


def _poisson(rates: Tensor, generator: Generator) -> Tensor:
    """Draw counts; of more than 1e9, whose spread is below 1 in 30,000, the mean itself."""
    most = 1e9  # PyTorch counts in integers, which overflow
    return torch.where(rates > most, rates.round(), torch.poisson(rates.clamp(max=most), generator))


def _check_part(part: Likelihood) -> Likelihood:
    if not isinstance(part, Likelihood):
        raise TypeError(f"a part must be a Likelihood, e.g. vaetut.Poisson(), got {brief(part)}")
    return part


def _check_group(group: tuple[Likelihood, Sequence[int]]) -> tuple[Likelihood, list[int]]:
    try:
        part, columns = group
        columns = [check_count(column, "a column", minimum=0) for column in columns]
    except TypeError as error:
        raise TypeError(
            "groups must be pairs of a Likelihood and the numbers of its columns, such as "
            f"(vaetut.Poisson(), [0, 2]); got {brief(group)}"
        ) from error
    return _check_part(part), columns


def _check_columns(part: Likelihood, own: int | None, given: int) -> None:
    if own not in (None, given):
        kind = type(part).__name__
        raise ValueError(f"{kind} was made for {own} columns, and there are {given}")


def make_likelihood(likelihood: str | Likelihood, variance: float | str = 1.0) -> Likelihood:
    """Return the likelihood of that name, or the one that was given."""
    if isinstance(likelihood, Likelihood):
        if variance != 1.0:
            raise ValueError("variance belongs to likelihood='gaussian'; give it to Gaussian(…)")
        return likelihood
    if not isinstance(likelihood, str):
        call = "; call the class to make one" if isinstance(likelihood, type) else ""
        raise TypeError(f"likelihood must be a Likelihood, got {brief(likelihood)}{call}")
    if likelihood not in LIKELIHOODS:
        raise ValueError(
            f"likelihood must be one of 'bernoulli', 'gaussian'; got {brief(likelihood)}; others "
            "have no short name: pass one, e.g. vaetut.Poisson()"
        )
    gaussian = Gaussian(variance)  # which also checks a variance that no one needs
    return gaussian if likelihood == "gaussian" else Bernoulli()


def bernoulli_log_likelihood(x: Tensor, logits: Tensor) -> Tensor:
    """Return log p(x|z) for independent Bernoulli pixels, in nats.

    log p = sum_d x_d a_d - log(1 + exp(a_d)), from logits a, so that nothing takes the log of a
    number near 0 (AEVB, eq. 11); its gradient in a_d is x_d - sigmoid(a_d). For grey x it is the
    cross-entropy, not the log of a density (Loaiza-Ganem & Cunningham 2019).

    Parameters
    ----------
    x : Tensor, shape (B, D)
    logits : Tensor, shape (..., B, D)

    Returns
    -------
    Tensor, shape (..., B)

    Raises
    ------
    TypeError, ValueError
        If the two are not float tensors, or their shapes don't fit. Values are not looked at.
    """
    check_pixels(x, logits, name="logits")
    return -cross_entropy(x, logits)


def gaussian_log_likelihood(x: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """Return log N(x; mean, exp(log_var) I) in nats, summed over pixels.

    Parameters
    ----------
    x : Tensor, shape (B, D)
    mean : Tensor, shape (..., B, D)
    log_var : Tensor
        Log-variance, a scalar or broadcastable to `mean`.

    Returns
    -------
    Tensor, shape (..., B)

    Raises
    ------
    TypeError, ValueError
        If one is not a float tensor, or the shapes don't fit.
    """
    check_pixels(x, mean, name="mean")
    check_broadcast(log_var, mean, name="log_var")
    return normal_log_prob(x, mean, log_var).sum(-1)
