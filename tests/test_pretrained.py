"""Weights are saved and loaded whole; the bundled ones score what their cards say."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

import vaetut
from benchmarks import train_weights
from vaetut import pretrained
from vaetut.parts import describe

NAMES = vaetut.list_pretrained()
CHECK_IMAGES = 500


@pytest.fixture(scope="module")
def test_images():
    return vaetut.load_mnist("test")[0][:CHECK_IMAGES]


@pytest.fixture
def saved(model, tmp_path):
    path = tmp_path / "model.safetensors"
    vaetut.save_model(model, path)
    return path


def test_weights_that_layers_share_are_saved(model, tmp_path):
    model.encoder.log_var.weight = model.encoder.mu.weight
    vaetut.save_model(model, tmp_path / "m.safetensors")
    twin = vaetut.load_model(tmp_path / "m.safetensors")
    assert torch.equal(twin.encoder.log_var.weight, model.encoder.mu.weight)


# The bundled models


def test_the_articles_two_models_are_bundled():
    assert {"article-20d", "article-2d"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_bundled_model_scores_what_its_card_says(name, test_images):
    model, check = vaetut.load_pretrained(name), vaetut.load_card(name)["check"]
    assert check["num_images"] == CHECK_IMAGES
    images = test_images
    if check["binarize_seed"] is not None:
        generator = torch.Generator().manual_seed(check["binarize_seed"])
        images = vaetut.binarize(images, generator)
    report = vaetut.evaluate(model, images, check["num_samples"], check["seed"])
    assert report.neg_elbo == pytest.approx(check["neg_elbo"], rel=1e-4)
    assert report.nll == pytest.approx(check["nll"], rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_bundled_model_is_ready_to_use(name):
    model = vaetut.load_pretrained(name)
    assert not model.training
    assert {p.dtype for p in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("name", NAMES)
def test_a_card_reports_every_seed_on_all_test_images(name):
    card = vaetut.load_card(name)
    reports = {seed: vaetut.Report(**metrics) for seed, metrics in card["test"].items()}
    assert str(card["seed"]) in reports
    for report in reports.values():
        assert report.num_images == 10_000
        assert report.neg_elbo == pytest.approx(report.distortion + report.rate, rel=1e-6)
        assert report.nll < report.neg_elbo


@pytest.mark.parametrize("name", NAMES)
def test_a_bundled_model_can_be_trained_again_as_its_card_says(name):
    job, card = train_weights.JOBS[name], vaetut.load_card(name)
    fields = {key: value for key, value in card["recipe"].items() if key != "name"}
    fields |= {key: tuple(value) for key, value in fields.items() if isinstance(value, list)}
    assert vaetut.Recipe(**fields) == train_weights.RECIPES[job.recipe]
    assert (card["recipe"]["name"], card.get("start")) == (job.recipe, job.start)
    assert vaetut.load_pretrained(name).latent_dim == job.latent_dim


@pytest.mark.parametrize("name", NAMES)
def test_a_card_quotes_what_was_published(name):
    published = json.loads(json.dumps(train_weights.JOBS[name].published))
    assert vaetut.load_card(name).get("published") == published


# Saving and loading


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"hidden_dims": ()},
        {"hidden_dims": (9, 4, 6), "activation": "tanh", "latent_dim": 1},
        {"likelihood": "gaussian", "variance": 0.2},
        {"likelihood": "gaussian", "variance": "learned"},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_model_survives_saving_and_loading(make_model, images, seeded, tmp_path, options, dtype):
    model, images = make_model(**options).to(dtype), images.to(dtype)
    vaetut.save_model(model, tmp_path / "model.safetensors")
    loaded = vaetut.load_model(tmp_path / "model.safetensors")
    assert describe(loaded) == describe(model)
    pairs = zip(model.state_dict().items(), loaded.state_dict().items(), strict=True)
    for (name, weight), (other, read) in pairs:
        assert name == other
        assert weight.dtype == read.dtype
        assert torch.equal(weight, read)
    torch.testing.assert_close(
        vaetut.elbo(loaded, images, generator=seeded()).elbo,
        vaetut.elbo(model, images, generator=seeded()).elbo,
    )


def test_layers_that_were_exchanged_are_not_saved_as_others(model, tmp_path):
    model.encoder.hidden[1] = torch.nn.ReLU()
    with pytest.raises(TypeError, match="has other layers than its parts' settings ask for"):
        vaetut.save_model(model, tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_path_may_be_a_string(model, tmp_path):
    path = str(tmp_path / "model.safetensors")
    vaetut.save_model(model, path)
    assert describe(vaetut.load_model(path)) == describe(model)


def test_saving_leaves_no_other_file_behind(saved):
    assert list(saved.parent.iterdir()) == [saved]


# Bad input


def truncate(path):
    path.write_bytes(path.read_bytes()[:-50])


def empty(path):
    path.write_bytes(b"")


def noise(path):
    path.write_bytes(bytes(range(256)) * 20)


def damage_header(path):
    data = bytearray(path.read_bytes())
    data[20:30] = b"\xff" * 10
    path.write_bytes(bytes(data))


def pickle(path):
    torch.save({"weight": torch.zeros(2)}, path)


def change(path, tensors=None, config=None, metadata=True):
    """Write the file again with other tensors or another architecture."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        old = json.loads(file.metadata()["vaetut"])
    text = {"vaetut": json.dumps(old | (config or {}))} if metadata else None
    save_file(load_file(path) | (tensors or {}), path, metadata=text)


@pytest.mark.parametrize("damage", [truncate, empty, noise, damage_header, pickle])
def test_a_damaged_file_is_named(saved, damage):
    damage(saved)
    with pytest.raises(
        ValueError, match=r"model\.safetensors is damaged or .* expected a safetens"
    ):
        vaetut.load_model(saved)


@pytest.mark.parametrize(
    "changes",
    [
        {"metadata": False},
        {"config": {"latent_dim": 4}},
        {"config": {"hidden_dims": [8, 8]}},
        {"config": {"activation": "unheard-of"}},
        {"config": {"depth": 3}},
        {"tensors": {"decoder.out.bias": torch.zeros(7)}},
        {"tensors": {"further": torch.zeros(7)}},
    ],
    ids=str,
)
def test_a_file_of_another_model_is_named(saved, changes):
    change(saved, **changes)
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged or is not a vaetut model"):
        vaetut.load_model(saved)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(model, saved, value, monkeypatch):
    monkeypatch.setattr(pretrained, "_checksum", lambda *args: "the same")
    vaetut.save_model(model, saved)
    change(saved, {"decoder.out.bias": torch.full((12,), value)})
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged .* not finite"):
        vaetut.load_model(saved)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*nowhere\.safetensors"):
        vaetut.load_model(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("load", [vaetut.load_pretrained, vaetut.load_card])
@pytest.mark.parametrize("name", ["article-21d", "../secret", "", None, ["article-20d"]])
def test_an_unknown_name_is_answered_with_those_there_are(load, name):
    with pytest.raises(ValueError, match="there is no model .*; there are: ") as caught:
        load(name)
    assert repr(name) in str(caught.value)
    assert f"there are: {', '.join(sorted(NAMES))}. load_model" in str(caught.value)
