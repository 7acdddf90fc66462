"""The loop of a tutorial: `Dataset`, `ToTensor` and `DataLoader`, on our network and loss."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

import vaetut

RECIPE = vaetut.ARTICLE
NAME = "DataLoader and ToTensor"
PACKAGES = "torch", "torchvision"
SETTINGS = [{"num_workers": 0}, {"num_workers": 1}, {"num_workers": 2}]


class Pictures(Dataset):
    """MNIST as tutorials feed it: one picture at a time, turned into a tensor."""

    def __init__(self, images: np.ndarray) -> None:
        self.pixels = (images * 255).round().astype(np.uint8).reshape(-1, 28, 28)
        self.to_tensor = ToTensor()

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.to_tensor(Image.fromarray(self.pixels[index])).flatten()


def make_loader(images: np.ndarray, num_workers: int) -> DataLoader:
    """Return batches in random order; the workers stay for the next epoch."""
    options = {"num_workers": num_workers, "persistent_workers": num_workers > 0}
    return DataLoader(Pictures(images), RECIPE.batch_size, shuffle=True, **options)


def alone(images: np.ndarray, num_workers: int) -> Callable[[], None]:
    """Return an epoch of the loader with nothing behind it."""
    loader = make_loader(images, num_workers)

    def work() -> None:
        for _ in loader:
            pass

    return work


def epoch(images: np.ndarray, num_workers: int) -> Callable[[], float]:
    """Return an epoch of ARTICLE, with the optimiser fused as ours is."""
    loader = make_loader(images, num_workers)
    model = RECIPE.build_model()
    optimizer = torch.optim.Adam(model.parameters(), RECIPE.learning_rate, fused=True)

    def work() -> float:
        total = 0.0
        for x in loader:
            optimizer.zero_grad()
            loss = -vaetut.elbo(model, x).elbo.mean()
            loss.backward()
            optimizer.step()
            total += len(x) * loss.item()
        return total / len(images)

    return work
