"""Plant every fault, one at a time, and print which test notices it.

    python -m tests.mutants              all of them
    python -m tests.mutants package      those of an area: package, cards, chapters, pages
    python -m tests.mutants Adam eps     those whose line in the table has all these words

A fault counts as caught if one of the tests that it names, those about the thing, fails by what it
checks. The exit code is 1 if a fault was not caught, and 2 if the tests fail without any.
"""

from __future__ import annotations

import argparse
import queue
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from tests.mutants.fault import HTML, Fault
from tests.mutants.faults import FAULTS
from tests.mutants.workshop import ROOT, Outcome, Workshop

AREAS = ("package", "cards", "chapters", "pages")


class Workers:
    """Workshops that do jobs side by side; Ctrl-C ends all of them."""

    def __init__(self, number: int, folder: Path, with_book: bool) -> None:
        self.workshops = [Workshop(folder / str(n), with_book) for n in range(number)]
        self.free: queue.SimpleQueue[Workshop] = queue.SimpleQueue()
        for workshop in self.workshops:
            self.free.put(workshop)

    def do(
        self, act: Callable[[Workshop, Any], Outcome], jobs: Sequence
    ) -> Iterator[tuple[Any, Outcome]]:
        """Yield each job with its outcome, as they end."""

        def one(job: Any) -> tuple[Any, Outcome]:
            workshop = self.free.get()
            try:
                return job, act(workshop, job)
            finally:
                self.free.put(workshop)

        pool = ThreadPoolExecutor(len(self.workshops))
        try:
            for done in as_completed([pool.submit(one, job) for job in jobs]):
                yield done.result()
        except BaseException:  # Ctrl-C, or who asked has heard enough
            pool.shutdown(wait=False, cancel_futures=True)
            for workshop in self.workshops:
                workshop.close()
            raise
        finally:
            pool.shutdown()


def choose(words: Sequence[str]) -> list[Fault]:
    """Return the faults that have all the words; an area is a word."""

    def has(fault: Fault, word: str) -> bool:
        if word in AREAS:
            return fault.area == word
        return word.lower() in " ".join([fault.name, fault.file, *fault.tests]).lower()

    return [fault for fault in FAULTS if all(has(fault, word) for word in words)]


def batches(faults: Sequence[Fault]) -> list[list[str]]:
    """Return all tests that are named, once each: a few runs of pytest."""
    tests = sorted({test for fault in faults for test in fault.tests})
    chapters = [[test] for test in tests if ".ipynb" in test]
    pages = [test for test in tests if test.startswith("tests/site/")]
    others = [test for test in tests if [test] not in chapters and test not in pages]
    files = sorted({test.split("::")[0] for test in others})
    halves = [[test for test in others if test.split("::")[0] in files[n::2]] for n in range(2)]
    return [batch for batch in (*halves, pages, *chapters) if batch]


def try_fault(workshop: Workshop, fault: Fault) -> Outcome:
    """Plant a fault, and run its tests up to the first that fails."""
    with workshop.planted(fault):
        return workshop.test(fault.tests, "-x")


def row(fault: Fault, outcome: Outcome) -> str:
    """Return a fault's line of the table."""
    test = outcome.caught_by()
    words = test.removeprefix("tests/") if test else f"NOT CAUGHT: {outcome.why_not()}"
    return f"{outcome.seconds:5.0f} s  {fault.area:<8}  {fault.name:<62}  {words}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="*", metavar="WORD", help="which faults; default: all")
    parser.add_argument("--workers", type=int, default=2, help="default: %(default)s")
    options = parser.parse_args(arguments)
    faults, began = choose(options.words), time.perf_counter()
    if not faults:
        print("no fault has these words")
        return 2
    if not (ROOT / HTML / "index.html").is_file() and any(fault.needs_book for fault in faults):
        number = sum(fault.needs_book for fault in faults)
        print(f"{number} faults in pages are left out: run make book first")
        faults = [fault for fault in faults if not fault.needs_book]
        if not faults:
            return 2
    try:
        for fault in faults:
            fault.planted(fault.read(ROOT), fault.file)
    except ValueError as error:  # the file has changed since
        print(error)
        return 2
    with_book = any(fault.needs_book for fault in faults)
    with tempfile.TemporaryDirectory(prefix="vaetut-mutants-") as folder:
        workers = Workers(options.workers, Path(folder), with_book)
        print("the tests that are named, without any fault …", flush=True)
        for _, outcome in workers.do(lambda shop, tests: shop.test(tests), batches(faults)):
            if outcome.code != 0:
                print(f"{outcome.output}\nthey do not pass: so no fault can be tried")
                return 2
        survivors = []
        for fault, outcome in workers.do(try_fault, faults):
            if outcome.caught_by():
                print(row(fault, outcome), flush=True)
            else:
                survivors.append((fault, outcome))
    for fault, outcome in survivors:
        print(row(fault, outcome))
    minutes = (time.perf_counter() - began) / 60
    print(f"{len(faults)} faults, {len(survivors)} not caught, {minutes:.0f} minutes")
    return 1 if survivors else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("stopped; nothing is left behind")
