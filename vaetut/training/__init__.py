"""Fit a VAE by stochastic gradient ascent on the ELBO (AEVB, algorithm 1).

`run` is the loop, with its history and its file; `steps` says what a step is. Below them are
`optimizers` and `precision`, `groups` of processes, and `graphs`, which replay steps on a GPU.
"""

from .run import train, train_pass
from .steps import batch_loss

__all__ = ["batch_loss", "train", "train_pass"]
