"""Make the course kit from the book's sources: `make course`.

`build/course/` gets students' notebooks (with appendix D, and without it for graded work), the
instructor's edition, slides, and all figures. `--packs` adds assignments for otter-grader and
nbgrader, which their own tools make in environments of their own.
"""

from __future__ import annotations

import argparse
import shutil

from . import figures, instructor, packs, slides, student
from .sources import ROOT

COURSE = ROOT / "build" / "course"


def main() -> None:
    """Make everything anew."""
    parser = argparse.ArgumentParser(description="Make the course kit.")
    parser.add_argument("--packs", action="store_true", help="also for otter-grader and nbgrader")
    wanted = parser.parse_args()
    shutil.rmtree(COURSE, ignore_errors=True)
    student.write(COURSE / "student")
    student.write(COURSE / "student-graded", graded=True)
    figures.write(COURSE / "figures")
    slides.write(COURSE / "slides")
    instructor.write(COURSE / "instructor")
    packs.write_sources(COURSE)
    if wanted.packs:
        packs.run_tools(COURSE)
    print(f"The course kit is in {COURSE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
