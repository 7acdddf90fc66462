"""How much a submission may take: time, memory, and no network."""

from __future__ import annotations

import ctypes
import os
import signal
import site
import sys
from contextlib import suppress
from dataclasses import dataclass

import psutil

DEAD_PROXY = "http://127.0.0.1:9"  # the "discard" port: nothing answers there
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # of Linux's unshare(2)
_AT_PARENTS_DEATH = 1  # of Linux's prctl(2)
_PASSES = 10  # over all processes, of which each ends what the one before it did not see


@dataclass(frozen=True)
class Limits:
    """What one submission may take.

    Attributes
    ----------
    cell : float
        Seconds for one cell, and for the check of one exercise.
    whole : float
        Seconds for the whole submission.
    memory : float
        GiB of resident memory, for its process and those that it starts. Where the system tells
        (Linux), what they share counts once.
    """

    cell: float = 120.0
    whole: float = 1200.0
    memory: float = 6.0

    def __post_init__(self) -> None:
        for name in ("cell", "whole", "memory"):
            if not getattr(self, name) > 0:
                raise ValueError(f"the limit {name} must be positive, got {getattr(self, name)}")


def resident(process: psutil.Process) -> float:
    """Return the resident memory of a process and its children, in GiB."""
    total = 0
    with suppress(psutil.Error):
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                total += _share(each)
    return total / 2**30


def _share(process: psutil.Process) -> int:
    """Return the bytes of a process; of what it shares with others, its share, if that is known."""
    share: int
    try:
        known = process.memory_full_info()
        share = getattr(known, "pss", known.rss)
    except psutil.AccessDenied:
        share = process.memory_info().rss
    return share


def kill(process: psutil.Process, folder: str) -> None:
    """End a process and all that it has started.

    A process whose parent has ended counts as nobody's child. It is known by its home, which is
    the submission's folder. Its like may be born while the list is read, so it is read again.
    """
    with suppress(psutil.Error):
        for each in (*process.children(recursive=True), process):
            with suppress(psutil.Error):
                each.kill()
    quiet = 0
    for _ in range(_PASSES):
        found = at_home(folder)
        quiet = 0 if found else quiet + 1
        if quiet == 2:  # one look may miss a parent that has ended and a child that was just born
            return
        for each in found:
            with suppress(psutil.Error):
                each.kill()
        psutil.wait_procs(found, timeout=1)


def at_home(folder: str) -> list[psutil.Process]:
    """Return the processes whose home is this folder."""
    found = []
    for each in psutil.process_iter():
        with suppress(psutil.Error):
            if each.environ().get("HOME") == folder:
                found.append(each)
    return found


def cut_network() -> bool:
    """Take the network from this process, where the system lets it; say whether it did.

    It works on a Linux that allows user namespaces, and only before the process has threads.
    """
    if not sys.platform.startswith("linux"):
        return False
    failed: int = ctypes.CDLL(None, use_errno=True).unshare(_NEW_USER | _NEW_NETWORK)
    return not failed


def end_with_parent() -> None:
    """Let Linux end this process with its parent, for instance where a terminal is closed."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_AT_PARENTS_DEATH, signal.SIGKILL)


def be_killed_first() -> None:
    """Let Linux choose this process, and not the teacher's, when all memory is used up."""
    with suppress(OSError):
        score = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(score, b"1000")
        os.close(score)


def environment(folder: str) -> dict[str, str]:
    """Return what a submission's process sees: the folder as its home, no proxy that answers.

    Packages that the teacher has installed for one user are found by the real home.
    """
    proxies = (f"{kind}_proxy" for kind in ("http", "https", "all"))
    dead = {form: DEAD_PROXY for name in proxies for form in (name, name.upper())}
    homes = dict.fromkeys(("HOME", "USERPROFILE", "IPYTHONDIR", "MPLCONFIGDIR"), folder)
    plain = {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "PYTHONUSERBASE": site.getuserbase()}
    return os.environ | dead | homes | plain
