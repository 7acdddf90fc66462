"""The recorded run of `make bench` is whole, and the book's page can say what it says of it."""

from __future__ import annotations

import json
from importlib.resources import files
from itertools import product
from pathlib import Path

import pytest

import vaetut
from benchmarks import recipes, scale
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
