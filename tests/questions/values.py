"""The numbers of the questions whose answers are numbers, computed the right and the wrong ways.

A key is the chapter and the first words of the question. Its four values stand in the order of the
answers: each is what that answer's way of reckoning gives. One entry a question, chapters in order.
"""

from __future__ import annotations

from math import comb, exp, hypot, log, log2, sqrt

import torch
from torch.distributions import Bernoulli, Categorical, Normal, kl_divergence
from torch.nn import functional as F

from vaetut import kl_standard_normal


def kl_of_coins(p: float, q: float) -> float:
    """Return the KL of two coins."""
    return kl_divergence(Bernoulli(p), Bernoulli(q)).item()


def kl_to_prior(mu: float, log_var: float) -> float:
    """Return the KL of N(mu, exp(log_var)) from N(0, 1)."""
    return kl_standard_normal(torch.tensor([mu]), torch.tensor([log_var])).item()


def bce(x: float, logit: float) -> float:
    """Return the cross-entropy of one pixel."""
    return F.binary_cross_entropy_with_logits(torch.tensor(logit), torch.tensor(x)).item()


# Chapter 3: the tables of its toy model, and the codes' probabilities for the second picture
PRIOR = torch.tensor([0.50, 0.25, 0.25])
COLUMN = torch.tensor([0.24, 0.08, 0.24])
LOG_LIKELIHOODS = torch.tensor([-100.0, -100.0, -1000.0], dtype=torch.float64)

# Chapter 4: the chances of a pixel under two halves of the codes
CHANCES = torch.tensor([0.9, 0.1])

# Chapter 5: two spreads; the density of the noise at 0, and what the axes' stretching makes of it
SIGMA = torch.tensor([0.5, 0.1])
LOG_NOISE = Normal(0.0, 1.0).log_prob(torch.zeros(2)).sum()

VALUES = {
    # Chapter 1
    "01: A pixel is grey, with the value 0.5": [
        (0.5 - 0.5) ** 2,
        -0.5 * log(0.5),
        bce(0.5, 0.0),
        bce(0.5, 0.0) / log(2),
    ],
    # Chapter 2
    "02: A pixel is white in 90 % of the data": [
        kl_of_coins(0.9, 0.5),
        kl_of_coins(0.5, 0.9),
        kl_of_coins(0.9, 0.5) / log(2),
        kl_of_coins(0.9, 0.5) + Bernoulli(0.9).entropy().item(),
    ],
    "02: The data are points of 10 real numbers": [
        -10 * log(2),
        kl_divergence(Normal(0.0, 2.0), Normal(2.0, 2.0)).item()
        - kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0)).item(),
        log(2),
        10
        * (
            Normal(0.0, 1.0).log_prob(torch.ones(()))
            - Normal(0.0, 2.0).log_prob(2.0 * torch.ones(()))
        ),
    ],
    # Chapter 3
    "03: You see the picture 10.": [
        (PRIOR * COLUMN)[2],
        COLUMN[2],
        (PRIOR * COLUMN / (PRIOR * COLUMN).sum())[2],
        (COLUMN / COLUMN.sum())[2],
    ],
    "03: For one image, three draws from the prior": [
        LOG_LIKELIHOODS.sum(),
        LOG_LIKELIHOODS.mean(),
        LOG_LIKELIHOODS.logsumexp(0) - log(3),
        LOG_LIKELIHOODS.logsumexp(0),
    ],
    "03: With a sharper decoder, the KL of a digit's posterior": [
        16 / 8,
        16 - 8,
        2 ** (16 - 8),
        exp(16) / exp(8),
    ],
    # Chapter 4
    "04: In one coordinate every cloud": [
        1 - 0.6,
        1 - 0.6**2,
        sqrt(1 - 0.6**2),
        1.0,
    ],
    "04: 1,000 images form 8 groups": [
        0.0,
        Categorical(torch.ones(8)).entropy(),
        log2(8),
        log(1000),
    ],
    "04: For half of the codes that the prior draws": [
        (CHANCES * (1 - CHANCES)).mean(),
        CHANCES.var(correction=0),
        CHANCES.mean() * (1 - CHANCES.mean()),
        CHANCES.std(correction=0),
    ],
    # Chapter 5
    "05: For a code of two numbers with": [
        LOG_NOISE + SIGMA.log().sum(),
        LOG_NOISE,
        Normal(torch.zeros(2), SIGMA).log_prob(torch.zeros(2)).sum(),
        LOG_NOISE - (SIGMA**2).log().sum(),
    ],
    "05: For one coordinate the encoder returns `mu` = 0 and `log_var` = 2": [
        exp(2) * 1,
        exp(0.5 * 2) * 1,
        2.0 * 1,
        1.0,
    ],
    "05: Averaged over ever more draws, the gradients of different images": [
        4 / (10 * 10),
        (4 + 4) / (10 * 10),
        4 / 10 + 4 / (10 * 10),
        (4 + 4) / 10,
    ],
    # Chapter 6
    "06: For one coordinate, an encoder answers with": [
        0.5 * (2**2 + 0.5**2 - 1 - log(0.5)),
        kl_to_prior(2.0, 2 * log(0.5)),
        2 * kl_to_prior(2.0, 2 * log(0.5)),
        kl_divergence(Normal(0.0, 1.0), Normal(2.0, 0.5)).item(),
    ],
    "06: A pixel is black": [
        -0.0 * log(torch.tensor(3.0).sigmoid().item()),
        bce(1.0, 3.0),
        torch.tensor(3.0).sigmoid(),
        bce(0.0, 3.0),
    ],
    "06: With the decoder's outputs as they are": [
        30 / 784 / 2,
        30 / 784,
        sqrt(30 / 784),
        0.5,
    ],
    "06: A paper reports 0.15 bits per dimension": [
        0.15 * log(2),
        0.15 * log(2) * 784,
        0.15 * 784,
        0.15 * 784 / log(2),
    ],
    # Chapter 7
    "07: Somebody lets `cost` end after the lines": [
        20 / 784,  # upside down
        1,
        784 / 20,
        784 / 1,  # only the pixels averaged
    ],
    "07: You have 1,000 examples in place of": [
        8 * 55_000 / 250,  # the steps
        (8 * 55_000 / 250) / (1000 / 250),
        (55_000 / 250) / (1000 / 250),  # for one epoch
        8,
    ],
    "07: A model has 100 latent dimensions": [
        100**0.5,  # a draw itself
        (100 / 2) ** 0.5,
        100**0.5 / 2,  # half of a draw
        0,  # the mean of all
    ],
    # Chapter 8
    "08: Another world has sixteen images": [
        1.5 + 1.8 - log2(16),  # bits
        1.5 + 1.8 - log(16),
        1.5 + 1.8,  # the loss
        1.5 + 1.8 + log(16),  # the sign
    ],
    "08: Each example of your data is ten lengths": [
        -20 * 1000,
        -20 - 10 * log(1000),  # the other direction
        -20,
        -20 + 10 * log(1000),
    ],
    # Chapter 9
    "09: Two models are measured on the same 900 images": [
        9 / 900,
        9 / 900**0.5,
        hypot(60 / 900**0.5, 60 / 900**0.5),  # not paired
        9,
    ],
    "09: On some test images, −ELBO is 91.2 nats": [
        0,
        88.1 - 87.0,  # approximation
        91.2 - 88.1,
        91.2 - 87.0,  # both
    ],
    "09: In some model, coordinate j of the encoder": [
        0,
        3 - 0,  # the distance
        (3**2 + 1 - 1 - log(1)) / 2,
        3**2 + 1 - 1 - log(1),  # without the half
    ],
    # Chapter 9b
    "09b: You mix your model of 784 binary pixels": [
        -log(1 / 2),
        -log2(1 / 2),  # bits
        784 * log(2) / 2,  # a mean of costs
        784 * log(2),  # coins alone
    ],
    "09b: Two piles have a single feature each": [
        3**2 + (5**2 - 1**2),
        3**2 + (5 - 1) ** 2,
        3 + (5 - 1),
        (3**2 + (5 - 1) ** 2) ** 0.5,
    ],
    "09b: A coin shows heads one time in ten": [
        0.9,
        comb(100, 10) * 0.1**10 * 0.9**90,  # ten heads
        1 / 100,
        0.9**100,
    ],
    "09b: One example in a hundred is an outlier": [
        1 - 0.05,
        0.80,
        0.01 * 0.80 / (0.01 * 0.80 + 0.99 * 0.05),
        0.01,
    ],
    # Chapter 10
    "10: Take the best model for β = 4": [
        -4 * 0.1,  # the distortion
        -4 * 0.1 + 0.1,
        -4 * 0.1 + 4 * 0.1,  # D + 4R
        0.1,  # the rate
    ],
    "10: Over all images, the mean KLs of four coordinates": [
        sum(max(kl - 0.5, 0) for kl in (0.1, 0.3, 0.6, 2.0)),
        sum(kl for kl in (0.1, 0.3, 0.6, 2.0) if kl > 0.5),
        sum((0.1, 0.3, 0.6, 2.0)),  # the rate
        sum(max(kl, 0.5) for kl in (0.1, 0.3, 0.6, 2.0)),
    ],
    "10: In a region that has 20 % of the prior's probability": [
        0.2,
        -log(1 - 0.2),
        -0.2 * log(0.2),
        -log(0.2),
    ],
    # Chapter 13
    "13: For a bird without a weight, two codes were drawn": [
        3000,
        (3 * 3000 + 1 * 3400) / 4,
        (3000 + 3400) / 2,  # without weights
        (1 * 3000 + 3 * 3400) / 4,  # exchanged
    ],
    # Chapter 14
    "14: For pictures of 192 values": [
        576 / 192 * log(2),
        576 / 192,  # nats
        576 / 192 / log(2),
        576 / log(2),  # of the whole picture
    ],
    "14: A VAE needs half a bit per value less than PNG": [
        50_000 / 0.5,
        50_000 * 32 * 0.5,
        50_000 * 32,
        50_000 * 32 / 0.5,
    ],
    "14: At some pixel, Binomial(16) has a mean of 12": [
        (16 * 12 / 16 * 4 / 16) ** 0.5,
        (16 * 8 / 16 * 8 / 16) ** 0.5,  # in the middle
        16 * 12 / 16 * 4 / 16,  # the variance
        12**0.5,  # Poisson
    ],
    "14: Your loss is the cross-entropy of x/16": [
        1 / 16**2,
        1 / 16,
        1,
        16,
    ],
    # Chapter 15
    "15: A code leaves open which of two numerals is meant": [
        0.5**3,  # one of them
        2 * 0.5**3,
        2 * 0.5**2,  # two places
        1,
    ],
    "15: A language has 200 words": [
        0.8 * log(200),
        log(200),
        -log(0.8 / 200),
        log(200) / 0.8,
    ],
    "15: Two models have the same": [
        0.2,
        3.0 - 0.2,
        3.0,
        3.0 + 0.2,
    ],
}
