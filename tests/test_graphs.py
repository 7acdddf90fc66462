"""A step of training can be recorded, and to replay it is to make it.

Without a GPU a stand-in takes the place of a CUDA graph: it makes the same steps to warm up, and
"replays" by calling the step.
"""

import dataclasses
import math
import warnings

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import vaetut
from vaetut.training import graphs, steps

RECIPE = vaetut.Recipe(
    hidden_dims=(8,), validation=10, epochs=3, batch_size=16, learning_rate=3e-3
)  # 50 images to train on: 4 steps an epoch, the last of 2 images


class StandIn:
    """Calls what a graph would replay."""

    def __init__(self, step, rows):
        self.step, self.rows, self.replays = step, rows, 0

    def replay(self):
        self.replays += 1
        self.step(self.rows)


@pytest.fixture
def recording(monkeypatch):
    """Let steps be recorded by a stand-in; return the graphs that were made."""
    made = []

    def record(step, rows, generator):
        for _ in range(graphs.WARM_UP):
            step(rows)
        made.append(StandIn(step, rows))
        return made[-1]

    monkeypatch.setattr(graphs, "_record", record)
    monkeypatch.setattr(steps.Steps, "pays_to_record", lambda self: True)
    return made


def trained(make_model, images, checkpoint=None, **settings):
    options = {name: settings.pop(name) for name in ("likelihood", "prior") if name in settings}
    model = make_model(**options)
    recipe = dataclasses.replace(RECIPE, **settings)
    history = vaetut.train(model, images, recipe, 3, checkpoint, progress=False)
    return model, history


def assert_equal_runs(one, other):
    for value, expected in zip(
        one[0].state_dict().values(), other[0].state_dict().values(), strict=True
    ):
        assert torch.equal(value, expected)
    for name, curve in one[1].curves().items():
        if name != "seconds":
            assert str(curve) == str(other[1].curves()[name])  # where a NaN equals itself


KINDS = [
    {},
    {"objective": "elbo-stl", "schedule": "one-cycle-linear", "betas": (0.9, 0.99)},
    {"objective": "iwae", "num_samples": 3},
    {"objective": "iwae-dreg", "num_samples": 3, "binarize": "dynamic"},
    {"beta": 2.0, "kl_warmup_epochs": 1.3, "schedule": "one-cycle"},
    {"free_bits": 0.1, "binarize": "dynamic", "num_samples": 2},
    {"precision": "bf16"},
]


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_a_recorded_run_is_the_run_that_calls_every_step(
    make_model, images, recording, monkeypatch, settings
):
    recorded = trained(make_model, images, **settings)
    assert [graph.replays for graph in recording] == [3 * 3]  # the ragged batch is called
    monkeypatch.undo()
    assert_equal_runs(recorded, trained(make_model, images, **settings))


def test_the_step_that_is_replayed_takes_each_batchs_rows(make_model, images, recording):
    trained(make_model, images, epochs=1)
    (graph,) = recording
    assert len(graph.rows) == 16
    rows = graph.rows.clone()
    trained(make_model, images, epochs=2)
    assert not torch.equal(recording[1].rows, rows)


def test_a_recorded_run_is_resumed_bit_for_bit(make_model, images, recording, tmp_path):
    whole = trained(make_model, images, epochs=4)
    path = tmp_path / "run.pt"
    trained(make_model, images, path, epochs=2)
    assert_equal_runs(trained(make_model, images, path, epochs=4), whole)


def test_ctrl_c_between_replays_loses_nothing(make_model, images, recording, monkeypatch, tmp_path):
    whole, path = trained(make_model, images), tmp_path / "run.pt"
    replay = StandIn.replay

    def interrupted(self):
        if self.replays == 4:  # in the second epoch
            raise KeyboardInterrupt
        replay(self)

    with monkeypatch.context() as patch:
        patch.setattr(StandIn, "replay", interrupted)
        with pytest.warns(UserWarning, match=r"run\.pt continues after epoch 1$"):
            _, stopped = trained(make_model, images, path)
    assert stopped.interrupted
    assert stopped.epoch == [1]
    assert_equal_runs(trained(make_model, images, path), whole)


def test_buffers_are_as_if_the_recording_had_not_been(make_model, images, recording, monkeypatch):
    def with_batch_norm():
        encoder = vaetut.Encoder(12, 3, (8,))
        encoder.hidden.append(torch.nn.BatchNorm1d(8))
        return make_model(encoder=encoder)

    runs = [with_batch_norm()]
    vaetut.train(runs[0], images, RECIPE, progress=False)
    monkeypatch.undo()
    runs.append(with_batch_norm())
    vaetut.train(runs[1], images, RECIPE, progress=False)
    for one, other in zip(*(run.state_dict().values() for run in runs), strict=True):
        assert torch.equal(one, other)


def test_what_cannot_be_recorded_is_called_and_nothing_is_lost(
    make_model, images, recording, monkeypatch
):
    def fail(step, rows, generator):
        step(rows)
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    monkeypatch.setattr(graphs, "_record", fail)
    with pytest.warns(UserWarning, match=r"cannot be recorded \(operation not permitted .*ing\)"):
        called = trained(make_model, images)
    monkeypatch.undo()
    with warnings.catch_warnings(action="error"):
        assert_equal_runs(called, trained(make_model, images))


def test_a_buffer_that_is_replaced_is_kept_and_cannot_be_recorded(make_model, images, recording):
    class Counting(vaetut.Encoder):
        def __init__(self):
            super().__init__(12, 3, (8,))
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x):
            if self.training:
                self.calls = self.calls + 1  # another tensor each time
            return super().forward(x)

    model = make_model(encoder=Counting())
    with pytest.warns(UserWarning, match="puts another tensor in the place of a buffer"):
        vaetut.train(model, images, RECIPE, progress=False)
    assert model.encoder.calls == 3 * 4


def test_a_short_run_is_not_worth_a_recording(model, images):
    made = make_steps(model, images, epochs=6)
    made.optimizers = []  # none that needs the host
    assert made.pays_to_record()
    made.made = 4 * 6 - steps.FEWEST + 1
    assert not made.pays_to_record()
    assert steps.FEWEST > graphs.WARM_UP


def test_too_little_memory_is_no_reason_to_go_on(make_model, images, recording, monkeypatch):
    def fail(step, rows, generator):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(graphs, "_record", fail)
    with pytest.raises(MemoryError, match="smaller batch_size, or use the CPU"):
        trained(make_model, images)


# A step asks nothing of the device


class Watch(TorchDispatchMode):
    """Notes the operations whose result has to be known on the host."""

    WAITS = (
        "_local_scalar_dense",
        "nonzero",
        "equal",
        "masked_select",
        "_unique2",
        "unique_dim",
        "unique_consecutive",
    )

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in self.WAITS:
            self.seen.add(name)
        if name == "index" and any(x.dtype == torch.bool for x in args[1] if x is not None):
            self.seen.add("index by a mask")
        return func(*args, **(kwargs or {}))


LIKELIHOODS = {
    "bernoulli": lambda: vaetut.Bernoulli(),
    "gaussian": lambda: vaetut.Gaussian("learned"),
    "columns": lambda: vaetut.Gaussian("columns", input_dim=12),
    "poisson": lambda: vaetut.Poisson(),
    "negative binomial": lambda: vaetut.NegativeBinomial(),
    "binomial": lambda: vaetut.Binomial(4),
    "categorical": lambda: vaetut.Categorical(5),
    "logistic": lambda: vaetut.DiscretizedLogistic(256),
    "observed": lambda: vaetut.Observed(vaetut.Gaussian()),
    "mixed": lambda: vaetut.Mixed(
        [
            (vaetut.Gaussian("decoder"), range(0, 12, 2)),
            (vaetut.Observed(vaetut.Categorical(5)), range(1, 12, 2)),
        ]
    ),
}


def table(kind):
    """Return sixty rows that the likelihood takes."""
    x = torch.randint(0, 4, (60, 12), generator=torch.Generator().manual_seed(1)).float()
    return x / 255 if kind in ("bernoulli", "logistic") else x


def make_steps(model, images, **settings):
    recipe = dataclasses.replace(RECIPE, validation=0, **settings)
    return steps.Steps(model, images, recipe, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_a_step_of_every_recipe_waits_for_nothing(model, images, settings):
    made = make_steps(model, images, **settings)
    with Watch() as watch:
        made(torch.arange(16))
    assert watch.seen == set()


@pytest.mark.parametrize("kind", LIKELIHOODS)
def test_a_step_with_every_likelihood_waits_for_nothing(make_model, kind):
    made = make_steps(make_model(likelihood=LIKELIHOODS[kind]()), table(kind))
    with Watch() as watch:
        made(torch.arange(16))
    assert watch.seen == set()


@pytest.mark.parametrize("prior", ["normal", "mixture", "vamp"])
def test_a_step_with_every_prior_waits_for_nothing(make_model, images, prior):
    priors = {
        "normal": vaetut.StandardNormal(3),
        "mixture": vaetut.Mixture(3, 4),
        "vamp": vaetut.VampPrior(3, images[:4]),
    }
    made = make_steps(make_model(prior=priors[prior]), images, objective="elbo-stl")
    with Watch() as watch:
        made(torch.arange(16))
    assert watch.seen == set()


def test_the_watch_sees_what_waits():
    x = torch.arange(4.0)
    with Watch() as watch:
        x.sum().item()
        x[x > 1]
        x.nonzero()
        torch.equal(x, x + 1)
        x.masked_select(x > 1)
        x.unique()
        x[None].unique(dim=0)
        x.unique_consecutive()
    assert watch.seen == {*Watch.WAITS, "index by a mask"}


def test_only_a_gpus_own_noise_can_be_recorded(model, images):
    assert not make_steps(model, images, epochs=100).pays_to_record()


def test_the_tables_follow_the_recipe(model, images):
    made = make_steps(model, images, beta=2.0, kl_warmup_epochs=1.5, epochs=2)
    assert made.per_epoch == 4
    expected = [2 * min(1, k / 4 / 1.5) for k in range(8)]
    assert made.beta_table.tolist() == pytest.approx(expected)
    assert made.rates == 8 * [RECIPE.learning_rate]
    assert math.isclose(made.rate_table[0].item(), RECIPE.learning_rate, rel_tol=1e-6)
