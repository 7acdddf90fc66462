"""Plain JAX and optax: a whole epoch is compiled into one call, with the images on the device."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import numpy as np
import optax
from jax import numpy as jnp

import vaetut

RECIPE = vaetut.ARTICLE
NAME = "plain JAX"
PACKAGES = "jax", "optax"
SETTINGS = [{"unroll": 1}, {"unroll": 2}, {"unroll": 4}]  # steps in each turn of the loop

ADAM = optax.adam(RECIPE.learning_rate, *RECIPE.betas, RECIPE.eps)


def initial(key: jax.Array, *widths: int) -> list[tuple[jax.Array, jax.Array]]:
    """Return fresh weights and biases of the layers from each width to the next."""
    draw = jax.nn.initializers.glorot_uniform()
    keys = jax.random.split(key, len(widths) - 1)
    return [(draw(k, pair), jnp.zeros(pair[1])) for k, pair in zip(keys, pairwise(widths))]


def network(layers: list[tuple[jax.Array, jax.Array]], x: jax.Array) -> jax.Array:
    """Apply the layers, with softplus between them."""
    for weight, bias in layers[:-1]:
        x = jax.nn.softplus(x @ weight + bias)
    weight, bias = layers[-1]
    return x @ weight + bias


def cost(weights: tuple, x: jax.Array, key: jax.Array) -> jax.Array:
    """Return -ELBO, averaged over the batch."""
    encoder, decoder = weights
    mu, log_var = jnp.split(network(encoder, x), 2, axis=-1)  # (B, L) each
    z = mu + jnp.exp(0.5 * log_var) * jax.random.normal(key, mu.shape)
    logits = network(decoder, z)  # (B, D)
    distortion = optax.sigmoid_binary_cross_entropy(logits, x).sum(-1)
    kl = 0.5 * (mu**2 + jnp.exp(log_var) - 1 - log_var).sum(-1)
    return (distortion + kl).mean()


@partial(jax.jit, static_argnames="unroll", donate_argnames="state")
def train(state: tuple, images: jax.Array, unroll: int) -> tuple[tuple, jax.Array]:
    """Train for an epoch; return the new state and the mean cost."""

    def step(state: tuple, rows: jax.Array) -> tuple[tuple, jax.Array]:
        weights, moments, key = state
        key, noise = jax.random.split(key)
        value, gradient = jax.value_and_grad(cost)(weights, images[rows], noise)
        updates, moments = ADAM.update(gradient, moments)
        return (optax.apply_updates(weights, updates), moments, key), value

    weights, moments, key = state
    key, shuffle = jax.random.split(key)
    order = jax.random.permutation(shuffle, len(images)).reshape(-1, RECIPE.batch_size)
    state, values = jax.lax.scan(step, (weights, moments, key), order, unroll=unroll)
    return state, values.mean()


def epoch(images: np.ndarray, unroll: int) -> Callable[[], float]:
    """Return an epoch of ARTICLE."""
    x: Any = jax.device_put(images)
    first, second, key = jax.random.split(jax.random.key(0), 3)
    weights = (
        # The last two layers of ours, for μ and log σ², are one here, of the same weights' scale.
        initial(first, 784, *RECIPE.hidden_dims, 2 * 20),
        initial(second, 20, *RECIPE.hidden_dims[::-1], 784),
    )
    state = weights, ADAM.init(weights), key

    def work() -> float:
        nonlocal state
        state, value = train(state, x, unroll)
        return float(value)

    return work
