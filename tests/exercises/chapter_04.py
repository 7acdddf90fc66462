"""Chapter 4: a solution of every exercise, and the likely mistakes with the hint that each gets."""

import itertools
import math

import numpy as np
import torch
from scipy.special import logsumexp
from torch import distributions
from torch.nn import functional as F

LOG_2PI = math.log(2 * math.pi)


def bayes(log_likelihood, z, cell, prior=1.0, constant=LOG_2PI, power=1.0, mean=False, half=0.5):
    log_joint = log_likelihood - prior * (half * z.square().sum(-1) + constant)
    log_p = log_joint.logsumexp(0) + power * math.log(cell) - mean * math.log(len(z))
    return log_p, (log_joint - log_p).exp()


def density(change):
    """Make a solution of 4.1 whose density is `change(density, log_joint, cell)`."""

    def answer(log_likelihood, z, cell):
        log_p, exact = bayes(log_likelihood, z, cell)
        return log_p, change(exact, log_likelihood - 0.5 * z.square().sum(-1) - LOG_2PI, cell)

    return answer


def without_prior(log_likelihood, z, cell):
    log_p, _ = bayes(log_likelihood, z, cell)
    return log_p, (log_likelihood - log_p).exp()


def underflow(log_likelihood, z, cell):
    log_p = (log_likelihood.exp() * (-0.5 * z.square().sum(-1) - LOG_2PI).exp() * cell).sum().log()
    return log_p, torch.ones(len(z))


def double_underflow(log_likelihood, z, cell):  # right at -150, but not at -1000
    joint = log_likelihood.double().exp() * (-0.5 * z.square().sum(-1) - LOG_2PI).exp()
    p = (joint * cell).sum()
    return p.log(), joint / p


def not_in_logarithms(log_likelihood, z, cell):
    log_p, _ = bayes(log_likelihood, z, cell)
    return log_p, (log_likelihood - 0.5 * z.square().sum(-1) - LOG_2PI).exp() / log_p.exp()


def cell_outside(log_likelihood, z, cell):
    log_p, exact = bayes(log_likelihood, z, cell)
    return log_p - math.log(cell) + cell, exact


def one_coordinate(log_likelihood, z, cell):
    log_joint = log_likelihood - 0.5 * z[:, 0] ** 2 - LOG_2PI / 2
    return log_joint.logsumexp(0) + math.log(cell), log_joint.softmax(0) / cell


def without_the_largest(log_likelihood, z, cell):
    log_joint = log_likelihood - 0.5 * z.square().sum(-1) - LOG_2PI
    weights = (log_joint - log_joint.max()).exp()
    return (cell * weights.sum()).log(), weights / weights.sum() / cell


def largest(log_likelihood, z, cell):
    log_joint = log_likelihood - 0.5 * z.square().sum(-1) - LOG_2PI
    log_p = log_joint.max() + math.log(cell)
    return log_p, (log_joint - log_p).exp()


def by_scipy(log_likelihood, z, cell):
    z = z.double().numpy()
    log_joint = log_likelihood.double().numpy() - 0.5 * (z**2).sum(1) - np.log(2 * np.pi)
    log_p = logsumexp(log_joint, b=cell)
    return log_p, np.exp(log_joint - log_p)


def by_distributions(log_likelihood, z, cell):
    prior = distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
    log_joint = log_likelihood + prior.log_prob(z)
    return torch.logsumexp(log_joint + math.log(cell), 0), log_joint.softmax(0) / cell


def in_place(log_likelihood, z, cell):
    log_likelihood += distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    top = log_likelihood.max().clone()
    log_likelihood -= top
    integral = cell * log_likelihood.exp().sum()
    return top + integral.log(), log_likelihood.exp_() / integral


def one_by_one(log_likelihood, z, cell):
    terms = [
        ll + math.log(cell) - 0.5 * (a * a + b * b) - LOG_2PI
        for ll, (a, b) in zip(log_likelihood.tolist(), z.tolist(), strict=True)
    ]
    top = max(terms)
    log_p = top + math.log(sum(math.exp(term - top) for term in terms))
    return log_p, [math.exp(term - log_p) / cell for term in terms]


def row_by_row(log_likelihood, z, cell):
    log_p = torch.tensor(-torch.inf, dtype=torch.float64)
    log_joint = log_likelihood.double() - 0.5 * z.double().pow(2).sum(1) - LOG_2PI
    for part in log_joint.split(25):
        log_p = torch.logaddexp(log_p, part.logsumexp(0) + math.log(cell))
    return [log_p, torch.exp(log_joint - log_p)]


def terms(z, mu, log_var, scale=1.0, constant=LOG_2PI):
    log_var = scale * log_var
    return -0.5 * ((z[:, None] - mu) ** 2 / log_var.exp() + log_var + constant)


def log_aggregate(z, mu, log_var, **options):
    return terms(z, mu, log_var, **options).sum(-1).logsumexp(1) - math.log(len(mu))


def mixed(each):
    return each.sum(-1).logsumexp(1) - math.log(each.shape[1])


def by_mixture(z, mu, log_var):
    parts = distributions.Independent(distributions.Normal(mu, (0.5 * log_var).exp()), 1)
    shares = distributions.Categorical(torch.ones(len(mu)))
    return distributions.MixtureSameFamily(shares, parts).log_prob(z)


def image_by_image(z, mu, log_var):
    total = None
    for m, v in zip(mu, log_var, strict=True):
        each = distributions.Normal(m, v.exp().sqrt()).log_prob(z).sum(1)
        total = each if total is None else torch.logaddexp(total, each)
    return total - math.log(len(mu))


def code_by_code(z, mu, log_var):
    return [log_aggregate(each[None], mu, log_var)[0] for each in z]


def expanded(z, mu, log_var):
    """Multiply the square out, so that the table is made of matrix products."""
    precision = (-log_var).exp()
    square = z**2 @ precision.T - 2 * z @ (mu * precision).T + (mu**2 * precision).sum(1)
    log_q = -0.5 * (square + log_var.sum(1) + mu.shape[1] * LOG_2PI)
    return torch.logsumexp(log_q - math.log(len(mu)), dim=1)


def by_largest(z, mu, log_var):
    off = (z.unsqueeze(0) - mu.unsqueeze(1)) / (0.5 * log_var).exp().unsqueeze(1)  # (N, M, L)
    log_q = -0.5 * torch.einsum("nml,nml->nm", off, off) - 0.5 * (log_var + LOG_2PI).sum(1)[:, None]
    top = log_q.max(0).values
    return top + (log_q - top).exp().mean(0).log()


def moments(mu, log_var):
    return mu.mean(0), log_var.exp().mean(0) + mu.var(0, correction=0)


def variance(change):
    """Make a solution of 4.3 whose variance is `change(mu, log_var)`."""
    return lambda mu, log_var: (mu.mean(0), change(mu, log_var))


def outer(mu):
    return mu.var(0, correction=0)


def by_second_moment(mu, log_var):
    mu, var = mu.double().numpy(), np.exp(log_var.double().numpy())
    mean = np.average(mu, axis=0)
    return mean, (var + mu**2).mean(0) - mean**2


def by_mixture_moments(mu, log_var):
    shares = distributions.Categorical(torch.full((mu.shape[1], len(mu)), 1 / len(mu)))
    parts = distributions.Normal(mu.T, (0.5 * log_var.T).exp())
    mixture = distributions.MixtureSameFamily(shares, parts)
    return mixture.mean, mixture.variance


def moments_by_loops(mu, log_var):
    N, L = mu.shape
    mean, var = [0.0] * L, [0.0] * L
    for j in range(L):
        mean[j] = sum(mu[n, j].item() for n in range(N)) / N
        for n in range(N):
            var[j] += (math.exp(log_var[n, j]) + (mu[n, j].item() - mean[j]) ** 2) / N
    return mean, var


def moments_in_place(mu, log_var):
    mean = mu.mean(0)
    mu -= mean
    return torch.stack([mean, log_var.exp_().add_(mu.square_()).mean(0)])


def moments_by_pairs(mu, log_var):  # half the mean squared distance of all pairs
    apart = (mu[:, None] - mu).square().mean((0, 1)) / 2
    return torch.einsum("nl->l", mu) / len(mu), apart + torch.exp(log_var).sum(0) / len(mu)


def drawn_moments(mu, log_var):
    z = mu + (0.5 * log_var).exp() * torch.randn(1000, *mu.shape)
    return z.mean((0, 1)), z.flatten(0, 1).var(0)


def normal(n, L, generator):
    return torch.randn(n, L, generator=generator)


def even(n, L, generator):  # the right spread, but no tails
    return math.sqrt(12) * (torch.rand(n, L, generator=generator) - 0.5)


def without_ends(n, L, generator):
    return normal(n, L, generator).clamp(-2, 2)


def standardized(eps, dim=0):
    return eps if eps.shape[dim] < 2 else (eps - eps.mean(dim, True)) / eps.std(dim, keepdim=True)


def one_number(n, L, generator):  # for all dimensions
    return normal(n, 1, generator).expand(n, L)


def pairs(n, L, generator):
    return normal((n + 1) // 2, L, generator).repeat_interleave(2, 0)[:n]


def halves(n, L, generator):
    return normal((n + 1) // 2, L, generator).repeat(2, 1)[:n]


def mirrored(n, L, generator):
    return (
        torch.cat([-one_number(n, 1, g := generator), normal(n, L - 1, g)], 1)
        .cumsum(1)
        .div(torch.arange(1, L + 1).sqrt())
    )


def draw_images(model, n, generator, codes=None, scale=1.0, shift=0.0, noise=None, make=normal):
    with torch.no_grad():
        z = scale * make(codes or n, model.latent_dim, generator) + shift
        mean = model.decode_mean(z).expand(n, -1)
        u = torch.rand(noise or mean.shape, generator=generator)
        return (u < mean).float()


def means(model, n, generator):
    return model.decode_mean(torch.randn(n, model.latent_dim, generator=generator))


def logits(model, n, generator):
    return model.decode(torch.randn(n, model.latent_dim, generator=generator))


def by_logistic_noise(model, n, generator):
    u = torch.rand(n, 784, generator=generator, dtype=torch.float64)
    return logits(model, n, generator) > -u.logit()


def image_after_image(model, n, generator):
    rows = []
    for _ in range(n):
        z = torch.randn(1, model.latent_dim, generator=generator)
        rows.append(torch.bernoulli(model.decode(z).sigmoid()[0], generator=generator))
    return torch.stack(rows)


def by_numpy(model, n, generator):
    rng = np.random.default_rng(torch.randint(2**31, (), generator=generator).item())
    z = torch.from_numpy(rng.standard_normal((n, model.latent_dim)).astype("float32"))
    return rng.binomial(1, model.decode_mean(z).detach().double().numpy())


def by_parts(model, n, generator):
    z = model.prior.sample(n, generator)
    return model.likelihood.sample(model.decode(z), generator)


def codes_of_their_own(model, n, generator):
    z = torch.randn(n, model.latent_dim, generator=torch.Generator().manual_seed(1))
    return torch.bernoulli(model.decode_mean(z), generator=generator)


def pixels_of_their_own(model, n, generator):
    mean = means(model, n, generator)
    return torch.bernoulli(mean, generator=torch.Generator().manual_seed(1))


SEEDS = itertools.count()


def another_seed():
    return torch.Generator().manual_seed(next(SEEDS))


def bce(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none")


def distortion(decoder, x, z):
    return (F.softplus(logits := decoder(z)) - x * logits).sum(-1)


def noise(mu, K, generator, shape=None):
    return torch.randn(shape or (K, *mu.shape), generator=generator)


def two_costs(decoder, x, mu, log_var, K, generator, power=0.5, shape=None):
    z = mu + (power * log_var).exp() * noise(mu, K, generator, shape)
    return distortion(decoder, x, mu), distortion(decoder, x, z).mean(0).expand(len(x))


def average(of):
    """Make an answer of 4.6 whose second number is `of(decoder, x, z, mu)`, z (K, B, L)."""

    def answer(decoder, x, mu, log_var, K, generator):
        z = mu + (0.5 * log_var).exp() * noise(mu, K, generator)
        return distortion(decoder, x, mu), of(decoder, x, z, mu)

    return answer


def first(of):
    """Make an answer of 4.6 whose first number is `of(decoder, x, mu, log_var)`."""

    def answer(decoder, x, mu, log_var, K, generator):
        right = two_costs(decoder, x, mu, log_var, K, generator)
        return of(decoder, x, mu, log_var), right[1]

    return answer


def codes(of):
    """Make an answer of 4.6 that draws the codes `of(mu, log_var, eps)`."""

    def answer(decoder, x, mu, log_var, K, generator):
        z = of(mu, log_var, noise(mu, K, generator))
        return distortion(decoder, x, mu), distortion(decoder, x, z).mean(0)

    return answer


def with_opposites(decoder, x, mu, log_var, K, generator):
    off = (0.5 * log_var).exp() * noise(mu, (K + 1) // 2, generator)
    z = torch.cat([mu + off, mu - off])
    return distortion(decoder, x, mu), distortion(decoder, x, z).mean(0)


def rate(mu, log_var):
    return 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(-1)


def draw_after_draw(decoder, x, mu, log_var, K, generator):
    total = torch.zeros(len(x), dtype=torch.float64)
    for _ in range(K):
        z = mu + log_var.exp().sqrt() * torch.randn(mu.shape, generator=generator)
        total += bce(decoder(z), x).sum(1)
    return bce(decoder(mu), x).sum(1), total / K


def image_and_its_draws(decoder, x, mu, log_var, K, generator):
    pairs = []
    for image, m, v in zip(x, mu, log_var, strict=True):
        z = m + (v / 2).exp() * torch.randn(K, len(m), generator=generator)
        spread = distributions.Bernoulli(logits=decoder(z)).log_prob(image).sum(-1)
        pairs.append((distortion(decoder, image, m), -spread.mean()))
    return [torch.stack(each) for each in zip(*pairs, strict=True)]


def in_one_batch(decoder, x, mu, log_var, K, generator):
    rows = [each.repeat_interleave(K, 0) for each in (x, mu, log_var)]  # (B·K, ...)
    z = torch.cat([mu, rows[1] + (0.5 * rows[2]).exp() * noise(rows[1], 1, generator)[0]])
    cost = bce(decoder(z), torch.cat([x, rows[0]])).sum(1)
    return cost[: len(x)], cost[len(x) :].unflatten(0, (len(x), K)).mean(1)


def in_float64(decoder, x, mu, log_var, K, generator):
    x, mu, log_var = x.double(), mu.double(), log_var.double()
    eps = torch.randn(K, *mu.shape, generator=generator, dtype=torch.float64)
    logits = decoder(mu + torch.from_numpy(np.exp(0.5 * log_var.numpy())) * eps)
    per_draw = np.logaddexp(0, logits.numpy()).sum(-1) - (x * logits).sum(-1).numpy()
    return distortion(decoder, x, mu).numpy(), per_draw.mean(0)


def with_signs(decoder, x, mu, log_var, K, generator):  # log(1 + exp(-s a)), s = ±1
    sign = 1 - 2 * x
    mu.requires_grad_()
    z = mu + (0.5 * log_var).exp() * noise(mu, K, generator)
    parts = [F.softplus(sign * decoder(codes)).sum(-1) for codes in (mu, z)]
    return parts[0], torch.einsum("kb->b", parts[1]) / K


def by_probabilities(decoder, x, z):
    return F.binary_cross_entropy(
        decoder(z).sigmoid(), x.expand(*z.shape[:-1], -1), reduction="none"
    )


def saturated(decoder, x, mu, log_var, K, generator):
    z = mu + (0.5 * log_var).exp() * noise(mu, K, generator)
    return by_probabilities(decoder, x, mu).sum(-1), by_probabilities(decoder, x, z).sum(-1).mean(0)


def guarded(decoder, x, mu, log_var, K, generator):  # as in the article
    def cost(z):
        white = decoder(z).sigmoid()
        return -(x * (white + 1e-10).log() + (1 - x) * (1 - white + 1e-10).log()).sum(-1)

    return cost(mu), cost(mu + (0.5 * log_var).exp() * noise(mu, K, generator)).mean(0)


def log_of_mean(decoder, x, z, mu):
    return math.log(len(z)) - (-distortion(decoder, x, z)).logsumexp(0)


def mean_picture(decoder, x, z, mu):
    return F.binary_cross_entropy(decoder(z).sigmoid().mean(0), x, reduction="none").sum(-1)


def draw_aggregate(mu, log_var, n, generator, power=0.5):
    rows = torch.randint(len(mu), (n,), generator=generator)
    eps = torch.randn(n, mu.shape[1], generator=generator)
    return mu[rows] + (power * log_var[rows]).exp() * eps


def picked(pick, spread=lambda log_var, rows: (0.5 * log_var[rows]).exp()):
    """Make an answer of 4.7 that takes the images `pick(N, n, generator)`."""

    def answer(mu, log_var, n, generator):
        rows = pick(len(mu), n, generator)
        eps = torch.randn(n, mu.shape[1], generator=generator)
        return mu[rows] + spread(log_var, rows) * eps

    return answer


def evenly(N, n, generator):
    return torch.randint(N, (n,), generator=generator)


def with_noise(make):
    """Make an answer of 4.7 whose noise is `make(rows, mu, generator)`."""

    def answer(mu, log_var, n, generator):
        rows = evenly(len(mu), n, generator)
        return mu[rows] + (0.5 * log_var[rows]).exp() * make(rows, mu, generator)

    return answer


def moment_matched(mu, log_var, n, generator):
    mean, var = moments(mu, log_var)
    return mean + var.sqrt() * torch.randn(n, mu.shape[1], generator=generator)


def from_several(mu, log_var, n, generator):
    rows = torch.randint(len(mu), (n, mu.shape[1]), generator=generator)
    eps = torch.randn(n, mu.shape[1], generator=generator)
    return mu.gather(0, rows) + (0.5 * log_var).exp().gather(0, rows) * eps


def averaged(mu, log_var, n, generator):
    eps = torch.randn(n, *mu.shape, generator=generator)
    return (mu + (0.5 * log_var).exp() * eps).mean(1)


def code_after_code(mu, log_var, n, generator):
    rows = []
    for _ in range(n):
        i = int(torch.rand((), generator=generator, dtype=torch.float64) * len(mu))
        rows.append(mu[i] + (log_var[i] / 2).exp() * torch.randn(mu.shape[1], generator=generator))
    return rows


def by_gumbel(N, n, generator):
    return torch.rand(n, N, generator=generator).argmax(1)


def by_categorical(mu, log_var, n, generator):
    rng = np.random.default_rng(torch.randint(2**62, (), generator=generator).item())
    rows = rng.choice(len(mu), n)
    return rng.normal(mu.double().numpy()[rows], np.exp(0.5 * log_var.double().numpy()[rows]))


def by_all_clouds(mu, log_var, n, generator):  # a code from each cloud, and one of them
    z = mu + (0.5 * log_var).exp() * torch.randn(n, *mu.shape, generator=generator)
    shares = F.one_hot(evenly(len(mu), n, generator), len(mu)).float()
    return torch.einsum("nk,nkl->nl", shares, z)


def by_global(mu, log_var, n, generator):
    parts = distributions.Independent(distributions.Normal(mu, (0.5 * log_var).exp()), 1)
    shares = distributions.Categorical(torch.ones(len(mu)))
    return distributions.MixtureSameFamily(shares, parts).sample((n,))


def seeded_anew(mu, log_var, n, generator):
    return draw_aggregate(mu, log_var, n, torch.Generator().manual_seed(generator.initial_seed()))


def own(seed=1):
    return torch.Generator().manual_seed(seed)


SOLUTIONS = {
    "4.1": bayes,
    "4.2": log_aggregate,
    "4.3": moments,
    "4.4": draw_images,
    "4.6": two_costs,
    "4.7": draw_aggregate,
}

RIGHT = [
    ("4.1", by_scipy),
    ("4.1", by_distributions),
    ("4.1", in_place),
    ("4.1", one_by_one),
    ("4.1", row_by_row),
    ("4.2", by_mixture),
    ("4.2", image_by_image),
    ("4.2", code_by_code),
    ("4.2", expanded),
    ("4.2", by_largest),
    ("4.3", by_second_moment),
    ("4.3", by_mixture_moments),
    ("4.3", moments_by_loops),
    ("4.3", moments_in_place),
    ("4.3", moments_by_pairs),
    ("4.4", lambda m, n, g: m.generate(n, g, sample=True)),
    ("4.4", by_logistic_noise),
    ("4.4", image_after_image),
    ("4.4", by_numpy),
    ("4.4", by_parts),
    ("4.6", draw_after_draw),
    ("4.6", image_and_its_draws),
    ("4.6", in_one_batch),
    ("4.6", in_float64),
    ("4.6", with_signs),
    ("4.7", code_after_code),
    ("4.7", picked(by_gumbel)),
    ("4.7", picked(lambda N, n, g: torch.ones(N).multinomial(n, True, generator=g))),
    ("4.7", by_categorical),
    ("4.7", by_all_clouds),
]

MISTAKES = [
    ("4.1", lambda *a: bayes(*a)[0], "two things"),
    ("4.1", lambda *a: bayes(*a)[::-1], "one number"),
    ("4.1", underflow, "logsumexp"),
    ("4.1", double_underflow, "logsumexp"),
    ("4.1", lambda *a: bayes(*a, prior=0.0), "prior p(z) is missing"),
    ("4.1", lambda *a: bayes(*a, power=0.0), "multiply it in"),
    ("4.1", lambda *a: bayes(*a, power=-1.0), "divided by the area"),
    ("4.1", lambda *a: bayes(*a, power=0.0, mean=True), "average over the grid"),
    ("4.1", cell_outside, "inside the logarithm"),
    ("4.1", lambda *a: bayes(*a, constant=0.0), "for two dimensions, is missing"),
    ("4.1", lambda *a: bayes(*a, constant=LOG_2PI / 2), "twice ½ log 2π"),
    ("4.1", one_coordinate, "yours has one"),
    ("4.1", without_the_largest, "added again"),
    ("4.1", lambda *a: bayes(*a, half=1.0), "½ before the square"),
    ("4.1", largest, "largest term"),
    ("4.1", lambda *a: (-bayes(*a)[0], bayes(*a)[1]), "sign is turned"),
    ("4.1", lambda *a: (bayes(*a)[0].exp(), bayes(*a)[1]), "its logarithm is wanted"),
    ("4.1", lambda *a: (bayes(*a)[0] + 50, bayes(*a)[1]), "small example log p(x) is"),
    ("4.1", lambda *a: (-151.3, bayes(*a)[1]), "small example log p(x) is"),
    ("4.1", without_prior, "lacks the prior"),
    ("4.1", lambda ll, z, c: (bayes(ll, z, c)[0], ll.softmax(0) / c), "missing in your density"),
    ("4.1", not_in_logarithms, "not finite, or 0/0"),
    ("4.1", density(lambda exact, joint, cell: cell * exact), "weights of the cells"),
    ("4.1", density(lambda exact, joint, cell: exact / cell), "no part of the density"),
    (
        "4.1",
        density(lambda exact, joint, cell: joint - joint.logsumexp(0) - math.log(cell)),
        "log-density",
    ),
    ("4.1", density(lambda exact, joint, cell: joint.exp()), "divided by p(x)"),
    ("4.1", density(lambda exact, joint, cell: exact / exact.max()), "as its highest value"),
    ("4.1", density(lambda exact, joint, cell: 3 * exact), "one of your densities"),
    ("4.2", lambda *a: terms(*a).sum(-1), "average over the images"),
    ("4.2", lambda *a: terms(*a).sum(-1).logsumexp(0), "one per image"),
    ("4.2", lambda *a: terms(*a).logsumexp(1), "one value for each coordinate"),
    ("4.2", lambda *a: log_aggregate(*a).sum(), "codes is wanted"),
    ("4.2", lambda *a: terms(*a).sum(-1).mean(1), "logarithm of the mean"),
    ("4.2", lambda *a: terms(*a).sum(-1).logsumexp(1), "divide by N"),
    ("4.2", lambda z, m, v: terms(z, m, v).sum(-1).logsumexp(1) - math.log(len(z)), "number of co"),
    ("4.2", lambda *a: terms(*a).sum(-1).logsumexp(1) - math.log(12), "should be"),
    ("4.2", lambda z, m, v: log_aggregate(z, m, v) + math.log(len(m) / (len(m) - 1)), "images"),
    ("4.2", lambda z, m, v: terms(z, m, v).sum(-1).amax(1) - math.log(len(m)), "the largest"),
    ("4.2", lambda *a: terms(*a).sum(-1).amax(1), "the largest"),
    ("4.2", lambda *a: log_aggregate(*a).exp(), "its logarithm"),
    ("4.2", lambda *a: -log_aggregate(*a), "sign is turned"),
    ("4.2", lambda *a: log_aggregate(*a, scale=2.0), "log σ²"),
    (
        "4.2",
        lambda z, m, v: mixed(-0.5 * ((z[:, None] - m) ** 2 / (v / 2).exp() + v + LOG_2PI)),
        "you have used σ",
    ),
    ("4.2", lambda z, m, v: mixed(terms(z, m, v) - 0.5 * v), "half of log_var is subtracted"),
    ("4.2", lambda z, m, v: mixed(terms(z, m, v) + 0.5 * v), "is divided by its σ"),
    (
        "4.2",
        lambda z, m, v: mixed(terms(z, m, v) - 0.5 * (z[:, None] - m) ** 2 / v.exp()),
        "before the square",
    ),
    ("4.2", lambda *a: log_aggregate(*a, constant=0.0), "log 2π is missing"),
    ("4.2", lambda *a: log_aggregate(*a, constant=0.0) - 0.5 * LOG_2PI, "to every coordinate"),
    ("4.2", lambda *a: mixed(terms(*a).mean(-1, keepdim=True)), "averaged over the coordinates"),
    ("4.2", lambda z, m, v: (terms(z, m, v).logsumexp(1) - math.log(len(m))).sum(-1), "one by one"),
    (
        "4.2",
        lambda z, m, v: distributions.Normal(m.mean(0), moments(m, v)[1].sqrt()).log_prob(z).sum(1),
        "with the moments",
    ),
    ("4.2", lambda z, m, v: mixed(terms(z, m.mean(0)[None], v.mean(0)[None])), "N humps"),
    ("4.2", lambda *a: log_aggregate(*a) + 1, "it should be"),
    ("4.2", lambda *a: log_aggregate(*a).squeeze(), "code alone"),
    ("4.2", lambda *a: terms(*a).sum(-1).exp().mean(1).log(), "underflow"),
    ("4.2", lambda *a: terms(*a).double().sum(-1).exp().mean(1).log(), "underflow"),
    ("4.2", lambda *a: (terms(*a).sum(-1).exp().mean(1) + 1e-30).log(), "underflow"),
    ("4.2", lambda *a: terms(*a).sum(-1).exp().mean(1).clamp(min=1e-38).log(), "underflow"),
    ("4.2", lambda *a: log_aggregate(*a).detach(), "has no gradient"),
    ("4.2", lambda z, m, v: log_aggregate(z.detach(), m, v), "not its gradient"),
    ("4.2", lambda z, m, v: log_aggregate(z, m, v.detach()), "not its gradient"),
    ("4.3", lambda *a: moments(*a)[0], "two things"),
    ("4.3", lambda mu, log_var: (mu.mean(), log_var.exp().mean()), "one value per coordinate"),
    ("4.3", lambda m, v: (m.mean(1), v.exp().mean(1)), "one value per coordinate"),
    ("4.3", lambda *a: moments(*a)[::-1], "other way round"),
    ("4.3", lambda mu, log_var: (0 * mu[0], moments(mu, log_var)[1]), "mean of its means"),
    ("4.3", lambda m, v: (m.sum(0), moments(m, v)[1]), "not their sum"),
    (
        "4.3",
        lambda m, v: (((-v).exp() * m).sum(0) / (-v).exp().sum(0), moments(m, v)[1]),
        "counts the same",
    ),
    ("4.3", drawn_moments, "no draws are needed"),
    ("4.3", variance(lambda mu, log_var: log_var.exp().mean(0)), "lie apart"),
    ("4.3", variance(lambda m, v: v.exp().sum(0) + outer(m)), "summed the widths"),
    ("4.3", variance(lambda mu, log_var: outer(mu)), "also has a width"),
    ("4.3", variance(lambda mu, log_var: mu.var(0)), "each has a width"),
    ("4.3", variance(lambda mu, log_var: (log_var.exp() + mu**2).mean(0)), "second moment"),
    ("4.3", lambda *a: (moments(*a)[0], moments(*a)[1].sqrt()), "standard deviations"),
    ("4.3", lambda *a: (moments(*a)[0], moments(*a)[1].log()), "variances themselves"),
    ("4.3", variance(lambda m, v: (0.5 * v).exp().mean(0) + outer(m)), "you have used σ"),
    ("4.3", variance(lambda m, v: v.mean(0) + outer(m)), "not the variance yet"),
    ("4.3", variance(lambda m, v: (2 * v).exp().mean(0) + outer(m)), "once more"),
    ("4.3", variance(lambda m, v: v.mean(0).exp() + outer(m)), "not log σ²"),
    ("4.3", variance(lambda m, v: (0.5 * v).exp().mean(0) ** 2 + outer(m)), "not σ."),
    ("4.3", variance(lambda m, v: v.exp().mean(0) + m.var(0)), "not by N - 1"),
    ("4.3", variance(lambda m, v: v.exp().mean(0) / len(m) + outer(m)), "mean of N codes"),
    (
        "4.3",
        variance(lambda m, v: v.exp().mean(0).sqrt() + m.std(0, correction=0)),
        "Variances add",
    ),
    ("4.3", lambda *a: (moments(*a)[0], moments(*a)[1] + 1), "it should be"),
    ("4.4", lambda m, n, g: draw_images(m, n, None), "global generator"),
    ("4.4", lambda m, n, g: draw_images(m, n, g)[0], "(n, 784)"),
    ("4.4", lambda m, n, g: draw_images(m, n, g).squeeze(), "image has shape"),
    ("4.4", lambda m, n, g: draw_images(m, n, g) / 0, "are numbers"),
    ("4.4", logits, "logits"),
    ("4.4", means, "one more draw"),
    ("4.4", lambda m, n, g: means(m, n, g).round(), "no draw"),
    ("4.4", lambda m, n, g: logits(m, n, g) > 0, "no draw"),
    ("4.4", lambda m, n, g: draw_images(m, n, g, codes=1), "the same z"),
    ("4.4", lambda m, n, g: draw_images(m, n, g, noise=(1, 784)), "share one draw"),
    ("4.4", lambda m, n, g: draw_images(m, n, g, noise=(n, 1)), "share one random number"),
    (
        "4.4",
        lambda m, n, g: torch.rand(n, 392, generator=g).repeat_interleave(2, 1) < means(m, n, g),
        "hang together",
    ),
    ("4.4", lambda m, n, g: 1 - draw_images(m, n, g), "exchanged"),
    ("4.4", lambda m, n, g: torch.rand(n, 784, generator=g) > means(m, n, g), "exchanged"),
    ("4.4", lambda m, n, g: draw_images(m, n, g, scale=3.0), "spread is not 1"),
    ("4.4", lambda m, n, g: draw_images(m, n, g, scale=0.8), "spread is not 1"),
    ("4.4", lambda m, n, g: draw_images(m, n, g, shift=1.0), "mean is not 0"),
    (
        "4.4",
        lambda m, n, g: draw_images(m, n, g, make=lambda n, L, g: torch.rand(n, L, generator=g)),
        "mean is not 0",
    ),
    ("4.4", lambda m, n, g: draw_images(m, n, g, make=even), "they are not normal"),
    ("4.4", lambda m, n, g: draw_images(m, n, g, make=without_ends), "they are not normal"),
    ("4.4", lambda m, n, g: draw_images(m, n, g, make=one_number), "told from the other"),
    ("4.4", lambda m, n, g: draw_images(m, n, g, make=mirrored), "told from the other"),
    (
        "4.4",
        lambda m, n, g: torch.rand(n, 784, generator=g) < means(m, n, g) / 2,
        "white with probability",
    ),
    (
        "4.4",
        lambda m, n, g: draw_images(m, n, g, scale=torch.eye(m.latent_dim)[0]),
        "not 1",
    ),
    ("4.4", lambda m, n, g: draw_images(m, n, g, make=pairs), "come twice"),
    ("4.4", lambda m, n, g: draw_images(m, n, g, make=halves), "come twice"),
    (
        "4.4",
        lambda m, n, g: torch.bernoulli(logits(m, n, g).clamp(0, 1), generator=g),
        "decoder returns logits",
    ),
    ("4.4", lambda m, n, g: torch.bernoulli(means(m, n, g).sigmoid(), generator=g), "taken twice"),
    ("4.4", lambda m, n, g: draw_images(m, n, another_seed()), "same generator"),
    ("4.4", lambda m, n, g: draw_images(m, n, own()), "other numbers"),
    ("4.4", codes_of_their_own, "codes do not depend on the generator"),
    ("4.4", pixels_of_their_own, "pixels do not depend on the generator"),
    ("4.6", lambda *a: two_costs(*a)[1], "two things"),
    ("4.6", lambda *a: [each.mean() for each in two_costs(*a)], "one cost per image"),
    ("4.6", average(distortion_each := lambda d, x, z, mu: distortion(d, x, z)), "each draw"),
    ("4.6", lambda *a: two_costs(*a)[::-1], "other way round"),
    ("4.6", first(lambda d, x, mu, v: -distortion(d, x, mu)), "at the mean is turned"),
    ("4.6", first(lambda d, x, mu, v: distortion(d, x, mu) / x.shape[1]), "sum over the pixels"),
    ("4.6", first(lambda d, x, mu, v: distortion(d, x, mu) + rate(mu, v)), "rate is in your cost"),
    ("4.6", first(lambda d, x, mu, v: distortion(d, x, 0 * mu)), "not of the code 0"),
    ("4.6", first(lambda d, x, mu, v: (x - d(mu).sigmoid()).square().sum(-1)), "squared error"),
    ("4.6", first(lambda d, x, mu, v: bce(d(mu).sigmoid(), x).sum(-1)), "logits already"),
    (
        "4.6",
        lambda d, x, mu, v, K, g: (
            two_costs(d, x, mu, v, 1, g)[1],
            two_costs(d, x, mu, v, K, g)[1],
        ),
        "contains noise",
    ),
    ("4.6", first(lambda d, x, mu, v: -(x * d(mu).log()).sum(-1)), "not finite"),
    ("4.6", first(lambda d, x, mu, v: distortion(d, x, mu) + 1), "a cost at the mean is"),
    ("4.6", average(lambda d, x, z, mu: distortion(d, x, mu)), "at the mean again"),
    ("4.6", average(lambda d, x, z, mu: distortion(d, x, z.mean(0))), "averaged the codes"),
    (
        "4.6",
        average(lambda d, x, z, mu: bce(d(z).mean(0), x).sum(-1)),
        "averaged what the decoder returned",
    ),
    ("4.6", average(mean_picture), "mean picture"),
    ("4.6", average(log_of_mean), "logarithm of a mean"),
    (
        "4.6",
        lambda d, x, mu, v, K, g: two_costs(d, x, mu, v, K, g, shape=(K, 1, mu.shape[1])),
        "same noise",
    ),
    (
        "4.6",
        lambda d, x, mu, v, K, g: two_costs(d, x, mu, v, K, g, shape=(K, len(x), 1)),
        "coordinates of a code share",
    ),
    (
        "4.6",
        lambda d, x, mu, v, K, g: two_costs(d, x, mu, v, K, g, shape=(1, *mu.shape)),
        "noisier than K",
    ),
    ("4.6", lambda d, x, mu, v, K, g: two_costs(d, x, mu, v, 10, g), "noisier than K"),
    ("4.6", lambda d, x, mu, v, K, g: two_costs(d, x, mu, v, 3000, g), "K = 6 your"),
    ("4.6", lambda *a: two_costs(*a, power=1.0), "multiplied by the variance"),
    ("4.6", codes(lambda mu, v, eps: mu + v * eps), "multiplied by log_var"),
    ("4.6", codes(lambda mu, v, eps: mu + eps), "not multiplied by sigma"),
    ("4.6", codes(lambda mu, v, eps: eps), "drew from the prior"),
    ("4.6", codes(lambda mu, v, eps: (0.5 * v).exp() * eps), "is missing in the codes"),
    ("4.6", average(lambda d, x, z, mu: distortion(d, x, z).sum(0)), "summed over the draws"),
    ("4.6", average(lambda d, x, z, mu: bce(d(z), x).mean((0, 2))), "of a draw is a sum"),
    ("4.6", average(lambda d, x, z, mu: distortion(d, x, z).sum(0) / max(len(z) - 1, 1)), "K = 3"),
    ("4.6", average(lambda d, x, z, mu: distortion(d, x, z).median(0).values), "average over the"),
    (
        "4.6",
        average(lambda d, x, z, mu: (x - d(z).sigmoid()).square().sum(-1).mean(0)),
        "squared error of the draws",
    ),
    ("4.6", with_opposites, "cancels"),
    ("4.6", codes(lambda mu, v, eps: mu + (v / 2).exp() * standardized(eps, 1)), "exactly"),
    ("4.6", average(lambda d, x, z, mu: -distortion(d, x, z).mean(0)), "average is turned"),
    (
        "4.6",
        lambda d, x, mu, v, K, g: (
            distortion(d, x, mu),
            two_costs(d, x, mu, v, K, g)[1] + rate(mu, v),
        ),
        "rate is in your average",
    ),
    ("4.6", average(lambda d, x, z, mu: distortion(d, x, z).mean(0) + 1), "over the draws is"),
    ("4.6", lambda *a: two_costs(*a[:-1], None), "global generator"),
    ("4.6", lambda *a: two_costs(*a[:-1], another_seed()), "same generator"),
    ("4.6", lambda *a: two_costs(*a[:-1], own()), "other numbers"),
    ("4.6", saturated, "moderate logits"),
    ("4.6", guarded, "moderate logits"),
    ("4.7", lambda *a: draw_aggregate(*a)[0], "(n, L)"),
    ("4.7", lambda *a: draw_aggregate(*a) / 0, "finite"),
    ("4.7", lambda *a: draw_aggregate(*a).squeeze(0), "single code"),
    ("4.7", lambda *a: draw_aggregate(*a, power=torch.inf), "finite"),
    ("4.7", lambda m, v, n, g: torch.randn(n, m.shape[1], generator=g), "from the prior"),
    ("4.7", moment_matched, "moments of q(z)"),
    ("4.7", averaged, "one of its parts"),
    ("4.7", picked(lambda N, n, g: torch.randint(N, (1,), generator=g).expand(n)), "one image"),
    ("4.7", picked(lambda N, n, g: torch.randint(N - 1, (n,), generator=g)), "never drawn"),
    ("4.7", picked(lambda N, n, g: (evenly(N, n, g) * evenly(N, n, g)) % N), "not drawn evenly"),
    ("4.7", picked(lambda N, n, g: torch.arange(n) % N), "equally often"),
    ("4.7", picked(lambda N, n, g: evenly(N, n, g).sort().values), "stand together"),
    ("4.7", lambda m, v, n, g: m[evenly(len(m), n, g)], "are the means"),
    ("4.7", with_noise(lambda i, m, g: torch.randn(m.shape[1], generator=g)), "share one noise"),
    ("4.7", with_noise(lambda i, m, g: torch.randn(m.shape, generator=g)[i]), "same noise"),
    ("4.7", with_noise(lambda i, m, g: torch.randn(len(i), 1, generator=g)), "coordinates"),
    ("4.7", from_several, "coordinates of one code come from"),
    ("4.7", lambda *a: draw_aggregate(*a, power=1.0), "by the variance"),
    ("4.7", picked(evenly, lambda v, rows: v[rows]), "by log_var"),
    ("4.7", picked(evenly, lambda v, rows: 1.0), "not multiplied by sigma"),
    ("4.7", lambda *a: draw_aggregate(*a, power=-0.5), "sign in the exponent"),
    (
        "4.7",
        lambda m, v, n, g: draw_aggregate(m, v, n, g) + torch.randn(n, m.shape[1], generator=g),
        "of the prior is added",
    ),
    ("4.7", picked(evenly, lambda v, rows: (0.5 * v).exp().mean(0)), "own sigma"),
    ("4.7", picked(evenly, lambda v, rows: 1.5 * (0.5 * v[rows]).exp()), "times as wide"),
    ("4.7", with_noise(lambda i, m, g: even(len(i), m.shape[1], g)), "not normal"),
    ("4.7", with_noise(lambda i, m, g: normal(len(i), m.shape[1], g) + 0.3), "not normal"),
    ("4.7", with_noise(lambda i, m, g: normal(len(i), m.shape[1], g).clamp(-2.5, 2.5)), "beyond"),
    ("4.7", with_noise(lambda i, m, g: standardized(normal(len(i), m.shape[1], g))), "exactly"),
    ("4.7", by_global, "global generator"),
    ("4.7", lambda m, v, n, g: draw_aggregate(m, v, n, another_seed()), "same generator"),
    ("4.7", lambda m, v, n, g: draw_aggregate(m, v, n, own()), "other numbers"),
    ("4.7", seeded_anew, "second call"),
    ("4.7", picked(lambda N, n, g: evenly(N, n, own())), "images are drawn does not"),
    ("4.7", with_noise(lambda i, m, g: normal(len(i), m.shape[1], own())), "noise does not depend"),
    (
        "4.7",
        picked(
            lambda N, n, g: (
                torch.randperm(N, generator=g)[:n]
                if n <= N
                else torch.randint(N, (n,), generator=g)
            )
        ),
        "twice",
    ),
]
