"""CUDA graphs: a step that was recorded once is replayed, without Python in between.

This is the one place that knows of them. A step can be recorded if nothing in it waits for the
device, and if what changes from one step to the next lies in tensors that it reads and writes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable

import torch

Step = Callable[[torch.Tensor], None]
WARM_UP = 3  # steps, in which libraries choose their kernels and the optimiser makes its moments


def recorded(
    step: Step,
    rows: torch.Tensor,
    state: Callable[[], Iterable[torch.Tensor]],
    generator: torch.Generator,
) -> Step:
    """Return a function that replays `step` for as many rows as `rows` has.

    To record, a few steps must be made. What they do to the state and to the noise is undone.

    Parameters
    ----------
    step : callable
        Takes the rows of a batch, and returns nothing.
    rows : Tensor, shape (B,)
        Of any batch.
    state : callable
        Returns all tensors that a step changes. Those that it makes begin at 0.
    generator : torch.Generator
        Source of all noise, on the device of `rows`.

    Returns
    -------
    callable
        `step` itself, where a part of the model cannot be recorded: that is a warning.
    """
    rows, kept = rows.clone(), {id(tensor): tensor.detach().clone() for tensor in state()}
    noise, others = generator.get_state(), _global_noise(rows.device)
    graph = None
    try:
        graph = _record(step, rows, generator)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        cause = str(error).partition("\n")[0]
        warnings.warn(
            f"the steps of this model cannot be recorded ({cause}), so they are slower",
            stacklevel=2,
        )
    finally:
        with torch.no_grad():
            for tensor in state():
                tensor.copy_(kept[id(tensor)]) if id(tensor) in kept else tensor.zero_()
        generator.set_state(noise)
        if others is not None:
            torch.cuda.set_rng_state(others, rows.device)
    if graph is None:
        return step

    def replay(batch: torch.Tensor) -> None:
        rows.copy_(batch)
        graph.replay()

    return replay


def _record(step: Step, rows: torch.Tensor, generator: torch.Generator) -> torch.cuda.CUDAGraph:
    side, main = torch.cuda.Stream(rows.device), torch.cuda.current_stream(rows.device)
    side.wait_stream(main)
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            step(rows)
    main.wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    graph.register_generator_state(generator)
    with torch.cuda.graph(graph):
        step(rows)
    return graph


def _global_noise(device: torch.device) -> torch.Tensor | None:
    """Return the state of PyTorch's own generator there, which dropout draws from."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else None
