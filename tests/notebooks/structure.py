"""Was this notebook executed as it stands, and does it let itself be checked?

Nothing here runs a cell. Every check returns its problems as sentences that begin with the place.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode
from nbval.plugin import find_comment_markers

from book.build import read_source, same_cells
from tests.notebooks.compare import DEFAULT_RTOL

IGNORING_TAGS = {"nbval-ignore-output", "nbval-skip"}
TAGS = IGNORING_TAGS | {
    "raises-exception",
    "hide-input",
    "hide-output",
    "hide-cell",
    "remove-input",
    "remove-output",
    "remove-cell",
    "exercise",
    "solution",
}
TOLERANCES = {"rtol": 0.5, "figure-rtol": 0.02}  # and the widest that a tag may ask for
UNEXPLAINED = {"rtol": 0.02, "figure-rtol": 1e-3}  # what is wider stands beside its reason
IGNORED_SHARE = 1 / 5  # of a chapter's code cells, at most
MOST_OF_A_RECORD = 20_000  # characters, so that a notebook stays small and a diff readable

TIMING = re.compile(  # "1990s" is none
    r"\b\d+(?:\.\d+)? ?(?:ns|µs|us|ms|secs?|seconds?|minutes?)\b|\b\d+(?:\.\d+ ?| )s\b"
)
ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
DISAGREEING = re.compile(r"^.* agree to \S+: False$", re.MULTILINE)  # what a chapter's agree prints


def tags(cell: NotebookNode) -> list[str]:
    """Return a cell's tags."""
    return cell.metadata.get("tags", [])


def tolerance(cell: NotebookNode, name: str) -> float:
    """Return a cell's tolerance: that of its tag `<name>=...`, or the default.

    Parameters
    ----------
    cell : NotebookNode
    name : str
        A key of `TOLERANCES`: "rtol" for numbers in text, "figure-rtol" for those of figures.

    Raises
    ------
    ValueError
        If the tag's value is no number, or is out of range.
    """
    widest = TOLERANCES[name]
    for tag in tags(cell):
        if tag.startswith(f"{name}="):
            value = float(tag.removeprefix(f"{name}="))
            if not 0 < value <= widest:
                raise ValueError(f"tag {tag!r}: {name} must lie between 0 and {widest:g}")
            return value
    return DEFAULT_RTOL


def places(notebook: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    """Yield each cell with its place as a reader sees it: `cell [3]`, `text after cell [3]`."""
    count = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            count += 1
            yield f"cell [{count}]", cell
        else:
            yield f"text after cell [{count}]" if count else "text at the top", cell


def code_cells(notebook: NotebookNode) -> list[tuple[str, NotebookNode]]:
    """Return the code cells with their places."""
    return [(place, cell) for place, cell in places(notebook) if cell.cell_type == "code"]


def structure_problems(notebook: NotebookNode, path: Path) -> list[str]:
    """Run all checks of this module but the one against the source."""
    return [
        *execution_problems(notebook),
        *error_problems(notebook),
        *tag_problems(notebook),
        *ignoring_problems(notebook),
        *fleeting_problems(notebook),
        *record_problems(notebook),
        *agreement_problems(notebook),
    ]


def execution_problems(notebook: NotebookNode) -> list[str]:
    """Require that every code cell was executed once, from the top, in a fresh kernel."""
    cells = code_cells(notebook)
    if cells and not any(cell.execution_count or cell.outputs for _, cell in cells):
        return [f"stripped: none of its {len(cells)} code cells was executed"]
    problems = []
    for expected, (place, cell) in enumerate(cells, start=1):
        if cell.execution_count is None:
            problems.append(f"{place}: not executed")
        elif cell.execution_count != expected:
            problems.append(f"{place}: out of order, it was executed as [{cell.execution_count}]")
    return problems


def error_problems(notebook: NotebookNode) -> list[str]:
    """Require an error where a tag asks for one, and nowhere else."""
    problems = []
    for place, cell in code_cells(notebook):
        errors = [output for output in cell.outputs if output.output_type == "error"]
        asked = "raises-exception" in tags(cell)
        if errors and not asked:
            error = errors[0]
            problems.append(f"{place}: an error nobody asked for, {error.ename}: {error.evalue}")
        if asked and not errors and cell.execution_count:
            problems.append(f"{place}: tagged raises-exception, but stores no error")
    return problems


def tag_problems(notebook: NotebookNode) -> list[str]:
    """Require known tags: a typo in one would switch a check off, or not switch it off."""
    problems = []
    for place, cell in places(notebook):
        problems += [f"{place}: unknown tag {tag!r}" for tag in tags(cell) if not _is_known(tag)]
        try:
            wide = [name for name, most in UNEXPLAINED.items() if tolerance(cell, name) > most]
        except ValueError as error:
            problems.append(f"{place}: {error}")
        else:
            if wide and not cell.metadata.get("because"):
                problems.append(
                    f"{place}: a wide {wide[0]} needs its reason, :because: in its head"
                )
        if cell.cell_type == "code" and any(find_comment_markers(cell.source)):
            problems.append(f"{place}: an NBVAL_ comment; use a tag, which readers do not see")
    return problems


def _is_known(tag: str) -> bool:
    name, equals, _ = tag.partition("=")
    return tag in TAGS or bool(equals and name in TOLERANCES)


def ignoring_problems(notebook: NotebookNode) -> list[str]:
    """Require that the outputs of at least four code cells in five are checked."""
    cells = code_cells(notebook)
    ignored = [place for place, cell in cells if IGNORING_TAGS.intersection(tags(cell))]
    if len(ignored) <= IGNORED_SHARE * len(cells):
        return []
    listed = ", ".join(ignored)
    return [f"ignores the outputs of {len(ignored)} of {len(cells)} cells: {listed}"]


def fleeting_problems(notebook: NotebookNode) -> list[str]:
    """Find timings and memory addresses in outputs that are checked: no two runs share them."""
    problems = []
    for place, cell in code_cells(notebook):
        if IGNORING_TAGS.intersection(tags(cell)):
            continue
        for text in _texts(cell):
            for kind, pattern in (("a timing", TIMING), ("a memory address", ADDRESS)):
                if found := pattern.search(text):
                    problems.append(f"{place}: {kind} in a checked output, {found[0]!r}")
    return problems


def record_problems(notebook: NotebookNode) -> list[str]:
    """Require that every matplotlib figure left a record of what it shows, and a small one."""
    problems = []
    for place, cell in code_cells(notebook):
        for output in cell.outputs:
            if not output.get("data", {}).get("text/plain", "").startswith("<Figure"):
                continue
            record = output.metadata.get("image/png", {}).get("figure")
            size = len(json.dumps(record))
            if record is None:
                problems.append(f"{place}: a figure without a record; build the chapter again")
            elif size > MOST_OF_A_RECORD:
                problems.append(
                    f"{place}: a figure with a record of {size:,} characters, "
                    f"allowed {MOST_OF_A_RECORD:,}; draw fewer artists, or two figures"
                )
    return problems


def agreement_problems(notebook: NotebookNode) -> list[str]:
    """Require that what a chapter says to agree is not one and the same, and that it agrees."""
    problems = []
    for place, cell in code_cells(notebook):
        for one, other in _compared(cell.source):
            if one == other:
                problems.append(f"{place}: agree compares {one} with itself")
        for text in _texts(cell):
            problems += [f"{place}: {line!r} is stored" for line in DISAGREEING.findall(text)]
    return problems


def _compared(source: str) -> Iterator[tuple[str, str]]:
    """Yield the two sides of each `agree(what, one, other, to=…)` in a cell."""
    if "agree(" not in source:
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "agree" and len(node.args) > 2:
            yield ast.unparse(node.args[1]), ast.unparse(node.args[2])


def _texts(cell: NotebookNode) -> Iterator[str]:
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            yield output.text
        for mime, value in output.get("data", {}).items():
            if mime in ("text/plain", "text/markdown", "text/html"):
                yield value


def source_problems(notebook: NotebookNode, path: Path) -> list[str]:
    """Require that the notebook at `path` was built from `src/<name>.md` as it stands now."""
    source_path = path.parent / "src" / f"{path.stem}.md"
    if not source_path.exists():
        return [f"it has no source src/{path.stem}.md"]
    source = read_source(source_path)
    if same_cells(source, notebook):
        return []
    remedy = f"build it again: make chapters, or python book/build.py {path.stem}"
    for (place, built), written in zip(places(notebook), source.cells, strict=False):
        if not same_cells(NotebookNode(cells=[written]), NotebookNode(cells=[built])):
            return [f"{place}: {_first_difference(written, built)}; {remedy}"]
    counts = f"{len(notebook.cells)} cells here, {len(source.cells)} in its source"
    return [f"{counts}; {remedy}"]


def _first_difference(written: NotebookNode, built: NotebookNode) -> str:
    lines = zip(written.source.splitlines(), built.source.splitlines(), strict=False)
    for number, (new, old) in enumerate(lines, start=1):
        if new != old:
            return f"line {number} is {old!r} here and {new!r} in its source"
    for part in ("cell_type", "source", "metadata", "id"):
        if written.get(part) != built.get(part):
            return f"{part} is {built.get(part)!r} here and {written.get(part)!r} in its source"
    raise AssertionError("the cells do not differ")
