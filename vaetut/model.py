"""The variational autoencoder of Kingma & Welling 2013 (arXiv:1312.6114), "AEVB".

An encoder gives q(z|x) = N(mu, diag sigma^2), a decoder the parameters of the likelihood p(x|z);
the prior p(z) is N(0, I), or another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from typing import Any

import torch
from torch import nn

from .checks import (
    brief,
    check_batch,
    check_codes,
    check_count,
    check_dtype,
    check_float_tensor,
    check_posterior,
    check_shape,
    check_widths,
)
from .deprecated import OldModel
from .distributions import Normal
from .likelihoods import Likelihood, make_likelihood
from .networks import Decoder, Encoder
from .noise import WEIGHTS, as_generator
from .priors import Prior, StandardNormal

_NO_VAE = {
    torch.Tensor | PathLike: "; the model comes first",
    str: "; load_pretrained and load_model read one",
    type: "; call the class to make one",
}


class VAE(OldModel, nn.Module):
    """A variational autoencoder; the defaults are the article's network.

    Parameters
    ----------
    input_dim : int, optional
        Values per example, D: pixels, or columns. Without it, the `input_dim` of a given encoder,
        which is right where the encoder sees x as it is; else 784.
    latent_dim : int, optional
        Dimensions of z, L. Without it, that of a given prior or encoder; else 20.
    hidden_dims : tuple of int
        Widths of the encoder's hidden layers; the decoder has them in reverse order.
    activation : str
        A key of `ACTIVATIONS`.
    likelihood : Likelihood, "bernoulli" or "gaussian"
        p(x|z): one of `vaetut.likelihoods`, or of your own.
    variance : float or "learned"
        Of the "gaussian"; see `Gaussian`.
    generator : torch.Generator, optional
        Source of the initial weights (Xavier-uniform, Glorot & Bengio 2010; biases are zero);
        without one, a fixed seed. The global generator is not touched.
    encoder, decoder : Module, optional
        In place of the networks described above: from what the likelihood shows of x, (B, D) for
        most, to the pair `mu` and `log_var`, each (B, L); from z (..., L), with any number of axes
        before the last, to the numbers that the likelihood takes, (..., D) for most.
    prior : Prior, optional
        p(z): one of `vaetut.priors`, or of your own; N(0, I) without.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive int, a name is unknown, the variance is not positive, or parts
        don't go together.
    """

    def __init__(
        self,
        input_dim: int | None = None,
        latent_dim: int | None = None,
        hidden_dims: tuple[int, ...] = (500, 500),
        activation: str = "softplus",
        likelihood: str | Likelihood = "bernoulli",
        variance: float | str = 1.0,
        generator: torch.Generator | None = None,
        *,
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
        prior: Prior | None = None,
    ) -> None:
        super().__init__()
        _check_part(encoder, "encoder", nn.Module)
        _check_part(decoder, "decoder", nn.Module)
        _check_part(prior, "prior", Prior)
        if input_dim is None:
            input_dim = getattr(encoder, "input_dim", 784)
        self.input_dim = check_count(input_dim, "input_dim")
        if prior is None:
            sized = getattr(encoder, "latent_dim", 20)
            prior = StandardNormal(sized if latent_dim is None else latent_dim)
        elif latent_dim not in (None, prior.latent_dim):
            raise ValueError(f"latent_dim is {latent_dim}, and the prior's is {prior.latent_dim}")
        likelihood = make_likelihood(likelihood, variance)
        generator = as_generator(generator, 0, WEIGHTS)
        if encoder is None:
            seen = likelihood.seen(self.input_dim)
            encoder = Encoder(seen, prior.latent_dim, hidden_dims, activation, generator)
        if decoder is None:
            owed, widths = likelihood.owed(self.input_dim), check_widths(hidden_dims)[::-1]
            decoder = Decoder(prior.latent_dim, owed, widths, activation, generator)
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood
        self.prior = prior
        self._check_sizes()

    def __setattr__(self, name: str, value: Any) -> None:
        """Let a prior know its model, also one that is changed afterwards."""
        if name == "prior" and isinstance(value, Prior):
            if "prior" in self._modules and value.latent_dim != self.latent_dim:
                raise ValueError(
                    f"the prior must have latent_dim {self.latent_dim}, got {value.latent_dim}"
                )
            value.belong_to(self)
        super().__setattr__(name, value)

    def _check_sizes(self) -> None:
        """Raise a ValueError where the parts say sizes that do not go together."""
        values, codes = self.input_dim, self.latent_dim
        wanted = {
            ("encoder", "input_dim"): self.likelihood.seen(values),
            ("encoder", "latent_dim"): codes,
            ("decoder", "latent_dim"): codes,
            ("decoder", "output_dim"): self.likelihood.owed(values),
        }
        for (part, name), size in wanted.items():
            found = getattr(getattr(self, part), name, size)  # a network of one's own need not say
            if found != size:
                kind = type(self.likelihood).__name__
                raise ValueError(
                    f"the {part}'s {name} must be {size} for {values} values in x under "
                    f"{kind} and {codes} in z, got {found}"
                )

    @property
    def latent_dim(self) -> int:
        """L, the prior's."""
        return self.prior.latent_dim

    def encode(self, x: torch.Tensor) -> Normal:
        """Return q(z|x), `mu` and `log_var` of shape (B, L), for images `x` (B, D)."""
        check_batch(x, self.input_dim)
        seen = len(x), self.likelihood.seen(self.input_dim)
        shown = self.likelihood.as_input(x)
        return self.posterior(
            check_shape(shown, seen, name="what as_input returns, as `seen` says,")
        )

    def posterior(self, shown: torch.Tensor) -> Normal:
        """Return q(z|x) for what the likelihood shows of x, (B, E), as `encode` does for x."""
        answer = self.encoder(shown)
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise TypeError(f"the encoder must return a pair, mu and log_var; got {brief(answer)}")
        mu, log_var = answer
        check_posterior(mu, log_var)
        check_shape(mu, (len(shown), self.latent_dim), name="the encoder's mu")
        dtype = shown.dtype
        return Normal(mu.to(dtype), log_var.to(dtype))  # autocast ends: sums need all digits

    def kl(self, q: Normal, z: torch.Tensor | None = None) -> torch.Tensor:
        """Return KL(q(z|x) || p(z)) in nats, (B, L) or (B, 1), as the prior does."""
        kl = self.prior.kl(q, z)
        if kl.shape not in (q.mu.shape, (len(q.mu), 1)):
            raise ValueError(
                f"the prior's kl must have shape {tuple(q.mu.shape)} or {(len(q.mu), 1)}, "
                f"got {tuple(kl.shape)}"
            )
        return kl

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Return `params`, the parameters of p(x|z), for codes `z` (..., L).

        Of shape (..., D), logits for the Bernoulli likelihood and means for the Gaussian; of shape
        (..., D, width) where a likelihood takes several for each value; flat for `Mixed`.
        """
        check_codes(z, self.latent_dim)
        owed = (*z.shape[:-1], self.likelihood.owed(self.input_dim))
        numbers = check_shape(self.decoder(z), owed, name="what the decoder returns")
        return self.likelihood.arrange(numbers.to(z.dtype))

    def decode_mean(self, z: torch.Tensor) -> torch.Tensor:
        """Return the mean of p(x|z), (..., D), for codes `z` (..., L): a picture to look at."""
        shape = (*z.shape[:-1], self.input_dim)
        return check_shape(
            self.likelihood.mean(self.decode(z)), shape, name="the likelihood's mean"
        )

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
        check_codes(z, self.latent_dim)
        if z.ndim < 2 or z.shape[-2] != len(x):
            raise ValueError(
                f"z must have shape (..., {len(x)}, {self.latent_dim}), a code for every image; "
                f"got {tuple(z.shape)}"
            )
        log_prob = self.likelihood.log_prob(x, self.decode(z))
        # One number for every example: with a sum over the batch, too, one could train.
        name = "the likelihood's log_prob, a sum over the values that log_prob_each returns,"
        return check_shape(log_prob, z.shape[:-1], name=name)

    @torch.no_grad()
    def generate(
        self, number: int, generator: torch.Generator | None = None, sample: bool = False
    ) -> torch.Tensor:
        """Draw codes from the prior, and decode them.

        Parameters
        ----------
        number : int
            n.
        generator : torch.Generator, optional
            Source of the draws; fresh entropy without one.
        sample : bool
            Draw x from p(x|z), as the data are; without, return its mean.

        Returns
        -------
        Tensor, shape (n, D)
        """
        generator = as_generator(generator)
        z = self.prior.sample(number, generator)
        return self.likelihood.sample(self.decode(z), generator) if sample else self.decode_mean(z)

    def forward(
        self, x: torch.Tensor, generator: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Encode, sample once, decode: `params` as of `decode`, `mu` and `log_var` (B, L)."""
        q = self.encode(x)
        return self.decode(q.sample(generator=generator)), *q


def _check_part(part: object, name: str, kind: type) -> None:
    if part is not None and not isinstance(part, kind):
        call = "; call the class to make one" if isinstance(part, type) else ""
        raise TypeError(f"{name} must be a {kind.__name__}, got {brief(part)}{call}")


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Let dropout and batch normalisation rest while a model is measured."""
    learning = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in learning:
            module.training = True


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
        return unwrap(model.get_submodule("_orig_mod"))
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
    if torch.compiler.is_compiling() and isinstance(model, VAE):  # a graph has no place for more
        check_batch(x, model.input_dim, name=name)
        return model, model.likelihood.check(x, name)
    vae = unwrap(model)
    if torch.is_grad_enabled() and next(vae.parameters()).is_inference():
        raise ValueError(
            "the model was made under torch.inference_mode(), so it has no gradients; make it or "
            "load it outside, or use torch.no_grad()"
        )
    check_batch(x, vae.input_dim, name=name)
    x = vae.likelihood.check(x, name)
    check_float_tensor(x, name="what the likelihood's check returns")
    check_dtype(x, next(vae.parameters()).dtype, name=name)
    return vae, x.clone() if x.is_inference() else x  # a copy may take part in gradients
