"""Chapter 8: a solution of every exercise, and the likely mistakes with the hint that each gets."""

import torch


def tables(data, encoder, prior, decoder):
    return data[:, None] * encoder, prior * decoder.T


def kl(a, b):
    return torch.where(a > 0, a * (a / b).log(), 0.0).sum()


def joint_kl(*args):
    return kl(*tables(*args))


def entropy(data):
    return torch.special.entr(data).sum()


def per_image(data, encoder, prior, decoder):
    return (encoder * (data[:, None] * encoder / (prior * decoder.T)).log()).sum(1)


def distortion(data, encoder, prior, decoder):
    return -(data[:, None] * encoder * decoder.T.log()).sum()


def rate(data, encoder, prior, decoder):
    return (data[:, None] * encoder * (encoder / prior).log()).sum()


def not_a_number(*args):
    q, p = tables(*args)
    return (q * (q / p).log()).sum()


def split_by_code(*args):
    q, p = tables(*args)
    misfit = kl(q.sum(0), args[2])
    return misfit, kl(q, p) - misfit


def misfit(change):
    """Make an answer to 8.2 whose misfit is `change(data, encoder, prior, decoder)`."""
    return lambda *args: (change(*args), split_by_code(*args)[1])


def gap(change):
    """Make an answer to 8.2 whose decoder gap is `change(data, encoder, prior, decoder)`."""
    return lambda *args: (split_by_code(*args)[0], change(*args))


def per_code(*args):
    q, _ = tables(*args)
    backward = q / q.sum(0)
    return (backward * (backward / args[3].T).log()).sum(0)


def best_encoder(prior, decoder, power=1.0, dim=1):
    joint = prior**power * decoder.T
    return joint / joint.sum(dim, keepdim=True)


def model_joint(W, b, variance, cross=1.0, spread=1.0, noise=None, below=1.0):
    D, L = W.shape
    noise = variance * torch.eye(D) if noise is None else noise(variance, torch.eye(D))
    covariance = torch.eye(D + L)
    covariance[:D, :D] = spread * W @ W.T + noise
    covariance[:D, D:] = cross * W
    covariance[D:, :D] = below * cross * W.T
    return torch.cat([b, torch.zeros(L)]), covariance


SOLUTIONS = {
    "8.1": joint_kl,
    "8.2": split_by_code,
    "8.3": best_encoder,
    "8.4": model_joint,
}

RIGHT = []

MISTAKES = [
    ("8.1", per_image, "one number per image"),
    ("8.1", lambda *a: tables(*a)[0], "ne number is wanted"),
    ("8.1", lambda *a: -joint_kl(*a), "never negative"),
    ("8.1", lambda *a: joint_kl(*a) + entropy(a[0]), "distortion + rate"),
    ("8.1", lambda *a: joint_kl(*a) + 2 * entropy(a[0]), "wrong sign"),
    ("8.1", lambda *a: kl(*tables(*a)[::-1]), "other way round"),
    ("8.1", distortion, "distortion alone"),
    ("8.1", rate, "rate alone"),
    ("8.1", lambda *a: kl(a[0], tables(*a)[1].sum(1)), "data gap"),
    ("8.1", lambda *a: per_image(*a).mean(), "with its probability"),
    ("8.1", lambda *a: per_image(*a).sum(), "without their probabilities"),
    ("8.1", lambda *a: joint_kl(*a) / a[1].numel(), "average over the table"),
    ("8.1", lambda *a: joint_kl(*a) + 1, "it should be"),
    ("8.1", not_a_number, "it should add 0"),
    ("8.2", joint_kl, "two things"),
    ("8.2", lambda *a: (a[2], a[2]), "oth are one number"),
    ("8.2", misfit(rate), "is the rate"),
    ("8.2", misfit(lambda *a: kl(a[2], tables(*a)[0].sum(0))), "arguments swapped"),
    ("8.2", misfit(lambda *a: -split_by_code(*a)[0]), "misfit has the wrong sign"),
    ("8.2", misfit(lambda *a: kl(a[1].mean(0), a[2])), "counts the same"),
    ("8.2", lambda *a: split_by_code(*a)[::-1], "misfit should come first"),
    ("8.2", misfit(lambda *a: a[0].sum() + 1), "he misfit should be"),
    ("8.2", gap(lambda *a: -split_by_code(*a)[1]), "gap has the wrong sign"),
    ("8.2", gap(lambda *a: (a[2] * per_code(*a)).sum()), "not over the prior"),
    ("8.2", gap(lambda *a: per_code(*a).mean()), "very code counts the same"),
    ("8.2", gap(lambda *a: per_code(*a).sum()), "without weighing"),
    ("8.2", gap(distortion), "is the distortion"),
    ("8.2", gap(joint_kl), "still in it"),
    (
        "8.2",
        gap(lambda *a: (tables(*a)[0] * (a[1] / a[3].T).log()).sum()),
        "you took q(z|x) for q(x|z)",
    ),
    ("8.2", gap(lambda *a: split_by_code(*a)[1] + 1), "decoder gap should be"),
    ("8.3", lambda *a: best_encoder(*a).T, "turned"),
    ("8.3", lambda *a: best_encoder(*a)[0], "(X, Z)"),
    ("8.3", lambda prior, decoder: prior * decoder.T, "the joint"),
    ("8.3", lambda *a: best_encoder(*a, power=0.0), "prior is missing"),
    ("8.3", lambda prior, decoder: decoder.T, "p(x|z), not p(z|x)"),
    (
        "8.3",
        lambda *a: torch.eye(3)[best_encoder(*a).argmax(1)],
        "too much rate",
    ),
    ("8.3", lambda prior, decoder: prior.expand(4, 3), "the distortion suffers"),
    ("8.3", lambda *a: best_encoder(*a, dim=0), "normalise over the codes"),
    ("8.3", lambda *a: best_encoder(*a).log(), "logarithms"),
    ("8.3", lambda *a: 2 * best_encoder(*a), "add up to 1"),
    ("8.3", lambda *a: best_encoder(*a).flip(1), "it should be"),
    ("8.4", lambda *a: model_joint(*a)[0], "two things"),
    ("8.4", lambda W, b, variance: (b, W), "(D + L,)"),
    ("8.4", lambda *a: (model_joint(*a)[0].roll(2), model_joint(*a)[1]), "comes first in the pair"),
    ("8.4", lambda *a: (0 * model_joint(*a)[0], model_joint(*a)[1]), "prior's mean is 0"),
    ("8.4", lambda *a: model_joint(*a, cross=0.0), "share z"),
    ("8.4", lambda *a: model_joint(*a, noise=lambda v, one: 0 * one), "is missing"),
    ("8.4", lambda *a: model_joint(*a, spread=0.0), "not only noise"),
    ("8.4", lambda *a: model_joint(*a, noise=lambda v, one: v**2 * one), "squared it again"),
    ("8.4", lambda *a: model_joint(*a, noise=lambda v, one: v**0.5 * one), "square root"),
    ("8.4", lambda *a: model_joint(*a, noise=lambda v, one: v + 0 * one), "diagonal"),
    ("8.4", lambda *a: model_joint(*a, cross=-1.0), "wrong sign"),
    ("8.4", lambda *a: model_joint(*a, below=0.0), "symmetric"),
    ("8.4", lambda *a: (model_joint(*a)[0], 2 * model_joint(*a)[1]), "of the blocks is off"),
]
