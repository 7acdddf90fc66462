"""Checks for the exercises: they say what is wrong without giving the answer away.

A chapter calls `check("7.1", answer)`; an answer that is not filled in yet stops nothing. There is
a module for each chapter.
"""

from . import (  # noqa: F401  (registers their exercises)
    chapter_01,
    chapter_02,
    chapter_03,
    chapter_04,
    chapter_05,
    chapter_06,
    chapter_07,
    chapter_08,
    chapter_09,
    chapter_10,
    chapter_13,
    chapter_14,
    chapter_15,
)
from .registry import Verdict, check, judge

__all__ = ["Verdict", "check", "judge"]
