"""Keep tables of sentences readable on a phone.

There, a table of three columns and more, of which two hold sentences, has no room for columns: its
rows are shown one below the other, and each cell says the name of its column. In other tables a
cell that holds a sentence gets a least width, and the table scrolls.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx

SENTENCE = 45  # characters


def arrange(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Find the tables of sentences, and mark them for vaetut.css."""
    if app.builder.name != "html":
        return
    for table in doctree.findall(nodes.table):
        rows = [list(row.findall(nodes.entry)) for row in table.findall(nodes.row)]
        columns = list(zip(*rows, strict=False))
        holds_sentences = [any(len(e.astext()) > SENTENCE for e in column) for column in columns]
        if len(columns) > 2 and sum(holds_sentences) > 1:
            stack(table, columns)
            continue
        for column, has in zip(columns, holds_sentences, strict=True):
            if has:
                column[0]["classes"].append("sentences")


def stack(table: nodes.table, columns: list[tuple[nodes.entry, ...]]) -> None:
    """Mark a table, and write the name of its column into each cell; only a phone shows it."""
    table["classes"].append("stacked")
    for head, *cells in columns:
        for cell in cells:
            cell.insert(0, nodes.inline("", head.astext(), classes=["column"]))
