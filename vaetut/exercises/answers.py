"""A reader's answer, made safe to call: copies in, tensors out, on known ground, within a time."""

from __future__ import annotations

import ctypes
import dis
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from numbers import Real

import numpy as np
import torch
from torch import nn

# What a function consists of in which nothing but a docstring, `pass` or `...` stands. The only
# constant that it loads is the None that it returns.
_EMPTY = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}


class ReadersError(Exception):
    """Something that went wrong in the reader's own code."""


class NothingReturned(Exception):
    """The reader's function returned None."""


class TimeUp(BaseException):
    """The reader's code took too long. It is no Exception, so `except Exception` lets it pass."""


def is_stub(answer: object) -> bool:
    """Say whether a function is still empty, as the chapter gives it."""
    code = getattr(answer, "__code__", None)
    if code is None:
        return False
    steps = list(dis.get_instructions(code))
    constants = [step.argval for step in steps if "CONST" in step.opname]
    return {step.opname for step in steps} <= _EMPTY and constants[-1:] == [None]


def tamed(function: Callable[..., object], results: int = 1) -> Callable[..., object]:
    """Wrap a reader's function: it cannot change what it is given, and returns tensors.

    Parameters
    ----------
    function : callable
        The reader's.
    results : int
        How many things it should return. Only where it is one does a list count as one array.

    Returns
    -------
    callable
        It raises `ReadersError` where the function raises or exits, and `NothingReturned` where
        it returns None.
    """

    def call(*args: object) -> object:
        try:
            result = function(*map(_copy, args))
        except (Exception, SystemExit) as error:  # the reader's code may fail in any way
            what = f"{type(error).__name__}: {error}"
            raise ReadersError(what.removesuffix(": ")) from error
        if result is None:
            raise NothingReturned
        return _as_tensors(result, results)

    return call


def _copy(argument: object) -> object:
    if isinstance(argument, torch.Tensor):
        return argument.clone()  # through which a gradient finds back
    return argument.copy() if isinstance(argument, np.ndarray) else argument


def _as_tensors(result: object, results: int) -> object:
    """Return numbers, lists and arrays as float32 tensors, functions tamed, other things as is."""
    if results > 1:
        if not isinstance(result, list | tuple | torch.Tensor | np.ndarray):
            return result
        single = getattr(result, "ndim", 1) == 0  # one number, which has no length
        if single or len(result) != results:
            return result
        return tuple(_as_tensors(each, 1) for each in result)
    if isinstance(result, list | tuple) and result:
        if all(isinstance(each, torch.Tensor) for each in result):
            shapes = {each.shape for each in result}
            return torch.stack([each.float() for each in result]) if len(shapes) == 1 else result
        if any(isinstance(each, torch.Tensor) and each.ndim == 0 for each in result):
            return _as_tensors([torch.as_tensor(each) for each in result], 1)  # numbers among them
        if not any(callable(each) for each in result):
            result = np.asarray(result)
    if isinstance(result, Real):
        result = float(result)
    if isinstance(result, float | np.generic | np.ndarray):
        result = torch.as_tensor(result)
    if isinstance(result, torch.Tensor):
        return result.to("cpu", torch.float32)
    if callable(result) and not isinstance(result, nn.Module):
        return tamed(result)
    return result


@contextmanager
def known_ground() -> Iterator[None]:
    """Run with the defaults of a new session: float32, on the CPU, with gradients."""
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.device("cpu"), torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(dtype)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TimeUp` inside the block when it has run for longer than `seconds`.

    Python looks for it between two of its own steps: a single long call of a library goes on to
    its end. It is raised again every second, for code that catches everything.
    """
    block = ctypes.c_ulong(threading.get_ident())
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    over = threading.Event()

    def watch() -> None:
        wait = seconds
        while not over.wait(wait):
            raise_in(block, ctypes.py_object(TimeUp))
            wait = 1.0

    watcher = threading.Thread(target=watch, daemon=True)
    try:
        watcher.start()
        yield
    finally:
        # One may be on its way. To call it back is no way out: in Python 3.11 that leaves an alarm
        # on, for which a debugger, or whatever else traces the code, waits forever.
        with suppress(TimeUp):
            over.set()
            watcher.join()
        over.set()
