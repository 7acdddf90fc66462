"""Checks for the exercises: they say what is wrong without giving the answer away.

A chapter calls `check("7.1", answer)`; an answer that is not filled in yet stops nothing. There is
a module for each chapter.
"""

from . import chapter_07  # noqa: F401  (registers its exercises)
from .registry import check

__all__ = ["check"]
