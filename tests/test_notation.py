"""Appendix A's tables of notation have every symbol that a chapter's formulas use."""

from __future__ import annotations

import re

import pytest

from book.build import BOOK

CHAPTERS = sorted((BOOK / "src").glob("[0-9][0-9]*_*.md"))
APPENDIX = BOOK / "src" / "A_notation_and_glossary.md"
FORMULA = re.compile(r"\$\$(.*?)\$\$|\$([^$]+)\$", re.S)
WORDS = re.compile(r"\\(?:text|operatorname|mathrm|mathsf|tag|begin|end)\*?\s*(?:\{[^{}]*\}|\w)")
GREEK = re.compile(
    "alpha|beta|gamma|delta|(var)?epsilon|zeta|eta|theta|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|phi"
    "|chi|psi|omega|ell|Gamma|Delta|Theta|Lambda|Sigma|Phi|Psi|Omega"
)
SYMBOL = re.compile(
    r"\\(hat|tilde|bar|mathcal|mathbb)\s*\{?\s*(\\?[A-Za-z]+?)(?=[^A-Za-z]|$)"
    r"|\\([A-Za-z]+)|([A-Za-z])"
)


def symbols(formula: str) -> set[str]:
    """Return the letters of a formula, with what stands on them."""
    found = set()
    for dressed, inner, command, letter in SYMBOL.findall(WORDS.sub(" ", formula)):
        if dressed:
            found.add(f"{dressed} {inner}")
        elif letter or GREEK.fullmatch(command):
            found.add(command or letter)
    return found


def used(text: str) -> set[str]:
    """Return the symbols of all formulas of a page, code apart."""
    text = re.sub(r"^```.*?^```$|`[^`]*`", "", text, flags=re.M | re.S)
    return set().union(*(symbols(one or other) for one, other in FORMULA.findall(text)))


def listed() -> tuple[set[str], dict[str, set[str]]]:
    """Return the symbols that mean the same everywhere, and those of each chapter."""
    notation = APPENDIX.read_text("utf-8").split("\n## Notation\n")[1].split("\n## Glossary\n")[0]
    rows = [line.split("|")[1:-1] for line in notation.splitlines() if line.startswith("| $")]
    everywhere = used(re.sub(r"^\|.*", "", notation, flags=re.M))
    own: dict[str, set[str]] = {}
    for symbol, place, _ in rows:
        if chapters := re.fullmatch(r"\s*(\d+b?(?:, \d+b?)*)\s*", place):
            for chapter in chapters[1].split(", "):
                name = f"{chapter.rstrip('b'):0>2}" + "b" * chapter.endswith("b")
                own.setdefault(name, set()).update(used(symbol))
        else:
            everywhere |= used(symbol)
    return everywhere, own


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem.split("_")[0])
def test_every_symbol_of_a_chapter_is_in_the_tables(chapter):
    everywhere, own = listed()
    known = everywhere | own.get(chapter.stem.split("_")[0], set())
    assert used(chapter.read_text("utf-8")) - known == set()


def test_a_symbol_that_a_chapter_no_longer_uses_leaves_the_tables():
    texts = {path.stem.split("_")[0]: used(path.read_text("utf-8")) for path in CHAPTERS}
    _, own = listed()
    assert {chapter: names - texts[chapter] for chapter, names in own.items()} == {
        chapter: set() for chapter in own
    }


def test_symbols_of_a_formula():
    formula = r"\hat x_d = \operatorname{sigmoid}(a) \text{ for } \mathcal{L}(\theta), \mathrm{KL}"
    assert symbols(formula) == {"hat x", "d", "a", "mathcal L", "theta"}
