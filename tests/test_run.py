"""What a run does beside its steps: passes, the held-out cost, what it agrees with a file in."""

import dataclasses
import math
import re
import time
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

import vaetut
from vaetut.data import draw_bits
from vaetut.noise import TRAINING, VALIDATION, make_generator
from vaetut.objective import elbo_at, noise_for
from vaetut.training import precision, run as loop, steps
from vaetut.training.graphs import _first_cause
from vaetut.training.optimizers import make_optimizers, set_rate
from vaetut.training.run import train_pass
from vaetut.training.steps import FEWEST, Loss, Steps, loss_at

RECIPE = vaetut.Recipe(hidden_dims=(8,), validation=10, epochs=2, batch_size=16)
CPU = torch.device("cpu")


def passes(model, images, states=(None,), **settings):
    """Make passes; each begins with the state before, or with what it makes of that."""
    history, state = vaetut.History(), None
    for change in states:
        state = change(state) if change else state
        recipe = dataclasses.replace(RECIPE, **settings)
        state = train_pass(model, images, recipe, 3, history, state)
    return history, model.state_dict()


def assert_equal_passes(one, other):
    curves, expected = one[0].curves(), other[0].curves()
    del curves["seconds"], expected["seconds"]
    assert str(curves) == str(expected)  # not a number is that in both
    for weight, same in zip(one[1].values(), other[1].values(), strict=True):
        assert torch.equal(weight, same)


def test_a_pass_takes_all_images_at_a_constant_rate(make_model, images):
    """Whatever the recipe says of validation and schedule."""
    plain = passes(make_model(), images, validation=0, schedule="constant")
    assert_equal_passes(passes(make_model(), images, schedule="one-cycle"), plain)
    assert math.isnan(plain[0].validation_cost[0])


@pytest.mark.parametrize("settings", [{}, {"progress": False}, {"progress": True}])
def test_a_pass_is_silent_unless_asked_and_a_run_if_asked(model, images, capsys, settings):
    train_pass(model, images, RECIPE, 0, vaetut.History(), **settings)
    assert ("step" in capsys.readouterr().err) == settings.get("progress", False)
    vaetut.train(model, images, RECIPE, **settings)
    shown = capsys.readouterr().err
    assert ("8/8" in shown) == bool(re.search(r"cost=\d", shown)) == settings.get("progress", True)


def test_a_bar_begins_where_the_run_goes_on(make_model, images, tmp_path, capsys):
    for epochs in (1, 3):
        recipe = dataclasses.replace(RECIPE, epochs=epochs)
        vaetut.train(make_model(), images, recipe, checkpoint=tmp_path / "run")
    assert "4/12" in capsys.readouterr().err


def test_ctrl_c_says_where_the_run_goes_on(model, images, tmp_path, monkeypatch):
    original, made = steps.loss_at, []

    def interrupted(*args):
        made.append(args)
        if len(made) == 6:
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(steps, "loss_at", interrupted)
    expected = r"^stopped in epoch 2 of 2; .* so far, and .*run continues after epoch 1$"
    with pytest.warns(UserWarning, match=expected):
        vaetut.train(model, images, RECIPE, checkpoint=tmp_path / "run", progress=False)


def test_a_run_that_ends_by_itself_says_so(model, images):
    assert vaetut.train(model, images, RECIPE, progress=False).interrupted is False


def test_a_pass_goes_on_from_a_state_of_before_devices_were_told(make_model, images):
    def older(state):
        return {name: value for name, value in state.items() if name != "drawn_on"}

    expected = passes(make_model(), images, states=(None, None))
    assert_equal_passes(passes(make_model(), images, states=(None, older)), expected)


def test_a_pass_on_another_device_draws_its_own_noise(make_model, images):
    """Not that of the pass before, and the same each time."""

    def from_elsewhere(state):
        return state | {"drawn_on": "cuda"}

    def reseeded(state):
        seed = make_generator(3, TRAINING).initial_seed() + 1  # one pass is done
        return state | {"noise": torch.Generator().manual_seed(seed).get_state()}

    expected = passes(make_model(), images, states=(None, reseeded))
    assert_equal_passes(passes(make_model(), images, states=(None, from_elsewhere)), expected)
    here = passes(make_model(), images, states=(None, None))
    assert expected[0].cost[0] == here[0].cost[0]
    assert expected[0].cost[1] != here[0].cost[1]


@pytest.mark.parametrize("settings", [{}, {"binarize": "dynamic"}])
def test_the_held_out_cost_by_hand(model, images, seeded, settings):
    """Parts of a thousand, one draw of the noise and of the pixels."""
    images = torch.rand(1051, images.shape[1], generator=seeded(0))
    recipe = dataclasses.replace(RECIPE, validation=1001, epochs=1, **settings)
    history = vaetut.train(model, images, recipe, 3, progress=False)
    generator, x = make_generator(3, VALIDATION), images[:1001]
    with torch.no_grad():
        if settings:
            x = draw_bits(x, generator)
        total = sum(
            elbo_at(model, part, noise_for(model, part, 1, generator)).elbo.double().sum()
            for part in (x[:1000], x[1000:])
        )
    assert history.validation_cost[0] == pytest.approx(-total.item() / 1001, rel=1e-6)


def test_an_epoch_takes_no_longer_than_the_run(model, images):
    started = time.perf_counter()
    history = vaetut.train(model, images, RECIPE, progress=False)
    assert 0 < sum(history.seconds) < time.perf_counter() - started


@pytest.mark.parametrize("beta", [0.0, 1.0, 3.0])
def test_what_is_doubted_is_what_was_charged(model, images, monkeypatch, beta):
    seen = []
    monkeypatch.setattr(loop, "nonsense", lambda *told: seen.append(told))
    recipe = dataclasses.replace(RECIPE, beta=beta)
    history = vaetut.train(model, images, recipe, progress=False)
    ((_, _, cost, charged, _),) = seen
    assert cost == history.cost[-1]
    assert charged == pytest.approx(history.distortion[-1] + beta * history.rate[-1], rel=1e-5)


def test_a_decoder_that_cannot_be_centred_is_left_alone(images):
    model = vaetut.VAE(12, 2, (8,), decoder=torch.nn.Linear(2, 12))
    recipe = dataclasses.replace(RECIPE, center_output=True)
    assert len(vaetut.train(model, images, recipe, progress=False).cost) == 2


def test_a_seed_may_be_any_whole_number(model, images):
    assert vaetut.train(model, images, RECIPE, seed=2**80, progress=False).cost


def test_what_is_compiled_is_the_loss_and_only_if_asked(make_model, images, monkeypatch):
    seen = []
    monkeypatch.setattr(steps, "compiled", lambda function: seen.append(function) or function)
    train_pass(make_model(), images, RECIPE, 0, vaetut.History())
    Loss(make_model(), RECIPE)
    Steps(make_model(), images, RECIPE, make_generator(0))
    assert seen == []
    plain = vaetut.train(make_model(), images, RECIPE, progress=False)
    history = vaetut.train(make_model(), images, RECIPE, progress=False, compile=True)
    assert seen == [loss_at]
    assert history.cost == plain.cost


def test_a_rate_on_the_device_follows_the_schedule(make_model, images, monkeypatch):
    recipe = dataclasses.replace(RECIPE, schedule="one-cycle", learning_rate=1e-2)
    plain, model = make_model(), make_model()
    vaetut.train(plain, images, recipe, progress=False)
    monkeypatch.setattr(
        steps,
        "make_optimizers",
        lambda model, recipe, recordable: [
            torch.optim.Adam(
                model.parameters(), torch.tensor(1.0), betas=recipe.betas, eps=recipe.eps
            )
        ],
    )
    vaetut.train(model, images, recipe, progress=False)
    for weight, expected in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(weight, expected, rtol=1e-4, atol=1e-6)


@pytest.fixture
def double():
    """Let double precision be PyTorch's default."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double")
def test_an_adam_for_recorded_steps_asks_nothing_of_the_host(model):
    recipe = dataclasses.replace(RECIPE, learning_rate=0.25)
    for recordable in (True, False):
        (optimizer,) = make_optimizers(model, recipe, **{"recordable": True} if recordable else {})
        (group,) = optimizer.param_groups
        assert group["capturable"] == recordable == isinstance(group["lr"], torch.Tensor)
        assert group["lr"] == 0.25
        assert all(map(torch.Tensor.equal, group["params"], model.parameters()))
        if recordable:
            assert group["lr"].dtype == torch.float32
            assert optimizer._warned_capturable_if_run_uncaptured


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="Muon came with PyTorch 2.9")
def test_muon_and_its_adam_have_the_rate_of_the_recipe(model):
    recipe = dataclasses.replace(RECIPE, learning_rate=0.25, optimizer="muon")
    optimizers = make_optimizers(model, recipe, recordable=True)
    assert [each.param_groups[0]["lr"] for each in optimizers] == [0.25, 0.25]


def test_rates_lie_in_a_table_as_adams_kernel_reads_them(model, images):
    steps = Steps(model.double(), images.double(), RECIPE, make_generator(0))
    assert steps.rate_table.dtype == torch.float32


def test_an_estimate_of_the_kl_may_be_negative(model, images, seeded):
    """It is free bits that cut it off, and only where a recipe has some."""
    model.kl = lambda q, z: torch.full((1, 1), -2.0)
    eps = noise_for(model, images, 1, seeded(0))
    loss, (cost, distortion, rate) = loss_at(model, images, RECIPE, 3.0, eps)
    assert (rate, cost) == (-2, distortion - 2)
    assert loss.item() == pytest.approx((distortion - 6).item())


# Several processes


@pytest.mark.parametrize(("count", "last"), [(51, 3), (50, 2), (64, 16)])
def test_no_process_goes_empty(model, images, count, last):
    images = images[:1].expand(10 + count, -1)
    loop._check_run(model, images, RECIPE, last)
    with pytest.raises(ValueError, match=rf"has {last} image\(s\), too few for {last + 1} proc"):
        loop._check_run(model, images, RECIPE, last + 1)


def test_free_bits_need_the_whole_batch(model, images):
    recipe = dataclasses.replace(RECIPE, free_bits=0.1)
    loop._check_run(model, images, recipe, 1)
    with pytest.raises(ValueError, match="in a single process"):
        loop._check_run(model, images, recipe, 2)


def test_processes_share_a_batch():
    shares = [Steps._share(SimpleNamespace(processes=3, rank=rank), 10) for rank in range(3)]
    assert shares == [slice(0, 3), slice(3, 6), slice(6, 10)]


# Who a checkpoint belongs to


def identity(model, images, recipe=RECIPE, start=None, drawn_on=CPU):
    return loop._identity(model, images, recipe, 3, start, drawn_on)


def test_what_must_agree(model, images):
    """Pinned: what an older version has written must be found again."""
    found = identity(model, images)
    assert list(found) == ["recipe", "seed", "model", "dtype", "frozen", "images"]
    assert (found["seed"], found["dtype"], found["frozen"]) == (3, "torch.float32", [])
    sums, weights = images.double().sum(1), torch.linspace(1, 2, len(images), dtype=torch.float64)
    assert found["images"] == [list(images.shape), pytest.approx((sums * weights).sum().item())]


def test_precision_may_change(model, images):
    other = dataclasses.replace(RECIPE, precision="bf16")
    assert identity(model, images, other) == identity(model, images)


def test_another_start_and_other_noise_are_told(model, images):
    assert identity(model, images, start="card")["start"] == "card"
    assert identity(model, images, drawn_on=torch.device("cuda"))["noise"] == "cuda"


def test_a_gap_is_no_zero(model, images):
    gap, zero = images.clone(), images.clone()
    gap[3, 1], zero[3, 1] = math.nan, 0.0
    assert identity(model, gap) != identity(model, zero)


@pytest.mark.parametrize(("device", "dtype"), [("cpu", torch.float64), ("mps", torch.float32)])
def test_sums_have_the_digits_that_a_device_knows(device, dtype):
    assert loop._sum_dtype(torch.device(device)) == dtype


# What only some devices need


@pytest.mark.parametrize(("fast", "expected"), [(1.0, True), (2.0, False), (3.0, False)])
def test_the_probe_times_a_layer_both_ways(monkeypatch, fast, expected):
    """The best of several times counts, and a draw is no gain."""
    seen = []

    def linear(x, weight):
        seen.append((torch.is_autocast_enabled("cpu"), x.shape, weight.shape))
        return torch.zeros(1)

    def repeat(layer, number):
        layer()
        assert number == 1
        return [fast, 5.0] if seen[-1][0] else [4.0, 2.0]

    monkeypatch.setattr(F, "linear", linear)
    monkeypatch.setattr(precision, "repeat", repeat)
    assert precision.bf16_is_faster(CPU) == expected
    assert seen == [(half, (512, 512), (512, 512)) for half in (False, True)]


def test_half_precision_is_bfloat16_everywhere(monkeypatch):
    """Without a word, CUDA would take float16."""
    monkeypatch.setattr(torch, "autocast", lambda *told: told)
    assert precision.autocast("bf16", CPU) == ("cpu", torch.bfloat16)


def test_a_rate_that_is_a_tensor_is_set_in_place():
    rate = torch.tensor(1e-3)
    optimizer = torch.optim.Adam([torch.zeros(1)], rate, capturable=True)
    set_rate(optimizer, 0.25)
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate == 0.25


def test_a_step_is_recorded_where_enough_of_them_are_to_come():
    run = SimpleNamespace(optimizers=[], rates=[0.1] * (FEWEST + 3), made=3)
    assert Steps.pays_to_record(run)
    run.made += 1
    assert not Steps.pays_to_record(run)


def test_the_first_cause_of_an_error_is_named():
    first, second, third = ValueError("first"), KeyError("second"), RuntimeError("third")
    third.__context__, second.__context__ = second, first
    assert _first_cause(third) is first
    assert _first_cause(first) is first
