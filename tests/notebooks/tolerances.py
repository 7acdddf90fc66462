"""Show what a widened tolerance still lets pass: `python -m tests.notebooks.tolerances`.

For every cell of a chapter that asks for more than the default, each number of its stored output is
changed, alone, by a growing share of itself, until the comparison objects. The table shows the
smallest share that is caught: of the number that is watched best, of the middle one, and of the
one that is watched least. A number printed with few digits may move by one unit of its last one,
so it is watched less than the tolerance says.
"""

from __future__ import annotations

import bisect
import re
import statistics
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import nbformat
import numpy as np
from nbformat import NotebookNode

from book.build import BOOK
from tests.notebooks.compare import DEFAULT_RTOL, NUMBER, by_kind, compare_text
from tests.notebooks.records import compare_records
from tests.notebooks.structure import TOLERANCES, tolerance

SHARES = [float(f"{digit}e{power}") for power in range(-6, 1) for digit in (1, 2, 5)]


class Watch(NamedTuple):
    """How closely the numbers of one kind in a cell are watched."""

    cell: str
    kind: str
    rtol: float
    caught: list[float]


def smallest(caught: Callable[[float], bool]) -> float:
    """Return the smallest of `SHARES` that is caught; infinity if none is."""
    first = bisect.bisect_left(SHARES, True, key=caught)
    return SHARES[first] if first < len(SHARES) else float("inf")


def of_text(text: str, rtol: float) -> list[float]:
    """Return the smallest caught change of each number in a text that is no integer."""
    found = []
    for match in NUMBER.finditer(text):
        value = float(match[0])
        if re.search(r"[.eE]", match[0]) and value:

            def caught(share: float, match: re.Match = match, value: float = value) -> bool:
                # As many digits as tell it: the change, not its rounding, is what is asked about.
                changed = f"{value * (1 + share):.12f}"
                planted = text[: match.start()] + changed.rjust(len(match[0])) + text[match.end() :]
                return bool(compare_text(text, planted, rtol))

            found.append(smallest(caught))
    return found


def of_record(record: dict[str, Any], rtol: float) -> list[float]:
    """Return, for each row of numbers in a figure's record, the smallest caught stretch of it.

    A row is stretched about its first number, by a share of its range.
    """
    found = []
    for holder, key in _rows(record):
        packed = holder[key]
        row = np.array(packed.split(), float)
        reach = np.ptp(row[np.isfinite(row)]) if np.isfinite(row).any() else 0.0
        if reach == 0.0:
            continue

        def caught(
            share: float, holder: dict = holder, key: str = key, row: np.ndarray = row
        ) -> bool:
            planted = holder | {key: " ".join(repr(float(x)) for x in row + share * (row - row[0]))}
            return bool(compare_records(_with(record, holder, planted), record, rtol))

        found.append(smallest(caught))
    return found


def _rows(item: Any) -> Iterator[tuple[dict, str]]:
    """Yield every place in a record where packed numbers stand that the data makes."""
    if isinstance(item, dict):
        for key, value in item.items():
            if key in ("ticks", "limits"):
                continue
            if isinstance(value, str) and re.fullmatch(r"[-+.\deEnaif ]+ [-+.\deEnaif ]+", value):
                yield item, key
            else:
                yield from _rows(value)
    elif isinstance(item, list):
        for each in item:
            yield from _rows(each)


def _with(item: Any, old: dict, new: dict) -> Any:
    """Return a record in which one part, itself and no equal, is exchanged."""
    if item is old:
        return new
    if isinstance(item, dict):
        return {key: _with(value, old, new) for key, value in item.items()}
    return [_with(each, old, new) for each in item] if isinstance(item, list) else item


def watches(notebook: NotebookNode, name: str) -> Iterator[Watch]:
    """Yield how closely the numbers of the cells with a widened tolerance are watched."""
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        widths = {kind: tolerance(cell, kind) for kind in TOLERANCES}
        found: dict[str, list[float]] = {kind: [] for kind in TOLERANCES}
        for kind, outputs in by_kind(cell.outputs).items():
            for output in outputs:
                if kind == "image/png":
                    record = output.record or {}
                    found["figure-rtol"] += of_record(record, widths["figure-rtol"])
                else:
                    found["rtol"] += of_text(output, widths["rtol"])
        for kind, rtol in widths.items():
            if rtol > DEFAULT_RTOL and found[kind]:
                yield Watch(f"{name} {cell.id}", kind, rtol, found[kind])


def main() -> None:
    """Print the table, the least watched first."""
    rows = []
    for path in sorted(BOOK.glob("*.ipynb")):
        rows += watches(nbformat.read(path, as_version=4), path.stem.partition("_")[0])
    rows.sort(key=lambda row: (-max(row.caught), row.cell))
    print(f"{'cell':<28} {'tag':<18} numbers   best  middle  least")
    for cell, kind, rtol, caught in rows:
        least, middle = max(caught), statistics.median_low(caught)
        print(
            f"{cell:<28} {f'{kind}={rtol:g}':<18} {len(caught):7d} {min(caught):6g} {middle:7g}"
            f" {least:6g}"
        )


if __name__ == "__main__":
    sys.exit(main())
