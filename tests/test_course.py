"""The course kit: complete, without solutions where there should be none, and offline."""

import re

import nbformat
import pytest

pytest.importorskip("py_mini_racer", reason="the formulas of the slides are made with the book's")

from book.course import figures, instructor, packs, slides, student
from book.course.sources import (
    ANSWER,
    BOOK,
    ROOT,
    chapters,
    mistakes,
    plan,
    preamble,
    solutions,
)
from tests.notebooks.compare import compare_text
from tests.test_exercises import MISTAKES, SOLUTIONS
from vaetut.exercises.registry import CHECKS, judge
from vaetut.grading.grades import Limits, grade
from vaetut.grading.submission import function_name, read

CHAPTERS = list(chapters().values())
SESSIONS = plan()["session"]
EXERCISES = [(chapter, each) for chapter in CHAPTERS for each in chapter.exercises()]


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kit")
    student.write(folder / "student")
    student.write(folder / "graded", graded=True)
    figures.write(folder / "figures")
    slides.write(folder / "slides")
    instructor.write(folder / "instructor")
    packs.write_sources(folder)
    return folder


def code(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("variant", ["student", "graded"])
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_students_get_the_chapter_without_outputs_and_solutions(chapter, variant, kit):
    path = kit / variant / f"{chapter.path.stem}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert code(notebook) == code(chapter.source())  # so it runs as the chapter does
    assert not any(cell.get("outputs") for cell in notebook.cells)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert not ANSWER.search(text)
    assert all(answer.answer[:60] not in text for answer in chapter.exercises() if answer.answer)
    assert read(path).asked == {each.number for each in chapter.exercises() if each.stub}
    for target in re.findall(r"\]\(([\w.:/-]+\.(?:md|ipynb|py|html))(?:#[^)]*)?\)", text):
        assert target.startswith("http") or (path.parent / target).exists(), target


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_who_gets_an_exercise_gets_all_of_its_code(chapter):
    """What a cell before the empty function defines is a part of the exercise, and so in D."""
    names: dict = {}
    exec(preamble(), names)
    for exercise in chapter.exercises():
        if exercise.stub:
            assert f"def {exercise.function}(" in exercise.stub, exercise.number
            exec(exercise.stub, dict(names))
            exec(solutions()[exercise.number], names)  # where later ones find it
            assert judge(exercise.number, names[exercise.function]).state == "correct"


def test_for_graded_work_there_is_no_appendix_d(kit):
    assert (kit / "student" / "D_solutions.ipynb").exists()
    assert not list((kit / "graded").glob("D_*"))


def test_every_exercise_has_its_minutes_and_its_question():
    assert {each.number for _, each in EXERCISES} == set(plan()["exercise"])
    for number, facts in plan()["exercise"].items():
        assert 3 <= facts["minutes"] <= 60, number
        assert facts["ask"].endswith("?") and facts["answer"].endswith((".", ")")), number


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: str(session["number"]))
def test_a_session_takes_90_minutes_and_names_what_there_is(session):
    assert sum(step["minutes"] for step in session["plan"]) == 90
    numbers = {each.number for _, each in EXERCISES}
    assert set(session["in_class"]) | set(session["at_home"]) <= numbers
    done = re.findall(r"xercise (\d+\.\d+)", " ".join(step["do"] for step in session["plan"]))
    assert set(done) == set(session["in_class"])
    assert 3 <= len(session["goals"]) <= 4


def test_no_exercise_is_in_two_sessions():
    named = [n for session in SESSIONS for n in session["in_class"] + session["at_home"]]
    assert len(named) == len(set(named))


def test_the_sessions_are_those_of_the_page_for_teachers():
    page = (BOOK / "F_for_teachers.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", page, re.MULTILINE)
    assert len(rows) == len(SESSIONS)
    for (number, read_before, question, in_class, at_home), session in zip(rows, SESSIONS):
        assert (int(number), question) == (session["number"], session["question"])
        assert all(
            f"({name.lstrip('0')}_" in read_before.replace("(0", "(")
            for name in session["chapters"]
        )
        for text, wanted in ((in_class, "in_class"), (at_home, "at_home")):
            assert re.findall(r"\d+\.\d+", text) == session[wanted], number


def test_the_instructor_sees_every_exercise_and_every_known_mistake(kit):
    page = (kit / "instructor" / "exercises.html").read_text("utf-8")
    for _, exercise in EXERCISES:
        assert f"<h3>{exercise.number} " in page
    rows = page.count("<tr><td>")
    assert rows == sum(len(mistakes(chapter.name)) for chapter in CHAPTERS if chapter.name != "09b")
    plans = (kit / "instructor" / "sessions.html").read_text("utf-8")
    assert plans.count("<h2>") == len(SESSIONS)


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: str(session["number"]))
def test_slides_hold_all_that_they_show(session, kit):
    page = (kit / "slides" / f"session-{session['number']}.html").read_text("utf-8")
    assert not re.search(r'(src|href)="(?!data:|https?://|#)', page)
    assert not re.search(r'<(script|link|img|source)[^>]*(src|href)="http', page)
    assert "\\" not in re.sub(r"<(script|style)>.*?</\1>|data:[^\"]*", "", page, flags=re.DOTALL)
    names = [name for name in session["chapters"] if name in chapters()]
    for name in names:
        assert chapters()[name].title.replace("'", "&#x27;") in page
    assert page.count("<section") > 10


def test_every_figure_has_its_description_source_and_licence(kit):
    folder = kit / "figures"
    lines = (folder / "figures.csv").read_text("utf-8-sig").splitlines()
    pictures = [path for path in folder.iterdir() if path.suffix in (".png", ".svg")]
    assert len(lines) == len(pictures) + 1 and (folder / "LICENCE.txt").exists()
    assert all("CC BY 4.0,https://" in line for line in lines[1:])


def test_formulas_bring_their_font_and_look_alike_everywhere(kit):
    """A browser draws MathML with the fonts that it finds, and most have none for mathematics."""
    for path in [*(kit / "slides").glob("*.html"), kit / "instructor" / "exercises.html"]:
        page = path.read_text("utf-8")
        assert "<mjx-math" in page and 'url("data:font/woff;base64,' in page
        assert 'url("mathjax' not in page


def test_the_failure_that_teachers_see_is_one_that_can_be():
    """It quotes an output of appendix B, one of whose numbers was changed."""
    shown = (BOOK / "F_for_teachers.md").read_text("utf-8")
    name, count = re.search(
        r"^(B_\w+)\.ipynb, cell \[(\d+)\]: Cell outputs differ", shown, re.M
    ).groups()
    cells = nbformat.read(BOOK / f"{name}.ipynb", as_version=4).cells
    (fresh,) = [c.outputs[0].text for c in cells if c.get("execution_count") == int(count)]
    was, now = re.search(r"stored ([\d.]+), fresh ([\d.]+)", shown).groups()
    (problem,) = compare_text(fresh.replace(now, was), fresh)
    assert f"stdout, {problem}" in shown


@pytest.mark.parametrize("tool", ["otter", "nbgrader"])
def test_the_packs_have_every_exercise_with_code(tool, kit):
    found = set()
    for path in (kit / tool / "source").rglob("*.ipynb"):
        text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
        found |= set(re.findall(r'exercises\.judge\("([\d.]+)"', text))
    assert found == set(CHECKS) == set(solutions())


def notebook_of(path, answers):
    """Write a submission that defines the named answers of the tests."""
    cells = [f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom vaetut import exercises"]
    for number, code in answers.items():
        chapter = int(number.partition(".")[0])
        cells.append(
            f"from tests.exercises import chapter_{chapter:02} as known\n"
            f"{function_name(number)} = {code}\nexercises.check({number!r}, None)"
        )
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells]), path
    )
    return path


def test_every_solution_gets_full_marks_and_a_known_mistake_loses_them(tmp_path):
    right = {number: f'known.SOLUTIONS["{number}"]' for number in SOLUTIONS}
    wrong = {
        number: f'next(a for n, a, _ in known.MISTAKES if n == "{number}")' for number in SOLUTIONS
    }
    paths = [notebook_of(tmp_path / f"{n}.ipynb", a) for n, a in (("r", right), ("w", wrong))]
    points = dict.fromkeys(SOLUTIONS, 1.0)
    grades = grade(paths, tmp_path / "grades", points=points, limits=Limits(memory=8))
    solved, failed = grades[: len(points)], grades[len(points) :]
    assert [each.exercise for each in solved if each.points != 1] == []
    hints = {number: hint for number, _, hint in reversed(MISTAKES)}
    for each in failed:
        assert each.points == 0 and each.state == "not right yet"
        assert hints[each.exercise].lower() in f"{each.hint}.".lower()
