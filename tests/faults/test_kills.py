"""Whenever a process is killed, no file is half there, and the same command goes on."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter

import pytest

from tests.faults.command import EPOCHS, assert_whole, run, start
from vaetut import History, load_model
from vaetut.files import LOCK, UNFINISHED

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
KILLS = 50
INTERRUPTS = 30
COMMAND = ("train", "model.safetensors", "--latent-dim", "2", "--device", "cpu")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A run that nobody kills: its folder, its weights, and its seconds from the first line on."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with start(*COMMAND, folder=folder) as process:
        process.stderr.readline()
        began = time.perf_counter()
        process.communicate()
    assert process.returncode == 0
    return (folder / "model.safetensors").read_bytes(), time.perf_counter() - began


def test_fifty_kills_change_no_weight(undisturbed, tmp_path, capsys):
    weights, life = undisturbed
    chance, seen = random.Random(0), Counter()
    output, checkpoint = tmp_path / "model.safetensors", tmp_path / "model.checkpoint.pt"
    while seen["kills"] < KILLS or not output.exists():
        with start(*COMMAND, folder=tmp_path) as process:
            process.stderr.readline()  # from here on, it holds its files
            if seen["kills"] < KILLS:
                time.sleep(chance.uniform(0, life))
                process.kill()
            _, err = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), err
        seen["kills"] += process.returncode != 0
        seen["in the middle of writing"] += any(tmp_path.glob(f"*{UNFINISHED}"))
        assert_whole(tmp_path)
        if output.exists():
            assert output.read_bytes() == weights
            seen["runs that came to their end"] += 1
            seen["between model and history"] += not (tmp_path / "model.history.json").exists()
            if process.returncode == 0:
                names = {path.name for path in tmp_path.iterdir()}
                assert names == {"model.safetensors", "model.history.json"}
                assert History.load(tmp_path / "model.history.json").epoch == [
                    *range(1, EPOCHS + 1)
                ]
            if seen["kills"] < KILLS:
                for path in tmp_path.iterdir():
                    path.unlink()
        elif not checkpoint.exists():
            seen["before the first epoch's end"] += 1
    with capsys.disabled():
        print(f"\n{dict(seen)}")


def test_ctrl_c_at_any_moment_ends_with_130_and_no_traceback(tmp_path, capsys):
    # What the command does first of all, here before the lines of the test that load PyTorch.
    before = "import sys; from vaetut.interrupt import end_at_once; end_at_once()\n"
    before += "print('here', file=sys.stderr, flush=True)\n"
    chance, seen = random.Random(0), Counter()
    with start(*COMMAND, folder=tmp_path, before=before) as process:
        process.stderr.readline()
        began = time.perf_counter()
        process.stderr.readline()
        loading = time.perf_counter() - began
        process.kill()
    for path in tmp_path.iterdir():
        path.unlink()
    for _ in range(INTERRUPTS):
        with start(*COMMAND, folder=tmp_path, before=before) as process:
            process.stderr.readline()
            time.sleep(chance.uniform(0, 1.5 * loading))
            process.send_signal(signal.SIGINT)
            _, err = process.communicate()
        seen[process.returncode] += 1
        assert process.returncode in (0, 130), err
        assert "Traceback" not in err
        if process.returncode == 130:
            assert err.splitlines()[-1].startswith("vaetut: interrupted")
        assert {path.name for path in tmp_path.iterdir()} <= {"model.checkpoint.pt"}
    with capsys.disabled():
        print(f"\nexit codes after {INTERRUPTS} times Ctrl-C: {dict(seen)}")


def test_of_two_processes_the_second_is_refused(tmp_path):
    with start(*COMMAND, folder=tmp_path) as first:
        first.stderr.readline()
        first.send_signal(signal.SIGSTOP)  # it stays where it is, however slow the machine
        for options in ([], ["--force"], ["--checkpoint", "other.pt"]):
            code, line = run(*COMMAND, *options, folder=tmp_path)
            assert code == 2
            assert "model.safetensors cannot be written: another process is writing it" in line
        code, line = run("train", "--checkpoint", "model.checkpoint.pt", folder=tmp_path)
        assert code == 2
        assert "model.checkpoint.pt cannot be written: another process is writing it" in line
        first.send_signal(signal.SIGCONT)
        first.communicate()
    assert first.returncode == 0
    load_model(tmp_path / "model.safetensors")
    assert not any(path.name.endswith(LOCK) for path in tmp_path.iterdir())
