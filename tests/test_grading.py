"""Grading: every submission gets its fair line, whatever it does, and none stops the rest."""

import csv
import io
import json
import re
import site
import subprocess
import sys
import time
from contextlib import suppress

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from typer.testing import CliRunner

from book.build import BOOK
from vaetut.cli import app
from vaetut.exercises.registry import CHECKS
from vaetut.grading import limits, run
from vaetut.grading.grades import Grade, Limits, grade, read_points, table
from vaetut.grading.submission import NotANotebookError, function_name, read

IMPORTS = "import torch\nfrom torch.nn import functional as F\nfrom vaetut import exercises"
SHIFT = """def letters_before(x, classes):
    return F.pad(F.one_hot(x.long(), classes).float(), (0, 0, 1, -1))


exercises.check("15.1", letters_before)"""
SUM = """def log_prob_of_text(log_prob_each, x):
    before = F.pad((x == 0).cumsum(1), (1, -1))
    return (log_prob_each * (before == 0)).sum(1)


exercises.check("15.2", log_prob_of_text)"""
EMPTY = "def letters_before(x, classes): ...\n\n\nexercises.check('15.1', letters_before)"
WRONG = SHIFT.replace("1, -1", "-1, 1")
BOTH = [("15.1", "correct"), ("15.2", "correct")]
DELETE = """import os, shutil
for path in (".", os.environ["HOME"]):
    shutil.rmtree(path, ignore_errors=True)"""
CHANGE_THE_CHECKS = """import vaetut
from vaetut.exercises import registry
registry.CHECKS["15.1"] = lambda letters_before: None
exercises.judge = vaetut.exercises.judge = lambda *args, **settings: registry.Verdict("", "correct")
exercises.check = lambda *args: print("15.1: correct")"""
DEAF = """while True:
    try:
        while True: pass
    except BaseException: pass"""
EAT = "eaten = []\nwhile True: eaten.append(torch.ones(100_000_000))"
LOOSE = """import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)"""
CTRL_C = """def log_prob_of_text(log_prob_each, x):
    raise KeyboardInterrupt


exercises.check("15.2", log_prob_of_text)"""
KILL = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"

# What a submission consists of, what it gets, and what is noted of its cells.
SUBMISSIONS = {
    "right": ([IMPORTS, SHIFT, SUM], BOTH, ""),
    "empty": ([IMPORTS, EMPTY, SUM], [("15.1", "not done yet"), BOTH[1]], ""),
    "looping": ([IMPORTS, SHIFT, "while True:\n    pass", SUM], BOTH, "code cell 3 timed out"),
    "deaf": ([IMPORTS, SHIFT, DEAF, SUM], BOTH, "code cell 3 timed out"),
    "eating": ([IMPORTS, SHIFT, EAT, SUM], BOTH, "code cell 3 out of memory"),
    "deleting": ([IMPORTS, DELETE, SHIFT, SUM], BOTH, ""),
    "printing": ([IMPORTS, SHIFT, SUM, "while True: print('x' * 100)"], BOTH, "cell 4 timed out"),
    "killing": ([IMPORTS, SHIFT, KILL, SUM], BOTH, "code cell 3 crashed"),
    "loose": ([IMPORTS, SHIFT, LOOSE, CTRL_C], [BOTH[0], ("15.2", "crashed")], ""),
    "changing": (
        [IMPORTS, CHANGE_THE_CHECKS, WRONG, SUM],
        [("15.1", "not right yet"), BOTH[1]],
        "",
    ),
    "of last year": ([IMPORTS, SHIFT], [BOTH[0], ("15.2", "missing")], ""),
    "failing": ([IMPORTS, "1 / 0\n" + SHIFT, SUM], [("15.1", "crashed"), BOTH[1]], "ZeroDivision"),
}
LIMITS = Limits(cell=5, whole=120, memory=1.5)  # which a busy machine can fill in 5 seconds


def write(path, cells):
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), path)
    return path


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Return the folder of the results, and the grades, of all submissions and one that is none."""
    folder = tmp_path_factory.mktemp("course")
    paths = [write(folder / f"{name}.ipynb", cells) for name, (cells, *_) in SUBMISSIONS.items()]
    broken = folder / "not JSON.ipynb"
    broken.write_text("{", encoding="utf-8")
    grace, run.GRACE = run.GRACE, 1.0
    try:
        return folder / "grades", grade([broken, *paths], folder / "grades", limits=LIMITS, seed=1)
    finally:
        run.GRACE = grace


def of(grades, name):
    return [each for each in grades if each.submission.endswith(f"{name}.ipynb")]


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_a_submission_gets_its_fair_line(name, graded):
    _, wanted, note = SUBMISSIONS[name]
    mine = of(graded[1], name)
    assert [(each.exercise, each.state) for each in mine if each.exercise] == wanted
    notes = [each.hint for each in mine if not each.exercise]
    assert len(notes) == bool(note) and note in "".join(notes)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
def test_what_processes_share_counts_once(tmp_path):
    """A copy of a process has its memory in common with it, until one of them writes."""
    code = """import os, sys, time
held = bytes(bytearray(b"x") * 300_000_000)
if any(os.fork() == 0 for _ in range(3)):
    time.sleep(600)
print("born", flush=True)
time.sleep(600)"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=limits.environment(str(tmp_path)),
        stdout=subprocess.PIPE,
    )
    inside = psutil.Process(process.pid)
    try:
        assert process.stdout.readline() == b"born\n"
        assert len(inside.children()) == 3
        assert 300_000_000 / 2**30 < limits.resident(inside) < 0.4
    finally:
        limits.kill(inside, str(tmp_path))
        process.stdout.close()
        process.wait()


def test_what_a_submission_has_started_ends_with_it(tmp_path):
    """Also a process that has cut itself loose from its parents."""
    code = LOOSE.replace("time.sleep", "open('born', 'w').close()\n        time.sleep")
    first = subprocess.Popen(
        [sys.executable, "-c", code], env=limits.environment(str(tmp_path)), cwd=tmp_path
    )
    inside = psutil.Process(first.pid)
    first.wait()
    until = time.monotonic() + 10  # its grandchild may come later
    while not (tmp_path / "born").exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert limits.at_home(str(tmp_path))
    limits.kill(inside, str(tmp_path))
    assert limits.at_home(str(tmp_path)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can")
def test_a_submission_ends_when_its_grader_is_killed():
    child = "import time\nfrom vaetut.grading.limits import end_with_parent as e\ne()\nprint(1)\n"
    child += "time.sleep(600)"
    parent = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-uc', {child!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\nprint(child.pid)"
    )
    output = subprocess.run([sys.executable, "-c", parent], capture_output=True, check=True).stdout
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(output)).wait(timeout=5)


def test_packages_of_the_teacher_are_found_though_home_is_another():
    assert limits.environment("x")["PYTHONUSERBASE"] == site.getuserbase()


def test_reports_that_a_cell_forges_stop_nothing():
    right = {"token": "t", "ends": "15.1", "state": "correct", "hint": ""}
    wrong = [
        b"\xff\n",
        b"[" * 10**5,
        b"3\n",
        b'{"token": "t", "begins": []}\n',
        b'{"token": "u"}\n',
    ]
    channel = io.BytesIO(b"\n".join([*wrong, json.dumps(right).encode()]))
    assert list(run._reports(channel, "t")) == [right]


def test_ctrl_c_is_no_error_of_a_submission(tmp_path, monkeypatch):
    def follow(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "_follow", follow)
    with pytest.raises(KeyboardInterrupt):
        run.run(read(write(tmp_path / "a.ipynb", [IMPORTS])), ("15.1",), LIMITS, 1)


def test_a_process_that_does_not_start_says_why(tmp_path):
    submission = read(write(tmp_path / "a.ipynb", [IMPORTS]))
    with pytest.raises(RuntimeError, match="did not start: more than 0.001 GiB"):
        run.run(submission, ("15.1",), Limits(memory=0.001), 1)


def test_a_file_that_is_no_notebook_gets_a_line_and_no_points(graded):
    (line,) = of(graded[1], "not JSON")
    assert (line.state, line.points) == ("no notebook", 0.0)
    assert "JSON" in line.hint


def test_a_wrong_answer_gets_the_hint_of_the_book(graded):
    assert "to the left" in of(graded[1], "changing")[0].hint


def test_the_files_say_what_the_table_says(graded):
    folder, grades = graded
    facts = json.loads((folder / "grades.json").read_text(encoding="utf-8"))
    assert [Grade(**each) for each in facts["grades"]] == grades and facts["seed"] == 1
    with (folder / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == [each.state for each in grades]
    assert len(table(grades).splitlines()) == len(grades)


def test_an_interrupted_run_goes_on(tmp_path, monkeypatch):
    """What is finished is not run again, unless the file has changed."""
    first, second = (write(tmp_path / f"{n}.ipynb", [IMPORTS, SHIFT]) for n in "ab")
    ran = []

    def run_once(submission, exercises, limits, seed):
        ran.append(submission.cells[1])
        if len(ran) == 2:
            raise KeyboardInterrupt
        return run.Run(dict.fromkeys(exercises, ("correct", "")))

    monkeypatch.setattr("vaetut.grading.grades.run", run_once)
    with pytest.raises(KeyboardInterrupt):
        grade([first, second], tmp_path / "grades")
    seed = json.loads((tmp_path / "grades" / "grades.json").read_text())["seed"]
    assert len(grade([first, second], tmp_path / "grades")) == 4 and len(ran) == 3
    assert json.loads((tmp_path / "grades" / "grades.json").read_text())["seed"] == seed
    write(first, [IMPORTS, SHIFT, SUM])
    grade([first, second], tmp_path / "grades")
    assert len(ran) == 4


@pytest.fixture
def verdicts(monkeypatch):
    """Return the verdicts on every submission, which nobody runs."""
    given = run.Run({"15.1": ("correct", ""), "15.2": ("missing", "")})
    monkeypatch.setattr("vaetut.grading.grades.run", lambda *args: given)
    return given


def rows(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_spreadsheet_does_not_run_what_a_student_wrote(tmp_path, verdicts):
    verdicts.verdicts["15.1"] = ("crashed", "\n=cmd()")
    grade([write(tmp_path / "a.ipynb", [IMPORTS, SHIFT])], tmp_path)
    assert [row["hint"] for row in rows(tmp_path / "grades.csv")] == ["'=cmd()", ""]


@pytest.mark.parametrize("text", ["\ud800", "\n\nb.ipynb  15.1  1/1", "\x1b[2J", "x" * 10**6])
def test_what_a_student_wrote_is_one_line_of_the_table(text, tmp_path, verdicts):
    verdicts.verdicts["15.1"] = ("crashed", text)
    verdicts.trouble[1] = f"crashed: {text}"
    grades = grade([write(tmp_path / "a.ipynb", [IMPORTS, SHIFT])], tmp_path)
    assert len(table(grades).splitlines()) == len(rows(tmp_path / "grades.csv")) == 3
    assert table(grades).replace("\n", "").isprintable() and len(table(grades)) < 2000


def test_a_gradebook_has_a_row_for_each_submission(tmp_path, verdicts):
    """And submissions of the same name in two folders stay two."""
    paths = [tmp_path / name / "a.ipynb" for name in ("one", "two", "three")]
    for path in paths:
        path.parent.mkdir()
        write(path, [IMPORTS, SHIFT])
    paths[1].write_text("{", encoding="utf-8")
    verdicts.trouble[2] = "timed out: more than 5 seconds"
    said = []
    points = {"15.1": 2.0, "15.2": 1.0}
    grades = grade(paths, tmp_path, points=points, progress=said.append)
    one, two, three = rows(tmp_path / "points.csv")
    assert (one["points"], one["of"], one["15.1"], one["15.2"]) == ("2.0", "3.0", "2.0", "0.0")
    assert one["notes"] == "code cell 2 timed out: more than 5 seconds"
    assert (two["points"], two["of"], two["15.1"]) == ("0.0", "3.0", "") and two["notes"]
    assert [row["submission"] for row in (one, two, three)] == [str(path) for path in paths]
    assert all(str(path) in text for path in paths for text in (table(grades), "".join(said)))


def test_a_submission_that_cannot_be_read_does_not_stop_the_rest(tmp_path, verdicts):
    folder, right = tmp_path / "b.ipynb", write(tmp_path / "c.ipynb", [IMPORTS, SHIFT])
    folder.mkdir()
    grades = grade([tmp_path / "gone.ipynb", folder, right], tmp_path)
    assert [each.state for each in grades] == ["no notebook", "no notebook", "correct", "missing"]
    assert "no such file" in grades[0].hint.lower() and "folder" in grades[1].hint


def test_two_graders_do_not_write_into_one_folder(tmp_path, verdicts):
    code = "import sys\nfrom vaetut.files import claimed\nwith claimed(sys.argv[1]):\n"
    code += "    print(flush=True)\n    sys.stdin.read()"
    paths = write(tmp_path / "a.ipynb", [IMPORTS, SHIFT]), tmp_path / "finished.json"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, str(paths[1])], **pipes) as other:
        other.stdout.readline()
        with pytest.raises(BlockingIOError, match="another process"):
            grade(paths[:1], tmp_path)
        other.stdin.close()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"settings": 1, "seed": 2, "finished": 3}'])
def test_a_damaged_record_of_finished_submissions_is_begun_anew(content, tmp_path, verdicts):
    (tmp_path / "finished.json").write_text(content, encoding="utf-8")
    assert len(grade([write(tmp_path / "a.ipynb", [IMPORTS, SHIFT])], tmp_path)) == 2


def test_points_count_as_the_file_says(tmp_path, verdicts):
    points = tmp_path / "points.toml"
    points.write_text('"15.1" = 2\n"3.1" = 1.5\n', encoding="utf-8")
    path = write(tmp_path / "a.ipynb", [IMPORTS, SHIFT])
    verdicts.verdicts["3.1"] = ("missing", "")
    result = CliRunner().invoke(
        app, ["grade", str(path), "--points", str(points), "--output-dir", str(tmp_path / "out")]
    )
    assert result.exit_code == 0, result.output
    assert "2 of 3.5" in result.output


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("5.1: 2", "no TOML"),
        ('"0.1" = 2', "no exercise '0.1'"),
        ('"5.1" = 0', "positive"),
        ('"5.1" = true', "positive"),
        ('"5.1" = inf', "positive"),
        ("5.1 = 2", "no exercise '5'"),
        ("", "names no exercise"),
    ],
)
def test_a_bad_points_file_is_an_error_in_words(text, wanted, tmp_path):
    path = tmp_path / "points.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=wanted):
        read_points(path)


@pytest.mark.parametrize("name", ["cell", "whole", "memory"])
def test_a_limit_is_positive(name):
    with pytest.raises(ValueError, match=name):
        Limits(**{name: 0})


def test_only_the_checks_are_taken_out_of_a_cell(tmp_path):
    cell = "%matplotlib inline\nx = check('a')\nexercises.check(\n    '15.1', f)\ncheck('15.2', g)"
    submission = read(write(tmp_path / "a.ipynb", [cell, "x ="]))
    assert submission.asked == {"15.1", "15.2"}
    assert "x = check('a')" in submission.cells[0]
    assert "15." not in submission.cells[0]
    assert submission.cells[1] == "x ="


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"nbformat": 4}',
        b"[" * 10**5,
        b'{"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "code", "source": 5}]}',
    ],
)
def test_what_is_no_notebook_is_said_so(content, tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_bytes(content)
    with pytest.raises(NotANotebookError, match="not a notebook"):
        read(path)


@pytest.mark.parametrize(
    "call",
    [
        "print(exercises.check('15.1', f))",
        "exercises.check(number='15.1', answer=f)",
        "%%time\nexercises.check( '15.1', f)",
        "def f(x)\n    return x\nexercises.check('15.1', f)",
    ],
)
def test_an_exercise_counts_however_its_check_is_called(call, tmp_path):
    path = write(tmp_path / "a.ipynb", [call])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())  # as some editors of Windows begin
    assert read(path).exercises == ("15.1", "15.2")


def test_functions_have_the_names_that_the_chapters_give():
    sources = "".join(path.read_text("utf-8") for path in (BOOK / "src").glob("[01]*.md"))
    called = dict(re.findall(r'^exercises\.check\("([\d.]+)", (\w+)\)', sources, re.MULTILINE))
    assert called == {number: function_name(number) for number in CHECKS}
