"""What the pages share: numbers, ticks, activations, costs, chance, places of names."""

import math

import pytest
import torch
from torch.nn import functional as F

import vaetut


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        ("0", 1, "0.0"),
        ("-0", 1, "0.0"),
        ("-0.04", 1, "0.0"),
        ("-0.06", 1, "−0.1"),
        ("-1e-9", 0, "0"),
        ("1e-9", 3, "0.000"),
        ("-12.345", 2, "−12.35"),
        ("-100", 0, "−100"),
        ("1e6", 1, "1000000.0"),
        ("NaN", 2, "–"),
        ("undefined", 2, "–"),
        ("1 / 0", 2, "–"),
    ],
)
def test_a_number_has_a_true_minus_and_no_minus_before_nought(load, value, digits, text):
    assert load("lib/numbers.js")(f"signed({value}, {digits})") == text


@pytest.mark.parametrize(
    ("low", "high", "most", "labels"),
    [
        (-6, 6, 6, ["−6", "−4", "−2", "0", "2", "4", "6"]),
        (-3.6, 3.6, 9, ["−3", "−2", "−1", "0", "1", "2", "3"]),
        (0.21, 0.79, 9, ["0.3", "0.4", "0.5", "0.6", "0.7"]),
        (-0.12, 0.11, 5, ["−0.10", "−0.05", "0.00", "0.05", "0.10"]),
        (40, 137, 5, ["40", "60", "80", "100", "120"]),
        (0, 1.1, 3, ["0.0", "0.5", "1.0"]),
        (0, 1e6, 4, ["0", "500000", "1000000"]),
        (0, 3e-9, 3, ["0.000000000", "0.000000001", "0.000000002", "0.000000003"]),
    ],
)
def test_ticks_are_round_and_say_their_values(load, low, high, most, labels):
    found = load("lib/axes.js")("ticks([low, high], most)", low=low, high=high, most=most)
    assert [tick["label"] for tick in found][:9] == labels
    for tick in found:
        assert low - 1e-12 <= tick["value"] <= high + 1e-12
        assert float(tick["label"].replace("−", "-")) == pytest.approx(tick["value"], abs=1e-12)
    assert len(found) <= most + 1


def test_a_scale_has_its_inverse(load):
    found = load("lib/axes.js")(
        "[2, 5, 7].map((v) => [scale([2, 7], [90, 10])(v), "
        "scale([2, 7], [90, 10]).invert(scale([2, 7], [90, 10])(v))])"
    )
    assert [place for place, _ in found] == pytest.approx([90, 42, 10])
    assert [value for _, value in found] == pytest.approx([2, 5, 7])


@pytest.mark.parametrize(
    "name", ["elu", "leaky_relu", "relu", "sigmoid", "silu", "softplus", "tanh"]
)
def test_activations_and_their_slopes_are_pytorchs(load, name):
    a = torch.tensor([-1e3, -40.0, -3.0, -0.5, -1e-6, 1e-6, 0.5, 3.0, 40.0, 1e3])
    a = a.double().requires_grad_()
    values = getattr(F, name)(a)
    (slopes,) = torch.autograd.grad(values.sum(), a)
    found = load("lib/activations.js")(
        f"[0, 1].map((which) => Array.from(a, ACTIVATIONS.{name}[which]))", a=a.tolist()
    )
    for ours, theirs in zip(found, (values, slopes), strict=True):
        torch.testing.assert_close(torch.tensor(ours).double(), theirs, rtol=1e-5, atol=1e-6)


def test_every_activation_that_an_export_may_have_is_there(load):
    assert load("lib/activations.js")("Object.keys(ACTIVATIONS).sort()") == sorted(
        vaetut.web.ACTIVATIONS
    )


def test_costs_are_the_packages(load, seeded):
    x = (torch.rand(5, 9, generator=seeded(0)) < 0.5).float()
    logits = 20 * torch.randn(5, 9, generator=seeded(1))
    mu, log_var = torch.randn(2, 5, 2, generator=seeded(2))
    run = load("lib/costs.js")
    arrays = {"x": x, "logits": logits, "mu": mu, "logVar": log_var}
    arrays = {name: array.flatten().tolist() for name, array in arrays.items()}
    distortion, rate = run("[distortion(x, logits), rate(mu, logVar)]", **arrays)
    expected = F.binary_cross_entropy_with_logits(logits, x, reduction="sum").item()
    assert distortion == pytest.approx(expected, rel=1e-5)
    expected = vaetut.kl_standard_normal(mu, log_var).sum().item()
    assert rate == pytest.approx(expected, rel=1e-5)


def test_a_seed_gives_numbers_that_are_uniform_and_normal(load):
    run = load("lib/chance.js")
    draw = "((uniform) => Array.from({{ length: 20000 }}, () => {one}))(makeUniform({seed}))"
    uniform = torch.tensor(run(draw.format(one="uniform()", seed=1)))
    assert 0 < uniform.min() and uniform.max() < 1
    counts = torch.histc(uniform, 20, 0, 1)
    assert ((counts - 1000).square() / 1000).sum() < 40  # chi square of 19: beyond 40 once in 300
    again = torch.tensor(run(draw.format(one="uniform()", seed=1)))
    assert torch.equal(uniform, again)
    assert not torch.equal(uniform, torch.tensor(run(draw.format(one="uniform()", seed=2))))

    normal = torch.tensor(run(draw.format(one="normal(uniform)", seed=1)))
    assert normal.isfinite().all()
    moments = [normal.pow(k).mean().item() for k in (1, 2, 3, 4)]
    for found, expected, variance in zip(moments, (0, 1, 0, 3), (1, 2, 15, 96), strict=True):
        assert abs(found - expected) < 4 * math.sqrt(variance / len(normal))


def test_names_of_classes_stand_apart_where_their_classes_are(load, seeded):
    middles = 3 * torch.randn(10, 1, 2, generator=seeded(0))
    middles[4] = middles[9]  # as fours and nines do
    classes = middles + 0.1 * torch.randn(10, 31, 2, generator=seeded(1))
    places = torch.tensor(
        load("lib/plane.js")("namePlaces(classes, 0.5)", classes=classes.tolist())
    )
    distances = torch.cdist(places, places) + 9 * torch.eye(10)
    assert distances.min() > 0.49
    medians = classes.median(1).values
    alone = [digit for digit in range(10) if digit not in (4, 9)]
    assert (places - medians)[alone].abs().max() < 1e-5


def test_a_view_of_the_plane_has_its_inverse(load):
    places, back = load("lib/plane.js")(
        """(({ toScreen, toPlane }) => [
          [toScreen([1, 2]), toScreen([0.5, 2.5])], toPlane(toScreen([0.7, 2.2]))
        ])(project({ x: 1, y: 2, half: 0.5 }, 400))"""
    )
    assert places == [[200, 200], [0, 0]]
    assert back == pytest.approx([0.7, 2.2])
