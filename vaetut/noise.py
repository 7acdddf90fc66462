"""Where randomness comes from: explicit generators, never the global one."""

from __future__ import annotations

import numpy as np
import torch

# Streams of one seed that must not share their random numbers.
WEIGHTS, TRAINING, VALIDATION, EVALUATION, SAMPLING = range(5)


def make_generator(seed: int | None = None, stream: int = SAMPLING) -> torch.Generator:
    """Return a CPU generator: the numbered `stream` of `seed`, or fresh entropy for None.

    Two streams of one seed are independent (NumPy's `SeedSequence`), so that the noise of a
    training run has nothing in common with the initial weights of the same seed.

    Raises
    ------
    ValueError
        If `seed` is negative.
    """
    if seed is not None and seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    entropy = None if seed is None else [seed, stream]
    state = np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> 1))  # PyTorch takes a signed 64-bit seed


def standard_normal(
    shape: tuple[int, ...], like: torch.Tensor, generator: torch.Generator | None
) -> torch.Tensor:
    """Draw from N(0, I) on the generator's device, then move to the dtype and device of `like`.

    Noise that is drawn on the CPU is the same whatever device the model sits on. Without a
    generator a fresh one is made, so the global random state stays as it was.
    """
    generator = generator or make_generator()
    eps = torch.randn(shape, generator=generator, device=generator.device, dtype=like.dtype)
    return eps.to(like.device)
