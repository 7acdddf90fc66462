"""Training in two processes is training in one: same batches, same noise, same result."""

from __future__ import annotations

import json

import pytest
import torch

import vaetut
from tests.processes import python
from vaetut.files import claimed

RUN = """
import os, sys
import torch
from torch import distributed
import vaetut
from vaetut import training

def run(recipe, checkpoint=None, prior=None):
    torch.set_num_threads(1)
    images = vaetut.load_mnist("train")[0][:1050].double()
    model = vaetut.Recipe(hidden_dims=(20,)).build_model(latent_dim=3, prior=prior).double()
    history = vaetut.train(model, images, recipe, 0, checkpoint, progress=False)
    return model, history
"""
namespace: dict = {}
exec(RUN, namespace)  # so that one process and two run the same lines

RECIPES = {
    "elbo": "vaetut.Recipe(epochs=10, batch_size=101, validation=50, kl_warmup_epochs=2.0)",
    "iwae": (
        "vaetut.Recipe(epochs=10, batch_size=101, validation=50, objective='iwae', num_samples=3, "
        "binarize='dynamic')"
    ),
    "dreg": (
        "vaetut.Recipe(epochs=10, batch_size=101, validation=50, objective='iwae-dreg', "
        "num_samples=3)"
    ),
    "vamp": "vaetut.Recipe(epochs=10, batch_size=101, validation=50, objective='elbo-stl')",
}
PRIORS = {"vamp": "vaetut.VampPrior(3, torch.full((4, 784), 0.1))"}


def two_processes(tmp_path, body):
    """Run `body` after RUN in two processes that know of each other."""
    script = tmp_path / "script.py"
    script.write_text(
        f"{RUN}\ndistributed.init_process_group('gloo')\n{body}\n"
        "distributed.destroy_process_group()\n"
    )
    return torchrun(str(script))


def torchrun(*arguments):
    launch = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return python("-m", *launch, *arguments, OMP_NUM_THREADS="1")


@pytest.mark.parametrize("name", RECIPES)
def test_a_hundred_steps_are_those_of_one_process(name, tmp_path):
    path = tmp_path / "model.pt"
    done = two_processes(
        tmp_path,
        f"model, history = run({RECIPES[name]}, prior={PRIORS.get(name)})\n"
        "if distributed.get_rank() == 1:\n"  # the first one is special; this one must know as much
        "    result = [model.state_dict(), history.cost, history.validation_cost]\n"
        f"    torch.save(result, {str(path)!r})",
    )
    assert done.returncode == 0, done.stderr
    state, cost, validation_cost = torch.load(path)
    threads = torch.get_num_threads()
    try:
        model, history = namespace["run"](eval(RECIPES[name]), prior=eval(str(PRIORS.get(name))))
    finally:
        torch.set_num_threads(threads)
    assert len(history.cost) * 10 == 100
    assert cost == pytest.approx(history.cost, rel=1e-9)
    assert validation_cost == pytest.approx(history.validation_cost, rel=1e-9)
    for key, value in model.state_dict().items():
        torch.testing.assert_close(state[key], value, rtol=1e-8, atol=1e-10)


def test_a_worker_that_dies_ends_the_run_and_leaves_the_checkpoint(tmp_path):
    path = tmp_path / "run.pt"
    done = two_processes(
        tmp_path,
        "from vaetut.training import steps\n"
        "original, made = steps.loss_at, iter(range(1000))\n"
        "def dying(*arguments):\n"
        "    if next(made) == 15 and distributed.get_rank() == 1:\n"
        "        os._exit(3)\n"
        "    return original(*arguments)\n"
        "steps.loss_at = dying\n"
        f"run({RECIPES['elbo']}, {str(path)!r})",
    )
    assert done.returncode != 0
    assert torch.load(path)["history"]["epoch"] == [1]  # ten steps an epoch: it died in the second


def test_a_checkpoint_in_use_ends_all_processes(tmp_path):
    path = tmp_path / "run.pt"
    with claimed(path):
        done = two_processes(tmp_path, f"run({RECIPES['elbo']}, {str(path)!r})")
    assert done.returncode != 0
    assert "run.pt cannot be written: another process is writing it" in done.stderr
    assert not path.exists()


@pytest.mark.parametrize("first_finds", [True, False])
def test_all_processes_take_the_precision_that_the_first_one_finds_faster(first_finds, tmp_path):
    done = two_processes(
        tmp_path,
        "rank = distributed.get_rank()\n"
        "from vaetut.training import precision\n"
        f"precision.bf16_is_faster = lambda device: (rank == 0) == {first_finds}\n"
        "made = precision.autocast('auto', torch.device('cpu'))\n"
        "print(f'{rank}: {isinstance(made, torch.autocast)}\\n', end='', flush=True)",
    )
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split("\n"))[-2:] == [f"{rank}: {first_finds}" for rank in (0, 1)]
    assert done.stderr.count("precision: ") == 1


def test_the_command_line_trains_in_processes(tmp_path):
    output = tmp_path / "vae.safetensors"
    options = ["--epochs", "1", "--batch-size", "5000", "--latent-dim", "2"]
    done = torchrun("-m", "vaetut", "train", str(output), *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("wrote") == 1
    assert done.stderr.count("2 processes") == 1
    history = json.loads(output.with_suffix(".history.json").read_text())
    assert len(history["epoch"]) == 1
    assert vaetut.load_model(output).latent_dim == 2


@pytest.mark.parametrize(
    ("recipe", "message"),
    [(vaetut.Recipe(free_bits=0.1), "single process"), (vaetut.Recipe(batch_size=1000), "too few")],
)
def test_what_cannot_be_shared_is_refused(recipe, message, monkeypatch):
    monkeypatch.setattr(vaetut.training.run, "place_in_group", lambda: (0, 2))
    images = vaetut.load_mnist("train")[0][:6001]
    with pytest.raises(ValueError, match=message):
        vaetut.train(vaetut.VAE(784, 2, (5,)), images, recipe, progress=False)
