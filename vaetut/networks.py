"""Networks: encoders, from images to q(z|x), and decoders, from codes to p(x|z).

A network of your own is any module that does what these do.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, TypeVar

import torch
from torch import nn

from .checks import (
    brief,
    check_batch,
    check_choice,
    check_codes,
    check_count,
    check_like,
    check_widths,
)
from .distributions import Normal
from .functional import Softplus, Tanh
from .noise import WEIGHTS, as_generator

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
Layer = TypeVar("Layer", bound=nn.Module)


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
        generator = as_generator(generator, 0, WEIGHTS)
        input_dim = check_count(input_dim, "input_dim")
        latent_dim = check_count(latent_dim, "latent_dim")
        hidden_dims = check_widths(hidden_dims)
        self.config = {
            "input_dim": input_dim,
            "latent_dim": latent_dim,
            "hidden_dims": list(hidden_dims),
            "activation": activation,
        }
        self.input_dim, self.latent_dim = input_dim, latent_dim
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
        generator = as_generator(generator, 0, WEIGHTS)
        latent_dim = check_count(latent_dim, "latent_dim")
        output_dim = check_count(output_dim, "output_dim")
        hidden_dims = check_widths(hidden_dims)
        self.config = {
            "latent_dim": latent_dim,
            "output_dim": output_dim,
            "hidden_dims": list(hidden_dims),
            "activation": activation,
        }
        self.latent_dim, self.output_dim = latent_dim, output_dim
        self.hidden = _hidden_layers((latent_dim, *hidden_dims), activation, generator)
        self.out = _linear((latent_dim, *hidden_dims)[-1], output_dim, generator)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Return the likelihood's parameters, (..., D), for codes (..., L)."""
        check_codes(z, self.latent_dim)
        check_like(z, self.out.weight, name="z")
        params: torch.Tensor = self.out(self.hidden(z))
        return params

    def begin(self, start: torch.Tensor) -> None:
        """Set the last bias to `start`, if it is zero, as the constructor leaves it."""
        _check_start(start, self.output_dim)
        _set_if_zero(self.out.bias, start.flatten())


class ConvEncoder(nn.Module):
    """From a picture of any size to the parameters of q(z|x), by convolutions of stride 2.

    Parameters
    ----------
    shape : tuple of int
        (C, H, W) of what the encoder sees: a row of C * H * W numbers, channel by channel.
    latent_dim : int
        L.
    channels : tuple of int
        Of the convolutions, from the picture inwards; each halves height and width, rounding up.
    activation : str
        A key of `ACTIVATIONS`.
    generator : torch.Generator, optional
        Source of the initial weights; without one, a fixed seed.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        latent_dim: int,
        channels: tuple[int, ...] = (32, 64),
        activation: str = "silu",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        generator = as_generator(generator, 0, WEIGHTS)
        self.shape, channels, sizes = _halvings(shape, channels)
        latent_dim = check_count(latent_dim, "latent_dim")
        self.config = {
            "shape": list(self.shape),
            "latent_dim": latent_dim,
            "channels": list(channels),
            "activation": check_choice(activation, "activation", ACTIVATIONS),
        }
        self.input_dim, self.latent_dim = math.prod(self.shape), latent_dim
        self.hidden = nn.Sequential()
        for fan_in, fan_out in pairwise((self.shape[0], *channels)):
            layer = _initial(nn.Conv2d, generator, fan_in, fan_out, 3, stride=2, padding=1)
            self.hidden.extend([layer, ACTIVATIONS[activation]()])
        self.hidden.append(nn.Flatten())
        width = channels[-1] * math.prod(sizes[-1])
        self.mu = _linear(width, latent_dim, generator)
        self.log_var = _linear(width, latent_dim, generator)

    def forward(self, x: torch.Tensor) -> Normal:
        """Return q(z|x), `mu` and `log_var` of shape (B, L), for images (B, C * H * W)."""
        check_batch(x, self.input_dim)
        check_like(x, self.mu.weight)
        picture = torch.unflatten(x, 1, self.shape)  # (B, C * H * W) -> (B, C, H, W)
        h = self.hidden(picture)  # -> (B, H)
        return Normal(self.mu(h), self.log_var(h))


class ConvDecoder(nn.Module):
    """From a latent code to the parameters of p(x|z), by transposed convolutions of stride 2.

    Parameters
    ----------
    latent_dim : int
        L.
    shape : tuple of int
        (C, H, W) of a picture.
    channels : tuple of int
        Those of the encoder, from the picture inwards.
    width : int
        Numbers that the likelihood is owed for each value.
    activation : str
        A key of `ACTIVATIONS`.
    generator : torch.Generator, optional
        Source of the initial weights; without one, a fixed seed.
    """

    def __init__(
        self,
        latent_dim: int,
        shape: tuple[int, int, int],
        channels: tuple[int, ...] = (32, 64),
        width: int = 1,
        activation: str = "silu",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        generator = as_generator(generator, 0, WEIGHTS)
        self.shape, channels, sizes = _halvings(shape, channels)
        self.latent_dim = check_count(latent_dim, "latent_dim")
        self.width = check_count(width, "width")
        self.output_dim = math.prod(self.shape) * self.width
        self.config = {
            "latent_dim": self.latent_dim,
            "shape": list(self.shape),
            "channels": list(channels),
            "width": self.width,
            "activation": check_choice(activation, "activation", ACTIVATIONS),
        }
        outwards = (*reversed(channels), self.shape[0] * self.width)
        small = (outwards[0], *sizes[-1])
        first = _linear(self.latent_dim, math.prod(small), generator)
        self.hidden = nn.Sequential(first, nn.Unflatten(1, small))
        steps = zip(pairwise(outwards), pairwise(reversed(sizes)), strict=True)
        for (fan_in, fan_out), (inner, outer) in steps:
            self.hidden.append(ACTIVATIONS[activation]())
            odd = tuple(b - (2 * a - 1) for a, b in zip(inner, outer, strict=True))
            sizes_of_steps = {"stride": 2, "padding": 1, "output_padding": odd}
            layer = _initial(nn.ConvTranspose2d, generator, fan_in, fan_out, 3, **sizes_of_steps)
            self.hidden.append(layer)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Return the likelihood's parameters, (..., C * H * W * width), for codes (..., L)."""
        check_codes(z, self.latent_dim)
        check_like(z, self.hidden[0].weight, name="z")  # type: ignore[arg-type]  # a Linear's
        h = self.hidden(z.reshape(-1, self.latent_dim))  # (n, C * width, H, W)
        h = h.unflatten(1, (self.shape[0], self.width)).movedim(2, -1)  # (n, C, H, W, width)
        params: torch.Tensor = h.reshape(*z.shape[:-1], -1)  # (..., C * H * W * width)
        return params

    def begin(self, start: torch.Tensor) -> None:
        """Set the last biases to the means of `start` over a channel's pixels, if all are 0."""
        _check_start(start, self.output_dim)
        means = start.reshape(self.shape[0], -1, self.width).mean(1)  # (C, width)
        _set_if_zero(self.hidden[-1].get_parameter("bias"), means.flatten())


def _check_start(start: torch.Tensor, output_dim: int) -> None:
    if start.numel() != output_dim:
        raise ValueError(
            f"the output layer owes {start.numel()} numbers, and has {output_dim}; "
            "set center_output=False"
        )


def _set_if_zero(bias: nn.Parameter, values: torch.Tensor) -> None:
    """Set a bias that is zero, as a constructor leaves it; a trained one stays what it is."""
    if not bias.any() and bias.requires_grad:
        with torch.no_grad():
            bias.copy_(values)


def _halvings(
    shape: tuple[int, ...], channels: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...], list[tuple[int, ...]]]:
    """Return shape and channels, checked, and height and width around each convolution."""
    if not isinstance(shape, tuple | list) or len(shape) != 3:
        raise TypeError(f"shape must be (channels, height, width), got {brief(shape)}")
    shape = tuple(check_count(size, "every size in shape") for size in shape)
    if not isinstance(channels, tuple | list) or not channels:
        raise TypeError(f"channels must be a tuple of at least one int, got {brief(channels)}")
    channels = tuple(check_count(channel, "every number in channels") for channel in channels)
    sizes = [shape[1:]]
    for _ in channels:
        sizes.append(tuple((size + 1) // 2 for size in sizes[-1]))
    return shape, channels, sizes


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
    return _initial(nn.Linear, generator, fan_in, fan_out)


def _initial(kind: type[Layer], generator: torch.Generator, *sizes: int, **settings: Any) -> Layer:
    layer: Layer = nn.utils.skip_init(kind, *sizes, **settings, device=torch.get_default_device())
    weight, bias = layer.parameters()
    if not weight.is_meta:  # that of a layer which is made to see its shapes
        nn.init.xavier_uniform_(weight, generator=generator)
        nn.init.zeros_(bias)
    return layer
