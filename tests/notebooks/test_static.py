"""What a notebook may look like: the checks that run nothing."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from book.build import read_source
from tests.notebooks.structure import source_problems, structure_problems, tolerance
from tests.notebooks.style import style_problems

OPENING = """# Title

You can read. **Can you count?**

<details>
<summary><b>Time:</b> an hour</summary>

**You will be able to** count.

**You need** patience.

</details>"""
CLOSING = "## Summary\n\nx\n\n## Exercises\n\ny\n\n## What to read next\n\nz"
ERROR = new_output("error", ename="ValueError", evalue="3", traceback=[])


def code(source="1", outputs=(), count=1, alt=None, tags=(), **metadata):
    metadata |= {"tags": list(tags)} if tags else {}
    if alt is not None:
        metadata["mystnb"] = {"image": {"alt": alt}}
    return new_code_cell(source, execution_count=count, outputs=list(outputs), metadata=metadata)


def printed(text):
    return new_output("stream", name="stdout", text=text)


def shown(**data):
    mime = {"png": "image/png", "svg": "image/svg+xml", "plain": "text/plain"}
    return new_output("display_data", {mime[kind]: value for kind, value in data.items()})


def structure(*cells, path=None):
    return structure_problems(new_notebook(cells=list(cells)), path)


def style(tmp_path, *cells, name="01_a.ipynb", framed=False):
    cells = cells if framed else [new_markdown_cell(OPENING), *cells, new_markdown_cell(CLOSING)]
    return style_problems(new_notebook(cells=list(cells)), tmp_path / name)


def test_a_sound_notebook_has_no_problems():
    assert (
        structure(
            new_markdown_cell("# Title"),
            code(outputs=[printed("97.12 nats, 10 steps, 1990s\n")]),
            code("f()", [ERROR], count=2, tags=["raises-exception", "hide-input", "rtol=2e-2"]),
        )
        == []
    )


def test_a_stripped_notebook():
    cells = [code(count=None), code(count=None)]
    assert structure(*cells) == ["stripped: none of its 2 code cells was executed"]


def test_an_unexecuted_cell():
    assert structure(code(), new_markdown_cell("x"), code(count=None)) == ["cell [2]: not executed"]


def test_cells_out_of_order():
    assert structure(code(count=2), code(count=1)) == [
        "cell [1]: out of order, it was executed as [2]",
        "cell [2]: out of order, it was executed as [1]",
    ]


def test_an_error_that_nobody_asked_for():
    (problem,) = structure(code(outputs=[ERROR]))
    assert problem == "cell [1]: an error nobody asked for, ValueError: 3"


def test_an_error_that_was_asked_for_and_did_not_come():
    (problem,) = structure(code(tags=["raises-exception"]))
    assert problem == "cell [1]: tagged raises-exception, but stores no error"


@pytest.mark.parametrize(
    "tag",
    [
        *("nbval-ignore-outputs", "rtol", "Rtol=0.1", "atol=1", "rtol=2", "rtol=x"),
        *("figure-rtol", "figure-rtol=0.03", "figure_rtol=0.01"),
    ],
)
def test_an_unknown_tag(tag):
    (problem,) = structure(code(tags=[tag]))
    assert problem.startswith("cell [1]: ")


def test_tags_of_text_are_checked_too():
    cell = new_markdown_cell("x", metadata={"tags": ["wide"]})
    assert structure(code(), cell) == ["text after cell [1]: unknown tag 'wide'"]


def test_a_comment_cannot_switch_checks_off():
    (problem,) = structure(code("# NBVAL_IGNORE_OUTPUT\n1"))
    assert "NBVAL_ comment" in problem


def test_tolerances_are_read_from_their_own_tags():
    tagged = code(tags=["hide-input", "rtol=5e-2"])
    assert tolerance(code(), "rtol") == tolerance(code(), "figure-rtol") == 1e-3
    assert tolerance(tagged, "rtol") == 5e-2
    assert tolerance(tagged, "figure-rtol") == 1e-3
    assert tolerance(code(tags=["figure-rtol=2e-2"]), "figure-rtol") == 2e-2


@pytest.mark.parametrize("tag", ["rtol=3e-2", "figure-rtol=2e-3"])
def test_a_wide_tolerance_needs_its_reason(tag):
    (problem,) = structure(code(tags=[tag]))
    assert problem.startswith(f"cell [1]: a wide {tag.partition('=')[0]} needs its reason")
    assert structure(code(tags=[tag], because="a difference of large numbers")) == []


def test_one_cell_in_five_may_ignore_its_outputs():
    def cells(ignoring, checked):
        tags = [["nbval-ignore-output"], ["nbval-skip"]] * ignoring
        tags = tags[:ignoring] + [[]] * checked
        return [code(count=n, tags=tag) for n, tag in enumerate(tags, start=1)]

    assert structure(*cells(2, 8)) == []
    assert structure(*cells(2, 7)) == ["ignores the outputs of 2 of 9 cells: cell [1], cell [2]"]


@pytest.mark.parametrize("text", ["1.5s", "took 12 s", "3 ms", "4.2 seconds", "<f at 0x7f3a5c2d>"])
def test_outputs_that_no_two_runs_share(text):
    (problem,) = structure(code(outputs=[printed(text)]))
    assert problem.startswith("cell [1]: a ")
    assert (
        structure(
            *[code(count=n) for n in range(1, 5)],
            code(outputs=[printed(text)], count=5, tags=["nbval-ignore-output"]),
        )
        == []
    )


@pytest.mark.parametrize("record", [None, {"texts": ["x" * 20_000]}], ids=["none", "large"])
def test_a_figure_leaves_a_small_record(record):
    figure = shown(png="A", plain="<Figure size 640x480 with 1 Axes>")
    figure.metadata = {"image/png": {"figure": record}} if record else {}
    (problem,) = structure(code(outputs=[figure]))
    assert problem.startswith("cell [1]: a figure with")
    figure.metadata = {"image/png": {"figure": {"texts": [], "axes": []}}}
    assert structure(code(outputs=[figure])) == []


def test_what_agrees_is_not_compared_with_itself():
    (problem,) = structure(code('agree("a", f( x ), f(x), to=1e-3)\nagree("b", x, y, to=1e-3)'))
    assert problem == "cell [1]: agree compares f(x) with itself"
    assert structure(code("def agree(what, one, other, to):\n    return one == other")) == []


def test_what_does_not_agree_is_not_stored():
    text = "a agree to 0.001: True\nb agree to 0.001: False\n"
    (problem,) = structure(code(outputs=[printed(text)]))
    assert problem == "cell [1]: 'b agree to 0.001: False' is stored"
    assert structure(code(outputs=[printed("equal: False\n")])) == []


def test_source_and_notebook_must_agree(tmp_path):
    (tmp_path / "src").mkdir()
    source = tmp_path / "src" / "01_a.md"
    path = tmp_path / "01_a.ipynb"
    text = "# A\n\n```{code-cell} ipython3\nx = 1\nx\n```\n\n```{code-cell} ipython3\nx\n```\n"
    source.write_text(text)
    notebook = read_source(source)
    assert source_problems(notebook, path) == []

    source.write_text(text.replace("x = 1", "x = 2"))
    (problem,) = source_problems(notebook, path)
    assert problem.startswith("cell [1]: line 1 is 'x = 1' here and 'x = 2' in its source; build")

    source.write_text(text.replace("x = 1", ":tags: [hide-input]\nx = 1"))
    (problem,) = source_problems(notebook, path)
    assert problem.startswith("cell [1]: metadata is {} here and {'tags': ['hide-input']} in")

    source.write_text(text + "\nThe end.\n")
    assert source_problems(notebook, path)[0].startswith("3 cells here, 4 in its source; build")

    source.unlink()
    assert source_problems(notebook, path) == ["it has no source src/01_a.md"]


def test_cell_ids_are_fixed_and_differ(tmp_path):
    source = tmp_path / "a.md"
    source.write_text("```{code-cell}\nx\n```\n\n```{code-cell}\nx\n```\n\nx\n")
    first, second = read_source(source), read_source(source)
    ids = [cell.id for cell in first.cells]
    assert ids == [cell.id for cell in second.cells]
    assert len(set(ids)) == 3
    assert ids[1] == f"{ids[0]}-2"


CLEAN = {
    "equations": "$$\nx = 1 \\tag{6.2}\n$$\n\n$\\left(a\\right) \\leq b$",
    "boxes": "> **Common confusion:** is it?\n\n<details>\n\nNo.\n\n</details>",
    "citation": "[Kingma & Welling 2013, §2.2](https://arxiv.org/abs/1312.6114)",
    "code": "```python\n{note}\n$$x$$ (1)\n\\newcommand\n[@key]\n```\n\nand `\\def` or `[a](b.md)`",
    "anchor": "[above](#summary)",
}
UNCLEAN = {
    "a MyST directive": "```{note}\nx\n```",
    "a MyST directive ": ":::{note}\nx\n:::",
    "a MyST role": "see {cite}`kingma2013`",
    "a MyST label": "(sec-loss)=",
    "a MyST comment": "% a remark",
    "an equation label": "$$ x $$ (eq-elbo)",
    "an equation label ": "$$ x \\label{eq} $$",
    "a TeX macro of our own": "$\\newcommand{\\E}{E}$",
    "a TeX macro of our own ": "$\\def\\E{E}$",
    "a citation that is no link": "as in [@kingma2013]",
    "leads nowhere": "[next](02_b.ipynb)",
    "should go to 01_a.ipynb": "[here](01_a.md#x)",
    "should go to 01_a.ipynb ": "[here](01_a.html)",
    "draw it in a cell": "![a drawing](figures/a.svg)",
    "a picture from a file": '<img src="figures/a.svg" alt="a drawing">',
}


@pytest.mark.parametrize("text", CLEAN.values(), ids=CLEAN)
def test_clean_text(text, tmp_path):
    assert style(tmp_path, new_markdown_cell(text)) == []


@pytest.mark.parametrize(("name", "text"), UNCLEAN.items(), ids=UNCLEAN)
def test_unclean_text(name, text, tmp_path):
    (tmp_path / "01_a.ipynb").touch()
    problems = style(tmp_path, code(), new_markdown_cell(f"A line.\n\n{text}"))
    assert problems[0].startswith("text after cell [1], line 3: ")
    assert name.strip() in problems[0]


def test_links_between_chapters(tmp_path):
    (tmp_path / "02_b.ipynb").touch()
    assert style(tmp_path, new_markdown_cell("[next](02_b.ipynb#a-section)")) == []


def test_a_figure_needs_alt_text(tmp_path):
    picture = [shown(png="iVBO", plain="<Figure>")]
    assert style(tmp_path, code(outputs=picture, alt="A sine.")) == []
    (problem,) = style(tmp_path, code(outputs=picture, alt=" "))
    assert problem == "cell [1]: a figure without alt text (mystnb: image: alt)"


def test_an_svg_needs_title_and_description(tmp_path):
    good, bad = "<svg><title>t</title><desc>d</desc></svg>", "<svg></svg>"
    assert style(tmp_path, code(outputs=[shown(svg=good)], alt="A map.")) == []
    (problem,) = style(tmp_path, code(outputs=[shown(svg=bad)], alt="A map."))
    assert problem == "cell [1]: an SVG without <title> and <desc>"


def test_chapters_open_and_close_alike(tmp_path):
    cells = [
        new_markdown_cell("# Title\n\n**You need** patience."),
        code(),
        new_markdown_cell("## Summary"),
    ]
    assert style(tmp_path, *cells, framed=True) == [
        "the opening lacks '**You will be able to** '",
        "it does not open with a question, and the time as the head of a <details>",
        "its last sections are ['Summary'], not ['Summary', 'Exercises', 'What to read next']",
    ]
    assert style(tmp_path, *cells, framed=True, name="notation.ipynb") == []
