"""When a cost makes no sense, and what is said then; test_training.py has it in a run."""

import math

import pytest
import torch

import vaetut
from vaetut.diagnosis import FAR, advice, first_to_leave, nonsense

X = torch.tensor([[0.0, -3.0], [2.0, 4.0], [4.0, math.nan]])


class Known(vaetut.Gaussian):
    """A Gaussian for which ignorance costs what is asked for."""

    def __init__(self, cost):
        super().__init__()
        self.cost = cost

    def cost_of_ignorance(self, x):
        return x.new_tensor(self.cost)


@pytest.mark.parametrize(("ignorant", "far"), [(10.0, 10 * FAR), (0.0, FAR - 1), (-50.0, 4900.0)])
def test_a_cost_is_doubted_where_it_is_far_above_that_of_ignorance(ignorant, far):
    def told(charged):
        return nonsense(Known(ignorant), X, 1234.5, charged, lambda: "do this")

    assert told(far) is None
    assert told(far + 0.1) == (
        "the last epoch's cost, 1.23e+03, makes no sense, since knowing nothing costs about "
        f"{ignorant:.3g}; do this"
    )


@pytest.mark.parametrize("likelihood", [vaetut.Bernoulli(), vaetut.Categorical(3)])
def test_values_of_a_known_range_need_a_smaller_learning_rate(likelihood):
    said = advice(likelihood, torch.tensor([[0.0, 1.0]]), 0.25)
    hint = "; with center_output=True, a model of counts begins near them"
    counts = isinstance(likelihood, vaetut.Categorical)
    assert said == "try a smaller learning_rate (it is 0.25)" + hint * counts


FACTS = "the data reach from -3 to 4, the largest standard deviation of a column is 2.867"


def test_columns_of_real_values_are_described():
    slower = "try a smaller learning_rate (it is 0.25)"
    scaled = "standardise the columns; where they are, "
    known = vaetut.Observed(vaetut.Gaussian(0.5))
    assert advice(known, X, 0.25) == f"{FACTS}; {slower}"
    assert advice(known.base, X, 0.25) == (
        f"{FACTS}, and the likelihood's variance is 0.5: {scaled}{slower}"
    )


@pytest.mark.parametrize(
    ("terms", "two_terms", "said"),
    [
        ([[3, 2, 1], [math.inf, math.inf, 1]], True, ", step 2 (distortion first)"),
        ([[math.nan, 1, math.inf], [math.nan] * 3], True, ", step 1 (rate first)"),
        ([[3, 2, 1], [math.nan] * 3], True, ", step 2 (distortion and rate at once)"),
        ([[3, 2, 1], [math.inf, math.inf, 1]], False, ", step 2"),
        ([[3, 2, 1], [3, 2, 1]], True, ""),
    ],
)
def test_the_term_that_left_first_is_named(terms, two_terms, said):
    assert first_to_leave(torch.tensor(terms, dtype=torch.float32), two_terms) == said
