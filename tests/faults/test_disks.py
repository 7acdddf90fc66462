"""A full disk, or one that is read-only, is named in one sentence, and no file is lost on it."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

import vaetut
from tests.faults.command import assert_whole, run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="disks of POSIX")
COMMAND = ("train", "model.safetensors", "--latent-dim", "2", "--epochs", "1")
ROOM = 2**20  # bytes on the small disk: enough for what a run writes, and little more


def mount(folder, options):
    """Mount a small disk in memory, or skip the test where that is not allowed."""
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if not shutil.which("mount"):
        pytest.skip("no mount here")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path):
    """A folder that is a small disk of its own."""
    mount(tmp_path, f"size={ROOM}")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def fill(disk, left):
    """Leave this many bytes on the disk."""
    free = shutil.disk_usage(disk).free
    (disk / "filler").write_bytes(bytes(max(free - left, 0)))


@pytest.mark.parametrize(
    ("epochs", "left", "full_at"),
    [
        (1, 0, "model.checkpoint.pt"),
        (2, 400_000, "model.checkpoint.pt"),  # room for one, but not for the next beside it
        (1, 350_000, "model.safetensors"),
    ],
)
def test_a_full_disk_is_named_and_with_room_the_same_command_goes_on(
    disk, tmp_path_factory, epochs, left, full_at
):
    command = ("train", "model.safetensors", "--latent-dim", "2", "--epochs", str(epochs))
    undisturbed = tmp_path_factory.mktemp("undisturbed")
    assert run(*command, folder=undisturbed)[0] == 0
    fill(disk, left)
    code, line = run(*command, folder=disk)
    assert (code, line) == (1, f"vaetut: {full_at} cannot be written: no space left on device")
    assert_whole(disk)
    kept = {"model.checkpoint.pt"} if left else set()
    assert {path.name for path in disk.iterdir()} == {"filler"} | kept
    (disk / "filler").unlink()
    assert run(*command, folder=disk)[0] == 0
    assert {path.name for path in disk.iterdir()} == {"model.safetensors", "model.history.json"}
    weights = [(folder / "model.safetensors").read_bytes() for folder in (undisturbed, disk)]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("sample", "samples.png"),
        ("figures", "m-reconstructions.png"),
        ("export", "model.js"),
    ],
)
def test_a_full_disk_leaves_the_old_file(disk, command, name):
    vaetut.save_model(vaetut.VAE(latent_dim=2, hidden_dims=(16,)), disk / "m.safetensors")
    (disk / name).write_bytes(b"old")
    fill(disk, 0)
    code, line = run(command, "m.safetensors", "--force", folder=disk)
    assert (code, line) == (1, f"vaetut: {name} cannot be written: no space left on device")
    assert (disk / name).read_bytes() == b"old"
    assert {path.name for path in disk.iterdir()} == {"m.safetensors", "filler", name}


def test_a_read_only_disk_is_named_before_any_work(disk):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    code, line = run(*COMMAND, folder=disk)
    assert code == 1
    assert line == "vaetut: model.safetensors cannot be written: read-only file system"
    code, line = run("train", f"{disk}/deep/m.safetensors", folder="/")
    assert code == 1
    assert line.endswith("deep/m.safetensors cannot be written: read-only file system")


def test_a_limit_on_the_size_of_files_is_named(tmp_path):
    before = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
    code, line = run(*COMMAND, folder=tmp_path, before=before)
    assert code == 1
    assert line == "vaetut: model.checkpoint.pt cannot be written: file too large"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")  # noqa: PTH110
def test_a_device_that_is_full_is_named():
    with pytest.raises(OSError, match="/dev/full cannot be written: no space left on device"):
        vaetut.History().save("/dev/full")
