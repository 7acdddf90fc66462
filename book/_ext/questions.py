"""Number the questions of a page, and put their answers at its end where nothing unfolds.

In a source a question is a box "**Question:** …" with four answers, and what is said of each stands
below it in a `<details>`. A site unfolds that; paper and e-books get it at the end of the page.
"""

from __future__ import annotations

from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx

LABEL = "Question:"
SUMMARY = "<summary>Which one, and why?</summary>"
HEADING = "Answers to the questions"


def find(doctree: nodes.document) -> Iterator[tuple[nodes.strong, list[nodes.Node]]]:
    """Yield the label of each question, and the nodes from its `<details>` to the end of it."""
    for quote in doctree.findall(nodes.block_quote):
        label = next(iter(quote.findall(nodes.strong)), None)
        if label is None or label.astext() != LABEL:
            continue
        after = quote.parent[quote.parent.index(quote) + 1 :]
        opening, answers, closing = after[:3]
        if SUMMARY not in opening.astext() or "</details>" not in closing.astext():
            raise ValueError(f"{doctree['source']}: a question without its four reasons")
        yield label, [opening, answers, closing]


def arrange(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Number the questions, and copy or move what is said of their answers."""
    html = app.builder.name == "html"
    end = nodes.container(classes=["answers-at-the-end"])
    for number, (label, inside) in enumerate(find(doctree), 1):
        label.children = [nodes.Text(f"Question {number}:")]
        opening, answers, _ = inside
        end += nodes.paragraph("", "", nodes.strong("", f"Question {number}"))
        end += answers.deepcopy()
        if html:
            text = opening.astext().replace("<details>", '<details class="answers">')
            opening.children = [nodes.Text(text)]
        else:
            for node in inside:
                node.parent.remove(node)
    if end.children:
        end.insert(0, nodes.rubric("", HEADING))
        sections = [node for node in doctree.children if isinstance(node, nodes.section)]
        (sections[-1] if sections else doctree).append(end)
