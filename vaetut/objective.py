"""What a VAE maximises: the ELBO (AEVB, eq. 10) and its importance-weighted relative.

Pure functions, one value per example, in nats. Burda et al. 2015 (arXiv:1509.00519), "IWAE", give
the second bound. What is called the rate elsewhere is `kl`, and the distortion -`log_likelihood`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch

from .checks import check_count
from .distributions import Normal
from .memory import draws_that_fit
from .model import VAE, unwrap_and_check
from .noise import as_generator, make_generator, standard_normal
from .priors import kl_per_dimension

# Without gradients, samples come in chunks of so many decoder outputs (rows x pixels): memory stays
# bounded, and a processor's cache is large enough. Noise is drawn for such a chunk at once, by a
# processor or by a device, so the numbers are part of the protocol. Where memory is short a chunk
# is computed in parts, of the same noise.
CHUNK_ELEMENTS = {"cpu": 800_000}
CHUNK_ON_DEVICE = 40_000_000


class Elbo(NamedTuple):
    """The ELBO and its two terms, each of shape (B,), in nats: elbo = log_likelihood - kl."""

    elbo: torch.Tensor
    log_likelihood: torch.Tensor
    kl: torch.Tensor


def kl_standard_normal(mu: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """Return KL(N(mu, diag sigma^2) || N(0, I)), shape (B,), in nats (AEVB, appendix B).

    Parameters
    ----------
    mu, log_var : Tensor, shape (B, L)

    Returns
    -------
    Tensor, shape (B,)

    Raises
    ------
    TypeError, ValueError
        If the two are not float tensors of one shape.
    """
    return kl_per_dimension(mu, log_var).sum(-1)


def elbo(
    model: VAE, x: torch.Tensor, num_samples: int = 1, generator: torch.Generator | None = None
) -> Elbo:
    """Estimate the ELBO of every example: E_q[log p(x|z)] - KL(q(z|x) || p(z)).

    The expectation is an average over `num_samples` draws of z. So is the KL, unless the prior has
    a formula for it, as N(0, I) does (AEVB, eq. 10).

    Parameters
    ----------
    model : VAE
    x : Tensor, shape (B, D)
        Images; in [0, 1] for the Bernoulli likelihood.
    num_samples : int
        K.
    generator : torch.Generator, optional
        Source of the noise; fresh entropy without one.

    Returns
    -------
    Elbo
        `elbo`, `log_likelihood`, `kl`, each of shape (B,), in nats.

    Raises
    ------
    TypeError, ValueError
        If `model`, `x` or `num_samples` is not as described.
    """
    model, x = unwrap_and_check(model, x)
    return elbo_at(model, x, noise_for(model, x, num_samples, generator))


def noise_for(
    model: VAE, x: torch.Tensor, num_samples: int, generator: torch.Generator | None
) -> torch.Tensor:
    """Draw the noise of K codes for each example, (K, B, L)."""
    num_samples = check_count(num_samples, "num_samples")
    return standard_normal((num_samples, len(x), model.latent_dim), x, generator)


def elbo_at(model: VAE, x: torch.Tensor, eps: torch.Tensor) -> Elbo:
    """Do what `elbo` does, with noise (K, B, L) and examples that were checked before."""
    q = model.encode(x)  # (B, L)
    z = q.at(eps)  # (K, B, L)
    log_likelihood = model.log_likelihood(x, z).mean(0)  # (K, B) -> (B,)
    kl = model.kl(q, z).sum(-1)
    return Elbo(log_likelihood - kl, log_likelihood, kl)


def importance_weighted_bound(
    model: VAE, x: torch.Tensor, num_samples: int = 5000, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Estimate log p(x) from below by importance sampling with q(z|x) (IWAE, eq. 8).

    log (1/K) sum_k w_k, with w_k = p(x|z_k) p(z_k) / q(z_k|x). Its expectation is the ELBO at
    K = 1 and grows with K towards log p(x).

    Parameters
    ----------
    model : VAE
    x : Tensor, shape (B, D)
        Images; in [0, 1] for the Bernoulli likelihood.
    num_samples : int
        K. Differentiable; where gradients are off it streams, in bounded memory.
    generator : torch.Generator, optional
        Source of the noise; fresh entropy without one.

    Returns
    -------
    Tensor, shape (B,)
        Nats.

    Raises
    ------
    TypeError, ValueError
        If `model`, `x` or `num_samples` is not as described.
    """
    model, x = unwrap_and_check(model, x)
    num_samples = check_count(num_samples, "num_samples")
    if torch.is_grad_enabled():
        return -iwae_loss(model, x, noise_for(model, x, num_samples, generator))[0]
    total = x.new_full((len(x),), -math.inf)
    for _, log_weights in stream_log_weights(model, x, model.encode(x), num_samples, generator):
        total = total.logaddexp(log_weights.logsumexp(0))
    return total - math.log(num_samples)


def iwae_loss(model: VAE, x: torch.Tensor, eps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return -bound (B,), to differentiate, and the importance-weighted bound (B,), detached.

    From noise `eps`, (K, B, L).
    """
    q = model.encode(x)  # (B, L)
    z = q.at(eps)  # (K, B, L)
    bound = _log_mean_exp(log_importance_weights(model, x, z, q)[1])
    return -bound, bound.detach()


def dreg_loss(model: VAE, x: torch.Tensor, eps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a loss (B,) to differentiate, and the importance-weighted bound (B,), detached.

    From noise `eps`, (K, B, L). For the decoder, the loss has the gradient of -bound; for the
    encoder the doubly reparameterized one ("DReG", Tucker et al. 2019), of the same expectation,
    and with less noise where q is near the posterior. Its value means nothing.
    """
    q = model.encode(x)  # (B, L)
    z = q.at(eps)  # (K, B, L)
    _, log_weights = log_importance_weights(model, x, z, q.detach())  # (K, B)
    weights = log_weights.detach().softmax(0)
    # Through z, each gradient is weighted twice: here, and in the loss.
    if z.requires_grad:  # it does not where the encoder is frozen
        z.register_hook(lambda gradient: gradient * weights[..., None])
    return -(weights * log_weights).sum(0), _log_mean_exp(log_weights.detach())


def _log_mean_exp(log_weights: torch.Tensor) -> torch.Tensor:
    """Return log (1/K) sum_k w_k, (B,), from log-weights (K, B)."""
    return log_weights.logsumexp(0) - math.log(len(log_weights))


def log_importance_weights(
    model: VAE, x: torch.Tensor, z: torch.Tensor, q: Normal
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return log p(x|z_k) and log w_k = log p(x|z_k) + log p(z_k) - log q(z_k|x), each (K, B)."""
    log_likelihood = model.log_likelihood(x, z)  # (K, B)
    return log_likelihood, log_likelihood - model.prior.log_ratio(q, z).sum(-1)


def _widest(model: VAE) -> int:
    """Return the most numbers that a layer, the decoder or the prior makes of one code."""
    layers = [len(weight) for weight in model.parameters() if weight.ndim]
    components = [weight.numel() for weight in model.prior.parameters()]
    return max(model.likelihood.owed(model.input_dim), *layers, *components)


LogWeights = Callable[..., tuple[torch.Tensor, torch.Tensor]]


def stream_log_weights(
    model: VAE,
    x: torch.Tensor,
    q: Normal,
    num_samples: int,
    generator: torch.Generator | None,
    log_weights: LogWeights = log_importance_weights,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield `log_weights` for K draws of q, chunk by chunk: (k, B), k bounded."""
    generator = make_generator(device=x.device) if generator is None else as_generator(generator)
    elements = CHUNK_ELEMENTS.get(generator.device.type, CHUNK_ON_DEVICE)
    chunk = max(1, elements // x.numel())
    at_once = draws_that_fit(x, _widest(model), chunk)
    for start in range(0, num_samples, chunk):
        eps = noise_for(model, x, min(chunk, num_samples - start), generator)  # (k, B, L)
        for part in torch.split(eps, at_once):
            yield log_weights(model, x, q.at(part), q)
