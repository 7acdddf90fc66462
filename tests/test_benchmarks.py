"""The recorded run of `make bench` is whole, and the book's page can say what it says of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.resources import files
from itertools import product
from pathlib import Path

import pytest

import vaetut
from benchmarks import burda, recipes, scale, train_weights
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
