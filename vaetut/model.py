"""The variational autoencoder of Kingma & Welling 2013 (arXiv:1312.6114), "AEVB".

An encoder gives q(z|x) = N(mu, diag sigma^2), a decoder gives p(x|z), the prior is N(0, I).
"""

from __future__ import annotations

import math
from itertools import pairwise
from os import PathLike

import torch
from torch import nn

from .checks import (
    check_batch,
    check_broadcast,
    check_choice,
    check_codes,
    check_count,
    check_dtype,
    check_images,
    check_like,
    check_number,
    check_pixels,
    check_posterior,
    check_widths,
)
from .functional import Softplus, Tanh, cross_entropy
from .noise import WEIGHTS, or_else, standard_normal

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
LIKELIHOODS = ("bernoulli", "gaussian")
MIN_LOG_VAR_X = -10.0  # a learned variance stops here: a perfect fit would send it to -infinity
_NO_VAE = {
    torch.Tensor | PathLike: "; the model comes first",
    str: "; load_pretrained and load_model read one",
    type: "; call the class to make one",
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
        self.input_dim = input_dim
        self.hidden = _hidden_layers((input_dim, *hidden_dims), activation, generator)
        width = (input_dim, *hidden_dims)[-1]
        self.mu = _linear(width, latent_dim, generator)
        self.log_var = _linear(width, latent_dim, generator)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return `mu` and `log_var`, each (B, L), for images (B, D)."""
        check_batch(x, self.input_dim)
        check_like(x, self.mu.weight)
        h = self.hidden(x)  # (B, D) -> (B, H)
        return self.mu(h), self.log_var(h)


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
        self.latent_dim = latent_dim
        self.hidden = _hidden_layers((latent_dim, *hidden_dims), activation, generator)
        self.out = _linear((latent_dim, *hidden_dims)[-1], output_dim, generator)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Return Bernoulli logits, or Gaussian means, (..., D) for codes (..., L)."""
        check_codes(z, self.latent_dim)
        check_like(z, self.out.weight, name="z")
        return self.out(self.hidden(z))


class VAE(nn.Module):
    """A variational autoencoder; the defaults are the article's network.

    Parameters
    ----------
    input_dim : int
        Pixels per image, D.
    latent_dim : int
        Dimensions of z, L.
    hidden_dims : tuple of int
        Widths of the encoder's hidden layers; the decoder has them in reverse order.
    activation : str
        A key of `ACTIVATIONS`.
    likelihood : {"bernoulli", "gaussian"}
        p(x|z): one Bernoulli per pixel, or N(mean, variance I).
    variance : float or "learned"
        The Gaussian's variance; "learned" makes it one scalar parameter, `log_var_x`,
        which acts no lower than `MIN_LOG_VAR_X`. The Bernoulli has none.
    generator : torch.Generator, optional
        Source of the initial weights (Xavier-uniform, Glorot & Bengio 2010; biases are zero);
        without one, a fixed seed. The global generator is not touched.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive int, a name is unknown, or the variance is not positive.
    """

    def __init__(
        self,
        input_dim: int = 784,
        latent_dim: int = 20,
        hidden_dims: tuple[int, ...] = (500, 500),
        activation: str = "softplus",
        likelihood: str = "bernoulli",
        variance: float | str = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        input_dim = check_count(input_dim, "input_dim")
        latent_dim = check_count(latent_dim, "latent_dim")
        hidden_dims = check_widths(hidden_dims)
        activation = check_choice(activation, "activation", ACTIVATIONS)
        likelihood = check_choice(likelihood, "likelihood", LIKELIHOODS)
        variance = _check_variance(variance)
        self.config = {
            "input_dim": input_dim,
            "latent_dim": latent_dim,
            "hidden_dims": list(hidden_dims),
            "activation": activation,
            "likelihood": likelihood,
            "variance": variance,
        }
        self.input_dim, self.latent_dim, self.likelihood = input_dim, latent_dim, likelihood
        generator = or_else(generator, 0, WEIGHTS)
        self.encoder = Encoder(input_dim, latent_dim, hidden_dims, activation, generator)
        self.decoder = Decoder(latent_dim, input_dim, hidden_dims[::-1], activation, generator)
        if likelihood == "gaussian" and variance == "learned":
            self.log_var_x = nn.Parameter(torch.zeros(()))
        elif likelihood == "gaussian":
            self.register_buffer("log_var_x", torch.tensor(math.log(variance)), persistent=False)

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return `mu` and `log_var` of q(z|x), each (B, L), for images `x` (B, D)."""
        mu, log_var = self.encoder(x)
        return mu.to(x.dtype), log_var.to(x.dtype)  # autocast ends here: sums need all digits

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Return the parameters of p(x|z), (..., D), for codes `z` (..., L).

        They are logits for the Bernoulli likelihood and means for the Gaussian.
        """
        return self.decoder(z).to(z.dtype)

    def decode_mean(self, z: torch.Tensor) -> torch.Tensor:
        """Return the mean of p(x|z), (..., D), for codes `z` (..., L): a picture to look at."""
        params = self.decode(z)
        return params.sigmoid() if self.likelihood == "bernoulli" else params

    def log_likelihood(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return log p(x|z) in nats, summed over pixels.

        Parameters
        ----------
        x : Tensor, shape (B, D)
        z : Tensor, shape (..., B, L)

        Returns
        -------
        Tensor, shape (..., B)
        """
        check_batch(x, self.input_dim)
        params = self.decode(z)  # (..., B, D)
        if params.shape[-2:] != x.shape:
            raise ValueError(
                f"z must have shape (..., {len(x)}, {self.latent_dim}), a code for every image; "
                f"got {tuple(z.shape)}"
            )
        if self.likelihood == "bernoulli":
            return bernoulli_log_likelihood(x, params)
        learned = isinstance(self.log_var_x, nn.Parameter)
        log_var_x = self.log_var_x.clamp(min=MIN_LOG_VAR_X) if learned else self.log_var_x
        return gaussian_log_likelihood(x, params, log_var_x)

    def forward(
        self, x: torch.Tensor, generator: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Encode, sample once, decode: `params` (B, D), `mu` and `log_var` (B, L)."""
        mu, log_var = self.encode(x)
        z = reparameterize(mu, log_var, generator=generator)
        return self.decode(z), mu, log_var


def unwrap(model: nn.Module) -> VAE:
    """Return the VAE inside what torch.compile, DataParallel or DistributedDataParallel returned.

    They share its weights, so what is done to the one is done to the other.

    Raises
    ------
    TypeError
        If there is no VAE.
    ValueError
        If weights are on PyTorch's meta device, which holds none, or have several dtypes.
    """
    if hasattr(model, "_orig_mod"):  # torch.compile's
        return unwrap(model._orig_mod)
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return unwrap(model.module)
    if not isinstance(model, VAE):
        hints = [hint for kind, hint in _NO_VAE.items() if isinstance(model, kind)]
        hints += ["; an estimator has one in model_"] * hasattr(model, "model_")
        raise TypeError(f"model must be a VAE, got {type(model).__name__}{''.join(hints)}")
    weights = list(model.parameters())
    if any(weight.is_meta for weight in (*weights, *model.buffers())):
        raise ValueError("the model has no weights: they are on the meta device; load them first")
    if len({weight.dtype for weight in weights}) != 1:
        kinds = sorted({str(weight.dtype) for weight in weights}) or ["none that PyTorch can train"]
        raise ValueError(
            f"the model's weights must have one dtype, got {', '.join(kinds)}; "
            "use model.float(), or a model that is not quantized"
        )
    return model


def unwrap_and_check(
    model: nn.Module, x: torch.Tensor, *, name: str = "x"
) -> tuple[VAE, torch.Tensor]:
    """Return the VAE itself, and its images without rounding; raise unless the two go together."""
    vae = unwrap(model)
    if torch.is_grad_enabled() and next(vae.parameters()).is_inference():
        raise ValueError(
            "the model was made under torch.inference_mode(), so it has no gradients; make it or "
            "load it outside, or use torch.no_grad()"
        )
    x = check_images(x, vae.input_dim, unit_interval=vae.likelihood == "bernoulli", name=name)
    check_dtype(x, next(vae.parameters()).dtype, name=name)
    return vae, x.clone() if x.is_inference() else x  # a copy may take part in gradients


def reparameterize(
    mu: torch.Tensor,
    log_var: torch.Tensor,
    num_samples: int | None = None,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Sample z = mu + sigma * eps with eps ~ N(0, I), differentiably (AEVB, §2.4).

    Parameters
    ----------
    mu, log_var : Tensor, shape (B, L)
        Mean and log-variance of q(z|x).
    num_samples : int, optional
        K, how many samples to draw for each row.
    generator : torch.Generator, optional
        Source of eps; fresh entropy without one.

    Returns
    -------
    Tensor, shape (B, L), or (K, B, L) where `num_samples` is given

    Raises
    ------
    TypeError, ValueError
        If the two are not float tensors of one shape, or `num_samples` is not positive.
    """
    check_posterior(mu, log_var)
    shape = tuple(mu.shape)
    if num_samples is not None:
        num_samples = check_count(num_samples, "num_samples")
        shape = (num_samples, *shape)  # (K, B, L)
    eps = standard_normal(shape, mu, generator)
    return mu + (0.5 * log_var).exp() * eps


def bernoulli_log_likelihood(x: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Return log p(x|z) for independent Bernoulli pixels, in nats.

    log p = sum_d x_d a_d - log(1 + exp(a_d)), from logits a, so that nothing takes the log of a
    sigmoid (AEVB, eq. 11); its gradient in a_d is x_d - sigmoid(a_d). For grey x it is the
    cross-entropy, not the log of a density (Loaiza-Ganem & Cunningham 2019).

    Parameters
    ----------
    x : Tensor, shape (B, D)
    logits : Tensor, shape (..., B, D)

    Returns
    -------
    Tensor, shape (..., B)

    Raises
    ------
    TypeError, ValueError
        If the two are not float tensors, or their shapes don't fit. Values are not looked at.
    """
    check_pixels(x, logits, name="logits")
    return -cross_entropy(x, logits)


def gaussian_log_likelihood(
    x: torch.Tensor, mean: torch.Tensor, log_var: torch.Tensor
) -> torch.Tensor:
    """Return log N(x; mean, exp(log_var) I) in nats, summed over pixels.

    Parameters
    ----------
    x : Tensor, shape (B, D)
    mean : Tensor, shape (..., B, D)
    log_var : Tensor
        Log-variance, a scalar or broadcastable to `mean`.

    Returns
    -------
    Tensor, shape (..., B)

    Raises
    ------
    TypeError, ValueError
        If one is not a float tensor, or the shapes don't fit.
    """
    check_pixels(x, mean, name="mean")
    check_broadcast(log_var, mean, name="log_var")
    squared = (x - mean).square() * (-log_var).exp()
    return -0.5 * (squared + log_var + math.log(2 * math.pi)).sum(-1)


def _check_variance(variance: float | str) -> float | str:
    if not isinstance(variance, str):
        return check_number(variance, "variance")
    if variance != "learned":
        raise ValueError(f"variance must be 'learned' or a positive number, got {variance!r}")
    return variance


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
    layer = nn.utils.skip_init(nn.Linear, fan_in, fan_out)
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer
