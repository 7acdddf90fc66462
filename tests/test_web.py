"""A model is exported whole, in a few bits, with what its page shows."""

import base64
import json
import re

import numpy as np
import pytest
import torch

import vaetut
from vaetut import plotting, web
from vaetut.parts import describe

D, N = 16, 60


@pytest.fixture
def labels():
    return torch.arange(N) % 10


@pytest.fixture
def images(seeded):
    return torch.rand(N, D, generator=seeded(1))


@pytest.fixture
def plane_model(make_model):
    return make_model(input_dim=D, latent_dim=2, hidden_dims=(8, 6), activation="silu")


@pytest.fixture
def exported(plane_model, images, labels):
    return json.loads(web.export_json(plane_model, images, labels, num_points=40, num_examples=2))


def array(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype)


def linears(model):
    return [module for module in model.modules() if isinstance(module, torch.nn.Linear)]


# The format


@pytest.fixture(params=[8, 16])
def bits(request, monkeypatch):
    """Let every layer be a large one, or a small one."""
    monkeypatch.setattr(web, "LARGE", 0 if request.param == 8 else 10**9)
    return request.param


def test_the_rounded_model_is_read_back(plane_model, images, labels, bits):
    rounded = web.load_json(web.export_json(plane_model, images, labels))
    assert describe(rounded) == describe(plane_model)
    assert not rounded.training
    for before, after in zip(linears(plane_model), linears(rounded), strict=True):
        step = before.weight.abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)
        assert ((before.weight - after.weight).abs() <= 0.51 * step).all()
        assert torch.equal(before.bias, after.bias)


@pytest.mark.usefixtures("bits")
def test_exporting_a_rounded_model_rounds_nothing_more(plane_model, images, labels):
    text = web.export_json(plane_model, images, labels)
    again = web.export_json(web.load_json(text), images, labels)
    rounded, twice = web.load_json(text), web.load_json(again)
    for before, after in zip(linears(rounded), linears(twice), strict=True):
        torch.testing.assert_close(before.weight, after.weight, rtol=1e-6, atol=0)


def test_a_layer_is_what_the_format_says(plane_model, images, labels, bits):
    exported = json.loads(web.export_json(plane_model, images, labels))
    layer = exported["encoder"]["hidden"][0]
    rows, columns = layer["shape"]
    assert (rows, columns, layer["bits"]) == (8, D, bits)
    levels = array(layer["weight"], f"<i{bits // 8}").reshape(rows, columns)
    weight = levels * array(layer["scale"], "<f4")[:, None]
    linear = plane_model.encoder.hidden[0]
    largest = linear.weight.abs().max().item()
    step = largest / (2 ** (bits - 1) - 1)
    np.testing.assert_allclose(weight, linear.weight.detach(), rtol=0, atol=step)
    np.testing.assert_array_equal(array(layer["bias"], "<f4"), linear.bias.detach())
    assert (np.abs(levels).max(axis=1) == 2 ** (bits - 1) - 1).all()  # the range is used


def test_large_layers_get_fewer_bits(images, labels, monkeypatch, plane_model):
    monkeypatch.setattr(web, "LARGE", 8 * D - 1)
    text = json.loads(web.export_json(plane_model, images, labels))
    found = [layer["bits"] for layer in text["encoder"]["hidden"]]
    assert found == [8, 16]


def test_a_row_of_zeros_stays_one(plane_model, images, labels):
    with torch.no_grad():
        plane_model.decoder.out.weight[3] = 0
    rounded = web.load_json(web.export_json(plane_model, images, labels))
    assert (rounded.decoder.out.weight[3] == 0).all()


def test_points_are_draws_from_the_posteriors(plane_model, images, labels):
    some, other = (
        json.loads(web.export_json(plane_model, images, labels, num_points=N, seed=seed))
        for seed in (0, 1)
    )
    z = array(some["points"]["z"], "<i2").reshape(-1, 2) * some["points"]["step"]
    with torch.no_grad():
        mu, log_var = web.load_json(json.dumps(some)).encode(images)
    eps = (torch.from_numpy(z) - mu) / (0.5 * log_var).exp()
    assert eps.abs().max() < 5
    assert 0.7 < eps.std() < 1.3
    assert some["points"]["z"] != other["points"]["z"]
    np.testing.assert_array_equal(array(some["points"]["labels"], "<u1"), labels)


def test_points_are_of_images_drawn_at_random(plane_model, images):
    place = torch.arange(N) * 10 // N  # a label says where among the images it stands
    text = web.export_json(plane_model, images, place, num_points=N // 2)
    found = np.bincount(array(json.loads(text)["points"]["labels"], "<u1").astype(int))
    assert found.sum() == N // 2
    assert len(found) == 10 and found.min() > 0


def test_typical_costs_are_those_of_the_rounded_model(plane_model, images, labels):
    text = web.export_json(plane_model, images, labels, num_points=N)
    typical = json.loads(text)["typical"]
    elbo = vaetut.elbo(web.load_json(text), images, num_samples=1000)
    assert typical["rate"] == pytest.approx(elbo.kl.mean().item(), rel=1e-5)
    assert typical["distortion"] == pytest.approx(-elbo.log_likelihood.mean().item(), rel=0.05)


def test_examples_are_the_first_of_each_class(images, exported):
    rows = [digit + 10 * k for digit in range(10) for k in range(2)]
    pixels = array(exported["examples"]["images"], "<u1").reshape(-1, D)
    np.testing.assert_array_equal(pixels, (images[rows] * 255).round())
    np.testing.assert_array_equal(
        array(exported["examples"]["labels"], "<u1"), np.repeat(range(10), 2)
    )


def test_colours_are_those_of_the_figures(exported):
    assert exported["colors"] == {"digits": list(plotting.PALETTE), **plotting.COLORS}


def test_the_script_holds_the_json_and_is_read_as_well(plane_model, images, labels):
    text = web.export_json(plane_model, images, labels)
    script = web.as_script(text)
    assert json.loads(re.fullmatch(r"globalThis\.VAETUT_EXPORT = (.*);\n", script, re.S)[1])
    for one, other in zip(
        web.load_json(text).parameters(), web.load_json(script).parameters(), strict=True
    ):
        assert torch.equal(one, other)


def test_the_same_call_gives_the_same_text(plane_model, images, labels):
    before = torch.get_rng_state()
    one, other = (web.export_json(plane_model, images, labels) for _ in range(2))
    assert one == other
    assert torch.equal(torch.get_rng_state(), before)


def test_a_model_in_float64_can_be_exported(plane_model, images, labels):
    web.load_json(web.export_json(plane_model.double(), images, labels))


# Bad input


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"latent_dim": 3}, "latent_dim must be 2, got 3"),
        ({"input_dim": 12}, "images must be square, got input_dim = 12"),
        ({"likelihood": "gaussian"}, "must be Bernoulli, got Gaussian"),
        ({"activation": "gelu"}, "the activation of an exported model must be one of .*'gelu'"),
    ],
)
def test_a_model_that_the_page_cannot_run_is_refused(make_model, labels, options, reason):
    model = make_model(**({"input_dim": D, "latent_dim": 2} | options))
    with pytest.raises(ValueError, match=reason):
        web.export_json(model, torch.rand(N, model.input_dim), labels)


def test_weights_that_are_not_finite_are_refused(plane_model, images, labels):
    with torch.no_grad():
        plane_model.decoder.out.bias[0] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        web.export_json(plane_model, images, labels)


def test_something_else_is_no_model(images, labels):
    with pytest.raises(TypeError, match="model must be a VAE, got str"):
        web.export_json("playground-2d", images, labels)


def test_images_and_labels_must_fit(plane_model, images, labels):
    export = web.export_json
    with pytest.raises(ValueError, match=r"images must have shape \(batch, 16\)"):
        export(plane_model, images[:, 1:], labels)
    with pytest.raises(ValueError, match=r"images must lie in \[0, 1\]"):
        export(plane_model, 255 * images, labels)
    with pytest.raises(ValueError, match=r"labels must have shape \(60,\).* got \(59,\)"):
        export(plane_model, images, labels[1:])
    for wrong in (labels + 1, labels - 1, labels.float()):
        with pytest.raises(ValueError, match="labels must be integers from 0 to 9"):
            export(plane_model, images, wrong)
    with pytest.raises(ValueError, match="num_points must be at least 1, got 0"):
        export(plane_model, images, labels, num_points=0)
    with pytest.raises(TypeError, match="num_examples must be an int"):
        export(plane_model, images, labels, num_examples=2.0)


@pytest.mark.parametrize("text", ["", "{}", "[1]", "null", '{"format": "vaetut-web/0"}'])
def test_another_text_is_no_export(text):
    with pytest.raises(ValueError, match=r"no export in the format vaetut-web/1"):
        web.load_json(text)


def test_a_damaged_export_is_named(exported):
    exported["decoder"]["out"]["weight"] = exported["decoder"]["out"]["weight"][:-4]
    with pytest.raises(ValueError, match="no export"):
        web.load_json(json.dumps(exported))


# The book's


def test_rounding_costs_the_books_model_little():
    images, labels = vaetut.load_mnist("test")
    model = vaetut.load_pretrained("playground-2d")
    costs = []
    for each in (model, web.load_json(web.export_json(model, images, labels))):
        with torch.no_grad():
            g = torch.Generator().manual_seed(0)
            costs.append(-vaetut.elbo(each, images, generator=g).elbo.mean().item())
    assert abs(costs[1] - costs[0]) < 0.1  # nats, of about 140
