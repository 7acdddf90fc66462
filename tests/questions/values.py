"""The numbers of the questions whose answers are numbers, computed the right and the wrong ways.

A key is the chapter and the first words of the question. Its four values stand in the order of the
answers: each is what that answer's way of reckoning gives. One entry a question, chapters in order.
"""

from __future__ import annotations

VALUES = {
    # Chapter 1
    # Chapter 2
    # Chapter 3
    # Chapter 4
    # Chapter 5
    # Chapter 6
    # Chapter 7
    # Chapter 8
    # Chapter 9
    # Chapter 9b
    # Chapter 10
    # Chapter 13
    # Chapter 14
    # Chapter 15
}
