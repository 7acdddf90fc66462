"""Checks for chapter 14, "Colour and counts"."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch.distributions import Poisson

from .answers import ReadersError
from .registry import close, compare, compare_gradients, drawn, exercise, size

_Layer = tuple[int, int, int]  # kernel, stride, padding


@exercise("14.1")
def _bits_per_value(bits_per_value: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (neg_log_prob, input_dim) that returns one number."""
    g = drawn()
    B, input_dim = size(g, 4, 7), size(g, 120, 180)
    nats = torch.full((B,), 200.0)
    while (nats.mean() / nats.median() - 1).abs() < 0.02:
        nats = 150 + 200 * torch.rand(B, generator=g)
    got = bits_per_value(nats, input_dim)
    if got.shape != ():
        return f"the mean over the batch is wanted, one number; your shape is {tuple(got.shape)}"
    wanted = nats.mean() / (input_dim * math.log(2))
    known = {
        "those are nats: a bit is log 2 of them, so there are more bits than nats": (
            nats.mean() / input_dim
        ),
        "there are more bits than nats: divide by log 2": nats.mean() * math.log(2) / input_dim,
        "those are bits per image; divide by the number of its values": nats.mean() / math.log(2),
        "those are nats per image": nats.mean(),
        "those are nats per image, times log 2": nats.mean() * math.log(2),
        "the mean over the images is wanted, you have summed": (
            nats.sum() / (input_dim * math.log(2))
        ),
        "each image has its own D values: the mean is over images, not over all that they have": (
            nats.mean() / (B * input_dim * math.log(2))
        ),
        "the mean over the images is wanted, you have taken the median": (
            nats.median() / (input_dim * math.log(2))
        ),
        "the logarithm is the natural one": nats.mean() / (input_dim * math.log10(2)),
        "what is given are nats already: a number of nats has no logarithm taken": (
            nats.log2().mean() / input_dim
        ),
        "what is given are nats already: no logarithm is taken of their mean": (
            nats.mean().log2() / input_dim
        ),
        "divide by log 2, not by 2": nats.mean() / (2 * input_dim),
        "a cost is positive here": -wanted,
        "D is given: a picture of 784 values is another one": (
            nats.mean() / (nats.new_tensor(784) * math.log(2))
        ),
    }
    return compare(got, wanted, known)


def _capped(x: torch.Tensor, log_mean: torch.Tensor, most: int) -> torch.Tensor:
    every = torch.arange(most + 1.0).view(-1, *[1] * log_mean.ndim)
    chances = every * log_mean - torch.lgamma(every + 1)  # but for the mean, which cancels
    return x * log_mean - torch.lgamma(x + 1) - chances.logsumexp(0)


@exercise("14.2")
def _capped_log_prob(capped_log_prob: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (x, log_mean, most)."""
    g = drawn()
    B, D, most = size(g, 3, 4), size(g, 5, 7), size(g, 8, 11)
    x = torch.randint(most + 1, (B, D), generator=g).float()
    log_mean = math.log(most) + 0.6 * torch.randn(B, D, generator=g).clamp(-2, 1)
    x[0, 0], x[0, 1], log_mean[0, :2] = 0.0, float(most), math.log(most + 1)
    got = capped_log_prob(x, log_mean, most)
    if got.shape != (B, D):
        return f"one number for each count is wanted, here {(B, D)}; yours is {tuple(got.shape)}"
    wanted = _capped(x, log_mean, most)
    if hint := compare(got, wanted, _wrong_counts(x, log_mean, most)):
        return hint
    if hint := _far_counts(capped_log_prob, x, log_mean, most):
        return hint
    if hint := compare_gradients(
        lambda log_mean: capped_log_prob(x, log_mean, most),
        lambda log_mean: _capped(x, log_mean, most),
        [log_mean],
        [0],
    ):
        return hint
    several = log_mean + 0.3 * torch.randn(3, B, D, generator=g)  # as for three draws of z
    what = f"with a log_mean of shape {(3, B, D)}, more axes in front,"
    try:
        got = capped_log_prob(x, several, most)
    except ReadersError as error:
        return f"{what} your code stops with {error}"
    if got.shape != several.shape:
        return f"{what} {(3, B, D)} is wanted; yours is {tuple(got.shape)}"
    if not close(got, _capped(x, several, most)):
        return f"{what} the numbers are others than for each of its parts alone"
    return None


def _wrong_counts(x: torch.Tensor, log_mean: torch.Tensor, most: int) -> dict[str, torch.Tensor]:
    log_prob: Callable[[torch.Tensor], torch.Tensor] = Poisson(log_mean.exp()).log_prob
    every = torch.arange(most + 1.0)[:, None, None]
    plain, each = log_prob(x), log_prob(every)
    inside = each.logsumexp(0)
    top = log_prob(torch.full_like(x, most))
    return {
        "that is a Poisson without an end: divide by the chance of n or less": plain,
        "what is left out makes the others more probable: look at the sign": plain + inside,
        "the n itself is allowed: its chance belongs to the sum": plain - each[:-1].logsumexp(0),
        "0 is a count, too: its chance belongs to the sum": plain - each[1:].logsumexp(0),
        "the n is given, and yours is another one": (
            plain - log_prob(torch.arange(17.0)[:, None, None]).logsumexp(0)
        ),
        "the sum ends with n; yours has one more": (
            plain - torch.logaddexp(inside, log_prob(torch.full_like(x, most + 1)))
        ),
        "take the logarithm of the chance of n or less": plain - inside.exp(),
        "the chance of n or less is wanted, you have taken that of more": (
            plain - torch.log1p(-inside.exp())
        ),
        "the chance of n or less is a sum over the counts; yours is that of n alone": plain - top,
        "the sum is over all counts up to n, not up to x": (
            plain - each.masked_fill(every > x, -math.inf).logsumexp(0)
        ),
        "chances are added, not their logarithms": plain - each.sum(0),
        "what lies above n is left out, and not added to the chance of n": torch.where(
            x == most, (1 - each[:-1].exp().sum(0)).clamp(min=1e-12).log(), plain
        ),
        "what is given is the logarithm of the mean": _capped(
            x, log_mean.abs().clamp(min=1e-6).log(), most
        ),
        "the factor 1/x! is missing": _without_factorial(x, log_mean, most, both=True),
        "1/x! is missing above, or in the sum below: it does not cancel": (
            _without_factorial(x, log_mean, most, both=False)
        ),
        "x! is lgamma(x + 1); lgamma(x) is (x - 1)!": (
            plain + torch.lgamma(x + 1) - torch.lgamma(x.clamp(min=1)) - inside
        ),
        "the factor e to the power of minus the mean stands above and below, and cancels; yours "
        "is in one of them only": plain - inside + log_mean.exp(),
        "e to the power of minus the mean stands above and below, and cancels": (
            plain - inside - log_mean.exp()
        ),
        "that is the probability; its logarithm is wanted": (plain - inside).exp(),
        "a probability is below 1, its logarithm below 0: look at the sign": inside - plain,
        "one number for each count is wanted, and no sum over a row": (
            (plain - inside).sum(-1, keepdim=True).expand_as(x)
        ),
    }


def _without_factorial(
    x: torch.Tensor, log_mean: torch.Tensor, most: int, both: bool
) -> torch.Tensor:
    every = torch.arange(most + 1.0)[:, None, None]
    factorials = 0 if both else torch.lgamma(every + 1)
    return x * log_mean - (every * log_mean - factorials).logsumexp(0)


def _far_counts(
    capped: Callable[..., torch.Tensor], x: torch.Tensor, log_mean: torch.Tensor, most: int
) -> str | None:
    """Want it right at means that a fresh network may well say."""
    for mean in (1000.0, 0.001):
        far = math.log(mean) + 0.05 * (log_mean - log_mean.mean())
        got, wanted = capped(x, far, most), _capped(x, far, most)
        if not got.isfinite().all():
            return (
                f"with a mean of {mean:g} it is not finite: add the chances of 0 to n with "
                "logsumexp"
            )
        if not close(got, wanted, atol=2e-3):
            return (
                f"with a mean of {mean:g} it is wrong: are the chances of 0 to n added with "
                "logsumexp, and nothing to keep them from 0"
            )
    return None


def _shrink(height: int, layers: Sequence[_Layer]) -> list[int]:
    """Return the height before the first layer and after each of them."""
    heights = [height]
    for kernel, stride, padding in layers:
        heights.append((heights[-1] + 2 * padding - kernel) // stride + 1)
    return heights


def _lost(heights: Sequence[int], layers: Sequence[_Layer]) -> list[int]:
    """Return what each layer's mirror misses, in the encoder's order."""
    pairs = zip(heights[:-1], layers, strict=True)
    return [(height + 2 * p - kernel) % stride for height, (kernel, stride, p) in pairs]


def _draw_layers(g: torch.Generator) -> tuple[int, list[_Layer], list[int], list[int]]:
    """Return a height and layers with which no mistake passes for another, or for none."""
    while True:
        height, layers = size(g, 300, 900), []
        for _ in range(size(g, 4, 5)):
            stride = size(g, 1, 4)
            kernel = stride + size(g, 1, 3)
            layers.append((kernel, stride, size(g, 0, kernel // 2)))
        heights = _shrink(height, layers)
        if min(heights) < 5:
            continue
        lost = _lost(heights, layers)
        shrunk = [heights[1:], *_wrong_heights(height, layers, heights).values()]
        in_order = [sorted(lost), sorted(lost, reverse=True)]
        padded = [lost[::-1], *in_order, *_wrong_paddings(layers, heights, lost).values()]
        if all(len(set(map(tuple, lists))) == len(lists) for lists in (shrunk, padded)):
            return height, layers, heights, lost


@exercise("14.4", results=2)
def _heights(conv_heights: Callable[..., tuple[torch.Tensor, torch.Tensor]]) -> str | None:
    """Want a function of (height, layers): the heights, and each output_padding."""
    g = drawn()
    height, layers, heights, lost = _draw_layers(g)
    got = conv_heights(height, list(layers))
    if not isinstance(got, tuple) or not all(isinstance(each, torch.Tensor) for each in got):
        return "return two lists, the heights and the output_padding of each mirrored layer"
    names, number = ("heights", "output_padding"), len(layers)
    for name, each in zip(names, got, strict=True):
        if name == "heights" and each.shape == (number + 1,):
            return "the heights after the layers are wanted; yours begin with the first height"
        if each.shape != (number,):
            return (
                f"the list of {name} has one number for each layer, here {number}; the shape of "
                f"yours is {tuple(each.shape)}"
            )
    for name, each, right, slips in (
        (names[0], got[0], heights[1:], _wrong_heights(height, layers, heights)),
        (names[1], got[1], lost[::-1], _wrong_paddings(layers, heights, lost)),
    ):
        known = {hint: torch.tensor(wrong).float() for hint, wrong in slips.items()}
        wanted = torch.tensor(right).float()
        # Whole numbers: a thousandth of 300 is no rounding.
        hint = compare(each, wanted, known, rtol=0, atol=1e-3, number=f"one of your {name}")
        if hint:
            return hint
    return None


def _wrong_heights(
    height: int, layers: Sequence[_Layer], heights: Sequence[int]
) -> dict[str, Sequence[float]]:
    def of(step: Callable[[float, int, int, int], float]) -> list[float]:
        result: list[float] = []
        now: float = height
        for kernel, stride, padding in layers:
            now = step(now, kernel, stride, padding)
            result.append(now)
        return result

    return {
        "a window that does not fit any more is left out: round down": (
            of(lambda h, k, s, p: -((k - h - 2 * p) // s) + 1)
        ),
        "heights are whole numbers: a window that does not fit any more is left out": (
            of(lambda h, k, s, p: (h + 2 * p - k) / s + 1)
        ),
        "round down, and not to the nearest": of(lambda h, k, s, p: round((h + 2 * p - k) / s) + 1),
        "there is padding on both sides": of(lambda h, k, s, p: (h + p - k) // s + 1),
        "the padding is missing": of(lambda h, k, s, p: (h - k) // s + 1),
        "the first window counts, too: one more than the steps that it can make": (
            of(lambda h, k, s, p: (h + 2 * p - k) // s)
        ),
        "the kernel takes room: a window starts at fewer places than there are rows": (
            of(lambda h, k, s, p: (h + 2 * p) // s)
        ),
        "the kernel takes room: a window starts at fewer places than there are rows, the first "
        "included": of(lambda h, k, s, p: (h + 2 * p) // s + 1),
        "the stride alone does not say it: kernel and padding count, too": (
            of(lambda h, k, s, p: h // s)
        ),
        "the stride alone does not say it: kernel and padding count, too, and rounding up is not "
        "the same": of(lambda h, k, s, p: -(-h // s)),
        "the kernel covers k rows, so its first place and its last are k - 1 apart": (
            of(lambda h, k, s, p: (h + 2 * p - k - 1) // s + 1)
        ),
        "the window moves by the stride: you have steps of one": (
            of(lambda h, k, s, p: h + 2 * p - k + 1)
        ),
        "a layer's window moves over what the layer before has left": (
            [_shrink(height, [layer])[1] for layer in layers]
        ),
        "that is the decoder's order; the heights are wanted in the encoder's": heights[:0:-1],
        "the last height is that of the code; yours go from the picture to the layer before": (
            heights[:-1]
        ),
        "the layers are applied in the order of the list; yours go from its end": (
            _shrink(height, layers[::-1])[1:]
        ),
    }


def _wrong_paddings(
    layers: Sequence[_Layer], heights: Sequence[int], lost: Sequence[int]
) -> dict[str, Sequence[float]]:
    def of(step: Callable[[int, int, int, int, int], float]) -> list[float]:
        pairs = zip(heights[:-1], heights[1:], layers, strict=True)
        return [step(before, after, *layer) for before, after, layer in pairs][::-1]

    def missing(before: int, after: int, kernel: int, stride: int, padding: int) -> int:
        return before - ((after - 1) * stride + kernel - 2 * padding)

    return {
        "the decoder begins with the mirror of the last layer": list(lost),
        "that is how much too small the mirror's output is, with the sign turned": (
            [-each for each in lost[::-1]]
        ),
        "yours are zero, as by default: then some heights do not come back": [0] * len(layers),
        "yours are all one: some heights come back without": [1] * len(layers),
        "yours are one less than the stride: the output is as high as possible, not as it was": (
            of(lambda b, a, k, s, p: s - 1)
        ),
        "padding takes rows away on both sides of the output": (
            of(lambda b, a, k, s, p: b - ((a - 1) * s + k - p))
        ),
        "the padding is missing: it takes rows away from the output": (
            of(lambda b, a, k, s, p: b - ((a - 1) * s + k))
        ),
        "in the mirror the padding takes rows away; yours adds them": (
            of(lambda b, a, k, s, p: b - ((a - 1) * s + k + 2 * p))
        ),
        "between a windows lie a - 1 strides": of(lambda b, a, k, s, p: b - (a * s + k - 2 * p)),
        "the last window adds its whole kernel": (
            of(lambda b, a, k, s, p: b - ((a - 1) * s - 2 * p))
        ),
        "the last window adds its whole kernel, not one row": (
            of(lambda b, a, k, s, p: b - ((a - 1) * s - 2 * p + 1))
        ),
        "the last window adds its whole kernel, not k - 1 rows": (
            of(lambda b, a, k, s, p: missing(b, a, k, s, p) + 1)
        ),
        "that is what the stride times the height misses: the kernel and the padding count": (
            of(lambda b, a, k, s, p: b - a * s)
        ),
        "what is left over depends on the kernel and the padding, too": (
            of(lambda b, a, k, s, p: b % s)
        ),
        "the kernel counts in what is left over": of(lambda b, a, k, s, p: (b + 2 * p) % s),
        "padding on both sides counts in what is left over": (
            of(lambda b, a, k, s, p: (b + p - k) % s)
        ),
        "the padding counts in what is left over": of(lambda b, a, k, s, p: (b - k) % s),
        "what is left over is that of the height before the layer, not after it": (
            of(lambda b, a, k, s, p: (a + 2 * p - k) % s)
        ),
        "each output_padding belongs to its own layer: your numbers are one layer off": (
            list(lost[-2::-1]) + list(lost[-1:])
        ),
    }
