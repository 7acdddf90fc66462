"""What is wrong with a VAE, whether it is trained or not: one check for each kind of fault.

Each check takes what has been seen so far, and yields what it finds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch

from .catalogue import Finding
from .formula import CLOSE, SIGMAS, Formula, fit
from .subject import OfParts, Pass, Subject, seed_all
from .watch import Watch

Findings = Iterator[Finding]
SAMPLES = 512
TWICE = (0.5, 0.7311)  # what two sigmoids leave
SAME = 1e-6  # relative; in float64, far below what any noise would do


def differ(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the largest difference, relative to the size of the first."""
    return ((a - b).abs().max() / a.abs().max().clamp(min=1e-12)).item()


def two_passes(subject: Subject) -> tuple[Pass, Pass]:
    """Pass twice, with other noise.

    A model whose encoder has noise of its own in training, as by a function for dropout, is
    examined in evaluation mode, if its code is drawn there, too.
    """
    passes = subject.run(1), subject.run(2)
    if differ(passes[0].outputs.mu, passes[1].outputs.mu) < SAME:
        return passes
    subject.set_mode(training=False)
    calm = subject.run(1), subject.run(2)
    if differ(calm[0].outputs.recon, calm[1].outputs.recon) > SAME:
        return calm
    subject.set_mode(training=True)
    return passes


class Code(NamedTuple):
    """A code as it was drawn: mu + sigma * noise; sigma is NaN where the noise was near 0."""

    sigma: torch.Tensor
    noise: torch.Tensor


def find_code(one: Pass, two: Pass) -> Code | None:
    """Find, among all that was computed, what is mu and a fixed multiple of the noise."""
    mu = one.outputs.mu.detach()
    for first, second in zip(one.watch.draws, two.watch.draws, strict=False):
        noises = first.noise, second.noise
        if torch.equal(*noises):
            continue
        if noises[0].ndim and noises[0].shape[-1] not in (1, mu.shape[-1]):
            continue
        later = one.watch.results[first.place :], two.watch.results[second.place :]
        for pair in zip(*later, strict=False):
            codes = [c for c in pair if c is not None and c.shape[-mu.ndim :] == mu.shape]
            if len(codes) < 2:
                continue
            if noises[0].ndim > codes[0].ndim or codes[0].shape != codes[1].shape:
                continue
            sigmas = [(code - mu) / noise for code, noise in zip(codes, noises, strict=True)]
            clear = ((noises[0].abs() > 0.1) & (noises[1].abs() > 0.1)).expand(codes[0].shape)
            if not clear.any() or not sigmas[0][clear].any():
                continue
            if differ(sigmas[0][clear], sigmas[1][clear]) < 1e-4:
                return Code(torch.where(clear, sigmas[0], torch.nan), noises[0])
    return None


def of_numbers(subject: Subject) -> Finding | None:
    """Say where the loss ceased to be a number, if it is none."""
    seed_all(1)
    problem, loss = "", None
    with Watch() as watch:
        try:
            loss = subject.loss(subject.x)
        except (RuntimeError, ValueError, AssertionError) as error:
            problem = str(error)
    if loss is not None and loss.isfinite():
        return None
    x = subject.x
    if problem and not any(word in problem for word in ("between 0 and 1", "probs", "support")):
        raise ValueError(f"the loss cannot be computed: {problem}")
    log = problem or (watch.first_bad in ("log", "log1p") and watch.bad_size == x.numel())
    low, high = x.min().item(), x.max().item()
    with torch.no_grad():
        recon = subject.forward(x).recon
    if log and recon.isfinite().all():
        if low < 0 or high > 1:
            return Finding(
                "input-range", f"the data reach from {low:.3g} to {high:.3g}, not from 0 to 1"
            )
        if recon.min() < 0 or recon.max() > 1:
            return Finding(
                "sigmoid-missing",
                f"the loss takes the decoder's outputs, from {recon.min():.3g} to "
                f"{recon.max():.3g}, for probabilities",
            )
        return Finding("log-overflow", "the loss takes the logarithm of 0")
    bad = [name for name, p in subject.parameters().items() if not p.isfinite().all()]
    where = f"the first operation that turned finite numbers into others is {watch.first_bad}"
    if bad:
        where = f"the weights {', '.join(bad[:3])} are not finite"
    cost = "no number" if loss is None else loss.item()
    return Finding("not-finite", f"the loss is {cost}; {where}")


def of_noise(subject: Subject, one: Pass, two: Pass) -> Findings:
    """Check that there is noise, new each time and of each example's own, and that it is read."""
    recon, code = one.outputs.recon, find_code(one, two)
    if differ(recon, two.outputs.recon) < SAME:
        same = "two passes with other random numbers give the same reconstructions"
        if code is not None:
            yield Finding("code-unread", f"{same}, though the code is another")
        elif _depends(one.outputs.recon, one.outputs.head):
            yield Finding("noise-frozen", f"{same}, and they depend on the second head")
        else:
            yield Finding("noise-missing", f"{same}, and they do not depend on the second head")
        return
    equal = subject.x[:1].expand_as(subject.x).contiguous()
    alike = subject.run(1, equal).outputs.recon
    if differ(alike[:1].expand_as(alike), alike) < SAME:
        yield Finding("noise-shared", f"{len(alike)} copies of one example all get the same code")
    elif code is not None and code.noise.shape[-1:] != one.outputs.mu.shape[-1:]:
        yield Finding("noise-shared", "one number is the noise of all coordinates of a code")
    elif code is not None and _is_not_normal(code.noise):
        mean, width = code.noise.mean(), code.noise.std()
        yield Finding(
            "noise-other",
            f"{code.noise.numel()} numbers of noise have mean {mean:.2g} and standard deviation "
            f"{width:.2g}, and are not those of N(0, 1)",
        )


def _is_not_normal(noise: torch.Tensor) -> bool:
    """Say whether a sample cannot be one of N(0, 1), by Kolmogorov and Smirnov (p < 1e-5)."""
    below = torch.special.ndtr(noise.double().flatten().sort().values)
    steps = torch.linspace(0, 1, len(below) + 1, dtype=below.dtype, device=below.device)
    apart = torch.maximum(below - steps[:-1], steps[1:] - below).max().item()
    return apart * math.sqrt(len(below)) > 2.5


def _gradients(
    value: torch.Tensor, sources: Sequence[torch.Tensor]
) -> Sequence[torch.Tensor | None]:
    """Return the gradients of random multiples of `value`: None where no path leads to it."""
    if not value.requires_grad:
        return [None] * len(sources)
    weights = torch.randn(value.shape, generator=torch.Generator().manual_seed(0)).to(value)
    return torch.autograd.grad(
        (value * weights).sum(), sources, retain_graph=True, allow_unused=True
    )


def _depends(value: torch.Tensor, source: torch.Tensor) -> bool:
    (gradient,) = _gradients(value, [source]) if source.requires_grad else (None,)
    return gradient is not None and bool(gradient.any())


def of_sigma(one: Pass, two: Pass, formula: Formula) -> Findings:
    """Check that the drawn code and the KL read the second head as the same thing."""
    code = find_code(one, two)
    if code is None:
        yield Finding("draw-unseen", "how a code is drawn from mu and the second head was not seen")
        return
    sigma = code.sigma
    head, clear = one.outputs.head.detach().expand(sigma.shape), sigma.isfinite()
    used = [
        name
        for name, reading in SIGMAS.items()
        if differ(sigma[clear].abs(), reading(head)[clear].nan_to_num()) < 1e-3
    ]
    if used:
        if formula.head and not formula.fault and formula.head not in used:
            yield Finding(
                "sigma-confused",
                f"the code is drawn as if the second head were {used[0]}, the KL takes it for "
                f"{formula.head}",
            )
        return
    if differ(sigma[clear], sigma[clear].mean()) < 1e-3:
        yield Finding(
            "sigma-confused",
            f"the noise is multiplied by {sigma[clear].mean():.3g} whatever the second head says",
        )
        return
    ratio, log = sigma[clear] / head[clear], sigma[clear].abs().log()
    left, (slope, start) = fit(log, [head[clear], torch.ones_like(log)])
    times = "by no usual function of h"
    if differ(ratio, ratio.mean()) < 1e-3:
        times = f"by {ratio.mean():.3g} h"
    elif left < 1e-3:
        times = f"by {math.exp(start):.3g} exp({slope:.3g} h)"
    yield Finding(
        "sigma-confused",
        f"the noise is multiplied {times}, where h is the second head"
        + (f"; the KL takes h for {formula.head}" if formula.head else ""),
    )


def of_formula(subject: Subject, formula: Formula, one: Pass) -> Findings:
    """Check what is added to the distortion: the KL, to the prior that samples come from."""
    if formula.scale < 0:
        yield Finding(
            "distortion-sign",
            f"the loss falls by {-formula.scale:.3g} where the {formula.distortion} grows by 1",
        )
    if formula.fault:
        name = {"sign": "kl-sign", "batch": "kl-batch-mean", "formula": "kl-formula"}
        yield Finding(name[formula.fault], f"where the KL should be, the loss has {formula.terms}")
        return
    drawn = _drawn(subject, one.outputs.mu)
    if not formula.head or drawn is None:
        return
    mean, width = drawn
    apart = abs(formula.mean - mean) > 0.1 * width
    if apart or abs(formula.variance**0.5 - width) > 0.1 * width:
        yield Finding(
            "kl-other-prior",
            f"the KL is that to {formula.prior}, and samples are "
            f"decoded from codes of mean {mean:.2g} and variance {width**2:.3g}",
        )


@torch.no_grad()
def _drawn(subject: Subject, mu: torch.Tensor) -> tuple[float, float] | None:
    """Return mean and width of the codes that the model's own samples are decoded from."""
    if subject.sample is None or subject.likelihood is not None:
        return None
    shape = (SAMPLES, *mu.shape[1:])
    seed_all(3)
    with Watch(largest=SAMPLES * mu[0].numel()) as watch:
        try:
            subject.sample(SAMPLES)
        except (RuntimeError, TypeError, ValueError, IndexError):
            return None  # it wants more than a number
    code = None
    for result in watch.results:  # up to the decoder's first layer
        if result is None or (result.numel() > 1 and result.shape != shape):
            break
        code = result if result.shape == shape else code
    return None if code is None else (code.mean().item(), code.std().item())


def of_range(subject: Subject, formula: Formula, one: Pass) -> Findings:
    """Check that data, decoder and likelihood speak of the same range."""
    if subject.likelihood is not None:  # it checks for itself
        return
    bounds = _bounds(subject, one)
    low, high = subject.x.min().item(), subject.x.max().item()
    reach = f"the data reach from {low:.3g} to {high:.3g}"
    if bounds == TWICE and low < 0.4:
        yield Finding("sigmoid-twice", f"{reach}, and reconstructions lie between 0.5 and 0.73")
    elif formula.distortion.startswith("binary") and (low < -CLOSE or high > 1 + CLOSE):
        yield Finding(
            "input-range", f"{reach}, and the binary cross-entropy wants numbers in [0, 1]"
        )
    elif bounds and (low < bounds[0] - CLOSE or high > bounds[1] + CLOSE):
        yield Finding(
            "input-range", f"{reach}, and the decoder's from {bounds[0]:g} to {bounds[1]:g}"
        )
    elif formula.distortion.endswith(("on logits", "of sigmoid")) and bounds == (0, 1):
        yield Finding(
            "sigmoid-twice", "the decoder ends in a sigmoid, and the loss takes one again"
        )
    if formula.distortion == "binary cross-entropy" and subject.formula is not None:
        yield from _of_certainty(subject.formula, subject.x, one)
    if not formula.distortion and subject.formula is not None and bounds is None:
        yield from _of_clamps(subject.formula, subject.x, one)


def _bounds(subject: Subject, one: Pass) -> tuple[float, float] | None:
    """Return the range that the decoder's outputs cannot leave, if it has one."""
    seed_all(4)
    with torch.no_grad():
        if subject.decode is not None:
            out = subject.decode(1e4 * torch.randn_like(one.outputs.mu))
        else:
            kept = [(p, p.data) for p in subject.parameters().values()]
            for p, data in kept:
                p.data = 30 * data
            out = subject.forward(subject.x.clone()).recon
            for p, data in kept:
                p.data = data
    low, high = out.min().item(), out.max().item()
    if not (math.isfinite(low) and low < high):
        return None
    known = (TWICE, (0.0, 1.0), (-1.0, 1.0))
    return next((b for b in known if b[0] - 1e-6 <= low and high <= b[1] + 1e-6), None)


def _of_clamps(loss_of: OfParts, x: torch.Tensor, one: Pass) -> Findings:
    """Check that the loss does not cut off what is not in [0, 1]: there, nothing is learned."""
    _, mu, head = (part.detach() for part in one.outputs)
    for outside in (-0.5, 1.5):
        recon = torch.full_like(one.outputs.recon, outside, requires_grad=True)
        loss = loss_of(recon, x, mu, head)
        grad = (
            torch.autograd.grad(loss, recon, allow_unused=True)[0] if loss.requires_grad else None
        )
        if grad is None or grad.any():
            return
    yield Finding(
        "sigmoid-missing",
        "the decoder's outputs may be any number, and the loss cuts them to [0, 1]: what lies "
        "outside learns nothing",
    )


@torch.no_grad()
def _of_certainty(loss_of: OfParts, x: torch.Tensor, one: Pass) -> Findings:
    """Check that the loss is finite where the decoder is certain, in float32."""
    recon, mu, head = (part.float() for part in one.outputs)
    for certain in (0.0, 1.0):
        loss = loss_of(torch.full_like(recon, certain), x.float(), mu, head)
        if not loss.isfinite():
            yield Finding(
                "log-overflow", f"where the decoder says {certain:g}, the loss is {loss.item()}"
            )
            return


def of_gradients(subject: Subject, one: Pass) -> Findings:
    """Check that every parameter learns, and the encoder from the reconstructions."""
    parameters = {k: p for k, p in subject.parameters().items() if p.requires_grad}
    if not parameters:
        return
    names, tensors = list(parameters), list(parameters.values())
    recon, mu, head = one.outputs

    def found(grads: Sequence[torch.Tensor | None]) -> dict[str, torch.Tensor]:
        return {k: g for k, g in zip(names, grads, strict=True) if g is not None}

    if not one.loss.requires_grad:
        yield Finding("no-gradient", "the loss is detached, or does not depend on any parameter")
        return
    grads = found(torch.autograd.grad(one.loss, tensors, retain_graph=True, allow_unused=True))
    bad = [name for name, g in grads.items() if not g.isfinite().all()]
    if bad:
        yield Finding(
            "not-finite", f"the loss is a number, and its gradient for {_few(bad)} is none"
        )
        return
    by_recon, by_mu, by_head = (found(_gradients(value, tensors)) for value in one.outputs)
    # Where one layer makes both, its weights say nothing: ask mu and the head themselves.
    heads = {
        "mu": (mu, by_mu.keys() - by_head.keys()),
        "the second head": (head, by_head.keys() - by_mu.keys()),
    }
    for what, (value, own) in heads.items():
        direct = value.requires_grad and _gradients(recon, [value])[0] is None
        if not own & by_recon.keys() if own else direct:
            yield Finding("path-detached", f"no gradient of the reconstructions reaches {what}")
            return
    paths = grads, by_recon, by_mu, by_head
    still = [name for name in names if not any(name in path for path in paths)]
    if still:
        yield Finding("no-gradient", f"the loss has no gradient for {_few(still)}")
        return
    idle = [name for name in names if not any(name in p and p[name].any() for p in paths)]
    if idle:
        yield Finding("zero-gradient", f"the gradient is 0 for {_few(idle)}")


def _few(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def of_rows(subject: Subject) -> Findings:
    """Check that in evaluation mode nothing depends on who else is in the batch."""
    subject.set_mode(training=False)
    x = subject.x
    seed_all(1)
    together = subject.encode(x)
    for others, kept in (  # copies of one row after, and before
        (torch.cat([x[:2], x[:1].expand_as(x[2:])]), slice(0, 2)),
        (torch.cat([x[:1].expand_as(x[:-2]), x[-2:]]), slice(-2, None)),
    ):
        seed_all(1)
        for a, b in zip(together, subject.encode(others), strict=True):
            off = differ(a[kept], b[kept])
            if off > 1e-4:
                yield Finding(
                    "rows-depend",
                    f"in evaluation mode, an example's code moves by {off:.2g} of its size "
                    "when the others of its batch change",
                )
                return
    if subject.decode is None:
        return
    z = together[0].detach()
    off = differ(subject.decode(z)[:2], subject.decode(torch.cat([z[:2], z[2:] + 1]))[:2])
    if off > 1e-4:
        yield Finding(
            "rows-depend",
            f"in evaluation mode, a reconstruction moves by {off:.2g} of its size when other "
            "codes of its batch change",
        )


def of_code(subject: Subject, one: Pass) -> Findings:
    """Check that the decoder reads the code."""
    if subject.decode is None:
        return
    mu = one.outputs.mu.detach()
    if differ(subject.decode(mu), subject.decode(mu + 3)) < SAME:
        yield Finding("code-unread", "codes that are 3 apart in every coordinate are decoded alike")
