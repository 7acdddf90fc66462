"""What the machine is, what its matrix products take, and where the time of a step goes."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import torch
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

import vaetut
from benchmarks.timing import seconds
from vaetut.training.precision import bf16_is_faster


def describe() -> dict:
    """Say of the machine what is not among the circumstances of every run."""
    return {
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "auto": "bf16" if bf16_is_faster(torch.device("cpu")) else "float32",
    }


def article_products(steps: int) -> Callable[[], None]:
    """Return the bare matrix products of `steps` steps of ARTICLE."""
    recipe = vaetut.ARTICLE
    widths = (784, *recipe.hidden_dims, 2 * 20), (20, *recipe.hidden_dims[::-1], 784)
    shapes = [pair for part in widths for pair in pairwise(part)]
    layers = [
        (torch.rand(recipe.batch_size, a), torch.rand(b, a), torch.rand(recipe.batch_size, b))
        for a, b in shapes
    ]

    def work() -> None:
        for _ in range(steps):
            for number, (x, weight, grad) in enumerate(layers):
                F.linear(x, weight)
                grad.T @ x
                if number:  # no gradient of the images
                    grad @ weight

    return work


def step_shares(images: torch.Tensor, precision: str) -> dict[str, float]:
    """Return which share of the time of 200 steps of ARTICLE goes where, by PyTorch's profiler."""
    count = 200 * vaetut.ARTICLE.batch_size
    recipe = replace(vaetut.ARTICLE, epochs=1, validation=0, precision=precision)
    model = recipe.build_model()

    def work() -> None:
        vaetut.train(model, images[:count], recipe, progress=False)

    work()  # warm
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        total = seconds(work)
    shares: dict[str, float] = {}
    for event in profiler.key_averages():
        group = _group(event.key)
        shares[group] = shares.get(group, 0.0) + event.self_cpu_time_total / 1e6 / total
    shares["Python and bookkeeping"] += 1 - sum(shares.values())  # what the profiler saw nothing of
    return {group: round(share, 4) for group, share in shares.items()}


def _group(operation: str) -> str:
    if operation in ("aten::mm", "aten::addmm"):
        return "matrix products"
    if operation == "aten::_fused_adam_":
        return "Adam"
    if operation.startswith("aten::"):
        return "elementwise and sums"
    return "Python and bookkeeping"
