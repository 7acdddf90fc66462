"""The pytest plugin behind `pytest --chapters book`: nbval with tolerance, pictures and rules.

Every notebook gives one test for each check that needs no kernel (`structure`, `style`,
`source`) and one for each code cell; the cells run from the top in one fresh kernel. So run whole
chapters: a cell alone (`-k`, `--lf`) lacks the cells before it, and several workers need
`--dist loadfile`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError

from tests.notebooks import pictures
from tests.notebooks.compare import Figure, compare_outputs, figures, least_tolerance
from tests.notebooks.kernel import ChapterKernel, KernelDied
from tests.notebooks.records import compare_records
from tests.notebooks.structure import source_problems, structure_problems, tolerance
from tests.notebooks.style import style_problems

Check = Callable[[NotebookNode, Path], list[str]]
CHECKS: dict[str, Check] = {
    "structure": structure_problems,
    "style": style_problems,
    "source": source_problems,
}
DIFFERENCES = Path("build", "notebook-diffs")  # below pytest's root folder


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our two options; nbval's own `--nbval` stays off."""
    group = parser.getgroup("chapters", "the book's chapters")
    group.addoption("--chapters", action="store_true", help="run notebooks and compare outputs")
    group.addoption(
        "--chapters-cell-timeout",
        type=float,
        default=1200.0,
        metavar="SECONDS",
        help="end a cell that runs for longer (default: %(default)s)",
    )
    group.addoption(
        "--chapters-rounding",
        type=int,
        metavar="SEED",
        help="run them as a processor would that rounds otherwise, one for each seed",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Hand our time-out to nbval, whose default is half an hour."""
    if config.option.chapters:
        config.option.nbval_cell_timeout = config.option.chapters_cell_timeout


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect notebooks, but none from folders such as `_build` and `.ipynb_checkpoints`."""
    if not parent.config.option.chapters or file_path.suffix != ".ipynb":
        return None
    folders = file_path.relative_to(parent.path).parent.parts
    if any(folder.startswith(("_", ".")) for folder in (*folders, parent.path.name)):
        return None
    return Chapter.from_parent(parent, path=file_path)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how long each chapter ran."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            chapter, found, _ = getattr(report, "nodeid", "").partition(".ipynb::")
            if found:
                seconds[chapter] += getattr(report, "duration", 0.0)
    if seconds:
        terminalreporter.section("chapters, running time")
    for chapter, duration in sorted(seconds.items()):
        terminalreporter.write_line(f"{duration:6.1f} s  {chapter}.ipynb")


class Chapter(IPyNbFile):
    """One notebook."""

    ended_by: str | None = None  # why its remaining cells are not run

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the checks without a kernel, then the code cells, numbered as readers see them."""
        cells = list(super().collect())  # also reads self.nb
        for name, check in CHECKS.items():
            yield StaticCheck.from_parent(self, name=name, check=check)
        for number, item in enumerate(cells, start=1):
            # nbval names its own class of cells, so make them again as ours.
            yield ChapterCell.from_parent(
                self,
                name=f"cell {number}",
                cell_num=number,
                cell=item.cell,
                options=item.options,
            )

    def setup(self) -> None:
        """Start nothing yet: the checks without a kernel come first."""

    def start_kernel(self) -> None:
        """Start the kernel, for the first cell."""
        if self.kernel is None:
            self.kernel = ChapterKernel(self.config.option.chapters_rounding)

    def teardown(self) -> None:
        """End the kernel."""
        if self.kernel is not None:
            self.kernel.stop()


class ProblemsFound(Exception):
    """What a check without a kernel found."""


class StaticCheck(pytest.Item):
    """One check of a notebook that needs no kernel."""

    def __init__(self, *, check: Check, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.check = check

    def runtest(self) -> None:
        """Run the check."""
        if problems := self.check(self.parent.nb, self.path):
            raise ProblemsFound("\n".join(problems))

    def repr_failure(self, excinfo: pytest.ExceptionInfo) -> str:
        """Name the chapter in front of each problem."""
        if not isinstance(excinfo.value, ProblemsFound):
            return super().repr_failure(excinfo)
        return "\n".join(f"{self.path.name}, {line}" for line in str(excinfo.value).splitlines())

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return the headline of a failure."""
        return self.path, None, f"{self.path.name}, {self.name}"


def _differences(stored: Figure | None, fresh: Figure | None, rtol: float) -> list[str]:
    """Compare two figures, by what they show and as pictures; None is one that is missing."""
    if stored is None or fresh is None:
        return [f"only the {'fresh' if stored is None else 'stored'} one is there"]
    problems = []
    if stored.record and fresh.record:
        problems = compare_records(stored.record, fresh.record, rtol)
    elif stored.record or fresh.record:
        problems = [f"only the {'stored' if stored.record else 'fresh'} one has a record"]
    old, new = pictures.decode(stored.png), pictures.decode(fresh.png)
    if problem := pictures.compare_pictures(old, new, rtol):
        problems.append(problem)
    return problems


class ChapterCell(IPyNbCell):
    """One code cell."""

    def setup(self) -> None:
        """Start the kernel if this is the first cell; nbval would xfail after a time-out."""
        self.parent.start_kernel()

    def runtest(self) -> None:
        """Run the cell and compare; a cell after a broken one fails at once, by its name."""
        if self.parent.ended_by:
            self.raise_cell_error(f"not run, because {self.parent.ended_by}")
        self.test_outputs: list[NotebookNode] = []
        try:
            super().runtest()
        except KernelDied:
            self._end("the kernel died")
            self.raise_cell_error("the kernel died while it ran")
        except NbCellError:
            if self.parent.timed_out:
                self._end("it timed out")
            elif self._raised() and not self.options["check_exception"]:
                self._end(f"it raised {self._raised()}")
            raise
        if self.parent.timed_out:  # the interrupt would pass for the error that a tag asks for
            self._end("it timed out")
            self.raise_cell_error("it timed out")
        if self.options["check_exception"] and not self._raised():
            self.raise_cell_error("tagged raises-exception, but it raised nothing")
        if self.parent.kernel.failed and not self._raised():  # an unknown %magic, say
            self._end("it did not run to its end")
            self.raise_cell_error("it did not run to its end, and raised nothing")

    def _end(self, reason: str) -> None:
        self.parent.ended_by = f"cell [{self.cell_num}] broke the chapter: {reason}"

    def _raised(self) -> str | None:
        errors = [output.ename for output in self.test_outputs if output.output_type == "error"]
        return errors[0] if errors else None

    def compare_outputs(
        self,
        test: list[NotebookNode],
        ref: list[NotebookNode],
        skip_compare: tuple[str, ...] | None = None,
    ) -> bool:
        """Compare fresh (`test`) with stored (`ref`) outputs by our rules instead of nbval's."""
        self._measure(ref, test)
        self.comparison_traceback = compare_outputs(
            ref, test, tolerance(self.cell, "rtol"), self._compare_figures
        )
        return not self.comparison_traceback

    def _measure(self, stored: list[NotebookNode], fresh: list[NotebookNode]) -> None:
        """Put the least tolerances that would do into the report, where the matrix finds them."""
        pairs = list(zip_longest(figures(stored), figures(fresh)))
        needs = {
            "rtol": lambda rtol: compare_outputs(stored, fresh, rtol, lambda *_: []),
            "figure-rtol": lambda rtol: [p for pair in pairs for p in _differences(*pair, rtol)],
        }
        for name, problems in needs.items():
            self.user_properties.append((name, least_tolerance(problems)))

    def _compare_figures(self, stored: Figure, fresh: Figure, number: int) -> list[str]:
        problems = _differences(stored, fresh, tolerance(self.cell, "figure-rtol"))
        if problems:
            kept = DIFFERENCES / f"{self.path.stem}-cell-{self.cell_num}-{number}.png"
            file = self.config.rootpath / kept
            file.parent.mkdir(parents=True, exist_ok=True)
            old, new = pictures.decode(stored.png), pictures.decode(fresh.png)
            pictures.side_by_side(old, new).save(file)
            problems.append(f"stored, fresh and difference: {kept}")
        return problems

    def repr_failure(self, excinfo: pytest.ExceptionInfo) -> str:
        """Say where, what, and by how much, and show the cell."""
        error = excinfo.value
        if not isinstance(error, NbCellError):
            return super().repr_failure(excinfo)
        details = (error.inner_traceback or "").strip()
        cell = re.sub(r"^", "    ", self.cell.source, flags=re.MULTILINE)
        headline = f"{self.path.name}, cell [{self.cell_num}]: {error}"
        return "\n".join(part for part in (headline, details, cell) if part)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return the headline of a failure."""
        return self.path, None, f"{self.path.name}, cell [{self.cell_num}]"
