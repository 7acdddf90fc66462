"""Show what a widened tolerance still lets pass: `python -m tests.notebooks.tolerances`.

For every cell of a chapter that asks for more than the default, each number of its stored output is
changed, alone, by a growing share of itself, until the comparison objects. The table shows the
smallest share that is caught: of the middle number, and of the one that is watched least. A number
printed with few digits may move by one unit of its last one, so it is watched less than the
tolerance says.
"""

from __future__ import annotations

import bisect
import re
import statistics
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

from book.build import BOOK
from tests.notebooks.compare import DEFAULT_RTOL, NUMBER, by_kind, compare_text
from tests.notebooks.structure import tolerance

SHARES = [float(f"{digit}e{power}") for power in range(-6, 1) for digit in (1, 2, 5)]


class Watch(NamedTuple):
    """How closely the numbers in a cell are watched."""

    cell: str
    rtol: float
    caught: list[float]


def smallest(caught: Callable[[float], bool]) -> float:
    """Return the smallest of `SHARES` that is caught; infinity if none is."""
    first = bisect.bisect_left(SHARES, True, key=caught)
    return SHARES[first] if first < len(SHARES) else float("inf")


def of_text(text: str, rtol: float) -> list[float]:
    """Return the smallest caught change of each number with decimals in a text."""
    found = []
    for match in NUMBER.finditer(text):
        if "." not in match[0] or not float(match[0]):  # 1e-3 is a bound, written in the source
            continue

        def caught(share: float, match: re.Match = match) -> bool:
            planted = text[: match.start()] + _changed(match[0], share) + text[match.end() :]
            return bool(compare_text(text, planted, rtol))

        found.append(smallest(caught))
    return found


def _changed(number: str, share: float) -> str:
    """Return a number that is greater by a share of itself, printed as it was."""
    mantissa, exponent, _ = number.strip().lower().partition("e")
    kind = f"{'+' if '+' in mantissa else ''}.{len(mantissa.partition('.')[2])}{exponent or 'f'}"
    return format(float(number) * (1 + share), kind).rjust(len(number))


def watches(notebook: NotebookNode, name: str) -> Iterator[Watch]:
    """Yield how closely the numbers of the cells with a widened tolerance are watched."""
    for cell in notebook.cells:
        rtol = tolerance(cell, "rtol")
        if cell.cell_type == "code" and rtol > DEFAULT_RTOL:
            texts = by_kind(cell.outputs)
            texts.pop("image/png", None)
            caught = [x for each in texts.values() for text in each for x in of_text(text, rtol)]
            if caught:
                yield Watch(f"{name} {cell.id}", rtol, caught)


def main() -> None:
    """Print the table, the least watched first."""
    rows = []
    for path in sorted(BOOK.glob("*.ipynb")):
        rows += watches(nbformat.read(path, as_version=4), path.stem.partition("_")[0])
    rows.sort(key=lambda row: (-max(row.caught), row.cell))
    print(f"{'cell':<18} {'rtol':>6}  numbers  middle  least")
    for cell, rtol, caught in rows:
        least, middle = max(caught), statistics.median_low(caught)
        print(f"{cell:<18} {rtol:6g} {len(caught):8d} {middle:7g} {least:6g}")


if __name__ == "__main__":
    sys.exit(main())
