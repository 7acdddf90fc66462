"""CUDA graphs: a step that was recorded once is replayed, without Python in between.

This is the one place that knows of them. A step can be recorded if nothing in it waits for the
device, and if what changes from one step to the next lies in tensors that it reads and writes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import torch

Step = Callable[[torch.Tensor], None]
State = Callable[[], dict[str, torch.Tensor]]
WARM_UP = 3  # steps, in which libraries choose their kernels and the optimiser makes its moments


def recorded(step: Step, rows: torch.Tensor, state: State, generator: torch.Generator) -> Step:
    """Return a function that replays `step` for as many rows as `rows` has.

    To record, a few steps must be made. What they do to the state and to the noise is undone.

    Parameters
    ----------
    step : callable
        Takes the rows of a batch, and returns nothing.
    rows : Tensor, shape (B,)
        Of any batch.
    state : callable
        Returns all tensors that a step changes, by name. Those that it makes begin at 0.
    generator : torch.Generator
        Source of all noise, on the device of `rows`.

    Returns
    -------
    callable
        `step` itself, where a part of the model cannot be recorded: that is a warning.
    """
    rows = rows.clone()
    try:
        with _undone(state, generator, rows.device):
            graph = _record(step, rows, generator)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        cause = str(_first_cause(error)).partition("\n")[0]
        warnings.warn(
            f"the steps of this model cannot be recorded ({cause}), so they are slower",
            stacklevel=2,
        )
        return step

    def replay(batch: torch.Tensor) -> None:
        rows.copy_(batch)
        graph.replay()

    return replay


@contextmanager
def _undone(state: State, generator: torch.Generator, device: torch.device) -> Iterator[None]:
    """Undo what is done inside to the state, to the noise, and to PyTorch's own noise there."""
    kept = {name: (tensor, tensor.detach().clone()) for name, tensor in state().items()}
    generators = [generator]
    if device.type == "cuda":
        number = torch.cuda.current_device() if device.index is None else device.index
        generators.append(torch.cuda.default_generators[number])
    noise = [(each, each.clone_state(), each.get_state()) for each in generators]
    try:
        yield
    except RuntimeError:
        for each, twin, _ in noise:
            if each.device.type == "cuda":  # a recording that failed may have left a mark on it
                each.graphsafe_set_state(twin)
        raise
    finally:
        moved = False
        with torch.no_grad():
            for name, tensor in state().items():
                before, value = kept.get(name, (tensor, torch.zeros_like(tensor)))
                moved |= tensor is not before
                tensor.copy_(value)
        for each, _, numbers in noise:
            each.set_state(numbers)
    if moved:
        raise RuntimeError("a step puts another tensor in the place of a buffer")


def _record(step: Step, rows: torch.Tensor, generator: torch.Generator) -> torch.cuda.CUDAGraph:
    with torch.cuda.device(rows.device):
        side = torch.cuda.Stream()
        main = torch.cuda.current_stream()
        side.wait_stream(main)
        try:
            with torch.cuda.stream(side):
                for number in range(WARM_UP):
                    with _no_waiting() if number == WARM_UP - 1 else nullcontext():
                        step(rows)
        finally:
            main.wait_stream(side)  # before anything is undone
        graph = torch.cuda.CUDAGraph()
        with warnings.catch_warnings(action="ignore"):
            graph.register_generator_state(generator)  # newer versions do it by themselves
        with (
            torch.cuda.stream(main),  # which is current again, even if the recording fails
            torch.cuda.graph(graph, stream=side, capture_error_mode="thread_local"),
        ):
            step(rows)
    return graph


@contextmanager
def _no_waiting() -> Iterator[None]:
    """Let a look at a value be an error, as it will be while a step is recorded."""
    mode = torch.cuda.get_sync_debug_mode()
    try:
        with warnings.catch_warnings(action="ignore"):  # that this mode is a prototype
            torch.cuda.set_sync_debug_mode("error")
        yield
    finally:
        torch.cuda.set_sync_debug_mode(mode)


def _first_cause(error: BaseException) -> BaseException:
    while error.__context__ is not None:
        error = error.__context__
    return error
