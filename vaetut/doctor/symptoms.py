"""What may be wrong with a model that was trained: each measure on the examples of the reader."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from ..distributions import LOG_2PI
from .catalogue import APART, ENOUGH, FAR, FLOOR, HOLE, IDLE, MORE, Finding
from .formula import SIGMAS, Formula
from .subject import Pass, Subject


def is_trained(subject: Subject, one: Pass, formula: Formula) -> bool:
    """Say whether the model has been trained: by its gradients and its reconstructions.

    A fresh model's gradients are much the same for any examples, and a constant describes the data
    better than its reconstructions do. One that ignores its code has learned that constant.
    """
    parameters = [p for p in subject.parameters().values() if p.requires_grad]
    if not parameters:  # frozen: its gradients cannot be asked
        return _comparable(subject, one) and (_error(subject, one.outputs.recon) or 1.0) < 0.8
    half = len(subject.x) // 2
    sides = []
    for x in (subject.x[:half], subject.x[half:]):
        try:
            loss = subject.run(1, x).loss
            grads = torch.autograd.grad(loss, parameters, allow_unused=True)
        except (RuntimeError, ValueError, IndexError):  # batches of one size only; a detached loss
            return False
        sides.append(torch.cat([g.flatten() for g in grads if g is not None]))
    alike = torch.cosine_similarity(sides[0], sides[1], dim=0).item()
    if not _comparable(subject, one):
        return False
    recon = one.outputs.recon.detach()
    error = _error(subject, recon)
    if error is None:
        return alike < 0.5
    learned = error < 0.8
    if error < 1.05 and subject.standard and _knows_the_mean(subject, recon):
        learned = learned or bool((_rate(*_codes(one, formula)) < IDLE).all())
    return (learned and alike < 0.9) or (error < 1.05 and alike < 0.2)


def untrained(subject: Subject, one: Pass) -> Finding:
    """Say by what the model looks untrained."""
    if not _comparable(subject, one):
        return Finding("untrained", "its outputs have not as many numbers as the examples")
    error = _error(subject, one.outputs.recon.detach())
    if error is None:
        return Finding("untrained", "two halves of the examples want its weights moved alike")
    return Finding("untrained", f"reconstructions have {error:.2f} times the error of a constant")


def _comparable(subject: Subject, one: Pass) -> bool:
    """Say whether outputs and examples have as many numbers."""
    return subject.likelihood is not None or one.outputs.recon.numel() == subject.x.numel()


def _error(subject: Subject, recon: torch.Tensor) -> float | None:
    """Return the squared error of reconstructions, in units of that of the mean example.

    Gaps have no error. A likelihood of the reader's own may have no mean: None.
    """
    x, means = subject.x.flatten(1), _means(subject, recon)
    if means is None:
        return None
    constant = (x - x.nanmean(0)).square().nansum().clamp(min=1e-12)
    return ((means - x).square().nansum() / constant).item()


def _means(subject: Subject, recon: torch.Tensor) -> torch.Tensor | None:
    """Return the reconstructions as numbers like the data's, (B, D)."""
    x, likelihood = subject.x.flatten(1), subject.likelihood
    try:
        recon = (likelihood.mean(recon) if likelihood is not None else recon).reshape(x.shape)
    except NotImplementedError:
        return None
    if likelihood is None and recon.min() < 0 and x.min() >= 0 and x.max() <= 1:
        recon = min(recon, recon.sigmoid(), key=lambda r: (r - x).square().sum().item())
    return recon


def _knows_the_mean(subject: Subject, recon: torch.Tensor) -> bool:
    """Say whether the mean reconstruction differs between values as the mean example does."""
    means = _means(subject, recon)
    if means is None:
        return False
    x = subject.x.flatten(1)
    wanted, got = x.nanmean(0), means.where(~x.isnan(), torch.nan).nanmean(0)
    spread = (wanted - wanted.nanmean()).square().nansum()
    return bool((got - wanted).square().nansum() < 0.1 * spread)


@torch.no_grad()
def of_codes(subject: Subject, one: Pass, formula: Formula) -> Iterator[Finding]:
    """Check that codes are used, and lie where the prior draws."""
    if not subject.standard:
        yield Finding("prior-unknown", "where its codes lie beside its own prior was not examined")
        return
    mu, sigma = _codes(one, formula)
    rate = _rate(mu, sigma)
    used = rate > IDLE
    nats = ", ".join(f"{r:.2g}" for r in rate[used].sort(descending=True).values[:6])
    if not used.any():
        seen = f"all coordinates together carry {rate.sum():.2g} nats"
        error = _error(subject, one.outputs.recon.detach())
        if error is not None:
            seen += f", and reconstructions have {error:.2f} times the error of a constant"
        yield Finding("collapse", seen)
        return
    if not used.all():
        yield Finding(
            "dead-coordinates",
            f"{(~used).sum()} of {len(rate)} coordinates carry less than {IDLE} nats "
            f"(largest others: {nats})",
        )
    second = (mu**2 + sigma**2).mean(0).sqrt()
    if second.max() > FAR:
        yield Finding(
            "far-codes",
            f"the codes' root mean square is {second.max():.3g} in coordinate "
            f"{second.argmax().item()} (counted from 0); the prior's is 1",
        )
        return
    if len(mu) < ENOUGH:
        return
    spread = mu.var(0, correction=0) + (sigma**2).mean(0)
    off = torch.maximum(spread, 1 / spread)
    if off.max() > APART:
        worst = int(off.argmax())
        yield Finding(
            "prior-misfit",
            f"the codes' variance in coordinate {worst} (counted from 0) is "
            f"{spread[worst]:.2f} times the prior's",
        )
    drawn, new = _share_in_holes(mu[:, used], sigma[:, used])
    if drawn - new > MORE:
        yield Finding(
            "holes",
            f"{drawn:.2f} of the prior's draws fall where codes are less than 1/{HOLE:g} as dense, "
            f"and {new:.2f} of new codes do (by a map of {len(mu) // 2} codes)",
        )


def _codes(one: Pass, formula: Formula) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mu and sigma, (B, L) each, in the prior's units: there it is N(0, 1)."""
    sigma = SIGMAS[formula.head or "log σ²"](one.outputs.head.detach())
    mu, sigma = (part.double().cpu().flatten(1) for part in (one.outputs.mu.detach(), sigma))
    return (mu - formula.mean) / formula.variance**0.5, sigma / formula.variance**0.5


def _rate(mu: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Return the mean KL of each coordinate, (L,)."""
    return (0.5 * (mu**2 + sigma**2 - 1) - sigma.log()).mean(0)


def _share_in_holes(mu: torch.Tensor, sigma: torch.Tensor) -> tuple[float, float]:
    """Return the share in holes of the prior's draws, and of codes of the second half."""
    half = len(mu) // 2
    g = torch.Generator().manual_seed(0)
    new = mu[half:] + sigma[half:] * torch.randn(mu[half:].shape, generator=g, dtype=mu.dtype)
    drawn = torch.randn((4 * half, mu.shape[1]), generator=g, dtype=mu.dtype)

    def share(z: torch.Tensor) -> float:
        off = (z[:, None] - mu[:half]) / sigma[:half]  # (M, N, L)
        log_q = -(0.5 * (off**2 + LOG_2PI) + sigma[:half].log()).sum(-1)
        log_q = log_q.logsumexp(1) - math.log(half)
        log_p = -0.5 * (z**2 + LOG_2PI).sum(-1)
        return (log_p - log_q > math.log(HOLE)).double().mean().item()

    return share(drawn), share(new)


def of_variance(subject: Subject) -> Iterator[Finding]:
    """Check that no learned variance of the decoder has run to its floor."""
    for name, p in subject.parameters().items():
        last = name.split(".")[-1]
        width = {"log_var": 1, "logvar": 1, "log_sigma": 2, "log_std": 2, "log_scale": 2}.get(last)
        if width and p.numel() and p.detach().min() * width < math.log(FLOOR):
            least = width * p.min().item()
            yield Finding("variance-floor", f"the log-variance {name} has come to {least:.1f}")
