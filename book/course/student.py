"""The students' notebooks: the chapters without outputs and without solutions, checks in place."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from .sources import ANSWER, BOOK, ROOT, chapters, read_source

EXTRA = ("A_notation_and_glossary", "D_solutions")  # appendices that the chapters lean on
PAGE = re.compile(r"\]\(((?:[A-Z]|\d\d\w?)_\w+|index|references|vae)\.(?:md|ipynb|(py))(#[^)]*)?\)")


def site() -> str:
    """Return the address of the published book's pages."""
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    return re.search(r"baseurl: (\S+)", config)[1] + "book/"


def write(folder: Path, graded: bool = False) -> None:
    """Write the notebooks; those for graded work come without appendix D."""
    folder.mkdir(parents=True)
    appendices = [name for name in EXTRA if not (graded and name.startswith("D"))]
    paths = [chapter.path for chapter in chapters().values()]
    paths += [BOOK / "src" / f"{name}.md" for name in appendices]
    names = {path.stem for path in paths}
    for path in paths:
        notebook = for_students(read_source(path), names)
        notebook.metadata["vaetut"] = {"version": project()["version"], "chapter": path.stem}
        nbformat.write(notebook, folder / f"{path.stem}.ipynb")


def project() -> dict:
    """Return what pyproject.toml says of the project."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def on_site(link: re.Match[str]) -> str:
    """Return a link to one of the book's pages or files as one to the published site."""
    name, file, place = link.groups()
    if file:
        return f"]({project()['urls']['Repository']}/blob/main/book/{name}.{file})"
    return f"]({site()}{name}.html{place or ''})"


def for_students(notebook: NotebookNode, names: set[str]) -> NotebookNode:
    """Take solutions out of a notebook, and lead links to pages that are not there to the site."""

    def lead(link: re.Match[str]) -> str:
        return link[0] if link[1] in names else on_site(link)

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = PAGE.sub(lead, ANSWER.sub("", cell.source)).rstrip()
    notebook.cells = [cell for cell in notebook.cells if cell.source]
    return notebook
