"""The same network trained and measured by others: DataLoader with ToTensor, and pythae."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable

import torch
from PIL import Image
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

import vaetut

RECIPE = vaetut.ARTICLE


class Pictures(Dataset):
    """MNIST as tutorials feed it: one picture at a time, turned into a tensor."""

    def __init__(self, images: torch.Tensor) -> None:
        self.pixels = (images * 255).byte().reshape(-1, 28, 28).numpy()
        self.to_tensor = ToTensor()

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.to_tensor(Image.fromarray(self.pixels[index])).flatten()


def loader_only(images: torch.Tensor) -> Callable[[], None]:
    """Return an epoch of DataLoader and ToTensor with nothing behind it."""
    loader = DataLoader(Pictures(images), RECIPE.batch_size, shuffle=True)

    def work() -> None:
        for _ in loader:
            pass

    return work


def with_loader(images: torch.Tensor) -> Callable[[], None]:
    """Return an epoch of ARTICLE as tutorials write it, on our network and loss."""
    loader = DataLoader(Pictures(images), RECIPE.batch_size, shuffle=True)

    def work() -> None:
        model = RECIPE.build_model()
        optimizer = torch.optim.Adam(model.parameters(), RECIPE.learning_rate)
        for x in loader:
            optimizer.zero_grad()
            (-vaetut.elbo(model, x).elbo.mean()).backward()
            optimizer.step()

    return work


class _Encoder(BaseEncoder):
    def __init__(self, model: vaetut.VAE) -> None:
        super().__init__()
        self.network = model.encoder

    def forward(self, x: torch.Tensor) -> ModelOutput:
        mu, log_var = self.network(x.flatten(1))
        return ModelOutput(embedding=mu, log_covariance=log_var)


class _Decoder(BaseDecoder):
    def __init__(self, model: vaetut.VAE) -> None:
        super().__init__()
        self.network = model.decoder

    def forward(self, z: torch.Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.network(z).sigmoid().reshape(-1, 1, 28, 28))


def as_pythae(model: vaetut.VAE) -> VAE:
    """Wrap our layers, and so our activations, as a model of pythae."""
    config = VAEConfig((1, 28, 28), latent_dim=model.latent_dim, reconstruction_loss="bce")
    return VAE(config, _Encoder(model), _Decoder(model))


def pythae_epoch(images: torch.Tensor) -> Callable[[], None]:
    """Return an epoch of ARTICLE by pythae's trainer: its loop alone, without logs."""
    logging.getLogger(BaseTrainer.__module__).setLevel(logging.ERROR)
    data = BaseDataset(images.reshape(-1, 1, 28, 28), torch.zeros(len(images)))

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            config = BaseTrainerConfig(
                folder,
                per_device_train_batch_size=RECIPE.batch_size,
                num_epochs=1,
                learning_rate=RECIPE.learning_rate,
                no_cuda=True,
            )
            trainer = BaseTrainer(as_pythae(RECIPE.build_model()), data, training_config=config)
            trainer.prepare_training()
            trainer.callback_handler.callbacks = []  # no progress bar
            trainer.train_step(1)

    return work
