"""Chapter 5: a solution of every exercise, and the likely mistakes with the hint that each gets."""

import itertools
import math

import numpy as np
import torch
from torch import distributions

LOG_2PI = math.log(2 * math.pi)


def log_q(z, mu, log_var, jacobian=0.5, scale=0.5, half=0.5, constant=LOG_2PI, reduce="sum"):
    eps = (z - mu) / (scale * log_var).exp()
    terms = -half * eps**2 - 0.5 * constant - jacobian * log_var
    return getattr(terms, reduce)(-1) if reduce else terms


def by_distribution(z, mu, log_var):
    sigma = (0.5 * log_var).exp()
    return distributions.Independent(distributions.Normal(mu, sigma), 1).log_prob(z)


def by_covariance(z, mu, log_var):
    q = distributions.MultivariateNormal(mu, torch.diag_embed(log_var.exp()))
    return q.log_prob(z)


def by_transform(z, mu, log_var):
    base = distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))
    stretch = distributions.AffineTransform(mu, (0.5 * log_var).exp())
    return distributions.TransformedDistribution(base, stretch).log_prob(z).sum(1)


def row_by_row(z, mu, log_var):
    rows = []
    for each, m, v in zip(z, mu, log_var, strict=True):
        total = 0.0
        for j in range(len(each)):
            total = total - 0.5 * ((each[j] - m[j]) ** 2 / v[j].exp() + v[j] + LOG_2PI)
        rows.append(total)
    return rows


def by_einsum(z, mu, log_var):
    eps = torch.sub(z, mu).mul(log_var.mul(-0.5).exp())
    square = torch.einsum("bl,bl->b", eps, eps)
    return -(square + z.shape[1] * LOG_2PI) / 2 - log_var.sum(1) / 2


def by_likelihood_loss(z, mu, log_var):
    loss = torch.nn.GaussianNLLLoss(full=True, eps=0.0, reduction="none")
    return -loss(mu, z, log_var.exp()).sum(1)


def density_first(z, mu, log_var):  # underflows far out
    sigma = (0.5 * log_var).exp()
    each = (-0.5 * ((z - mu) / sigma) ** 2).exp() / (sigma * math.sqrt(2 * math.pi))
    return each.log().sum(-1)


def with_guard(z, mu, log_var):  # not right where sigma is small
    sigma = (0.5 * log_var).exp() + 1e-6
    return distributions.Normal(mu, sigma).log_prob(z).sum(-1)


def noise(shape, generator):
    return torch.randn(shape, generator=generator)


def draw(mu, log_var, K, generator, power=0.5, shape=None, make=noise):
    eps = make(shape or (K, *mu.shape), generator)
    return (mu + (power * log_var).exp() * eps).expand(K, *mu.shape)


def draw_by_draw(mu, log_var, K, generator):
    sigma = log_var.exp().sqrt()
    return [mu + sigma * torch.randn(mu.shape, generator=generator) for _ in range(K)]


def image_by_image(mu, log_var, K, generator):
    parts = []
    for m, v in zip(mu, log_var, strict=True):
        eps = torch.randn(K, len(m), generator=generator)
        parts.append(torch.addcmul(m, (0.5 * v).exp(), eps))
    return torch.stack(parts, 1)


def by_uniform(mu, log_var, K, generator):
    u = torch.rand(K, *mu.shape, generator=generator, dtype=torch.float64)
    q = distributions.Normal(mu.double(), (0.5 * log_var).exp().double())
    return q.icdf(u.clamp(1e-12))


def repeated(mu, log_var, K, generator):
    sigma = torch.exp(log_var / 2).repeat(K, 1, 1)
    eps = torch.empty_like(sigma).normal_(generator=generator)
    return mu.repeat(K, 1, 1) + sigma * eps.detach()


def by_affine(mu, log_var, K, generator):
    rng = np.random.default_rng(torch.randint(2**62, (), generator=generator).item())
    eps = torch.from_numpy(rng.standard_normal((K, *mu.shape)))
    return distributions.AffineTransform(mu.double(), torch.exp(0.5 * log_var.double()))(eps)


def signs(shape, generator):
    return 2.0 * torch.randint(2, shape, generator=generator) - 1


def centred(eps):
    return eps - eps.mean(0) if len(eps) > 1 else eps


def of_one_spread(eps):
    return eps / eps.std(0) if len(eps) > 1 else eps


def standardized(shape, generator):  # all of it at once
    eps = noise(shape, generator)
    return (eps - eps.mean()) / eps.std()


def uniform(shape, generator):
    return math.sqrt(12) * (torch.rand(shape, generator=generator) - 0.5)


def mirrored(shape, generator):  # the second image gets the first one's noise, turned round
    eps = noise(shape, generator)
    eps[:, 1] = -eps[:, 0]
    return eps


def opposite(shape, generator):
    half = noise(((shape[0] + 1) // 2, *shape[1:]), generator)
    return torch.cat([half, -half])[: shape[0]]


def twice(shape, generator):  # half of the draws, and the same once more
    half = noise(((shape[0] + 1) // 2, *shape[1:]), generator)
    return torch.cat([half, half])[: shape[0]]


SEEDS = itertools.count()


def another_seed():
    return torch.Generator().manual_seed(next(SEEDS))


def own():
    return torch.Generator().manual_seed(0)


def by_normal(m, v, K, g):
    shape = K, *m.shape
    return torch.normal(m.expand(shape), (0.5 * v).exp().expand(shape), generator=g)


def score_gradient(f, mu, log_var, K, generator, power=1.0, scale=0.5, reduce="mean"):
    z = mu + (scale * log_var).exp() * noise((K, len(mu)), generator)
    per_draw = f(z)[:, None] * (z - mu) / (2 * scale * power * log_var).exp()
    return getattr(per_draw, reduce)(0) if reduce else per_draw


def with_baseline(f, mu, log_var, K, generator):
    sigma = (0.5 * log_var).exp()
    eps = noise((K, len(mu)), generator)
    cost = f(mu + sigma * eps)
    others = (cost.sum() - cost) / (K - 1)
    return (cost - others) @ (eps / sigma) / K


def by_autograd(f, mu, log_var, K, generator):
    mu.requires_grad_()
    z = (mu + (0.5 * log_var).exp() * noise((K, len(mu)), generator)).detach()
    surrogate = (f(z) * log_q(z, mu, log_var)).mean()
    surrogate.backward()
    return mu.grad


def by_score_of_distribution(f, mu, log_var, K, generator):
    leaf = mu.clone().requires_grad_()
    q = distributions.Normal(leaf, log_var.exp().sqrt())
    with torch.no_grad():
        z = mu + q.scale * torch.randn(K, len(mu), generator=generator)
        cost = f(z)
    return torch.autograd.grad(cost @ q.log_prob(z).sum(1), leaf)[0] / K


def in_chunks(f, mu, log_var, K, generator):
    total = torch.zeros(len(mu), dtype=torch.float64)
    for start in range(0, K, 7000):
        eps = noise((min(7000, K - start), len(mu)), generator)
        z = mu + (0.5 * log_var).exp() * eps
        total += torch.einsum("k,kl->l", f(z), (z - mu) * (-log_var).exp()).double()
    return (total / K).numpy()


def by_pairs(f, mu, log_var, K, generator):  # eps and -eps, half as many of each
    sigma = (0.5 * log_var).exp()
    eps = noise(((K + 1) // 2, len(mu)), generator)
    return ((f(mu + sigma * eps) - f(mu - sigma * eps))[:, None] * eps / (2 * sigma)).mean(0)


def pathwise(f, mu, log_var, K, generator):
    mu = mu.clone().requires_grad_()
    z = mu + (0.5 * log_var).exp() * noise((K, len(mu)), generator)
    return torch.autograd.grad(f(z).mean(), mu)[0]


def not_detached(f, mu, log_var, K, generator):
    mu = mu.clone().requires_grad_()
    z = mu + (0.5 * log_var).exp() * noise((K, len(mu)), generator)
    return torch.autograd.grad((f(z) * log_q(z, mu, log_var)).mean(), mu)[0]


def of_log_var(f, mu, log_var, K, generator):
    eps = noise((K, len(mu)), generator)
    return (f(mu + (0.5 * log_var).exp() * eps)[:, None] * (eps**2 - 1) / 2).mean(0)


def with_other_codes(f, mu, log_var, K, generator):
    sigma = (0.5 * log_var).exp()
    costs = f(mu + sigma * noise((K, len(mu)), generator))
    return (costs[:, None] * noise((K, len(mu)), generator) / sigma).mean(0)


def correlated(mu, A, eps, matrix=None, factor=1.0, constant=LOG_2PI):
    z = mu + eps @ (A.T if matrix is None else matrix(A))
    plain = -0.5 * (eps**2 + constant).sum(-1)
    return z, plain - factor * torch.linalg.slogdet(A).logabsdet


def density(change):
    """Make a solution of 5.4 whose log-density is that of eps minus `change(A)`."""

    def answer(mu, A, eps):
        return mu + eps @ A.T, -0.5 * (eps**2 + LOG_2PI).sum(-1) - change(A)

    return answer


def by_multivariate(mu, A, eps):
    z = mu + torch.einsum("ij,bj->bi", A, eps)
    return z, distributions.MultivariateNormal(mu, A @ A.mT).log_prob(z)


def vector_by_vector(mu, A, eps):
    z = torch.stack([m + A @ e for m, e in zip(mu, eps, strict=True)])
    back = torch.linalg.solve(A, (z - mu).T).T
    return [z, distributions.Normal(0.0, 1.0).log_prob(back).sum(-1) - A.slogdet()[1]]


def by_singular_values(mu, A, eps):
    volume = torch.linalg.svdvals(A).log().sum()
    return torch.addmm(mu, eps, A.mT), -0.5 * eps.square().sum(1) - len(A) * LOG_2PI / 2 - volume


def by_lu(mu, A, eps):
    _, _, upper = torch.linalg.lu(A)
    plain = -0.5 * (torch.linalg.vector_norm(eps, dim=1) ** 2 + eps.shape[1] * LOG_2PI)
    return (mu.unsqueeze(-1) + A @ eps.unsqueeze(-1)).squeeze(
        -1
    ), plain - upper.diagonal().abs().log().sum()


def by_covariance_determinant(mu, A, eps):
    eps = eps.double()
    return mu + eps @ A.double().T, (
        -0.5 * (eps**2 + LOG_2PI).sum(1) - 0.5 * torch.logdet(A.double() @ A.double().T)
    )


def density_of_z(mu, A, eps):
    z = mu + eps @ A.T
    return z, -0.5 * (z**2 + LOG_2PI).sum(-1) - torch.linalg.slogdet(A).logabsdet


def row_by_coordinate(mu, A, eps):
    return mu + eps @ A.T, -0.5 * (eps**2 + LOG_2PI) - torch.linalg.slogdet(A).logabsdet


def determinant_itself(mu, A, eps):
    return mu + eps @ A.T, -0.5 * (eps**2 + LOG_2PI).sum(-1) - A.det().abs().log()


def pathwise_gradient(f, mu, log_var, K, generator, power=0.5, shape=None, change=None, make=noise):
    eps = make(shape or (K, len(mu)), generator).expand(K, -1)
    z = (mu + (power * log_var).exp() * eps).requires_grad_()
    (slope,) = torch.autograd.grad(f(z).sum(), z)  # (K, L); dz/dmu is 1
    return (change or mean_and_error)(slope)


def mean_and_error(slope):
    return slope.mean(0), slope.std(0) / len(slope) ** 0.5


def changed(change):
    """Make an answer of 5.6 that returns `change(slope)` for one estimate a draw, (K, L)."""
    return lambda *args: pathwise_gradient(*args, change=change)


def with_copies(f, mu, log_var, K, generator):
    mu = mu.repeat(K, 1).requires_grad_()
    f(mu + torch.exp(log_var / 2) * noise(mu.shape, generator)).sum().backward()
    deviation = (mu.grad - mu.grad.mean(0)).square().sum(0) / (K - 1)
    return mu.grad.mean(0), (deviation / K).sqrt()


def by_vmap(f, mu, log_var, K, generator):
    eps = noise((K, len(mu)), generator)

    def cost(mu, eps):
        return f((mu + (0.5 * log_var).exp() * eps)[None])[0]

    slopes = torch.vmap(torch.func.grad(cost), (None, 0))(mu, eps)
    return [slopes.mean(0), slopes.var(0).div(K).sqrt()]


def draw_after_draw(f, mu, log_var, K, generator):
    total, square = (torch.zeros(len(mu), dtype=torch.float64) for _ in range(2))
    sigma = (0.5 * log_var).exp()
    for _ in range(K):
        leaf = mu.clone().requires_grad_()
        f((leaf + sigma * noise(mu.shape, generator))[None]).backward()
        total += leaf.grad
        square += leaf.grad.double() ** 2
    return total / K, ((square / K - (total / K) ** 2).clamp(min=0) / (K - 1)).sqrt()


def by_jacobian(f, mu, log_var, K, generator):
    sigma, eps = (0.5 * log_var).exp(), noise((K, len(mu)), generator)
    slopes = torch.autograd.functional.jacobian(lambda mu: f(mu + sigma * eps), mu)  # (K, L)
    return slopes.mean(0).numpy(), slopes.double().numpy().std(0, ddof=1) / np.sqrt(K)


def by_differences(f, mu, log_var, K, generator):  # of the same noise
    z = (mu + (0.5 * log_var).exp() * noise((K, len(mu)), generator)).double()
    steps = 1e-4 * torch.eye(len(mu), dtype=torch.float64)
    slopes = torch.stack([(f(z + s) - f(z - s)) / 2e-4 for s in steps], 1)
    return slopes.mean(0), slopes.std(0) / math.sqrt(K)


def by_score(f, mu, log_var, K, generator):
    sigma, eps = (0.5 * log_var).exp(), noise((K, len(mu)), generator)
    return mean_and_error(f(mu + sigma * eps)[:, None] * eps / sigma)


def at_mu(f, mu, log_var, K, generator):
    mu = mu.clone().requires_grad_()
    (slope,) = torch.autograd.grad(f(mu[None]).sum(), mu)
    return slope, pathwise_gradient(f, mu.detach(), log_var, K, generator)[1]


def at_mean_code(f, mu, log_var, K, generator):
    z = mu + (0.5 * log_var).exp() * noise((K, len(mu)), generator)
    mean = z.mean(0, keepdim=True).requires_grad_()
    return torch.autograd.grad(f(mean).sum(), mean)[0][0], z.std(0) / K**0.5


def in_log_var(f, mu, log_var, K, generator):
    leaf = log_var.expand(K, -1).clone().requires_grad_()
    z = mu + (0.5 * leaf).exp() * noise(leaf.shape, generator)
    return mean_and_error(torch.autograd.grad(f(z).sum(), leaf)[0])


def cut(f, mu, log_var, K, generator):
    mu = mu.clone().requires_grad_()
    z = (mu + (0.5 * log_var).exp() * noise((K, len(mu)), generator)).detach()
    return torch.autograd.grad(f(z).mean(), mu)[0], z.std(0)


def absolute_error(slope):
    return slope.mean(0), (slope - slope.mean(0)).abs().mean(0) / len(slope) ** 0.5


def error_of_all(slope):
    return slope.mean(0), (slope.std() / len(slope) ** 0.5).expand(slope.shape[1])


SOLUTIONS = {
    "5.1": log_q,
    "5.2": draw,
    "5.3": score_gradient,
    "5.4": correlated,
    "5.6": pathwise_gradient,
}

RIGHT = [
    ("5.1", by_distribution),
    ("5.1", by_covariance),
    ("5.1", by_transform),
    ("5.1", row_by_row),
    ("5.1", by_einsum),
    ("5.1", by_likelihood_loss),
    ("5.2", draw_by_draw),
    ("5.2", image_by_image),
    ("5.2", by_uniform),
    ("5.2", repeated),
    ("5.2", by_affine),
    ("5.3", with_baseline),
    ("5.3", by_autograd),
    ("5.3", by_score_of_distribution),
    ("5.3", in_chunks),
    ("5.3", by_pairs),
    ("5.4", by_multivariate),
    ("5.4", vector_by_vector),
    ("5.4", by_singular_values),
    ("5.4", by_lu),
    ("5.4", by_covariance_determinant),
    ("5.6", with_copies),
    ("5.6", by_vmap),
    ("5.6", draw_after_draw),
    ("5.6", by_jacobian),
    ("5.6", by_differences),
]

MISTAKES = [
    ("5.1", lambda *a: log_q(*a, reduce=None), "summed: shape (B,)"),
    ("5.1", lambda *a: log_q(*a).sum(), "rows is wanted"),
    ("5.1", lambda *a: log_q(*a, reduce=None).sum(0), "rows is wanted"),
    ("5.1", lambda *a: log_q(*a, jacobian=0.0), "Jacobian, is missing"),
    ("5.1", lambda *a: log_q(*a, jacobian=-0.5), "Jacobian has the wrong sign"),
    ("5.1", lambda *a: log_q(*a, jacobian=1.0), "stretched by sigma"),
    (
        "5.1",
        lambda z, m, v: (log_q(z, m, v, reduce=None) + v / 2 - (v / 2).exp()).sum(-1),
        "its logarithm is wanted",
    ),
    ("5.1", lambda *a: log_q(*a, scale=1.0), "divided by the variance"),
    ("5.1", lambda *a: log_q(*a, scale=1.0, jacobian=1.0), "log_var for log σ"),
    ("5.1", lambda *a: log_q(*a, scale=0.25), "yours has σ"),
    ("5.1", lambda *a: log_q(*a, scale=-0.5), "you multiplied"),
    ("5.1", lambda *a: log_q(*a, half=1.0), "½ is missing in the exponent"),
    ("5.1", lambda *a: log_q(*a, half=-0.5), "lost its minus"),
    (
        "5.1",
        lambda z, m, v: log_q(z, m, v) + (((z - m) ** 2 / v.exp() - z**2) / 2).sum(1),
        "ere is",
    ),
    ("5.1", lambda z, m, v: (-(z - m).abs() / (v / 2).exp() - v - LOG_2PI).sum(1) / 2, "absolute"),
    ("5.1", lambda *a: 2 * log_q(*a), "factor ½ is missing."),
    ("5.1", lambda *a: log_q(*a, constant=0.0), "log 2π is missing"),
    ("5.1", lambda *a: log_q(*a, constant=0.0) - LOG_2PI / 2, "to every coordinate"),
    ("5.1", lambda *a: log_q(*a, constant=2 * LOG_2PI), "½ for each coordinate"),
    ("5.1", lambda *a: log_q(*a, constant=0.0) - 1.5 * LOG_2PI, "should be"),
    ("5.1", lambda *a: -log_q(*a), "sign is turned"),
    ("5.1", lambda *a: log_q(*a, reduce="mean"), "averaged over"),
    ("5.1", lambda *a: log_q(*a).exp(), "its logarithm"),
    ("5.1", lambda *a: log_q(*a) + 1, "it should be"),
    ("5.1", lambda *a: log_q(*a).squeeze(), "batch of one"),
    ("5.1", density_first, "40 sigma away"),
    ("5.1", lambda *a: log_q(*a).exp().clamp(min=1e-38).log(), "40 sigma away"),
    ("5.1", with_guard, "sigma is changed"),
    (
        "5.1",
        lambda z, m, v: -0.5 * ((z - m) ** 2 / (v.exp() + 1e-6) + v + LOG_2PI).sum(-1),
        "sigma is changed",
    ),
    ("5.1", lambda *a: log_q(*a).detach(), "has no gradient"),
    ("5.1", lambda z, m, v: log_q(z.detach(), m, v), "not its gradient"),
    ("5.1", lambda z, m, v: log_q(z, m, v.detach()), "not its gradient"),
    ("5.2", lambda m, v, K, g: draw(m, v, K, g).transpose(0, 1), "(K, B, L)"),
    ("5.2", lambda m, v, K, g: draw(m, v, 1, g)[0], "(K, B, L)"),
    ("5.2", lambda *a: draw(*a).squeeze(0), "also for K = 1"),
    ("5.2", lambda m, v, K, g: draw(m, v, K, None), "global generator"),
    ("5.2", lambda m, v, K, g: draw(m, v, K, g, shape=(1, *m.shape)), "codes of an image are all"),
    ("5.2", lambda m, v, K, g: draw(m, v, K, g, shape=(K, 1, m.shape[1])), "rows share one noise"),
    ("5.2", lambda m, v, K, g: draw(m, v, K, g, shape=(K, len(m), 1)), "dimensions share one"),
    ("5.2", lambda *a: draw(*a, power=1.0), "multiplied by the variance"),
    ("5.2", lambda m, v, K, g: m + v * noise((K, *m.shape), g), "not log_var itself"),
    ("5.2", lambda m, v, K, g: m + v / 2 * noise((K, *m.shape), g), "not half of log_var"),
    ("5.2", lambda m, v, K, g: m + noise((K, *m.shape), g) + 0 * v, "not multiplied by sigma"),
    ("5.2", lambda *a: draw(*a, power=-0.5), "sign in the exponent"),
    ("5.2", lambda *a: draw(*a, power=0.25), "how is log σ made"),
    ("5.2", lambda *a: draw(*a) + 1, "not centred on mu"),
    ("5.2", lambda m, v, K, g: draw(0 * m, v, K, g), "not centred on mu"),
    ("5.2", lambda *a: draw(*a, make=lambda s, g: torch.rand(s, generator=g)), "not centred on mu"),
    ("5.2", lambda *a: draw(*a) / 0, "finite"),
    ("5.2", lambda *a: draw(*a, power=0.4), "standard deviations"),
    ("5.2", lambda *a: draw(*a).detach(), "has no gradient"),
    ("5.2", by_normal, "comes back to mu"),
    ("5.2", lambda m, v, K, g: draw(m, v.detach(), K, g), "comes back to log_var"),
    ("5.2", lambda m, v, K, g: draw(m.detach(), v, K, g), "comes back to mu"),
    (
        "5.2",
        lambda m, v, K, g: m + v.detach() / 2 + draw(0 * m, v, K, g) - v / 2,
        "held still",
    ),
    ("5.2", lambda m, v, K, g: draw(m, v, K, another_seed()), "same numbers"),
    ("5.2", lambda m, v, K, g: draw(m, v, K, own()), "other numbers"),
    (
        "5.2",
        lambda m, v, K, g: draw(m, v, K, torch.Generator().manual_seed(g.initial_seed())),
        "second call",
    ),
    ("5.2", lambda *a: draw(*a, make=signs), "not normal"),
    ("5.2", lambda *a: draw(*a, make=mirrored), "told from that of another"),
    ("5.2", lambda *a: draw(*a, make=twice), "are the same"),
    ("5.2", lambda *a: draw(*a, make=opposite), "two by two"),
    ("5.2", lambda *a: draw(*a, make=uniform), "not normal"),
    ("5.2", lambda *a: draw(*a, make=lambda s, g: noise(s, g).clamp(-3, 3)), "beyond ±3.00"),
    ("5.2", lambda *a: draw(*a, make=lambda s, g: centred(noise(s, g))), "exactly"),
    ("5.2", lambda *a: draw(*a, make=lambda s, g: of_one_spread(noise(s, g))), "exactly"),
    ("5.2", lambda *a: draw(*a, make=lambda s, g: of_one_spread(centred(noise(s, g)))), "exactly"),
    ("5.2", lambda *a: draw(*a, make=standardized), "exactly"),
    ("5.3", lambda *a: score_gradient(*a, reduce=None), "one estimate per draw"),
    ("5.3", lambda *a: score_gradient(*a).mean(), "the shape of mu"),
    ("5.3", lambda f, m, v, K, g: score_gradient(f, m, v, K, None), "global generator"),
    ("5.3", pathwise, "pathwise gradient"),
    ("5.3", not_detached, "not detached"),
    ("5.3", lambda f, m, v, K, g: score_gradient(f, m, v, K, own()), "other numbers"),
    (
        "5.3",
        lambda f, *a: score_gradient(lambda z: torch.ones(len(z)), *a),
        "where is f, at the same",
    ),
    ("5.3", with_other_codes, "at the same codes"),
    ("5.3", lambda *a: -score_gradient(*a), "sign is turned"),
    ("5.3", lambda *a: score_gradient(*a, power=0.5), "divided by sigma once"),
    ("5.3", lambda *a: score_gradient(*a, power=0.0), "did not divide"),
    ("5.3", lambda *a: score_gradient(*a, power=-0.5), "multiplied by sigma; the"),
    ("5.3", lambda *a: score_gradient(*a, power=1.5), "divided eps by it"),
    ("5.3", lambda *a: score_gradient(*a) / 2, "square in log q once more"),
    ("5.3", lambda *a: 2 * score_gradient(*a), "has a factor ½"),
    ("5.3", lambda *a: score_gradient(*a, scale=1.0), "variance as sigma"),
    ("5.3", lambda *a: score_gradient(*a, scale=1.0, power=0.5), "multiplied by the variance"),
    ("5.3", of_log_var, "gradient in log_var"),
    ("5.3", lambda f, m, v, K, g: score_gradient(f, m, 0 * v, K, g), "not from q"),
    ("5.3", lambda *a: score_gradient(*a, reduce="sum"), "summed over the draws"),
    ("5.3", lambda *a: score_gradient(*a) + 1, "it should be"),
    ("5.3", lambda f, m, v, K, g: score_gradient(f, m, v, K // 10, g), "noisier than K"),
    ("5.3", lambda f, m, v, K, g: score_gradient(f, m, v, 100, g), "noisier than K"),
    ("5.3", lambda f, m, v, K, g: score_gradient(f, m, v, 1, g), "noisier than K"),
    ("5.3", lambda f, m, v, K, g: score_gradient(f, m, v, K, another_seed()), "same numbers"),
    ("5.3", lambda *a: score_gradient(*a) / 0, "one of your numbers"),
    ("5.4", lambda *a: correlated(*a)[0], "two things"),
    ("5.4", lambda *a: correlated(*a)[1], "two things"),
    ("5.4", lambda *a: (correlated(*a)[0], correlated(*a)[1].sum()), "(B, L) and (B,)"),
    ("5.4", lambda *a: correlated(*a)[::-1], "(B, L) and (B,)"),
    ("5.4", lambda *a: correlated(*a, matrix=lambda A: A), "transpose"),
    ("5.4", lambda mu, A, eps: correlated(0 * mu, A, eps), "Mu is missing"),
    ("5.4", lambda mu, A, eps: (mu + 0 * eps @ A, correlated(mu, A, eps)[1]), "noise is missing"),
    ("5.4", lambda mu, A, eps: ((mu + eps) @ A.T, correlated(mu, A, eps)[1]), "not on mu"),
    ("5.4", lambda *a: correlated(*a, matrix=lambda A: A.inverse().T), "not its inverse"),
    ("5.4", lambda *a: correlated(*a, matrix=lambda A: A @ A.T), "A Aᵀ is the covariance"),
    ("5.4", lambda *a: correlated(*a, matrix=lambda A: A.diag().diag()), "matrix product"),
    ("5.4", lambda *a: (correlated(*a)[0] + 1, correlated(*a)[1]), "in your codes"),
    ("5.4", row_by_coordinate, "sum over the coordinates"),
    ("5.4", density_of_z, "and not z"),
    ("5.4", density(lambda A: A.det().log()), "may be negative"),
    ("5.4", density(torch.logdet), "may be negative"),
    ("5.4", density(lambda A: 0.0), "determinant is missing"),
    ("5.4", lambda *a: correlated(*a, factor=-1.0), "wrong sign"),
    ("5.4", lambda *a: correlated(*a, factor=2.0), "count it twice"),
    ("5.4", lambda *a: correlated(*a, factor=0.5), "not by its root"),
    ("5.4", density(lambda A: A.det().abs()), "logarithm of the determinant"),
    ("5.4", density(torch.det), "absolute value"),
    ("5.4", density(lambda A: A.diag().abs().log().sum()), "triangular"),
    ("5.4", lambda *a: correlated(*a, constant=0.0), "log 2π is missing"),
    ("5.4", lambda m, A, e: (m + e @ A.T, correlated(m, A, e)[1] - (e**2).sum(1) / 2), "factor ½"),
    ("5.4", lambda *a: (correlated(*a)[0], -correlated(*a)[1]), "sign is turned"),
    ("5.4", lambda *a: (correlated(*a)[0], correlated(*a)[1].exp()), "its logarithm"),
    ("5.4", density(lambda A: 5.0), "one of your log-densities"),
    ("5.4", determinant_itself, "100 rows"),
    ("5.4", density(lambda A: 0.5 * (A @ A.T).det().log()), "100 rows"),
    ("5.4", lambda *a: [each.squeeze(0) for each in correlated(*a)], "batch of one"),
    ("5.4", lambda *a: (correlated(*a)[0].detach(), correlated(*a)[1]), "has no gradient"),
    ("5.4", lambda *a: (correlated(*a)[0], correlated(*a)[1].detach()), "has no gradient"),
    (
        "5.4",
        lambda m, A, e: (correlated(m, A.detach(), e)[0], correlated(m, A, e)[1]),
        "not its gr",
    ),
    (
        "5.4",
        lambda m, A, e: (correlated(m.detach(), A, e)[0], correlated(m, A, e)[1]),
        "not its gr",
    ),
    ("5.6", lambda *a: pathwise_gradient(*a)[0], "two things"),
    ("5.6", changed(lambda s: (s, s.std(0))), "one estimate per draw"),
    ("5.6", changed(lambda s: (s.mean(0), s.std())), "the shape of mu"),
    ("5.6", changed(lambda s: mean_and_error(s)[::-1]), "other way round"),
    ("5.6", by_score, "score function"),
    ("5.6", lambda *a: [by_score(*a)[0], by_score(*a)[1] * a[3] ** 0.5], "score function"),
    ("5.6", at_mu, "slope at mu"),
    ("5.6", at_mean_code, "slope at mu"),
    ("5.6", cut, "does not require grad"),
    ("5.6", changed(lambda s: (-s.mean(0), mean_and_error(s)[1])), "sign is turned"),
    ("5.6", changed(lambda s: (s.sum(0), mean_and_error(s)[1])), "summed over the draws"),
    ("5.6", changed(lambda s: (s.mean(0) / len(s), mean_and_error(s)[1])), "by K twice"),
    ("5.6", lambda *a: pathwise_gradient(*a, power=1.0), "by the variance"),
    ("5.6", lambda *a: pathwise_gradient(*a, power=0.0), "not multiplied by sigma"),
    ("5.6", lambda *a: pathwise_gradient(*a, power=-0.5), "sign in the exponent"),
    ("5.6", lambda f, m, *a: pathwise_gradient(f, 0 * m, *a), "is missing in your codes"),
    ("5.6", in_log_var, "gradient in log_var"),
    ("5.6", changed(lambda s: (s.mean(0) + 1, mean_and_error(s)[1])), "of your gradient"),
    ("5.6", changed(lambda s: (s.mean(0) / 0, mean_and_error(s)[1])), "of your gradient"),
    ("5.6", lambda f, m, v, K, g: pathwise_gradient(f, m, v, 20, g), "noisier than K"),
    ("5.6", lambda f, m, v, K, g: pathwise_gradient(f, m, v, K, g, shape=(1, len(m))), "noisier"),
    (
        "5.6",
        lambda f, m, v, K, g: pathwise_gradient(f, m, v, K, g, shape=(K, 1)),
        "share one noise",
    ),
    ("5.6", changed(lambda s: (s.mean(0), 0 * s[0])), "standard error is 0"),
    ("5.6", changed(lambda s: (s.mean(0), s.std(0))), "spread of one draw"),
    ("5.6", changed(lambda s: (s.mean(0), s.var(0))), "variance of one draw"),
    ("5.6", changed(lambda s: (s.mean(0), s.var(0) / len(s))), "variance of the mean"),
    ("5.6", changed(lambda s: (s.mean(0), s.std(0) / len(s))), "with the root of K"),
    ("5.6", changed(lambda s: (s.mean(0), s.std(0) * len(s) ** 0.5)), "sum over K draws"),
    ("5.6", changed(lambda s: (s.mean(0), 1.96 * mean_and_error(s)[1])), "half-width"),
    ("5.6", changed(lambda s: (s.mean(0), s.std(0) / 50)), "standard error"),
    ("5.6", changed(error_of_all), "standard errors"),
    ("5.6", changed(absolute_error), "standard errors"),
    ("5.6", lambda *a: pathwise_gradient(*a, make=twice), "scatters 1."),
    ("5.6", lambda *a: pathwise_gradient(*a, make=opposite), "scatters 0.0"),
    ("5.6", lambda *a: pathwise_gradient(*a, make=lambda s, g: centred(noise(s, g))), "rs 0.0"),
    ("5.6", lambda f, m, v, K, g: pathwise_gradient(f, m, v, K, None), "global generator"),
    ("5.6", lambda f, m, v, K, g: pathwise_gradient(f, m, v, K, another_seed()), "same numbers"),
    ("5.6", lambda f, m, v, K, g: pathwise_gradient(f, m, v, K, own()), "other numbers"),
]
