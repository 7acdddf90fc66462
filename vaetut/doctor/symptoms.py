"""What may be wrong with a model that was trained: each measure on the examples of the reader."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from ..distributions import LOG_2PI
from .catalogue import APART, ENOUGH, FAR, FLOOR, HOLE, IDLE, MORE, Finding
from .formula import SIGMAS, Formula
from .subject import Pass, Subject


def is_trained(subject: Subject, one: Pass) -> bool:
    """Say whether the model has been trained: by its gradients and its reconstructions.

    A fresh model's gradients are much the same for any examples, and a constant describes the data
    better than its reconstructions do.
    """
    parameters = [p for p in subject.parameters().values() if p.requires_grad]
    half = len(subject.x) // 2
    sides = []
    for x in (subject.x[:half], subject.x[half:]):
        try:
            loss = subject.run(1, x).loss
        except (RuntimeError, ValueError, IndexError):  # it takes batches of one size only
            return False
        grads = torch.autograd.grad(loss, parameters, allow_unused=True)
        sides.append(torch.cat([g.flatten() for g in grads if g is not None]))
    alike = torch.cosine_similarity(*sides, dim=0).item()
    recon = one.outputs.recon.detach()
    if recon.numel() != subject.x.numel() and subject.likelihood is None:
        return False
    error = _error(subject, recon)
    if error is None:
        return alike < 0.5
    return (error < 0.8 and alike < 0.9) or (error < 1.05 and alike < 0.2)


def _error(subject: Subject, recon: torch.Tensor) -> float | None:
    """Return the squared error of reconstructions, in units of that of the mean example.

    A likelihood of the reader's own may have no mean: None.
    """
    x = subject.x.flatten(1)
    likelihood = subject.likelihood
    try:
        recon = (likelihood.mean(recon) if likelihood is not None else recon).reshape(x.shape)
    except NotImplementedError:
        return None
    if likelihood is None and recon.min() < 0 and x.min() >= 0 and x.max() <= 1:
        recon = min(recon, recon.sigmoid(), key=lambda r: (r - x).square().sum().item())
    return ((recon - x).square().sum() / (x - x.mean(0)).square().sum().clamp(min=1e-12)).item()


@torch.no_grad()
def of_codes(subject: Subject, one: Pass, formula: Formula) -> Iterator[Finding]:
    """Check that codes are used, and lie where the prior draws."""
    if not subject.standard:
        yield Finding("prior-unknown", "where its codes lie beside its own prior was not examined")
        return
    head = formula.head or "log σ²"
    mu, sigma = one.outputs.mu.detach(), SIGMAS[head](one.outputs.head.detach())
    mu, sigma = (part.double().cpu().flatten(1) for part in (mu, sigma))
    mu, sigma = (mu - formula.mean) / formula.variance**0.5, sigma / formula.variance**0.5
    rate = (0.5 * (mu**2 + sigma**2 - 1) - sigma.log()).mean(0)  # (L,)
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
            f"{(~used).sum()} of {len(rate)} coordinates carry less than {IDLE} nats (others "
            f"{nats})",
        )
    second = (mu**2 + sigma**2).mean(0).sqrt()
    if second.max() > FAR:
        yield Finding(
            "far-codes",
            f"the codes' root mean square is {second.max():.3g} in coordinate "
            f"{second.argmax().item()}; the prior's is 1",
        )
        return
    if len(mu) < ENOUGH:
        return
    spread = mu.var(0, correction=0) + (sigma**2).mean(0)
    off = torch.maximum(spread, 1 / spread)
    if off.max() > APART:
        worst = off.argmax().item()
        yield Finding(
            "prior-misfit",
            f"the codes' variance in coordinate {worst} is {spread[worst]:.2f} times the prior's",
        )
    drawn, new = _share_in_holes(mu[:, used], sigma[:, used])
    if drawn - new > MORE:
        yield Finding(
            "holes",
            f"{drawn:.2f} of the prior's draws fall where codes are less than 1/{HOLE:g} as dense, "
            f"and {new:.2f} of new codes do (by a map of {len(mu) // 2} codes)",
        )


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
