"""Assignments for otter-grader and nbgrader: one a chapter, packed by their own tools.

The sources are always written. The tools run in environments of their own, since they ask for other
versions of Jupyter's parts than the book; what the notebooks import, these borrow from the book's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from .sources import ROOT, Chapter, Exercise, chapters, preamble, solutions

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
OTTER, NBGRADER = "otter-grader==7.0.0", "nbgrader==0.9.6"
OTTER_CONFIG = """# ASSIGNMENT CONFIG
init_cell: true
export_cell: false
check_all_cell: false
generate: true
name: {name}
"""
NBGRADER_CONFIG = """c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "vaetut"
c.ClearSolutions.code_stub = {"python": ""}  # the empty function above stays
"""


def write_sources(course: Path) -> None:
    """Write the notebooks that the two tools make assignments from."""
    otter, nbgrader = course / "otter" / "source", course / "nbgrader"
    otter.mkdir(parents=True)
    nbgrader.mkdir()
    (nbgrader / "nbgrader_config.py").write_text(NBGRADER_CONFIG, encoding="utf-8")
    for chapter in chapters().values():
        name = f"chapter_{chapter.name}"
        nbformat.write(for_otter(chapter, name), otter / f"{name}.ipynb")
        (nbgrader / "source" / name).mkdir(parents=True)
        nbformat.write(for_nbgrader(chapter), nbgrader / "source" / name / f"{name}.ipynb")


def run_tools(course: Path) -> None:
    """Let the tools make students' versions, and check that the solutions get all points."""
    otter = _environment(course / "otter" / ".venv", OTTER)
    nbgrader = _environment(course / "nbgrader" / ".venv", NBGRADER)
    for chapter in chapters().values():
        name = f"chapter_{chapter.name}"
        notebook, into = f"source/{name}.ipynb", f"assigned/{name}"
        _run(course / "otter", otter, "otter", "assign", notebook, into)
        _run(course / "nbgrader", nbgrader, "nbgrader", "generate_assignment", name, "--create")


def _tested(exercises: list[Exercise]) -> list[tuple[Exercise, str]]:
    """Return the exercises with code, and the cell that tests each, with its hint if it fails."""
    return [
        (exercise, _test(exercise.number, exercise.function))
        for exercise in exercises
        if exercise.stub
    ]


def _test(number: str, function: str) -> str:
    return (
        f'verdict = exercises.judge("{number}", {function})\n'
        'assert verdict.state == "correct", str(verdict)'
    )


def _opening(chapter: Chapter) -> list[NotebookNode]:
    words = (
        f"# Exercises of {chapter.title}\n\nFill in the functions. Each is tested as in the book."
    )
    return [new_markdown_cell(words), new_code_cell(preamble())]


def _text(exercise: Exercise) -> str:
    return f"**{exercise.number} {exercise.title}.** {exercise.text}"


def for_otter(chapter: Chapter, name: str) -> NotebookNode:
    """Return a chapter's exercises in the form that `otter assign` reads."""
    cells = [new_raw_cell(OTTER_CONFIG.format(name=name)), *_opening(chapter)]
    for exercise, test in _tested(chapter.exercises()):
        question = exercise.number.replace(".", "_")
        solution = (
            f"# BEGIN SOLUTION NO PROMPT\n{solutions()[exercise.number]}\n# END SOLUTION\n"
            f'""" # BEGIN PROMPT\n{exercise.stub}\n""" # END PROMPT'
        )
        cells += [
            new_raw_cell(f"# BEGIN QUESTION\nname: q{question}\npoints: 1"),
            new_markdown_cell(_text(exercise)),
            new_raw_cell("# BEGIN SOLUTION"),
            new_code_cell(solution),
            new_raw_cell("# END SOLUTION"),
            new_raw_cell("# BEGIN TESTS"),
            new_code_cell(test),
            new_raw_cell("# END TESTS"),
            new_raw_cell("# END QUESTION"),
        ]
    return new_notebook(cells=cells, metadata=METADATA)


def for_nbgrader(chapter: Chapter) -> NotebookNode:
    """Return a chapter's exercises in the form that `nbgrader generate_assignment` reads."""
    cells = _opening(chapter)
    for exercise, test in _tested(chapter.exercises()):
        solved, name = solutions()[exercise.number], exercise.number.replace(".", "-")
        solution = f"{exercise.stub}\n\n### BEGIN SOLUTION\n{solved}\n### END SOLUTION"
        cells += [
            new_markdown_cell(_text(exercise)),
            _marked(new_code_cell(solution), f"answer-{name}"),
            _marked(new_code_cell(test), f"test-{name}", points=1),
        ]
    return new_notebook(cells=cells, metadata=METADATA)


def _marked(cell: NotebookNode, name: str, *, points: int = 0) -> NotebookNode:
    """Mark a cell as an answer, or as the test that gives points for it."""
    cell.metadata["nbgrader"] = {
        "schema_version": 3,
        "grade_id": name,
        "grade": points > 0,
        "solution": points == 0,
        "locked": points > 0,
        "task": False,
        **({"points": points} if points else {}),
    }
    return cell


def _environment(folder: Path, package: str) -> Path:
    """Make an environment with a tool, which finds all else in the book's; return its Python."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", package], check=True)
    places = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    lent = f"{sysconfig.get_path('purelib')}\n{ROOT}\n"
    Path(places.stdout.strip(), "zz_book.pth").write_text(lent, encoding="utf-8")
    return python.absolute()


def _run(folder: Path, python: Path, tool: str, *arguments: str) -> None:
    """Run a tool; what it says is shown only where it fails."""
    tools = {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [python.parent / tool, *arguments],
        cwd=folder,
        env=os.environ | tools,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = f"{done.stdout}\n{done.stderr}".strip()
        raise RuntimeError(f"{tool} {' '.join(arguments)} failed:\n{said[-3000:]}")
