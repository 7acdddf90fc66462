"""Chapter 14: a solution of every exercise, and the likely mistakes with the hint for each."""

import math

import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical, Poisson
from torch.nn import functional as F
from torch.special import gammaincc


def bits_per_value(neg_log_prob, input_dim):
    return neg_log_prob.mean() / (input_dim * math.log(2))


def plain(x, log_mean, most):
    return Poisson(log_mean.exp()).log_prob(x)


def inside(log_mean, most):
    return gammaincc(torch.tensor(most + 1.0), log_mean.exp())


def capped_log_prob(x, log_mean, most):
    every = torch.arange(most + 1.0).view(-1, *[1] * log_mean.ndim)
    return plain(x, log_mean, most) - plain(every, log_mean, most).logsumexp(0)


def capped_by_classes(x, log_mean, most):
    every = torch.arange(most + 1.0)
    scores = log_mean[..., None] * every - torch.lgamma(every + 1)  # (..., n + 1)
    return Categorical(logits=scores).log_prob(x)


def capped_by_gather(x, log_mean, most):
    every = torch.arange(most + 1)
    scores = every * log_mean.unsqueeze(-1) - (every + 1.0).lgamma()
    logs = F.log_softmax(scores, -1)
    return logs.gather(-1, x.long().expand(log_mean.shape)[..., None])[..., 0]


def capped_by_loop(x, log_mean, most):
    total = torch.full_like(log_mean, -math.inf)
    for count in range(most + 1):
        total = torch.logaddexp(total, count * log_mean - math.lgamma(count + 1))
    return x * log_mean - (x + 1).lgamma() - total


def capped_by_ratios(x, log_mean, most):
    # The chance of x over that of each count, without a factorial of its own: x!/k!.
    every = torch.arange(most + 1.0).view(-1, *[1] * log_mean.ndim)
    logs = (every - x) * log_mean + torch.lgamma(x + 1) - torch.lgamma(every + 1)
    return -logs.logsumexp(0)


def capped_in_double(x, log_mean, most):
    mean = log_mean.double().exp()
    each = torch.stack([Poisson(mean).log_prob(torch.tensor(float(k))) for k in range(most + 1)])
    return Poisson(mean).log_prob(x.double()) - each.logsumexp(0)


def by_chance(x, log_mean, most):
    chances = [plain(torch.tensor(float(k)), log_mean, most).exp() for k in range(most + 1)]
    return plain(x, log_mean, most) - torch.stack(chances).sum(0).log()


def nearly_safe(x, log_mean, most):
    return plain(x, log_mean, most) - (inside(log_mean, most) + 1e-30).log()


def scores_only(x, log_mean, most):
    """Forget 1/x! on both sides."""
    every = torch.arange(most + 1.0).view(-1, *[1] * log_mean.ndim)
    return x * log_mean - (every * log_mean).logsumexp(0)


def half_without_factorial(x, log_mean, most):
    return capped_log_prob(x, log_mean, most) + torch.lgamma(x + 1)


def up_to_itself(x, log_mean, most):
    chance = gammaincc(x + 1, log_mean.exp())
    return plain(x, log_mean, most) - chance.log()


def piled_up(x, log_mean, most):
    rest = (1 - inside(log_mean, most - 1)).log()
    return torch.where(x == most, rest, plain(x, log_mean, most))


def for_two_axes(x, log_mean, most):
    every = torch.arange(most + 1.0)[:, None, None]
    return plain(x, log_mean, most) - plain(every, log_mean, most).logsumexp(0)


def conv_heights(height, layers):
    heights, lost = [], []
    for kernel, stride, padding in layers:
        room = height + 2 * padding - kernel
        height = room // stride + 1
        heights.append(height)
        lost.append(room % stride)
    return heights, lost[::-1]


def heights_by_pytorch(height, layers):
    picture, heights, lost = torch.zeros(1, 1, height, 1), [], []
    for kernel, stride, padding in layers:
        convolution = nn.Conv2d(1, 1, (kernel, 1), (stride, 1), (padding, 0))
        mirror = nn.ConvTranspose2d(1, 1, (kernel, 1), (stride, 1), (padding, 0))
        after = convolution(picture)
        lost.insert(0, picture.shape[2] - mirror(after).shape[2])
        picture = after
        heights.append(picture.shape[2])
    return heights, lost


def heights_by_trying(height, layers):
    sizes = [height]
    for layer in layers:
        sizes.append(
            F.conv1d(
                torch.zeros(1, 1, sizes[-1]), torch.zeros(1, 1, layer[0]), None, *layer[1:]
            ).shape[-1]
        )
    paddings = []
    for before, after, (kernel, stride, padding) in zip(
        sizes[-2::-1], sizes[:0:-1], layers[::-1], strict=True
    ):
        for extra in range(stride):
            y = F.conv_transpose1d(
                torch.zeros(1, 1, after), torch.zeros(1, 1, kernel), None, stride, padding, extra
            )
            if y.shape[-1] == before:
                paddings.append(extra)
    return sizes[1:], paddings


def heights_by_counting(height, layers):
    heights, extra = [], []
    for kernel, stride, padding in layers:
        starts = range(-padding, height + padding - kernel + 1, stride)
        heights.append(len(starts))
        extra.append(height + padding - (starts[-1] + kernel))  # rows that no window reads
        height = len(starts)
    return torch.tensor(heights), torch.tensor(extra).flip(0)


def heights_in_numpy(height, layers):
    sizes = np.zeros(len(layers) + 1, dtype=int)
    sizes[0] = height
    for i, (kernel, stride, padding) in enumerate(layers):
        sizes[i + 1] = math.floor((sizes[i] + 2 * padding - kernel) / stride + 1)
    k, s, p = np.array(layers).T
    back = (sizes[1:] - 1) * s - 2 * p + k
    return np.stack([sizes[1:], (sizes[:-1] - back)[::-1]])


def heights_by_recursion(height, layers):
    if not layers:
        return [], []
    kernel, stride, padding = layers.pop(0)
    after, lost = divmod(height + 2 * padding - kernel + stride, stride)
    heights, paddings = heights_by_recursion(after, layers)
    return [after, *heights], [*paddings, lost]


def with_height(step):
    """Make a solution of 14.4 whose heights are `step(height, kernel, stride, padding)`."""

    def answer(height, layers):
        heights = []
        for layer in layers:
            height = step(height, *layer)
            heights.append(height)
        return heights, [0] * len(layers)

    return answer


def with_padding(step):
    """Make a solution of 14.4 whose paddings are `step(before, after, kernel, stride, padding)`."""

    def answer(height, layers):
        heights, _ = conv_heights(height, layers)
        before = [height, *heights[:-1]]
        rows = zip(before, heights, layers, strict=True)
        return heights, [step(b, a, *layer) for b, a, layer in rows][::-1]

    return answer


SOLUTIONS = {"14.1": bits_per_value, "14.2": capped_log_prob, "14.4": conv_heights}

RIGHT = [
    ("14.1", lambda n, d: (n / math.log(2)).sum() / (len(n) * d)),
    ("14.1", lambda n, d: sum(float(each) for each in n) / len(n) / d / math.log(2)),
    ("14.1", lambda n, d: np.mean(n.double().numpy() * np.log2(np.e)) / d),
    ("14.1", lambda n, d: torch.logaddexp2(n, n).sub_(1).mean() / math.log(2) / d),
    ("14.1", lambda n, d: -torch.exp(-n.double() / d).log2().mean()),
    ("14.1", lambda n, d: n.div_(d).mean() / torch.tensor(2.0).log()),
    ("14.2", capped_by_classes),
    ("14.2", capped_by_gather),
    ("14.2", capped_by_loop),
    ("14.2", capped_by_ratios),
    ("14.2", capped_in_double),
    ("14.4", heights_by_pytorch),
    ("14.4", heights_by_trying),
    ("14.4", heights_by_counting),
    ("14.4", heights_in_numpy),
    ("14.4", heights_by_recursion),
]

MISTAKES = [
    ("14.1", lambda n, d: n / (d * math.log(2)), ", one number"),
    ("14.1", lambda n, d: n.mean() / d, "a bit is log 2 of them"),
    ("14.1", lambda n, d: n.mean() * math.log(2) / d, "divide by log 2"),
    ("14.1", lambda n, d: n.mean() / math.log(2), "bits per image"),
    ("14.1", lambda n, d: n.mean(), "nats per image"),
    ("14.1", lambda n, d: n.mean() * math.log(2), "times log 2"),
    ("14.1", lambda n, d: n.sum() / (d * math.log(2)), "summed"),
    ("14.1", lambda n, d: n.mean() / (len(n) * d * math.log(2)), "all that they have"),
    ("14.1", lambda n, d: n.median() / (d * math.log(2)), "median"),
    ("14.1", lambda n, d: n.mean() / (d * math.log10(2)), "natural"),
    ("14.1", lambda n, d: n.log2().mean() / d, "are nats already"),
    ("14.1", lambda n, d: n.mean().log2() / d, "are nats already"),
    ("14.1", lambda n, d: n.mean() / (2 * d), "not by 2"),
    ("14.1", lambda n, d: -bits_per_value(n, d), "positive"),
    ("14.1", lambda n, d: bits_per_value(n, 784), "another one"),
    ("14.1", lambda n, d: bits_per_value(n, d) + 1, "should be"),
    ("14.1", lambda n, d: bits_per_value(n, d) * torch.nan, "should be"),
    ("14.2", lambda x, m, n: capped_log_prob(x, m, n).sum(1), "for each count"),
    ("14.2", lambda x, m, n: plain(x, m, n) - inside(m, n).log(), "logsumexp"),
    ("14.2", by_chance, "logsumexp"),
    ("14.2", nearly_safe, "logsumexp"),
    ("14.2", lambda x, m, n: by_chance(x, m, n).nan_to_num(), "logsumexp"),
    ("14.2", plain, "without an end"),
    ("14.2", lambda x, m, n: plain(x, m, n) + inside(m, n).log(), "sign"),
    ("14.2", lambda x, m, n: plain(x, m, n) - inside(m, n - 1).log(), "itself is allowed"),
    ("14.2", lambda x, m, n: plain(x, m, n) - inside(m, n + 1).log(), "one more"),
    (
        "14.2",
        lambda x, m, n: plain(x, m, n) - (inside(m, n) - (-m.exp()).exp()).log(),
        "0 is a count",
    ),
    ("14.2", lambda x, m, n: plain(x, m, n) - inside(m, n), "logarithm of the chance"),
    ("14.2", lambda x, m, n: plain(x, m, n) - (1 - inside(m, n)).log(), "that of more"),
    ("14.2", lambda x, m, n: plain(x, m, n) - plain(0 * x + n, m, n), "that of n alone"),
    ("14.2", up_to_itself, "not up to x"),
    (
        "14.2",
        lambda x, m, n: plain(x, m, n) - plain(torch.arange(n + 1.0)[:, None, None], m, n).sum(0),
        "not their logarithms",
    ),
    ("14.2", piled_up, "not added to the chance of n"),
    (
        "14.2",
        lambda x, m, n: capped_log_prob(x, m.log(), n),
        "logarithm of the mean",
    ),
    ("14.2", scores_only, "1/x! is missing"),
    ("14.2", half_without_factorial, "does not cancel"),
    (
        "14.2",
        lambda x, m, n: capped_log_prob(x, m, n) + torch.lgamma(x + 1) - torch.lgamma(x + 2),
        "should be",
    ),
    ("14.2", lambda x, m, n: capped_log_prob(x, m, n) + m.exp(), "in one of them only"),
    ("14.2", lambda x, m, n: capped_log_prob(x, m, n) - m.exp(), "above and below"),
    ("14.2", lambda x, m, n: capped_log_prob(x, m, n).exp(), "its logarithm"),
    ("14.2", lambda x, m, n: -capped_log_prob(x, m, n), "look at the sign"),
    ("14.2", lambda x, m, n: capped_log_prob(x, m, n) + 1, "should be"),
    ("14.2", lambda x, m, n: capped_log_prob(x, m, 16), "n is given"),
    ("14.2", lambda *a: capped_log_prob(*a).detach(), "has no gradient"),
    (
        "14.2",
        lambda x, m, n: plain(x, m, n) - (plain(x, m, n) - capped_log_prob(x, m, n)).detach(),
        "not its gradient",
    ),
    ("14.2", for_two_axes, "more axes in front"),
    ("14.4", lambda h, ls: conv_heights(h, ls)[0], "two lists"),
    ("14.4", lambda h, ls: list(zip(*conv_heights(h, ls), strict=True)), "two lists"),
    ("14.4", lambda h, ls: ([h, *conv_heights(h, ls)[0]], conv_heights(h, ls)[1]), "first height"),
    ("14.4", lambda h, ls: (conv_heights(h, ls)[0][-1], 0), "for each layer"),
    ("14.4", with_height(lambda h, k, s, p: math.ceil((h + 2 * p - k) / s) + 1), "round down"),
    ("14.4", with_height(lambda h, k, s, p: (h + 2 * p - k) / s + 1), "whole numbers"),
    ("14.4", with_height(lambda h, k, s, p: round((h + 2 * p - k) / s) + 1), "to the nearest"),
    ("14.4", with_height(lambda h, k, s, p: (h + p - k) // s + 1), "both sides"),
    ("14.4", with_height(lambda h, k, s, p: (h - k) // s + 1), "padding is missing"),
    ("14.4", with_height(lambda h, k, s, p: (h + 2 * p - k) // s), "first window counts"),
    ("14.4", with_height(lambda h, k, s, p: (h + 2 * p) // s), "kernel takes room"),
    ("14.4", with_height(lambda h, k, s, p: (h + 2 * p) // s + 1), "the first included"),
    ("14.4", with_height(lambda h, k, s, p: h // s), "does not say it"),
    ("14.4", with_height(lambda h, k, s, p: math.ceil(h / s)), "rounding up"),
    ("14.4", with_height(lambda h, k, s, p: (h + 2 * p - k - 1) // s + 1), "k - 1 apart"),
    ("14.4", with_height(lambda h, k, s, p: h + 2 * p - k + 1), "steps of one"),
    (
        "14.4",
        lambda h, ls: ([conv_heights(h, [layer])[0][0] for layer in ls], [0] * len(ls)),
        "the layer before",
    ),
    (
        "14.4",
        lambda h, ls: (conv_heights(h, ls)[0][::-1], conv_heights(h, ls)[1]),
        "the decoder's order",
    ),
    (
        "14.4",
        lambda h, ls: ([h, *conv_heights(h, ls)[0][:-1]], conv_heights(h, ls)[1]),
        "last height",
    ),
    ("14.4", lambda h, ls: conv_heights(h, ls[::-1]), "from its end"),
    ("14.4", with_height(lambda h, k, s, p: 28), "should be"),
    (
        "14.4",
        lambda h, ls: (conv_heights(h, ls)[0], conv_heights(h, ls)[1][::-1]),
        "begins with the mirror",
    ),
    (
        "14.4",
        lambda h, ls: (conv_heights(h, ls)[0], [-each for each in conv_heights(h, ls)[1]]),
        "sign turned",
    ),
    ("14.4", with_padding(lambda b, a, k, s, p: 0), "do not come back"),
    ("14.4", with_padding(lambda b, a, k, s, p: 1), "come back without"),
    ("14.4", with_padding(lambda b, a, k, s, p: s - 1), "less than the stride"),
    ("14.4", with_padding(lambda b, a, k, s, p: b - ((a - 1) * s + k - p)), "on both sides"),
    ("14.4", with_padding(lambda b, a, k, s, p: b - ((a - 1) * s + k)), "padding is missing"),
    ("14.4", with_padding(lambda b, a, k, s, p: b - ((a - 1) * s + k + 2 * p)), "yours adds"),
    ("14.4", with_padding(lambda b, a, k, s, p: b - (a * s + k - 2 * p)), "a - 1 strides"),
    ("14.4", with_padding(lambda b, a, k, s, p: b - ((a - 1) * s - 2 * p)), "whole kernel"),
    ("14.4", with_padding(lambda b, a, k, s, p: b - ((a - 1) * s - 2 * p + 1)), "not one row"),
    (
        "14.4",
        with_padding(lambda b, a, k, s, p: b - ((a - 1) * s - 2 * p + k - 1)),
        "not k - 1 rows",
    ),
    ("14.4", with_padding(lambda b, a, k, s, p: b - a * s), "kernel and the padding count"),
    ("14.4", with_padding(lambda b, a, k, s, p: b % s), "the kernel and the padding, too"),
    ("14.4", with_padding(lambda b, a, k, s, p: (b + 2 * p) % s), "kernel counts in"),
    ("14.4", with_padding(lambda b, a, k, s, p: (b + p - k) % s), "both sides counts in"),
    ("14.4", with_padding(lambda b, a, k, s, p: (b - k) % s), "padding counts in"),
    ("14.4", with_padding(lambda b, a, k, s, p: (a + 2 * p - k) % s), "before the layer"),
    ("14.4", with_padding(lambda b, a, k, s, p: b), "should be"),
]


def test_the_chances_add_up_to_one():
    log_mean = torch.tensor([[2.5]]).expand(17, 1)
    total = capped_log_prob(torch.arange(17.0)[:, None], log_mean, 16).exp().sum()
    assert torch.isclose(total, torch.tensor(1.0), rtol=1e-5)
