"""Chapter 5: a solution of every exercise, and the likely mistakes with the hint that each gets."""

import itertools
import math

import torch

LOG_2PI = math.log(2 * math.pi)


def log_q(z, mu, log_var, jacobian=0.5, scale=0.5, half=0.5, constant=LOG_2PI, reduce="sum"):
    eps = (z - mu) / (scale * log_var).exp()
    terms = -half * eps**2 - 0.5 * constant - jacobian * log_var
    return getattr(terms, reduce)(-1) if reduce else terms


def noise(shape, generator):
    return torch.randn(shape, generator=generator)


def draw(mu, log_var, K, generator, power=0.5, shape=None, make=noise):
    eps = make(shape or (K, *mu.shape), generator)
    return (mu + (power * log_var).exp() * eps).expand(K, *mu.shape)


def signs(shape, generator):
    return 2.0 * torch.randint(2, shape, generator=generator) - 1


def uniform(shape, generator):
    return math.sqrt(12) * (torch.rand(shape, generator=generator) - 0.5)


def mirrored(shape, generator):  # the second image gets the first one's noise, turned round
    eps = noise(shape, generator)
    eps[:, 1] = -eps[:, 0]
    return eps


def twice(shape, generator):  # half of the draws, and the same once more
    half = noise((shape[0] // 2, *shape[1:]), generator)
    return torch.cat([half, half])


SEEDS = itertools.count()


def another_seed():
    return torch.Generator().manual_seed(next(SEEDS))


def score_gradient(f, mu, log_var, K, generator, power=1.0, scale=0.5, reduce="mean"):
    z = mu + (scale * log_var).exp() * noise((K, len(mu)), generator)
    per_draw = f(z)[:, None] * (z - mu) / (2 * scale * power * log_var).exp()
    return getattr(per_draw, reduce)(0) if reduce else per_draw


def pathwise(f, mu, log_var, K, generator):
    mu = mu.clone().requires_grad_()
    z = mu + (0.5 * log_var).exp() * noise((K, len(mu)), generator)
    return torch.autograd.grad((f(z) + 0 * z.sum(-1)).mean(), mu)[0]


def not_detached(f, mu, log_var, K, generator):
    mu, sigma = mu.clone().requires_grad_(), (0.5 * log_var).exp()
    z = mu + sigma * noise((K, len(mu)), generator)
    log_q = (-0.5 * ((z - mu) / sigma) ** 2).sum(-1)
    return torch.autograd.grad((f(z) * log_q).mean(), mu)[0]


def correlated(mu, A, eps, matrix=None, factor=1.0, constant=LOG_2PI):
    z = mu + eps @ (A.T if matrix is None else matrix(A))
    plain = -0.5 * (eps**2 + constant).sum(-1)
    return z, plain - factor * A.det().abs().log()


def density(change):
    """Make a solution of 5.4 whose log-density is that of eps minus `change(A)`."""

    def answer(mu, A, eps):
        return mu + eps @ A.T, -0.5 * (eps**2 + LOG_2PI).sum(-1) - change(A)

    return answer


SOLUTIONS = {"5.1": log_q, "5.2": draw, "5.3": score_gradient, "5.4": correlated}

RIGHT = []

MISTAKES = [
    ("5.1", lambda *a: log_q(*a, reduce=None), "summed: shape (B,)"),
    ("5.1", lambda *a: log_q(*a).sum(), "5 rows"),
    ("5.1", lambda *a: log_q(*a, jacobian=0.0), "Jacobian, is missing"),
    ("5.1", lambda *a: log_q(*a, jacobian=-0.5), "Jacobian has the wrong sign"),
    ("5.1", lambda *a: log_q(*a, jacobian=1.0), "stretched by sigma"),
    ("5.1", lambda *a: log_q(*a, scale=1.0), "divided by the variance"),
    ("5.1", lambda *a: log_q(*a, scale=1.0, jacobian=1.0), "log_var for log σ"),
    ("5.1", lambda *a: log_q(*a, half=1.0), "½ is missing in the exponent"),
    ("5.1", lambda *a: 2 * log_q(*a), "factor ½ is missing."),
    ("5.1", lambda *a: log_q(*a, constant=0.0), "log 2π"),
    ("5.1", lambda *a: -log_q(*a), "sign is turned"),
    ("5.1", lambda *a: log_q(*a, reduce="mean"), "averaged over"),
    ("5.1", lambda *a: log_q(*a).exp(), "its logarithm"),
    ("5.1", lambda *a: log_q(*a) + 1, "it should be"),
    ("5.2", lambda m, v, K, g: draw(m, v, K, g).transpose(0, 1), "(K, B, L)"),
    ("5.2", lambda m, v, K, g: draw(m, v, 1, g)[0], "(K, B, L)"),
    ("5.2", lambda m, v, K, g: draw(m, v, K, None), "global generator"),
    ("5.2", lambda m, v, K, g: draw(m, v, K, g, shape=(1, 2, 3)), "codes of an image are all"),
    ("5.2", lambda m, v, K, g: draw(m, v, K, g, shape=(K, 1, 3)), "rows share one noise"),
    ("5.2", lambda m, v, K, g: draw(m, v, K, g, shape=(K, 2, 1)), "dimensions share one noise"),
    ("5.2", lambda *a: draw(*a, power=1.0), "multiplied by the variance"),
    ("5.2", lambda m, v, K, g: m + v * noise((K, 2, 3), g), "not log_var itself"),
    ("5.2", lambda m, v, K, g: m + noise((K, 2, 3), g) + 0 * v, "not multiplied by sigma"),
    ("5.2", lambda *a: draw(*a, power=-0.5), "sign in the exponent"),
    ("5.2", lambda *a: draw(*a) + 1, "not centred on mu"),
    (
        "5.2",
        lambda *a: draw(*a, make=lambda s, g: torch.rand(s, generator=g)),
        "not centred on mu",
    ),
    ("5.2", lambda *a: draw(*a, power=0.4), "one of your standard deviations"),
    ("5.2", lambda *a: draw(*a).detach(), "cut the path"),
    ("5.2", lambda m, v, K, g: draw(m, v.detach(), K, g), "comes back to log_var"),
    ("5.2", lambda m, v, K, g: draw(m.detach(), v, K, g), "comes back to mu"),
    (
        "5.2",
        lambda m, v, K, g: m + v.detach() / 2 + draw(0 * m, v, K, g) - v / 2,
        "held still",
    ),
    ("5.2", lambda m, v, K, g: draw(m, v, K, another_seed()), "same numbers"),
    (
        "5.2",
        lambda m, v, K, g: draw(m, v, K, torch.Generator().manual_seed(0)),
        "give other numbers",
    ),
    ("5.2", lambda *a: draw(*a, make=signs), "not normal"),
    ("5.2", lambda *a: draw(*a, make=mirrored), "told from that of another"),
    ("5.2", lambda *a: draw(*a, make=twice), "are the same"),
    ("5.2", lambda *a: draw(*a, make=uniform), "not normal"),
    ("5.3", lambda *a: score_gradient(*a, reduce=None), "one estimate per draw"),
    ("5.3", lambda *a: score_gradient(*a).mean(), "the shape of mu"),
    ("5.3", lambda f, m, v, K, g: score_gradient(f, m, v, K, None), "global generator"),
    ("5.3", pathwise, "pathwise answer"),
    ("5.3", not_detached, "not detached"),
    (
        "5.3",
        lambda f, m, v, K, g: score_gradient(f, m, v, K, torch.Generator().manual_seed(0)),
        "give other numbers",
    ),
    ("5.3", lambda f, *a: score_gradient(lambda z: torch.ones(len(z)), *a), "where is f"),
    ("5.3", lambda *a: -score_gradient(*a), "sign is turned"),
    ("5.3", lambda *a: score_gradient(*a, power=0.5), "divided by sigma once"),
    ("5.3", lambda *a: score_gradient(*a, power=0.0), "did not divide"),
    ("5.3", lambda *a: score_gradient(*a) / 2, "the square in log q"),
    ("5.3", lambda *a: score_gradient(*a, scale=1.0), "variance as sigma"),
    ("5.3", lambda *a: score_gradient(*a, reduce="sum"), "summed over the draws"),
    ("5.3", lambda *a: score_gradient(*a) + 1, "two steps"),
    ("5.3", lambda f, m, v, K, g: score_gradient(f, m, v, K, another_seed()), "same numbers"),
    ("5.4", lambda *a: correlated(*a)[0], "two things"),
    ("5.4", lambda *a: (correlated(*a)[0], correlated(*a)[1].sum()), "(B, L) and (B,)"),
    ("5.4", lambda *a: correlated(*a, matrix=lambda A: A), "transpose"),
    ("5.4", lambda mu, A, eps: correlated(0 * mu, A, eps), "Mu is missing"),
    ("5.4", lambda *a: correlated(*a, matrix=lambda A: A @ A.T), "A Aᵀ is the covariance"),
    ("5.4", lambda *a: correlated(*a, matrix=lambda A: A.diag().diag()), "matrix product"),
    ("5.4", lambda *a: (correlated(*a)[0] + 1, correlated(*a)[1]), "in your codes"),
    ("5.4", density(lambda A: A.det().log()), "may be negative"),
    ("5.4", density(lambda A: 0.0), "determinant is missing"),
    ("5.4", lambda *a: correlated(*a, factor=-1.0), "wrong sign"),
    ("5.4", lambda *a: correlated(*a, factor=2.0), "count it twice"),
    ("5.4", density(lambda A: A.det().abs()), "logarithm of the determinant"),
    ("5.4", density(lambda A: A.diag().abs().log().sum()), "triangular"),
    ("5.4", lambda *a: correlated(*a, constant=0.0), "log 2π"),
    ("5.4", density(lambda A: 5.0), "one of your log-densities"),
]
