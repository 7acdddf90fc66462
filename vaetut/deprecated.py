"""What version 0.1 called things: it still works, warns, and says the new name."""

from __future__ import annotations

import warnings
from typing import Any

import torch


def _warn(old: str, new: str) -> None:
    warnings.warn(f"{old} is deprecated; use {new}", DeprecationWarning, stacklevel=3)


class OldModel:
    """Names that a `VAE` had."""

    @property
    def config(self) -> dict[str, Any]:
        """The arguments that made it, of a model that version 0.1 knew."""
        _warn("model.config", "vaetut.parts.describe(model)")
        encoder, likelihood = self.encoder.config, self.likelihood
        return {
            "input_dim": self.input_dim,
            "latent_dim": self.latent_dim,
            "hidden_dims": encoder["hidden_dims"],
            "activation": encoder["activation"],
            "likelihood": type(likelihood).__name__.lower(),
            "variance": likelihood.config.get("variance", 1.0),
        }

    @property
    def log_var_x(self) -> torch.Tensor:
        """The log-variance of a Gaussian likelihood."""
        log_var = self.likelihood.log_var  # first: others have none
        _warn("model.log_var_x", "model.likelihood.log_var")
        return log_var


class OldLikelihood:
    """A likelihood was its name."""

    def __eq__(self, other: object) -> bool:
        """Compare with a name; all else as ever."""
        if not isinstance(other, str):
            return self is other
        _warn(f"model.likelihood == {other!r}", "isinstance(model.likelihood, …)")
        return type(self).__name__.lower() == other

    __hash__ = object.__hash__
