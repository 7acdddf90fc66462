"""Training and evaluation on a device: where noise comes from, memory, and groups of GPUs.

What needs a GPU is skipped where there is none.
"""

import dataclasses
import math

import pytest
import torch
from torch import distributed

import vaetut
from tests.test_graphs import KINDS, LIKELIHOODS, RECIPE, assert_equal_runs, table
from vaetut import memory, noise, objective
from vaetut.training import graphs, groups, run as loop

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")


# Noise


def test_a_generator_is_made_where_it_is_asked_for(monkeypatch):
    assert noise.make_generator(0).device == torch.device("cpu")
    assert noise.make_generator(0, noise.TRAINING, "cpu").device == torch.device("cpu")
    original, asked = torch.Generator, []
    monkeypatch.setattr(torch, "Generator", lambda device: asked.append(device) or original())
    noise.make_generator(0, noise.TRAINING, "cuda")
    assert asked == ["cuda"]


def test_a_device_without_a_generator_has_the_cpus(monkeypatch):
    original = torch.Generator

    def no_generator(device="cpu"):
        if str(device) != "cpu":
            raise RuntimeError(f"Device type {device} is not supported for torch.Generator() api.")
        return original()

    monkeypatch.setattr(torch, "Generator", no_generator)
    made, expected = (noise.make_generator(3, 1, device) for device in ("xla", "cpu"))
    assert torch.equal(torch.rand(5, generator=made), torch.rand(5, generator=expected))


@pytest.mark.parametrize("call", [vaetut.train, vaetut.evaluate])
def test_noise_is_the_devices_or_the_cpus(model, images, call):
    recipe = {"recipe": RECIPE} if call is vaetut.train else {}
    with pytest.raises(ValueError, match="noise must be one of 'device', 'cpu'; got 'gpu'"):
        call(model, images, **recipe, noise="gpu")


def test_on_the_cpu_both_kinds_of_noise_are_one(make_model, images):
    runs = []
    for where in noise.NOISE:
        model = make_model()
        runs.append((model, vaetut.train(model, images, RECIPE, noise=where, progress=False)))
    assert_equal_runs(*runs)
    assert vaetut.evaluate(model, images, 20) == vaetut.evaluate(model, images, 20, noise="cpu")


# Memory


def test_chunks_that_adapt_to_the_memory_change_nothing(model, images, monkeypatch):
    whole = vaetut.evaluate(model, images, 50)
    asked = []

    def few(x, width, wanted):
        asked.append((width, wanted))
        return 7

    monkeypatch.setattr(objective, "draws_that_fit", few)
    parts = vaetut.evaluate(model, images, 50)
    assert asked == [(12, 66_666 // 60)]
    for name in ("neg_elbo", "nll", "rate", "nll_se_monte_carlo"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name), rel=1e-6)


@pytest.mark.parametrize(
    ("free", "reserved", "allocated", "fit"),
    [
        (80e9, 0, 0, 500),  # all that is wanted
        (100e6, 0, 0, 19),  # half of it, by eight copies of 100 images of 784 floats
        (0, 150e6, 50e6, 19),  # PyTorch's own store is free, too
        (1000, 0, 0, 1),  # one must fit
    ],
)
def test_as_many_draws_as_fit_are_decoded_at_once(monkeypatch, free, reserved, allocated, fit):
    class OnGpu(torch.Tensor):
        device = torch.device("cuda")

    there = OnGpu.device
    monkeypatch.setattr(torch.cuda, "mem_get_info", {there: (int(free), 0)}.get)
    monkeypatch.setattr(torch.cuda, "memory_reserved", {there: int(reserved)}.get)
    monkeypatch.setattr(torch.cuda, "memory_allocated", {there: int(allocated)}.get)
    x = torch.zeros(100, 784).as_subclass(OnGpu)
    assert memory.draws_that_fit(x, 784, 500) == fit


def test_the_cpu_takes_all_draws(images):
    assert memory.draws_that_fit(images, 12, 12_345) == 12_345


def test_an_evaluation_that_does_not_fit_says_what_to_do(model, images, monkeypatch):
    def full(*args):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(objective, "draws_that_fit", full)
    with pytest.raises(MemoryError, match="too small for this, or others use it, too; free what"):
        vaetut.evaluate(model, images, 5)


# Groups


@pytest.mark.parametrize(
    ("told", "error", "said"),
    [
        (
            "Duplicate GPU detected",
            ValueError,
            "two processes use one GPU, cuda:0; give each its own",
        ),
        ("unhandled system error", distributed.DistBackendError, "unhandled system error"),
    ],
)
def test_two_processes_may_not_share_a_gpu(monkeypatch, told, error, said):
    def reduce(tensor):
        raise distributed.DistBackendError(f"NCCL error: {told} : rank 0 and rank 1")

    monkeypatch.setattr(groups, "place_in_group", lambda: (0, 2))
    monkeypatch.setattr(torch, "zeros", lambda *args, device: None)
    monkeypatch.setattr(distributed, "all_reduce", reduce)
    with pytest.raises(error, match=said):
        groups.check_group(torch.device("cuda:0"))


# With a GPU


def on_gpu(make_model, images, checkpoint=None, noise="device", **settings):
    model = make_model().cuda()
    recipe = dataclasses.replace(RECIPE, **{"epochs": 8} | settings)  # enough to record a step
    history = vaetut.train(model, images, recipe, 3, checkpoint, progress=False, noise=noise)
    return model.cpu(), history


@pytest.fixture
def recordings(monkeypatch):
    """Count the steps that are recorded."""
    original, made = graphs._record, []

    def record(*args):
        made.append(original(*args))
        return made[-1]

    monkeypatch.setattr(graphs, "_record", record)
    return made


@needs_gpu
@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_two_runs_on_one_gpu_agree_bit_for_bit(make_model, images, recordings, settings):
    runs = [on_gpu(make_model, images, **settings) for _ in range(2)]
    assert_equal_runs(*runs)
    assert len(recordings) == 2


@needs_gpu
@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_a_recorded_run_on_a_gpu_is_the_run_that_calls_every_step(
    make_model, images, monkeypatch, settings
):
    recorded = on_gpu(make_model, images, **settings)
    monkeypatch.setattr(vaetut.training.steps.Steps, "pays_to_record", lambda self: False)
    called = on_gpu(make_model, images, **settings)
    for value, expected in zip(recorded[0].parameters(), called[0].parameters(), strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-3, atol=1e-4)


@needs_gpu
@pytest.mark.parametrize("settings", KINDS[:6], ids=str)
def test_with_the_cpus_noise_a_gpu_trains_as_the_cpu(make_model, images, settings):
    gpu = on_gpu(make_model, images, noise="cpu", **settings)
    model = make_model()
    recipe = dataclasses.replace(RECIPE, **{"epochs": 8} | settings)
    history = vaetut.train(model, images, recipe, 3, progress=False)
    assert gpu[1].cost == pytest.approx(history.cost, rel=1e-4)
    for value, expected in zip(gpu[0].parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-2, atol=1e-3)


@needs_gpu
def test_a_run_on_a_gpu_is_resumed_bit_for_bit(make_model, images, tmp_path):
    whole = on_gpu(make_model, images, epochs=12)
    on_gpu(make_model, images, tmp_path / "run.pt", epochs=6)
    assert_equal_runs(on_gpu(make_model, images, tmp_path / "run.pt", epochs=12), whole)
    with pytest.raises(ValueError, match="another run: .*noise"):
        on_gpu(make_model, images, tmp_path / "run.pt", noise="cpu", epochs=12)


@needs_gpu
def test_a_part_that_looks_at_values_is_called_and_nothing_is_lost(make_model, images, recordings):
    class Looking(vaetut.Encoder):
        def forward(self, x):
            x.sum().item()
            return super().forward(x)

    def made(kind):
        return make_model(encoder=kind(12, 3, (8,))).cuda()

    recipe, models = dataclasses.replace(RECIPE, epochs=8), [made(Looking), made(vaetut.Encoder)]
    with pytest.warns(UserWarning, match="cannot be recorded"):
        vaetut.train(models[0], images, recipe, progress=False)
    assert not recordings
    vaetut.train(models[1], images, recipe, progress=False)
    for value, expected in zip(*(model.parameters() for model in models), strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-3, atol=1e-4)


@needs_gpu
@pytest.mark.parametrize("kind", LIKELIHOODS)
def test_a_step_of_every_likelihood_can_be_recorded(recordings, kind):
    model = vaetut.VAE(12, 3, (8,), likelihood=LIKELIHOODS[kind]()).cuda()
    settings = {"epochs": 8, "learning_rate": 1e-4, "center_output": True}
    recipe = dataclasses.replace(RECIPE, **settings)
    vaetut.train(model, table(kind), recipe, progress=False)
    assert len(recordings) == 1


@needs_gpu
def test_a_gpu_measures_what_the_cpu_measures(make_model, images):
    model = make_model()
    expected = vaetut.evaluate(model, images, 2000)
    same, own = (vaetut.evaluate(model.cuda(), images, 2000, noise=n) for n in ("cpu", "device"))
    assert same.nll == pytest.approx(expected.nll, rel=1e-5)
    error = math.hypot(own.nll_se_monte_carlo, expected.nll_se_monte_carlo)
    assert abs(own.nll - expected.nll) < 4 * error
    assert own != same
    assert own == vaetut.evaluate(model, images, 2000)


@needs_gpu
def test_a_gpu_keeps_what_ctrl_c_interrupts(make_model, images, monkeypatch):
    original, made = vaetut.training.steps.Steps.epoch, []

    def epoch(self):
        for step in original(self):
            made.append(1)
            if len(made) == 6:
                raise KeyboardInterrupt
            yield step

    monkeypatch.setattr(vaetut.training.steps.Steps, "epoch", epoch)
    with pytest.warns(UserWarning, match="stopped in epoch 2 of 8"):
        model, history = on_gpu(make_model, images)
    assert history.epoch == [1]
    assert all(weight.isfinite().all() for weight in model.parameters())


def test_noise_of_another_device_is_not_taken_over(make_model, images):
    """As when an estimator learned on a GPU, and goes on without one."""
    model, history = make_model(), vaetut.History()
    state = loop.train_pass(model, images, RECIPE, 0, history)
    assert state["drawn_on"] == "cpu"
    moved = state | {"drawn_on": "cuda", "noise": torch.zeros(16, dtype=torch.uint8)}
    loop.train_pass(model, images, RECIPE, 0, history, moved)
    assert history.epoch == [1, 2]
