"""A measured number is printed by a cell, never typed into a sentence; a few are known to be more.

A cost in a sentence has "nats" behind it. Where it has decimals, too, it was measured, and would be
stale after the next training; unless it is a formula's value, or somebody else's. A question makes
up its own numbers, and so does an exercise; they, and what is folded, are left out.
"""

from __future__ import annotations

import math
import re

import pytest

from benchmarks.train_weights import JOBS, METZEN
from book.build import BOOK, read_source

SOURCES = sorted((BOOK / "src").glob("*.md"))
NATS = re.compile(r"(\d+\.\d+)(?:\s|&nbsp;|\\,)+nats")
LEFT_OUT = re.compile(
    r"^> \*\*Question:\*\*.*(?:\n>.*)*|<details>[\s\S]*?</details>|^## Exercises\n[\s\S]*?(?=^## )",
    re.MULTILINE,
)
PUBLISHED = METZEN[20]["2017"][-1] - JOBS["vae-k1"].published["nll"]
# What may stand in a sentence of a chapter, and where it comes from.
KNOWN = {
    "01": [0.5 * (0.1**2 - 1 - math.log(0.1**2))],  # a cloud a tenth as wide as the prior
    "03": [0.1],  # an error of 10 %
    "08": [PUBLISHED],  # between two papers
    "09": [0.79, 0.2],  # Burda et al. 2015, §5.1; and how large the ± of a table is, about
    "09b": [math.log(10), math.log(100)],  # one in ten, one in a hundred
    "C": [METZEN[20]["2015"][0]],
}


def typed(text: str) -> list[str]:
    """Return the numbers of nats in a text, tables and formulas of their own line apart."""
    lines = LEFT_OUT.sub("", text).splitlines()
    lines = [line for line in lines if not line.lstrip("> ").startswith(("|", "$$"))]
    return NATS.findall("\n".join(lines))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem.split("_")[0])
def test_a_number_of_nats_in_a_sentence_is_computed(path):
    cells = [cell for cell in read_source(path).cells if cell.cell_type == "markdown"]
    for number in typed("\n".join(cell.source for cell in cells)):
        digits = len(number.partition(".")[2])
        known = [f"{value:.{digits}f}" for value in KNOWN.get(path.stem.split("_")[0], [])]
        assert number in known, f"{number} nats is typed; let a cell print it, or say in KNOWN why"


def test_what_counts_as_typed():
    assert typed("It costs 97.3 nats, and 2 nats more; exactly 1.5 and 1.8\\,nats.") == [
        "97.3",
        "1.8",
    ]
    assert typed("| a | 97.3 nats |\n$$ 1.0 nats $$") == []
    assert typed("> **Question:** Is it\n> 3.1 nats?\n\n> It is 3.2 nats.") == ["3.2"]
    assert typed("<details>\n3.1 nats\n</details>\n## Exercises\n3.2 nats\n## What\n") == []
