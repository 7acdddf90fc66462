"""What version 0.1 called things: it still works, warns, and says the new name."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

_KINDS = ("Bernoulli", "Gaussian")  # of likelihoods


def _warn(old: str, new: str) -> None:
    warnings.warn(f"{old} is deprecated; use {new}", DeprecationWarning, stacklevel=3)


class OldModel(nn.Module):
    """Names that a `VAE` had."""

    # Where `self` is Any, it is a VAE, whose module imports this one.

    @property
    def config(self: Any) -> dict[str, Any]:
        """The arguments that made it, of a model that version 0.1 knew."""
        parts = self.encoder, self.decoder, self.likelihood, self.prior
        names = [type(part).__name__ for part in parts]
        variance = self.likelihood.config.get("variance", 1.0)
        known = [["Encoder", "Decoder", kind, "StandardNormal"] for kind in _KINDS]
        if names not in known or variance in ("columns", "decoder") or not self._is_symmetric():
            raise AttributeError(
                "model.config has no words for this model's parts; vaetut.parts.describe(model) has"
            )
        _warn("model.config", "vaetut.parts.describe(model)")
        return {
            "input_dim": self.input_dim,
            "latent_dim": self.latent_dim,
            "hidden_dims": self.encoder.config["hidden_dims"],
            "activation": self.encoder.config["activation"],
            "likelihood": names[2].lower(),
            "variance": variance,
        }

    def _is_symmetric(self: Any) -> bool:
        """Tell whether the decoder is the encoder in reverse order, as it was in version 0.1."""
        one, other = self.encoder.config, self.decoder.config
        mirrored = other["hidden_dims"][::-1], other["activation"]
        return (one["hidden_dims"], one["activation"]) == mirrored

    @property
    def log_var_x(self: Any) -> torch.Tensor:
        """The log-variance of a Gaussian likelihood."""
        log_var: torch.Tensor = self.likelihood.log_var  # first: others have none
        _warn("model.log_var_x", "model.likelihood.log_var")
        return log_var

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Load weights; those of version 0.1 too, which had one other name."""
        if "log_var_x" in state_dict:
            state_dict = dict(state_dict)
            state_dict["likelihood.log_var"] = state_dict.pop("log_var_x")
        return super().load_state_dict(state_dict, *args, **kwargs)


class OldLikelihood:
    """A likelihood was its name."""

    def __eq__(self, other: object) -> bool:
        """Compare with a name; all else as ever."""
        if not isinstance(other, str):
            return self is other
        kind = other.capitalize()
        _warn(f"model.likelihood == {other!r}", f"isinstance(model.likelihood, vaetut.{kind})")
        return type(self).__name__.lower() == other

    __hash__ = object.__hash__
