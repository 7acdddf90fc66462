"""What the playground's tour says about codes."""

import math

import pytest
import torch


@pytest.fixture(scope="module")
def run(load):
    return load("playground/codes.js")


@pytest.mark.parametrize("place", [[0.0, 0.0], [1.5, -1.2], [0.3, 3.0]])
@pytest.mark.parametrize("radius", [0.05, 0.4, 2.0])
def test_the_chance_to_fall_near_a_place(run, place, radius):
    """The integral over the second coordinate is one of the error function; the first is summed."""
    x, y = place
    step = radius / 2000
    across = torch.arange(-radius + step / 2, radius, step, dtype=torch.float64)
    half = (radius**2 - across**2).sqrt()
    density = torch.exp(-0.5 * (x + across) ** 2) / math.sqrt(2 * math.pi)
    inside = torch.special.ndtr(y + half) - torch.special.ndtr(y - half)
    expected = (density * inside).sum().item() * step
    found = run("chanceWithin(place, radius)", place=place, radius=radius)
    assert found == pytest.approx(expected, rel=2e-3)


def test_the_nearest_codes_and_their_classes(run, seeded):
    points = torch.randn(200, 2, generator=seeded(0))
    labels = torch.randint(10, (200,), generator=seeded(1))
    place = [0.4, -0.3]
    squared = (points - torch.tensor(place)).square().sum(1)
    order = squared.argsort()[:15]
    given = {"points": points.tolist(), "labels": labels.tolist(), "place": place}
    near = torch.tensor(run("nearest(points, place, 15)", **given))
    assert near[:, 1].tolist() == order.tolist()
    torch.testing.assert_close(near[:, 0], squared[order], atol=1e-5, rtol=1e-4)
    votes = torch.bincount(labels[order], minlength=10)
    assert run("votes({ points, labels }, place)", **given) == votes.tolist()
    assert votes[run("classNear({ points, labels }, place)", **given)] == votes.max()


def test_a_hole_is_found_where_draws_were_taken_away(run, seeded):
    """A disc without draws, of a prior that has them everywhere else."""
    points = torch.randn(3000, 2, generator=seeded(0))
    centre = torch.tensor([0.5, -0.8])
    points = points[(points - centre).norm(dim=1) > 0.4]
    hole = run("hole(points, 2)", points=points.tolist())
    assert (torch.tensor(hole["z"]) - centre).norm() < 0.15
    away = (points - torch.tensor(hole["z"])).norm(dim=1).min().item()
    assert hole["radius"] == pytest.approx(away, abs=1e-4)
    chance = run("chanceWithin(z, radius)", z=hole["z"], radius=hole["radius"])
    assert hole["missing"] == pytest.approx(len(points) * chance, rel=1e-4)
