"""All faults, in the order of the printed table."""

from __future__ import annotations

from tests.mutants import cards, chapters, formulas, pages, parts, training

FAULTS = [
    *formulas.FAULTS,
    *training.FAULTS,
    *parts.FAULTS,
    *cards.FAULTS,
    *chapters.FAULTS,
    *pages.FAULTS,
]
