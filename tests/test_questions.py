"""The multiple-choice questions: one form, one right answer, and numbers that are computed."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from book.build import BOOK
from tests.questions.parse import Question, questions
from tests.questions.values import VALUES

CHAPTERS = sorted((BOOK / "src").glob("[0-9][0-9]*_*.md"))
QUESTIONS = {path.stem.split("_")[0]: questions(path) for path in CHAPTERS}
ASKING = {chapter: asked for chapter, asked in QUESTIONS.items() if asked}
ALL = [question for asked in QUESTIONS.values() for question in asked]

each_chapter = pytest.mark.parametrize("chapter", ASKING)
each_question = pytest.mark.parametrize(
    "question", ALL, ids=lambda question: f"{question.chapter}: {question.text[:40]}"
)


def plain(text: str) -> str:
    """Return a text without the targets of its links, and without marks."""
    return re.sub(r"\]\([^)]*\)|[\[*`]", "", text)


def key(question: Question) -> list[str]:
    """Return the keys of the table that are a question's beginning."""
    return [k for k in VALUES if f"{question.chapter}: {question.text}".startswith(k)]


def is_longest(question: Question) -> bool:
    """Whether the right answer is longer than each of the others."""
    lengths = [len(plain(answer)) for answer in question.answers]
    right = lengths.pop(question.right[0])
    return right > max(lengths)


@each_chapter
def test_a_chapter_asks_five_to_eight_questions(chapter):
    assert 5 <= len(ASKING[chapter]) <= 8


@each_chapter
def test_questions_are_spread_and_are_no_exercises(chapter):
    sections = Counter(question.section for question in ASKING[chapter])
    assert not {"Summary", "Exercises", "What to read next"} & set(sections)
    assert max(sections.values()) <= 2


@each_question
def test_four_answers_of_which_one_is_right(question):
    assert len(question.answers) == len(question.reasons) == 4
    assert len(question.right) == 1
    for reason in question.reasons:
        assert re.match(r"No\. \S|\*\*Yes\.\*\* \S", reason), reason
        assert len(plain(reason).split()) <= 36, f"more than 35 words after the first: {reason}"
    assert len({plain(answer).lower() for answer in question.answers}) == 4
    assert not re.search(r"(all|none|both) of (the above|these|them)$", "\n".join(question.answers))


@each_chapter
def test_the_right_answer_has_no_favourite_place_and_no_length_of_its_own(chapter):
    asked = ASKING[chapter]
    places = Counter(question.right[0] for question in asked)
    assert max(places.values()) <= len(asked) / 2, places
    assert sum(map(is_longest, asked)) <= len(asked) / 2


def test_over_the_book_the_right_answers_are_spread_evenly():
    places = Counter(question.right[0] for question in ALL)
    if ALL:
        assert all(0.15 <= places[place] / len(ALL) <= 0.35 for place in range(4)), places


def test_no_question_is_asked_twice():
    asked = Counter(plain(question.text).lower() for question in ALL)
    assert [text for text, count in asked.items() if count > 1] == []


@each_question
def test_numbers_are_computed(question):
    if question.numbers is None:
        assert key(question) == [], "its answers are not read as numbers"
        return
    (name,) = key(question)
    values = VALUES[name]
    assert len(values) == 4
    for printed, value in zip(question.numbers, values, strict=True):
        digits = len(printed.partition(".")[2])
        assert f"{float(value):z.{digits}f}" == f"{float(printed):z.{digits}f}", values


def test_every_computed_number_is_asked_for():
    used = Counter(name for question in ALL for name in key(question))
    assert used == Counter(VALUES.keys())


SAMPLE = """## A section

```python
# No heading
```

> **Question:** How long is
> the walk?
>
> 1. 0
> 2. about 1,000 km
> 3. −1.50
> 4. 3 %

<details>
<summary>Which one, and why?</summary>

1. No. It is a walk.
2. **Yes.** So far.
3. No. That is the way back.
4. No. It is no share.

</details>
"""


def test_a_question_is_read(tmp_path):
    path = tmp_path / "09b_x.md"
    path.write_text(SAMPLE)
    (question,) = questions(path)
    assert (question.chapter, question.section) == ("09b", "A section")
    assert question.text == "How long is\nthe walk?"
    assert question.numbers == ["0", "1000", "-1.50", "3"]
    assert question.right == [1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("> **Question:**", "**Question:**"),
        ("</summary>\n\n", "</summary>\n"),
        ("\n<details>", "Words.\n\n<details>"),
        (">\n> 1.", "> 1."),
        ("> 2.", "> 3."),
        ("walk.\n2.", "walk.\n\n2."),
    ],
)
def test_a_question_of_another_form_is_none(tmp_path, old, new):
    path = tmp_path / "09b_x.md"
    assert old in SAMPLE
    path.write_text(SAMPLE.replace(old, new))
    with pytest.raises(AssertionError):
        questions(path)
