"""The article's recipe meets both runs that were published; the curves lie in the cards."""

import pytest
import torch

import vaetut

NAMES = ["article-20d", "article-2d"]


@pytest.fixture(params=NAMES)
def card(request):
    return vaetut.load_card(request.param)


def deviations(card, year):
    """Return how far each seed is from each published cost after the first: (seeds, 14)."""
    costs = torch.tensor(list(card["curves"]["cost"].values()))
    published = {int(e): cost for e, cost in card["published"]["runs"][year]["cost"].items()}
    del published[1]
    columns = [card["curves"]["epoch"].index(epoch) for epoch in published]
    return costs[:, columns] / torch.tensor(list(published.values())) - 1


def test_three_seeds_have_run_all_75_epochs(card):
    assert len(card["curves"]["cost"]) == len(card["test"]) == 3
    assert card["curves"]["epoch"] == list(range(1, 76))
    assert all(len(curve) == 75 for curve in card["curves"]["cost"].values())


@pytest.mark.parametrize("year", ["2015", "2017"])
def test_the_seeds_are_near_both_published_runs(card, year):
    assert deviations(card, year).shape == (3, 14)
    assert deviations(card, year).mean(0).abs().max() < 0.016
    assert deviations(card, year).abs().max() < 0.021


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
