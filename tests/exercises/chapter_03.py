"""Chapter 3: a solution of every exercise, and the likely mistakes with the hint that each gets."""

import math

import numpy as np
import torch
from torch.distributions import (
    Independent,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
)

LOG_2PI = math.log(2 * math.pi)


def log_mean(log_w, dim=0):
    largest = log_w.max(dim, keepdim=True).values
    return largest.squeeze(dim) + (log_w - largest).exp().mean(dim).log()


def log_mean_by_pairs(log_w):
    total = log_w[0]
    for row in log_w[1:]:
        total = torch.logaddexp(total, row)
    return total - math.log(len(log_w))


def log_mean_by_columns(log_w):
    means = []
    for column in log_w.unbind(1):
        largest = max(column.tolist())
        means.append(largest + sum((value - largest).exp() for value in column).log())
    return torch.stack(means) - math.log(log_w.shape[0])


def log_mean_in_place(log_w):
    top = log_w.detach().amax(0)
    log_w -= top
    return log_w.exp_().mean(0).log_().add(top)


def log_mean_by_softmax(log_w):
    """Return log w - log p of the largest, where p is its share."""
    at = log_w.argmax(0, keepdim=True)
    return (log_w - log_w.log_softmax(0)).gather(0, at)[0] - math.log(len(log_w))


def ess(log_w, dim=0):
    w = (log_w - log_w.max(dim, keepdim=True).values).exp()
    return w.sum(dim) ** 2 / (w**2).sum(dim)


def ess_by_spread(log_w):
    w = (log_w - log_w.max(0).values).exp()
    return len(w) / (1 + w.var(0, correction=0) / w.mean(0) ** 2)


def ess_by_loops(log_w):
    sizes = []
    for column in log_w.T.double().tolist():
        w = [math.exp(value - max(column)) for value in column]
        sizes.append(sum(w) ** 2 / sum(value**2 for value in w))
    return sizes


def ess_in_numpy(log_w):
    log_w = log_w.double().numpy()
    w = np.exp(log_w - log_w.max(axis=0))
    w /= w.sum(axis=0)
    return 1 / np.einsum("kb,kb->b", w, w)


def log_normal(z, mu, log_var, scale=0.5, term=0.5, constant=LOG_2PI):
    eps = (z - mu) / (scale * log_var).exp()
    return -0.5 * (eps**2 + constant) - term * log_var


def log_weight(log_likelihood, z, mu, log_var, likelihood=1, prior=1, q=1, reduce="sum", **about_q):
    zero = torch.zeros_like(mu)
    terms = prior * log_normal(z, zero, zero) - q * log_normal(z, mu, log_var, **about_q)
    if reduce is None:
        return log_likelihood[..., None] + terms
    return likelihood * log_likelihood + getattr(terms, reduce)(-1)


def weight_of_torch(log_likelihood, z, mu, log_var):
    prior, q = Normal(0.0, 1.0), Normal(mu, (0.5 * log_var).exp())
    return log_likelihood + (prior.log_prob(z) - q.log_prob(z)).sum(-1)


def weight_by_noise(log_likelihood, z, mu, log_var):
    eps = (z - mu) * torch.exp(-log_var / 2)
    return log_likelihood + 0.5 * torch.sum(eps**2 - z**2 + log_var, dim=2)


def weight_in_place(log_likelihood, z, mu, log_var):
    for z_l, mu_l, log_var_l in zip(z.unbind(-1), mu.unbind(-1), log_var.unbind(-1), strict=True):
        log_likelihood += log_normal(z_l, 0 * mu_l, 0 * log_var_l) - log_normal(
            z_l, mu_l, log_var_l
        )
    return log_likelihood


def weight_by_matrices(log_likelihood, z, mu, log_var):
    q = Independent(Normal(mu, log_var.exp().sqrt()), 1).log_prob(z)
    L = z.shape[-1]
    prior = MultivariateNormal(torch.zeros(L), torch.eye(L))
    return prior.log_prob(z) + log_likelihood - q


def weight_by_einsum(log_likelihood, z, mu, log_var):
    off = z - mu
    squares = torch.einsum("kbl,kbl,bl->kb", off, off, (-log_var).exp())
    return log_likelihood + 0.5 * (squares - torch.einsum("kbl,kbl->kb", z, z) + log_var.sum(-1))


def weight_draw_by_draw(log_likelihood, z, mu, log_var):
    rows = []
    for k in range(len(z)):
        rows.append(log_weight(log_likelihood[k], z[k], mu, log_var))
    return torch.stack(rows)


def weight_by_densities(log_likelihood, z, mu, log_var):
    prior = Normal(0.0, 1.0).log_prob(z).sum(-1).exp()
    q = Normal(mu, (0.5 * log_var).exp()).log_prob(z).sum(-1).exp()
    return log_likelihood + (prior / q).log()


def weight_by_likelihoods(log_likelihood, z, mu, log_var):
    return (
        log_likelihood.exp() * log_weight(log_likelihood, z, mu, log_var, likelihood=0).exp()
    ).log()


def weight_with_kl(log_likelihood, z, mu, log_var):
    return log_likelihood - 0.5 * (mu**2 + log_var.exp() - log_var - 1).sum(-1)


def log_p(x, W, b, variance, det=0.5, half=0.5, count=None):
    D = x.shape[1]
    covariance = W @ W.T + variance * torch.eye(D)
    off = x - b
    square = (off * torch.linalg.solve(covariance, off.T).T).sum(-1)
    constant = (D if count is None else count) * LOG_2PI
    return -half * (square + constant) - det * torch.logdet(covariance)


def log_p_of_torch(x, W, b, variance):
    return MultivariateNormal(b, W @ W.T + variance * torch.eye(len(b))).log_prob(x)


def log_p_of_low_rank(x, W, b, variance):
    return LowRankMultivariateNormal(b, W, torch.full((len(b),), variance)).log_prob(x)


def log_p_by_woodbury(x, W, b, variance):
    D, L = W.shape
    off, M = x - b, W.T @ W + variance * torch.eye(L)
    inner = off @ W
    square = (off**2).sum(1) - (inner @ torch.linalg.inv(M) * inner).sum(1)
    log_det = (D - L) * math.log(variance) + torch.slogdet(M)[1]
    return -0.5 * (square / variance + log_det + D * LOG_2PI)


def log_p_by_cholesky(x, W, b, variance):
    factor = torch.linalg.cholesky(W @ W.T + variance * torch.eye(len(b)))
    white = torch.linalg.solve_triangular(factor, (x - b).T, upper=False)
    return Normal(0.0, 1.0).log_prob(white).sum(0) - factor.diagonal().log().sum()


def log_p_image_by_image(x, W, b, variance):
    C = (W @ W.T).fill_diagonal_(0) + torch.diag((W**2).sum(1) + variance)
    inverse = torch.linalg.inv(C)
    constant = torch.logdet(C) + len(b) * LOG_2PI
    return torch.stack([-0.5 * ((row - b) @ inverse @ (row - b) + constant) for row in x])


def log_p_by_bayes(x, W, b, variance):
    """Return log p(x, z) - log p(z|x), with z = 0."""
    D, L = W.shape
    off, precision = x - b, torch.eye(L) + W.T @ W / variance
    posterior = MultivariateNormal(
        torch.linalg.solve(precision, W.T @ off.T / variance).T, precision_matrix=precision
    )
    joint = -0.5 * ((off**2).sum(1) / variance + D * math.log(2 * math.pi * variance) + L * LOG_2PI)
    return joint - posterior.log_prob(torch.zeros(L))


def log_p_by_det(x, W, b, variance):
    determinant = torch.linalg.det(W @ W.T + variance * torch.eye(len(b)))
    return log_p(x, W, b, variance, det=0.0) - 0.5 * determinant.log()


def log_p_by_small_matrix(x, W, b, variance):
    small = torch.logdet(W.T @ W + variance * torch.eye(W.shape[1]))
    return log_p(x, W, b, variance, det=0.0) - 0.5 * small


def log_p_of_diagonal(x, W, b, variance):
    return Normal(b, ((W**2).sum(1) + variance).sqrt()).log_prob(x).sum(1)


def em_step(prior, table, counts, divide=True, rows=True):
    joint = prior[:, None] * table
    weighted = counts * (joint / joint.sum(0).clamp(min=1e-30) if divide else joint)
    return weighted / weighted.sum(1, keepdim=True) if rows else weighted


def em_by_loops(prior, table, counts):
    new = torch.zeros_like(table)
    for x in range(table.shape[1]):
        if counts[x] == 0:
            continue
        evidence = sum(prior[z] * table[z, x] for z in range(len(prior)))
        for z in range(len(prior)):
            new[z, x] = counts[x] * prior[z] * table[z, x] / evidence
    for row in new:
        row /= row.sum()
    return new


def em_by_logarithms(prior, table, counts):
    log_joint = prior.log()[:, None] + table.log()
    log_posterior = log_joint - log_joint.logsumexp(0).clamp(min=-1e30)
    return (counts.log() + log_posterior).softmax(1)


def em_by_einsum(prior, table, counts):
    joint = torch.einsum("z,zx->zx", prior, table)
    ratio = torch.nan_to_num(counts / torch.einsum("z,zx->x", prior, table), nan=0.0)
    weighted = torch.einsum("zx,x->zx", joint, ratio)
    return torch.nn.functional.normalize(weighted, p=1, dim=1)


def em_in_numpy(prior, table, counts):
    prior, table, counts = (each.double().numpy() for each in (prior, table, counts))
    joint = prior[:, None] * table
    evidence = joint.sum(0)
    posterior = np.divide(joint, evidence, out=np.zeros_like(joint), where=evidence > 0)
    weighted = counts * posterior
    return weighted / weighted.sum(1)[:, None]


def em_by_multiplying(prior, table, counts):
    """Multiply the old table by what each entry gains, in place."""
    seen = counts > 0
    gain = torch.zeros_like(counts)
    gain[seen] = counts[seen] / (prior @ table)[seen]
    table *= gain
    return table.div_(table.sum(1, keepdim=True))


def em_picture_by_picture(prior, table, counts):
    """Count each picture as often as it occurs."""
    total = torch.zeros_like(table)
    for picture in torch.repeat_interleave(torch.arange(len(counts)), counts.long()):
        joint = prior * table[:, picture]
        total[:, picture] += joint / joint.sum()
    return total / total.sum(1, keepdim=True)


def em_hard(prior, table, counts):
    best = (prior[:, None] * table).argmax(0)
    hard = torch.nn.functional.one_hot(best, len(prior)).T * counts
    return hard / hard.sum(1, keepdim=True)


SOLUTIONS = {"3.1": log_mean, "3.2": ess, "3.3": log_weight, "3.4": log_p, "3.6": em_step}

RIGHT = [
    ("3.1", log_mean_by_pairs),
    ("3.1", log_mean_by_columns),
    ("3.1", log_mean_in_place),
    ("3.1", log_mean_by_softmax),
    ("3.1", lambda w: torch.logsumexp(w, 0) - math.log(w.shape[0])),
    ("3.1", lambda w: w.logcumsumexp(0)[-1] - math.log(len(w))),
    ("3.1", lambda w: torch.vmap(lambda v: v.logsumexp(0), 1)(w) - np.log(len(w))),
    ("3.1", lambda w: (w - math.log(len(w))).logsumexp(0)),
    ("3.1", lambda w: w.double().amax(0) + (w - w.amax(0)).exp().sum(0).div(len(w)).log()),
    ("3.2", ess_by_spread),
    ("3.2", ess_by_loops),
    ("3.2", ess_in_numpy),
    ("3.2", lambda w: 1 / (w.softmax(0) ** 2).sum(0)),
    ("3.2", lambda w: (2 * w.logsumexp(0) - (2 * w).logsumexp(0)).exp()),
    ("3.2", lambda w: torch.linalg.vector_norm(w.softmax(0), dim=0) ** -2),
    ("3.3", weight_of_torch),
    ("3.3", weight_by_noise),
    ("3.3", weight_in_place),
    ("3.3", weight_by_matrices),
    ("3.3", weight_by_einsum),
    ("3.3", weight_draw_by_draw),
    ("3.4", log_p_of_torch),
    ("3.4", log_p_of_low_rank),
    ("3.4", log_p_by_woodbury),
    ("3.4", log_p_by_cholesky),
    ("3.4", log_p_image_by_image),
    ("3.4", log_p_by_bayes),
    ("3.6", em_by_loops),
    ("3.6", em_by_logarithms),
    ("3.6", em_by_einsum),
    ("3.6", em_in_numpy),
    ("3.6", em_by_multiplying),
    ("3.6", em_picture_by_picture),
]

MISTAKES = [
    ("3.1", lambda w: log_mean(w, dim=1), "along the images"),
    ("3.1", lambda w: log_mean(w).sum(), "ne value for each image"),
    ("3.1", lambda w: w.logsumexp(0), "logarithm of the sum"),
    ("3.1", lambda w: w.mean(0), "mean of the logarithms"),
    ("3.1", lambda w: w.exp().mean(0), "mean itself"),
    ("3.1", lambda w: w.exp().sum(0), "hat is the sum of the weights"),
    ("3.1", lambda w: w.max(0).values, "largest term alone"),
    ("3.1", lambda w: log_mean(w) - w.max(0).values, "put it back"),
    ("3.1", lambda w: log_mean(w) + w.max(0).values, "put back twice"),
    ("3.1", lambda w: log_mean(w) - w.amax(0) + w.amax(0).exp(), "not its exp"),
    ("3.1", lambda w: w.logsumexp(0) + math.log(len(w)), "og K is added"),
    ("3.1", lambda w: w.logsumexp(0) / len(w), "the sum is"),
    ("3.1", lambda w: -log_mean(w), "sign is turned"),
    ("3.1", lambda w: log_mean(w) + 1, "the same amount"),
    ("3.1", lambda w: w.logsumexp(0) - math.log(500), "the number of draws"),
    ("3.1", lambda w: log_mean(w) * 2, "small example"),
    ("3.1", lambda w: w.exp().mean(0).log(), "every exp is 0"),
    ("3.1", lambda w: (w.exp() + 1e-45).mean(0).log(), "every exp is 0"),
    ("3.1", lambda w: log_mean(w.clamp(min=-80)), "every exp is 0"),
    ("3.1", lambda w: log_mean(w.clamp(max=80)), "every exp is infinite"),
    ("3.1", lambda w: w.amax(0) + ((w - w.amax(0)).exp().mean(0) + 1e-6).log(), "inside the log"),
    ("3.1", lambda w: w.max() + (w - w.max()).exp().mean(0).log(), "largest term of all"),
    (
        "3.1",
        lambda w: (w - w.mean(0)).exp().mean(0).log() + w.mean(0),
        "the largest term, no other",
    ),
    (
        "3.1",
        lambda w: (w - w.min(0).values).exp().mean(0).log() + w.min(0).values,
        "the largest term, no other",
    ),
    ("3.1", lambda w: log_mean(w).detach(), "no gradient"),
    ("3.1", lambda w: log_mean(w).numpy(force=True), "no gradient"),
    ("3.1", lambda w: log_mean(w.detach()) + 0 * w.sum(), "not its gradient"),
    ("3.1", lambda w: w.amax(0) + (w - w.amax(0)).detach().exp().mean(0).log(), "not its gradient"),
    ("3.2", lambda w: ess(w, dim=1), "along the images"),
    ("3.2", lambda w: ess(w).mean(), "ne value for each image"),
    ("3.2", lambda w: ess(w) / len(w), "share of K"),
    ("3.2", lambda w: 1 / ess(w), "upside down"),
    ("3.2", lambda w: torch.ones(w.shape[1]), "sum is squared"),
    ("3.2", lambda w: torch.full((w.shape[1],), len(w)), "K for any weights"),
    ("3.2", lambda w: w.exp().sum(0) / (w.exp() ** 2).sum(0), "has to be squared"),
    ("3.2", lambda w: w.exp().sum(0) ** 2 / w.exp().sum(0), "not of the weights"),
    ("3.2", lambda w: w.sum(0) ** 2 / (w**2).sum(0), "logarithms as weights"),
    ("3.2", lambda w: 1 / (w.softmax(1) ** 2).sum(0), "scaled along the images"),
    ("3.2", lambda w: ess(w).round(), "small example"),
    ("3.2", lambda w: ess(w).log(), "its logarithm"),
    ("3.2", lambda w: ess(w).sqrt(), "root of (3.7)"),
    ("3.2", lambda w: 1 / w.softmax(0).amax(0), "largest share"),
    ("3.2", lambda w: torch.distributions.Categorical(logits=w.T).entropy().exp(), "entropy"),
    ("3.2", lambda w: ess(w) * 500 / len(w), "typed in"),
    ("3.2", lambda w: ess(w) + 1, "small example"),
    ("3.2", lambda w: w.exp().sum(0) ** 2 / (w.exp() ** 2).sum(0), "before exp"),
    ("3.2", lambda w: ess(w.clamp(-80, 80)), "before exp"),
    (
        "3.2",
        lambda w: (w - w.max()).exp().sum(0) ** 2 / ((w - w.max()).exp() ** 2).sum(0),
        "each image needs its own",
    ),
    (
        "3.2",
        lambda w: (w - w.mean(0)).exp().sum(0) ** 2 / (2 * (w - w.mean(0))).exp().sum(0),
        "the largest weight, no other",
    ),
    ("3.3", lambda *a: log_weight(*a, reduce=None), "over the latent dimensions: shape"),
    ("3.3", lambda *a: log_weight(*a).mean(0), "comes later"),
    ("3.3", lambda *a: log_weight(*a).T, "should be (K, B)"),
    ("3.3", lambda ll, *a: log_weight(ll.exp(), *a), "a logarithm already"),
    ("3.3", lambda ll, z, mu, v: log_weight(ll, z, v, mu), "small example"),
    ("3.3", lambda *a: log_weight(*a, q=0), "did not come from the prior"),
    ("3.3", lambda *a: log_weight(*a, prior=0), "prior is missing"),
    ("3.3", lambda *a: a[0], "alone"),
    ("3.3", lambda *a: log_weight(*a, likelihood=0), "log p(x|z), is missing"),
    ("3.3", lambda *a: log_weight(*a, prior=-1, q=-1), "changed places"),
    ("3.3", lambda *a: log_weight(*a, q=-1), "is subtracted"),
    ("3.3", lambda *a: -log_weight(*a), "sign is turned"),
    ("3.3", lambda *a: log_weight(*a).exp(), "its logarithm is wanted"),
    ("3.3", weight_with_kl, "hat has the KL"),
    ("3.3", lambda *a: log_weight(*a, scale=1.0, term=1.0), "where sigma belongs"),
    ("3.3", lambda *a: log_weight(*a, scale=0.25, term=0.25), "halved it once too often"),
    ("3.3", lambda *a: log_weight(*a, scale=0.25), "and then squared"),
    ("3.3", lambda *a: log_weight(*a, scale=1.0), "no more"),
    ("3.3", lambda *a: log_weight(*a, scale=0.0), "in units of sigma"),
    ("3.3", lambda *a: log_weight(*a, term=0.0), "is missing: a narrow density is high"),
    ("3.3", lambda *a: log_weight(*a, term=1.0), "before log_var"),
    ("3.3", lambda *a: log_weight(*a, term=-0.5), "wrong sign: a narrow density"),
    ("3.3", lambda *a: log_weight(*a, constant=0.0), "either both or none"),
    ("3.3", lambda *a: log_weight(*a) + 0.5 * a[1].shape[-1] * LOG_2PI, "either both or none"),
    ("3.3", lambda *a: log_weight(*a, reduce="mean"), "they are summed"),
    ("3.3", lambda *a: log_weight(*a).log_softmax(0), "stay as they are"),
    ("3.3", lambda *a: log_mean(log_weight(*a)).expand_as(a[0]), "each has its own"),
    ("3.3", lambda *a: log_weight(*a) + 1, "the same amount"),
    ("3.3", lambda *a: log_weight(*a) * 2, "small example"),
    ("3.3", lambda *a: log_weight(*a).exp().log(), "stay with the logarithms"),
    ("3.3", weight_by_likelihoods, "stay with the logarithms"),
    ("3.3", weight_by_densities, "underflows to 0"),
    ("3.3", lambda ll, z, mu, v: log_weight(ll, z, mu, v.clamp(-8, 8)), "log_var clamped"),
    ("3.3", lambda ll, z, mu, v: log_weight(ll, z, mu, (v.exp() + 1e-5).log()), "very small"),
    ("3.3", lambda *a: log_weight(*a).detach(), "no gradient"),
    ("3.3", lambda ll, z, mu, v: log_weight(ll, z, mu, v.detach()), "not its gradient"),
    ("3.3", lambda ll, z, mu, v: log_weight(ll, z.detach(), mu, v), "not its gradient"),
    ("3.4", lambda x, W, b, v: log_p(x, W, b, v)[:, None].expand(len(x), len(x)), "every other"),
    ("3.4", lambda x, W, b, v: Normal(b, v**0.5).log_prob(x), "for each pixel"),
    ("3.4", lambda *a: log_p(*a).sum(), "for each of the"),
    ("3.4", lambda x, W, b, v: log_p(x, W, 0 * b, v), "b, is missing"),
    ("3.4", lambda x, W, b, v: log_p(x, W, -b, v), "not added"),
    ("3.4", lambda x, W, b, v: log_p(x, W, b, v**2), "sigma squared already"),
    ("3.4", lambda x, W, b, v: log_p(x, W, b, v**0.5), "took its root"),
    ("3.4", lambda x, W, b, v: log_p(x, 0 * W, b, v), "at z = 0"),
    ("3.4", lambda x, W, b, v: log_p(x, 0 * W, b + W.sum(1), v), "at z = 1"),
    ("3.4", log_p_of_diagonal, "more than a diagonal"),
    (
        "3.4",
        lambda x, W, b, v: (
            -0.5 * torch.einsum("bi,ij,bj->b", x - b, C := W @ W.T + v * torch.eye(len(b)), x - b)
            - 0.5 * (torch.logdet(C) + len(b) * LOG_2PI)
        ),
        "takes the inverse",
    ),
    ("3.4", log_p_by_small_matrix, "only (L, L)"),
    ("3.4", lambda *a: log_p(*a, det=0.0), "determinant is missing"),
    ("3.4", lambda *a: log_p(*a, det=-0.5), "wrong sign"),
    ("3.4", lambda *a: log_p(*a, det=1.0), "before the determinant"),
    (
        "3.4",
        lambda x, W, b, v: (
            log_p(x, W, b, v, det=0.0) - 0.5 * torch.linalg.det(W @ W.T + v * torch.eye(len(b)))
        ),
        "not the determinant",
    ),
    ("3.4", lambda *a: log_p(*a, det=1.0, half=1.0), "factor ½ is missing."),
    (
        "3.4",
        lambda *a: log_p(*a, half=1.0) + 0.5 * len(a[2]) * LOG_2PI,
        "before the square",
    ),
    ("3.4", lambda *a: log_p(*a, count=0), "log 2π is missing"),
    ("3.4", lambda *a: log_p(*a, count=2 * len(a[2])), "before log 2π"),
    ("3.4", lambda *a: log_p(*a, count=1), "D times"),
    ("3.4", lambda *a: log_p(*a, count=a[1].shape[1]), "not for each latent"),
    ("3.4", lambda *a: -log_p(*a), "sign is turned"),
    ("3.4", lambda *a: log_p(*a).exp(), "its logarithm is wanted"),
    ("3.4", lambda *a: log_p(*a) / len(a[2]), "averaged over the pixels"),
    ("3.4", lambda *a: log_p(*a) + 0.1, "the same amount"),
    ("3.4", lambda *a: log_p(*a, count=784), "counts D times"),
    ("3.4", lambda *a: log_p(*a) * 1.5, "small example"),
    ("3.4", lambda *a: log_p(*a).exp().log(), "far from it"),
    ("3.4", log_p_by_det, "a determinant is 0"),
    ("3.4", lambda *a: log_p(*a).detach(), "no gradient"),
    ("3.4", lambda x, W, b, v: log_p(x, W.detach(), b, v), "not its gradient"),
    ("3.4", lambda x, W, b, v: log_p(x, W, b.detach(), v), "not its gradient"),
    ("3.6", lambda *a: em_step(*a).T, "shape should stay"),
    ("3.6", lambda *a: em_step(*a, rows=False), "M step is not finished"),
    ("3.6", lambda *a: em_step(*a, rows=False) / em_step(*a, rows=False).sum(), "he whole of"),
    ("3.6", lambda *a: em_step(*a) / em_step(*a).sum(), "small example"),
    ("3.6", lambda p, t, c: em_step(p, t, torch.ones_like(c), rows=False), "E step alone"),
    ("3.6", lambda p, t, c: em_step(p, t, torch.ones_like(c)), "counts are missing"),
    ("3.6", lambda p, t, c: em_step(torch.ones_like(p), t, c), "prior is missing"),
    (
        "3.6",
        lambda p, t, c: em_step(torch.ones_like(p), t, torch.ones_like(c)),
        "and so are the counts",
    ),
    ("3.6", lambda *a: em_step(*a, divide=False), "weighs with the joint"),
    (
        "3.6",
        lambda p, t, c: em_step(p, t, c / c.sum(), rows=False) / p[:, None],
        "not by the prior",
    ),
    (
        "3.6",
        lambda p, t, c: (w := em_step(p, t, c) * t) / w.sum(1, keepdim=True),
        "once more",
    ),
    ("3.6", lambda p, t, c: (em_step(p, t, c), p), "not of the kind"),
    ("3.6", lambda p, t, c: 0.5 * (t + em_step(p, t, c)), "small example"),
    ("3.6", em_hard, "likeliest code alone"),
    ("3.6", lambda p, t, c: t, "as it was"),
    ("3.6", lambda p, t, c: (c / c.sum()).expand(t.shape), "to every code"),
    (
        "3.6",
        lambda p, t, c: em_step(p, t, c, rows=False).sum(1)[:, None].expand_as(t) / c.sum(),
        "the prior's next value",
    ),
    ("3.6", lambda *a: em_step(*a) + 0.1, "small example"),
    (
        "3.6",
        lambda p, t, c: (w := c * p[:, None] * t / (p @ t)) / w.sum(1, keepdim=True),
        "0/0",
    ),
    ("3.6", lambda p, t, c: em_step(p, t, c.clamp(min=1)), "the count 0"),
]
