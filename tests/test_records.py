"""The records of benchmarks/ are whole, only grow, and every look at the test images is logged."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import pytest

import vaetut
from benchmarks import burda, draws, record, seeds, train_weights, variants

PROTOCOL = Path(burda.__file__).parent / "PROTOCOL.md"
LOOKS = [(kind, run) for kind in ("burda", "seeds") for run in record.read(kind) if "test" in run]


@pytest.fixture
def small(monkeypatch, tmp_path, restore_flags):
    """Records, checkpoints and images of the test's own; a recipe of one epoch."""
    images, labels = vaetut.load_mnist("train")
    monkeypatch.setattr(vaetut, "load_mnist", lambda split: (images[:200], labels[:200]))
    monkeypatch.setattr(record, "RECORDS", tmp_path / "records")
    monkeypatch.setattr(record, "COPIES", tmp_path)
    monkeypatch.setattr(train_weights, "CHECKPOINTS", tmp_path / "weights")
    monkeypatch.setattr(seeds, "CHECKPOINTS", tmp_path / "seeds")
    return vaetut.Recipe(hidden_dims=(8,), epochs=1, validation=50)


def test_the_package_carries_the_records(monkeypatch, tmp_path):
    kept = {kind: (record.COPIES / f"{kind}.jsonl").read_text("utf-8") for kind in record.KINDS}
    monkeypatch.setattr(record, "COPIES", tmp_path)
    record.collect()
    for kind, text in kept.items():
        assert (tmp_path / f"{kind}.jsonl").read_text("utf-8") == text, (
            "python -m benchmarks.record"
        )


@pytest.mark.parametrize(("kind", "run"), LOOKS, ids=lambda value: str(value)[:40])
def test_a_look_at_the_test_images_is_whole_and_logged(kind, run):
    name, commit = run["row" if kind == "burda" else "name"], run["made"]["commit"]
    report = vaetut.Report(**{"refine_steps": 0} | run["test"])
    assert report.num_images == 10_000
    assert report.data == ("binary" if kind == "burda" else "grey")
    assert report.num_samples == (5000 if kind == "burda" else 100)
    assert not commit.endswith("-dirty")
    lines = PROTOCOL.read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:]] for line in lines if "|" in line]
    logged = [row for row in rows if (row[0], row[2]) == (commit, name)]
    digits = {"burda": "nll", "seeds": "neg_elbo"}[kind]
    assert any(f"{run['test'][digits]:.2f}" in " ".join(row) for row in logged)


def test_a_row_is_measured_once_by_the_rules_with_both_kinds_of_q():
    runs = [run for run in record.read("burda") if "test, refined q" in run]
    assert max(Counter((run["row"], run["seed"]) for run in runs).values()) == 1
    for run in runs:
        refined = vaetut.Report(**run["test, refined q"])
        assert refined.refine_steps == burda.REFINE_STEPS and refined.num_samples == 5000
        recipe = train_weights.RECIPES[burda.ROWS[run["row"]].recipe]
        assert run["recipe"] == json.loads(json.dumps(asdict(recipe)))


def test_a_recipe_is_the_one_that_was_measured():
    runs = record.read("seeds")
    assert {"article-20d", "article-2d", "fast-20d", "fast-2d"} <= {run["name"] for run in runs}
    for run in runs:  # fields that came later are not in earlier records
        recipe = json.loads(json.dumps(asdict(seeds.RUNS[run["name"]][0])))
        assert {field: recipe[field] for field in run["recipe"]} == run["recipe"], run["name"]


def test_a_recipes_seed_is_measured_once():
    for kind in ("seeds", "variants"):
        runs = Counter((run["name"], run["seed"]) for run in record.read(kind))
        assert not runs or max(runs.values()) == 1


def test_records_only_grow(small):
    record.add("some", {"value": 1})
    record.add("some", {"value": 2})
    assert [run["value"] for run in record.read("some")] == [1, 2]
    (folder,) = record.RECORDS.iterdir()
    made = record.read("some")[0]["made"]
    assert folder.name == f"{made['date'][:10]}-{made['commit']}"


def test_a_row_is_trained_measured_and_recorded_once(small, monkeypatch):
    monkeypatch.setitem(train_weights.RECIPES, "small", small)
    monkeypatch.setitem(burda.ROWS, "small", train_weights.Job("small", 2, num_samples=3))
    burda.main("small", 5)
    (run,) = record.read("burda")
    assert run["recipe"]["epochs"] == 1
    assert run["test, refined q"]["nll"] != run["test"]["nll"]
    with pytest.raises(SystemExit, match="on record"):
        burda.main("small", 5)


def test_a_look_from_before_the_rules_does_not_stand_for_the_refined_q(small, monkeypatch):
    monkeypatch.setitem(train_weights.RECIPES, "small", small)
    monkeypatch.setitem(burda.ROWS, "small", train_weights.Job("small", 2, num_samples=3))
    record.add("burda", {"row": "small", "seed": 5, "test": {}})
    burda.main("small", 5)
    assert ["test, refined q" in run for run in record.read("burda")] == [False, True]


def test_seeds_are_trained_measured_and_recorded_once(small, monkeypatch):
    monkeypatch.setitem(seeds.RUNS, "small", (small, 2))
    seeds.main("small", [3, 4])
    seeds.main("small", [3, 4])
    one, other = record.read("seeds")
    assert (one["seed"], other["seed"]) == (3, 4)
    assert len(one["validation_cost"]) == 1
    assert one["test"]["neg_elbo"] != other["test"]["neg_elbo"]


def test_a_training_that_breaks_off_is_recorded_and_the_next_one_is_tried(small, monkeypatch):
    def train(model, images, recipe, seed, *_, **__):
        raise FloatingPointError(f"the cost became nan with seed {seed}")

    monkeypatch.setattr(vaetut, "train", train)
    monkeypatch.setitem(seeds.RUNS, "small", (small, 2))
    seeds.main("small", [3, 4])
    monkeypatch.setattr(variants, "VARIANTS", {"small": small})
    variants.main([])
    for kind, tried in (("seeds", (3, 4)), ("variants", variants.SEEDS)):
        failed = [run["failed"] for run in record.read(kind)]
        assert failed == [f"the cost became nan with seed {seed}" for seed in tried]


def test_variants_are_judged_on_held_out_images_only(small, monkeypatch):
    train = vaetut.load_mnist("train")
    monkeypatch.setattr(vaetut, "load_mnist", {"train": train}.__getitem__)
    monkeypatch.setattr(variants, "VARIANTS", {"2-D, small": small})
    variants.main([])
    variants.main([])
    runs = record.read("variants")
    assert [run["seed"] for run in runs] == list(variants.SEEDS)
    assert {run["latent_dim"] for run in runs} == {2}


def test_rows_cut_short_are_judged_on_held_out_images_only(small, monkeypatch):
    train = vaetut.load_mnist("train")
    monkeypatch.setattr(vaetut, "load_mnist", {"train": train}.__getitem__)
    monkeypatch.setattr(draws, "ROWS", {"small": replace(small, objective="iwae", num_samples=5)})
    monkeypatch.setattr(draws, "SHORT", small)
    monkeypatch.setattr(draws, "NUM_SAMPLES", 3)
    draws.main()
    draws.main()
    runs = record.read("draws")
    assert [run["seed"] for run in runs] == list(draws.SEEDS)
    assert {run["held_out"]["num_images"] for run in runs} == {50}
    assert {run["held_out"]["latent_dim"] for run in runs} == {50}


def test_a_variant_changes_one_or_two_choices_of_fast():
    own = asdict(variants.FAST)
    for name, recipe in variants.VARIANTS.items():
        changed = [field for field, value in asdict(recipe).items() if value != own[field]]
        assert len(changed) in ((0,) if name in ("FAST", "2-D") else (1, 2)), name
