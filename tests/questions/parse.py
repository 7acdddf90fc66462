"""Read the multiple-choice questions out of a chapter's source.

> **Question:** How many?
>
> 1. 0
> 2. 1
> 3. 2
> 4. 3

<details>
<summary>Which one, and why?</summary>

1. No. That is …
2. **Yes.** One is …
3. No. That is …
4. No. That is …

</details>
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SUMMARY = "<summary>Which one, and why?</summary>"
MARK = "**Question:**"
BLOCK = re.compile(rf"^> {re.escape(MARK)}.*\n(?:>.*\n)*", re.M)
ANSWER = re.compile(r"^(\d+)\. (.+)$", re.M)
DETAILS = re.compile(rf"\n<details>\n{re.escape(SUMMARY)}\n\n((?:.+\n)+)\n</details>\n")
HEADING = re.compile(r"^##+ (.+)$", re.M)
FENCED = re.compile(r"^```.*?^```$", re.M | re.S)
NUMBER = re.compile(r"(?:about )?\$?([-−]?[\d,]+(?:\.\d+)?|[-−]?\.\d+)\$?(?: ?%| [a-z ]+)?")


@dataclass(frozen=True)
class Question:
    """A question, its answers in order, and for each of them why it is right or wrong."""

    chapter: str  # "01", "09b"
    section: str  # the heading above it
    text: str
    answers: list[str]
    reasons: list[str]

    @property
    def right(self) -> list[int]:
        """Return the places, from 0, of the answers that are said to be right."""
        return [i for i, reason in enumerate(self.reasons) if reason.startswith("**Yes.** ")]

    @property
    def numbers(self) -> list[str] | None:
        """Return the four numbers as they are printed, or None if the answers are no numbers."""
        found = [NUMBER.fullmatch(answer) for answer in self.answers]
        if not all(found):
            return None
        return [match[1].replace(",", "").replace("−", "-") for match in found]


def numbered(lines: str) -> list[str]:
    """Return the items of a numbered list; they count from 1."""
    items = ANSWER.findall(lines)
    assert [int(number) for number, _ in items] == list(range(1, len(items) + 1)), lines
    assert len(items) == len(lines.strip().splitlines()), f"an item has one line: {lines}"
    return [item for _, item in items]


def questions(path: Path) -> list[Question]:
    """Return the questions of a chapter in order; an AssertionError says what is no question."""
    source = path.read_text("utf-8")
    text = FENCED.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source)  # code has no headings
    found = []
    for block in BLOCK.finditer(source):
        lines = re.sub(r"^> ?", "", block[0], flags=re.M)
        asked, gap, answers = lines.partition("\n\n1. ")
        assert gap, f"no answers, or no empty line above them: {lines}"
        details = DETAILS.match(source, block.end())
        assert details, f"what follows is no answer in the usual form: {lines}"
        found.append(
            Question(
                chapter=path.stem.split("_")[0],
                section=HEADING.findall(text[: block.start()])[-1],
                text=asked.removeprefix(MARK).strip(),
                answers=numbered(f"1. {answers}"),
                reasons=numbered(details[1]),
            )
        )
    assert len(found) == source.count(MARK), f"{path.stem}: a question that is not in a box"
    assert len(found) == source.count(SUMMARY), f"{path.stem}: answers without a question"
    return found
