"""Chapter 6: a solution of every exercise, and the likely mistakes with the hint that each gets."""

import math
from fractions import Fraction

import numpy as np
import torch
from torch import distributions
from torch.nn import functional as F

LOG_2PI = math.log(2 * math.pi)


def kl(
    mu_q,
    v_q,
    mu_p,
    v_p,
    factor=0.5,
    reduce="sum",
    var=1.0,
    distance=None,
    log=1.0,
    minus=1,
    ratio=None,
    off=1.0,
):
    """The KL, with exponents of the variances, in the ratio and under the distance, to change."""
    ratio = ((var if ratio is None else ratio) * (v_q - v_p)).exp()
    square = off * (mu_q - mu_p) ** 2 / ((var if distance is None else distance) * v_p).exp()
    terms = ratio + square - minus - log * (v_q - v_p)
    return factor * getattr(terms, reduce)(-1)


def standard(mu, v):
    return 0.5 * (mu**2 + v.exp() - 1 - v).sum(-1)


def by_distributions(mu_q, v_q, mu_p, v_p):
    q, p = (
        distributions.Independent(distributions.Normal(m, v.exp().sqrt()), 1)
        for m, v in ((mu_q, v_q), (mu_p, v_p))
    )
    return distributions.kl_divergence(q, p)


def by_covariances(mu_q, v_q, mu_p, v_p):
    q, p = (
        distributions.MultivariateNormal(m, torch.diag_embed(v.exp()))
        for m, v in ((mu_q, v_q), (mu_p, v_p))
    )
    return distributions.kl.kl_divergence(q, p)


def by_rescaling(mu_q, v_q, mu_p, v_p):  # in p's units it is the KL from N(0, I)
    return standard((mu_q - mu_p) * (-0.5 * v_p).exp(), v_q - v_p)


def example_by_example(mu_q, v_q, mu_p, v_p):
    totals = []
    for row in range(len(mu_q)):
        total = 0
        for j in range(mu_q.shape[1]):
            s_q, s_p = (v_q[row, j] / 2).exp(), (v_p[row, j] / 2).exp()
            off = mu_q[row, j] - mu_p[row, j]
            total = total + torch.log(s_p / s_q) + (s_q**2 + off**2) / (2 * s_p**2) - 0.5
        totals.append(total)
    return totals


def by_entropies(mu_q, v_q, mu_p, v_p):  # the cross-entropy less the entropy
    cross = 0.5 * (LOG_2PI + v_p + (v_q.exp() + (mu_q - mu_p).square()) * (-v_p).exp())
    return torch.einsum("bl->b", cross - 0.5 * (1 + LOG_2PI + v_q))


def by_expm1(mu_q, v_q, mu_p, v_p):
    v_q -= v_p
    mu_q -= mu_p
    return (torch.expm1(v_q) - v_q + mu_q.pow(2) * torch.exp(-v_p)).sum(dim=1).div(2)


def by_draws(mu_q, v_q, mu_p, v_p):
    q, p = (distributions.Normal(m, (v / 2).exp()) for m, v in ((mu_q, v_q), (mu_p, v_p)))
    z = q.rsample((1000,))
    return (q.log_prob(z) - p.log_prob(z)).sum(-1).mean(0)


def gaussian(x, mean, v, factor=0.5, reduce="sum", var=1.0, log=1.0, constant=LOG_2PI):
    terms = (x - mean) ** 2 * (-var * v).exp() + log * v + constant
    return factor * getattr(terms, reduce)(-1)


def squares(x, mean):
    return ((x - mean) ** 2).sum(-1)


def by_normal(x, x_mean, v):
    return -distributions.Normal(x_mean, (v / 2).exp()).log_prob(x).sum(1)


def by_diagonal(x, x_mean, v):
    cov = v.exp() * torch.eye(x.shape[1])
    return -distributions.MultivariateNormal(x_mean, cov).log_prob(x)


def by_nll_loss(x, x_mean, v):
    var = v.exp().expand_as(x)
    return F.gaussian_nll_loss(x_mean, x, var, full=True, eps=0.0, reduction="none").sum(1)


def image_by_image(x, x_mean, v):
    costs = []
    for image, mean in zip(x, x_mean, strict=True):
        off = image - mean
        costs.append(off @ off / (2 * v.exp()) + len(off) * (math.log(2 * math.pi) + v) / 2)
    return torch.stack(costs)


def by_residual(x, x_mean, v):
    x_mean -= x
    x_mean *= (-0.5 * v).exp()
    return 0.5 * torch.linalg.vector_norm(x_mean, dim=1) ** 2 + x.shape[1] * 0.5 * (v + LOG_2PI)


def density_first(x, x_mean, v):
    each = (-0.5 * (x - x_mean) ** 2 / v.exp()).exp() / (2 * math.pi * v.exp()).sqrt()
    return -each.log().sum(-1)


def best_variance(x, x_mean):
    return (x - x_mean).square().mean()


def by_numpy(x, x_mean):
    return np.mean((x_mean.double().numpy() - x.double().numpy()) ** 2)


def by_mse(x, x_mean):
    return F.mse_loss(x_mean, x.expand_as(x_mean)).item()


def by_loops(x, x_mean):
    total = 0.0
    for means in x_mean:
        for image, mean in zip(x.tolist(), means.tolist(), strict=True):
            total += sum((a - b) ** 2 for a, b in zip(image, mean, strict=True))
    return total / x_mean.numel()


def by_bias_and_spread(x, x_mean):
    mean = x_mean.mean(0)
    return ((x - mean) ** 2 + x_mean.var(0, correction=0)).mean()


def by_formula(x, x_mean):  # (6.7), letter by letter
    K, B, D = x_mean.shape
    x_mean -= x
    return torch.einsum("kbd,kbd->", x_mean, x_mean) / K / B / D


def by_search(x, x_mean):  # where the derivative of (6.6) is 0
    low, high = torch.tensor(1e-6).double(), torch.tensor(1e3).double()
    errors = (x - x_mean).double().square().sum(-1).mean()
    for _ in range(100):
        middle = (low + high) / 2
        falls = -errors / (2 * middle**2) + x.shape[1] / (2 * middle) < 0
        low, high = (middle, high) if falls else (low, middle)
    return low


def effective_beta(pixels, latents, num_pixels, num_latents):
    beta = num_pixels if pixels == "mean" else 1
    return beta / num_latents if latents == "mean" else beta


def by_table(pixels, latents, num_pixels, num_latents):
    return {
        ("sum", "sum"): 1,
        ("mean", "sum"): num_pixels,
        ("sum", "mean"): 1 / num_latents,
        ("mean", "mean"): num_pixels / num_latents,
    }[pixels, latents]


def by_shrinking(pixels, latents, num_pixels, num_latents):
    reconstruction = 1 / num_pixels if pixels == "mean" else 1.0
    kl = 1 / num_latents if latents == "mean" else 1.0
    return np.float64(kl) / np.float64(reconstruction)


def by_powers(pixels, latents, num_pixels, num_latents):
    return num_pixels ** (pixels == "mean") * num_latents ** -(latents == "mean")


def by_experiment(pixels, latents, num_pixels, num_latents):
    ones = torch.ones(num_pixels), torch.ones(num_latents)
    reduced = [getattr(each, how)() for each, how in zip(ones, (pixels, latents), strict=True)]
    return (reduced[1] / num_latents) / (reduced[0] / num_pixels)


def by_match(*args):
    match args:
        case ("sum", "sum", _, _):
            return torch.tensor(1)
        case ("mean", "mean", d, l):
            return torch.tensor(d).div(l)
        case ("mean", _, d, _):
            return torch.tensor(d)
        case (_, _, _, l):
            return torch.tensor(l).reciprocal()


def of_784(pixels, latents, num_pixels, num_latents):
    return effective_beta(pixels, latents, 784, 20)


def log_c(logits):
    a = logits.abs().clamp(min=1e-4)  # at 0 it would be 0/0; the limit is 2
    return (a / (a / 2).tanh()).log()


def continuous_bernoulli(x, logits, log_c=log_c, sign=1, reduce="sum"):
    terms = x * logits - F.softplus(logits) + sign * log_c(logits)
    return getattr(terms, reduce)(-1)


def with_safe_argument(x, logits):
    zero = logits.abs() < 1e-3
    safe = torch.where(zero, 1.0, logits)
    log_constant = torch.where(
        zero, math.log(2) + logits**2 / 12, (safe / torch.tanh(safe / 2)).log()
    )
    cost = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return (log_constant - cost).sum(1)


def by_sinh(x, logits):
    """Shift the density: it is exp((x - 1/2) a) a / (2 sinh(a/2))."""
    a = logits.abs().clamp(min=1e-3)
    log_sinh = a / 2 + torch.log1p(-(-a).exp()) - math.log(2)
    return ((x - 0.5) * logits + a.log() - math.log(2) - log_sinh).sum(1)


def by_integral(x, logits):  # of exp(x a), which is (exp(a) - 1) / a
    a = logits.double() + 1e-6 * (logits == 0)
    return (x * a - (torch.expm1(a) / a).log()).sum(1)


def pixel_by_pixel(x, logits):
    rows = []
    for image, own in zip(x, logits, strict=True):
        total = torch.zeros(())
        for pixel, a in zip(image, own, strict=True):
            total = total + pixel * a - F.softplus(a)
            if a.abs() > 1e-4:
                total = total + (a / torch.tanh(a / 2)).log()
            else:
                total = total + math.log(2)
        rows.append(total)
    return rows


def in_float64(x, logits):
    a = logits.double()
    a = a + (a == 0) * 1e-5
    log_constant = a.abs().log() - (a / 2).tanh().abs().log()
    return (x * a - torch.logaddexp(a, torch.zeros_like(a)) + log_constant).sum(-1)


def by_the_book(logits):  # the paper's form, in the mean
    mean = logits.sigmoid()
    c = (2 * (1 - 2 * mean).atanh() / (1 - 2 * mean)).log()
    return torch.where(mean == 0.5, math.log(2), c)


def by_library(x, logits):
    return distributions.ContinuousBernoulli(logits=logits).log_prob(x).sum(-1)


def other_branch(logits):  # right values, and nan in the gradient at 0
    return torch.where(logits == 0, math.log(2), (logits / (logits / 2).tanh()).log())


def shifted(a, small):
    return ((a + small) / ((a + small) / 2).tanh()).log()


def with_narrow_patch(logits):
    return with_wide_patch(logits, 0.08)


def with_wide_patch(logits, width=0.4):
    near = logits.abs() < width
    return torch.where(near, math.log(2), log_c(torch.where(near, 1.0, logits)))


def one_sided(x, logits):  # overflows for very negative logits
    return (x * logits - logits - torch.log1p((-logits).exp()) + log_c(logits)).sum(-1)


def other_sided(x, logits):  # overflows for very large logits
    return (x * logits - torch.log(1 + logits.exp()) + log_c(logits)).sum(-1)


def by_probabilities(x, logits):
    white = logits.sigmoid()
    cost = F.binary_cross_entropy(white, x, reduction="none")
    return (log_c(logits) - cost).sum(-1)


SOLUTIONS = {
    "6.1": kl,
    "6.2": gaussian,
    "6.3": best_variance,
    "6.4": effective_beta,
    "6.5": continuous_bernoulli,
}

RIGHT = [
    ("6.1", by_distributions),
    ("6.1", by_covariances),
    ("6.1", by_rescaling),
    ("6.1", example_by_example),
    ("6.1", by_entropies),
    ("6.1", by_expm1),
    ("6.2", by_normal),
    ("6.2", by_diagonal),
    ("6.2", by_nll_loss),
    ("6.2", image_by_image),
    ("6.2", by_residual),
    ("6.3", by_numpy),
    ("6.3", by_mse),
    ("6.3", by_loops),
    ("6.3", by_bias_and_spread),
    ("6.3", by_formula),
    ("6.3", by_search),
    ("6.4", by_table),
    ("6.4", by_shrinking),
    ("6.4", by_powers),
    ("6.4", by_experiment),
    ("6.4", by_match),
    ("6.4", lambda *a: Fraction(effective_beta(*a)).limit_denominator(10**6)),
    ("6.5", with_safe_argument),
    ("6.5", by_sinh),
    ("6.5", by_integral),
    ("6.5", pixel_by_pixel),
    ("6.5", in_float64),
]

MISTAKES = [
    ("6.1", lambda *a: -kl(*a), "sign is turned"),
    ("6.1", lambda *a: kl(*a, factor=1.0), "factor ½"),
    ("6.1", lambda *a: kl(*a, factor=0.25), "alf of what"),
    ("6.1", lambda *a: kl(*a, reduce="mean"), "averaged over latent"),
    ("6.1", lambda *a: kl(*a).mean(), "batch axis"),
    ("6.1", lambda *a: kl(*(each[..., None] for each in a)), "sum"),
    ("6.1", lambda *a: kl(*(each.T for each in a)), "summed over the examples"),
    ("6.1", lambda *a: kl(*a)[:2, None], "shape should be"),
    ("6.1", lambda m, v, n, w: kl(n, w, m, v), "KL(p || q)"),
    ("6.1", lambda m, v, n, w: kl(m, v, 0 * n, 0 * w), "play no part"),
    ("6.1", lambda m, v, n, w: standard(m, v) - standard(n, w), "difference of two"),
    ("6.1", lambda *a: kl(*a, var=0.5), "ere σ stands where σ²"),
    ("6.1", lambda *a: kl(*a, ratio=0.5), "ratio of the variances σ stands"),
    ("6.1", lambda *a: kl(*a, distance=0.5), "distance of the means σ stands"),
    ("6.1", lambda *a: kl(*a, var=2.0), "squared once more"),
    ("6.1", lambda *a: kl(*a, var=2.0, log=2.0), "exp(log_var) for σ"),
    ("6.1", lambda *a: kl(*a, off=2.0), "½ is missing before the distance"),
    ("6.1", lambda m, v, n, w: kl(m, v, n, w) + (w - v).sum(1) / 2, "½ is missing before the log"),
    ("6.1", lambda m, v, n, w: (kl(m, v, n, w) + kl(n, w, m, v)) / 2, "both directions"),
    ("6.1", by_draws, "second call"),
    ("6.1", lambda *a: kl(*a, log=0.5), "ere log σ stands"),
    ("6.1", lambda *a: kl(*a, log=-1), "wrong sign"),
    ("6.1", lambda *a: kl(*a, ratio=-1.0), "upside down"),
    ("6.1", lambda *a: kl(*a, distance=0.0), "divide its square by"),
    (
        "6.1",
        lambda m, v, n, w: kl(m, v, n, w, off=0) + (((m - n) ** 2) / v.exp()).sum(1) / 2,
        "not",
    ),
    (
        "6.1",
        lambda m, v, n, w: kl(m, v, n, w, off=0) + ((m - n).abs() / w.exp()).sum(1) / 2,
        "befo",
    ),
    ("6.1", lambda *a: kl(*a, off=0), "distance of the means is missing"),
    ("6.1", lambda *a: kl(*a, log=0), "logarithms are missing"),
    (
        "6.1",
        lambda m, v, n, w: kl(m, v, n, w) - (v - w).exp().sum(1) / 2,
        "ratio of the variances is",
    ),
    ("6.1", lambda *a: kl(*a, minus=0), "−1 is missing"),
    ("6.1", lambda *a: kl(*a, minus=0) - 0.5, "not to the sum once"),
    ("6.1", lambda *a: kl(*a, minus=0) - 1.5, "should be"),
    ("6.1", lambda *a: kl(*a, minus=3), "(6.4) again"),
    ("6.1", lambda *a: kl(*a).squeeze(), "batch of one"),
    (
        "6.1",
        lambda m, v, n, w: kl(m, (v.exp() + 1e-8).log(), n, (w.exp() + 1e-8).log()),
        "about -20",
    ),
    ("6.1", lambda m, v, n, w: kl(m, v.clamp(-10, 10), n, w.clamp(-10, 10)), "about -20"),
    ("6.1", lambda m, v, n, w: kl(m, v.clamp(max=10), n, w.clamp(max=10)), "about 20"),
    ("6.1", lambda *a: kl(*a) / 0, "should be"),
    ("6.1", lambda *a: kl(*a).detach(), "has no gradient"),
    ("6.1", lambda m, v, n, w: kl(m, v, n.detach(), w.detach()), "not its gradient"),
    ("6.1", lambda m, v, n, w: kl(m, v, n, w.detach()), "not its gradient"),
    ("6.2", lambda *a: -gaussian(*a), "sign is turned"),
    ("6.2", lambda *a: gaussian(*a, factor=1.0), "Twice too large"),
    ("6.2", lambda *a: gaussian(*a, reduce="mean"), "averaged over pixels"),
    ("6.2", lambda *a: gaussian(*a).mean(), "batch axis"),
    ("6.2", lambda x, m, v: gaussian(x[..., None], m[..., None], v), "sum over pixels is missing"),
    ("6.2", lambda x, m, v: gaussian(x.T, m.T, v), "summed over the examples"),
    ("6.2", lambda *a: gaussian(*a, constant=0.0), "log 2π is missing"),
    ("6.2", lambda *a: gaussian(*a, constant=0.0) + LOG_2PI / 2, "D times, not once"),
    ("6.2", lambda *a: gaussian(*a, constant=0.0) + 3.5 * LOG_2PI, "ould be"),
    ("6.2", lambda *a: gaussian(*a, constant=0.0, log=0.0), "nly the squared error"),
    ("6.2", lambda *a: gaussian(*a, var=0.0, log=0.0), "plays no part"),
    ("6.2", lambda x, m, v: squares(x, m) / v.exp(), "without its ½"),
    ("6.2", lambda x, m, v: squares(x, m) / 2, "plays no part"),
    ("6.2", lambda x, m, v: squares(x, m), "plays no part"),
    ("6.2", lambda *a: gaussian(*a, log=0.0), "a large one, its log, is missing"),
    ("6.2", lambda x, m, v: 0.5 * (squares(x, m) / v.exp() + v + LOG_2PI), "D times"),
    ("6.2", lambda *a: gaussian(*a, var=0.5), "ere σ stands where σ²"),
    ("6.2", lambda *a: gaussian(*a, var=2.0), "squared once more"),
    ("6.2", lambda *a: gaussian(*a, var=2.0, log=2.0), "log_var_x for log σ"),
    ("6.2", lambda *a: gaussian(*a, log=0.5), "ere log σ stands"),
    ("6.2", lambda *a: gaussian(*a, log=2.0), "stands twice"),
    ("6.2", lambda *a: gaussian(*a, log=-1.0), "has the wrong sign"),
    (
        "6.2",
        lambda x, m, v: gaussian(x, m, v) + squares(x, m) * (1 / v - (-v).exp()) / 2,
        "by the l",
    ),
    ("6.2", lambda *a: gaussian(*a, var=-1.0), "divided by it"),
    ("6.2", lambda x, m, v: gaussian(x, m, v) + squares(x, m) / v.exp() / 2, "before the squared"),
    ("6.2", lambda x, m, v: 2 * gaussian(x, m, v) - squares(x, m) / v.exp() / 2, "before the log"),
    ("6.2", lambda *a: gaussian(*a) + 1, "it should be"),
    ("6.2", lambda *a: gaussian(*a).squeeze(), "batch of one"),
    ("6.2", density_first, "log_var_x is -20"),
    ("6.2", lambda x, m, v: gaussian(x, m, (v.exp() + 1e-6).log()), "log_var_x is -20"),
    ("6.2", lambda x, m, v: gaussian(x, m, v.clamp(-5, 5)), "log_var_x is -20"),
    ("6.2", lambda x, m, v: gaussian(x, m, v.clamp(max=5)), "log_var_x is 20"),
    ("6.2", lambda *a: gaussian(*a) / 0, "should be"),
    ("6.2", lambda *a: gaussian(*a).detach(), "has no gradient"),
    ("6.2", lambda x, m, v: gaussian(x, m, v.detach()), "not its gradient"),
    ("6.2", lambda x, m, v: gaussian(x, m.detach(), v), "not its gradient"),
    ("6.3", lambda x, m: (x - m).square().mean((0, 1)), "ne number"),
    ("6.3", lambda x, m: best_variance(x, m).sqrt(), "standard deviation"),
    ("6.3", lambda x, m: best_variance(x, m).log(), "log of the variance"),
    ("6.3", lambda x, m: 1 / best_variance(x, m), "1 over"),
    ("6.3", lambda x, m: best_variance(x, m.mean(0)), "lost the spread"),
    ("6.3", lambda x, m: (x - m).mean() ** 2, "averaged the errors first"),
    ("6.3", lambda x, m: (x - m).square().sum(-1).mean(), "summed over pixels"),
    ("6.3", lambda x, m: (x - m).square().sum(0).mean(), "summed over the draws"),
    ("6.3", lambda x, m: (x - m).square().sum(1).mean(), "summed over the images"),
    ("6.3", lambda x, m: (x - m).square().sum(), "over everything"),
    ("6.3", lambda x, m: (x - m).square().mean(-1).mean() / x.shape[1], "pixels twice"),
    ("6.3", lambda x, m: best_variance(x, m) / len(m), "draws twice"),
    ("6.3", lambda x, m: (x - m).square().sum(-1).mean() / 7, "the variance is"),
    ("6.3", lambda x, m: best_variance(x, m) / 2, "cancels"),
    ("6.3", lambda x, m: (x - m).abs().mean(), "absolute"),
    ("6.3", lambda x, m: best_variance(x, m[0]), "first draw"),
    ("6.3", lambda x, m: best_variance(x, m[-1]), "last draw"),
    ("6.3", lambda x, m: (x - m).var(1).mean(), "mean counts"),
    ("6.3", lambda x, m: x.var(correction=0), "of the images"),
    ("6.3", lambda x, m: x.var(), "of the images"),
    ("6.3", lambda x, m: m.var(), "of the means"),
    ("6.3", lambda x, m: m.var(correction=0), "of the means"),
    ("6.3", lambda x, m: m.var(0).mean(), "draws alone"),
    ("6.3", lambda x, m: m.var(0, correction=0).mean(), "draws alone"),
    ("6.3", lambda x, m: (x - m).var(correction=0), "mean square"),
    ("6.3", lambda x, m: (x - m).var(), "mean square"),
    ("6.3", lambda x, m: (x - m).square().mean((0, 2)).sqrt().mean(), "roots first"),
    ("6.3", lambda x, m: (x - m).square().sum() / (m.numel() - 1), "one less"),
    ("6.3", lambda x, m: best_variance(x, m) + 1, "it should be"),
    ("6.3", lambda x, m: best_variance(x, m) / 0, "it should be"),
    ("6.4", lambda *a: 1 / effective_beta(*a), "pside down"),
    ("6.4", lambda p, q, d, n: d * effective_beta(p, q, d, n), "wo sums"),
    ("6.4", lambda *a: torch.tensor([effective_beta(*a)]), "ne number"),
    ("6.4", lambda p, q, d, n: d if (p, q) == ("mean", "sum") else 1, "does not cancel"),
    (
        "6.4",
        lambda p, q, d, n: 1 if (p, q) == ("mean", "mean") else effective_beta(p, q, d, n),
        "does not cancel",
    ),
    ("6.4", lambda p, q, d, n: d if p == "mean" else 1, "changes the weight too"),
    ("6.4", lambda p, q, d, n: 1 / n if q == "mean" else 1, "changes the weight, too"),
    ("6.4", lambda p, q, d, n: 1, "means change"),
    ("6.4", lambda p, q, d, n: effective_beta(p, q, 1 / d, n), "heavier, not lighter"),
    ("6.4", lambda p, q, d, n: effective_beta(p, q, d, 1 / n), "and so lighter"),
    ("6.4", lambda p, q, d, n: effective_beta(p, q, n, d), "are exchanged"),
    ("6.4", lambda p, q, d, n: effective_beta(p, q, d + 1, n), "turns the reconstruction back"),
    ("6.4", of_784, "turns the reconstruction back"),
    ("6.4", lambda *a: math.nan, "wo sums"),
    ("6.5", lambda *a: -continuous_bernoulli(*a), "sign is turned"),
    ("6.5", lambda *a: continuous_bernoulli(*a, sign=0), "constant is missing: this"),
    ("6.5", lambda *a: -continuous_bernoulli(*a, sign=0), "sign is turned, and the normal"),
    ("6.5", lambda *a: continuous_bernoulli(*a, sign=-1), "wrong sign: the area"),
    ("6.5", lambda *a: continuous_bernoulli(*a, lambda a: log_c(a).exp()), "logarithm of the norm"),
    ("6.5", lambda *a: continuous_bernoulli(*a, lambda a: (a / a.tanh()).log()), "half the logit"),
    ("6.5", lambda x, a: (F.softplus(a) - x * a + log_c(a)).sum(-1), "entropy has the wrong"),
    ("6.5", lambda x, a: log_c(a).sum(-1), "constant alone"),
    (
        "6.5",
        lambda x, a: continuous_bernoulli(x, a, sign=0) - (-log_c(a)).exp().mean(-1).log(),
        "one for all",
    ),
    (
        "6.5",
        lambda x, a: continuous_bernoulli(x, a, sign=0) + log_c(a).exp().sum(-1).log(),
        "are multiplied",
    ),
    ("6.5", lambda x, a: continuous_bernoulli(x, a, lambda a: 0 * a + math.log(2)), "of 0 alone"),
    ("6.5", lambda *a: continuous_bernoulli(*a, reduce="mean"), "averaged over pixels"),
    ("6.5", lambda *a: continuous_bernoulli(*a).exp(), "its logarithm"),
    ("6.5", lambda *a: continuous_bernoulli(*a).sum(), "batch axis"),
    ("6.5", lambda *a: continuous_bernoulli(*a).squeeze(), "batch of one"),
    ("6.5", lambda x, a: continuous_bernoulli(x, a) + 1, "it should be"),
    ("6.5", lambda x, a: continuous_bernoulli(x, a, lambda a: (a / (a / 2).tanh()).log()), "0/0"),
    ("6.5", lambda x, a: continuous_bernoulli(x, a, lambda a: log_c(a) + (a == 0)), "everywhere"),
    ("6.5", lambda x, a: continuous_bernoulli(x, a, other_branch), "both branches"),
    ("6.5", lambda x, a: continuous_bernoulli(x, a, by_the_book), "not finite"),
    ("6.5", lambda x, a: continuous_bernoulli(x, a, with_wide_patch), "logits near 0"),
    ("6.5", lambda x, a: continuous_bernoulli(x, a, with_narrow_patch), "is curved there"),
    ("6.5", lambda x, a: continuous_bernoulli(x, a, lambda a: shifted(a, 1e-6)), "of -1e-06"),
    ("6.5", lambda x, a: continuous_bernoulli(x, a, lambda a: shifted(a, -1e-8)), "of 1e-08"),
    ("6.5", by_library, "all the way"),
    ("6.5", one_sided, "of about -100"),
    ("6.5", other_sided, "of about 100"),
    ("6.5", by_probabilities, "of about 100"),
    ("6.5", lambda *a: continuous_bernoulli(*a).detach(), "has no gradient"),
    ("6.5", lambda x, a: continuous_bernoulli(x, a, lambda a: log_c(a.detach())), "not its grad"),
    ("6.5", lambda x, a: continuous_bernoulli(x, a.clamp(-50, 50)), "of about 100"),
]
