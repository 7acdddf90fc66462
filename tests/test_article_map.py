"""Appendix B names every loose end of the article once, and points to what shows it.

The second half holds the chapters to their list of confusions: each has its box, and the box has
a cell beside it that a reader can run.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from markdown_it.renderer import RendererHTML
from markdown_it.tree import SyntaxTreeNode
from myst_parser.config.main import MdParserConfig
from myst_parser.mdit_to_docutils.base import compute_unique_slug
from myst_parser.parsers.mdit import create_md_parser

from book.build import BOOK

B = BOOK / "src" / "B_the_article_corrected.md"
CONFIG = yaml.safe_load((BOOK.parent / "_config.yml").read_text(encoding="utf-8"))

# The article's headings, spelt as it spells them. Its opening has none.
HEADINGS = (
    "the opening",
    "obstacles to make input/output distribution the same",
    "ideal solution",
    "roundabout approach",
    "pratical solution",
    "reparameterization trick",
    "loss function (todo)",
    "code in action",
    "training function",
    "test encoder + decoder performance",
    "test encoder performance (set latent=2d for visilization)",
    "test decoder performance",
    "reference",
)
LOOSE_ENDS = range(1, 46)
TABLE_OF_ITS_OWN = 28  # the words, listed below the entry

# Chapter: the confusions that it has to answer, and how the box about each opens.
CONFUSIONS = {
    "04_encoder_and_decoder": (
        ("prior and posterior", "prior and posterior."),
        ("does q(z|x) become N(0, 1)", r"the KL term pulls $q_\phi(z\mid x)$ towards"),
        ("is a decoder output a sample", "is a decoder output a sample?"),
        (
            "why sample at training and use the mean at test",
            "why sample at training and use the mean at test?",
        ),
        ("sample or mean", "why sample at training and use the mean at test?"),
    ),
    "05_the_reparameterization_trick": (
        ("why log-variance", r"why does the encoder return $\log\sigma^2$"),
        ("σ or σ²", r"$\sigma$ or $\sigma^2$?"),
        ("sampling not differentiable", "is sampling not differentiable?"),
        ("one sample or many", "is one $z$ per image enough?"),
        ("ReLU on μ", "may the last layer end in a ReLU"),
    ),
    "06_the_loss": (
        ("sum or mean", "sum or mean?"),
        ("KL weight", "the weight of the KL."),
        ("KL's sign", "the sign of the KL."),
        ("BCE or MSE", "BCE or MSE?"),
        ("BCE on grey pixels", "BCE on grey pixels."),
        ("negative loss with Gaussian likelihood", "my loss is negative."),
        ("nats and bits per dimension", "nats and bits per dimension."),
    ),
    "08_the_bayesian_view": (
        ("ELBO or log-likelihood", "ELBO or log-likelihood?"),
        ("comparing papers", "comparing papers."),
    ),
    "09_how_good_is_it": (
        ("ELBO or log-likelihood", "ELBO or log-likelihood?"),
        ("comparing papers", "comparing papers."),
        ("sample or mean", "sample or mean?"),
        ("latent size", "latent size."),
    ),
    "10_what_goes_wrong": (("latent size", "latent size."),),
}

LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
ENTRY = re.compile(r"^\*\*(\d+) · ([^*]+)\*\* (.+)$", re.MULTILINE)
NOT_SHOWN = re.compile(r"^:tags: \[.*(remove-cell|exercise).*\]", re.MULTILINE)


class Section(NamedTuple):
    """What stands under a heading, up to the next of the same or a higher level."""

    title: str
    text: str
    boxes: tuple[str, ...]
    cells: tuple[str, ...]


def plain(text: str) -> str:
    """Return text with the words of its links, but without the addresses."""
    return " ".join(LINK.sub(r"\1", text).split())


@cache
def sections(path: Path) -> dict[str, Section]:
    """Return a page's sections by the anchors that MyST gives to their headings."""
    text = path.read_text(encoding="utf-8")
    extensions = set(CONFIG["parse"]["myst_enable_extensions"])
    parser = create_md_parser(MdParserConfig(enable_extensions=extensions), RendererHTML)
    nodes = SyntaxTreeNode(parser.parse(text)).children
    lines = text.splitlines()
    found: dict[str, Section] = {}
    for start, heading in enumerate(nodes):
        if heading.type != "heading":
            continue
        boxes, cells, end = [], [], len(lines)
        for node in nodes[start + 1 :]:
            if node.type == "heading" and node.tag <= heading.tag:
                end = node.map[0]
                break
            if node.type == "blockquote":
                boxes.append(plain(" ".join(line.lstrip("> ") for line in lines[slice(*node.map)])))
            is_cell = node.type == "fence" and node.info.startswith("{code-cell}")
            if is_cell and not NOT_SHOWN.search(node.content):
                cells.append(node.content)
        title = lines[heading.map[0]].lstrip("# ")
        # Only headings up to this level can be linked to; the others are counted all the same.
        linked = int(heading.tag[1]) <= CONFIG["sphinx"]["config"]["myst_heading_anchors"]
        anchor = compute_unique_slug(heading, found) if linked else f"# {start}"
        text = plain("\n".join(lines[heading.map[0] : end]))
        found[anchor] = Section(title, text, tuple(boxes), tuple(cells))
    return found


def source(link: str) -> Path:
    """Return the file that holds the text of the page a link of the book leads to."""
    page = link.partition("#")[0]
    return BOOK / "src" / f"{Path(page).stem}.md" if page.endswith(".ipynb") else BOOK / page


def prose(path: Path) -> str:
    """Return a page without its code cells."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def local_links(text: str) -> list[str]:
    """Return the links of a text that stay in the book."""
    return [link for _, link in LINK.findall(text) if not link.startswith("http")]


def rows(heading: str) -> list[list[str]]:
    """Return the body of the first table below a heading of B, cell by cell."""
    part = prose(B).split(f"\n{heading}\n")[1].split("\n## ")[0]
    table = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


ENTRIES = {int(number): (title, said) for number, title, said in ENTRY.findall(prose(B))}


def test_every_loose_end_is_there_once_and_in_order():
    assert [int(number) for number, _, _ in ENTRY.findall(prose(B))] == list(LOOSE_ENDS)
    assert len(re.findall(r"^\*\*\d+", prose(B), re.MULTILINE)) == len(LOOSE_ENDS)


@pytest.mark.parametrize("number", LOOSE_ENDS)
def test_an_entry_says_something_and_leads_somewhere(number):
    title, said = ENTRIES[number]
    text, _, places = said.partition("→")
    assert title.strip()
    assert len(text.split()) >= 12
    if number == TABLE_OF_ITS_OWN:
        assert len(rows("### The words")) >= 6
    else:
        assert local_links(places)


def test_every_heading_of_the_article_has_a_row():
    table = rows("## The story, heading by heading")
    assert [row[0] for row in table] == list(HEADINGS)
    for heading, told in table:
        assert local_links(told), heading
        assert len(LINK.sub("", told).split()) >= 6, heading


def test_no_table_of_b_has_an_empty_cell():
    for heading, columns in (("## The story, heading by heading", 2), ("### The words", 3)):
        for row in rows(heading):
            assert len(row) == columns
            assert all(row), row


@pytest.mark.parametrize("link", sorted(set(local_links(prose(B)))))
def test_a_link_of_b_leads_to_something_that_can_be_seen(link):
    path, anchor = source(link), link.partition("#")[2]
    assert path.exists(), f"{link}: there is no {path.relative_to(BOOK)}"
    found = sections(path)
    assert not anchor or anchor in found, f"{link}: no such heading, there are {sorted(found)}"
    section = found[anchor] if anchor else next(iter(found.values()))
    if path.parent.name == "src":
        says = [box for box in section.boxes if box.startswith("**The article says:**")]
        assert says or section.cells, f"{section.title}: neither a box nor a cell"


def test_anchors_are_those_of_the_built_book():
    """MyST leaves out mathematics and punctuation; a comment in a cell is no heading."""
    anchors = sections(BOOK / "src" / "04_encoder_and_decoder.md")
    assert anchors["does--become-"].title.startswith("Does $q")
    assert "is-the-decoders-output-a-sample" in anchors
    headings = re.findall(r"^#+ ", prose(BOOK / "src" / "04_encoder_and_decoder.md"), re.M)
    assert len(anchors) == len(headings)


@pytest.mark.parametrize(
    ("chapter", "name", "opening"),
    [(chapter, *row) for chapter, listed in CONFUSIONS.items() for row in listed],
)
def test_a_confusion_has_its_box_and_a_cell_beside_it(chapter, name, opening):
    beginning = f"**Common confusion:** *{opening}"
    found = sections(BOOK / "src" / f"{chapter}.md").values()
    holding = [s for s in found if any(box.startswith(beginning) for box in s.boxes)]
    assert holding, f"{chapter}: no box about {name}"
    # The last one that holds the box is the innermost.
    assert holding[-1].cells, f"{chapter}, {holding[-1].title}: no cell about {name}"
