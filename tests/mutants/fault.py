"""One fault: where it is planted, and which tests are about the thing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HTML = "book/_build/html"


@dataclass(frozen=True)
class Fault:
    """A change of one text in one file, and the tests that must notice it.

    Parameters
    ----------
    name : str
        A plain sentence.
    file : str
        From the repository's root. A chapter's source stands for its notebook, too; a script that
        the built book is tested with, for its copy there, too.
    old, new : str
        What stands there, exactly once, and what is put in its place.
    tests : tuple of str
        Node ids of pytest; a whole notebook is one.
    built : str, optional
        A file of the built book that has the same text under another name.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    built: str = ""

    @property
    def area(self) -> str:
        """What the fault is planted in: the order of the table."""
        if "/assets/" in self.file:
            return "cards"
        if self.file.startswith(("book/_static", "book/_ext")):
            return "pages"
        return "chapters" if self.file.startswith("book/") else "package"

    @property
    def needs_book(self) -> bool:
        """Whether the tests need the built book."""
        return any(test.startswith("tests/site/") for test in self.tests)

    def files(self) -> list[str]:
        """Return all files in which the text is exchanged."""
        if not self.needs_book:
            return [self.file]
        if self.built:
            return [self.file, f"{HTML}/{self.built}"]
        if self.file.startswith("book/_static/"):
            return [self.file, f"{HTML}/{self.file.removeprefix('book/')}"]
        return [self.file]

    def planted(self, text: str, file: str) -> str:
        """Return a file's text with the fault in it.

        Raises
        ------
        ValueError
            If the old text is not there exactly once.
        """
        if (count := text.count(self.old)) != 1:
            raise ValueError(
                f"{self.name!r}: the old text stands {count} times in {file}, not once: {self.old}"
            )
        return text.replace(self.old, self.new)

    def read(self, root: Path) -> str:
        """Return the text of its file."""
        return (root / self.file).read_text(encoding="utf-8")


def fault(name: str, file: str, old: str, new: str, *tests: str, **more: str) -> Fault:
    """Return a fault; a row of the tables."""
    return Fault(name, file, old, new, tests, **more)
