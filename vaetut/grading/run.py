"""Run a submission in processes of its own, and watch its limits from outside."""

from __future__ import annotations

import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

import psutil

from .limits import Limits, environment, kill, resident
from .submission import Submission, function_name

POLL = 0.05  # seconds between two looks at time and memory
GRACE = 3.0  # seconds that an interrupted cell has to give in
START = 120.0  # seconds to load what every submission needs
LAST = 1.0  # seconds to read what a process that has ended wrote before
LONGEST = 2**20  # bytes of one report
CRASHED, TIMED_OUT, TOO_BIG = "crashed", "timed out", "out of memory"

Lines = queue.Queue[dict[str, Any] | None]  # a worker's reports; None is the end of them


@dataclass
class Run:
    """What came out of running a submission.

    Attributes
    ----------
    verdicts : dict
        From an exercise's number to its state and hint.
    network : bool or None
        Whether it could reach the network; None if it never ran.
    trouble : dict
        From a cell that did not run to its end, counted from 1, to what went wrong there.
    """

    verdicts: dict[str, tuple[str, str]] = field(default_factory=dict)
    network: bool | None = None
    trouble: dict[int, str] = field(default_factory=dict)


@dataclass
class _Watch:
    """What is known of the steps, over all attempts."""

    trouble: dict[str, tuple[str, str]] = field(default_factory=dict)  # step -> state and words
    left_out: set[str] = field(default_factory=set)  # steps that ended their process
    step: str = ""  # the one that is running


def run(submission: Submission, exercises: tuple[str, ...], limits: Limits, seed: int) -> Run:
    """Run all cells, then judge the exercises.

    A step (a cell, or a check) that takes too long is interrupted. One that does not give in, that
    takes too much memory or that ends its process is left out, and everything else runs again in
    a new process: one bad cell does not spoil the rest.
    """
    result, watch = Run(), _Watch()
    end = time.monotonic() + limits.whole
    while not _attempt(submission, exercises, limits, seed, end, result, watch):
        if time.monotonic() > end or watch.step in watch.left_out:
            break
        watch.left_out.add(watch.step)
    for number in exercises:
        if number not in result.verdicts or result.verdicts[number][0] == "undefined":
            result.verdicts[number] = _why_undefined(submission, number, watch, end)
    for place in range(len(submission.cells)):
        if words := watch.trouble.get(f"cell {place}"):
            result.trouble[place + 1] = ": ".join(words)
    return result


def _why_undefined(
    submission: Submission, number: str, watch: _Watch, end: float
) -> tuple[str, str]:
    """Say why an exercise has no verdict of its own."""
    if number in watch.trouble:
        return watch.trouble[number]
    name = function_name(number)
    cells = [f"cell {place}" for place in submission.defining(name)]
    for cell in cells:
        if cell in watch.trouble:
            return watch.trouble[cell]
    if time.monotonic() > end:
        return TIMED_OUT, "the whole submission took too long"
    return ("not done yet" if cells else "missing"), f"there is no function {name}"


def _attempt(
    submission: Submission,
    exercises: tuple[str, ...],
    limits: Limits,
    seed: int,
    end: float,
    result: Run,
    watch: _Watch,
) -> bool:
    """Run what is not left out, in a new process; return whether it came to its end."""
    token = secrets.token_hex(8)
    job = {
        "token": token,
        "seed": seed,
        "cells": [
            (place, source)
            for place, source in enumerate(submission.cells)
            if f"cell {place}" not in watch.left_out
        ],
        "names": {n: function_name(n) for n in exercises if n not in watch.left_out},
    }
    watch.step, result.network = "", None
    with (
        tempfile.TemporaryDirectory(prefix="vaetut-", ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryFile() as errors,
    ):
        process = subprocess.Popen(
            [sys.executable, "-m", "vaetut.grading.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=folder,
            env=environment(folder),
            start_new_session=True,
        )
        assert process.stdin and process.stdout  # pipes, as they were asked for
        inside = psutil.Process(process.pid)
        try:
            with suppress(BrokenPipeError), process.stdin:
                process.stdin.write(json.dumps(job).encode())
            lines = _lines(process.stdout, token)
            finished = _follow(process, lines, limits, end, result, watch)
        finally:
            kill(inside, folder)
            process.wait()
        if result.network is None and time.monotonic() < end:  # it did not come to a report
            errors.seek(0)
            words = errors.read().decode(errors="replace").strip().rpartition("\n")[2]
            words = words or watch.trouble[""][1]
            raise RuntimeError(f"a submission's process did not start: {words}")
        return finished


def _lines(channel: IO[bytes], token: str) -> Lines:
    """Read the worker's reports in a thread.

    The thread closes the pipe, and nobody waits for it: a process that the submission has started
    may hold the other end open.
    """
    lines: Lines = queue.Queue()

    def read() -> None:
        with suppress(ValueError, OSError), channel:
            for line in _reports(channel, token):
                lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    return lines


def _reports(channel: IO[bytes], token: str) -> Iterator[dict[str, Any]]:
    """Yield the worker's reports, and leave out what a cell may have written between them."""
    for line in iter(lambda: channel.readline(LONGEST), b""):
        try:
            facts = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if (
            isinstance(facts, dict)
            and facts.get("token") == token
            and all(isinstance(fact, str | bool) for fact in facts.values())
        ):
            yield facts


def _follow(
    process: subprocess.Popen[bytes],
    lines: Lines,
    limits: Limits,
    end: float,
    result: Run,
    watch: _Watch,
) -> bool:
    """Note the reports and watch the limits until the worker has finished or must be ended."""
    inside = psutil.Process(process.pid)
    seconds, interrupted = START, False
    due = time.monotonic() + seconds
    while True:
        now = time.monotonic()
        if resident(inside) > limits.memory:
            words = f"more than {limits.memory:g} GiB of memory"
            watch.trouble[watch.step] = TOO_BIG, words
            return False
        if now > end or now > due + (GRACE if interrupted else 0):
            words = f"more than {seconds:g} seconds"
            whole = f"the whole submission took more than {limits.whole:g} seconds"
            watch.trouble[watch.step] = TIMED_OUT, whole if now > end else words
            if now > end or interrupted or not _interrupt(process):
                return False
            interrupted = True
            continue
        alive = process.poll() is None
        try:
            facts = lines.get(timeout=POLL if alive else LAST)
        except queue.Empty:
            if alive:
                continue
            facts = None
        if facts is None:
            words = "it ended the process in which it ran"
            watch.trouble[watch.step] = CRASHED, words
            return False
        if "network" in facts:
            result.network = facts["network"]
            seconds = limits.cell
        if "begins" in facts:
            watch.step = facts["begins"]
        if "ends" in facts:
            _note(facts, result, watch, interrupted=interrupted)
        due, interrupted = time.monotonic() + seconds, False
        if "finished" in facts:
            return True


def _note(facts: dict[str, Any], result: Run, watch: _Watch, *, interrupted: bool) -> None:
    step, error = facts["ends"], facts.get("error")
    if "state" in facts:
        result.verdicts[step] = facts["state"], facts.get("hint", "")
    elif error and not interrupted:
        watch.trouble[step] = CRASHED, error


def _interrupt(process: subprocess.Popen[bytes]) -> bool:
    """Press Ctrl-C in the worker; return whether the system can."""
    if os.name != "posix":
        return False
    process.send_signal(signal.SIGINT)
    return True
