"""Compare stored outputs with fresh ones: text to the letter, its numbers within a tolerance.

Every function returns what is wrong as a list of sentences; an empty list means agreement.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import NamedTuple

from nbformat import NotebookNode

DEFAULT_RTOL = 1e-3
LADDER = (0.0, *(float(f"{digit}e{power}") for power in range(-5, 0) for digit in (1, 2, 5)))
SHOWN = 5  # problems told per text: enough to see the pattern

# A number stands alone: the digits of `x2`, `2-D`'s neighbour `2D`, `97.1nats` or `2.14.1` are
# text. Spaces before it belong to it, since columns are padded by the width of the number.
NUMBER = re.compile(
    r" *(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\w|\.\d)",
)


def compare_text(stored: str, fresh: str, rtol: float = DEFAULT_RTOL) -> list[str]:
    """Compare two texts line by line.

    Integers and everything that is no number must be equal; floats may differ by
    `max(rtol * |stored|, one unit of the last printed digit)`. `nan` and `inf` are words here:
    they match only themselves.

    Parameters
    ----------
    stored, fresh : str
        The output in the notebook, and the one that a new run gave.
    rtol : float
        Relative tolerance for floats.

    Returns
    -------
    list of str
        One sentence for each line that disagrees, at most `SHOWN` of them.
    """
    problems = []
    lines = zip_longest(stored.splitlines(), fresh.splitlines())
    for number, (old, new) in enumerate(lines, start=1):
        if problem := _line_problem(old, new, rtol):
            problems.append(f"line {number}: {problem}")
    if not problems and stored.endswith("\n") != fresh.endswith("\n"):
        problems.append("only one of them ends with a line break")
    if len(problems) > SHOWN:
        problems[SHOWN:] = [f"and {len(problems) - SHOWN} more lines"]
    return problems


def _line_problem(stored: str | None, fresh: str | None, rtol: float) -> str | None:
    if stored is None:
        return f"stored nothing, fresh {fresh!r}"
    if fresh is None:
        return f"stored {stored!r}, fresh nothing"
    if _skeleton(stored) != _skeleton(fresh):
        return f"stored {stored!r}, fresh {fresh!r}"
    for old, new in zip(NUMBER.findall(stored), NUMBER.findall(fresh), strict=True):
        if problem := _number_problem(old, new, rtol):
            return f"{problem} in {fresh.strip()!r}"
    return None


def _skeleton(line: str) -> str:
    """Put a sign for its kind in place of each number; an integer keeps its spaces."""
    return NUMBER.sub(
        lambda match: re.sub(r"\S+", "<int>", match[0]) if _is_integer(match[0]) else "<float>",
        line,
    )


def _is_integer(number: str) -> bool:
    return not re.search(r"[.eE]", number)


def _number_problem(stored: str, fresh: str, rtol: float) -> str | None:
    stored, fresh = stored.strip(), fresh.strip()
    if _is_integer(stored):
        return None if stored == fresh else f"stored {stored}, fresh {fresh} (integers are exact)"
    difference = abs(float(fresh) - float(stored))
    # The finer of the two units: `1.0` is no licence to be 0.95.
    unit = min(_last_digit(stored), _last_digit(fresh))
    allowed = max(rtol * abs(float(stored)), unit)
    if difference <= allowed * (1 + 1e-6):  # decimal fractions are not exact in binary
        return None
    return f"stored {stored}, fresh {fresh}: off by {difference:.3g}, allowed {allowed:.3g}"


def _last_digit(number: str) -> float:
    """Return one unit of the last printed digit, e.g. 0.01 for `97.12` and 1e-5 for `1.2e-4`."""
    mantissa, _, exponent = number.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return math.pow(10.0, int(exponent or 0) - decimals)


class Figure(NamedTuple):
    """A PNG in base64, and the record of what it shows, which pictures from elsewhere lack."""

    png: str
    record: dict | None


def compare_outputs(
    stored: Sequence[NotebookNode],
    fresh: Sequence[NotebookNode],
    rtol: float,
    compare_figures: Callable[[Figure, Figure, int], list[str]],
) -> list[str]:
    """Compare a cell's outputs, kind by kind, in order within each kind.

    Across kinds the order is free: inline figures arrive after what a cell printed. What goes
    to stderr (progress bars, warnings with a path) and tracebacks are not compared.

    Parameters
    ----------
    stored, fresh : sequence of NotebookNode
        Outputs in the notebook's format, streams merged.
    rtol : float
        Relative tolerance for floats in text.
    compare_figures : callable
        Gets two figures and their number in the cell; returns what is wrong.

    Returns
    -------
    list of str
        One sentence for each disagreement.
    """
    old, new = by_kind(stored), by_kind(fresh)
    problems = []
    for kind in dict.fromkeys([*old, *new]):
        if len(old[kind]) != len(new[kind]):
            problems.append(f"{kind}: stored {len(old[kind])} of them, fresh {len(new[kind])}")
            continue
        for number, (a, b) in enumerate(zip(old[kind], new[kind], strict=True), start=1):
            if kind == "image/png":
                found = compare_figures(a, b, number)
            else:
                found = compare_text(a, b, rtol)
            label = kind if len(old[kind]) == 1 else f"{kind} {number}"
            problems += [f"{label}, {problem}" for problem in found]
    return problems


def figures(outputs: Sequence[NotebookNode]) -> list[Figure]:
    """Return the pictures among a cell's outputs, in order."""
    return by_kind(outputs)["image/png"]


def by_kind(outputs: Sequence[NotebookNode]) -> defaultdict[str, list]:
    """Sort outputs into lists of texts, or figures, under `stdout`, `error` and MIME types."""
    kinds: defaultdict[str, list] = defaultdict(list)
    for output in outputs:
        if output.output_type == "stream":
            if output.name == "stdout":
                kinds["stdout"].append(output.text)
        elif output.output_type == "error":
            kinds["error"].append(f"{output.ename}: {output.evalue}")
        else:
            for mime, value in output.data.items():
                if mime == "image/png":
                    record = output.metadata.get(mime, {}).get("figure")
                    kinds[mime].append(Figure(value, record))
                    continue
                text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
                kinds[mime].append(text)
    return kinds


def least_tolerance(problems: Callable[[float], object]) -> float:
    """Return the least of 0, 1e-5, 2e-5, 5e-5, 1e-4, … 0.5 at which there are no problems.

    Parameters
    ----------
    problems : callable
        From a tolerance to something that is true where there is a problem.

    Returns
    -------
    float
        Infinity where no tolerance helps.
    """
    return next((tolerance for tolerance in LADDER if not problems(tolerance)), math.inf)
