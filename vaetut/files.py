"""Files that are never half there, that no two processes write at once, and errors in words."""

from __future__ import annotations

import errno
import glob
import os
import secrets
import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# The ends of names that stand beside a file for a while; nobody would choose them.
UNFINISHED = ".vaetut-unfinished"
LOCK = ".vaetut-lock"


def write_file(path: str | Path, data: bytes | memoryview) -> None:
    """Write a file that is the old one or the new one at every moment, whatever happens.

    The data go to a file beside it, are flushed to the disk, and take its name. An old file's
    permissions stay, and a link leads where it did. What is no regular file, such as /dev/stdout,
    is written to as it is.

    Parameters
    ----------
    path : path
        Its folder must exist.
    data : bytes

    Raises
    ------
    OSError
        If it cannot be written, and why: no folder, no permission, a full disk. Then the old file
        is as it was, and nothing is left beside it.
    """
    place = Path(path)
    with disk_errors(path, "written"):
        if place.exists() and not place.is_file() and not place.is_dir():
            place.write_bytes(data)
        else:
            _replace(_follow(place), data)


@contextmanager
def claimed(path: str | Path) -> Iterator[None]:
    """Keep a file that is going to be written from all other processes.

    Who holds it may claim it again, inside. A process that died holds nothing, and what it left
    unfinished is removed.

    Parameters
    ----------
    path : path
        Its folder must exist.

    Raises
    ------
    BlockingIOError
        If another process holds it.
    OSError
        If it could not be written, and why.
    """
    from filelock import FileLock, Timeout  # here, because few calls need it

    target = _follow(path)
    lock = FileLock(target.with_name(f".{target.name}{LOCK}"), is_singleton=True)
    with disk_errors(path, "written"):
        _check_place(target)
        try:
            lock.acquire(blocking=False)
        except Timeout as error:
            reason = "another process is writing it; wait until that ends, or choose another name"
            raise BlockingIOError(errno.EAGAIN, reason) from error
    try:
        for leftover in target.parent.glob(f"{glob.escape(target.name)}.*{UNFINISHED}"):
            leftover.unlink(missing_ok=True)
        yield
    finally:
        if lock.lock_counter == 1:
            with suppress(OSError):  # on Windows, the release removes it
                Path(lock.lock_file).unlink()
        lock.release()


def check_distinct(*paths: str | Path) -> None:
    """Raise a ValueError if two paths lead to one file, or would on a disk that ignores case."""
    seen: dict[str, str | Path] = {}
    for path in paths:
        key = unicodedata.normalize("NFC", str(_follow(path))).casefold()
        if key in seen:
            raise ValueError(f"{seen[key]} and {path} would be one file; give each its own name")
        seen[key] = path


@contextmanager
def disk_errors(path: str | Path, done: str) -> Iterator[None]:
    """Say an OSError in one sentence: which file cannot be `done`, such as "written", and why."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        plain = type(error)(f"{path} cannot be {done}: {reason[:1].lower()}{reason[1:]}")
        plain.errno = error.errno
        raise plain from error


def _follow(path: str | Path) -> Path:
    """Return the absolute path where all links end; unlike Path.resolve, bear with circles."""
    return Path(os.path.realpath(path))


def _check_place(path: Path) -> None:
    """Raise an OSError if it is clear beforehand that a file cannot be written."""
    if not path.parent.exists():
        raise FileNotFoundError(errno.ENOENT, f"there is no folder {path.parent}; make it first")
    if not path.parent.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"{path.parent} is no folder")
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no regular file")
    if path.exists() and not os.access(path, os.W_OK):  # to replace it would need no permission
        raise PermissionError(errno.EACCES, "it is write-protected")


def _replace(target: Path, data: bytes | memoryview) -> None:
    _check_place(target)
    unfinished = target.with_name(f"{target.name}.{secrets.token_hex(4)}{UNFINISHED}")
    try:
        with unfinished.open("xb") as file:
            if target.exists():
                shutil.copymode(target, unfinished)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    with suppress(OSError):  # the new name, too; Windows and some network drives cannot
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
