"""The speedrun's records keep its rules, and its harness notices what does not."""

import ast
import json
import re

import pytest
import torch

import vaetut
from benchmarks import record, speedrun

FOLDERS = sorted(path.parent for path in speedrun.FOLDER.glob("*/run.py"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_a_record_keeps_the_rules(folder):
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-[a-z0-9-]+", folder.name)
    assert {path.name for path in folder.iterdir() if path.is_file()} == {"run.py", "log.jsonl"}
    assert ast.get_docstring(ast.parse((folder / "run.py").read_text("utf-8")))
    lines = (folder / "log.jsonl").read_text("utf-8").splitlines()
    seeds = [json.loads(line)["seed"] for line in lines]
    assert sorted(seeds) == list(range(len(seeds)))  # from 0 on, and none left out
    assert speedrun.standing(folder).valid
    assert f"speedrun {folder.name}" in (speedrun.FOLDER.parent / "PROTOCOL.md").read_text("utf-8")


def test_the_book_has_what_the_records_come_to():
    copy = (record.COPIES / "speedrun.jsonl").read_text("utf-8").splitlines()
    for line, standing in zip(map(json.loads, copy), speedrun.standings(), strict=True):
        assert line["name"] == standing.name
        assert line["costs"] == standing.costs
        assert line["p"] == pytest.approx(standing.p)
        assert line["seconds"] == pytest.approx(list(standing.seconds))


def write(folder, costs):
    made = {"processor": "a processor", "threads": 2}
    runs = [
        {"seed": seed, "seconds": 10.0 + seed, "gpu": None, "test": {"neg_elbo": cost}}
        for seed, cost in enumerate(costs)
    ]
    folder.mkdir(exist_ok=True)
    lines = "".join(f"{json.dumps(run | {'made': made})}\n" for run in runs)
    (folder / "log.jsonl").write_text(lines)
    return speedrun.standing(folder)


def test_the_bar_asks_for_ten_seeds_that_are_lower(tmp_path):
    bar = speedrun.article()
    assert len(bar) == 13  # later seeds of ARTICLE do not move it
    low = [min(bar) - 0.5 + 0.01 * number for number in range(10)]
    assert write(tmp_path / "low", low).valid
    assert not write(tmp_path / "few", low[:9]).valid
    assert not write(tmp_path / "high", [max(bar) + cost for cost in range(10)]).valid
    assert not write(tmp_path / "same", bar[:10]).valid


def test_the_clock_is_a_mean_with_its_interval(tmp_path):
    seconds = write(tmp_path / "run", [97.0, 97.1, 97.2]).seconds
    assert seconds.value == 11
    assert seconds.low < 10 < 12 < seconds.high


def test_another_network_is_refused():
    speedrun.check_network(vaetut.FAST.build_model(latent_dim=20))
    with pytest.raises(ValueError, match="network must be ARTICLE's"):
        speedrun.check_network(vaetut.FAST.build_model(latent_dim=10))
    other = vaetut.FAST.build_model(latent_dim=20, prior=vaetut.Mixture(20, 3))
    with pytest.raises(ValueError, match="network must be ARTICLE's|prior must be"):
        speedrun.check_network(other)
    with pytest.raises(ValueError, match="likelihood Bernoulli"):
        speedrun.check_network(vaetut.FAST.build_model(latent_dim=20, likelihood="gaussian"))


def test_seeds_are_trained_once(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "2026-01-01-tiny"
    folder.mkdir()
    (folder / "run.py").write_text(
        '"""A fresh model."""\nimport vaetut\n\n\ndef train(images, seed):\n'
        "    return vaetut.ARTICLE.build_model(latent_dim=20, seed=seed)\n"
    )
    images = torch.rand(30, 784, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(vaetut, "load_mnist", lambda split: (images, None))
    monkeypatch.setattr(speedrun, "NUM_SAMPLES", 2)
    speedrun.run(folder, [0, 1])
    speedrun.run(folder, [1, 2])
    assert "seed 1 is in the log" in capsys.readouterr().out
    assert len(speedrun.standing(folder).costs) == 3
