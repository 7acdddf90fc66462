"""Data frames of pandas and polars: their columns as arrays, and back.

Neither library is needed, or loaded, where no frame comes in.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from .checks import brief

_KINDS = {bool: "flag", str: "class", int: "whole", float: "real"}  # of objects in pandas' columns


@dataclass(frozen=True)
class Type:
    """What a column was in its frame, as JSON can hold it.

    Attributes
    ----------
    frame : str
        "pandas", "polars", or "" for a column of an array.
    dtype : str
        By its own name there.
    levels : list, optional
        Declared categories, in order.
    ordered : bool
    level_dtype : str
        Of pandas' categories.
    """

    frame: str
    dtype: str
    levels: list[Any] | None = None
    ordered: bool = False
    level_dtype: str = ""


@dataclass(frozen=True)
class Series:
    """One column: its name, what `kind` of values it has, and the values.

    `kind` is "real", "whole" or "flag", and `values` are floats, a NaN for each gap; or it is
    "class" and `values` are objects, None for each gap.
    """

    name: Any
    kind: str
    values: np.ndarray
    type: Type

    @property
    def gaps(self) -> NDArray[np.bool_]:
        """Whether each value is missing."""
        if self.kind == "class":
            return np.array([value is None for value in self.values], dtype=bool)
        missing: NDArray[np.bool_] = np.isnan(self.values)
        return missing

    def known(self) -> np.ndarray:
        """Return the values that are there."""
        known: np.ndarray = self.values[~self.gaps]
        return known


def is_frame(X: object) -> bool:
    """Return whether `X` is a data frame, of any library."""
    return nw.dependencies.is_into_dataframe(X)


def read_frame(X: Any) -> list[Series]:
    """Return the columns of a frame.

    Raises
    ------
    TypeError, ValueError
        If it is not a frame of pandas or polars, two columns have one name, or a column holds
        neither numbers, truth values, nor classes.
    """
    try:
        frame = nw.from_native(X, eager_only=True)
        library = frame.implementation.value
        names = list(frame.columns)
    except nw.exceptions.DuplicateError as error:
        raise ValueError(f"two columns have the same name: {error}") from error
    if library not in ("pandas", "polars"):
        raise TypeError(
            f"X must be a data frame of pandas or polars, or an array; got one of {library}, "
            "whose to_pandas() may make one"
        )
    strange = next((name for name in names if not isinstance(name, str | int)), None)
    if strange is not None:
        raise TypeError(f"columns must be named by texts or whole numbers, got {brief(strange)}")
    columns = zip(names, frame.iter_columns(), strict=True)
    return [_read_series(name, series, library) for name, series in columns]


def _read_series(name: Any, series: nw.Series[Any], library: str) -> Series:
    dtype = series.dtype
    type_ = Type(library, str(series.to_native().dtype))
    if dtype.is_decimal() or dtype in (nw.Int128, nw.UInt128):
        raise ValueError(f"column {name!r} holds {dtype} numbers; cast it to Float64 or Int64")
    if dtype.is_numeric():
        kind = "whole" if dtype.is_integer() else "real"
        return Series(name, kind, _floats(series), type_)
    if dtype == nw.Boolean:
        return Series(name, "flag", _floats(series), type_)
    if dtype.is_temporal():
        raise ValueError(
            f"column {name!r} holds dates or times ({dtype}); make numbers of them, such as the "
            "days since the first, or leave it out"
        )
    values = np.array([None] * len(series), dtype=object)
    values[:] = [
        None if gap else value
        for gap, value in zip(series.is_null().to_list(), series.to_list(), strict=True)
    ]
    values[:] = [_plain(value) for value in values]
    if isinstance(dtype, nw.Enum) or (library == "pandas" and dtype == nw.Categorical):
        levels = [_plain(level) for level in series.cat.get_categories().to_list()]
        _check_levels(name, levels)
        pandas = (series.to_native().dtype,) if library == "pandas" else ()
        more = [(bool(dtype.ordered), str(dtype.categories.dtype)) for dtype in pandas]
        return Series(name, "class", values, Type(library, type_.dtype, levels, *sum(more, ())))
    kinds = {_KINDS.get(type(value), "") for value in values if value is not None}
    if kinds == {"real", "whole"}:
        kinds = {"real"}
    if len(kinds) > 1 or "" in kinds:
        raise ValueError(
            f"column {name!r} holds values of several or unknown types, such as "
            f"{brief(next(value for value in values if value is not None))}; a column must hold "
            "numbers, truth values, or classes"
        )
    kind = kinds.pop() if kinds else "class"  # with nothing but gaps, one is as good as another
    try:
        return Series(name, kind, values if kind == "class" else values.astype(np.float64), type_)
    except OverflowError as error:
        raise ValueError(f"column {name!r} holds whole numbers too large for float64") from error


def _floats(series: nw.Series[Any]) -> np.ndarray:
    floats = series.cast(nw.Float64()).to_numpy()
    return np.array(floats, dtype=np.float64)  # a copy: the frame keeps its own


def _plain(value: Any) -> Any:
    """Return a number of NumPy's as one of Python's, which JSON can hold."""
    return value.item() if isinstance(value, np.generic) else value


def _check_levels(name: Any, levels: Iterable[object]) -> None:
    wrong = next((level for level in levels if not isinstance(level, str | int | float)), None)
    if wrong is not None:
        raise ValueError(
            f"the classes of column {name!r} must be texts or numbers, got {brief(wrong)}"
        )


def write_frame(
    names: list[Any], types: list[Type], columns: list[np.ndarray], like: object = None
) -> Any:
    """Return a frame of the library, the columns and the dtypes that `types` tell of.

    Where `like` is a frame of another library it is one of that, with the dtypes usual there.

    Parameters
    ----------
    names : list
    types : list of Type
    columns : list of ndarray, shape (n,)
        Without gaps; whole numbers may be beyond what their dtype holds.
    like : frame, optional
        Whose library the result is of, and whose index it has, where the library knows one.
    """
    library = _library(like) if is_frame(like) else importlib.import_module(types[0].frame)
    index = getattr(like, "index", None) if is_frame(like) else None
    series = [
        _write_series(library, *each, index) for each in zip(names, types, columns, strict=True)
    ]
    if library.__name__ == "pandas":
        return library.concat(series, axis=1)
    return library.DataFrame(series)


def change_frame(frame: Any, names: list[Any], types: list[Type], columns: list[np.ndarray]) -> Any:
    """Return a copy of a frame with other values in some of its columns."""
    library = _library(frame)
    series = [
        _write_series(library, *each, getattr(frame, "index", None))
        for each in zip(names, types, columns, strict=True)
    ]
    if library.__name__ == "polars":
        return frame.with_columns(series)
    frame = frame.copy()
    for one in series:
        frame[one.name] = one
    return frame


def _library(frame: Any) -> Any:
    """Return the module that a frame is of."""
    return importlib.import_module(nw.from_native(frame).implementation.value)


def _write_series(
    library: Any, name: Any, type_: Type, values: np.ndarray, index: Any = None
) -> Any:
    values = _clip(values, type_.dtype)
    own = type_.frame == library.__name__
    if library.__name__ == "polars":
        if values.dtype == object or own:
            values = values.tolist()
        return library.Series(name, values, dtype=_polars_dtype(library, type_) if own else None)
    series = library.Series(values, index=index, name=name)
    return series.astype(_pandas_dtype(library, type_)) if own else series


def _clip(values: np.ndarray, dtype: str) -> np.ndarray:
    """Return values that `dtype` can hold."""
    whole = re.match(r"u?int\d+", dtype.lower())
    if whole is None:
        return values
    limits = np.iinfo(whole.group())
    most = float(limits.max)
    most = most if most <= limits.max else np.nextafter(most, 0)  # floats know no 2^63 - 1
    return values.clip(float(limits.min), most).astype(limits.dtype)


def _pandas_dtype(pandas: Any, type_: Type) -> Any:
    if type_.levels is not None:
        levels = pandas.Index(type_.levels, dtype=type_.level_dtype)
        return pandas.CategoricalDtype(levels, type_.ordered)
    return pandas.api.types.pandas_dtype(type_.dtype)


def _polars_dtype(polars: Any, type_: Type) -> Any:
    if type_.dtype.startswith("Enum"):
        return polars.Enum(type_.levels)
    return getattr(polars, type_.dtype.partition("(")[0])
