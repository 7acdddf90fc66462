"""The numbers of the questions whose answers are numbers, computed the right and the wrong ways.

A key is the chapter and the first words of the question. Its four values stand in the order of the
answers: each is what that answer's way of reckoning gives. One entry a question, chapters in order.
"""

from __future__ import annotations

from math import comb, hypot, log, log2

VALUES = {
    # Chapter 1
    # Chapter 2
    # Chapter 3
    # Chapter 4
    # Chapter 5
    # Chapter 6
    # Chapter 7
    "07: Somebody lets `cost` end after its two lines": [
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
        -0.2 * log(0.2),
        -log(1 - 0.2),
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
