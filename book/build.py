"""Build the chapters: book/src/NN_name.md -> book/NN_name.ipynb, executed from the top.

Run `python book/build.py` (or `make chapters`) for the chapters whose source changed: where only
the text did, the outputs are kept. `python book/build.py 07` runs the named ones, and `--all` all
of them, as is needed after the package changed.
Building the same source twice gives the same bytes, so that a diff shows only what changed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import jupytext
import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError
from nbformat import NotebookNode

BOOK = Path(__file__).resolve().parent
CELL_TIMEOUT = 600  # seconds; only there to end a build that hangs

DEAD_PROXY = "http://127.0.0.1:9"  # the "discard" port: nothing answers there
KERNEL_ENVIRONMENT = {
    # An inherited backend would draw no inline figure, a personal matplotlibrc another one.
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "MATPLOTLIBRC": os.devnull,
    # A thread that waits for work goes to sleep almost at once. By default it spins for
    # milliseconds, which slows a busy machine down; never to spin slows a quiet one by a fifth.
    "GOMP_SPINCOUNT": "1000",
    # A chapter must run without the network. Nothing portable cuts it off for one process;
    # a proxy that refuses stops what Python usually downloads with (urllib, requests, pip).
    **{
        name: DEAD_PROXY
        for proxy in ("http_proxy", "https_proxy", "all_proxy")
        for name in (proxy, proxy.upper())
    },
    "no_proxy": "",
    "NO_PROXY": "",
}
KERNEL_ARGUMENTS = [
    # The default trims a figure to its labels, so its size moves with them, and writes
    # matplotlib's version into every PNG.
    "--InlineBackend.print_figure_kwargs={'bbox_inches': None, 'metadata': {'Software': None}}",
]


class BuildError(Exception):
    """A chapter could not be built; the message shows the cell."""


class ChapterKernels(KernelSpecManager):
    """Knows one kernel: this very Python, set up as every chapter expects it.

    The builder and the checker both start their kernels from here, so that they cannot differ.

    Parameters
    ----------
    home : Path
        A new folder. `home / "work"` is made in it: the empty folder in which the chapter runs.
        IPython's own files go to `home`, so that nobody's personal profile plays a part.
    launcher : Path
        The script that starts the kernel; the checker has one that rounds otherwise.
    """

    def __init__(self, home: Path, launcher: Path = BOOK / "kernel.py") -> None:
        super().__init__()
        self.home = home
        self.launcher = launcher
        self.work = home / "work"
        self.work.mkdir()

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the one kernel, whatever name a notebook asks for."""
        return KernelSpec(
            display_name="Python 3",
            language="python",
            argv=[sys.executable, str(self.launcher), "-f", "{connection_file}", *KERNEL_ARGUMENTS],
            env={**KERNEL_ENVIRONMENT, "IPYTHONDIR": str(self.home)},
        )


def read_source(path: Path) -> NotebookNode:
    """Read a chapter's MyST source as a notebook without outputs.

    Parameters
    ----------
    path : Path
        `book/src/NN_name.md`.

    Returns
    -------
    NotebookNode
        Version 4.5, with cell ids that depend on the cells' contents only.
    """
    notebook = jupytext.read(path, fmt="md:myst")
    notebook.metadata.pop("jupytext", None)
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    for cell, cell_id in zip(notebook.cells, _cell_ids(notebook.cells), strict=True):
        cell["id"] = cell_id  # jupytext draws random ones
    return notebook


def _cell_ids(cells: Sequence[NotebookNode]) -> Iterator[str]:
    """Yield a hash of each cell's type and source, numbered where it repeats."""
    seen: Counter[str] = Counter()
    for cell in cells:
        content = f"{cell.cell_type}\n{cell.source}".encode()
        digest = hashlib.sha256(content).hexdigest()[:12]
        seen[digest] += 1
        yield digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"


def same_cells(source: NotebookNode, notebook: NotebookNode) -> bool:
    """Say whether a notebook's cells are the source's, outputs apart."""
    return [_content(cell) for cell in source.cells] == [_content(c) for c in notebook.cells]


def _content(cell: NotebookNode) -> tuple[str, str, dict, str | None]:
    return cell.cell_type, cell.source, cell.metadata, cell.get("id")


def execute(notebook: NotebookNode) -> None:
    """Run a notebook in place: fresh kernel, from the top, in an empty folder.

    Raises
    ------
    BuildError
        If a cell raises unasked, if one tagged `raises-exception` does not, if the kernel
        dies, or if a cell runs for longer than `CELL_TIMEOUT`.
    """
    with tempfile.TemporaryDirectory(prefix="vaetut-") as home:
        kernels = ChapterKernels(Path(home))
        client = NotebookClient(
            notebook,
            km=AsyncKernelManager(kernel_spec_manager=kernels),
            timeout=CELL_TIMEOUT,
            record_timing=False,
            coalesce_streams=True,
        )
        try:
            client.execute(cwd=str(kernels.work), stderr=subprocess.DEVNULL, cleanup_kc=True)
        except (CellExecutionError, CellControlSignal, DeadKernelError) as error:
            raise BuildError(str(error)) from error
    for cell in _code(notebook):
        _require_the_error(cell)
        _tidy_outputs(cell)
    notebook.metadata["language_info"].pop("version", None)


def _require_the_error(cell: NotebookNode) -> None:
    raised = any(output.output_type == "error" for output in cell.outputs)
    if "raises-exception" in cell.metadata.get("tags", []) and not raised:
        raise BuildError(f"Tagged raises-exception, but raised nothing:\n\n{cell.source}")


def _tidy_outputs(cell: NotebookNode) -> None:
    """Keep what is the same on every machine: no stderr, and of an error its last line."""
    cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    for output in cell.outputs:
        if output.output_type == "error":
            output.traceback = [f"{output.ename}: {output.evalue}"]


def build(source: Path, target: Path) -> None:
    """Build and execute one chapter; the old notebook stays if that fails."""
    notebook = read_source(source)
    execute(notebook)
    _write(notebook, target)


def is_built(source: Path, target: Path) -> bool:
    """Say whether a notebook was built, with outputs, from its source as it stands now."""
    if not target.exists():
        return False
    notebook = nbformat.read(target, as_version=4)
    return _executed(notebook) and same_cells(read_source(source), notebook)


def rewrite(source: Path, target: Path) -> bool:
    """Take new text over into a notebook that ran with the same code, and say whether it did.

    What describes a picture is text, and so is a tag that says what a page hides; both are in the
    metadata of the cell.
    """
    if not target.exists():
        return False
    notebook, old = read_source(source), nbformat.read(target, as_version=4)
    before, now = (
        [(cell.source, _tags_of_the_run(cell)) for cell in _code(one)] for one in (old, notebook)
    )
    if now != before or not _executed(old):
        return False
    for cell, ran in zip(_code(notebook), _code(old), strict=True):
        cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
    notebook.metadata = old.metadata
    _write(notebook, target)
    return True


def _tags_of_the_run(cell: NotebookNode) -> list[str]:
    tags = cell.metadata.get("tags", [])
    return [tag for tag in tags if not tag.startswith(("hide-", "remove-"))]


def _executed(notebook: NotebookNode) -> bool:
    return all(cell.execution_count for cell in _code(notebook))


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _write(notebook: NotebookNode, target: Path) -> None:
    nbformat.validate(notebook)
    target.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")


def choose(names: Sequence[str], sources: Sequence[Path]) -> list[Path]:
    """Find the sources meant by names such as `07`, `07_code_in_action` or a path to either file.

    Raises
    ------
    BuildError
        If a name fits no source.
    """
    chosen = []
    for name in names:
        fitting = [source for source in sources if source.stem.startswith(Path(name).stem)]
        if not fitting:
            raise BuildError(f"No chapter's name starts with {Path(name).stem!r}.")
        chosen += fitting
    return chosen


def _build_all(names: Sequence[str], everything: bool, book: Path) -> None:
    sources = sorted((book / "src").glob("*.md"))
    for source in choose(names, sources) if names else sources:
        target = book / f"{source.stem}.ipynb"
        if not (everything or names) and is_built(source, target):
            print(f"{source.stem}: unchanged", flush=True)
            continue
        if not (everything or names) and rewrite(source, target):
            print(f"{source.stem}: only the text changed", flush=True)
            continue
        print(f"{source.stem}: running ...", end=" ", flush=True)
        start = time.perf_counter()
        build(source, target)
        print(f"built in {time.perf_counter() - start:.0f} s", flush=True)


def main(arguments: Sequence[str] | None = None, book: Path = BOOK) -> int:
    """Build what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(description="Build and execute the chapters.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="e.g. 07; default: what changed")
    parser.add_argument("--all", action="store_true", help="also chapters that did not change")
    options = parser.parse_args(arguments)
    try:
        _build_all(options.names, options.all, book)
    except BuildError as error:
        print(f"failed\n\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
