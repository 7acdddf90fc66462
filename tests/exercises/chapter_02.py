"""Chapter 2: a solution of every exercise, and the likely mistakes with the hint that each gets."""

import math

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.distributions import (
    LogNormal,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
)
from torch.distributions.transforms import ExpTransform
from torch.nn import functional as F

LOG_2PI = math.log(2 * math.pi)


def kl_from_densities(log_p, log_q, x):
    return (log_p(x) - log_q(x)).mean()


def kl_by_loops(log_p, log_q, x):
    total = 0.0
    for row in x.split(1):
        total += log_p(row).item() - log_q(row).item()
    return total / len(x)


def kl_by_batches(log_p, log_q, x):
    mean = torch.zeros(())
    for done, row in enumerate(x):  # a running mean
        mean += (log_p(row[None])[0] - log_q(row[None])[0] - mean) / (done + 1)
    return mean


def kl_by_product(log_p, log_q, x):
    even = torch.full((len(x),), 1 / len(x))
    return even @ (log_p(x) - log_q(x))


def log_density_exp(x, half=0.5, constant=LOG_2PI, jacobian=1.0):
    z = x.log()
    return -half * z**2 - 0.5 * constant - jacobian * z


def by_transform(x):
    return TransformedDistribution(Normal(0.0, 1.0), ExpTransform(), validate_args=False).log_prob(
        x
    )


def by_autograd(x):
    z = x.log().requires_grad_()
    (slope,) = torch.autograd.grad(z.exp().sum(), z, create_graph=True)
    return Normal(0.0, 1.0).log_prob(z) - slope.log()


def by_jacobian(x):
    return torch.stack(
        [
            Normal(0.0, 1.0).log_prob(one.log())
            - torch.autograd.functional.jacobian(torch.exp, one.log(), create_graph=True).log()
            for one in x
        ]
    )


def of_the_density(x):
    return (Normal(0.0, 1.0).log_prob(x.log()).exp() / x).log()


def log_density_wire(x, w, v, power=1.0, line=torch.outer, mean=0.0):
    covariance = line(w, w) + v**power * torch.eye(len(w))
    return MultivariateNormal(mean * w, covariance).log_prob(x)


def no_line(w, _):
    return torch.zeros(len(w), len(w))


def wire_along_and_across(x, w, v, axes=None):
    length = w.norm()
    along = x @ w / length
    across = (x - along[:, None] * w / length).square().sum(1)
    axes = len(w) - 1 if axes is None else axes
    on_line = Normal(0.0, (length**2 + v).sqrt()).log_prob(along)
    return on_line - 0.5 * (across / v + axes * math.log(2 * math.pi * v))


def wire_by_low_rank(x, w, v):
    D = len(w)
    return LowRankMultivariateNormal(torch.zeros(D), w[:, None], v * torch.ones(D)).log_prob(x)


def wire_by_eigenvalues(x, w, v):
    D = len(w)
    values, axes = torch.linalg.eigh(torch.outer(w.detach(), w.detach()))
    total = w.square().sum() + v
    logs = total.log() + (D - 1) * math.log(v)
    off = x.double().square().sum(1) - (x.double() @ w.double()) ** 2 / total
    return -0.5 * (off / v + logs + D * LOG_2PI) + 0 * (values.sum() + axes.sum())


def wire_by_bayes(x, w, v):
    """Return log p(x, z) - log p(z|x), at the posterior's mean."""
    precision = 1 + w.square().sum() / v
    mean = (x / v) @ w / precision  # (B,)
    fit = -0.5 * (x - mean[:, None] * w).square().sum(1) / v
    fit = fit - 0.5 * len(w) * math.log(2 * math.pi * v)
    return fit - 0.5 * (mean**2 + LOG_2PI) - 0.5 * (precision / (2 * math.pi)).log()


def wire_by_cholesky(x, w, v):
    C = torch.eye(len(w)).mul_(v) + w[:, None] * w
    factor = torch.linalg.cholesky(C)
    white = torch.linalg.solve_triangular(factor, x.T, upper=False)  # (D, B)
    logs = factor.diagonal().log().sum()
    return -0.5 * white.square().sum(0) - logs - 0.5 * len(w) * LOG_2PI


def wire_one_by_one(x, w, v):
    C = torch.outer(w, w) + v * torch.eye(len(w))
    inverse, log_det = torch.linalg.inv(C), torch.slogdet(C).logabsdet
    return torch.stack([-0.5 * (row @ inverse @ row + log_det + len(w) * LOG_2PI) for row in x])


def wire_by_det(x, w, v):
    C = torch.outer(w, w) + v * torch.eye(len(w))
    square = ((x @ torch.linalg.inv(C)) * x).sum(1)
    return -0.5 * (square + torch.linalg.det(C).log() + len(w) * LOG_2PI)


def wire_by_grid(x, w, v):
    z = torch.linspace(-5, 5, 1001)[:, None]
    bumps = Normal(z * w, v**0.5).log_prob(x[:, None]).sum(-1)
    return (bumps + Normal(0.0, 1.0).log_prob(z[:, 0]) + math.log(0.01)).logsumexp(1)


def fitted(x, y, labels=(1, 0), **settings):
    rows = np.concatenate([x, y])
    classifier = LogisticRegression(**{"C": 1e6, "max_iter": 1000, **settings})
    return classifier.fit(rows, np.repeat(labels, [len(x), len(y)]))


def kl_by_classifier(x, y, labels=(1, 0), at=None, answer="decision_function", reduce=np.mean):
    classifier = fitted(x, y, labels)
    return reduce(getattr(classifier, answer)(x if at is None else at))


def chance_of_data(x, y, at=None):
    return fitted(x, y).predict_proba(x if at is None else at)[:, 1]


def kl_by_chances(x, y):
    chances = fitted(x, y).predict_proba(x)
    return np.log(chances[:, 1] / chances[:, 0]).mean()


def kl_by_names(x, y):
    labels = np.array(["outputs"] * len(y) + ["data"] * len(x))
    classifier = LogisticRegression(C=1e4, max_iter=1000).fit(np.concatenate([y, x]), labels)
    return -classifier.decision_function(x).mean()  # "outputs" comes second


def kl_standardised(x, y):
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=np.inf, solver="newton-cg"))
    classifier.fit(np.vstack([x, y]), [True] * len(x) + [False] * len(y))
    return float(np.mean(classifier.decision_function(x)))


def kl_by_coefficients(x, y):
    classifier = fitted(x, y, labels=(1, -1))
    return x.mean(0) @ classifier.coef_[0] + classifier.intercept_[0]


def kl_on_fresh_data(x, y):
    half = len(x) // 2
    return fitted(x[:half], y[:half]).decision_function(x[half:]).mean()


def kl_on_a_quarter(x, y):
    held_out = len(x) // 4
    return fitted(x[held_out:], y[held_out:]).decision_function(x[:held_out]).mean()


def kl_by_newton(x, y):
    rows = np.hstack([np.concatenate([x, y]), np.ones((len(x) + len(y), 1))])
    is_data, weights = np.repeat([1.0, 0.0], [len(x), len(y)]), np.zeros(rows.shape[1])
    for _ in range(25):
        chances = 1 / (1 + np.exp(-rows @ weights))
        curvature = rows.T @ (rows * (chances * (1 - chances))[:, None])
        weights += np.linalg.solve(curvature, rows.T @ (is_data - chances))
    return (rows[: len(x)] @ weights).mean()


def loss(x, y):
    labels, rows = np.repeat([1, 0], [len(x), len(y)]), np.concatenate([x, y])
    return log_loss(labels, fitted(x, y).predict_proba(rows))


SOLUTIONS = {
    "2.1": kl_from_densities,
    "2.2": log_density_exp,
    "2.3": log_density_wire,
    "2.4": kl_by_classifier,
}

RIGHT = [
    ("2.1", kl_by_loops),
    ("2.1", kl_by_batches),
    ("2.1", kl_by_product),
    ("2.1", lambda p, q, x: np.mean(p(x).double().numpy() - q(x).double().numpy())),
    ("2.1", lambda p, q, x: torch.stack([p(x).mean(), -q(x).mean()]).sum()),
    ("2.1", lambda p, q, x: float(np.average((p(x) - q(x)).tolist()))),
    ("2.1", lambda p, q, x: (p(x).sum() - q(x).sum()) / x.shape[0]),
    ("2.2", by_transform),
    ("2.2", by_autograd),
    ("2.2", by_jacobian),
    ("2.2", lambda x: LogNormal(0.0, 1.0, validate_args=False).log_prob(x)),
    ("2.2", lambda x: -0.5 * ((x.log() + 1) ** 2 - 1 + LOG_2PI)),
    ("2.2", lambda x: Normal(0.0, 1.0).log_prob(torch.log(x)) + (1 / x).log()),
    ("2.3", wire_along_and_across),
    ("2.3", wire_by_low_rank),
    ("2.3", wire_by_eigenvalues),
    ("2.3", wire_by_bayes),
    ("2.3", wire_by_cholesky),
    ("2.3", wire_one_by_one),
    ("2.3", lambda x, w, v: log_density_wire(x.double(), w.double(), v)),
    ("2.3", lambda x, w, v: torch.vmap(lambda row: wire_one_by_one(row[None], w, v)[0])(x)),
    ("2.4", kl_by_chances),
    ("2.4", kl_by_names),
    ("2.4", kl_standardised),
    ("2.4", kl_by_coefficients),
    ("2.4", kl_on_fresh_data),
    ("2.4", kl_on_a_quarter),
    ("2.4", kl_by_newton),
    ("2.4", lambda x, y: np.diff(fitted(x, y).predict_log_proba(x)).mean()),
    ("2.4", lambda x, y: fitted(x, y, C=1.0).decision_function(x).mean()),
]

MISTAKES = [
    ("2.1", lambda p, q, x: p(x) - q(x), "one value per sample"),
    ("2.1", lambda p, q, x: (p(x) - q(x)).mean()[None], "One number is wanted"),
    ("2.1", lambda p, q, x: (q(x) - p(x)).mean(), "sign is turned"),
    ("2.1", lambda p, q, x: (p(x) - q(x)).sum(), "summed over the samples"),
    ("2.1", lambda p, q, x: (p(x).exp() * (p(x) - q(x))).mean(), "weight them by p"),
    ("2.1", lambda p, q, x: (p(x).exp() * (p(x) - q(x))).sum(), "sum over p(x)"),
    ("2.1", lambda p, q, x: p(x).softmax(0) @ (p(x) - q(x)), "count alike"),
    (
        "2.1",
        lambda p, q, x: F.kl_div(q(x), p(x), reduction="batchmean", log_target=True),
        "weight them by p",
    ),
    ("2.1", lambda p, q, x: F.kl_div(p(x), q(x), reduction="batchmean", log_target=True), "by q"),
    ("2.1", lambda p, q, x: ((q(x) - p(x)).expm1() - q(x) + p(x)).mean(), "another estimate"),
    ("2.1", lambda p, q, x: (p(x) - q(x)).square().mean(), "it should be"),
    ("2.1", lambda p, q, x: (p(x) - q(x)).exp().mean(), "That is the mean ratio"),
    ("2.1", lambda p, q, x: (p(x) - q(x)).exp().mean().log(), "not the logarithm of the mean"),
    (
        "2.1",
        lambda p, q, x: p(x).exp().mean().log() - q(x).exp().mean().log(),
        "before the mean",
    ),
    ("2.1", lambda p, q, x: (p(x) - q(x)).abs().mean(), "no absolute values"),
    ("2.1", lambda p, q, x: -q(x).mean(), "log p is missing"),
    ("2.1", lambda p, q, x: -p(x).mean(), "log q is missing"),
    ("2.1", lambda p, q, x: (p(x) / q(x)).mean(), "they are subtracted"),
    ("2.1", lambda p, q, x: (p(x).log() - q(x).log()).mean(), "not finite"),
    ("2.1", lambda p, q, x: p(x).exp().mean() - q(x).exp().mean(), "difference of the densities"),
    ("2.1", lambda p, q, x: (p(x) - q(x)).mean() / x.shape[1], "number of samples alone"),
    ("2.1", lambda p, q, x: (p(x) - q(x))[0], "ne sample is no mean"),
    ("2.1", lambda p, q, x: (p(x) - q(x)).sum() / (len(x) - 1), "not by N - 1"),
    ("2.1", lambda p, q, x: (p(x) - q(x)).mean() / math.log(2), "bits"),
    ("2.1", lambda p, q, x: (p(x) - q(x)).mean() + 2, "it should be"),
    ("2.1", lambda p, q, x: (p(x) - q(x)).sum() / 1000, "typed in"),
    ("2.1", lambda p, q, x: (p(x).exp() / q(x).exp()).log().mean(), "leave them as they are"),
    ("2.1", lambda p, q, x: (p(x) - q(x).clamp(-80, 80)).mean(), "leave them as they are"),
    ("2.2", lambda x: log_density_exp(x).sum(), "for each of the"),
    ("2.2", lambda x: log_density_exp(x, jacobian=0.0), "here df/dz, is missing"),
    ("2.2", lambda x: log_density_exp(x, jacobian=-1.0), "Jacobian has the wrong sign"),
    ("2.2", lambda x: log_density_exp(x, jacobian=0.0) - x.log().abs(), "he bars in (2.7)"),
    ("2.2", lambda x: log_density_exp(x, jacobian=2.0), "it should be"),
    ("2.2", lambda x: Normal(0, 1).log_prob(x.log1p()) - x.log1p(), "it should be"),
    ("2.2", lambda x: log_density_exp(x, jacobian=0.0) - x, "its logarithm is not x"),
    ("2.2", lambda x: log_density_exp(x, jacobian=0.0) / x, "one is subtracted"),
    ("2.2", lambda x: log_density_exp(x, jacobian=0.0) - 1 / x, "not 1 / x"),
    ("2.2", lambda x: Normal(0, 1).log_prob(x) - x.log(), "which z is mapped to x"),
    ("2.2", lambda x: Normal(0, 1).log_prob(x), "the standard normal density at x"),
    ("2.2", lambda x: Normal(0, 1).log_prob(x.exp()) - x, "is not exp(x)"),
    ("2.2", lambda x: Normal(0, 1).log_prob(x.log10()) - x.log10(), "natural logarithm"),
    ("2.2", lambda x: log_density_exp(x, half=1.0), "factor ½ is missing in the exponent"),
    ("2.2", lambda x: log_density_exp(x, constant=0.0), "log 2π"),
    ("2.2", lambda x: log_density_exp(x, constant=2 * LOG_2PI), "once too often"),
    ("2.2", lambda x: log_density_exp(x).exp(), "its logarithm is wanted"),
    ("2.2", lambda x: -log_density_exp(x), "sign is turned"),
    ("2.2", lambda x: log_density_exp(x) + 1, "the same amount"),
    ("2.2", lambda x: log_density_exp(x) * 1.5, "it should be"),
    ("2.2", of_the_density, "stay with its logarithm"),
    ("2.2", lambda x: log_density_exp(x.clamp(1e-6, 1e6)), "stay with its logarithm"),
    ("2.2", lambda x: log_density_exp(x + 1e-8), "stay with its logarithm"),
    ("2.2", lambda x: log_density_exp(x).detach(), "no gradient"),
    ("2.2", lambda x: Normal(0, 1).log_prob(x.log()) - x.log().detach(), "not its gradient"),
    ("2.3", lambda x, w, v: Normal(x * w, v).log_prob(x), "one value per dimension"),
    ("2.3", lambda *a: log_density_wire(*a).sum(), "for each of the"),
    ("2.3", lambda *a: log_density_wire(*a, power=2), "you squared it"),
    ("2.3", lambda *a: log_density_wire(*a, power=0.5), "its square root"),
    ("2.3", lambda *a: log_density_wire(*a, line=no_line), "line itself is missing"),
    ("2.3", lambda *a: log_density_wire(*a, line=lambda w, _: (w**2).diag()), "more than a diag"),
    ("2.3", lambda *a: log_density_wire(*a, line=lambda w, _: w.abs().diag()), "spread |w|"),
    (
        "2.3",
        lambda *a: log_density_wire(*a, line=lambda w, _: w @ w * torch.eye(len(w))),
        "is a number",
    ),
    ("2.3", lambda *a: log_density_wire(*a, line=no_line, mean=1.0), "integrated out"),
    ("2.3", lambda *a: log_density_wire(*a, mean=1.0), "x has mean 0"),
    ("2.3", lambda x, w, v: wire_along_and_across(x, w, v, axes=1), "you count one"),
    ("2.3", lambda x, w, v: wire_along_and_across(x, w, v, axes=len(w)), "you count D"),
    (
        "2.3",
        lambda x, w, v: Normal(0.0, (w @ w + v).sqrt()).log_prob(x @ w / w.norm()),
        "what lies across has noise, too",
    ),
    ("2.3", lambda *a: log_density_wire(*a).exp(), "its logarithm is wanted"),
    (
        "2.3",
        lambda x, w, v: log_density_wire(x, w, v) + 0.5 * len(w) * LOG_2PI,
        "log 2π for each dimension, is missing",
    ),
    (
        "2.3",
        lambda x, w, v: log_density_wire(x, w, v) + 0.5 * (len(w) - 1) * LOG_2PI,
        "D times in all",
    ),
    ("2.3", lambda *a: 2 * log_density_wire(*a), "factor ½ is missing"),
    ("2.3", lambda *a: -log_density_wire(*a), "sign is turned"),
    ("2.3", lambda x, w, v: log_density_wire(x, w, v) / len(w), "averaged over the dimensions"),
    ("2.3", lambda *a: log_density_wire(*a) + 1, "the same amount"),
    ("2.3", lambda *a: log_density_wire(*a) * 1.5, "it should be"),
    ("2.3", lambda x, w, v: log_density_wire(x, w, v) + (len(w) - 5) * LOG_2PI, "look at the con"),
    ("2.3", lambda x, w, v: log_density_wire(x, w, v).exp().log(), "stay with its logarithm"),
    ("2.3", wire_by_grid, "stay with its logarithm"),
    ("2.3", wire_by_det, "a determinant is"),
    ("2.3", lambda x, w, v: log_density_wire(x, w.detach(), v), "no gradient"),
    ("2.3", lambda x, w, v: log_density_wire(x, w, v).numpy(force=True), "no gradient"),
    (
        "2.3",
        lambda x, w, v: log_density_wire(x, w, v, line=lambda w, _: torch.outer(w, w.detach())),
        "not its gradient",
    ),
    ("2.4", lambda *a: kl_by_classifier(*a, reduce=np.asarray), "one value per datum"),
    (
        "2.4",
        lambda x, y: fitted(x, y).decision_function(np.concatenate([x, y])),
        "each row of both piles",
    ),
    ("2.4", lambda *a: kl_by_classifier(*a, reduce=np.diff), "One number is wanted"),
    ("2.4", lambda x, y: 3.0, "typed in"),
    ("2.4", lambda x, y: math.log(2) - loss(x, y), "log 2 minus the log-loss"),
    ("2.4", loss, "the log-loss of the classifier"),
    ("2.4", lambda *a: kl_by_classifier(*a, labels=(0, 1)), "which of the two did you label 1"),
    ("2.4", lambda x, y: kl_by_classifier(x, y, labels=(0, 1), at=y), "other direction"),
    ("2.4", lambda x, y: kl_by_classifier(x, y, at=y), "averaged over outputs"),
    (
        "2.4",
        lambda x, y: kl_by_classifier(x, y, at=np.concatenate([x, y])),
        "data and outputs together",
    ),
    (
        "2.4",
        lambda x, y: kl_by_classifier(x, y) - kl_by_classifier(x, y, at=y),
        "both directions",
    ),
    ("2.4", lambda x, y: np.abs(fitted(x, y).decision_function(x)).mean(), "are negative"),
    ("2.4", lambda x, y: kl_by_classifier(x, y, labels=(1, 0)) * 0.8, "held back"),
    ("2.4", lambda x, y: chance_of_data(x, y).mean(), "s that a probability"),
    ("2.4", lambda x, y: (chance_of_data(x, y) > 0.5).mean(), "s that a share"),
    ("2.4", lambda x, y: kl_by_classifier(x, y, answer="predict"), "s that a share"),
    (
        "2.4",
        lambda x, y: np.mean(np.r_[chance_of_data(x, y) > 0.5, chance_of_data(x, y, y) < 0.5]),
        "gets right",
    ),
    ("2.4", lambda x, y: np.log(chance_of_data(x, y)).mean(), "logarithm of the probability"),
    ("2.4", lambda x, y: np.exp(fitted(x, y).decision_function(x)).mean(), "hose are the odds"),
    (
        "2.4",
        lambda x, y: np.log((p := chance_of_data(x, y).mean()) / (1 - p)),
        "before the mean",
    ),
    ("2.4", lambda x, y: x.mean(0) @ fitted(x, y).coef_[0], "intercept"),
    ("2.4", lambda *a: kl_by_classifier(*a, reduce=np.sum), "summed over the data"),
    ("2.4", lambda x, y: kl_by_classifier(x, y) / math.log(2), "bits"),
    ("2.4", lambda x, y: fitted(x, y, C=0.01).decision_function(x).mean(), "held back"),
    ("2.4", lambda *a: kl_by_classifier(*a) * 3, "it should be"),
    ("2.4", lambda *a: kl_by_classifier(*a) * 1.08, "it should be"),
]
