"""The instructor's edition: plans of the sessions, and for each exercise what a teacher needs."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from vaetut.exercises import judge

from .markup import page, render
from .sources import Exercise, chapters, mistakes, plan, solutions


def write(folder: Path) -> None:
    """Write the sessions and the exercises, a page each."""
    folder.mkdir(parents=True)
    for name, title, body in (
        ("sessions", "The sessions", "".join(_sessions())),
        ("exercises", "The exercises, with solutions", "".join(_exercises())),
    ):
        text = page(title, "instructor.css", f"<h1>{title}</h1>{body}")
        (folder / f"{name}.html").write_text(text, encoding="utf-8")


def _sessions() -> Iterator[str]:
    for session in plan()["session"]:
        yield f"<h2>{session['number']} · {html.escape(session['question'])}</h2>"
        titles = [chapters()[n].title for n in session["chapters"] if n in chapters()]
        yield render(f"**Read before:** {'; '.join(titles)}.\n\nAfterwards a student can\n")
        yield render("\n".join(f"* {goal}" for goal in session["goals"]))
        rows = "".join(
            f"<tr><td>{step['minutes']} min</td><td>{render(step['do'])}</td></tr>"
            for step in session["plan"]
        )
        yield f"<table><tr><th>Time</th><th>What happens</th></tr>{rows}</table>"
        yield render(f"**If time is short:** {session['skip']}")
        yield render(
            f"**Exercises** in class: {', '.join(session['in_class'])}; "
            f"at home: {', '.join(session['at_home'])}."
        )


def _exercises() -> Iterator[str]:
    yield render(
        "For each: the minutes that a student who has read the chapter needs, a question to ask, "
        "the solution, and the mistakes that the check knows, each with the hint that it gets. "
        "(Numbers in a hint are new each time.)"
    )
    for chapter in chapters().values():
        yield f"<h2>{html.escape(chapter.title)}</h2>"
        known = hints(chapter.name)
        for exercise in chapter.exercises():
            yield from _exercise(exercise, known[exercise.number])


def _exercise(exercise: Exercise, known: list[tuple[str, str]]) -> Iterator[str]:
    facts = plan()["exercise"][exercise.number]
    yield f"<h3>{exercise.number} {render(exercise.title)[3:-5]}</h3>"
    yield render(exercise.text)
    yield render(f"**Minutes:** {facts['minutes']}. **Ask:** {facts['ask']} *{facts['answer']}*")
    if exercise.answer:
        yield render(f"**Answer.** {exercise.answer}")
    if exercise.number in solutions():
        yield f"<pre>{html.escape(solutions()[exercise.number])}</pre>"
    rows = "".join(
        f"<tr><td><pre>{html.escape(code)}</pre></td><td>{render(hint)}</td></tr>"
        for code, hint in known
    )
    if rows:
        yield f"<table><tr><th>Mistake</th><th>Hint</th></tr>{rows}</table>"


def hints(chapter: str) -> dict[str, list[tuple[str, str]]]:
    """Return the known mistakes of a chapter's exercises: their code, and the hint of each."""
    module = import_module(f"tests.exercises.chapter_{chapter[:2]}")
    found = defaultdict(list)
    for (number, code, _), (_, answer, _) in zip(mistakes(chapter), module.MISTAKES, strict=True):
        found[number].append((code, judge(number, answer, seed=0).hint))
    return found
