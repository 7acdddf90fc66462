"""What a loss amounts to: which distortion, which rate, and how much of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional as F

from .catalogue import Finding
from .subject import OfParts, Subject, seed_all

# What the second head may stand for, and sigma from it.
SIGMAS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "log σ²": lambda h: (0.5 * h).exp(),
    "log σ": torch.exp,
    "σ": lambda h: h,
    "σ²": lambda h: h.clamp(min=0).sqrt(),
    "softplus⁻¹ of σ": F.softplus,
    "softplus⁻¹ of σ²": lambda h: F.softplus(h).sqrt(),
}
# Sums over the values of an example; where one is not defined it is NaN or infinite.
DISTORTIONS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "binary cross-entropy": lambda r, x: (
        -(x * r.log().clamp(min=-100) + (1 - x) * torch.log1p(-r).clamp(min=-100))
    ),
    "binary cross-entropy on logits": lambda r, x: F.binary_cross_entropy_with_logits(
        r, x, reduction="none"
    ),
    "squared error": lambda r, x: (r - x) ** 2,
    "squared error of sigmoid": lambda r, x: (r.sigmoid() - x) ** 2,
    "absolute error": lambda r, x: (r - x).abs(),
}
COPIES = 80  # perturbed outputs, or weights: more than twice the unknowns
EXACT = 1e-4  # of the variation: what is left by a formula that is the right one
CLOSE = 0.02  # two coefficients that should be the same


@dataclass(frozen=True)
class Formula:
    """A loss as `scale` · distortion + `weight` · KL(q || N(mean, variance)) + constant.

    Attributes
    ----------
    distortion : str
        A name in `DISTORTIONS`, or "" for one that is none of them.
    scale : float
    head : str
        What the KL takes the second head for, a name in `SIGMAS`; "" where it is no KL.
    weight : float
        Before the KL; 0 where the loss depends on neither mu nor the head.
    mean, variance : float
        Of the prior that the KL speaks of.
    fault : str
        "sign", "batch" or "formula", where what should be the KL is none.
    terms : str
        What it is instead.
    """

    distortion: str = ""
    scale: float = math.nan
    head: str = ""
    weight: float = math.nan
    mean: float = 0.0
    variance: float = 1.0
    fault: str = ""
    terms: str = ""

    @property
    def prior(self) -> str:
        """Write the prior that the KL speaks of; 0 for the dust of rounding."""
        mean = self.mean if abs(self.mean) > 1e-6 else 0.0
        return f"N({mean:.3g}, {self.variance:.3g})"


def find_formula(subject: Subject) -> Formula:
    """Find what the loss amounts to, from perturbed outputs or, without a formula, weights."""
    if subject.likelihood is not None:
        name = f"negative log-likelihood of {subject.likelihood}"
        return Formula(distortion=name, scale=1.0, head="log σ²", weight=1.0)
    seed_all(0)
    with torch.no_grad():
        formula = subject.formula
        return _of_outputs(subject, formula) if formula else _of_weights(subject)


def _of_outputs(subject: Subject, formula: OfParts) -> Formula:
    """Call the reader's formula on outputs of our own: one part varies, the other stays."""
    x = subject.x.double()
    recon, mu, head = (part.double() for part in subject.run(0).outputs)
    if recon.numel() != x.numel():
        return Formula()
    unit, positive = recon.min() >= 0 and recon.max() <= 1, (head > 0).all()
    recons = [_scaled(recon) for _ in range(COPIES)]
    recons = [r.sigmoid() for r in recons] if unit else recons
    codes = [(_scaled(mu), _scaled(head)) for _ in range(COPIES)]
    codes = [(m, h.exp()) for m, h in codes] if positive else codes
    costs = torch.stack([formula(r, x, *codes[0]) for r in recons])
    found, scale = "", math.nan
    for name, distortion in DISTORTIONS.items():
        column = torch.stack([_sum(distortion(r, x.view_as(r))) for r in recons])
        left, (slope, _) = fit(costs, [column, torch.ones_like(column)])
        if left < EXACT:
            found, scale = name, slope
            break
    costs = torch.stack([formula(recons[0], x, *code) for code in codes])
    mus, heads = zip(*codes, strict=True)
    return read_rate(costs, mus, heads, found, scale)


def _scaled(like: torch.Tensor) -> torch.Tensor:
    """Return normal noise of this shape, of a random width, with a part that all rows share."""
    width = 0.3 + 1.2 * torch.rand((), dtype=like.dtype)
    return width * torch.randn_like(like) + 0.5 * torch.randn_like(like[:1])


def _of_weights(subject: Subject) -> Formula:
    """Run the reader's loss with other weights, and look on: all parts vary at once."""
    parameters = _behind(subject)
    kept = [p.data for p in parameters]
    costs, passes = [], []
    for copy in range(COPIES):
        for p, data in zip(parameters, kept, strict=True):
            spread = data.std() if data.numel() > 1 else data.abs()
            p.data = data + 0.3 * torch.rand(()) * (spread + 0.1) * torch.randn_like(data)
        seen = subject.run(copy)
        costs.append(seen.loss.double())
        passes.append([part.double() for part in seen.outputs])
    for p, data in zip(parameters, kept, strict=True):
        p.data = data
    recons, mus, heads = zip(*passes, strict=True)
    x = subject.x.double()
    best = Formula()
    if recons[0].numel() != x.numel():
        return best
    for name, distortion in DISTORTIONS.items():
        column = torch.stack([_sum(distortion(r, x.view_as(r))) for r in recons])
        formula = read_rate(torch.stack(costs), mus, heads, name, math.nan, column)
        if formula.head and not formula.fault:
            return formula
        best = formula if formula.fault else best
    return best


def _behind(subject: Subject) -> list[torch.nn.Parameter]:
    """Return the parameters behind reconstruction and code: not, say, a variance of its own."""
    parameters = list(subject.parameters().values())
    with torch.enable_grad():
        outputs = [part for part in subject.run(0).outputs if part.requires_grad]
        values = [(part**2).sum() for part in outputs]
    learn = [p for p in parameters if p.requires_grad]
    if not outputs or not learn:
        return parameters
    grads = torch.autograd.grad(values, learn, allow_unused=True)
    return [p for p, g in zip(learn, grads, strict=True) if g is not None]


def _sum(each: torch.Tensor) -> torch.Tensor:
    """Sum over an example's values, average over examples."""
    return each.flatten(1).sum(1).mean()


def read_rate(
    costs: torch.Tensor,
    mus: tuple[torch.Tensor, ...],
    heads: tuple[torch.Tensor, ...],
    distortion: str,
    scale: float,
    column: torch.Tensor | None = None,
) -> Formula:
    """Read, from losses at these codes, which KL is in them.

    With `column`, the values of a distortion that varied too, its factor is read as well.
    """
    if costs.std() <= 1e-9 * costs.abs().mean():
        return Formula(distortion=distortion, scale=scale, weight=0.0)
    extra = [torch.ones_like(costs)] + ([] if column is None else [column])
    wrong = ""
    for fault in ("", "batch"):  # of the batch's mean: squares and logs are taken after it
        first = _mean_row if fault else _itself
        of_mu = [torch.stack([_sum(first(mu) ** 2) for mu in mus])]
        of_mu.append(torch.stack([_sum(first(mu)) for mu in mus]))
        for one, two in _readings():
            square = torch.stack([_sum(SIGMAS[one](first(h)) ** 2) for h in heads])
            log = torch.stack([_sum(SIGMAS[two](first(h)).log()) for h in heads])
            left, (c_mu2, c_mu, c_square, c_log, _, *c) = fit(costs, [*of_mu, square, log, *extra])
            if not left < EXACT:
                continue
            found: dict[str, Any] = {"distortion": distortion, "scale": c[0] if c else scale}
            least = 1e-6 * max(abs(c_mu2), abs(c_square), abs(c_log))
            c_mu2, c_mu, c_square, c_log = (
                c if abs(c) > least else 0.0 for c in (c_mu2, c_mu, c_square, c_log)
            )
            terms = f"{c_mu2:.3g} μ² {c_square:+.3g} σ² {c_log:+.3g} log σ"
            terms += f" {c_mu:+.3g} μ" if c_mu else ""
            terms += ", of the batch's mean of mu and of the second head" if fault else ""
            if one == two and max(c_mu2, c_square) < 0 < c_log:
                return Formula(**found, head=one, weight=-c_log, fault="sign", terms=terms)
            even = abs(c_square - c_mu2) <= CLOSE * abs(c_mu2)
            if one != two or not even or c_mu2 <= 0 or c_log >= 0:
                read = one if one == two else f"{one}, and for the logarithm {two}"
                wrong = wrong or f"{terms}, if the second head is {read}"
                continue
            variance = -c_log / (2 * c_mu2)
            return Formula(
                **found,
                head=one,
                weight=-c_log,
                fault=fault,
                terms=terms,
                mean=-c_mu / (2 * c_mu2),
                variance=variance,
            )
    known: dict[str, Any] = {"distortion": distortion if column is None else "", "scale": scale}
    if not wrong and column is None:
        wrong = _exchanged(costs, mus, heads)
    return Formula(**known, fault="formula" if wrong else "", terms=wrong)


def _exchanged(
    costs: torch.Tensor, mus: tuple[torch.Tensor, ...], heads: tuple[torch.Tensor, ...]
) -> str:
    """Say so where it is a KL the other way round, or with its arguments exchanged."""
    ones = torch.ones_like(costs)

    def sums(function: Callable[..., torch.Tensor]) -> torch.Tensor:
        return torch.stack([_sum(function(m, h)) for m, h in zip(mus, heads, strict=True)])

    for name, sigma in SIGMAS.items():
        inverse = sums(lambda _, h, s=sigma: s(h) ** -2)
        mean = sums(lambda m, h, s=sigma: (m / s(h)) ** 2)
        log = sums(lambda _, h, s=sigma: s(h).log())
        if fit(costs, [inverse, mean, log, ones])[0] < EXACT:
            return f"the KL the other way round, of the prior to q, if the second head is {name}"
        square, own = (sums(lambda m, _, p=p: (p * m).exp()) for p in (1, 2))
        head2, mu1 = sums(lambda _, h: h**2), sums(lambda m, _: m)
        for column, what in ((square, "log σ²"), (own, "log σ")):
            if fit(costs, [head2, column, mu1, ones])[0] < EXACT:
                return f"the KL with mu and the second head exchanged, so that mu is read as {what}"
    return ""


def _itself(values: torch.Tensor) -> torch.Tensor:
    return values


def _mean_row(values: torch.Tensor) -> torch.Tensor:
    return values.mean(0, keepdim=True)


def _readings() -> list[tuple[str, str]]:
    """Return what the head may be in σ² and in log σ: first the same in both."""
    pairs = [(one, two) for one in SIGMAS for two in SIGMAS]
    return sorted(pairs, key=lambda pair: pair[0] != pair[1])


def fit(costs: torch.Tensor, columns: list[torch.Tensor]) -> tuple[float, list[float]]:
    """Return what least squares leave, as a part of the variation, and the coefficients."""
    matrix = torch.stack(columns, 1)
    if not (matrix.isfinite().all() and costs.isfinite().all()):
        return math.inf, [math.nan] * len(columns)
    norms = matrix.norm(dim=0).clamp(min=1e-300)
    found = (
        torch.linalg.lstsq(matrix / norms, costs[:, None], driver="gelsd").solution[:, 0] / norms
    )
    left = (costs - matrix @ found).norm() / (costs - costs.mean()).norm().clamp(min=1e-300)
    return left.item(), found.tolist()


def describe(formula: Formula, x: torch.Tensor) -> Iterator[Finding]:
    """Say what the loss amounts to, and what of it is not known."""
    if not formula.distortion:
        yield Finding("unknown-loss", "how it depends on the reconstructions was not recognised")
    if formula.weight == 0:
        yield Finding("no-kl", "the loss does not change with mu or the second head")
    elif not formula.head:
        if not formula.fault:
            yield Finding(
                "unknown-loss", "how it depends on mu and the second head was not recognised"
            )
    elif formula.distortion and not formula.fault and formula.scale > 0:
        ratio, batch = formula.weight / formula.scale, len(x)
        as_if = f"your effective β is {ratio:.3g}"
        if formula.distortion.startswith("squared"):
            as_if = f"as if the likelihood were Gaussian with σ² = {ratio / 2:.3g}"
        if formula.distortion.startswith("absolute"):
            as_if = f"as if the likelihood were Laplace's with a scale of {ratio:.3g}"
        per, of = formula.scale / batch, x[0].numel()
        summed = any(abs(per * n - 1) < 1e-3 for n in (1, 2, of, of / 2)) and batch != of
        factor = batch if summed else 1
        whole = f", both summed over the batch of {batch}" if summed else ""
        yield Finding(
            "loss",
            f"{_times(formula.scale / factor, of)}the {formula.distortion}, plus "
            f"{_times(formula.weight / factor, of)}the KL{whole}: {as_if}",
        )
        if any(abs(ratio / size - 1) < 1e-3 for size in (batch, 1 / batch, batch * of)):
            yield Finding("batch-weight", f"β is {ratio:.3g}, and the batch has {batch} examples")
    if (
        formula.head
        and not formula.fault
        and (abs(formula.variance - 1) > CLOSE or abs(formula.mean) > CLOSE)
    ):
        yield Finding("other-prior", f"the KL is that to {formula.prior}, not to N(0, 1)")


def _times(factor: float, values: int) -> str:
    """Write a factor of a sum over an example's values."""
    if abs(factor - 1) < 1e-3:
        return ""
    if abs(factor * values - 1) < 1e-3:
        return f"the mean over {values:,} values of "
    return f"{factor:.4g} times "
