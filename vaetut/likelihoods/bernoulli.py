"""Coins: values that are 0 or 1, or a share between them."""

from __future__ import annotations

import math

from torch import Generator, Tensor
from torch.nn import functional as F

from ..checks import check_images, check_pixels
from ..functional import cross_entropy
from ..noise import uniform
from .base import LEAST, Likelihood


class Bernoulli(Likelihood):
    """One coin for every value: x in [0, 1], params are logits.

    log p = sum_d x_d a_d - log(1 + exp(a_d)), from logits a, so that nothing takes the log of a
    number near 0 (AEVB, eq. 11). For grey x it is the cross-entropy, not the log of a density
    (Loaiza-Ganem & Cunningham 2019).
    """

    takes_coins = True

    def check(self, x: Tensor, name: str = "x", remedy: str = "") -> Tensor:
        return check_images(x, name=name, remedy=remedy or "Scale the images")

    def log_prob_each(self, x: Tensor, params: Tensor) -> Tensor:
        return x * params - F.softplus(params)

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        return bernoulli_log_likelihood(x, params)  # the same, several times faster

    def mean(self, params: Tensor) -> Tensor:
        return params.sigmoid()

    def sample(self, params: Tensor, generator: Generator | None = None) -> Tensor:
        return (uniform(tuple(params.shape), params, generator) < params.sigmoid()).to(params)

    def start(self, x: Tensor) -> Tensor | None:
        return x.mean(0).clamp(LEAST, 1 - LEAST).logit()

    def cost_of_ignorance(self, x: Tensor) -> Tensor:
        """Return D log 2, that of logits of 0."""
        return x.new_tensor(x.shape[1] * math.log(2))

    def kind(self, x: Tensor) -> str:
        return "binary" if bool(((x == 0) | (x == 1)).all()) else "grey"


def bernoulli_log_likelihood(x: Tensor, logits: Tensor) -> Tensor:
    """Return log p(x|z) for independent Bernoulli pixels, in nats.

    log p = sum_d x_d a_d - log(1 + exp(a_d)), from logits a, so that nothing takes the log of a
    number near 0 (AEVB, eq. 11); its gradient in a_d is x_d - sigmoid(a_d). For grey x it is the
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
