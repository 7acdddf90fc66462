"""Keras on JAX, in Keras's own idiom: a layer that draws z and adds the KL, and `fit`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

import vaetut

os.environ["KERAS_BACKEND"] = "jax"  # Keras reads it once, when it is imported
import keras
from keras import layers, ops

RECIPE = vaetut.ARTICLE
NAME = "Keras on JAX"
PACKAGES = "keras", "jax"
SETTINGS = [{"steps_per_execution": 1}, {"steps_per_execution": 10}, {"steps_per_execution": 50}]


class Sampling(layers.Layer):
    """Draw z from q(z|x), and add KL(q(z|x) || N(0, I)) to the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, q: tuple[Any, Any]) -> Any:
        """Return z for `mu` and `log_var`."""
        mu, log_var = q  # (B, L) each
        kl = 0.5 * ops.sum(ops.square(mu) + ops.exp(log_var) - 1 - log_var, axis=-1)
        self.add_loss(ops.mean(kl))
        noise = keras.random.normal(ops.shape(mu), seed=self.seed_generator)
        return mu + ops.exp(0.5 * log_var) * noise


def cross_entropy(x: Any, logits: Any) -> Any:
    """Sum over pixels, where Keras's own loss takes the mean."""
    return ops.sum(ops.binary_crossentropy(x, logits, from_logits=True), axis=-1)


def hidden(x: Any, widths: tuple[int, ...]) -> Any:
    """Return the hidden layers behind `x`."""
    for width in widths:
        x = layers.Dense(width, RECIPE.activation)(x)
    return x


def build_model(steps_per_execution: int) -> keras.Model:
    """Return ARTICLE's network, compiled."""
    x = keras.Input((784,))
    h = hidden(x, RECIPE.hidden_dims)
    z = Sampling()((layers.Dense(20)(h), layers.Dense(20)(h)))
    model = keras.Model(x, layers.Dense(784)(hidden(z, RECIPE.hidden_dims[::-1])))
    adam = keras.optimizers.Adam(RECIPE.learning_rate, *RECIPE.betas, RECIPE.eps)
    options = {"jit_compile": True, "steps_per_execution": steps_per_execution}
    model.compile(adam, cross_entropy, **options)
    return model


def epoch(images: np.ndarray, steps_per_execution: int) -> Callable[[], float]:
    """Return an epoch of ARTICLE; `fit` shuffles."""
    model = build_model(steps_per_execution)

    def work() -> float:
        history = model.fit(images, images, RECIPE.batch_size, verbose=0)
        return history.history["loss"][0]

    return work
