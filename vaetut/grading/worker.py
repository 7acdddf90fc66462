"""The process in which one submission runs: `python -m vaetut.grading.worker`.

It reads its job as JSON from standard input, runs the cells one after another, then judges the
functions that they left, and reports each step as a line of JSON on what was its standard output.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

Report = Callable[..., None]


def open_channel(token: str) -> Report:
    """Keep standard output for our reports; what the cells print goes nowhere."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)

    def report(**facts: object) -> None:
        print(json.dumps({"token": token, **facts}), file=channel, flush=True)

    return report


def run_cells(cells: list[tuple[int, str]], report: Report) -> dict[str, Any]:
    """Run the cells as a notebook does, go on after errors, and return what they defined."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    for place, source in cells:
        report(begins=f"cell {place}")
        try:
            result = shell.run_cell(source)
            error = result.error_before_exec or result.error_in_exec
        except KeyboardInterrupt as interrupt:  # between two of IPython's own steps
            error = interrupt
        report(ends=f"cell {place}", error=words(error) if error else "")
    defined: dict[str, Any] = shell.user_ns
    return defined


def words(error: BaseException) -> str:
    """Return an error in words, also one whose own words are an error."""
    try:
        return f"{type(error).__name__}: {error}".removesuffix(": ")[:1000]
    except Exception:
        return type(error).__name__


def judge_all(names: dict[str, str], namespace: dict[str, Any], seed: int, report: Report) -> None:
    """Judge the functions by their names, with checks that no cell has touched."""
    for module in [name for name in sys.modules if name.startswith("vaetut.exercises")]:
        del sys.modules[module]
    from vaetut.exercises import judge

    for number, name in names.items():
        report(begins=number)
        if name not in namespace:
            report(ends=number, state="undefined", hint="")
            continue
        try:
            verdict = judge(number, namespace[name], seed=seed)
        except BaseException as error:  # KeyboardInterrupt is ours, where the time was up
            report(ends=number, error=words(error))
        else:
            report(ends=number, state=verdict.state, hint=verdict.hint)


def main() -> None:
    """Do the job on standard input."""
    from .limits import be_killed_first, cut_network, end_with_parent

    job = json.load(sys.stdin)
    be_killed_first()
    network = not cut_network()
    end_with_parent()
    report = open_channel(job["token"])
    import vaetut.exercises  # noqa: F401  (what takes long is loaded before the first cell's time)

    report(network=network)
    sys.path.insert(0, "")
    namespace = run_cells(job["cells"], report)
    judge_all(job["names"], namespace, job["seed"], report)
    report(finished=True)
    os._exit(0)  # without waiting for threads that a cell has started


if __name__ == "__main__":
    main()
