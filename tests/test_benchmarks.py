"""What `make bench` measures with, and its newest record."""

from __future__ import annotations

from textwrap import dedent

import pytest
import torch

import vaetut
from benchmarks import gpu, record, rivals, scale
from benchmarks.rivals import example, ours
from benchmarks.rivals.apart import Apart
from benchmarks.rivals.tuning import tune
from benchmarks.side_by_side import SideBySide, whole_batches
from benchmarks.table import table
from benchmarks.timing import Estimate, interval, mean, verdict
from vaetut.training.steps import loss_at

RECORD = record.read("speed")[-1]


def test_the_newest_record_is_one_whole_run():
    timed = {"epoch", "example", "step", "compile", "evaluate", "command", "scale"}
    assert set(RECORD) >= timed | {"machine", "minutes", "table", "made"}
    assert RECORD["minutes"] < 45
    assert RECORD["table"] == table(RECORD)
    assert set(RECORD["epoch"]["rivals"]) == set(rivals.MODULES)
    assert set(RECORD["scale"]) == {str(batch) for batch in scale.BATCHES}


def test_rivals_learn_the_same():
    costs = {name: found["cost"] for name, found in RECORD["epoch"]["rivals"].items()}
    for name, cost in costs.items():
        assert cost == pytest.approx(RECORD["epoch"]["cost"]["vaetut, float32"], abs=3), name


def test_shares_and_estimates_are_sane():
    for shares in RECORD["step"].values():
        assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    assert abs(RECORD["evaluate"]["nll"]["vaetut"] - RECORD["evaluate"]["nll"]["pythae"]) < 0.3


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


# On a GPU


def test_seeds_side_by_side_take_the_steps_that_each_would_take_alone():
    images = vaetut.load_mnist("train")[0][:80]
    recipe = vaetut.Recipe(
        hidden_dims=(8,), objective="elbo-stl", center_output=True, batch_size=20, epochs=1
    )
    run = SideBySide(recipe, images, seeds=[0, 1, 2], latent_dim=3)
    rows = torch.arange(60).view(3, 20)
    eps = torch.randn(3, 1, 20, 3, generator=torch.Generator().manual_seed(0))
    losses = run.losses(images[rows], eps)
    gradients = torch.autograd.grad(losses.sum(), list(run.weights.values()))
    for number, model in enumerate(run.models):
        loss, _ = loss_at(model, images[rows[number]], recipe, 1.0, eps[number])
        assert losses[number].item() == pytest.approx(loss.item(), rel=1e-5)
        alone = torch.autograd.grad(loss, list(model.parameters()))
        for gradient, expected in zip(gradients, alone, strict=True):
            torch.testing.assert_close(gradient[number], expected, rtol=1e-4, atol=1e-5)


def test_seeds_side_by_side_learn_and_differ():
    images = vaetut.load_mnist("train")[0][:400]
    recipe = vaetut.Recipe(hidden_dims=(20,), batch_size=100, epochs=10, learning_rate=1e-2)
    run = SideBySide(recipe, images, seeds=[0, 1], latent_dim=3)
    before = [vaetut.evaluate(model, images, 2).neg_elbo for model in run.models]
    run.train()
    after = [vaetut.evaluate(model, images, 2).neg_elbo for model in run.models]
    assert all(late < early - 50 for early, late in zip(before, after, strict=True))
    assert abs(after[0] - after[1]) > 0.01


def test_a_rest_that_fills_no_batch_is_left_out():
    images = torch.zeros(57, 4)
    assert len(whole_batches(vaetut.Recipe(validation=5, batch_size=10), images)) == 50


def test_without_a_gpu_the_times_are_left_empty(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(record, "add", lambda *args: pytest.fail("nothing was measured"))
    with pytest.raises(SystemExit, match="finds no GPU here: the times are left empty"):
        gpu.main()
    printed = capsys.readouterr().out
    assert all(f"| {name} |  |  | ≤" in printed for name in gpu.GOALS)


def test_the_table_shows_the_median_of_the_rounds():
    shown = gpu.table({"FAST, 20-D": {"seconds": [3.0, 1.0, 2.0]}})
    assert "| FAST, 20-D | 2.000 | 3 | ≤ 0.8 |" in shown


def test_every_goal_is_a_work_that_is_timed():
    works, _ = gpu.make_works(torch.device("cpu"))
    assert list(works) == list(gpu.GOALS)


def test_a_slow_work_is_repeated_three_times(monkeypatch):
    monkeypatch.setattr(gpu, "ENOUGH", 0.0)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    assert len(gpu.repeat(lambda: None)) == 3
