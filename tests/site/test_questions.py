"""Questions: numbered, opened by keyboard without a script, and answered at the end on paper."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.questions.parse import questions
from tests.site.book import HTML, ROOT

CHAPTERS = sorted((ROOT / "book" / "src").glob("[01]*.md"))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem[:3])
def test_every_question_opens_without_a_script_and_is_answered_on_paper(
    browser: Browser, chapter
) -> None:
    asked = questions(chapter)
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto((HTML / "book" / f"{chapter.stem}.html").as_uri())
    labels = page.locator("blockquote strong").filter(has_text="Question ").all_text_contents()
    assert labels == [f"Question {number}:" for number in range(1, len(asked) + 1)]
    answers = page.locator("details.answers")
    assert answers.count() == len(asked)
    answers.first.scroll_into_view_if_needed()
    assert not answers.first.locator("ol").is_visible()
    answers.first.locator("summary").focus()
    page.keyboard.press("Enter")
    assert answers.first.locator("ol").is_visible()
    end = page.locator(".answers-at-the-end")
    assert not end.is_visible()
    page.emulate_media(media="print")
    assert end.is_visible()
    assert not answers.first.is_visible()
    assert end.locator("ol").count() == len(asked)
    context.close()
