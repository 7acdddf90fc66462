"""The columns of a table: which likelihood describes each, and how it becomes numbers and back."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
import torch
from sklearn.utils import check_array

from .checks import brief
from .frames import Series, Type, change_frame, is_frame, read_frame, write_frame
from .likelihoods import (
    Bernoulli,
    Categorical,
    Gaussian,
    Likelihood,
    Mixed,
    NegativeBinomial,
    Observed,
    Poisson,
)
from .parts import describe_part, rebuild_part

NAMES = ("bernoulli", "categorical", "gaussian", "negative-binomial", "poisson")
MOST_CLASSES = 50  # different texts; more, and most of them once, are no classes
LARGEST_MEAN = 100  # of whole numbers that are taken for counts


@dataclass(frozen=True)
class Column:
    """One column: what it was, its likelihood, and how its values become numbers.

    A class becomes its place in `levels`; a real value v, where the likelihood is a density,
    (v - center) / scale.
    """

    name: Any
    kind: str
    type: Type
    likelihood: str | Likelihood
    levels: list[Any] | None = None
    center: float = 0.0
    scale: float = 1.0

    def encode(self, series: Series) -> np.ndarray:
        """Return the values as float64, a NaN for each gap."""
        gaps, numbers = series.gaps, np.full(len(series.values), np.nan)
        if self.levels is None:
            if series.kind == "class" and not gaps.all():
                raise ValueError(f"{self} held numbers in fit, and holds classes now")
            numbers[~gaps] = (series.known().astype(np.float64) - self.center) / self.scale
            return numbers
        places = {level: place for place, level in enumerate(self.levels)}
        known = series.known().tolist()
        unseen = [value for value in dict.fromkeys(known) if value not in places]
        if unseen and self.kind != "class" and isinstance(self.likelihood, Categorical):
            least, most = self.levels[0], self.levels[-1]
            raise ValueError(
                f"{self} holds {_list(unseen)}, and its likelihood, {self.likelihood}, takes the "
                f"whole numbers from {least} to {most}"
            )
        if unseen:
            raise ValueError(
                f"{self} holds {_list(unseen)}, which fit did not see; it saw "
                f"{_list(self.levels)}. Leave such values out (None is a gap), or fit again"
            )
        numbers[~gaps] = [places[value] for value in known]
        return numbers

    def decode(self, numbers: np.ndarray) -> np.ndarray:
        """Return values for numbers without gaps."""
        if np.isnan(numbers).any():
            raise ValueError(
                f"{self}: what the model says is no number; the rows or codes lie too far from "
                "all that it was fitted to"
            )
        if self.levels is None:
            values = numbers.astype(np.float64) * self.scale + self.center
        else:
            values = np.array(self.levels, dtype=object)[numbers.astype(int)]
        if self.kind == "class":
            return values
        values = values.astype(np.float64)
        if self.kind == "flag":
            return values > 0.5
        values = values.round() if self.kind == "whole" else values
        whole_objects = self.kind == "whole" and self.type.dtype.lower() == "object"
        return _integers(values) if whole_objects else values

    def __str__(self) -> str:
        return f"column {self.name!r}"


@dataclass
class Columns:
    """All columns of a table; `Columns.learn` makes them from its rows."""

    columns: list[Column]
    log_scale: torch.Tensor = field(init=False)  # (D,), zero but for densities

    def __post_init__(self) -> None:
        scales = [column.scale for column in self.columns]
        self.log_scale = torch.tensor(scales, dtype=torch.float64).log()

    @property
    def single(self) -> bool:
        """Whether float32 holds all real columns as they are."""
        real = {column.type.dtype.lower() for column in self.columns if column.kind == "real"}
        return real == {"float32"}

    @classmethod
    def learn(
        cls, table: list[Series], wishes: Mapping[Any, str | Likelihood] | None = None
    ) -> Self:
        """Choose a likelihood for each column, and learn its classes or its scale.

        Parameters
        ----------
        table : list of Series
            As `read_table` returned it.
        wishes : mapping, optional
            From names of columns, or numbers of an array's, to a name in `NAMES` or a `Likelihood`.

        Raises
        ------
        TypeError, ValueError
            If a wish is none or does not fit its column, or a column says nothing: it has no
            values, one value only, or text.
        """
        wishes = {name: copy.deepcopy(wish) for name, wish in (wishes or {}).items()}
        if len(table[0].values) < 2:
            raise ValueError("a table needs at least 2 rows to learn from, got 1 sample")
        strange = [name for name in wishes if name not in [series.name for series in table]]
        if strange:
            raise ValueError(
                f"likelihood names {_list(strange)}, and X has the columns "
                f"{_list([series.name for series in table])}"
            )
        _check_worth(table)
        return cls([_learn(series, wishes.get(series.name)) for series in table])

    def encode(self, table: list[Series]) -> torch.Tensor:
        """Return the rows of a table with the same columns as numbers, (n, D), gaps as NaN."""
        names, own = [s.name for s in table], [column.name for column in self.columns]
        if table[0].type.frame and self.columns[0].type.frame and names != own:
            raise ValueError(f"X must have the columns {_list(own)}, in this order, as in fit")
        numbers = [column.encode(s) for column, s in zip(self.columns, table, strict=True)]
        for column, values in zip(self.columns, numbers, strict=True):
            known = torch.from_numpy(values[~np.isnan(values)])[:, None]
            if len(known):  # for a message that names the column
                _make(column).check(known, str(column))
        return torch.from_numpy(np.column_stack(numbers))

    def decode(self, rows: torch.Tensor, like: object = None) -> Any:
        """Return a table, of the kind that was learned from, for rows (n, D) without gaps.

        `like`, if it is a frame, gives its library, and its index.
        """
        values = self._decode_each(rows)
        if not self.columns[0].type.frame:
            return np.column_stack(values).astype(np.float32 if self.single else np.float64)
        names, types = zip(*[(column.name, column.type) for column in self.columns], strict=True)
        return write_frame(list(names), list(types), values, like)

    def fill(self, rows: torch.Tensor, X: object) -> Any:
        """Return `X` with values from rows (n, D) in its gaps, and nothing else changed."""
        table, guesses = read_table(X), self._decode_each(rows)
        values = [_fill(series, guess) for series, guess in zip(table, guesses, strict=True)]
        if not is_frame(X):
            return np.column_stack(values).astype(table[0].type.dtype)
        names, types, changed = [], [], []
        for column, series, filled in zip(self.columns, table, values, strict=True):
            if series.gaps.any():
                own = _keeps_type(series, column, filled)
                names.append(series.name)
                types.append(series.type if own else column.type)
                changed.append(filled)
        return change_frame(X, names, types, changed)

    def _decode_each(self, rows: torch.Tensor) -> list[np.ndarray]:
        numbers = rows.cpu().double().numpy()
        return [column.decode(n) for column, n in zip(self.columns, numbers.T, strict=True)]

    def scale(self, spread: torch.Tensor) -> np.ndarray:
        """Return standard deviations (n, D) in the units of the columns."""
        return (spread.cpu() * self.log_scale.exp().to(spread.dtype)).numpy()

    def add_units(self, log_prob: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Return log-densities (n,) of rows (n, D) for real columns in their own units."""
        known = (~rows.isnan()).to(log_prob)
        return log_prob - known @ self.log_scale.to(log_prob)

    def make_likelihood(self) -> Observed:
        """Return what describes the rows that `encode` returns: one group for each family."""
        groups: dict[Any, list[int]] = {}
        for place, column in enumerate(self.columns):
            same = column.likelihood, column.levels and len(column.levels)
            groups.setdefault(same, []).append(place)
        return Observed(Mixed([(_make(self.columns[p[0]], len(p)), p) for p in groups.values()]))

    def describe(self) -> list[dict[str, Any]]:
        """Return what tells these columns from others, as JSON holds it."""
        return [
            vars(column)
            | {"type": asdict(column.type), "likelihood": describe_part(column.likelihood)}
            for column in self.columns
        ]

    @classmethod
    def rebuild(cls, description: list[dict[str, Any]]) -> Self:
        """Make the columns that `describe` described."""
        parts = [
            {"type": Type(**each["type"]), "likelihood": rebuild_part(each["likelihood"], "column")}
            for each in description
        ]
        return cls([Column(**each | own) for each, own in zip(description, parts, strict=True)])


def read_table(X: Any) -> list[Series]:
    """Return the columns of a frame, or of an array of numbers; infinite values are refused."""
    if hasattr(X, "collect") and not is_frame(X):
        raise TypeError(f"X must hold its rows, got a {type(X).__name__}; X.collect() may make one")
    if is_frame(X):
        table = read_frame(X)
        if not table or not len(table[0].values):
            raise ValueError(f"X must have rows and columns, got the shape {np.shape(X)}")
    else:
        array = check_array(X, ensure_all_finite="allow-nan", input_name="X")
        kind = {"b": "flag", "i": "whole", "u": "whole"}.get(array.dtype.kind, "real")
        type_ = Type("", str(array.dtype))
        columns = array.T.astype(np.float64)
        table = [Series(name, kind, values, type_) for name, values in enumerate(columns)]
    for series in table:
        if series.kind != "class" and np.isinf(series.values).any():
            raise ValueError(f"Input X contains infinity, in column {series.name!r}")
    return table


def _check_worth(table: list[Series]) -> None:
    """Raise a ValueError that names all columns from which nothing can be learned."""
    empty = [series.name for series in table if series.gaps.all()]
    constant = [s for s in table if not s.gaps.all() and len(set(s.known())) == 1]
    close = [s.name for s in constant if s.kind == "whole" and abs(s.known()[0]) >= 2**53]
    constant = [s.name for s in constant if s.name not in close]
    reasons = {
        "nothing but gaps": empty,
        "one value only": constant,
        "one value only, or some too near each other for float64,": close,
    }
    said = [f"{reason} in {_list(names)}" for reason, names in reasons.items() if names]
    if said:
        raise ValueError(f"there is {', and '.join(said)}: leave such columns out")


def _learn(series: Series, wish: str | Likelihood | None) -> Column:
    """Return a column with its likelihood, the wished one or the usual one for its values."""
    name = f"column {series.name!r}"
    if isinstance(wish, Observed | Mixed) or not isinstance(wish, str | Likelihood | None):
        raise TypeError(
            f"the likelihood of {name} must be one of {_list(NAMES)}, or a Likelihood of single "
            f"values, got {brief(wish)}; gaps are taken care of"
        )
    if isinstance(wish, str) and wish not in NAMES:
        raise ValueError(f"the likelihood of {name} must be one of {_list(NAMES)}, got {wish!r}")
    likelihood = wish or _choose(series)
    by_name = isinstance(likelihood, str) and likelihood == "categorical"
    if by_name or isinstance(likelihood, Categorical):
        return Column(series.name, series.kind, series.type, likelihood, _find_levels(series, wish))
    if series.kind == "class":
        raise ValueError(
            f"{name} holds classes, such as {series.known()[0]!r}; their likelihood is "
            f"'categorical', got {brief(wish)}"
        )
    column = Column(series.name, series.kind, series.type, likelihood)
    if not _make(column).density:
        return column
    with np.errstate(over="ignore"):
        center, scale = float(series.known().mean()), float(series.known().std())
    if not 0 < scale < np.inf:
        raise ValueError(f"{name} cannot be scaled: its standard deviation is {scale}")
    return Column(series.name, series.kind, series.type, likelihood, None, center, scale)


def _choose(series: Series) -> str:
    """Return the usual likelihood for such values."""
    known = series.known()
    if series.kind == "class":
        different = len(set(known))
        if series.type.levels is None and different > max(MOST_CLASSES, len(known) / 2):
            raise ValueError(
                f"column {series.name!r} looks like text: {different} different values in "
                f"{len(known)} rows. Leave it out; or, if they are classes, say so: "
                f"likelihood={{{series.name!r}: 'categorical'}}"
            )
        return "categorical"
    if series.kind == "flag" or set(known) == {0, 1}:
        return "bernoulli"
    counts = series.kind == "whole" and known.min() >= 0 and known.mean() <= LARGEST_MEAN
    return "negative-binomial" if counts and known.var() >= known.mean() else "gaussian"


def _find_levels(series: Series, wish: str | Likelihood | None) -> list[Any]:
    """Return the classes of a column, in order: the declared ones, or those that occur, sorted."""
    classes = wish.width if isinstance(wish, Categorical) else None
    if classes is not None and series.kind != "class":
        return list(range(classes))
    levels = series.type.levels or sorted(set(series.known().tolist()))
    if classes not in (None, len(levels)):
        raise ValueError(
            f"column {series.name!r} has {len(levels)} classes, {_list(levels)}, and its "
            f"likelihood {classes}"
        )
    return levels


def _make(column: Column, number: int = 1) -> Likelihood:
    """Return the likelihood of `number` columns that are like this one."""
    if isinstance(column.likelihood, Likelihood):
        return column.likelihood
    if column.likelihood == "gaussian":
        return Gaussian("columns", number)
    if column.levels is not None:
        return Categorical(len(column.levels))
    families = {
        "bernoulli": Bernoulli,
        "negative-binomial": NegativeBinomial,
        "poisson": Poisson,
    }
    return families[column.likelihood]()


def _fill(series: Series, guess: np.ndarray) -> np.ndarray:
    """Return a column's own values, and the guess where there is a gap."""
    if series.gaps.all():
        return guess
    own = series.values
    if guess.dtype == bool:
        own = own > 0.5
    elif guess.dtype == object and series.kind == "whole":
        own = _integers(own)
    return np.where(series.gaps, guess, own)


def _keeps_type(series: Series, column: Column, filled: np.ndarray) -> bool:
    """Return whether a column that was filled can have the dtype that it had."""
    if series.gaps.all():
        return False
    if series.kind != "class":
        return series.kind == column.kind or (series.kind, column.kind) == ("real", "whole")
    other = series.type.frame != column.type.frame  # so that the column's own dtype is no use
    return other and set(filled) <= set(series.type.levels or filled)


def _integers(values: np.ndarray) -> np.ndarray:
    """Return whole numbers as Python's, of any size; what is infinite as the largest float."""
    return np.array([int(value) for value in np.nan_to_num(values)], dtype=object)


def _list(values: Sequence[Any]) -> str:
    """Return up to five values, for a message."""
    short = [int(v) if isinstance(v, float) and v.is_integer() else v for v in values[:5]]
    shown = ", ".join(map(repr, short))
    return shown + f" and {len(values) - 5} more" * (len(values) > 5)
