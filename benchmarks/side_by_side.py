"""Several seeds of a recipe at once: their weights are stacked, and each step moves all of them."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.func import functional_call, stack_module_state, vmap

import vaetut
from vaetut.noise import TRAINING, make_generator
from vaetut.objective import noise_for
from vaetut.training.graphs import recorded
from vaetut.training.optimizers import learning_rates, rate_is_on_device, set_rate
from vaetut.training.steps import Loss


class SideBySide:
    """A run of `recipe` for each of some seeds, all on the images' device.

    The seeds share one source of noise, but no number of it. The recipe must be one without a
    warm-up of the KL, whose batches are whole.
    """

    def __init__(
        self, recipe: vaetut.Recipe, images: torch.Tensor, seeds: list[int], latent_dim: int = 20
    ) -> None:
        self.recipe, self.images = recipe, images
        self.models = [
            recipe.build_model(images.shape[1], latent_dim, seed=seed).to(images.device)
            for seed in seeds
        ]
        if recipe.center_output:
            for model in self.models:
                model.decoder.begin(model.likelihood.start(images))
        losses = [Loss(model, recipe) for model in self.models]
        self.loss, (self.weights, _) = losses[0], stack_module_state(losses)
        self.generator = make_generator(seeds[0], TRAINING, images.device)
        self.steps = recipe.epochs * (len(images) // recipe.batch_size)
        on_gpu = images.device.type == "cuda"
        rate = torch.tensor(1.0, dtype=torch.float32, device=images.device) if on_gpu else 1.0
        self.optimizer = torch.optim.Adam(
            self.weights.values(), rate, recipe.betas, recipe.eps, capturable=on_gpu, fused=True
        )
        self.rates = learning_rates(recipe, self.steps)
        self.rate_table = images.new_tensor(self.rates)
        self.count = torch.zeros(1, dtype=torch.long, device=images.device)

    def train(self) -> None:
        """Make all steps, and give each model its weights back."""
        shape, device = (len(self.models), len(self.images)), self.generator.device
        batch, step = self.recipe.batch_size, None
        for _ in range(self.recipe.epochs):
            keys = torch.rand(shape, generator=self.generator, device=device)
            order = keys.argsort(1).to(self.images.device)  # (S, N): each seed has its own
            for start in range(0, shape[1] - batch + 1, batch):
                rows = order[:, start : start + batch]
                if step is None:
                    on_gpu = device.type == "cuda"
                    step = recorded(self, rows, self.state, self.generator) if on_gpu else self
                step(rows)
        for number, model in enumerate(self.models):
            own = {name: value[number].detach() for name, value in self.weights.items()}
            Loss(model, self.recipe).load_state_dict(own, strict=False)

    def __call__(self, rows: torch.Tensor) -> None:
        """Make one step of every seed, with its own rows, (S, B)."""
        x = self.images[rows]  # (S, B, D)
        flat = noise_for(self.models[0], x.flatten(0, 1), self.recipe.num_samples, self.generator)
        eps = flat.unflatten(1, rows.shape).transpose(0, 1)  # (S, K, B, L)
        self.optimizer.zero_grad(set_to_none=True)
        self.losses(x, eps).sum().backward()
        if rate_is_on_device(self.optimizer):
            set_rate(self.optimizer, self.rate_table.index_select(0, self.count)[0])
        else:
            set_rate(self.optimizer, self.rates[int(self.count)])
        self.optimizer.step()
        self.count += 1

    def losses(self, x: torch.Tensor, eps: torch.Tensor) -> torch.Tensor:
        """Return the loss of every seed, (S,)."""

        def one(weights: dict, x: torch.Tensor, eps: torch.Tensor) -> torch.Tensor:
            return functional_call(self.loss, weights, (x, self.recipe.beta, eps))[0]

        return vmap(one)(self.weights, x, eps)

    def state(self) -> dict[str, torch.Tensor]:
        """Return all tensors that a step changes, by name."""
        moments = {
            f"{key} of {number}": value
            for number, values in enumerate(self.optimizer.state.values())
            for key, value in values.items()
        }
        return self.weights | moments | {"count of steps": self.count}


def whole_batches(recipe: vaetut.Recipe, images: torch.Tensor) -> torch.Tensor:
    """Return the images that a recipe trains on, without a rest that fills no batch."""
    kept = images[recipe.validation :]
    return kept[: len(kept) // recipe.batch_size * recipe.batch_size]


def fast(images: torch.Tensor, seeds: list[int]) -> list[vaetut.VAE]:
    """Train FAST with each of the seeds, and return the models."""
    recipe = replace(vaetut.FAST, validation=vaetut.FAST.validation)
    run = SideBySide(recipe, whole_batches(recipe, images), seeds)
    run.train()
    return run.models
