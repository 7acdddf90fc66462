"""A copy of the working tree, in which faults are planted and tests are run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from book.build import read_source
from tests.mutants.fault import HTML, Fault
from tests.mutants.verdicts import FILE

ROOT = Path(__file__).resolve().parents[2]
# How a test says that something is not as it must be; an error of another kind may come from
# anywhere.
NOTICING = {"AssertionError", "Failed", "GradcheckError", "NbCellError", "ProblemsFound"}
BROKEN_CELL = ("exception", "not run", "timed out", "died")  # in nbval's words
PATIENCE = 900  # seconds for the tests of one fault


@dataclass
class Outcome:
    """What a run of some tests came to."""

    verdicts: list[dict] = field(default_factory=list)
    code: int | None = None  # pytest's exit code; None after a time-out
    seconds: float = 0.0
    output: str = ""

    def caught_by(self) -> str | None:
        """Return the test that failed by what it checks, or None."""
        for verdict in self.verdicts:
            noticed = NOTICING.intersection(verdict["errors"])
            if verdict["when"] != "call" or verdict["outcome"] != "failed" or not noticed:
                continue
            if "NbCellError" in noticed and any(w in verdict["message"] for w in BROKEN_CELL):
                continue
            return verdict["test"]
        return None

    def why_not(self) -> str:
        """Say why nothing was caught."""
        failed = [verdict for verdict in self.verdicts if verdict["outcome"] == "failed"]
        if failed:
            one = failed[0]
            error = f"{one['errors'][0]}: {one['message']}".splitlines()[0][:120]
            return f"{one['test']} broke in its {one['when']}, by {error}"
        if self.code is None:
            return f"the tests took more than {PATIENCE} s"
        ran = len(self.verdicts)
        if self.code or not ran:
            return f"no test failed, and pytest ended with {self.code} after {ran} test(s)"
        return f"all {ran} test(s) passed"


class Workshop:
    """A copy of all tracked files in a folder; use one for each worker."""

    def __init__(self, folder: Path, with_book: bool = False) -> None:
        self.root, self.closed = folder / "copy", False
        self.process: subprocess.Popen | None = None
        self.log, self.verdicts = folder / "log.txt", folder / "verdicts.jsonl"
        for name in tracked():
            target = self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
        if with_book:
            shutil.copytree(ROOT / HTML, self.root / HTML)

    @contextmanager
    def planted(self, fault: Fault) -> Iterator[None]:
        """Have a fault in the copy while the block runs."""
        kept = {name: (self.root / name).read_bytes() for name in fault.files()}
        if fault.file.startswith("book/src/"):
            kept[notebook_of(fault.file)] = (self.root / notebook_of(fault.file)).read_bytes()
        try:
            for name in fault.files():
                text = (self.root / name).read_text(encoding="utf-8")
                changed = fault.planted(text, name)
                (self.root / name).write_text(changed, encoding="utf-8", newline="\n")
            if fault.file.startswith("book/src/"):
                self._carry_over(fault.file)
            yield
        finally:
            for name, data in kept.items():
                (self.root / name).write_bytes(data)

    def _carry_over(self, source: str) -> None:
        """Take a chapter's source over into its notebook, and leave the stored outputs."""
        path = self.root / notebook_of(source)
        old, new = nbformat.read(path, as_version=4), read_source(self.root / source)
        before, now = ([c for c in one.cells if c.cell_type == "code"] for one in (old, new))
        for cell, ran in zip(now, before, strict=True):
            cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
        new.metadata = old.metadata
        path.write_text(nbformat.writes(new) + "\n", encoding="utf-8", newline="\n")

    def test(self, tests: Sequence[str], *options: str, patience: float = PATIENCE) -> Outcome:
        """Run tests in the copy, in a process of their own."""
        self.verdicts.write_text("")
        chapters = ["--chapters"] if any(".ipynb" in test for test in tests) else []
        plugins = ["-p", "no:cacheprovider", "-p", "tests.mutants.verdicts"]
        command = [sys.executable, "-m", "pytest", "-q", *plugins, *chapters, *options, *tests]
        own = {"PYTHONPATH": str(self.root), FILE: str(self.verdicts), "OMP_NUM_THREADS": "1"}
        own |= {"PYTHONDONTWRITEBYTECODE": "1"}  # a fault may keep a file's time and size
        outcome, began = Outcome(), time.perf_counter()
        if self.closed:
            return outcome
        with self.log.open("w+", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.root,
                env={k: v for k, v in os.environ.items() if k != "BOOK_HTML"} | own,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            with suppress(subprocess.TimeoutExpired):
                if not self.closed:
                    outcome.code = self.process.wait(patience)
            self._end()
            log.seek(0)
            outcome.output = log.read()
        outcome.seconds = time.perf_counter() - began
        outcome.verdicts = [json.loads(line) for line in self.verdicts.read_text().splitlines()]
        return outcome

    def close(self) -> None:
        """Take no more work, and break off what is being done."""
        self.closed = True
        if process := self.process:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)

    def _end(self) -> None:
        """End what still runs here: as Ctrl-C does, and after some seconds without asking."""
        process = self.process
        with suppress(ProcessLookupError):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(10)
            os.killpg(process.pid, signal.SIGKILL)  # with all that it has started
        process.wait()
        self.process = None


def notebook_of(source: str) -> str:
    """Return the notebook that is built from a chapter's source."""
    return f"book/{Path(source).stem}.ipynb"


def tracked() -> list[str]:
    """Return the files of the working tree that git has, or would take."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
