"""Compare what two figures show: their records, which `book/figure_record.py` made.

Texts, colours, styles and the kinds and numbers of artists must be equal. A number may differ by a
share of its own value or of the span of the axis along which it runs, as far as no reader sees it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np

from tests.notebooks.compare import DEFAULT_RTOL, SHOWN

SEEN = 2e-2  # of an axis' span: a reader sees it, however small a share of the value it is
FEW = 2  # points that may fall into a neighbouring cell of a coarse histogram
SINGULAR = {"artists": "artist", "entries": "entry", "names": "tick", "titles": "title"}
# What is measured in fractions of the axes or of the figure, by its place.
FRACTIONS = {"figure": "xy", "axes": "xy", "x in data": "y", "y in data": "x"}

Record = dict[str, Any]


class Span(NamedTuple):
    """The range along which a number runs."""

    low: float = 0.0
    high: float = 1.0
    scale: str = "linear"
    slack: float = 0.0

    def apart(self, stored: np.ndarray, fresh: np.ndarray) -> np.ndarray:
        """Return how far numbers lie apart, as a share of the range."""
        with np.errstate(all="ignore"):  # nan: it has no place on a logarithmic axis
            if self.scale == "log":
                return np.abs(np.log(fresh / stored)) / abs(math.log(self.high / self.low))
            off = np.maximum(np.abs(fresh - stored) - self.slack, 0)
            return off / (abs(self.high - self.low) or math.nan)


Spans = dict[str, Span]


def compare_records(stored: Record, fresh: Record, rtol: float = DEFAULT_RTOL) -> list[str]:
    """Compare the records of two figures.

    Parameters
    ----------
    stored, fresh : dict
        As `figure_record.describe` returns them.
    rtol : float
        By how much a number may differ, as a share of its value or of its axis' span, whichever
        allows more.

    Returns
    -------
    list of str
        One sentence for each disagreement, at most `SHOWN` of them: which axes, which artist,
        which number, stored and fresh.
    """
    problems = list(_differences(stored, fresh, (), {}, rtol))
    if len(problems) > SHOWN:
        problems[SHOWN:] = [f"and {len(problems) - SHOWN} more differences"]
    return problems


def _differences(
    old: Any, new: Any, where: tuple[str, ...], spans: Spans, rtol: float
) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _of_dicts(old, new, where, spans, rtol)
    elif isinstance(old, list) and isinstance(new, list):
        *above, name = where
        if len(old) != len(new):
            yield f"{', '.join(where)}: stored {len(old)} of them, fresh {len(new)}"
        for number, (a, b) in enumerate(zip_longest(old, new), start=1):
            item = f"{SINGULAR.get(name, name)} {number}{_title(a or b)}"
            yield from _differences(a, b, (*above, item), spans, rtol)
    elif old != new:
        yield f"{', '.join(where)}: stored {_short(old)}, fresh {_short(new)}"


def _of_dicts(
    old: Record, new: Record, where: tuple[str, ...], spans: Spans, rtol: float
) -> Iterator[str]:
    spans = spans | _spans(old)
    if "ticks" in old:  # an axis: its numbers run along itself
        spans |= {"limits": spans[where[-1]], "ticks": spans[where[-1]]}
    for key in dict.fromkeys([*old, *new]):
        a, b = old.get(key), new.get(key)
        along = spans.get(key.split(" ")[0])
        if isinstance(a, str) and isinstance(b, str) and along:
            yield from _of_numbers(a, b, ", ".join((*where, key)), along, rtol)
        else:
            yield from _differences(a, b, (*where, key), spans, rtol)


def _spans(record: Record) -> Spans:
    """Return along what the numbers in a record run, by the first word of their key."""
    if "titles" in record:  # axes
        axes = {name: record[name] for name in "xyz" if name in record}
        found = {n: Span(*_numbers(axis["limits"]), axis["scale"]) for n, axis in axes.items()}
        return found | {"axes": Span()}
    spans = {name: Span() for name in FRACTIONS.get(record.get("place"), ())}
    if "values range" in record:
        spans["values"] = Span(*_numbers(record["values range"]))
    if "sizes" in record:
        spans["sizes"] = Span(0.0, _numbers(record["sizes"]).max(initial=0))
    if "counts" in record:
        spans["counts"] = Span(0.0, record["count"], slack=FEW)
    return spans


def _of_numbers(stored: str, fresh: str, where: str, span: Span, rtol: float) -> Iterator[str]:
    old, new = _numbers(stored), _numbers(fresh)
    if len(old) != len(new):
        yield f"{where}: stored {len(old)} numbers, fresh {len(new)}"
        return
    with np.errstate(all="ignore"):
        share, apart = np.abs(new - old) / np.abs(old), span.apart(old, new)
        off = np.where(apart > SEEN, apart, np.fmin(share, apart))
    off[(old == new) | (np.isnan(old) & np.isnan(new))] = 0
    for index in np.flatnonzero(~(off <= rtol)):  # nan is not small
        yield (
            f"{where}[{index}]: stored {old[index]:g}, fresh {new[index]:g}: "
            f"off by {off[index]:.2g} of its value or span, allowed {rtol:g}"
        )


def _numbers(packed: str) -> np.ndarray:
    return np.array(packed.split(), float)


def _title(item: Any) -> str:
    """Name an item of a list as a reader of the figure would, as far as it has a name."""
    words = _words(item)
    return f" ({words})" if words else ""


def _words(item: Any) -> str:
    if not isinstance(item, dict):
        return ""
    titles = [title for title in item.get("titles", ()) if title]
    return ", ".join([*titles, *(item[key] for key in ("kind", "label", "color") if item.get(key))])


def _short(value: Any) -> str:
    """Say what is there, in a few words."""
    if value is None or value == {}:
        return "nothing"
    return _words(value) or f"{value!r:.80}"
