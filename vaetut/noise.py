"""Where randomness comes from: explicit generators, never the global one."""

from __future__ import annotations

from numbers import Integral

import numpy as np
import torch

# Streams of one seed that must not share their random numbers.
WEIGHTS, TRAINING, VALIDATION, EVALUATION, SAMPLING = range(5)

# Where training and evaluation draw their noise: on the model's device, if it has a generator of
# its own, or on the CPU, from which it is the same for all devices.
NOISE = ("device", "cpu")


def make_generator(
    seed: int | None = None, stream: int = SAMPLING, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Return a generator: the numbered `stream` of `seed`, or fresh entropy for None.

    Two streams of one seed are independent (NumPy's `SeedSequence`), so that the noise of a
    training run has nothing in common with the initial weights of the same seed. On a device that
    has no generator of its own, it is the CPU's. Devices of two kinds draw different numbers.

    Raises
    ------
    TypeError, ValueError
        If `seed` is not an integer, or negative.
    """
    if seed is not None and (not isinstance(seed, Integral) or isinstance(seed, bool)):
        raise TypeError(f"seed must be an int or None, got {seed!r:.60}")
    if seed is not None and seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    entropy = None if seed is None else [int(seed), stream]
    state = np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]
    try:
        generator = torch.Generator(device)
    except RuntimeError:  # it has none
        generator = torch.Generator()
    return generator.manual_seed(int(state) >> 1)  # PyTorch takes a signed 64-bit seed


def as_generator(
    generator: torch.Generator | None, seed: int | None = None, stream: int = SAMPLING
) -> torch.Generator:
    """Return `generator` itself; where it is None, `make_generator(seed, stream)`.

    Raises
    ------
    TypeError
        If it is something else: a seed, say, of which 0 would otherwise pass for None.
    """
    if generator is None:
        return make_generator(seed, stream)
    if not isinstance(generator, torch.Generator):
        raise TypeError(
            f"generator must be a torch.Generator or None, got {generator!r:.60}; "
            "make one from a seed with torch.Generator().manual_seed(seed)"
        )
    return generator


def standard_normal(
    shape: tuple[int, ...], like: torch.Tensor, generator: torch.Generator | None
) -> torch.Tensor:
    """Draw from N(0, I) on the generator's device, then move to the dtype and device of `like`.

    Noise that is drawn on the CPU is the same whatever device the model sits on. Without a
    generator a fresh one is made, so the global random state stays as it was; but in a function
    that torch.compile compiles, which can make none, the noise then comes from the global one.
    """
    if generator is None and torch.compiler.is_compiling():
        return torch.randn(shape, device=like.device, dtype=like.dtype)
    generator = as_generator(generator)
    eps = torch.randn(shape, generator=generator, device=generator.device, dtype=like.dtype)
    return eps.to(like.device)


def uniform(
    shape: tuple[int, ...], like: torch.Tensor, generator: torch.Generator | None
) -> torch.Tensor:
    """Draw from [0, 1) on the generator's device, then move to the dtype and device of `like`."""
    generator = as_generator(generator)
    draws = torch.rand(shape, generator=generator, device=generator.device, dtype=like.dtype)
    return draws.to(like.device)
