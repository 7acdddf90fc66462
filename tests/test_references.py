"""The references page and the citations in the text agree, in both directions."""

from __future__ import annotations

import re
from urllib.parse import unquote

from book.build import BOOK

# Links that cite no work: licences, our own address, and the documentation of libraries.
NO_CITATION = re.compile(
    r"https://(creativecommons\.org|github\.com|docs\.pytorch\.org|scikit-learn\.org)/"
)


def entries() -> dict[str, str]:
    """Return the fields of every entry of references.bib, by its key."""
    text = (BOOK / "references.bib").read_text(encoding="utf-8")
    found = re.findall(r"^@\w+\{([^,]+),(.*?)^\}", text, re.DOTALL | re.MULTILINE)
    assert len(found) == len(dict(found)) == text.count("\n@") + text.startswith("@")
    return dict(found)


def addresses() -> dict[str, str]:
    """Return where each work can be opened, by its key."""
    found = {}
    for key, fields in entries().items():
        link = re.search(r"^\s*(url|doi)\s*=\s*\{([^}]+)\}", fields, re.MULTILINE)
        if link:
            found[key] = link[2] if link[1] == "url" else f"https://doi.org/{link[2]}"
    return found


def cited() -> set[str]:
    """Return the addresses that the pages of the book link to."""
    pages = [BOOK / "index.md", *(BOOK / "src").glob("*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    return {unquote(url) for url in re.findall(r"\]\((https?://[^)\s]+)\)", text)}


def test_references_are_complete():
    """Every entry says who, what and when, and where a reader can open it."""
    for key, fields in entries().items():
        names = set(re.findall(r"^\s*(\w+)\s*=", fields, re.MULTILINE))
        assert {"title", "author", "year"} <= names, key
        assert names & {"url", "doi", "note"}, key


def test_every_citation_is_in_the_references():
    unknown = {url for url in cited() if not NO_CITATION.match(url)} - set(addresses().values())
    assert unknown == set()


def test_every_reference_is_cited():
    assert {key for key, url in addresses().items() if url not in cited()} == set()


def test_a_citation_carries_the_year_of_its_entry():
    """The year of publication; or that of a first version, where the entry names one."""
    years = {}
    for key, fields in entries().items():
        named = re.search(r"First version (\d{4})", fields) or re.search(r"year\W+(\d{4})", fields)
        years[addresses().get(key)] = named[1]
    wrong = set()
    for page in [*BOOK.glob("*.md"), *(BOOK / "src").glob("*.md")]:
        text = page.read_text(encoding="utf-8")
        for words, url in re.findall(r"\[([^\]\[]+)\]\((https?://[^)\s]+)\)", text):
            for year in re.findall(r"\b(?:19|20)\d\d\b", words):
                if years.get(unquote(url), year) != year:
                    wrong.add((page.stem, words, years[unquote(url)]))
    assert wrong == set()
