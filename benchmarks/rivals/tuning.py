"""Find the setting with which something is fastest on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.timing import in_turn


def tune(start: Callable[..., Callable[[], Any]], settings: Sequence[dict], data: Sequence) -> dict:
    """Try each setting on a tenth of the data, in turn; take the one whose best of two is best.

    `start(data, **setting)` returns what to time. It is called once before, to compile and to warm.
    """
    part = data[: len(data) // 10]
    works = [start(part, **setting) for setting in settings]
    for work in works:
        work()
    times = [min(taken) for taken in in_turn(dict(enumerate(works)), rounds=2).values()]
    tried = [{"setting": s, "seconds": t} for s, t in zip(settings, times, strict=True)]
    return {"tried": tried, "taken": settings[times.index(min(times))]}
