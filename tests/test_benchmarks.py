"""The recorded run of `make bench` is whole, and the book's page can say what it says of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.resources import files
from itertools import product
from pathlib import Path
from textwrap import dedent

import pytest

import vaetut
from benchmarks import burda, recipes, rivals, scale, train_weights
from benchmarks.rivals import example, ours
from benchmarks.rivals.apart import Apart
from benchmarks.rivals.tuning import tune
from benchmarks.table import ARTICLE_TEST, table
from benchmarks.timing import Estimate, interval, mean, verdict

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


# Intervals, verdicts and settings


def test_a_mean_has_the_interval_of_student():
    found = mean([1.0, 2.0, 3.0])
    assert found.value == 2
    assert (found.low, found.high) == pytest.approx((2 - 2.484, 2 + 2.484), abs=1e-3)  # of a table


def test_a_ratio_is_taken_within_rounds():
    assert interval([2.0, 30.0, 2.0], [1.0, 10.0, 1.0]).value == pytest.approx(12 ** (1 / 3))
    assert interval([2.0, 4.0, 6.0], [1.0, 2.0, 3.0]) == pytest.approx((2, 2, 2))
    there, back = interval([2.0, 3.0], [1.0, 1.0]), interval([1.0, 1.0], [2.0, 3.0])
    assert there.low == pytest.approx(1 / back.high)


@pytest.mark.parametrize(
    ("low", "high", "goal", "said"),
    [
        (3.1, 3.5, "≥ 3", "met"),
        (2.5, 2.9, "≥ 3", "missed"),
        (2.9, 3.1, "≥ 3", "undecided"),
        (2.5, 2.9, "≤ 3", "met"),
        (3.1, 3.5, "≤ 3", "missed"),
        (2.9, 3.1, "≤ 3", "undecided"),
    ],
)
def test_a_goal_within_the_interval_is_undecided(low, high, goal, said):
    assert verdict(Estimate((low + high) / 2, low, high), goal) == said


def test_the_setting_that_is_fastest_on_a_tenth_is_taken(monkeypatch):
    clock, calls = [0.0], []
    monkeypatch.setattr("benchmarks.timing.time.perf_counter", lambda: clock[0])

    def start(part, pause):
        def work():
            calls.append((len(part), pause))
            first = calls.count(calls[-1]) == 1
            clock[0] += 100 if first else pause  # as where the first call compiles

        return work

    found = tune(start, [{"pause": 3}, {"pause": 1}, {"pause": 2}], range(50))
    assert found["taken"] == {"pause": 1}
    assert [trial["seconds"] for trial in found["tried"]] == [3, 1, 2]
    assert calls == 3 * [(5, 3), (5, 1), (5, 2)]


# The rivals


@pytest.mark.parametrize("name", rivals.MODULES)
def test_a_rival_learns_what_ours_learns(name):
    rival = pytest.importorskip(f"benchmarks.rivals.{name}")
    images = vaetut.load_mnist("train")[0][:2000].numpy()
    epoch = rival.epoch(images, **rival.SETTINGS[0])
    assert epoch() == pytest.approx(ours.epoch(images)(), rel=0.03)
    assert epoch() < 235  # it goes on from where it stood


def test_a_rival_is_tuned_and_trains_in_a_process_of_its_own():
    images = vaetut.load_mnist("train")[0][:1000].numpy()
    with Apart("loader", images) as rival:
        assert rival() < rival.found["cost"]
    assert rival.process.exitcode == 0
    assert rival.found["versions"].keys() == {"torch", "torchvision"}
    assert rival.found["taken"] in [trial["setting"] for trial in rival.found["tried"]]


def test_a_rival_that_fails_is_not_waited_for():
    with pytest.raises(EOFError):
        Apart("nobody", vaetut.load_mnist("test")[0][:10].numpy())


def test_the_example_trains_on_our_images(monkeypatch, tmp_path):
    script = """
        import sys
        from torchvision import datasets
        data = datasets.MNIST("../data", train=True, download=True)
        def train(epoch):
            mean = data.data.float().mean() / 255
            print(f"====> Epoch: {epoch} Average loss: {mean:.4f}")
        assert sys.argv[1:] == ["--no-accel"] and __name__ != "__main__"
    """
    (tmp_path / "vae").mkdir()
    (tmp_path / "vae" / "main.py").write_text(dedent(script), "utf-8")
    monkeypatch.setattr(example, "CLONE", str(tmp_path))
    images = vaetut.load_mnist("train")[0][:200].numpy()
    assert example.epoch(images)() == pytest.approx(images.mean(), abs=1e-4)


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
