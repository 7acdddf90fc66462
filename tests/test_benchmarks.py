"""The recorded run of `make bench` is whole, and the book's page can say what it says of it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from importlib.resources import files
from itertools import product
from pathlib import Path

import pytest
import torch

import vaetut
from benchmarks import ais, burda, recipes, scale, train_weights
from benchmarks.table import ARTICLE_TEST, table
from benchmarks.timing import ratio

SECTIONS = (
    "import",
    "peak",
    "epoch",
    "step",
    "compile",
    "evaluate",
    "command",
    "scale",
    "fast",
    "long",
)
RECORD = json.loads((files("vaetut") / "assets" / "benchmarks.json").read_text("utf-8"))


def test_the_package_carries_the_record():
    text = (Path(__file__).parents[1] / "benchmarks" / "results.json").read_text("utf-8")
    assert json.loads(text) == RECORD


def test_the_record_is_one_whole_run():
    assert set(RECORD) == {"machine", *SECTIONS, "minutes", "table"}
    assert RECORD["minutes"] < 30
    assert RECORD["table"] == table(RECORD)
    assert len(RECORD["table"]) > 20


def test_fast_was_run_for_every_seed_size_and_precision():
    wanted = product(recipes.SEEDS, recipes.FAST, RECORD["step"])
    runs = [(r["seed"], r["latent_dim"], r["precision"]) for r in RECORD["fast"]]
    assert sorted(runs) == sorted(wanted)
    for run in RECORD["fast"]:
        assert run["kl_warmup_epochs"] == recipes.FAST[run["latent_dim"]].kl_warmup_epochs
        assert len(run["validation_cost"]) == len(run["epoch_seconds"]) == vaetut.FAST.epochs
        assert sum(run["epoch_seconds"]) <= run["seconds"]
        assert run["test"] == pytest.approx(ARTICLE_TEST[run["latent_dim"]], rel=0.02)


def test_shares_and_estimates_are_sane():
    for shares in RECORD["step"].values():
        assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    assert abs(RECORD["evaluate"]["nll"]["vaetut"] - RECORD["evaluate"]["nll"]["pythae"]) < 0.3
    assert set(RECORD["scale"]) == {str(batch) for batch in scale.BATCHES}


def test_a_ratio_is_taken_within_rounds():
    assert ratio([2.0, 30.0, 4.0], [1.0, 10.0, 1.0]) == 3


# The rows of Burda's table


@pytest.mark.parametrize("path", sorted(burda.RECORDS.glob("*.json")), ids=lambda path: path.stem)
def test_a_record_of_a_row_is_whole(path):
    record = json.loads(path.read_text("utf-8"))
    assert path.stem == f"{record['row']}-seed{record['seed']}"
    assert record["recipe"].keys() == asdict(vaetut.ARTICLE).keys()
    for key, steps in (("test", 0), ("test, refined q", burda.REFINE_STEPS)):
        report = vaetut.Report(**record[key])
        assert (report.num_images, report.num_samples, report.data) == (10_000, 5000, "binary")
        assert report.refine_steps == steps and report.seed == 0


def test_a_row_is_trained_measured_and_recorded_once(monkeypatch, tmp_path):
    images, labels = vaetut.load_mnist("train")
    monkeypatch.setattr(vaetut, "load_mnist", lambda split: (images[:200], labels[:200]))
    monkeypatch.setattr(burda, "RECORDS", tmp_path / "records")
    monkeypatch.setattr(train_weights, "CHECKPOINTS", tmp_path / "checkpoints")
    recipe = vaetut.Recipe(hidden_dims=(8,), epochs=1, validation=0, binarize="dynamic")
    monkeypatch.setitem(train_weights.RECIPES, "small", recipe)
    monkeypatch.setitem(burda.ROWS, "small", train_weights.Job("small", 2, num_samples=3))
    burda.main("small", 5)
    record = json.loads((tmp_path / "records" / "small-seed5.json").read_text("utf-8"))
    assert record["recipe"]["epochs"] == 1
    assert record["test, refined q"]["nll"] != record["test"]["nll"]
    with pytest.raises(SystemExit, match="on record"):
        burda.main("small", 5)


# Annealed importance sampling


def annealed(way, generator, back_from=None):
    """Lead chains from q to the posterior, or back from a code of it; log p(x) and its noise."""
    betas, sizes = torch.linspace(0, 1, 101), torch.full((101,), 0.3)
    first = way[2].sample(50, generator)
    ais.anneal(way, first[:10], betas, sizes, generator, tune=True)
    if back_from is None:
        return ais.estimate(ais.anneal(way, first, betas, sizes, generator))
    last = back_from.expand_as(first)
    log_p, noise = ais.estimate(ais.anneal(way, last, betas.flip(0), sizes.flip(0), generator))
    return -log_p, noise


@torch.no_grad()
def test_annealing_finds_the_likelihood_of_a_linear_model_from_both_sides():
    g = torch.Generator().manual_seed(0)
    decoder = torch.nn.Linear(2, 6)
    decoder.weight.copy_(torch.randn(6, 2, generator=g))
    model = vaetut.VAE(6, 2, likelihood="gaussian", variance=0.5, decoder=decoder)
    z = model.prior.sample(20, g)
    x = model.likelihood.sample(model.decode(z), g)
    covariance = decoder.weight @ decoder.weight.T + 0.5 * torch.eye(6)
    truth = torch.distributions.MultivariateNormal(decoder.bias, covariance).log_prob(x)
    prior = vaetut.Normal(torch.zeros(20, 2), torch.zeros(20, 2))
    for back_from in (None, z):
        log_p, noise = annealed((model, x, prior), g, back_from)
        assert noise < 0.05
        assert abs((log_p - truth).mean()) < 4 * noise


@torch.no_grad()
def test_annealing_agrees_with_a_grid_in_two_dimensions():
    g = torch.Generator().manual_seed(0)
    model = vaetut.load_pretrained("article-2d")
    z = model.prior.sample(5, g)
    x = model.likelihood.sample(model.decode(z), g)
    line = torch.linspace(-3, 3, 151)
    log_joint = [
        model.likelihood.log_prob(x, model.decode(part)[:, None].expand(-1, 5, -1))
        + model.prior.log_prob(part)[:, None]
        for part in torch.cartesian_prod(line, line).split(1000)
    ]
    truth = torch.cat(log_joint).logsumexp(0) + 2 * math.log(line[1] - line[0])
    for back_from in (None, z):
        log_p, noise = annealed((model, x, model.encode(x)), g, back_from)
        assert noise < 0.05
        assert abs((log_p - truth).mean()) < 4 * noise
