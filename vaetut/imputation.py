"""What a model says of values that are missing, by importance sampling.

Self-normalised, with q(z|x_observed) as proposal: Mattei & Frellsen 2019 (MIWAE, arXiv:1812.02633,
section 4).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .checks import check_batch, check_count
from .likelihoods import Likelihood
from .model import VAE, evaluating, unwrap, unwrap_and_check
from .noise import as_generator
from .objective import log_importance_weights

ROWS = 50_000  # of codes that are decoded at a time, so that memory stays bounded


class Imputation(NamedTuple):
    """What `impute` found; each (N, D) but for the last two.

    Attributes
    ----------
    filled : Tensor
        `x`; at its gaps the mean of the missing value given what is observed, or its most probable
        class.
    std : Tensor
        At the gaps, the standard deviation of the missing value; of a class, the probability that
        it is another. Zero elsewhere.
    error : Tensor
        The Monte Carlo standard error of what stands in `filled`, by the delta method; of a class,
        that of its probability. Zero elsewhere.
    draws : Tensor, shape (M, N, D)
        `x` with random draws of the missing values, given what is observed.
    effective : Tensor, shape (N,)
        The effective number of importance samples; where it is near 1, trust none of the others.
    """

    filled: Tensor
    std: Tensor
    error: Tensor
    draws: Tensor
    effective: Tensor


@torch.no_grad()
def impute(
    model: VAE,
    x: Tensor,
    num_samples: int = 1000,
    num_draws: int = 0,
    generator: torch.Generator | None = None,
) -> Imputation:
    """Fill the gaps of `x` by p(x_missing | x_observed), the average of p(x_missing | z).

    Codes z_k come from q(z|x_observed), and have the weights p(x_observed|z_k) p(z_k) / q(z_k).

    Parameters
    ----------
    model : VAE
        With `Observed` as its likelihood.
    x : Tensor, shape (N, D)
        With a NaN for each gap.
    num_samples : int
        K, codes for each row. With 1, the encoder alone decides.
    num_draws : int
        M, how many tables to draw.
    generator : torch.Generator, optional
        Source of the noise; fresh entropy without one.

    Returns
    -------
    Imputation

    Raises
    ------
    TypeError, ValueError
        If `x` does not fit the model, a number is not as described, or a row is so strange that no
        code has a finite weight for it.
    """
    model = unwrap(model)
    check_batch(x)
    if not (model.likelihood.takes_gaps and x.isnan().all()):  # gaps alone have an answer, too
        model, x = unwrap_and_check(model, x)
    num_samples = check_count(num_samples, "num_samples")
    num_draws = check_count(num_draws, "num_draws", minimum=0)
    generator = as_generator(generator)
    blocks = torch.split(x, max(1, ROWS // max(num_samples, num_draws)))
    with evaluating(model):
        parts = [_impute_block(model, b, num_samples, num_draws, generator) for b in blocks]
    filled, std, error, draws, effective = zip(*parts, strict=True)
    return Imputation(
        torch.cat(filled),
        torch.cat(std),
        torch.cat(error),
        torch.cat(draws, 1),
        torch.cat(effective),
    )


def _impute_block(
    model: VAE, x: Tensor, num_samples: int, num_draws: int, generator: torch.Generator
) -> Imputation:
    q, likelihood = model.encode(x), model.likelihood
    z = q.sample(num_samples, generator)  # (K, B, L)
    log_weights = log_importance_weights(model, x, z, q)[1]  # (K, B)
    gaps = x.isnan()
    strange = (log_weights.isnan().any(0) | ~log_weights.isfinite().any(0)) & gaps.any(1)
    if strange.any():
        known = [round(value, 4) for value in x[strange][0][~gaps[strange][0]].tolist()]
        raise ValueError(
            f"a row is too far from all that the model knows: no code explains its values {known}, "
            "as the model sees them. Leave the row out, or what is wrong in it"
        )
    weights, params = log_weights.softmax(0), model.decode(z)
    guess, each = best_guess(likelihood, params, weights)  # (B, D), (K, B, D)
    w = weights[..., None]
    mean = (w * each).sum(0)  # of a class, its probability
    error = (w * (each - mean)).square().sum(0).sqrt()
    spread = (w * (likelihood.sample(params, generator) - guess).square()).sum(0).sqrt()
    classes = torch.tensor(likelihood.classes(model.input_dim), device=x.device)
    std = torch.where(classes > 0, 1 - mean, spread)
    draws = x.new_zeros(0, *x.shape)
    if num_draws:
        places = weights.T.to(generator.device).multinomial(num_draws, True, generator=generator)
        places = places.T.to(z.device)[..., None].expand(-1, -1, z.shape[-1])  # (M, B, L)
        draws = likelihood.sample(model.decode(z.gather(0, places)), generator)
    return Imputation(
        torch.where(gaps, guess, x),
        torch.where(gaps, std, 0),
        torch.where(gaps, error, 0),
        torch.where(gaps, draws, x),
        1 / weights.square().sum(0),
    )


def best_guess(likelihood: Likelihood, params: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the best single values, and what was averaged for them.

    Parameters
    ----------
    likelihood : Likelihood
    params : Tensor
        Of K codes for each row.
    weights : Tensor, shape (K, B)
        Of the codes; they sum to 1 over K.

    Returns
    -------
    guess : Tensor, shape (B, D)
        The mean over the codes; of a class, the most probable one.
    each : Tensor, shape (K, B, D)
        What each code says: its mean; of a class, the probability of the one that was guessed.
    """
    each, w = likelihood.mean(params), weights[..., None]  # (K, B, D), (K, B, 1)
    guess = (w * each).sum(0)
    classes = torch.tensor(likelihood.classes(each.shape[-1]), device=each.device)  # (D,)
    best = torch.full_like(guess, -1)
    for place in range(int(classes.max())):
        x = torch.full_like(guess, place).where(place < classes, 0)
        chance = likelihood.log_prob_each(x, params).exp()  # (K, B, D)
        total = (w * chance).sum(0)
        better = (place < classes) & (total > best)
        best = torch.where(better, total, best)
        guess = torch.where(better, x, guess)
        each = torch.where(better, chance, each)
    return guess, each
