"""What moves the weights: the optimisers of a recipe, and their learning rate, step by step."""

from __future__ import annotations

from functools import partial

import torch
from torch.optim import lr_scheduler

from ..model import VAE
from ..recipe import Recipe


def make_optimizers(
    model: VAE, recipe: Recipe, recordable: bool = False
) -> list[torch.optim.Optimizer]:
    """Return the recipe's optimisers, which share the model's weights between them.

    Where steps may be recorded, Adam has its rate in a tensor on the GPU, and asks nothing of the
    host. Muon cannot.
    """
    rate, weights = recipe.learning_rate, list(model.parameters())
    device = weights[0].device
    fused = True if device.type in ("cpu", "cuda") else None
    adam = partial(torch.optim.Adam, betas=recipe.betas, eps=recipe.eps, fused=fused)
    if recipe.optimizer == "adam" and recordable:
        on_device = torch.tensor(rate, dtype=torch.float32, device=device)  # as its kernel reads it
        optimizer = adam(weights, on_device, capturable=True)
        optimizer._warned_capturable_if_run_uncaptured = True  # a ragged batch's step is called
        return [optimizer]
    if recipe.optimizer == "adam":
        return [adam(weights, rate)]
    if not hasattr(torch.optim, "Muon"):
        raise RuntimeError("optimizer='muon' needs PyTorch 2.9 or later; use 'adam'")
    # Scaled so that a step is as long as one of Adam's, and one rate serves both.
    muon = partial(torch.optim.Muon, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    matrices, others = ([w for w in weights if (w.ndim == 2) == two] for two in (True, False))
    return [muon(matrices, rate), adam(others, rate)]


def rate_is_on_device(optimizer: torch.optim.Optimizer) -> bool:
    """Say whether an optimiser reads its learning rate from a tensor."""
    return isinstance(optimizer.param_groups[0]["lr"], torch.Tensor)


def set_rate(optimizer: torch.optim.Optimizer, rate: float | torch.Tensor) -> None:
    """Set the learning rate of an optimiser, in place where it has it in a tensor."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].copy_(torch.as_tensor(rate))
        else:
            group["lr"] = rate


def learning_rates(recipe: Recipe, steps: int) -> list[float]:
    """Return the learning rate of every step of a run."""
    if recipe.schedule == "constant":
        return steps * [recipe.learning_rate]
    total = steps + 1  # PyTorch counts one more than it is stepped
    if recipe.rise * total == 1:  # then it would divide by the length of the rise, 0
        raise ValueError(
            f"rise={recipe.rise} leaves no step to rise in a run of {steps}; change it a "
            "little, or choose another batch_size"
        )
    nothing = torch.optim.SGD([torch.zeros(1, device="cpu")], recipe.learning_rate)
    schedule = lr_scheduler.OneCycleLR(
        nothing,
        recipe.learning_rate,
        total_steps=total,
        anneal_strategy="linear" if recipe.schedule == "one-cycle-linear" else "cos",
        pct_start=recipe.rise,
        cycle_momentum=False,
    )
    rates = []
    for _ in range(steps):
        rates.append(nothing.param_groups[0]["lr"])
        nothing.step()  # moves nothing; PyTorch warns of a schedule without it
        schedule.step()
    return rates
