"""Take times side by side: every round runs each contestant once, so that all see one machine."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from scipy import stats


class Estimate(NamedTuple):
    """A mean, and its 95 % interval."""

    value: float
    low: float
    high: float


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    gc.collect()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turn(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Time all of `works` in each of `rounds`; return the seconds of each, round by round."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            taken[name].append(round(seconds(work), 4))
    return taken


def mean(values: Sequence[float]) -> Estimate:
    """Return the mean of two values or more, and its interval by Student's t."""
    middle = statistics.mean(values)
    error = statistics.stdev(values) / math.sqrt(len(values))
    reach = stats.t.ppf(0.975, len(values) - 1) * error
    return Estimate(middle, middle - reach, middle + reach)


def interval(numerator: Sequence[float], denominator: Sequence[float]) -> Estimate:
    """Return the geometric mean of the ratios within each round, and its interval."""
    logs = [math.log(a / b) for a, b in zip(numerator, denominator, strict=True)]
    return Estimate(*map(math.exp, mean(logs)))


def verdict(found: Estimate, goal: str) -> str:
    """Say whether a goal is met: "≥ 3" is where the whole interval lies above 3."""
    sign, limit = goal.split()
    if found.low <= float(limit) <= found.high:
        return "undecided"
    return "met" if (found.low > float(limit)) == (sign == "≥") else "missed"
