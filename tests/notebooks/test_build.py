"""The builder: the same source gives the same bytes, and a failing chapter overwrites nothing."""

from pathlib import Path

import nbformat
import pytest

from book.build import BOOK, BuildError, build, choose, main

PLOT = """
```{code-cell} ipython3
:mystnb:
:  image:
:    alt: A line.

import sys
import matplotlib.pyplot as plt
print("one"); print("stderr", file=sys.stderr); print("two")
plt.plot([1, 2, 3])
plt.title("Three steps");
```
"""
ERROR = "\n```{code-cell} ipython3\n:tags: [raises-exception]\n1 / 0\n```\n"


@pytest.fixture
def book(tmp_path):
    (tmp_path / "src").mkdir()
    return tmp_path


def write(book, text, name="01_a"):
    path = book / "src" / f"{name}.md"
    path.write_text(f"# Title\n{text}")
    return path, book / f"{name}.ipynb"


def test_two_builds_give_the_same_tidy_bytes(book, capsys):
    _, target = write(book, PLOT + ERROR)
    assert main([], book) == 0
    first = target.read_bytes()
    assert main([], book) == 0
    assert "01_a: unchanged" in capsys.readouterr().out
    assert main(["--all"], book) == 0
    assert target.read_bytes() == first

    assert first.endswith(b"}\n")
    notebook = nbformat.read(target, as_version=4)
    assert "version" not in notebook.metadata.language_info
    _, plot, error = notebook.cells
    assert [cell.metadata.keys() for cell in (plot, error)] == [{"mystnb"}, {"tags"}]
    stream, picture = plot.outputs
    assert stream.text == "one\ntwo\n"
    assert "image/png" in picture.data
    (axes,) = picture.metadata["image/png"]["figure"]["axes"]
    assert axes["titles"][1] == "Three steps"
    assert error.outputs[0].traceback == ["ZeroDivisionError: division by zero"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "ZeroDivisionError"),
        (":tags: [raises-exception]\n1", "raised nothing"),
        ("import os; os._exit(1)", "died"),
        ("%nosuchmagic\n1 / 0", "nosuchmagic"),
    ],
    ids=["error", "silent", "dead", "magic"],
)
def test_a_failing_chapter_overwrites_nothing(book, code, message, capsys):
    _, target = write(book, f"```{{code-cell}}\n{code}\n```\n")
    target.write_text("old")
    assert main(["--all"], book) == 1
    assert message in capsys.readouterr().err
    assert target.read_text() == "old"


def test_a_changed_source_is_built_again(book):
    source, target = write(book, "x")
    build(source, target)
    source.write_text("# Another title\n")
    assert main([], book) == 0
    assert "Another title" in target.read_text()


def test_new_text_keeps_the_outputs_and_new_code_does_not(book, capsys):
    code = "```{{code-cell}}\nimport os; print(os.urandom(8), {})\n```\n"
    write(book, code.format(1))
    assert main([], book) == 0
    _, target = write(book, "New text.\n\n" + code.format(1))
    (_, old) = nbformat.read(target, as_version=4).cells
    assert main([], book) == 0
    assert "only the text changed" in capsys.readouterr().out
    text, new = nbformat.read(target, as_version=4).cells
    assert "New text." in text.source
    assert new == old
    write(book, "New text.\n\n" + code.format(2))
    assert main([], book) == 0
    assert nbformat.read(target, as_version=4).cells[1].outputs != old.outputs


def test_a_new_alt_text_is_text(book, capsys):
    for plot in (PLOT, PLOT.replace("A line.", "A rising line.")):
        _, target = write(book, plot)
        assert main([], book) == 0
    assert "only the text changed" in capsys.readouterr().out
    cell = nbformat.read(target, as_version=4).cells[1]
    assert cell.metadata.mystnb.image.alt == "A rising line."


@pytest.mark.parametrize(
    ("tag", "said"),
    [("hide-input", "only the text changed"), ("rtol=1e-2", "built in")],
)
def test_a_tag_that_hides_is_text_and_others_are_not(book, capsys, tag, said):
    for plot in (PLOT, PLOT.replace(":mystnb:", f":tags: [{tag}]\n:mystnb:")):
        _, target = write(book, plot)
        assert main([], book) == 0
    assert said in capsys.readouterr().out.splitlines()[-1]
    assert nbformat.read(target, as_version=4).cells[1].metadata.tags == [tag]


def test_chapters_are_chosen_by_name_or_path():
    sources = [Path("book/src/01_a.md"), Path("book/src/02_b.md")]
    for name in ("02", "02_b", "book/src/02_b.md", "book/02_b.ipynb"):
        assert choose([name], sources) == sources[1:]
    with pytest.raises(BuildError, match="'03'"):
        choose(["03"], sources)


def test_every_source_of_the_book_was_built():
    sources = {path.stem for path in (BOOK / "src").glob("*.md")}
    assert sources <= {path.stem for path in BOOK.glob("*.ipynb")}
