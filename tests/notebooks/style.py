"""Does this chapter read clean everywhere, and does it open and close as all chapters do?

JupyterLab, VS Code, GitHub and Colab know plain Markdown and standard TeX: what only Sphinx
understands would stand there raw. Nothing here runs a cell; problems are sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

from tests.notebooks.structure import code_cells, places

# The question, and below it, folded under the time that the chapter takes, what one will learn.
OPENING = re.compile(r"# .+\n\n.*\*\*.+\?\*\*.*\n\n<details>\n<summary><b>Time:</b> .+</summary>\n")
PROMISES = ("**You will be able to** ", "**You need** ")
CLOSING = ["Summary", "Exercises", "What to read next"]

FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
INLINE_CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")
LINK = re.compile(r"(!?)\[[^\]]*\]\(<?([^)\s>]+)")
IMAGE_TAG = re.compile(r"<img\b[^>]*\bsrc=[\"'](?!https?:|data:)")

# What is looked for in every line; and, since they have backticks, in code marks too:
DIRECTIVES = {
    "a MyST directive": re.compile(r"^\s*(?:`{3,}|~{3,}|:{3,})\s*\{|^\s*:{3,}"),
    "a MyST role": re.compile(r"(?<!`)\{[A-Za-z][\w:+-]*\}`[^`]"),
}
# What is looked for outside of code only:
FOREIGN = {
    "a MyST label": re.compile(r"^\s*\([\w:.-]+\)=\s*$"),
    "a MyST comment": re.compile(r"^%(?:\s|$)"),
    r"an equation label (use \tag{6.2})": re.compile(
        r"\$\$\s*\([^)]*\)\s*$|\\label\b|\\(?:eq)?ref\b"
    ),
    "a TeX macro of our own": re.compile(
        r"\\(?:(?:re)?newcommand|providecommand|DeclareMathOperator|[gex]?def|let|require)\b"
    ),
    "a citation that is no link": re.compile(r"\[@\w|\\cite\w*\b"),
}


def style_problems(notebook: NotebookNode, path: Path) -> list[str]:
    """Run all checks of this module on the notebook at `path`."""
    problems = [*markup_problems(notebook), *link_problems(notebook, path)]
    problems += alt_text_problems(notebook)
    if re.match(r"\d\db?_", path.name):  # appendices open and close as they like
        problems += frame_problems(notebook)
    return problems


def _lines(notebook: NotebookNode) -> Iterator[tuple[str, str, str]]:
    """Yield place, line, and the line without its code (fenced lines become empty)."""
    for place, cell in places(notebook):
        if cell.cell_type != "markdown":
            continue
        fence = ""
        for number, line in enumerate(cell.source.splitlines(), start=1):
            where = f"{place}, line {number}"
            mark = FENCE.match(line)
            if fence:
                if mark and line.strip() == mark[1] and mark[1].startswith(fence):
                    fence = ""
            elif mark:
                fence = mark[1]
                yield where, line, ""
            else:
                yield where, line, INLINE_CODE.sub("", line)


def markup_problems(notebook: NotebookNode) -> list[str]:
    """Find markup that is neither plain Markdown nor standard TeX."""
    problems = []
    for where, line, prose in _lines(notebook):
        for patterns, text in ((DIRECTIVES, line), (FOREIGN, prose)):
            for name, pattern in patterns.items():
                if pattern.search(text):
                    problems.append(f"{where}: {name}: {line.strip()!r}")
    return problems


def link_problems(notebook: NotebookNode, path: Path) -> list[str]:
    """Require relative links to existing notebooks, and no pictures from neighbouring files."""
    problems = []
    for where, _, prose in _lines(notebook):
        for picture, target in LINK.findall(prose):
            if problem := _link_problem(bool(picture), target, path.parent):
                problems.append(f"{where}: {problem}")
        if IMAGE_TAG.search(prose):
            problems.append(f"{where}: a picture from a file, which a lone notebook lacks")
    return problems


def _link_problem(picture: bool, target: str, folder: Path) -> str | None:
    if re.match(r"#|https?:|mailto:|data:|attachment:", target):
        return None
    if picture:
        return f"a picture from the file {target!r}, which a lone notebook lacks; draw it in a cell"
    file = folder / target.partition("#")[0]
    if file.suffix != ".ipynb" and file.with_suffix(".ipynb").exists():
        return f"the link {target!r} should go to {file.stem}.ipynb"
    return None if file.exists() else f"the link {target!r} leads nowhere"


def alt_text_problems(notebook: NotebookNode) -> list[str]:
    """Require alt text for figures, and a title and description inside an SVG."""
    problems = []
    for place, cell in code_cells(notebook):
        pictures = [output.get("data", {}) for output in cell.outputs]
        kinds = {mime for data in pictures for mime in data if mime.startswith("image/")}
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        if kinds and not alt.strip():
            problems.append(f"{place}: a figure without alt text (mystnb: image: alt)")
        drawings = [data["image/svg+xml"] for data in pictures if "image/svg+xml" in data]
        if not all("<title" in svg and "<desc" in svg for svg in drawings):
            problems.append(f"{place}: an SVG without <title> and <desc>")
    return problems


def frame_problems(notebook: NotebookNode) -> list[str]:
    """Require the opening before the first code cell and the three closing sections."""
    top = "\n".join(cell.source for place, cell in places(notebook) if place == "text at the top")
    problems = [f"the opening lacks {phrase!r}" for phrase in PROMISES if phrase not in top]
    if not OPENING.match(top):
        problems.append("it does not open with a question, and the time as the head of a <details>")
    headings = [line[3:].strip() for _, line, prose in _lines(notebook) if prose.startswith("## ")]
    if headings[-3:] != CLOSING:
        problems.append(f"its last sections are {headings[-3:]}, not {CLOSING}")
    return problems
