"""Columns of several kinds, and data with gaps."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence

import torch
from torch import Generator, Tensor, nn

from ..checks import brief, check_batch, check_count
from ..noise import as_generator
from .base import Likelihood, check_columns


class Mixed(Likelihood):
    """One likelihood for each group of columns; params are flat, group after group.

    Inside, each family has `params` of its own shape. The nats are those of a density if those of
    one group are. A mean of classes is the mean of their numbers: look at draws instead,
    `VAE.generate(n, sample=True)`.

    Parameters
    ----------
    groups : sequence of pairs (Likelihood, sequence of int)
        Each a family, and the columns that are its own. Each column has one group.
    """

    def __init__(self, groups: Sequence[tuple[Likelihood, Sequence[int]]]) -> None:
        super().__init__()
        groups = [_check_group(group) for group in groups]
        flat = [column for _, columns in groups for column in columns]
        empty = not flat or not all(columns for _, columns in groups)
        if empty or sorted(flat) != list(range(len(flat))):
            raise ValueError(
                f"each of the columns 0, 1, … needs one group, got the columns {sorted(flat)}"
            )
        self.config = {"groups": groups}
        parts, self.columns = zip(*groups, strict=True)
        # A ModuleList does not say what modules it holds.
        self.parts: Collection[Likelihood] = nn.ModuleList(parts)  # type: ignore[assignment]
        self.order = sorted(range(len(flat)), key=flat.__getitem__)
        # The same as tensors, which go where the model goes.
        for number, columns in enumerate((*self.columns, self.order)):
            self.register_buffer(f"index_{number}", torch.tensor(columns), persistent=False)
        self.density = any(part.density for part in parts)
        self.takes_gaps = any(part.takes_gaps for part in parts)

    def _columns(self, x: Tensor) -> Iterator[tuple[Likelihood, Tensor]]:
        """Yield each family with its columns of x."""
        for number, part in enumerate(self.parts):
            yield part, x.index_select(-1, self.get_buffer(f"index_{number}"))

    def _params(self, params: Tensor) -> Iterator[tuple[Likelihood, Tensor]]:
        """Yield each family with its params."""
        sizes = [part.owed(len(c)) for part, c in zip(self.parts, self.columns, strict=True)]
        for part, numbers in zip(self.parts, torch.split(params, sizes, -1), strict=True):
            yield part, part.arrange(numbers)

    def _in_order(self, values: Iterable[Tensor]) -> Tensor:
        whole = torch.cat(list(values), -1)
        return whole.index_select(-1, self.get_buffer(f"index_{len(self.parts)}"))

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
        check_columns(self, len(self.order), input_dim)
        return sum(part.owed(len(v)) for part, v in zip(self.parts, self.columns, strict=True))

    def classes(self, input_dim: int) -> list[int]:
        pairs = zip(self.parts, self.columns, strict=True)
        flat = [number for part, columns in pairs for number in part.classes(len(columns))]
        return [flat[place] for place in self.order]

    def arrange(self, numbers: Tensor) -> Tensor:
        return numbers

    def seen(self, input_dim: int) -> int:
        check_columns(self, len(self.order), input_dim)
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
        costs = (part.cost_of_ignorance(values) for part, values in self._columns(x))
        return sum(costs, x.new_zeros(()))


class Observed(Likelihood):
    """Another likelihood for data with gaps: NaN costs nothing, and the encoder sees a mask.

    It is right where a gap says nothing of what is missing ("missing at random"; MIWAE, Mattei &
    Frellsen 2019, arXiv:1812.02633). At a gap, the base sees a 0, which it must take, and what it
    says of it is dropped. Draws and means have no gaps.

    Parameters
    ----------
    base : Likelihood
        Of what is there: of the whole table, such as `Mixed`, or of a group in it.
    """

    takes_gaps = True

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

    def classes(self, input_dim: int) -> list[int]:
        return self.base.classes(input_dim)

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
        """Return what the data would cost if there were no gaps."""
        return self.base.cost_of_ignorance(self._filled(x))


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
