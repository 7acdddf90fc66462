"""The steps of a training: each a function of weights, rows, noise and tables.

On a GPU nothing in a step waits for the device: what changes from one to the next, the learning
rate and the weight of the KL, lies in tables there. So a step can be recorded and replayed
(graphs.py), or just be called, as elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ..data import draw_bits
from ..functional import compiled
from ..model import VAE
from ..objective import dreg_loss, iwae_loss, noise_for
from ..recipe import Recipe
from .graphs import recorded
from .groups import check_group, place_in_group
from .optimizers import learning_rates, make_optimizers, rate_is_on_device, set_rate
from .precision import autocast

FEWEST = 20  # steps for which it pays to record one, and more than it takes to warm up


class Steps:
    """The steps of a run, from some epoch on.

    Parameters
    ----------
    model : VAE
    images : Tensor, shape (N, D)
        Those to train on, checked, on the model's device.
    recipe : Recipe
    generator : torch.Generator
        Source of the order of the images and of all noise.
    done : int
        Epochs that are behind.
    compile : bool
        Let torch.compile fuse the loss and its gradient.
    """

    def __init__(
        self,
        model: VAE,
        images: torch.Tensor,
        recipe: Recipe,
        generator: torch.Generator,
        done: int = 0,
        compile: bool = False,
    ) -> None:
        self.model, self.images, self.recipe, self.generator = model, images, recipe, generator
        self.rank, self.processes = place_in_group()
        check_group(images.device)
        self.per_epoch = math.ceil(len(images) / recipe.batch_size)
        first, last = done * self.per_epoch, recipe.epochs * self.per_epoch
        alone = generator.device.type == "cuda" and self.processes == 1
        self.optimizers = make_optimizers(model, recipe, recordable=alone)
        self.rates = learning_rates(recipe, last)[first:]  # for those that have it from the host
        self.rate_table = images.new_tensor(self.rates, dtype=torch.float32)
        betas = [_kl_weight(recipe, step, self.per_epoch) for step in range(first, last)]
        self.beta_table = images.new_tensor(betas)
        self.made, self.count = 0, torch.zeros(1, dtype=torch.long, device=images.device)
        self.terms = images.new_zeros(self.per_epoch, 3)  # cost, distortion, rate of every step
        self.autocast = autocast(recipe.precision, images.device)
        self.loss: nn.Module = Loss(model, recipe, compile)
        if self.processes > 1:
            self.loss = DistributedDataParallel(self.loss)
        self.replay: Callable[[torch.Tensor], None] | None = None

    def epoch(self) -> Iterator[None]:
        """Make the steps of an epoch, and yield after each."""
        device = self.generator.device
        order = torch.randperm(len(self.images), generator=self.generator, device=device)
        for rows in torch.split(order.to(self.images.device), self.recipe.batch_size):
            whole = len(rows) == self.recipe.batch_size
            for optimizer in self.optimizers:
                if not rate_is_on_device(optimizer):
                    set_rate(optimizer, self.rates[self.made])
            if whole and self.replay is None and self.pays_to_record():
                self.replay = recorded(self, rows, self.state, self.generator)
            (self.replay if whole and self.replay else self)(rows)
            self.made += 1
            yield

    def __call__(self, rows: torch.Tensor) -> None:
        """Make one step, with a batch of these rows."""
        x = self.images.index_select(0, rows)  # twice as fast as images[rows]
        if self.recipe.binarize:
            x = draw_bits(x, self.generator)
        eps = noise_for(self.model, x, self.recipe.num_samples, self.generator)  # for all processes
        own = self._share(len(x))
        beta = self.beta_table.index_select(0, self.count)[0]
        with self.autocast:
            loss, terms = self.loss(x[own], beta, eps[:, own])
        self.model.zero_grad(set_to_none=True)
        # Gradients are averaged over the processes, each weighted here by its share of images.
        (loss * (self.processes * len(x[own]) / len(x))).backward()
        for optimizer in self.optimizers:
            if rate_is_on_device(optimizer):
                set_rate(optimizer, self.rate_table.index_select(0, self.count)[0])
            optimizer.step()
        self.terms.index_copy_(0, self.count % self.per_epoch, terms[None])
        self.count += 1

    def sums(self, dtype: torch.dtype) -> torch.Tensor:
        """Return the sums of cost, distortion and rate over the images of the last epoch, (3,)."""
        batches = torch.split(torch.arange(len(self.images), device="cpu"), self.recipe.batch_size)
        sizes = [len(rows[self._share(len(rows))]) for rows in batches]
        weights = torch.tensor(sizes, dtype=dtype, device=self.terms.device)
        return weights @ self.terms.to(dtype)

    def state(self) -> dict[str, torch.Tensor]:
        """Return all tensors that a step changes, by name."""
        weights = dict(self.model.named_parameters()) | dict(self.model.named_buffers())
        moments = {
            f"{key} of {number} of {place}": value
            for place, optimizer in enumerate(self.optimizers)
            for number, values in enumerate(optimizer.state.values())
            for key, value in values.items()
        }
        return weights | moments | {"count of steps": self.count, "terms of steps": self.terms}

    def pays_to_record(self) -> bool:
        """Say whether a step asks nothing of the host, and enough of them are to come."""
        on_device = all(map(rate_is_on_device, self.optimizers))
        return on_device and len(self.rates) - self.made >= FEWEST

    def _share(self, count: int) -> slice:
        """Return this process's part of a batch of `count` images."""
        return slice(*(count * i // self.processes for i in (self.rank, self.rank + 1)))


class Loss(nn.Module):
    """`loss_at` as a module, which can be compiled, and whose gradients processes can average."""

    def __init__(self, model: VAE, recipe: Recipe, compile: bool = False) -> None:
        super().__init__()
        self.model, self.recipe = model, recipe
        self.function = compiled(loss_at) if compile else loss_at

    def forward(
        self, x: torch.Tensor, beta: torch.Tensor, eps: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what `loss_at` does."""
        return self.function(self.model, x, self.recipe, beta, eps)


def _kl_weight(recipe: Recipe, steps: int, per_epoch: int) -> float:
    """Return the weight of the KL after so many steps."""
    epochs, length = steps // per_epoch + steps % per_epoch / per_epoch, recipe.kl_warmup_epochs
    return recipe.beta * (min(1.0, epochs / length) if length else 1.0)


def batch_loss(
    model: VAE,
    x: torch.Tensor,
    recipe: Recipe,
    beta: float,
    generator: torch.Generator | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the number to minimise for one batch, and (cost, distortion, rate), detached."""
    return loss_at(model, x, recipe, beta, noise_for(model, x, recipe.num_samples, generator))


def loss_at(
    model: VAE, x: torch.Tensor, recipe: Recipe, beta: float | torch.Tensor, eps: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Do what `batch_loss` does, with noise (K, B, L) that has been drawn.

    This is the one place where nats per example, (B,), become one number: their mean.
    """
    if recipe.objective.startswith("iwae"):
        loss_of = dreg_loss if recipe.objective == "iwae-dreg" else iwae_loss
        loss, bound = loss_of(model, x, eps)
        cost = -bound.mean()
        nan = torch.full_like(cost, math.nan)  # the bound does not fall into two terms
        return loss.mean(), torch.stack([cost, nan, nan])
    q = model.encode(x)  # (B, L)
    z = q.at(eps)  # (K, B, L)
    distortion = -model.log_likelihood(x, z).mean()  # over K and B
    kl = model.kl(q, z).mean(0)  # (L,), or (1,)
    if recipe.objective == "elbo-stl":  # the same value, with the gradient of its estimate
        estimate = model.prior.log_ratio(q.detach(), z).mean((0, 1))  # (L,), or (1,)
        if len(kl) != len(estimate):  # only one of them splits by coordinate
            kl, estimate = kl.sum(0, keepdim=True), estimate.sum(0, keepdim=True)
        kl = kl.detach() + estimate - estimate.detach()
    rate = kl.sum()
    loss = distortion + beta * (kl.clamp(min=recipe.free_bits).sum() if recipe.free_bits else rate)
    terms = torch.stack([distortion + rate, distortion, rate])
    return loss, terms.detach()
