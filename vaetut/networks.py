"""Networks: encoders, from images to q(z|x), and decoders, from codes to p(x|z).

A network of your own is any module that does what these do; with a `config`, a saved model finds
its settings again.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from .checks import check_batch, check_choice, check_codes, check_count, check_like, check_widths
from .distributions import Normal
from .functional import Softplus, Tanh
from .noise import WEIGHTS, or_else

ACTIVATIONS = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "leaky_relu": nn.LeakyReLU,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "softplus": Softplus,
    "tanh": Tanh,
}


class Encoder(nn.Module):
    """From an image to the parameters of q(z|x) (AEVB, appendix C.2).

    Parameters
    ----------
    input_dim, latent_dim : int
        D and L.
    hidden_dims : tuple of int
        Widths of the hidden layers, from the image inwards; may be empty.
    activation : str
        A key of `ACTIVATIONS`.
    generator : torch.Generator, optional
        Source of the initial weights; without one, a fixed seed.
    """

    def __init__(
        self,
        input_dim: int,
        latent_dim: int,
        hidden_dims: tuple[int, ...] = (500, 500),
        activation: str = "softplus",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        generator = or_else(generator, 0, WEIGHTS)
        input_dim = check_count(input_dim, "input_dim")
        latent_dim = check_count(latent_dim, "latent_dim")
        hidden_dims = check_widths(hidden_dims)
        self.config = {
            "input_dim": input_dim,
            "latent_dim": latent_dim,
            "hidden_dims": list(hidden_dims),
            "activation": activation,
        }
        self.input_dim = input_dim
        self.hidden = _hidden_layers((input_dim, *hidden_dims), activation, generator)
        width = (input_dim, *hidden_dims)[-1]
        self.mu = _linear(width, latent_dim, generator)
        self.log_var = _linear(width, latent_dim, generator)

    def forward(self, x: torch.Tensor) -> Normal:
        """Return q(z|x), `mu` and `log_var` of shape (B, L), for images (B, D)."""
        check_batch(x, self.input_dim)
        check_like(x, self.mu.weight)
        h = self.hidden(x)  # (B, D) -> (B, H)
        return Normal(self.mu(h), self.log_var(h))


class Decoder(nn.Module):
    """From a latent code to the parameters of p(x|z) (AEVB, appendix C.1 and C.2).

    Parameters
    ----------
    latent_dim, output_dim : int
        L and D.
    hidden_dims : tuple of int
        Widths of the hidden layers, from the latent code outwards; may be empty.
    activation : str
        A key of `ACTIVATIONS`.
    generator : torch.Generator, optional
        Source of the initial weights; without one, a fixed seed.
    """

    def __init__(
        self,
        latent_dim: int,
        output_dim: int,
        hidden_dims: tuple[int, ...] = (500, 500),
        activation: str = "softplus",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        generator = or_else(generator, 0, WEIGHTS)
        latent_dim = check_count(latent_dim, "latent_dim")
        output_dim = check_count(output_dim, "output_dim")
        hidden_dims = check_widths(hidden_dims)
        self.config = {
            "latent_dim": latent_dim,
            "output_dim": output_dim,
            "hidden_dims": list(hidden_dims),
            "activation": activation,
        }
        self.latent_dim = latent_dim
        self.hidden = _hidden_layers((latent_dim, *hidden_dims), activation, generator)
        self.out = _linear((latent_dim, *hidden_dims)[-1], output_dim, generator)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Return the likelihood's parameters, (..., D), for codes (..., L)."""
        check_codes(z, self.latent_dim)
        check_like(z, self.out.weight, name="z")
        return self.out(self.hidden(z))


def _hidden_layers(
    widths: tuple[int, ...], activation: str, generator: torch.Generator
) -> nn.Sequential:
    check_choice(activation, "activation", ACTIVATIONS)
    layers = nn.Sequential()
    for fan_in, fan_out in pairwise(widths):
        layers.extend([_linear(fan_in, fan_out, generator), ACTIVATIONS[activation]()])
    return layers


def _linear(fan_in: int, fan_out: int, generator: torch.Generator) -> nn.Linear:
    """Make a Xavier-uniform layer without a draw from the global generator."""
    layer = nn.utils.skip_init(nn.Linear, fan_in, fan_out, device=torch.get_default_device())
    if not layer.weight.is_meta:  # a layer that is made to see its shapes
        nn.init.xavier_uniform_(layer.weight, generator=generator)
        nn.init.zeros_(layer.bias)
    return layer
