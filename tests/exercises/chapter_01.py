"""Chapter 1: a solution of every exercise, and the likely mistakes with the hint that each gets."""

import math

import numpy as np
import torch
from sklearn.decomposition import PCA, TruncatedSVD
from torch import nn
from torch.distributions import (
    Bernoulli,
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)
from torch.nn import functional as F

LOG_2PI = math.log(2 * math.pi)


def cost_of(x, x_hat):
    return -(x * x_hat.log() + (1 - x) * (1 - x_hat).log()).sum(-1)


def cost_by_loops(x, x_hat):
    costs = []
    for grey, chances in zip(x, x_hat, strict=True):
        cost = 0.0
        for value, chance in zip(grey, chances, strict=True):
            cost = cost - value * chance.log() - (1 - value) * torch.log1p(-chance)
        costs.append(cost)
    return costs


def cost_by_products(x, x_hat):
    white, black = x_hat.log(), torch.log1p(-x_hat)
    return -(x @ white.T + (1 - x) @ black.T).diag()


def cost_in_place(x, x_hat):
    black = torch.log1p(-x_hat)
    x.neg_()
    return (x * (x_hat.log() - black)).sub_(black).sum(1)


def cost_in_numpy(x, x_hat):
    x, x_hat = x.double().numpy(), x_hat.detach().double().numpy()
    return -(x * np.log(x_hat) + (1 - x) * np.log(1 - x_hat)).sum(1)


def turned(encode, decode, R):
    return lambda x: encode(x) @ R.T, lambda z: decode(z @ R)


class Turned(nn.Module):
    def __init__(self, function, before=None, after=None):
        super().__init__()
        self.function, self.before, self.after = function, before, after

    def forward(self, rows):
        rows = rows if self.before is None else torch.einsum("ij,nj->ni", self.before, rows)
        rows = self.function(rows)
        return rows if self.after is None else torch.einsum("ij,nj->ni", self.after, rows)


def turned_by_columns(encode, decode, R):
    def new_encode(x):
        return torch.stack([R @ z for z in encode(x)])

    def new_decode(z):
        return decode(torch.linalg.solve(R, z.T).T)

    return [new_encode, new_decode]


def turned_as_complex_numbers(encode, decode, R):
    turn = torch.complex(R[0, 0], R[1, 0])

    def new_encode(x):
        return torch.view_as_real(torch.view_as_complex(encode(x)) * turn)

    return new_encode, lambda z: decode(
        torch.view_as_real(torch.view_as_complex(z.contiguous()) / turn)
    )


def turned_by_angle(encode, decode, R):
    angle = torch.atan2(R[1, 0], R[0, 0])

    def turn(z, angle):
        a, b = z.unbind(-1)
        c, s = angle.cos(), angle.sin()
        return torch.stack([c * a - s * b, s * a + c * b], -1)

    return lambda x: turn(encode(x), angle), lambda z: decode(turn(z, -angle))


def log_mixture(x, weights, means, variances, constant=None, share=1.0):
    squares = (x[:, None] - means).square().sum(-1)
    constant = x.shape[1] / 2 if constant is None else constant
    bumps = -0.5 * squares / variances - constant * (variances.log() + LOG_2PI)
    return (bumps + share * weights.log()).logsumexp(1)


def log_bumps(x, means, variances):
    return Normal(means, variances.sqrt()[:, None]).log_prob(x[:, None]).sum(-1)  # (N, K)


def mixture_of_torch(x, weights, means, variances):
    bumps = Independent(Normal(means, variances.sqrt()[:, None]), 1)
    return MixtureSameFamily(Categorical(weights), bumps).log_prob(x)


def mixture_by_loops(x, weights, means, variances):
    rows = []
    for point in x:
        terms = [
            weight.log() + Normal(mean, variance.sqrt()).log_prob(point).sum()
            for weight, mean, variance in zip(weights, means, variances, strict=True)
        ]
        rows.append(torch.stack(terms).logsumexp(0))
    return rows


def mixture_bump_by_bump(x, weights, means, variances):
    total = torch.full((len(x),), -math.inf)
    for weight, mean, variance in zip(weights, means, variances, strict=True):
        bump = MultivariateNormal(mean, variance * torch.eye(x.shape[1]))
        total = torch.logaddexp(total, bump.log_prob(x) + weight.log())
    return total


def mixture_with_the_largest_out(x, weights, means, variances):
    terms = log_bumps(x, means, variances) + weights.log()
    largest = terms.max(1, keepdim=True).values
    return largest[:, 0] + (terms - largest).exp().sum(1).log()


def mixture_by_expansion(x, weights, means, variances):
    x, means = x.double(), means.double()  # in float32 the three terms would cancel far out
    squares = (x**2).sum(1)[:, None] - 2 * x @ means.T + (means**2).sum(1)
    terms = weights.log() - 0.5 * squares / variances
    return (terms - 0.5 * x.shape[1] * (2 * math.pi * variances).log()).logsumexp(-1)


def mean_of_logs(x, weights, means, variances):
    return log_bumps(x, means, variances) @ weights


def underflow(x, weights, means, variances):
    return ((log_bumps(x, means, variances).exp()) @ weights).log()


def shifted(x, weights, means, variances):
    return (log_mixture(x, weights, means, variances).exp() + 1e-30).log()


def kept_finite(x, weights, means, variances):
    return log_mixture(x, weights, means, variances).clamp(min=-100)


def means_of_squares(x, weights, means, variances):
    squares = (x[:, None] - means).square().mean(-1)
    bumps = -0.5 * squares / variances - x.shape[1] / 2 * (variances.log() + LOG_2PI)
    return (bumps + weights.log()).logsumexp(1)


def no_half(x, weights, means, variances):
    squares = (x[:, None] - means).square().sum(-1)
    bumps = -squares / variances - x.shape[1] / 2 * (variances.log() + LOG_2PI)
    return (bumps + weights.log()).logsumexp(1)


def one_per_bump(x, weights, means, variances):
    return (x[:, None] - means).square().sum(-1)


def in_numpy(x, weights, means, variances):
    return log_mixture(x, *(each.detach() for each in (weights, means, variances))).numpy()


def log_sliding(x, f, v, cell=None, prior=1.0, reach=(-5, 5), points=1000):
    z = torch.linspace(*reach, points)
    weights = cell or (z[1] - z[0])
    weights = weights * (-0.5 * prior * z**2 - 0.5 * LOG_2PI).exp()
    return log_mixture(x, weights, f(z), torch.full_like(z, v))


def sliding_without_steps(x, f, v):
    z = torch.linspace(-6, 6, 3001)
    log_share = Normal(0.0, 1.0).log_prob(z).log_softmax(0)
    squares = torch.cdist(x, f(z)).square()
    bumps = -0.5 * squares / v - 0.5 * x.shape[1] * math.log(2 * math.pi * v)
    return (bumps + log_share).logsumexp(1)


def sliding_in_pieces(x, f, v):
    total = torch.full((len(x),), -math.inf)
    for z in torch.linspace(-5, 5, 1001).split(100):
        terms = MultivariateNormal(f(z), v * torch.eye(x.shape[1])).log_prob(x[:, None])
        terms = terms + Normal(0.0, 1.0).log_prob(z) + math.log(0.01)
        total = torch.logaddexp(total, terms.logsumexp(1))
    return total


def sliding_by_trapezoids(x, f, v):
    z = torch.linspace(-5, 5, 2001)
    terms = log_bumps(x, f(z), torch.full_like(z, v)) + Normal(0.0, 1.0).log_prob(z)
    largest = terms.amax(1, keepdim=True)
    return torch.trapezoid((terms - largest).exp(), z).log() + largest[:, 0]


def sliding_point_by_point(x, f, v):
    z = torch.linspace(-5, 5, 1000, dtype=torch.float64)
    log_share = Normal(0.0, 1.0).log_prob(z) + math.log(10 / 999)
    middles = f(z)
    return torch.stack(
        [(log_share + Normal(middles, v**0.5).log_prob(p).sum(1)).logsumexp(0) for p in x]
    )


def sliding_by_simpson(x, f, v):
    z = torch.linspace(-5, 5, 1001)
    weights = torch.tensor([2.0, 4.0]).repeat(501)[:1001]
    weights[0] = weights[-1] = 1
    bumps = log_bumps(x, f(z), torch.full_like(z, v))
    return (bumps + Normal(0.0, 1.0).log_prob(z) + (weights * 0.01 / 3).log()).logsumexp(1)


def sliding_by_draws(x, f, v):
    z = torch.randn(1000)
    return log_bumps(x, f(z), torch.full_like(z, v)).logsumexp(1) - math.log(1000)


def sliding_by_quantiles(x, f, v):
    z = torch.special.ndtri((torch.arange(1000) + 0.5) / 1000)  # of equal shares, and not even
    return log_bumps(x, f(z), torch.full_like(z, v)).logsumexp(1) - math.log(1000)


def sliding_underflows(x, f, v):
    z = torch.linspace(-5, 5, 1000)
    bumps = log_bumps(x, f(z), torch.full_like(z, v)).exp()
    return (bumps @ Normal(0.0, 1.0).log_prob(z).exp() / 100).log()


def sliding_without_gradient(x, f, v):
    z = torch.linspace(-5, 5, 1000)
    with torch.no_grad():
        return log_sliding(x, lambda z: f(z), v) + 0 * z[0]


def at_the_mean_code(x, f, v):
    return Normal(f(torch.zeros(1)), v**0.5).log_prob(x).sum(-1)


def rebuilt_by_pca(images, L):
    mean = images.mean(0)
    V = torch.linalg.svd(images - mean, full_matrices=False)[2][:L]  # (L, D)
    return mean + (images - mean) @ V.T @ V


def rebuilt_by_sklearn(images, L):
    pca = PCA(L).fit(images.numpy())
    return pca.inverse_transform(pca.transform(images.numpy()))


def rebuilt_by_eigenvectors(images, L):
    mean = images.mean(0)
    _, vectors = torch.linalg.eigh(torch.cov(images.T))
    return mean + (images - mean) @ vectors[:, -L:] @ vectors[:, -L:].T


def rebuilt_from_rows_of_eigh(images, L):
    mean = images.mean(0)
    V = torch.linalg.eigh(torch.cov(images.T))[1][-L:]
    return mean + (images - mean) @ V.T @ V


def rebuilt_by_low_rank(images, L, q=None):
    U, S, V = torch.pca_lowrank(images, q=q or min(images.shape))
    return images.mean(0) + (U * S)[:, :L] @ V[:, :L].T


def rebuilt_by_chance(images, L):
    V = torch.linalg.qr(torch.randn(images.shape[1], L)).Q
    return images.mean(0) + (images - images.mean(0)) @ V @ V.T


def rebuilt_from_u(images, L):
    mean = images.mean(0)
    U, S, Vh = torch.linalg.svd(images - mean)
    return mean + torch.einsum("nl,l,ld->nd", U[:, :L], S[:L], Vh[:L])


def rebuilt_among_images(images, L):
    rows = images.double().numpy()
    rows = rows - rows.mean(0)
    vectors = np.linalg.eigh(rows @ rows.T)[1][:, -L:]  # (N, L)
    return images.double().numpy().mean(0) + vectors @ (vectors.T @ rows)


def rebuilt_by_powers(images, L):
    mean = images.mean(0)
    images -= mean
    rest, rebuilt = images.clone(), mean.expand_as(images).clone()
    for _ in range(L):
        v = rest[0].clone()
        for _ in range(200):
            v = rest.T @ (rest @ v)
            v /= v.norm()
        part = torch.outer(rest @ v, v)
        rest -= part
        rebuilt += part
    return rebuilt


def rebuilt_by_least_squares(images, L):
    """Train encoder and decoder in turns."""
    mean = images.double().mean(0)
    rows = images.double() - mean
    V = torch.randn(L, images.shape[1], dtype=torch.float64)
    for _ in range(300):
        codes = torch.linalg.lstsq(V.T, rows.T).solution.T
        V = torch.linalg.lstsq(codes, rows).solution
    return mean + codes @ V


def pca(images, L, centre=None, back=None, pick=None, scale=None, turn=False):
    """Rebuild with what can go wrong."""
    mean = images.mean(0)
    rows = images - (mean if centre is None else centre(images))
    _, S, Vh = torch.linalg.svd(rows, full_matrices=False)
    V = Vh[:, :L].T if turn else Vh[slice(L) if pick is None else pick(L)]
    codes = rows @ V.T
    if scale is not None:
        codes = codes * scale(S[:L])
    return codes @ V + (mean if back is None else back(images))


def zero(images):
    return 0.0


SOLUTIONS = {
    "1.1": cost_of,
    "1.2": turned,
    "1.3": log_mixture,
    "1.4": log_sliding,
    "1.6": rebuilt_by_pca,
}

RIGHT = [
    ("1.1", cost_by_loops),
    ("1.1", cost_by_products),
    ("1.1", cost_in_place),
    ("1.1", lambda x, p: F.binary_cross_entropy(p, x, reduction="none").sum(1)),
    ("1.1", lambda x, p: -Bernoulli(p, validate_args=False).log_prob(x).sum(-1)),
    ("1.1", lambda x, p: F.binary_cross_entropy_with_logits(p.logit(), x, reduction="none").sum(1)),
    ("1.1", lambda x, p: -(torch.xlogy(x, p) + torch.special.xlog1py(1 - x, -p)).sum(1)),
    ("1.1", torch.vmap(lambda x, p: F.binary_cross_entropy(p, x, reduction="sum"))),
    ("1.1", lambda x, p: -torch.lerp(torch.log1p(-p), p.log(), x).sum(1)),
    ("1.2", turned_by_columns),
    ("1.2", turned_as_complex_numbers),
    ("1.2", turned_by_angle),
    ("1.2", lambda e, d, R: (Turned(e, after=R), Turned(d, before=R.T))),
    ("1.2", lambda e, d, R: (lambda x: (R @ e(x).T).T, lambda z: d((R.T @ z.T).T))),
    ("1.2", lambda e, d, R: (lambda x: F.linear(e(x), R), lambda z: d(z @ R.inverse().T))),
    (
        "1.2",
        lambda e, d, R: (
            lambda x: e(x).double().numpy() @ R.double().numpy().T,
            lambda z: d(z.double().numpy() @ R.double().numpy()),
        ),
    ),
    ("1.3", mixture_of_torch),
    ("1.3", mixture_by_loops),
    ("1.3", mixture_bump_by_bump),
    ("1.3", mixture_with_the_largest_out),
    ("1.3", mixture_by_expansion),
    ("1.3", lambda x, w, m, v: (log_bumps(x, m, v) + w.log()).logcumsumexp(1)[:, -1]),
    ("1.3", lambda x, w, m, v: torch.vmap(lambda p: mixture_of_torch(p[None], w, m, v)[0])(x)),
    ("1.4", sliding_without_steps),
    ("1.4", sliding_in_pieces),
    ("1.4", sliding_by_trapezoids),
    ("1.4", sliding_point_by_point),
    ("1.4", sliding_by_simpson),
    ("1.6", rebuilt_by_sklearn),
    ("1.6", rebuilt_by_eigenvectors),
    ("1.6", rebuilt_from_u),
    ("1.6", rebuilt_among_images),
    ("1.6", rebuilt_by_powers),
    ("1.6", rebuilt_by_least_squares),
    ("1.6", rebuilt_by_low_rank),
    ("1.6", lambda images, L: rebuilt_by_low_rank(images, L, q=L)),
]

MISTAKES = [
    ("1.1", lambda x, p: cost_of(x, p).mean(), "over the batch"),
    ("1.1", lambda x, p: F.binary_cross_entropy(p, x, reduction="none"), "single pixels"),
    ("1.1", lambda x, p: F.binary_cross_entropy(p, x, reduction="none").sum(0), "along the images"),
    ("1.1", lambda x, p: cost_of(x, p)[:2], "here shape ("),
    ("1.1", lambda x, p: -cost_of(x, p), "sign"),
    ("1.1", lambda x, p: cost_of(x, p) / x.shape[1], "mean"),
    ("1.1", lambda x, p: -(x * p.log()).sum(1), "black pixel"),
    ("1.1", lambda x, p: -((1 - x) * (1 - p).log()).sum(1), "white pixel"),
    ("1.1", lambda x, p: cost_of(p, x), "changed places"),
    ("1.1", lambda x, p: (x - p).square().sum(1), "squared error"),
    ("1.1", lambda x, p: 0.5 * (x - p).square().sum(1), "half of the squared error"),
    ("1.1", lambda x, p: cost_of(x, p.sigmoid()), "no logits"),
    ("1.1", lambda x, p: -torch.where(x > 0.5, p.log(), (1 - p).log()).sum(1), "ou round the grey"),
    ("1.1", lambda x, p: F.binary_cross_entropy(p, x, reduction="sum"), "over the batch"),
    (
        "1.1",
        lambda x, p: [
            F.binary_cross_entropy(b, a, reduction="sum").item() for a, b in zip(x, p, strict=True)
        ],
        "no gradient",
    ),
    ("1.1", lambda x, p: cost_of(x, p) - cost_of(x, x), "perfect copy"),
    ("1.1", lambda x, p: cost_of(x, p) / math.log(2), "bits"),
    ("1.1", lambda x, p: 784 * F.binary_cross_entropy(p, x, reduction="none").mean(1), "typed in"),
    ("1.1", lambda x, p: cost_of(x, p) / math.log(10), "another logarithm"),
    ("1.1", lambda x, p: cost_of(x, p) + 1, "it should be"),
    ("1.1", lambda x, p: cost_of(x, p + 1e-3), "it should be"),
    ("1.1", lambda x, p: cost_of(x, p.clamp(0.01, 0.99)), "clamped"),
    ("1.1", lambda x, p: cost_of(x, p + 3e-5), "clamped"),
    ("1.1", lambda x, p: cost_of(x, p).detach(), "no gradient"),
    ("1.1", cost_in_numpy, "no gradient"),
    ("1.1", lambda x, p: cost_of(x, p.detach()) + 0 * p.sum(), "not its gradient"),
    ("1.2", lambda e, d, R: e, "two functions"),
    ("1.2", lambda e, d, R: (e, d, R), "two functions"),
    ("1.2", lambda e, d, R: (R, R.T), "two functions"),
    ("1.2", lambda e, d, R: turned(e, d, R)[::-1], "encoder comes first"),
    ("1.2", lambda e, d, R: (lambda x: R @ e(x), d), "stopped with"),
    ("1.2", lambda e, d, R: (lambda x: R @ e(x).T, d), "stay in rows"),
    ("1.2", lambda e, d, R: (lambda x: d(e(x) @ R.T), d), "the shape (N, 2)"),
    ("1.2", lambda e, d, R: (e, d), "does not turn anything"),
    ("1.2", lambda e, d, R: (e, lambda z: d(z @ R)), "does not turn anything"),
    ("1.2", lambda e, d, R: (lambda x: e(x) @ R, lambda z: d(z @ R.T)), "other way"),
    ("1.2", lambda e, d, R: (lambda x: 2 * e(x), d), "R z for every code"),
    ("1.2", lambda e, d, R: (turned(e, d, R)[0], d), "turn the codes back"),
    ("1.2", lambda e, d, R: (turned(e, d, R)[0], lambda z: d(z @ R.T)), "inverse of R"),
    ("1.2", lambda e, d, R: (turned(e, d, R)[0], lambda z: d(z @ R.inverse())), "inverse of R"),
    ("1.2", lambda e, d, R: (lambda x: e(x) * R[0], d), "R z for every code"),
    ("1.2", lambda e, d, R: (turned(e, d, R)[0], lambda z: z @ R), "returns codes"),
    ("1.2", lambda e, d, R: (turned(e, d, R)[0], lambda z: 2 * d(z)), "rebuilt exactly"),
    ("1.2", lambda e, d, R: (turned(e, d, R)[0], lambda z: d(z @ R)[:-1]), "rebuilt exactly"),
    ("1.3", one_per_bump, "sum over the bumps"),
    ("1.3", lambda *a: log_mixture(*a).mean(), "per point"),
    ("1.3", lambda *a: log_mixture(*a)[:, None], "here shape ("),
    ("1.3", lambda *a: log_mixture(*a).exp(), "the density"),
    ("1.3", lambda *a: -log_mixture(*a), "sign"),
    ("1.3", lambda *a: log_mixture(*a, share=0.0), "weights are missing"),
    ("1.3", lambda x, w, m, v: log_mixture(x, 0 * w + 1 / len(w), m, v), "count alike"),
    (
        "1.3",
        lambda x, w, m, v: (log_bumps(x, m, v) + w).logsumexp(1),
        "into the sum as logarithms",
    ),
    ("1.3", lambda x, w, m, v: (log_bumps(x, m, v) * w).logsumexp(1), "weights multiply"),
    ("1.3", lambda x, w, m, v: (log_bumps(x, m, v) + w.log()).logsumexp(0), "over the points"),
    ("1.3", lambda *a: log_mixture(*a) - math.log(len(a[1])), "divide by K"),
    ("1.3", mean_of_logs, "mean of the logarithms"),
    ("1.3", lambda x, w, m, v: (log_bumps(x, m, v) + w.log()).sum(1), "sum of the logarithms"),
    ("1.3", lambda x, w, m, v: (log_bumps(x, m, v) + w.log()).amax(1), "largest bump"),
    ("1.3", means_of_squares, "taken their mean"),
    ("1.3", no_half, "factor ½"),
    ("1.3", lambda *a: log_mixture(*a, constant=0.5), "one dimension"),
    ("1.3", lambda *a: log_mixture(*a, constant=0.0), "constant of the bumps is missing"),
    ("1.3", lambda x, w, m, v: log_mixture(x, w, m, v**2), "as standard deviations"),
    ("1.3", lambda x, w, m, v: log_mixture(x, w, m, v.sqrt()), "square root"),
    ("1.3", lambda *a: log_mixture(*a, constant=1.0), "number of dimensions"),
    ("1.3", lambda *a: log_mixture(*a, constant=1.5), "number of dimensions"),
    ("1.3", lambda *a: log_mixture(*a) + LOG_2PI, "the same amount"),
    ("1.3", lambda *a: log_mixture(*a) ** 2, "it should be"),
    ("1.3", underflow, "logsumexp"),
    ("1.3", shifted, "logsumexp"),
    ("1.3", kept_finite, "logsumexp"),
    ("1.3", lambda *a: log_mixture(*a).detach(), "no gradient"),
    ("1.3", in_numpy, "no gradient"),
    ("1.3", lambda x, w, m, v: log_mixture(x, w, m, v.detach()), "not its gradient"),
    ("1.3", lambda x, w, m, v: log_mixture(x, w.detach(), m, v), "not its gradient"),
    ("1.4", lambda *a: log_sliding(*a).mean(), "per point"),
    ("1.4", lambda *a: log_sliding(*a)[:, None], "here shape ("),
    ("1.4", lambda *a: log_sliding(*a).log(), "not finite"),
    ("1.4", lambda *a: -log_sliding(*a), "sign"),
    ("1.4", lambda *a: log_sliding(*a).exp(), "the density"),
    ("1.4", lambda x, f, v: log_sliding(x, f, v**2), "not its standard deviation"),
    ("1.4", lambda x, f, v: log_sliding(x, f, math.sqrt(v)), "not its square root"),
    ("1.4", lambda *a: log_sliding(*a, cell=1.0), "sum to one"),
    ("1.4", lambda *a: log_sliding(*a) + LOG_2PI, "sum to one"),
    ("1.4", lambda *a: log_sliding(*a, prior=0.0), "count alike"),
    ("1.4", lambda *a: log_sliding(*a, prior=2.0), "factor ½"),
    ("1.4", lambda x, f, v: log_sliding(x, f, v) + x.shape[1] / 2 * math.log(v), "its constant"),
    ("1.4", lambda *a: log_sliding(*a, reach=(-1, 1)), "reaches from -1.0 to 1.0"),
    ("1.4", lambda *a: log_sliding(*a, reach=(0, 5)), "reaches from 0.0"),
    ("1.4", lambda *a: log_sliding(*a, reach=(-3, 3)), "reaches from -3.0 to 3.0"),
    ("1.4", lambda *a: log_sliding(*a, points=6), "too coarse"),
    ("1.4", lambda *a: log_sliding(*a, points=20), "too coarse"),
    ("1.4", sliding_by_quantiles, "do not lie evenly"),
    ("1.4", sliding_by_draws, "draws would leave noise"),
    ("1.4", at_the_mean_code, "fewer than two codes"),
    ("1.4", lambda x, f, v: log_sliding(x, lambda z: f(z[:, None]), v), "codes of shape (M,)"),
    ("1.4", lambda *a: 2 * log_sliding(*a), "it should be"),
    ("1.4", sliding_underflows, "not far from it"),
    ("1.4", lambda *a: log_sliding(*a).clamp(min=-100), "not far from it"),
    ("1.4", lambda *a: log_sliding(*a).detach(), "no gradient"),
    ("1.4", sliding_without_gradient, "no gradient"),
    ("1.6", lambda x, L: (x - x.mean(0)) @ torch.linalg.svd(x - x.mean(0))[2][:L].T, "the codes"),
    ("1.6", lambda x, L: torch.linalg.svd(x - x.mean(0))[2][:L], "the directions"),
    ("1.6", lambda x, L: rebuilt_by_pca(x, L).T, "in columns"),
    ("1.6", lambda x, L: rebuilt_by_pca(x, L).mean(0), "picture for each image"),
    ("1.6", lambda x, L: pca(x, L, back=zero), "not added back"),
    ("1.6", lambda x, L: pca(x, L, centre=zero, back=zero), "subtract it first, and add it back"),
    ("1.6", lambda x, L: pca(x, L, centre=zero), "added on top"),
    (
        "1.6",
        lambda x, L: (x - x.mean(0)) @ (V := torch.linalg.svd(x)[2][:L]).T @ V + x.mean(0),
        "when the directions are sought",
    ),
    (
        "1.6",
        lambda x, L: x @ (V := torch.linalg.svd(x - x.mean(0))[2][:L]).T @ V,
        "before you project, and add it back",
    ),
    (
        "1.6",
        lambda x, L: x @ (V := torch.linalg.svd(x - x.mean(0))[2][:L]).T @ V + x.mean(0),
        "in twice",
    ),
    (
        "1.6",
        lambda x, L: pca(x, L, lambda x: x.mean(1)[:, None], lambda x: x.mean(1)[:, None]),
        "mean of each image",
    ),
    ("1.6", lambda x, L: pca(x, L, torch.mean, torch.mean), "subtract one number"),
    ("1.6", lambda x, L: pca(x, L, turn=True), "not the main ones"),
    ("1.6", rebuilt_from_rows_of_eigh, "not the main ones"),
    ("1.6", lambda x, L: pca(x, L, scale=lambda S: S), "once too often"),
    ("1.6", lambda x, L: pca(x, L, scale=lambda S: 1 / S), "singular values are missing"),
    ("1.6", lambda x, L: pca(x, L, pick=lambda L: slice(-L, None)), "vary least"),
    ("1.6", lambda x, L: pca(x, L + 1), "too many"),
    ("1.6", lambda x, L: pca(x, L - 1), "too few"),
    ("1.6", lambda x, L: pca(x, L, pick=lambda L: slice(L - 1, L)), "one direction alone"),
    ("1.6", lambda x, L: pca(x, L, pick=lambda L: slice(L, L + 1)), "number L + 1"),
    ("1.6", lambda x, L: pca(x, L, pick=lambda L: slice(1, L + 1)), "second direction"),
    ("1.6", lambda x, L: x, "the images themselves"),
    ("1.6", lambda x, L: x.mean(0).expand_as(x), "for every image"),
    ("1.6", lambda x, L: x - rebuilt_by_pca(x, L), "cannot be rebuilt"),
    (
        "1.6",
        lambda x, L: x.mean(0) + x.std(0) * pca((x - x.mean(0)) / x.std(0), L),
        "scaled to one spread",
    ),
    (
        "1.6",
        lambda x, L: (s := TruncatedSVD(L, algorithm="arpack")).inverse_transform(
            s.fit_transform(x)
        ),
        "subtract it first",
    ),
    ("1.6", rebuilt_by_chance, "not the main ones"),
    ("1.6", lambda x, L: rebuilt_by_pca(x, L) + 1, "it should be"),
    ("1.6", lambda x, L: rebuilt_by_pca(x, L).clamp(0, 1), "it should be"),
    ("1.6", lambda x, L: pca(x, 2), "direction"),
    ("1.6", lambda x, L: pca(x, 3), "direction"),
    ("1.6", lambda x, L: pca(x, L) if len(x) > x.shape[1] else x, "the other way round"),
]


def test_more_codes_rebuild_better_and_all_of_them_exactly():
    images = torch.rand(20, 6, generator=torch.Generator().manual_seed(0))
    errors = [(images - rebuilt_by_pca(images, L)).square().sum() for L in range(1, 7)]
    assert sorted(errors, reverse=True) == errors
    assert errors[-1] < 1e-8
