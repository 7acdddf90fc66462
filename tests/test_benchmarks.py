"""The recorded run of `make bench` is whole, and the book's page can say what it says of it."""

from __future__ import annotations

import pytest

from benchmarks import record, rivals, scale
from benchmarks.table import table

RECORD = record.read("speed")[-1]


def test_the_newest_record_is_one_whole_run():
    timed = {"peak", "epoch", "example", "step", "compile", "evaluate", "command", "scale", "whole"}
    assert set(RECORD) == timed | {"machine", "minutes", "table", "made"}
    assert RECORD["minutes"] < 60
    assert RECORD["table"] == table(RECORD)
    assert set(RECORD["epoch"]["rivals"]) == set(rivals.NAMES)
    assert set(RECORD["scale"]) == {str(batch) for batch in scale.BATCHES}


def test_rivals_learn_the_same():
    costs = {name: found["cost"] for name, found in RECORD["epoch"]["rivals"].items()}
    for name, cost in costs.items():
        assert cost == pytest.approx(RECORD["epoch"]["cost"]["vaetut, float32"], abs=10), name


def test_shares_and_estimates_are_sane():
    for shares in RECORD["step"].values():
        assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    assert abs(RECORD["evaluate"]["nll"]["vaetut"] - RECORD["evaluate"]["nll"]["pythae"]) < 0.3
