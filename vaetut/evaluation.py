"""How good is a model: ELBO, likelihood by importance sampling, active units, aggregate posterior.

Burda et al. 2015 (arXiv:1509.00519) give the estimator and the count of active units, Hoffman &
Johnson 2016 ("ELBO surgery") the split of the rate.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import NamedTuple

import torch
from tqdm import tqdm

from .checks import (
    NO_FLOAT64,
    check_batch,
    check_choice,
    check_count,
    check_flag,
    check_posterior,
)
from .distributions import LOG_2PI, Normal
from .functional import compiled
from .memory import short_of_memory
from .model import VAE, evaluating, unwrap_and_check
from .noise import EVALUATION, NOISE, as_generator, make_generator
from .objective import LogWeights, log_importance_weights, stream_log_weights
from .priors import Prior, StandardNormal
from .refinement import refine_posterior

ACTIVE_VARIANCE = 0.01  # a coordinate is active if its posterior mean varies more (IWAE, §5.2)
BLOCK = 100  # images at a time; a constant of the protocol: other blocks would be other noise


@dataclass(frozen=True, kw_only=True)
class Report:
    """What `evaluate` measured, and how; nats per image, means over the images.

    `neg_elbo` = `distortion` + `rate`: -E_q[log p(x|z)] and KL(q(z|x) || p(z)). `nll` is
    -log p(x), estimated from above with `num_samples` importance samples; on grey images it is
    only a bound on the expected NLL of binarized ones. A standard error `…_se_images` says how
    far another draw of images would move the mean, `…_se_monte_carlo` how far other noise would;
    for the NLL it comes from the delta method, and is too small where q is far too narrow.
    """

    neg_elbo: float
    neg_elbo_se_images: float
    neg_elbo_se_monte_carlo: float
    distortion: float
    rate: float
    nll: float
    nll_se_images: float
    nll_se_monte_carlo: float
    active_units: int
    latent_dim: int
    data: str  # "binary" or "grey" images, or rows of "real" values, a density's, or "discrete"
    num_images: int
    num_samples: int
    seed: int
    rate_is_exact: bool = True  # else the prior's KL has no formula, and the samples' mean serves
    refine_steps: int = 0  # by which each q was improved; then q is no longer the encoder's answer

    def __str__(self) -> str:
        """Lay the report out as a small table that states its own protocol."""
        kl = "KL(q(z|x) || p(z))" + ("" if self.rate_is_exact else ", estimated")
        name = "NLL" if self.data != "grey" else "NLL, a bound"
        unit = "images" if self.data in ("binary", "grey") else "rows"
        errors = f"± {{:.2f}} {unit}, ± {{:.3f}} Monte Carlo".format
        rows = [
            ("-ELBO", self.neg_elbo, errors(self.neg_elbo_se_images, self.neg_elbo_se_monte_carlo)),
            ("  distortion", self.distortion, "-E_q[log p(x|z)]"),
            ("  rate", self.rate, kl),
            (name, self.nll, errors(self.nll_se_images, self.nll_se_monte_carlo)),
        ]
        lines = [f"{label:<14}{value:>9.2f}  {note}" for label, value, note in rows]
        lines.append(f"{'active units':<14}{self.active_units:>6} of {self.latent_dim}")
        lines.append(
            f"nats per {unit[:-1]}; {self.num_images:,} {self.data} {unit}, "
            f"K = {self.num_samples:,} samples of z each, seed {self.seed}"
        )
        if self.refine_steps:
            lines.append(f"q(z|x) improved for each of them by {self.refine_steps:,} steps")
        if self.data == "grey":
            lines.append("grey images: both figures bound the expected NLL of binarized ones")
        return "\n".join(lines)


@torch.no_grad()
def evaluate(
    model: VAE,
    images: torch.Tensor,
    num_samples: int = 5000,
    seed: int = 0,
    progress: bool = False,
    refine_steps: int = 0,
    noise: str = "device",
    compile: bool = False,
) -> Report:
    """Measure a model on images as they are given.

    One set of `num_samples` draws per image serves the ELBO (as their mean) and the likelihood
    (as the log of the mean of the importance weights; IWAE, eq. 8).

    Parameters
    ----------
    model : VAE
    images : Tensor, shape (N, D)
        At least two. Binarize them first, if the model was trained on binary images.
    num_samples : int
        K.
    seed : int
        Of the noise.
    progress : bool
        Show a progress bar, on stderr.
    refine_steps : int
        If positive, q(z|x) is the encoder's answer after so many steps of `refine_posterior`. The
        NLL is then nearer to the truth on average; -ELBO, its terms and the active units are those
        of that q, and no longer the encoder's.
    noise : str
        Where the noise comes from: "device" draws it on the model's device, if that has a
        generator; "cpu" on the CPU, the same for every device. Either way it belongs to an image's
        place and to a block of samples, so how much is computed at once does not change it.
    compile : bool
        Let torch.compile fuse the weights' formula. The first images wait for that, and on a CPU
        it needs a C++ compiler.

    Returns
    -------
    Report

    Raises
    ------
    TypeError, ValueError
        If the images don't fit the model, or an argument is not as described.
    FloatingPointError
        If the cost of an image is not finite.
    MemoryError
        If a GPU has too little memory.
    """
    model, images = unwrap_and_check(model, images, name="images")
    num_samples = check_count(num_samples, "num_samples")
    seed = check_count(seed, "seed", minimum=0, maximum=math.inf)
    refine_steps = check_count(refine_steps, "refine_steps", minimum=0)
    if len(images) < 2:
        raise ValueError("a standard error needs at least 2 images, got 1")
    device = next(model.parameters()).device
    noise = check_choice(noise, "noise", NOISE)
    generator = make_generator(seed, EVALUATION, device if noise == "device" else "cpu")
    log_weights = log_importance_weights
    if check_flag(compile, "compile"):
        log_weights = compiled(log_weights)
    blocks = []
    hidden = not progress or sys.stderr is None
    bar = tqdm(total=len(images), disable=hidden, unit="image", mininterval=0.5)
    with bar, evaluating(model), short_of_memory("free what else is there"):
        for x in torch.split(images, BLOCK):
            x = x.to(device)
            if refine_steps:
                q = refine_posterior(model, x, refine_steps, generator)
            else:
                q = model.encode(x)
            blocks.append(_evaluate_block(model, x, q, num_samples, generator, log_weights))
            bar.update(len(x))
    per_image = {key: torch.cat([block[key] for block in blocks]) for key in blocks[0]}
    neg_elbo = per_image["distortion"] + per_image["rate"]
    if not (neg_elbo + per_image["nll"]).isfinite().all():
        low, high = (value.item() for value in images.aminmax())
        raise FloatingPointError(
            f"the cost of some images is not finite; they reach from {low:.4g} to {high:.4g}. "
            "Scale them as those of the training were"
        )
    return Report(
        neg_elbo=neg_elbo.mean().item(),
        neg_elbo_se_images=_standard_error(neg_elbo),
        neg_elbo_se_monte_carlo=_pooled_error(per_image["neg_elbo_variance"]),
        distortion=per_image["distortion"].mean().item(),
        rate=per_image["rate"].mean().item(),
        nll=per_image["nll"].mean().item(),
        nll_se_images=_standard_error(per_image["nll"]),
        nll_se_monte_carlo=_pooled_error(per_image["nll_variance"]),
        active_units=count_active(per_image["mu"]),
        latent_dim=model.latent_dim,
        data=model.likelihood.kind(images),
        num_images=len(images),
        num_samples=num_samples,
        seed=seed,
        rate_is_exact=model.prior.exact,
        refine_steps=refine_steps,
    )


def count_active(mu: torch.Tensor) -> int:
    """Count the coordinates whose posterior mean varies over the data by more than 0.01.

    Parameters
    ----------
    mu : Tensor, shape (N, L)
        Posterior means.

    Returns
    -------
    int
        Burda et al. 2015, §5.2.
    """
    return int((mu.var(0) > ACTIVE_VARIANCE).sum())


class AggregatePosterior(NamedTuple):
    """The rate of N images and what it is spent on, in nats: rate = information + kl_to_prior.

    `rate` is exact where the prior's KL has a formula, the others are estimates. `information` is
    I(x; z) among these N images, which cannot exceed log N, and `kl_to_prior` is KL(q(z) || p(z)),
    with their q(z). If the images are draws from a larger population, its own information lies
    between `information` and `information_above`, on average over such draws.
    """

    rate: float
    information: float
    information_above: float
    kl_to_prior: float


@torch.no_grad()
def aggregate_posterior(
    mu: torch.Tensor,
    log_var: torch.Tensor,
    num_samples: int = 1000,
    generator: torch.Generator | None = None,
    prior: Prior | None = None,
) -> AggregatePosterior:
    """Split the rate by q(z), the mean of the q(z|x) of N images (Hoffman & Johnson 2016).

    Parameters
    ----------
    mu, log_var : Tensor, shape (N, L)
        The encoder's answers for N images, at least two.
    num_samples : int
        Draws of z, each from another image's q(z|x); no more than N are made.
    generator : torch.Generator, optional
        Chooses the images and draws the noise; fresh entropy without one.
    prior : Prior, optional
        p(z); N(0, I) without.

    Returns
    -------
    AggregatePosterior

    Raises
    ------
    TypeError, ValueError
        If the two are not float tensors of one shape (N, L), or `num_samples` is not positive.
    """
    check_posterior(mu, log_var)
    check_batch(mu, name="mu")
    num_samples = check_count(num_samples, "num_samples")
    if len(mu) < 2:
        raise ValueError("an aggregate posterior needs at least 2 images, got 1")
    generator, prior = as_generator(generator), prior or StandardNormal(mu.shape[1])
    rows = torch.randperm(len(mu), generator=generator, device=generator.device)[:num_samples]
    rows = rows.to(mu.device)
    draws = Normal(mu[rows], log_var[rows]).sample(generator=generator)  # (M, L)
    # On the processor: Apple's devices have no float64.
    sums = torch.zeros(3, dtype=torch.float64, device="cpu")
    for z, own in zip(torch.split(draws, BLOCK), torch.split(rows, BLOCK), strict=True):
        log_q = _log_density(z, mu, log_var)  # (m, N)
        conditional = log_q.gather(1, own[:, None]).squeeze(1)  # log q(z|x), x its own image
        aggregate = log_q.logsumexp(1) - math.log(len(mu))
        others = log_q.scatter(1, own[:, None], -math.inf).logsumexp(1) - math.log(len(mu) - 1)
        differences = conditional - aggregate, conditional - others, aggregate - prior.log_prob(z)
        sums += torch.stack([d.cpu().sum(dtype=torch.float64) for d in differences])
    information, above, to_prior = (sums / len(draws)).tolist()
    rate = information + to_prior
    if prior.exact:
        rate = prior.kl(Normal(mu, log_var)).sum(-1).cpu().mean(dtype=torch.float64).item()
    return AggregatePosterior(rate, information, above, to_prior)


def _log_density(z: torch.Tensor, mu: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """Return log q(z_m|x_n) for codes (M, L) and posteriors (N, L): (M, N).

    One coordinate after the other: (M, N, L) would not fit, and a matrix product would lose digits
    where sigma is small.
    """
    total = z.new_zeros(len(z), len(mu))
    for z_j, mu_j, log_var_j in zip(z.T, mu.T, log_var.T, strict=True):
        total += (z_j[:, None] - mu_j).square() * (-log_var_j).exp() + log_var_j
    return -0.5 * (total + mu.shape[1] * LOG_2PI)


def _evaluate_block(
    model: VAE,
    x: torch.Tensor,
    q: Normal,
    num_samples: int,
    generator: torch.Generator,
    log_weights_of: LogWeights,
) -> dict[str, torch.Tensor]:
    """Return per-image estimates, and the variance of each that the noise alone causes."""
    exact = model.prior.exact
    # Running sums over the samples: of log p(x|z), of log w, of the square of that which -ELBO is
    # estimated from; and, as logs, of w and w squared. In float64, which Apple's devices lack.
    where = torch.device("cpu") if x.device.type in NO_FLOAT64 else x.device
    total = torch.zeros(3, len(x), dtype=torch.float64, device=where)
    log_sums = torch.full_like(total[:2], -math.inf)
    for log_likelihood, log_weights in stream_log_weights(
        model, x, q, num_samples, generator, log_weights_of
    ):
        log_likelihood = log_likelihood.to(where).double()  # (k, B)
        log_weights = log_weights.to(where).double()  # (k, B)
        noisy = log_likelihood if exact else log_weights
        total += torch.stack([log_likelihood.sum(0), log_weights.sum(0), noisy.square().sum(0)])
        sums = torch.stack([log_weights.logsumexp(0), (2 * log_weights).logsumexp(0)])
        log_sums = log_sums.logaddexp(sums)
    log_likelihood, log_weight, mean_square = total / num_samples
    rate = log_likelihood - log_weight  # the mean of log q(z|x) - log p(z)
    if exact:
        rate = model.kl(q).sum(-1).to(where).double()
    variance = mean_square - (log_likelihood if exact else log_weight).square()
    # The variance of log(mean w), by the delta method: (E[w^2] / E[w]^2 - 1) / K.
    relative = (log_sums[1] - 2 * log_sums[0]).exp() - 1 / num_samples
    unbias = num_samples / (num_samples - 1) if num_samples > 1 else math.nan
    return {
        "mu": q.mu,
        "rate": rate,
        "distortion": -log_likelihood,
        "neg_elbo_variance": variance.clamp(min=0) * unbias / num_samples,
        "nll": math.log(num_samples) - log_sums[0],
        "nll_variance": relative.clamp(min=0) * unbias,
    }


def _standard_error(values: torch.Tensor) -> float:
    return (values.std() / math.sqrt(len(values))).item()


def _pooled_error(variances: torch.Tensor) -> float:
    """Return the standard error of a mean of independent estimates with these variances."""
    return (variances.sum().sqrt() / len(variances)).item()
