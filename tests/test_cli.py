"""The command line: what it says, what it writes, and how it ends."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import textwrap
import threading
from dataclasses import asdict, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

import vaetut
from tests.processes import HEED_CTRL_C, python
from vaetut import cli, data, plotting, pretrained
from vaetut.files import claimed
from vaetut.interrupt import end_at_once, raise_again
from vaetut.parts import describe

NUM_IMAGES = 300
TINY = replace(vaetut.ARTICLE, validation=100, hidden_dims=(16,), epochs=3)
EPOCH_OF_INTERRUPT = 2


pytestmark = pytest.mark.usefixtures("restore_flags")


@pytest.fixture(autouse=True)
def few_images(monkeypatch, tmp_path):
    """Stand in `tmp_path`, with 300 images of each split and a recipe to match."""
    generator = torch.Generator().manual_seed(0)
    splits = {
        split: (torch.rand(NUM_IMAGES, 784, generator=generator), torch.arange(NUM_IMAGES) % 10)
        for split in ("train", "test")
    }
    monkeypatch.setattr(vaetut, "load_mnist", splits.__getitem__)
    monkeypatch.setattr(vaetut, "ARTICLE", TINY)
    monkeypatch.setattr(vaetut, "FAST", replace(vaetut.FAST, validation=100, hidden_dims=(16,)))
    monkeypatch.chdir(tmp_path)
    return splits


@pytest.fixture
def bundled(monkeypatch, tmp_path) -> Path:
    """A folder of bundled models with one in it, made for binary pixels."""
    folder = tmp_path / "weights"
    folder.mkdir()
    vaetut.save_model(make_model(2), folder / "plane.safetensors")
    card = {
        "model": {"latent_dim": 2},
        "recipe": {"name": "tiny", "binarize": "dynamic"},
        "seed": 1,
        "test": {"0": {"neg_elbo": 99.0}, "1": {"neg_elbo": 123.456}},
    }
    (folder / "plane.json").write_text(json.dumps(card))
    monkeypatch.setattr(pretrained, "_FOLDER", folder)
    return folder


@pytest.fixture
def interrupt(monkeypatch):
    """Let Ctrl-C come in the middle of the second epoch, once."""
    steps = []
    loss_at = vaetut.training.steps.loss_at

    def interrupted(*args):
        steps.append(None)
        if len(steps) == 2 * (EPOCH_OF_INTERRUPT - 1) + 2:  # two batches an epoch
            raise KeyboardInterrupt
        return loss_at(*args)

    monkeypatch.setattr(vaetut.training.steps, "loss_at", interrupted)


@pytest.fixture
def coarse(monkeypatch):
    """Save figures in few pixels: enough to tell them apart, and sooner."""
    monkeypatch.setitem(plt.rcParams, "savefig.dpi", 24)


def make_model(latent_dim: int) -> vaetut.VAE:
    return vaetut.VAE(latent_dim=latent_dim, hidden_dims=(16,))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, [str(a) for a in arguments], catch_exceptions=False)


def plain(text: str) -> str:
    """Take colours, boxes and line breaks out of what rich has laid out."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


def error_of(result: Result) -> str:
    """Return the last line of stderr, which must be of ours and no traceback."""
    assert "Traceback" not in result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("vaetut: ")
    return last


# Help


@pytest.mark.parametrize("command", [[], ["train"], ["evaluate"], ["export"], ["list"]])
def test_help_names_the_unit(command):
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "nats per image" in plain(result.stdout)


def test_help_of_figures_names_its_unit():
    assert "standard deviations" in plain(run("figures", "--help").stdout)


def test_help_documents_every_exit_code():
    text = plain(run("--help").stdout)
    codes = re.findall(r"(\d+) (all is well|the work failed|the command was wrong|interrup)", text)
    assert [int(code) for code, _ in codes] == [0, 1, 2, 130]


@pytest.mark.parametrize("command", ["train", "evaluate", "figures", "sample", "export"])
def test_help_gives_an_example(command):
    text = plain(run(command, "--help").stdout)
    assert re.search(rf"Examples?: vaetut {command} ", text)


def test_help_offers_every_recipe_precision_and_data_set():
    text = plain(run("train", "--help").stdout).replace(" ", "")
    assert "article|fast" in text
    assert "|".join(vaetut.recipe.PRECISIONS) in text
    assert list(cli.Dataset) == ["mnist", *data._TORCHVISION]


def test_without_a_command_it_shows_the_help():
    result = run()
    assert "nats per image" in plain(result.output)


def test_version():
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"vaetut {vaetut.__version__}\n")


def test_help_does_not_wait_for_pytorch():
    code = """
        import sys
        from typer.testing import CliRunner
        from vaetut.cli import app
        assert CliRunner().invoke(app, ["train", "--help"]).exit_code == 0
        print(sorted({"torch", "matplotlib", "sklearn"} & set(sys.modules)))
    """
    done = python("-c", textwrap.dedent(code))
    assert (done.stdout, done.stderr) == ("[]\n", "")


# Train


def test_train_does_what_the_library_does(few_images):
    images, _ = few_images["train"]
    result = run("train", "out/model.safetensors", "--latent-dim", 3, "--seed", 4)
    assert result.exit_code == 0

    model = TINY.build_model(latent_dim=3, seed=4)
    history = vaetut.train(model, images, TINY, seed=4, progress=False)
    written = vaetut.load_model("out/model.safetensors")
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(written.state_dict()[name], tensor)
    saved = vaetut.History.load("out/model.history.json")
    assert saved.cost == pytest.approx(history.cost)
    assert f"training {history.cost[-1]:.2f}" in result.stdout
    assert f"held out {history.validation_cost[-1]:.2f}" in result.stdout
    assert "nats per image" in result.stdout
    assert "out/model.safetensors and out/model.history.json" in result.stdout
    assert sorted(p.name for p in Path("out").iterdir()) == [
        "model.history.json",
        "model.safetensors",
    ]


def test_train_changes_the_recipe_where_asked(monkeypatch):
    seen = []
    train = vaetut.train

    def record(model, images, recipe, *arguments, **options):
        seen.append(recipe)
        return train(model, images, recipe, *arguments, **options)

    monkeypatch.setattr(vaetut, "train", record)
    wanted = {
        "epochs": 1,
        "batch_size": 50,
        "learning_rate": 0.002,
        "beta": 0.0,
        "binarize": "dynamic",
        "precision": "bf16",
    }
    options = [f"--{key.replace('_', '-')}={value}" for key, value in wanted.items()]
    assert run("train", "--recipe", "fast", *options).exit_code == 0
    assert seen == [replace(vaetut.FAST, **wanted)]
    assert Path("vae.safetensors").exists()


def test_train_reads_other_data_sets(monkeypatch, few_images):
    asked = []

    def load_dataset(name, split):
        asked.append((name, split))
        return few_images[split]

    monkeypatch.setattr(vaetut, "load_dataset", load_dataset)
    assert run("train", "m.safetensors", "--dataset", "kmnist", "--epochs", 1).exit_code == 0
    assert run("evaluate", "m.safetensors", "--dataset", "kmnist", "--samples", 2).exit_code == 0
    assert asked == [("kmnist", "train"), ("kmnist", "test")]


def test_train_keeps_what_is_there_unless_forced():
    Path("model.safetensors").write_text("precious")
    result = run("train", "model.safetensors")
    assert result.exit_code == 2
    assert "--force" in error_of(result)
    assert Path("model.safetensors").read_text() == "precious"

    assert run("train", "model.safetensors", "--epochs", 1, "--force").exit_code == 0
    vaetut.load_model("model.safetensors")


@pytest.mark.parametrize("command", [["train"], ["figures", "plane"], ["sample", "plane"]])
def test_whatever_a_command_writes_is_kept_unless_forced(bundled, coarse, command):
    """Not only the file that is named in the command."""
    before = set(Path().iterdir())
    assert run(*command).exit_code == 0
    written = set(Path().iterdir()) - before
    assert written
    for path in written:
        for other in written - {path}:
            other.unlink(missing_ok=True)
        path.write_text("precious")
        result = run(*command)
        assert result.exit_code == 2
        assert error_of(result) == f"vaetut: {path} exists; choose another name, or use --force"
        assert path.read_text() == "precious"
        assert set(Path().iterdir()) - before == {path}
        assert run(*command, "--force").exit_code == 0
        assert set(Path().iterdir()) - before == written


def test_every_name_has_files_of_its_own():
    for name in ("run.seed1", "run.seed2", "run.safetensors"):
        assert run("train", name, "--epochs", 1, "--keep-checkpoint").exit_code == 0
    stems = ("run.seed1", "run.seed2", "run")
    beside = {f"{stem}{end}" for stem in stems for end in (".history.json", ".checkpoint.pt")}
    assert {p.name for p in Path().iterdir()} == beside | {
        "run.seed1",
        "run.seed2",
        "run.safetensors",
    }


def test_a_checkpoint_with_the_name_of_earlier_versions_is_pointed_at(interrupt, few_images):
    assert run("train", "run.seed1", "--checkpoint", "run.checkpoint.pt").exit_code == 130
    result = run("train", "run.seed1", "--epochs", 1)
    assert result.exit_code == 0
    assert "run.checkpoint.pt is left alone; " in result.stderr
    result = run("train", "run.seed1", "--checkpoint", "run.checkpoint.pt", "--force")
    assert result.exit_code == 0
    assert "left alone" not in result.stderr
    assert not Path("run.checkpoint.pt").exists()
    images, _ = few_images["train"]
    history = vaetut.train(TINY.build_model(), images, TINY, progress=False)
    assert vaetut.History.load("run.seed1.history.json").cost == history.cost


@pytest.mark.parametrize(
    ("output", "checkpoint"),
    [
        ("same.pt", "same.pt"),
        ("same.pt", "link.pt"),
        ("link.pt", "deep/../same.pt"),
        ("same.pt", "Same.PT"),
        ("run.seed1", "run.seed1.history.json"),
    ],
)
def test_two_outputs_with_one_path_are_refused_before_any_work(monkeypatch, output, checkpoint):
    monkeypatch.setattr(vaetut, "load_mnist", lambda split: pytest.fail("too late"))
    Path("deep").mkdir()
    Path("link.pt").symlink_to("same.pt")
    for options in ([], ["--force"]):
        result = run("train", output, "--checkpoint", checkpoint, *options)
        assert result.exit_code == 2
        assert "would be one file; give each its own name" in error_of(result)
    assert {path.name for path in Path().iterdir()} == {"deep", "link.pt"}


@pytest.mark.parametrize(("command", "name"), [("sample", "m.png"), ("export", "m.js")])
def test_a_model_is_not_replaced_by_what_is_made_of_it(command, name):
    vaetut.save_model(make_model(2), name)
    result = run(command, name, "--output", f"./{name}", "--force")
    assert result.exit_code == 2
    assert "would be one file" in error_of(result)
    vaetut.load_model(name)


@pytest.mark.parametrize("options", [[], ["--checkpoint", "other.pt"]])
def test_an_output_in_use_is_refused_before_any_work(monkeypatch, options):
    monkeypatch.setattr(vaetut, "load_mnist", lambda split: pytest.fail("too late"))
    results = []
    with claimed("vae.safetensors"):  # the same thread might claim it again, as a process might
        thread = threading.Thread(target=lambda: results.append(run("train", *options)))
        thread.start()
        thread.join()
    (result,) = results
    assert result.exit_code == 2
    assert "vae.safetensors cannot be written: another process is writing it" in error_of(result)
    assert list(Path().iterdir()) == []


def test_a_folder_that_is_none_is_named_before_any_work(monkeypatch):
    monkeypatch.setattr(vaetut, "load_mnist", lambda split: pytest.fail("too late"))
    Path("file").touch()
    for options in (["file/m.safetensors"], ["--checkpoint", "file/c.pt"]):
        result = run("train", *options)
        assert result.exit_code == 2
        assert "cannot be written: " in error_of(result)
        assert "file is no folder" in error_of(result)


def test_a_kept_checkpoint_makes_the_run_longer(few_images):
    options = ("--epochs", 1, "--keep-checkpoint")
    result = run("train", "m.safetensors", *options)
    assert result.stdout.endswith("\nkept m.checkpoint.pt\n")
    assert run("train", "m.safetensors", "--epochs", 2, "--force").exit_code == 0
    assert not Path("m.checkpoint.pt").exists()
    assert run("train", "whole.safetensors", "--epochs", 2).exit_code == 0
    assert Path("m.safetensors").read_bytes() == Path("whole.safetensors").read_bytes()

    assert run("train", "f.safetensors", "--recipe", "fast", *options).exit_code == 0
    result = run("train", "f.safetensors", "--recipe", "fast", "--epochs", 2, "--force")
    assert result.exit_code == 2
    assert "its schedule is laid out over them" in error_of(result)


# From


@pytest.mark.parametrize("name", ["plane", "file.safetensors"])
@pytest.mark.parametrize("recipe", ["article", "fast"])
def test_training_goes_on_from_a_model(bundled, few_images, name, recipe):
    vaetut.save_model(make_model(2), "file.safetensors")
    options = ("--recipe", recipe, "--epochs", 1, "--learning-rate", 1e-3)
    assert run("train", "out.safetensors", "--from", name, *options).exit_code == 0
    model, images = make_model(2), few_images["train"][0]
    plan = getattr(vaetut, recipe.upper())
    plan = replace(plan, epochs=1, learning_rate=1e-3, center_output=False)
    vaetut.train(model, images, plan, progress=False)
    written = vaetut.load_model("out.safetensors")
    assert describe(written) == describe(model)
    assert all(torch.equal(written.state_dict()[k], v) for k, v in model.state_dict().items())


def test_a_run_from_other_weights_is_another_run(interrupt):
    for seed in (1, 2):
        vaetut.save_model(
            vaetut.VAE(
                latent_dim=2, hidden_dims=(16,), generator=torch.Generator().manual_seed(seed)
            ),
            f"{seed}.safetensors",
        )
    assert run("train", "--from", "1.safetensors").exit_code == 130
    for other in (["--from", "2.safetensors"], ["--latent-dim", 2]):
        result = run("train", *other)
        assert result.exit_code == 2
        assert "another run: start differ" in error_of(result)
    assert run("train", "--from", "1.safetensors").exit_code == 0


def test_from_keeps_the_network(monkeypatch):
    monkeypatch.setattr(vaetut, "load_mnist", lambda split: pytest.fail("too late"))
    vaetut.save_model(make_model(2), "m.safetensors")
    result = run("train", "--from", "m.safetensors", "--latent-dim", 20)
    assert result.exit_code == 2
    assert "m.safetensors, which has 2 latent dimensions; leave out --latent" in error_of(result)
    result = run("train", "--from", "nowhere")
    assert result.exit_code == 2
    assert "no file nowhere; the bundled models are: " in error_of(result)


def test_training_goes_on_from_a_model_in_float64():
    vaetut.save_model(make_model(2).double(), "m.safetensors")
    assert run("train", "--from", "m.safetensors", "--epochs", 1).exit_code == 0
    assert vaetut.load_model("vae.safetensors").decoder.out.bias.dtype == torch.float32


# Stopping


def test_an_interrupted_run_is_continued_by_the_same_command(interrupt, few_images):
    command = ("train", "model.safetensors", "--binarize", "dynamic")
    result = run(*command)
    assert result.exit_code == 130
    assert "first 1 of 3 epochs" in error_of(result)
    assert "same command again" in error_of(result)
    assert not Path("model.safetensors").exists()
    assert Path("model.checkpoint.pt").exists()

    assert run(*command).exit_code == 0
    assert not Path("model.checkpoint.pt").exists()
    images, _ = few_images["train"]
    recipe = replace(TINY, binarize="dynamic")
    whole = recipe.build_model()
    history = vaetut.train(whole, images, recipe, progress=False)
    assert vaetut.History.load("model.history.json").cost == history.cost
    continued = vaetut.load_model("model.safetensors").state_dict()
    assert all(torch.equal(continued[name], t) for name, t in whole.state_dict().items())


def test_the_library_continues_a_run_of_the_command_line(interrupt, few_images):
    command = ("train", "m.safetensors", "--binarize", "dynamic", "--checkpoint", "deep/c.pt")
    assert run(*command).exit_code == 130
    recipe = replace(TINY, binarize="dynamic")
    images, _ = few_images["train"]
    history = vaetut.train(recipe.build_model(), images, recipe, 0, "deep/c.pt", progress=False)
    assert history.epoch == [1, 2, 3]


def test_another_run_may_not_continue_it(interrupt):
    assert run("train", "model.safetensors").exit_code == 130
    result = run("train", "model.safetensors", "--seed", 1)
    assert result.exit_code == 2
    assert "another run: seed" in error_of(result)


def test_ctrl_c_outside_of_training_ends_with_130(monkeypatch):
    def load_mnist(split):
        raise KeyboardInterrupt

    monkeypatch.setattr(vaetut, "load_mnist", load_mnist)
    result = run("train")
    assert result.exit_code == 130
    assert error_of(result) == "vaetut: interrupted"


def test_a_cost_that_is_not_finite_ends_with_1():
    result = run("train", "--learning-rate", 1e30)
    assert result.exit_code == 1
    assert "the cost became" in error_of(result)
    assert not Path("vae.safetensors").exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--epochs", 0], "epochs must be at least 1, got 0"),
        (["--beta", "nan"], "beta must be at least 0"),
        (["--learning-rate", -1], "learning_rate must be positive"),
        (["--latent-dim", 0], "latent_dim must be at least 1"),
        (["--binarize", "once"], "'dynamic'; got 'once'"),
        (["--precision", "float8"], "'float32', 'bf16', 'auto'; got 'float8'"),
        (["--device", "mps"], "no mps device"),
    ],
)
def test_bad_values_end_with_2_and_a_reason(monkeypatch, options, reason):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    result = run("train", *options)
    assert result.exit_code == 2
    assert reason in error_of(result)


@pytest.mark.parametrize(
    ("cuda", "mps", "shared", "expected"),
    [
        (True, False, True, "cuda:0"),
        (False, True, False, "mps"),
        (False, True, True, "cpu"),  # gloo, which joins processes, has no mps
        (False, False, False, "cpu"),
    ],
)
def test_auto_takes_what_the_machine_has(monkeypatch, cuda, mps, shared, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: int(cuda))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(cli, "_is_alone", lambda: not shared)
    monkeypatch.setattr(cli, "_is_first", lambda: True)
    assert cli._start(None, cli.Device.auto) == expected


def test_a_process_without_a_card_of_its_own_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(cli, "_is_first", lambda: False)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert cli._start(None, cli.Device.auto) == "cuda:1"
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(ValueError, match="finds no graphics card of its own, as there are 2"):
        cli._start(None, cli.Device.auto)


@pytest.mark.parametrize(
    ("options", "choices"),
    [
        (["--recipe", "slow"], "'article', 'fast'"),
        (["--dataset", "cifar"], "'mnist', 'fashion-mnist', 'kmnist'"),
        (["--device", "tpu"], "'auto', 'cpu', 'cuda', 'mps'"),
    ],
)
def test_unknown_names_list_what_exists(options, choices):
    result = run("train", *options)
    assert result.exit_code == 2
    assert choices in plain(result.stderr)


@pytest.mark.parametrize("option", ["--seed=-1", "--threads=0", "--epochs=many", "--colour=red"])
def test_options_that_make_no_sense_are_named(option):
    result = run("train", option)
    assert result.exit_code == 2
    assert option.split("=")[0] in plain(result.stderr)


@pytest.mark.parametrize(
    ("given", "spins"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
    ids=["none", "a count", "a policy"],
)
def test_threads_that_wait_soon_sleep_unless_the_user_says_otherwise(monkeypatch, given, spins):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")  # so that it is put back as it was
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert run("list").exit_code == 0
    assert os.environ.get("GOMP_SPINCOUNT") == spins


def test_flags_are_set_and_said():
    result = run("train", "--epochs", 1, "--threads", 1)
    assert re.search(r"^vaetut: cpu, 1 threads, denormals (flushed|kept)$", result.stderr, re.M)
    assert torch.get_num_threads() == 1
    flushed = "flushed" in result.stderr.splitlines()[0]
    assert (torch.tensor(1e-39) * 1 == 0) == flushed


# Evaluate


def test_evaluate_prints_the_librarys_report(few_images):
    images, _ = few_images["test"]
    vaetut.save_model(make_model(3), "m.safetensors")
    result = run("evaluate", "m.safetensors", "--samples", 5, "--images", 200, "--seed", 7)
    report = vaetut.evaluate(make_model(3), images[:200], num_samples=5, seed=7)
    assert result.exit_code == 0
    assert result.stdout == f"m.safetensors on mnist's test images, grey\n{report}\n"
    assert "200/200" in result.stderr  # the progress bar


def test_json_equals_the_librarys_report(few_images):
    images, _ = few_images["test"]
    vaetut.save_model(make_model(3), "m.safetensors")
    result = run("evaluate", "m.safetensors", "--samples", 5, "--binarize", "--seed", 7, "--json")
    binary = vaetut.binarize(images, torch.Generator().manual_seed(7))
    report = asdict(vaetut.evaluate(make_model(3), binary, num_samples=5, seed=7))
    facts = json.loads(result.stdout)
    source = {key: facts.pop(key) for key in ("model", "dataset", "binarize_seed")}
    assert source == {"model": "m.safetensors", "dataset": "mnist", "binarize_seed": 7}
    assert facts == pytest.approx(report)
    assert facts["data"] == "binary"


def test_a_refined_q_is_asked_for_by_a_number_of_steps(few_images):
    images, _ = few_images["test"]
    vaetut.save_model(make_model(3), "m.safetensors")
    result = run("evaluate", "m.safetensors", "--samples", 5, "--images", 200, "--refine", 2)
    report = vaetut.evaluate(make_model(3), images[:200], num_samples=5, refine_steps=2)
    assert result.stdout.endswith(f"{report}\n")
    assert report.refine_steps == 2


def test_json_has_null_for_what_is_not_known():
    vaetut.save_model(make_model(3), "m.safetensors")
    result = run("evaluate", "m.safetensors", "--samples", 1, "--json")
    facts = json.loads(result.stdout, parse_constant=pytest.fail)  # NaN is no JSON
    assert facts["nll_se_monte_carlo"] is None
    assert facts["binarize_seed"] is None
    assert math.isfinite(facts["nll"])


def test_an_estimator_in_float64_is_measured_like_its_float32_self(few_images):
    images, _ = few_images["test"]
    est = vaetut.VariationalAutoencoder(2, hidden_dims=(16,), epochs=1, random_state=0)
    est.fit(images.double()).save("est.safetensors")
    result = run("evaluate", "est.safetensors", "--samples", 2)
    assert result.exit_code == 0
    report = vaetut.evaluate(est.model_.float(), images, num_samples=2)
    assert result.stdout.endswith(f"{report}\n")


def test_binarize_states_its_seed_and_grey_overrules_the_card(bundled):
    drawn = run("evaluate", "plane", "--samples", 2, "--seed", 5)
    assert "binarized once, with seed 5" in drawn.stdout
    assert "300 binary images" in drawn.stdout
    grey = run("evaluate", "plane", "--samples", 2, "--grey")
    assert "binarized once" not in grey.stdout
    assert "300 grey images" in grey.stdout


def test_a_subset_is_binarized_like_the_whole(monkeypatch, few_images):
    seen = []
    evaluate = vaetut.evaluate
    monkeypatch.setattr(
        vaetut, "evaluate", lambda m, x, *a, **k: (seen.append(x), evaluate(m, x, *a, **k))[1]
    )
    vaetut.save_model(make_model(2), "m.safetensors")
    for count in (300, 101):
        run("evaluate", "m.safetensors", "--binarize", "--samples", 1, "--images", count)
    assert len(seen[1]) == 101
    assert torch.equal(seen[0][:101], seen[1])


@pytest.mark.parametrize("command", ["evaluate", "figures", "sample", "export"])
def test_an_unknown_model_lists_those_that_exist(bundled, command):
    result = run(command, "article-3d")
    assert result.exit_code == 2
    assert "no file article-3d" in error_of(result)
    assert error_of(result).endswith(": plane")


@pytest.mark.parametrize("command", ["evaluate", "figures", "sample", "export"])
def test_a_damaged_file_is_named(command):
    vaetut.save_model(make_model(2), "m.safetensors")
    Path("m.safetensors").write_bytes(Path("m.safetensors").read_bytes()[:-9])
    result = run(command, "m.safetensors")
    assert result.exit_code == 2
    assert "m.safetensors is damaged" in error_of(result)


def test_a_model_of_other_images_is_refused():
    vaetut.save_model(vaetut.VAE(input_dim=64, hidden_dims=(8,)), "m.safetensors")
    result = run("evaluate", "m.safetensors")
    assert result.exit_code == 2
    assert "(batch, 64)" in error_of(result)


def test_damaged_data_end_with_1(monkeypatch):
    def load_mnist(split):
        raise RuntimeError("the bundled MNIST file is\nmissing or damaged")

    monkeypatch.setattr(vaetut, "load_mnist", load_mnist)
    result = run("train")
    assert result.exit_code == 1
    assert error_of(result) == "vaetut: the bundled MNIST file is missing or damaged"


def test_an_error_of_ours_keeps_its_traceback(monkeypatch):
    def load_mnist(split):
        raise AssertionError("a bug")

    monkeypatch.setattr(vaetut, "load_mnist", load_mnist)
    with pytest.raises(AssertionError, match="a bug"):
        run("train")


# Figures


def test_figures_of_a_plane_are_the_articles_three_experiments(bundled, few_images, coarse):
    result = run("figures", "plane", "--output-dir", "deep/figures")
    names = ["reconstructions", "latent", "manifold-linear", "manifold-quantile"]
    paths = [Path("deep/figures") / f"plane-{name}.png" for name in names]
    assert result.exit_code == 0
    assert result.stdout.split() == [str(path) for path in paths]

    images, labels = few_images["test"]
    model = make_model(2)
    mu, _ = model.encode(images)
    axes = [
        plotting.reconstructions(images[:10], model.decode_mean(mu[:10]), labels[:10]),
        plotting.latent_scatter(mu, labels, prior=True),
    ]
    for kind in ("linear", "quantile"):
        grid = torch.from_numpy(plotting.manifold_grid(20, kind))
        axes.append(plotting.manifold(model.decode_mean(grid), 20, kind))
    for path, ax in zip(paths, axes, strict=True):
        ax.figure.savefig("expected.png")
        np.testing.assert_array_equal(plt.imread(path), plt.imread("expected.png"))


def test_figures_of_another_latent_space_are_samples(coarse):
    vaetut.save_model(make_model(3), "m.safetensors")
    result = run("figures", "m.safetensors", "--seed", 5)
    assert result.stdout.split() == ["m-reconstructions.png", "m-samples.png"]
    z = torch.randn(100, 3, generator=torch.Generator().manual_seed(5))
    plotting.samples(make_model(3).decode_mean(z)).figure.savefig("expected.png")
    np.testing.assert_array_equal(plt.imread("m-samples.png"), plt.imread("expected.png"))


def test_figures_of_a_plane_with_another_prior_are_its_samples(coarse):
    model = vaetut.VAE(784, prior=vaetut.Mixture(2, 3), hidden_dims=(8,))
    vaetut.save_model(model, "m.safetensors")
    result = run("figures", "m.safetensors", "--seed", 5)
    assert result.stdout.split() == ["m-reconstructions.png", "m-samples.png"]
    with torch.no_grad():
        means = model.generate(100, torch.Generator().manual_seed(5))
    plotting.samples(means).figure.savefig("expected.png")
    np.testing.assert_array_equal(plt.imread("m-samples.png"), plt.imread("expected.png"))


# Sample


def test_samples_are_decoded_draws_from_the_prior(bundled, coarse):
    result = run("sample", "plane", "--count", 9, "--seed", 5, "--output", "deep/s.png")
    assert (result.exit_code, result.stdout) == (0, "wrote deep/s.png\n")
    z = torch.randn(9, 2, generator=torch.Generator().manual_seed(5))
    plotting.samples(make_model(2).decode_mean(z), 3).figure.savefig("expected.png")
    np.testing.assert_array_equal(plt.imread("deep/s.png"), plt.imread("expected.png"))


def test_samples_are_a_png_file(bundled):
    result = run("sample", "plane", "--output", "samples.jpg")
    assert result.exit_code == 2
    assert "must end in .png, got samples.jpg" in error_of(result)


# Export


@pytest.mark.parametrize("name", ["deep/model.js", "model.json"])
def test_export_writes_what_the_library_returns(bundled, few_images, name):
    result = run("export", "plane", "--output", name, "--seed", 3)
    assert result.exit_code == 0
    text = vaetut.web.export_json(make_model(2), *few_images["test"], seed=3)
    written = Path(name).read_text()
    assert written == (vaetut.web.as_script(text) if name.endswith(".js") else text + "\n")
    assert re.fullmatch(rf"wrote {name}: \d+ kB, \d+ kB compressed\n", result.stdout)


def test_export_keeps_what_is_there_unless_forced(bundled):
    Path("model.js").write_text("precious")
    result = run("export", "plane")
    assert result.exit_code == 2
    assert "--force" in error_of(result)
    assert Path("model.js").read_text() == "precious"
    assert run("export", "plane", "--force").exit_code == 0
    vaetut.web.load_json(Path("model.js").read_text())


def test_export_knows_two_endings(bundled):
    result = run("export", "plane", "--output", "model.onnx")
    assert result.exit_code == 2
    assert "must end in .js or .json, got model.onnx" in error_of(result)


def test_export_refuses_a_model_without_a_plane():
    vaetut.save_model(make_model(3), "m.safetensors")
    result = run("export", "m.safetensors")
    assert result.exit_code == 2
    assert "latent_dim must be 2, got 3" in error_of(result)
    assert not Path("model.js").exists()


# List


def test_list_has_one_line_for_each_model(bundled):
    result = run("list")
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    assert " ".join(line.split()) == "plane 2-D tiny test -ELBO 123.46 nats per image"


def test_list_reads_the_cards_of_the_real_models():
    result = run("list")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == vaetut.list_pretrained()
    assert re.search(r"^article-20d +20-D +article +test -ELBO +9\d\.\d\d", result.stdout, re.M)


# The real thing


def test_the_official_test_images_are_measured(monkeypatch):
    monkeypatch.setattr(vaetut, "load_mnist", data.load_mnist)
    vaetut.save_model(make_model(2), "m.safetensors")
    result = run("evaluate", "m.safetensors", "--samples", 2)
    images, _ = data.load_mnist("test")
    report = vaetut.evaluate(make_model(2), images, num_samples=2)
    assert result.stdout.endswith(f"{report}\n")
    assert "10,000 grey images" in result.stdout


def test_the_module_is_the_command_and_a_refusal_is_one_line():
    Path("m.safetensors").touch()
    done = python("-m", "vaetut", "train", "m.safetensors")
    assert done.returncode == 2
    assert done.stderr.startswith("vaetut: m.safetensors exists; ")
    assert done.stderr.count("\n") == 1


def test_a_signal_ends_the_process_with_130_and_one_line():
    code = """
        import dataclasses, torch, vaetut
        from vaetut import checkpoint, cli
        vaetut.load_mnist = lambda split: (torch.rand(300, 784), None)
        vaetut.ARTICLE = dataclasses.replace(vaetut.ARTICLE, validation=100, hidden_dims=(8,))
        save = checkpoint.Checkpoint.save

        def save_then_signal(*args, **parts):
            save(*args, **parts)
            checkpoint.Checkpoint.save = save
            signal.raise_signal(signal.SIGINT)

        checkpoint.Checkpoint.save = save_then_signal
        cli.app(["train"])
    """
    done = python("-c", HEED_CTRL_C + textwrap.dedent(code))
    assert done.returncode == 130, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("vaetut: interrupted; the first 1 of 75 epochs are kept")
    assert "Warning" not in done.stderr
    assert "Traceback" not in done.stderr
    assert Path("vae.checkpoint.pt").exists()


@pytest.mark.parametrize("module", ["typer", "torch", "numpy", "vaetut.training"])
def test_ctrl_c_while_the_program_loads_ends_it_with_130_and_one_line(module):
    code = f"""
        import importlib.abc, sys, typing

        class Press(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path, target=None):
                if name == {module!r}:
                    try:
                        signal.raise_signal(signal.SIGINT)
                    except BaseException:
                        pass  # as some libraries do
                    print("it goes on")

        sys.meta_path.insert(0, Press())
        from vaetut.__main__ import main
        sys.argv = ["vaetut", "train"]
        main()
    """
    done = python("-c", HEED_CTRL_C + textwrap.dedent(code))
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "vaetut: interrupted\n")
    assert list(Path().iterdir()) == []


def test_what_ctrl_c_does_then_and_what_as_usual(monkeypatch, capfd):
    class Ended(BaseException):
        pass

    def end(code):
        raise Ended(code)

    monkeypatch.setattr(os, "_exit", end)
    usual = signal.default_int_handler
    before = signal.signal(signal.SIGINT, usual)
    try:
        end_at_once()
        then = signal.getsignal(signal.SIGINT)
        raise_again()
        assert signal.getsignal(signal.SIGINT) is usual is not then
    finally:
        signal.signal(signal.SIGINT, before)
    with pytest.raises(Ended, match="^130$"):
        then(signal.SIGINT, None)
    assert capfd.readouterr().err == "vaetut: interrupted\n"


def test_where_ctrl_c_is_ignored_or_handled_it_stays_so():
    code = """
        import signal
        from vaetut.interrupt import end_at_once, raise_again
        for handler in (signal.SIG_IGN, lambda *args: None):
            signal.signal(signal.SIGINT, handler)
            end_at_once()
            assert signal.getsignal(signal.SIGINT) is handler
            raise_again()
            assert signal.getsignal(signal.SIGINT) is handler
    """
    done = python("-c", textwrap.dedent(code))
    assert (done.returncode, done.stderr) == (0, "")


# doctor


def test_doctor_examines_a_file(tmp_path):
    vaetut.save_model(make_model(2), tmp_path / "plane.safetensors")
    result = run("doctor", str(tmp_path / "plane.safetensors"), "--images", "50")
    assert result.exit_code == 0 and result.stdout.startswith("No fault was found.")


def test_doctor_names_the_bundled_models():
    result = run("doctor", "nonsense")
    assert result.exit_code == 2 and "bundled models" in result.stderr
