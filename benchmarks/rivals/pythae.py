"""pythae's trainer on our layers: its loop alone, without logs, files and progress bars."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig

import vaetut

RECIPE = vaetut.ARTICLE
NAME = "pythae's trainer"
PACKAGES = ("pythae",)
SETTINGS = [{"num_workers": 0}, {"num_workers": 1}, {"num_workers": 2}]


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


def epoch(images: np.ndarray, num_workers: int) -> Callable[[], float]:
    """Return an epoch of ARTICLE, with the optimiser fused as ours is."""
    logging.getLogger(BaseTrainer.__module__).setLevel(logging.ERROR)
    pictures = torch.from_numpy(images).reshape(-1, 1, 28, 28)
    data = BaseDataset(pictures, torch.zeros(len(pictures)))
    with tempfile.TemporaryDirectory() as folder:  # it makes one of its own, and leaves it empty
        config = BaseTrainerConfig(
            folder,
            per_device_train_batch_size=RECIPE.batch_size,
            train_dataloader_num_workers=num_workers,
            num_epochs=1,
            optimizer_params={"fused": True},
            learning_rate=RECIPE.learning_rate,
            no_cuda=True,
        )
        trainer = BaseTrainer(as_pythae(RECIPE.build_model()), data, training_config=config)
        trainer.prepare_training()
    trainer.callback_handler.callbacks = []  # no progress bar
    return lambda: trainer.train_step(1)
