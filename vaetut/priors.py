"""Priors p(z): what codes are like before an image is seen.

A prior of your own is a subclass of `Prior` with `log_prob` and `sample`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from .checks import (
    check_batch,
    check_codes,
    check_count,
    check_finite,
    check_posterior,
    check_shape,
    show_settings,
)
from .distributions import LOG_2PI, Normal
from .noise import WEIGHTS, as_generator, make_generator, standard_normal, uniform


class Prior(nn.Module):
    """What every prior does; `log_prob` and `sample` are each one's own.

    Parameters
    ----------
    latent_dim : int
        L, the dimensions of z.

    Attributes
    ----------
    exact : bool
        Whether `kl` is a formula, which needs no draws. Elsewhere it is a mean over draws.
    config : dict
        What a class of this package is called with, so that a file can make it again.
    like : Tensor
        A number of the model's dtype, on its device: what `sample` returns is like it.
    """

    exact = False
    like: torch.Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = check_count(latent_dim, "latent_dim")
        self.config: dict[str, Any] = {"latent_dim": self.latent_dim}
        self.register_buffer("like", torch.zeros(()), persistent=False)

    def belong_to(self, model: nn.Module) -> None:
        """Learn which model this is the prior of; most need not know."""

    def extra_repr(self) -> str:
        """Return the settings, for `repr`."""
        return show_settings(self.config)

    def log_prob(self, z: torch.Tensor) -> torch.Tensor:
        """Return log p(z) in nats, (...,), for codes (..., L)."""
        raise NotImplementedError(f"{type(self).__name__} has no log_prob")

    def sample(self, number: int, generator: torch.Generator | None = None) -> torch.Tensor:
        """Draw codes (n, L); without a generator, from fresh entropy."""
        raise NotImplementedError(f"{type(self).__name__} has no sample")

    def log_ratio(self, q: Normal, z: torch.Tensor) -> torch.Tensor:
        """Return log q(z|x) - log p(z) in nats, whose mean over draws from q is the KL.

        With `q.detach()`, q's gradient reaches the encoder through z alone. On average that is the
        whole one, and that of log p(x|z) - log_ratio has no noise where q is the posterior:
        "sticking the landing" (Roeder et al. 2017, arXiv:1703.09194). (The encoder of a VampPrior
        has a second gradient, by way of p(z), which keeps its noise.)

        Parameters
        ----------
        q : Normal, of shape (B, L)
        z : Tensor, shape (K, B, L)
            Draws from q.

        Returns
        -------
        Tensor, shape (K, B, 1), or (K, B, L) where a prior splits it by coordinate
        """
        log_prob = check_shape(self.log_prob(z), z.shape[:-1], name="the prior's log_prob")
        return (q.log_prob(z).sum(-1) - log_prob)[..., None]

    def kl(self, q: Normal, z: torch.Tensor | None = None) -> torch.Tensor:
        """Return KL(q(z|x) || p(z)) in nats, (B, L) or (B, 1): exact, or the mean over draws z."""
        if z is None:
            raise ValueError(
                f"the KL of {type(self).__name__} needs draws z; where `exact` is true, it brings "
                "a `kl` of its own"
            )
        return self.log_ratio(q, z).mean(0)


class StandardNormal(Prior):
    """N(0, I), the prior of Kingma & Welling 2013.

    Parameters
    ----------
    latent_dim : int
        L.
    """

    exact = True

    def log_prob(self, z: torch.Tensor) -> torch.Tensor:
        """Return log N(z; 0, I) in nats, (...,), for codes (..., L)."""
        check_codes(z, self.latent_dim)
        return -0.5 * (z.square() + LOG_2PI).sum(-1)

    def sample(self, number: int, generator: torch.Generator | None = None) -> torch.Tensor:
        """Draw codes (n, L)."""
        shape = (check_count(number, "number"), self.latent_dim)
        return standard_normal(shape, self.like, generator)

    def log_ratio(self, q: Normal, z: torch.Tensor) -> torch.Tensor:
        """Return log q(z|x) - log p(z) of every coordinate, (K, B, L), in nats."""
        # The normalising constants of the two normals cancel.
        return 0.5 * (z.square() - (z - q.mu).square() * (-q.log_var).exp() - q.log_var)

    def kl(self, q: Normal, z: torch.Tensor | None = None) -> torch.Tensor:
        """Return the KL of every coordinate, (B, L), in nats (AEVB, appendix B)."""
        return kl_per_dimension(*q)


class Components(Prior):
    """A mixture of normals with diagonal covariances; subclasses say of which."""

    def parts(self) -> tuple[Normal, torch.Tensor]:
        """Return the components, each (C, L), and the logs of their weights, (C,)."""
        raise NotImplementedError

    def log_prob(self, z: torch.Tensor) -> torch.Tensor:
        """Return log sum_c w_c N(z; mu_c, sigma_c^2) in nats, (...,), for codes (..., L)."""
        check_codes(z, self.latent_dim)
        parts, log_weights = self.parts()
        by_part = parts.log_prob(z[..., None, :]).sum(-1)  # (..., C)
        return (by_part + log_weights).logsumexp(-1)

    def sample(self, number: int, generator: torch.Generator | None = None) -> torch.Tensor:
        """Draw codes (n, L): first a component, then a code from it."""
        number, generator = check_count(number, "number"), as_generator(generator)
        parts, log_weights = self.parts()
        ends = log_weights.exp().cumsum(0)  # (C,), the last is 1 but for rounding
        place = uniform((number,), ends, generator) * ends[-1]
        chosen = torch.searchsorted(ends, place, right=True).clamp(max=len(ends) - 1)
        return Normal(parts.mu[chosen], parts.log_var[chosen]).sample(generator=generator)


class Mixture(Components):
    """A mixture that is learned with the model.

    Parameters
    ----------
    latent_dim, components : int
        L and C.
    generator : torch.Generator, optional
        Source of the first means, from N(0, I); without one, a fixed seed.
    """

    def __init__(
        self, latent_dim: int, components: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__(latent_dim)
        components = check_count(components, "components")
        self.config["components"] = components
        self.logits = nn.Parameter(torch.zeros(components))
        self.mu = nn.Parameter(torch.zeros(components, self.latent_dim))
        self.log_var = nn.Parameter(torch.zeros(components, self.latent_dim))
        if not self.mu.is_meta:  # that of a prior which is made to see its shapes
            nn.init.normal_(self.mu, generator=as_generator(generator, 0, WEIGHTS))

    def parts(self) -> tuple[Normal, torch.Tensor]:
        """Return the components, each (C, L), and the logs of their weights, (C,)."""
        return Normal(self.mu, self.log_var), self.logits.log_softmax(0)

    @classmethod
    def fit(cls, z: torch.Tensor, components: int, seed: int = 0) -> Mixture:
        """Fit a mixture to codes, by scikit-learn's EM: a better prior for a model that is trained.

        Parameters
        ----------
        z : Tensor, shape (N, L)
            Draws from q(z|x), one for each of many images.
        components : int
            C, no more than N.
        seed : int
            Of the first guess.

        Returns
        -------
        Mixture
            It does not learn; `requires_grad_()` lets it.

        Raises
        ------
        TypeError, ValueError
            If `z` is not as described, or has fewer codes than components.
        """
        from sklearn.mixture import GaussianMixture  # slow to import, and rarely needed

        check_batch(z, name="z")
        check_finite(z, name="z")
        components = check_count(components, "components")
        if len(z) < components:
            raise ValueError(f"{components} components need at least {components} codes")
        prior = cls(z.shape[1], components).to(z)
        fitted = GaussianMixture(
            prior.config["components"], covariance_type="diag", random_state=seed
        )
        fitted.fit(z.double().numpy(force=True))
        values = np.log(fitted.weights_), fitted.means_, np.log(fitted.covariances_)
        with torch.no_grad():
            for weight, value in zip((prior.logits, prior.mu, prior.log_var), values, strict=True):
                weight.copy_(torch.from_numpy(value))
        return prior.requires_grad_(False)


class VampPrior(Components):
    """The mean of q(z|u) over learned pseudo-inputs u (Tomczak & Welling 2018, arXiv:1705.07120).

    Parameters
    ----------
    latent_dim : int
        L.
    inputs : Tensor, shape (C, E), or that shape
        Where the pseudo-inputs begin, as the encoder sees them: `likelihood.as_input` of some rows
        of the training set, which for pixels and real values are the rows themselves. Of a shape
        alone, draws from [0, 1), with a fixed seed.
    """

    def __init__(self, latent_dim: int, inputs: torch.Tensor | tuple[int, ...] | list[int]) -> None:
        super().__init__(latent_dim)
        if isinstance(inputs, tuple | list):
            shape = [check_count(size, "every size of inputs") for size in inputs]
            inputs = torch.empty(shape)
            if not inputs.is_meta:  # that of a prior which is made to see its shapes
                inputs.uniform_(generator=make_generator(0, WEIGHTS))
        check_batch(inputs, name="inputs")
        if not inputs.is_meta:
            check_finite(inputs, name="inputs")
        self._model: tuple[Any, ...] = ()  # in a tuple, where PyTorch looks for no parts
        self.config["inputs"] = list(inputs.shape)
        self.inputs = nn.Parameter(inputs.detach().clone())

    def belong_to(self, model: Any) -> None:  # a VAE, which cannot be named on this floor
        """Take the model's encoder, which stays the model's: it is no part of this module."""
        seen = model.likelihood.seen(model.input_dim)
        if seen != self.inputs.shape[1]:
            raise ValueError(
                f"pseudo-inputs have {self.inputs.shape[1]} numbers, and the encoder sees {seen}; "
                "use likelihood.as_input(rows)"
            )
        if self._model and self._model[0] is not model:
            raise ValueError("this VampPrior has another model's encoder; make one for each model")
        self._model = (model,)

    def parts(self) -> tuple[Normal, torch.Tensor]:
        """Return q(z|u) of the pseudo-inputs, each (C, L), and the logs of their weights, (C,)."""
        if not self._model:
            raise ValueError("a VampPrior needs a model's encoder: pass it to VAE(…, prior=…)")
        q: Normal = self._model[0].posterior(self.inputs)
        return q, q.mu.new_full((len(q.mu),), -math.log(len(q.mu)))


def kl_per_dimension(mu: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """Return KL(N(mu, sigma^2) || N(0, 1)) of every coordinate, in nats (AEVB, appendix B).

    Parameters
    ----------
    mu, log_var : Tensor, shape (B, L)

    Returns
    -------
    Tensor, shape (B, L)

    Raises
    ------
    TypeError, ValueError
        If the two are not float tensors of one shape.
    """
    check_posterior(mu, log_var)
    return 0.5 * (mu.square() + log_var.exp() - 1 - log_var)
