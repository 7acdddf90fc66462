"""The article's recipe meets the run that was published in 2015; the curves lie in the cards."""

import pytest
import torch

import vaetut

NAMES = ["article-20d", "article-2d"]


@pytest.fixture(params=NAMES)
def card(request):
    return vaetut.load_card(request.param)


def deviations(card):
    """Return how far each seed is from each published cost from epoch 6 on: (seeds, epochs)."""
    costs = torch.tensor(list(card["curves"]["cost"].values()))
    published = {int(e): cost for e, cost in card["published"]["cost"].items() if int(e) >= 6}
    columns = [card["curves"]["epoch"].index(epoch) for epoch in published]
    return costs[:, columns] / torch.tensor(list(published.values())) - 1


def test_three_seeds_have_run_all_75_epochs(card):
    assert len(card["curves"]["cost"]) == len(card["test"]) == 3
    assert card["curves"]["epoch"] == list(range(1, 76))
    assert all(len(curve) == 75 for curve in card["curves"]["cost"].values())


def test_the_mean_of_the_seeds_is_within_one_and_a_half_percent(card):
    assert deviations(card).shape == (3, 5)
    assert deviations(card).mean(0).abs().max() < 0.015


def test_no_single_seed_strays_further_than_two_percent(card):
    assert deviations(card).abs().max() < 0.02


@pytest.mark.parametrize(
    ("name", "expected", "within"), [(NAMES[0], 98.5, 0.8), (NAMES[1], 143.5, 2)]
)
def test_the_test_elbo_is_what_the_recipe_is_known_for(name, expected, within):
    costs = [report["neg_elbo"] for report in vaetut.load_card(name)["test"].values()]
    assert sum(costs) / 3 == pytest.approx(expected, abs=within)


def test_the_recipe_on_the_card_is_the_packages(card):
    recipe = dict(card["recipe"])
    assert recipe.pop("name") == "article"
    lists = {
        key: tuple(value) if isinstance(value, list) else value for key, value in recipe.items()
    }
    assert vaetut.Recipe(**lists) == vaetut.ARTICLE
