"""Say where a line of code may break, and which printed output must not.

Quoted code breaks within a name only where its parts meet. Printed output breaks where the screen
ends, but in a table that would mix the columns: it scrolls instead.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx

QUOTED = re.compile(r'(?<=<span class="pre">)[^<]+')
JOINT = re.compile(r"(?<=\w[_.(\[,=/:])(?=[A-Za-z])|(?<=[a-z])(?=[A-Z])")
GAP = r"\S {2,}(?=\S)"
COLUMNS = re.compile(rf"^(?:.*{GAP}.*{GAP}.*(?:\n|$)){{2}}", re.MULTILINE)
VERDICT = re.compile(r"\b(?:True|False)\b")
PHONE = 45  # characters of output fit in a line there, see vaetut.css


def is_table(printed: str) -> bool:
    """Say whether output has columns that a phone cannot show, and no verdict to be cut off."""
    longest = max(map(len, printed.splitlines()), default=0)
    return bool(COLUMNS.search(printed)) and longest > PHONE and not VERDICT.search(printed)


def mark_tables(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Give printed tables a class."""
    for node in doctree.findall(nodes.literal_block):
        if "output" in node["classes"] and is_table(node.astext()):
            node["classes"].append("columns")


def mark_joints(app: Sphinx, page: str, template: str, context: dict, doctree: object) -> None:
    """Let quoted code break where the parts of a name meet; a copy of it stays the same."""
    if app.builder.name == "html" and "body" in context:
        context["body"] = QUOTED.sub(lambda code: JOINT.sub("<wbr>", code[0]), context["body"])
