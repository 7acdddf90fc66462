"""The glossary: every entry leads somewhere, and a chapter's first use of a term leads to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from book.build import BOOK, read_source
from tests.test_article_map import sections

GLOSSARY = BOOK / "src" / "A_notation_and_glossary.md"
CHAPTERS = sorted((BOOK / "src").glob("[0-9][0-9]*_*.md"))

LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]*)\)")
TO_GLOSSARY = re.compile(rf"{GLOSSARY.stem}\.ipynb#(.+)")
MASKED = re.compile(r"`[^`]*`|\$[^$]*\$|<[^>]*>")
OPENING = re.compile(r"<details>[\s\S]*?</details>")
EXERCISE_TITLE = re.compile(r"^\*\*\d+\.\d+ [^*]*\*\*", flags=re.M)
OTHER_MEANINGS = (
    "learning rate",
    "false-alarm rate",
    "graphics card",
    "feature dimension",
)  # what holds a term by accident


def entries() -> dict[str, str]:
    """Return the text of every entry of the glossary by its term, in order."""
    part = GLOSSARY.read_text(encoding="utf-8").split("\n## Glossary\n")[1].split("\n## ")[0]
    texts = part.split("\n### ")[1:]
    return {term: text.strip() for term, _, text in (entry.partition("\n") for entry in texts)}


def slug(term: str) -> str:
    """Return the anchor of a heading without mathematics, as Sphinx makes it."""
    return re.sub(r"[^\w\- ]", "", term.lower()).replace(" ", "-")


def forms(term: str, text: str) -> list[str]:
    """Return the names of a term: its own, and those after "Also"."""
    also = re.match(r"\*Also: (.+?)\.\*", text)
    return [term, *(also[1].split(", ") if also else [])]


def pattern(form: str) -> str:
    """Match a name in singular and plural, as a word of its own."""
    singular = re.escape(form)
    plural = f"|{re.escape(form[:-1])}ies" if form.endswith("y") else ""
    return rf"(?<![\w-])(?:{singular}s?{plural})(?![\w-])"


NAMES = {form: slug(term) for term, text in entries().items() for form in forms(term, text)}
LONGEST_FIRST = sorted([*NAMES, *OTHER_MEANINGS], key=len, reverse=True)
ANY_NAME = re.compile("|".join(f"({pattern(form)})" for form in LONGEST_FIRST), re.IGNORECASE)


def running_text(chapter: Path) -> Iterator[str]:
    """Yield a chapter's lines without its opening, headings, tables, equations and code."""
    body = False
    for cell in read_source(chapter).cells:
        body = body or cell.cell_type == "code"
        if cell.cell_type == "markdown":
            prose = re.sub(r"^(```|~~~)[\s\S]*?^\1|\$\$[\s\S]*?\$\$", "", cell.source, flags=re.M)
            prose = EXERCISE_TITLE.sub("", prose if body else OPENING.sub("", prose))
            yield from (line for line in prose.splitlines() if not line.startswith(("#", "|")))


def uses(line: str) -> Iterator[tuple[str, int, int, str | None]]:
    """Yield the anchor of each term in a line, where it stands, and where its link leads."""
    links = []
    for link in LINK.finditer(line):
        target = TO_GLOSSARY.fullmatch(link[2])
        start, end = link.span(1) if target else link.span()[:1] * 2
        links.append((start, end, target[1] if target else None))
        for a, b in ((link.start(), start), (end, link.end())):
            line = line[:a] + "\0" * (b - a) + line[b:]
    line = MASKED.sub(lambda match: "\0" * len(match[0]), line)
    for match in ANY_NAME.finditer(line):
        anchor = NAMES.get(LONGEST_FIRST[match.lastindex - 1])
        if anchor:
            inside = [t for a, b, t in links if a <= match.start() and match.end() <= b]
            yield anchor, match.start(), match.end(), inside[0] if inside else None


def test_entries_are_in_order_and_each_leads_to_a_chapter():
    terms = list(entries())
    assert terms == sorted(terms, key=lambda term: term.lower().replace("-", ""))
    assert [term for term, text in entries().items() if not LINK.search(text)] == []
    assert len(NAMES) == len({name.lower() for name in NAMES})


PLACES = [(term, *link) for term, text in entries().items() for link in LINK.findall(text)]


@pytest.mark.parametrize(("term", "_", "link"), PLACES)
def test_where_an_entry_leads_the_term_is_spoken_of(term, _, link):
    page, _, anchor = link.partition("#")
    if page.endswith(".ipynb"):
        place = sections(BOOK / "src" / page.replace(".ipynb", ".md"))[anchor]
        names = "|".join(pattern(form) for form in forms(term, entries()[term]))
        assert re.search(names, place.text, re.IGNORECASE), f"{link} does not speak of it"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_the_first_use_of_a_term_links_to_the_glossary(chapter):
    seen, problems = set(), []
    for line in running_text(chapter):
        for anchor, start, end, target in uses(line):
            if anchor not in seen and target != anchor:
                problems.append(f"{anchor}: …{line[max(0, start - 30) : end + 20]}…")
            seen.add(anchor)
    assert problems == []


def test_what_counts_as_a_use():
    line = f"The [prior]({GLOSSARY.stem}.ipynb#prior), `prior`, $prior$, priors, a learning rate"
    assert [(a, t) for a, _, _, t in uses(line)] == [("prior", "prior"), ("prior", None)]
    assert [a for a, *_ in uses("The aggregate posterior and posteriors, [an ELBO](x.ipynb)")] == [
        "aggregate-posterior",
        "posterior",
    ]


def test_every_common_confusion_is_listed_with_its_place():
    listed = GLOSSARY.read_text(encoding="utf-8").split("\n## Questions")[1].splitlines()
    for chapter in CHAPTERS:
        text = LINK.sub(r"\1", chapter.read_text(encoding="utf-8"))
        for name in re.findall(r"\*\*Common confusion:\*\* \*([^*]+)\*", text):
            row = next((line for line in listed if name.rstrip(".?") in line), "")
            assert f"({chapter.stem}.ipynb#" in row, f"{chapter.stem}: {name}"
