"""Planted faults in small notebooks: each must fail, with where and by how much.

A kernel takes seconds to start, so each notebook here carries many faults, one in a cell.
"""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from book.build import execute
from tests.notebooks.plugin import DIFFERENCES
from tests.notebooks.test_compare import plot
from tests.notebooks.test_static import CLOSING, OPENING

pytest_plugins = ["pytester"]


@pytest.fixture
def check(pytester, monkeypatch):
    """Write cells (source, outputs, tags) as an executed chapter; run the checker on it."""
    monkeypatch.setenv("MPLBACKEND", "agg")  # must not reach the kernel

    def run(*cells, arguments=()):
        cells = [
            new_code_cell(source, outputs=outputs, execution_count=n, metadata={"tags": list(tags)})
            for n, (source, outputs, *tags) in enumerate(cells, start=1)
        ]
        cells = [new_markdown_cell(OPENING), *cells, new_markdown_cell(CLOSING)]
        pytester.mkdir("book")
        nbformat.write(new_notebook(cells=cells), pytester.path / "book" / "01_a.ipynb")
        plugin = ("-p", "tests.notebooks.plugin", "-p", "no:cacheprovider")
        return pytester.runpytest(*plugin, "-v", "--chapters", "book", *arguments)

    return run


def printed(text):
    return [new_output("stream", name="stdout", text=text)]


def value(text, count):
    return [new_output("execute_result", {"text/plain": text}, execution_count=count)]


def shown(png):
    return [new_output("display_data", {"image/png": png, "text/plain": "<IPython...>"})]


def error(name, message):
    return [new_output("error", ename=name, evalue=message, traceback=[])]


def statuses(result):
    """Return how each cell ended, in order."""
    lines = [line for line in result.outlines if ".ipynb::cell " in line and "%]" in line]
    return [line.split()[2] for line in lines]


def test_what_passes_and_what_fails(check):
    result = check(
        ("import os; os.listdir()", value("[]", 1)),
        ("print(97.13)", printed("97.12\n")),
        ("print(98.13)", printed("97.12\n")),
        ("print((100, 785))", printed("(100, 784)\n")),
        ("print('nats')", printed("bits\n")),
        ("print(98.13)", printed("97.12\n"), "rtol=5e-2"),
        ("print(98.13)", printed("97.12\n"), "nbval-ignore-output"),
        ("1 / 0", error("ZeroDivisionError", "division by zero"), "raises-exception"),
        ("print(1)", printed("1\n"), "raises-exception"),
        ("3;", []),
        ("import sys; print('12%', file=sys.stderr)", []),
        ("os.environ.get('MPLBACKEND')", value("'module://matplotlib_inline.backend_inline'", 12)),
        ("import urllib.request as r; r.urlopen('https://example.org')", [], "raises-exception"),
        ("%precision 3", value("'%.3f'", 14)),
    )
    failed = [n for n, status in enumerate(statuses(result), start=1) if status == "FAILED"]
    assert failed == [3, 4, 5, 9, 13]
    result.stdout.fnmatch_lines(
        [
            "01_a.ipynb, cell [[]3[]]: Cell outputs differ",
            "stdout, line 1: stored 97.12, fresh 98.13: off by 1.01, allowed 0.0971 in '98.13'",
            "    print(98.13)",
            "01_a.ipynb, cell [[]4[]]: Cell outputs differ",
            "stdout, line 1: stored 784, fresh 785 (integers are exact) in '(100, 785)'",
            "01_a.ipynb, cell [[]5[]]: Cell outputs differ",
            "stdout, line 1: stored 'bits', fresh 'nats'",
            "01_a.ipynb, cell [[]9[]]: tagged raises-exception, but it raised nothing",
            "error: stored 0 of them, fresh 1",  # the network: refused at once
            "*= chapters, running time =*",
            " * s  book/01_a.ipynb",
        ]
    )


def test_pictures(check, pytester):
    def show(png):
        data = {"image/png": png, "text/plain": "<IPython...>"}
        return f"from IPython.display import *; publish_display_data({data})"

    result = check(
        (show(plot()), shown(plot())),
        (show(plot(shift=0.001)), shown(plot())),
        (show(plot(title="")), shown(plot())),
    )
    assert statuses(result) == ["PASSED", "PASSED", "FAILED"]
    kept = DIFFERENCES / "01_a-cell-3-1.png"
    result.stdout.fnmatch_lines(
        [
            "01_a.ipynb, cell [[]3[]]: Cell outputs differ",
            "image/png, off by * of 255 around x=*, y=*, allowed 50",
            f"image/png, stored, fresh and difference: {kept}",
        ]
    )
    assert (pytester.path / kept).stat().st_size > 1000


# A figure, a change in the cell that draws it, the cell's tag, and what is then said of it.
FIGURES = {
    "a point": ("plt.plot([1, 2, 3, 8])", ("2", "2.3"), "rtol=0.5"),
    "a point, with a tag": ("plt.plot([1, 2, 3, 8])", ("2", "2.3"), "figure-rtol=0.02"),
    "less than the tag allows": ("plt.plot([1, 2, 3, 8])", ("2", "2.1"), "figure-rtol=0.02"),
    "a colour": ("plt.scatter([1, 2], [3, 4], color='C0')", ("C0", "C1"), "rtol=0.5"),
    "an image": ("plt.imshow([[0, 1], [2, 3]])", ("1", "1.1"), "rtol=0.5"),
    "no record": ("plt.plot([1, 2])", ("plt.plot([1, 2])", "display_png()"), "rtol=0.5"),
}


def test_figures_are_compared_by_what_they_show(check):
    setup = (
        "import matplotlib.pyplot as plt; from io import BytesIO; from IPython.display import Image"
        "\ndef display_png():\n    plt.plot([1, 2]); file = BytesIO(); plt.savefig(file)"
        "\n    plt.close(); display(Image(file.getvalue()))"
    )
    sources = [setup, *(f"{draw};" for draw, _, _ in FIGURES.values())]
    stored = new_notebook(cells=[new_code_cell(source) for source in sources])
    execute(stored)
    changed = [setup, *(f"{draw.replace(*change)};" for draw, change, _ in FIGURES.values())]
    tags = [[], *([tag] for _, _, tag in FIGURES.values())]
    cells = zip(changed, (cell.outputs for cell in stored.cells), tags, strict=True)
    result = check(*((source, outputs, *tag) for source, outputs, tag in cells))
    failed = [name for name, s in zip(["", *FIGURES], statuses(result)) if s == "FAILED"]
    assert failed == [name for name in FIGURES if name != "less than the tag allows"]
    said = "image/png, axes 1 (rectilinear), artist 1 ({}), {}: stored {}, fresh {}{}".format
    share = ": off by 0.0* of its value or span, allowed {}".format
    result.stdout.fnmatch_lines(
        [
            said("line", "y[[]1[]]", 2, 2.3, share("0.001")),
            said("line", "y[[]1[]]", 2, 2.3, share("0.02")),
            said("points", "look", "'#1f77b4ff #1f77b4ff 1'", "'#ff7f0eff #ff7f0eff 1'", ""),
            said("image", "values row 00[[]1[]]", 1, 1.1, share("0.001")),
            "image/png, only the stored one has a record",
        ]
    )


def test_a_cell_that_does_not_run_to_its_end_fails(check):
    result = check(("%nosuchmagic\n1 / 0", []), ("print(1)", printed("1\n")))
    assert statuses(result) == ["FAILED", "FAILED"]
    result.stdout.fnmatch_lines(
        ["01_a.ipynb, cell [[]1[]]: it did not run to its end, and raised nothing"]
    )


def test_an_error_that_nobody_asked_for_ends_the_chapter(check):
    result = check(("x = undefined", []), ("print(1)", printed("1\n")))
    assert statuses(result) == ["FAILED", "FAILED"]
    result.stdout.fnmatch_lines(
        [
            "01_a.ipynb, cell [[]1[]]: Cell execution caused an exception",
            "*NameError*name 'undefined' is not defined*",
            "01_a.ipynb, cell [[]2[]]: not run, because cell [[]1[]] broke the chapter: "
            "it raised NameError",
        ]
    )


def test_a_dead_kernel_is_noticed_at_once(check):
    result = check(("import os; os._exit(1)", []), ("print(1)", printed("1\n")))
    assert statuses(result) == ["FAILED", "FAILED"]
    result.stdout.fnmatch_lines(
        [
            "01_a.ipynb, cell [[]1[]]: the kernel died while it ran",
            "01_a.ipynb, cell [[]2[]]: not run, * the kernel died",
        ]
    )


@pytest.mark.parametrize("tags", [[], ["raises-exception"]], ids=str)
def test_a_time_out_fails_all_that_follows(check, tags):
    result = check(
        ("import time; time.sleep(60)", error("KeyboardInterrupt", "") if tags else [], *tags),
        ("print(1)", printed("1\n")),
        arguments=["--chapters-cell-timeout", "1"],
    )
    assert statuses(result) == ["FAILED", "FAILED"]
    result.stdout.fnmatch_lines(["01_a.ipynb, cell [[]2[]]: not run, * it timed out"])


def test_the_checks_without_a_kernel_are_tests_of_their_own(pytester):
    cells = [new_markdown_cell("see {cite}`kingma2013`"), new_code_cell("1")]
    pytester.mkdir("book")
    nbformat.write(new_notebook(cells=cells), pytester.path / "book" / "appendix.ipynb")
    arguments = ("-p", "tests.notebooks.plugin", "--chapters", "-k", "not cell")
    result = pytester.runpytest(*arguments, "book")
    result.assert_outcomes(failed=3, deselected=1)
    result.stdout.fnmatch_lines(
        [
            "appendix.ipynb, stripped: none of its 1 code cells was executed",
            "appendix.ipynb, text at the top, line 1: a MyST role: 'see {cite}`kingma2013`'",
            "appendix.ipynb, it has no source src/appendix.md",
        ]
    )


def test_notebooks_are_left_alone_without_the_flag_and_in_built_folders(pytester):
    folder = pytester.mkdir("book")
    (folder / "_build").mkdir()
    notebook = new_notebook(cells=[new_code_cell("1")])
    nbformat.write(notebook, folder / "a.ipynb")
    nbformat.write(notebook, folder / "_build" / "a.ipynb")
    arguments = ("-p", "tests.notebooks.plugin", "--collect-only", "-q")
    assert "a.ipynb" not in pytester.runpytest(*arguments).stdout.str()
    collected = pytester.runpytest(*arguments, "--chapters").outlines
    assert "book/a.ipynb::cell 1" in collected
    assert not [line for line in collected if "_build" in line]
