"""A file is never lost: it is whole at every moment, nobody else writes it, and errors say why."""

from __future__ import annotations

import errno
import itertools
import json
import os
import re
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from importlib.resources import files as resources
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from typer.testing import CliRunner

import vaetut
from benchmarks import train_weights
from tests.processes import ENVIRONMENT
from vaetut import cli
from vaetut.files import LOCK, UNFINISHED, check_distinct, claimed, disk_errors, write_file

X = torch.rand(60, 784, generator=torch.Generator().manual_seed(0))
RECIPE = vaetut.Recipe(hidden_dims=(8,), validation=10, epochs=2, batch_size=25)
WAIT = 120  # seconds, for what takes none unless it never comes


def small():
    return vaetut.VAE(784, 2, (8,))


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


# Writing


def test_what_is_written_is_there_and_nothing_else(tmp_path):
    write_file(tmp_path / "file", b"new")
    write_file(str(tmp_path / "file"), memoryview(b"newer"))
    assert (tmp_path / "file").read_bytes() == b"newer"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_new_file_has_the_permissions_that_the_user_asks_for(tmp_path):
    before = os.umask(0o027)
    try:
        write_file(tmp_path / "file", b"new")
    finally:
        os.umask(before)
    assert mode(tmp_path / "file") == 0o640


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_an_old_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "file"
    path.touch()
    path.chmod(0o604)
    write_file(path, b"new")
    assert (mode(path), path.read_bytes()) == (0o604, b"new")


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_one(tmp_path, exists):
    target, link = tmp_path / "deep" / "file", tmp_path / "link"
    target.parent.mkdir()
    if exists:
        target.write_bytes(b"old")
    link.symlink_to(Path("deep", "file"))
    write_file(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_what_is_no_regular_file_is_written_to_and_not_replaced(tmp_path):
    pipe, received = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_file(pipe, b"new")
    reader.join(WAIT)
    assert received == [b"new"]
    assert pipe.is_fifo()


# Errors


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"x cannot be written: there is no folder .*no; m"):
        write_file(tmp_path / "no" / "x", b"")


def test_a_folder_that_is_none_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match=r"x cannot be written: .*file is no folder"):
        write_file(tmp_path / "file" / "x", b"")


def test_a_folder_is_not_replaced(tmp_path):
    with pytest.raises(IsADirectoryError, match=r"cannot be written: it is a folder"):
        write_file(tmp_path, b"")


def test_a_file_that_is_protected_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # root may do everything
    with pytest.raises(PermissionError, match=r"file cannot be written: it is write-protected"):
        write_file(path, b"new")
    assert path.read_bytes() == b"old"


def test_an_error_of_the_disk_is_one_sentence_of_the_same_kind():
    with pytest.raises(PermissionError) as caught, disk_errors("some/file", "read"):
        raise PermissionError(errno.EACCES, "Permission denied", "some/file")
    assert str(caught.value) == "some/file cannot be read: permission denied"
    assert caught.value.errno == errno.EACCES


# Distinct paths


def test_paths_that_differ_are_distinct(tmp_path):
    check_distinct(tmp_path / "a", tmp_path / "b", "a", tmp_path / "a" / "b")


@pytest.mark.parametrize("name", ["run.pt", "./run.pt", "deep/../run.pt", "link.pt", "Run.PT"])
def test_two_names_of_one_file_are_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path("deep").mkdir()
    Path("link.pt").symlink_to("run.pt")  # it leads nowhere yet
    with pytest.raises(ValueError, match=rf"run\.pt and {name} would be one file; give each its"):
        check_distinct(tmp_path / "run.pt", "other.pt", name)


def test_two_spellings_of_one_letter_are_one_name():
    with pytest.raises(ValueError, match="would be one file"):
        check_distinct("caf\u00e9.pt", "cafe\u0301.pt")


# One process at a time

HOLD = """
import sys, time
from vaetut.files import claimed
with claimed(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other_process(tmp_path):
    """A process that holds `tmp_path / "file"` until its stdin is closed."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "file")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=ENVIRONMENT, **pipes) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_at_once(tmp_path, other_process):
    message = r"file cannot be written: another process is writing it; wait"
    with pytest.raises(BlockingIOError, match=message), claimed(tmp_path / "file"):
        pass
    recipe = replace(RECIPE, epochs=1)
    model, twin = small(), small()
    with pytest.raises(BlockingIOError, match=message):
        vaetut.train(model, X, recipe, checkpoint=tmp_path / "file", progress=False)
    assert torch.equal(model.decoder.out.bias, twin.decoder.out.bias)
    other_process.communicate(timeout=WAIT)
    with claimed(tmp_path / "file"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_a_file_in_use_is_refused_too(tmp_path, other_process):
    (tmp_path / "link").symlink_to("file")
    with pytest.raises(BlockingIOError), claimed(tmp_path / "link"):
        pass


def test_a_dead_process_holds_nothing_and_what_it_left_is_removed(tmp_path, other_process):
    other_process.kill()
    other_process.wait(WAIT)
    (tmp_path / f"file.01234567{UNFINISHED}").touch()
    kept = {tmp_path / f"other.01234567{UNFINISHED}", tmp_path / "file.mine"}
    for path in kept:
        path.touch()
    with claimed(tmp_path / "file"):
        pass
    assert set(tmp_path.iterdir()) == kept


def test_what_another_process_removes_meanwhile_is_no_error(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Path, "glob", lambda folder, pattern: [folder / f"gone{UNFINISHED}"])
        with claimed(tmp_path / "file"):
            pass

    def refuse(path, missing_ok=False):  # as Windows does, where the lock is open
        raise PermissionError(errno.EACCES, "in use", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    with claimed(tmp_path / "file"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [f".file{LOCK}"]


def test_the_holder_may_claim_a_file_again(tmp_path):
    with claimed(tmp_path / "file"):
        with claimed(tmp_path / "file"):
            pass
        assert [path.name for path in tmp_path.iterdir()] == [f".file{LOCK}"]
        refused = []

        def claim():
            try:
                with claimed(tmp_path / "file"):
                    pass
            except BlockingIOError as error:
                refused.append(error)

        thread = threading.Thread(target=claim)
        thread.start()
        thread.join(WAIT)
        assert len(refused) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_cannot_be_claimed(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"), claimed(tmp_path / "no/x"):
        pass
    assert list(tmp_path.iterdir()) == []


# Everything that writes, struck at every step


def train(folder):
    vaetut.train(small(), X, RECIPE, checkpoint=folder / "run.pt", progress=False)


def save_estimator(folder):
    estimator = vaetut.VariationalAutoencoder(2, hidden_dims=(8,), epochs=1, random_state=0)
    estimator.fit(X.numpy()).save(folder / "e.safetensors")


def write_card(folder):
    train_weights.main(["tiny"])


def command(*arguments):
    def work(folder):
        options = [a.format(folder=folder) for a in arguments]
        result = CliRunner().invoke(cli.app, options, catch_exceptions=False)
        if result.exit_code == 130:
            raise KeyboardInterrupt
        if result.exit_code == 1:
            raise OSError(errno.ENOSPC, result.stderr)
        assert result.exit_code == 0, result.stderr

    return work


MODEL = "{folder}/m.safetensors"
WRITERS = {
    "write_file": lambda folder: write_file(folder / "file.json", b"{}"),
    "History.save": lambda folder: vaetut.History().save(folder / "a.history.json"),
    "save_model": lambda folder: vaetut.save_model(small(), folder / "m.safetensors"),
    "VariationalAutoencoder.save": save_estimator,
    "train": train,
    "benchmarks/train_weights.py": write_card,
    "vaetut train": command("train", "{folder}/new.safetensors", "--force", "--keep-checkpoint"),
    "vaetut export": command("export", MODEL, "--output", "{folder}/m.js", "--force"),
    "vaetut sample": command("sample", MODEL, "--output", "{folder}/s.png", "--force"),
    "vaetut figures": command("figures", MODEL, "--output-dir", "{folder}", "--force"),
}
READERS = {
    ".safetensors": vaetut.load_model,
    ".history.json": vaetut.History.load,
    ".json": lambda path: json.loads(path.read_text()),
    ".pt": lambda path: torch.load(path, weights_only=True)["history"],
    ".js": lambda path: vaetut.web.load_json(path.read_text()),
    ".png": lambda path: path.read_bytes() == b"whole" or pytest.fail(path.name),
}


@pytest.fixture
def folder(tmp_path, monkeypatch, restore_flags):
    """A folder with a model in it, around which everything is small and quick."""
    axes = SimpleNamespace(
        figure=SimpleNamespace(savefig=lambda file, format: file.write(b"whole"))
    )
    for name in ("reconstructions", "latent_scatter", "manifold", "samples"):
        monkeypatch.setattr(vaetut.plotting, name, lambda *args, **options: axes)
    monkeypatch.setattr(vaetut, "ARTICLE", RECIPE)
    monkeypatch.setattr(vaetut, "load_mnist", lambda split: (X, torch.arange(60) % 10))
    monkeypatch.setattr(train_weights, "ASSETS", tmp_path)
    monkeypatch.setattr(train_weights, "CHECKPOINTS", tmp_path)
    monkeypatch.setitem(train_weights.RECIPES, "tiny", RECIPE)
    monkeypatch.setitem(train_weights.JOBS, "tiny", train_weights.Job("tiny", 2, num_samples=2))
    vaetut.save_model(small(), tmp_path / "m.safetensors")
    return tmp_path


class Strike:
    """Raise an error at one step of all those that writing takes, counted from 1."""

    def __init__(self, patch, number, error):
        self.number, self.error, self.steps, self.hit = number, error, itertools.count(1), None
        opening, flushing, renaming = Path.open, os.fsync, Path.replace

        def open_(path, mode="r", **options):
            if not path.name.endswith(UNFINISHED):
                return opening(path, mode, **options)
            self.step("opening")
            return Half(opening(path, mode, **options), self)

        def fsync(number):
            folder = stat.S_ISDIR(os.fstat(number).st_mode)
            self.step("flushing the folder" if folder else "flushing")
            flushing(number)

        def rename(path, target):
            self.step("renaming")
            renaming(path, target)
            self.step("after renaming")

        patch.setattr(Path, "open", open_)
        patch.setattr(os, "fsync", fsync)
        patch.setattr(Path, "replace", rename)

    def step(self, name):
        if next(self.steps) == self.number:
            self.hit = name
            raise self.error


class Half:
    """A file of which the first half is on the disk before the strike can come."""

    def __init__(self, file, strike):
        self.file, self.strike = file, strike
        self.flush, self.fileno = file.flush, file.fileno

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.file.close()

    def write(self, data):
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        self.strike.step("writing")
        self.file.write(data[len(data) // 2 :])


def whole(path, old):
    """Say whether a file is as it was, or what its writer makes of it."""
    if old.get(path) == path.read_bytes():
        return True
    ending = next(ending for ending in READERS if path.name.endswith(ending))
    READERS[ending](path)
    return True


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.filterwarnings("ignore:stopped in epoch")
def test_a_strike_at_any_step_leaves_every_file_whole(folder, monkeypatch, name, error):
    start = set(folder.iterdir())
    WRITERS[name](folder)
    written = set(folder.iterdir())
    hits = set()
    for number in itertools.count(1):
        for path in written - start:
            path.write_bytes(b"old")
            if path.suffix == ".pt":  # a checkpoint would be gone on from
                path.unlink()
        old = {path: path.read_bytes() for path in folder.iterdir()}
        raised = None
        with monkeypatch.context() as patch:
            full = OSError(errno.ENOSPC, "No space left on device")
            strike = Strike(patch, number, full if error is OSError else error())
            try:
                WRITERS[name](folder)
            except (OSError, KeyboardInterrupt, SystemExit) as caught:
                raised = caught
        if strike.hit is None:
            break
        hits.add(strike.hit)
        assert set(folder.iterdir()) <= written, strike.hit
        assert all(whole(path, old) for path in folder.iterdir()), strike.hit
        if error is OSError and strike.hit != "flushing the folder":
            assert raised.errno == errno.ENOSPC, strike.hit
            assert "cannot be written: no space left on device" in str(raised)
    steps = {"opening", "writing", "flushing", "renaming", "after renaming", "flushing the folder"}
    assert hits == steps


def test_nothing_writes_but_through_this_module():
    """Neither the package nor the benchmarks, which import what not every machine has."""
    package = Path(str(resources("vaetut")))
    sources = [*package.rglob("*.py"), *(package.parent / "benchmarks").rglob("*.py")]
    pattern = re.compile(
        r"write_text|write_bytes|save_file|\bnp\.save|json\.dump\(|open\([^)]*[\"'][wax+]"
        r"|(torch\.save|savefig)\((?!.*\bbuffer\b)"
    )
    found = {
        f"{path.name}: {line.strip()}"
        for path in sources
        if path != package / "files.py"
        for line in path.read_text(encoding="utf-8").splitlines()
        if pattern.search(line)
    }
    assert found == set()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_what_is_no_regular_file_cannot_be_claimed():
    message = "/dev/full cannot be written: it is no regular file"
    with pytest.raises(OSError, match=message), claimed("/dev/full"):
        pass
