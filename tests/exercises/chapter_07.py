"""Chapter 7: a solution of every exercise, and the likely mistakes with the hint that each gets."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.nn import functional as F

import vaetut
from vaetut import kl_standard_normal


def count(latent_dim, heads=2, bias=1, extra=0):
    widths = [(784, 500), (500, 500)] + heads * [(500, latent_dim)]
    widths += [(latent_dim, 500), (500, 500), (500, 784)]
    return sum((a + bias) * b for a, b in widths) + extra


def counted_layers(latent_dim):
    """Count the numbers of layers that hold none."""
    sizes = (784, 500), (500, 500), (500, 2 * latent_dim), (latent_dim, 500), (500, 500), (500, 784)
    with torch.device("meta"):
        return sum(p.numel() for size in sizes for p in nn.Linear(*size).parameters())


def counted_shapes(latent_dim):
    weights = np.array([[784, 500], [500, 500], [500, latent_dim], [500, latent_dim]])
    weights = np.concatenate([weights, weights[:3, ::-1]])
    return (weights.prod(1) + weights[:, 1]).sum()


def count_both(latent_dim):
    total = 0
    for layers in (784, 500, 500, 2 * latent_dim), (latent_dim, 500, 500, 784):
        for inputs, outputs in pairwise(layers):
            total += inputs * outputs
            total += outputs
    return total


def generate(model, n, g, std=1.0, mean=0.0):
    return model.decode_mean(mean + std * torch.randn(n, model.latent_dim, generator=g))


def one_by_one(model, n, g):
    zs = [torch.randn(1, model.latent_dim, generator=g) for _ in range(n)]
    return [model.decode_mean(z)[0] for z in zs]


def box_muller(model, n, g):
    u, v = torch.rand(2, n, model.latent_dim, generator=g, dtype=torch.float64)
    z = (-2 * (1 - u).log()).sqrt() * (2 * math.pi * v).cos()
    return 1 / (1 + (-model.decode(z.float())).exp())


def by_quantiles(model, n, g):
    u = torch.rand(n, model.latent_dim, generator=g, dtype=torch.float64).clamp(min=1e-12)
    return model.decode(torch.special.ndtri(u).float()).sigmoid().detach().numpy()


def kl(mu, log_var, factor=0.5):
    return factor * (mu**2 + log_var.exp() - 1 - log_var)


def cost(x, logits, mu, log_var, pixels="sum", latents="sum", factor=0.5, batch="mean"):
    bce = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    terms = getattr(bce, pixels)(-1) + getattr(kl(mu, log_var, factor), latents)(-1)
    return getattr(terms, batch)()


def naive_cost(x, logits, mu, log_var):
    mean = logits.sigmoid()
    bce = -(x * (1e-10 + mean).log() + (1 - x) * (1e-10 + 1 - mean).log())
    return (bce.sum(-1) + kl(mu, log_var).sum(-1)).mean()


def bce_only(x, logits, mu, log_var):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)


def kl_only(x, logits, mu, log_var):
    return kl(mu, log_var).sum(-1).mean()


def half_naive_cost(x, logits, mu, log_var):
    white, black = F.logsigmoid(logits), (1 - logits.sigmoid()).log()
    distortion = -(x * white + (1 - x) * black).sum(1)
    return (distortion + kl_standard_normal(mu, log_var)).mean()


def probable_cost(x, logits, mu, log_var):
    """PyTorch's function of probabilities cuts each logarithm at -100."""
    distortion = F.binary_cross_entropy(logits.sigmoid(), x, reduction="none").sum(1)
    return (distortion + kl_standard_normal(mu, log_var)).mean()


def softplus_by_hand(x, logits, mu, log_var):
    distortion = ((1 + logits.exp()).log() - x * logits).sum(1)
    return (distortion + kl(mu, log_var).sum(1)).mean()


def softplus_by_where(x, logits, mu, log_var):
    softplus = torch.where(logits > 0, logits + (-logits).exp().log1p(), logits.exp().log1p())
    return ((softplus - x * logits).sum(1) + kl(mu, log_var).sum(1)).mean()


def bce_mean(x, logits):
    return F.binary_cross_entropy_with_logits(logits, x)


def wrong_kl(change):
    """Make an answer to 7.3 whose KL is half the sum of `change(mu, log_var)`."""
    return lambda x, a, mu, log_var: (
        bce_only(x, a, mu, log_var) + 0.5 * change(mu, log_var).sum(-1).mean()
    )


def cost_by_softplus(x, logits, mu, log_var):
    return ((F.softplus(logits) - x * logits).sum() + kl(mu, log_var).sum()) / len(x)


def cost_by_log_sigmoids(x, logits, mu, log_var):
    terms = x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits)
    return (kl(mu, log_var).sum(-1) - torch.einsum("bd->b", terms)).mean()


def cost_by_distributions(x, logits, mu, log_var):
    q = Normal(mu, (0.5 * log_var).exp())
    distortion = -Bernoulli(logits=logits, validate_args=False).log_prob(x).sum(-1)
    return (distortion + kl_divergence(q, Normal(0.0, 1.0)).sum(-1)).mean()


def cost_by_a_loop(x, logits, mu, log_var):
    total = 0.0
    for pixels, a, m, v in zip(x, logits, mu, log_var, strict=True):
        log_odds = torch.stack([torch.zeros_like(a), a])
        total = total + (torch.logsumexp(log_odds, 0) - pixels * a).sum()
        total = total - 0.5 * (1 + v - m * m - torch.exp(v)).sum()
    return total / len(x)


def cost_in_place(x, logits, mu, log_var):
    rate = mu**2
    rate += log_var.exp()
    rate -= log_var
    rate -= 1
    x -= 1  # what is given may be changed
    softplus = logits.clamp(max=0).abs() - F.logsigmoid(logits.abs())  # of -a
    return (softplus - x * logits).sum(-1).mean() * 1 + rate.sum(-1).mean() / 2


def grid(nx, ny, limit=3.0):
    z2, z1 = torch.meshgrid(
        torch.linspace(limit, -limit, ny), torch.linspace(-limit, limit, nx), indexing="ij"
    )
    return torch.stack([z1, z2], -1).reshape(-1, 2)


def by_columns(nx, ny):
    return grid(nx, ny).reshape(ny, nx, 2).transpose(0, 1).reshape(-1, 2)


def grid_by_index(nx, ny):
    k = np.arange(nx * ny)
    return np.stack([-3 + 6 * (k % nx) / (nx - 1), 3 - 6 * (k // nx) / (ny - 1)], 1)


def grid_by_repetition(nx, ny):
    z1, z2 = torch.linspace(-3, 3, nx), torch.linspace(3, -3, ny)
    return torch.stack([z1.repeat(ny), z2.repeat_interleave(nx)], 1)


def grid_in_numpy(nx, ny):
    z1, z2 = np.meshgrid(np.linspace(-3, 3, nx), np.linspace(-3, 3, ny)[::-1])
    return np.column_stack([z1.ravel(), z2.ravel()])


def without_the_end(nx, ny):
    down, right = 3 - 6 * torch.arange(ny) / ny, -3 + 6 * torch.arange(nx) / nx
    return torch.cartesian_prod(down, right).flip(1)


def cell_centres(nx, ny):
    return grid(nx, ny) * torch.tensor([(nx - 1) / nx, (ny - 1) / ny])


def step(model, optimizer, images, generator, **how):
    """Make a step of training; `how` are the ways in which it goes wrong."""
    mu, log_var = model.encode(images)
    draw = how.get("draw", lambda shape: torch.randn(shape, generator=generator))
    z = mu + (how.get("power", 0.5) * log_var).exp() * draw(mu.shape)
    logits = model.decode(z.detach() if how.get("cut") else z)
    loss = how.get("cost", cost)(images, logits, mu, log_var)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def wrong_step(**how):
    return lambda *args: step(*args, **how)


def in_order(*order):
    """Make an answer to 7.6 that does these things, in this order."""

    def answer(model, optimizer, images, generator):
        loss = -vaetut.elbo(model, images, generator=generator).elbo.mean()
        for name in order:
            (loss if name == "backward" else optimizer).__getattribute__(name)()
        return loss.item()

    return answer


def with_own_optimizer(make):
    return lambda model, _, *args: step(model, make(model.parameters()), *args)


def step_in_eval(model, *args):
    model.eval()
    return step(model, *args)


def step_by_hand(model, optimizer, images, generator):
    loss = -vaetut.elbo(model, images, generator=generator).elbo.mean()
    weights = list(model.parameters())
    gradients = torch.autograd.grad(loss, weights)
    with torch.no_grad():
        for weight, gradient in zip(weights, gradients, strict=True):
            weight -= optimizer.param_groups[0]["lr"] * gradient
    return loss.item()


def without_gradients(*args):
    with torch.no_grad():
        return step(*args)


def cost_afterwards(model, optimizer, images, generator):
    step(model, optimizer, images, generator)
    return -vaetut.elbo(model, images, generator=generator).elbo.mean().item()


def cost_of_the_same_noise_afterwards(model, optimizer, images, generator):
    eps = torch.randn(len(images), model.latent_dim, generator=generator)
    step(model, optimizer, images, generator, draw=lambda shape: eps)
    with torch.no_grad():
        q = model.encode(images)
        return cost(images, model.decode(q.at(eps)), *q)


def twice(*args):
    step(*args)
    return step(*args)


def returning(change):
    """Make an answer to 7.6 that returns `change(cost, images)` after a right step."""
    return lambda *args: change(step(*args), args[2])


def step_of_the_package(model, optimizer, images, generator):
    optimizer.zero_grad()
    loss = -vaetut.elbo(model, images, generator=generator).elbo.mean()
    loss.backward()
    optimizer.step()
    return loss


def step_of_the_chapter(model, optimizer, images, generator):
    """Take the other gradient, that of the function `cost` in the chapter."""
    recipe = replace(vaetut.FAST, objective="elbo-stl")
    loss, _ = vaetut.training.batch_loss(model, images, recipe, 1.0, generator)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def step_by_a_closure(model, optimizer, images, generator):
    noise = torch.randn(len(images), model.latent_dim, generator=generator)

    def closure():
        model.zero_grad()
        q = model.encode(images)
        loss = cost_by_distributions(images, model.decode(q.at(noise)), *q)
        loss.backward()
        return loss

    return optimizer.step(closure)


def step_image_by_image(model, optimizer, images, generator):
    optimizer.zero_grad(set_to_none=False)
    noise = torch.randn(len(images), model.latent_dim, generator=generator)
    total = 0.0
    for x, eps in zip(images, noise, strict=True):
        mu, log_var = model.encode(x[None])
        logits = model.decode(mu + eps * torch.exp(log_var) ** 0.5)
        loss = cost_by_softplus(x[None], logits, mu, log_var) / len(images)
        loss.backward()
        total += loss.detach()
    optimizer.step()
    return total


def step_with_given_gradients(model, optimizer, images, generator):
    logits, mu, log_var = model(images, generator)
    loss = cost_by_log_sigmoids(images, logits, mu, log_var)
    weights = list(model.parameters())
    for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
        weight.grad = gradient
    optimizer.step()
    return np.float64(loss.item())


@torch.no_grad()
def interpolate(model, first, second, steps):
    mu, _ = model.encode(torch.stack([first, second]))  # (2, L)
    t = torch.linspace(0, 1, steps)[:, None]
    return model.decode_mean(mu[0] + t * (mu[1] - mu[0]))


def along(weights):
    """Make an answer to 7.7 that weighs the codes with `weights(steps)` and the rest."""

    def answer(model, first, second, steps):
        one, other = model.encode(torch.stack([first, second])).mu
        t = weights(steps)[:, None]
        return model.decode_mean((1 - t) * one + t * other)

    return answer


def between_pixels(model, first, second, steps):
    t = torch.linspace(0, 1, steps)[:, None]
    return (1 - t) * first + t * second


def reconstructed(model, x):
    return model.decode_mean(model.encode(x).mu)


def between_reconstructions(model, first, second, steps):
    return between_pixels(model, *reconstructed(model, torch.stack([first, second])), steps)


def with_the_images_at_the_ends(*args):
    pictures = interpolate(*args)
    pictures[0], pictures[-1] = args[1], args[2]
    return pictures


def between_draws(model, first, second, steps):
    one, other = model.encode(torch.stack([first, second])).sample()
    return model.decode_mean(torch.lerp(one, other, torch.linspace(0, 1, steps)[:, None]))


def between_fixed_draws(model, first, second, steps):
    g = torch.Generator().manual_seed(0)
    one, other = model.encode(torch.stack([first, second])).sample(generator=g)
    return model.decode_mean(torch.lerp(one, other, torch.linspace(0, 1, steps)[:, None]))


def along_an_arc(model, first, second, steps):
    one, other = model.encode(torch.stack([first, second])).mu
    angle = torch.acos(one @ other / one.norm() / other.norm())
    t = torch.linspace(0, 1, steps)[:, None]
    return model.decode_mean(
        (torch.sin((1 - t) * angle) * one + torch.sin(t * angle) * other) / torch.sin(angle)
    )


def between_log_variances(model, first, second, steps):
    one, other = model.encode(torch.stack([first, second])).log_var
    return model.decode_mean(torch.lerp(one, other, torch.linspace(0, 1, steps)[:, None]))


def picture_by_picture(model, first, second, steps):
    (one, _), (other, _) = model.encode(first[None]), model.encode(second[None])
    pictures = []
    for k in range(steps):
        z = one * (steps - 1 - k) / (steps - 1) + other * k / (steps - 1)
        pictures.append(torch.sigmoid(model.decode(z))[0])
    return pictures


def by_numpy(model, first, second, steps):
    mu = model.encode(torch.stack([first, second])).mu.detach().numpy()
    z = np.linspace(mu[0], mu[1], steps).astype(np.float32)
    return model.decode_mean(torch.from_numpy(z)).detach().numpy().tolist()


def by_einsum(model, first, second, steps):
    mu = model.encode(torch.vstack([second, first])).mu
    weights = torch.stack([torch.linspace(0, 1, steps), torch.linspace(1, 0, steps)])
    return 0.5 + 0.5 * torch.tanh(model.decode(torch.einsum("ks,kl->sl", weights, mu)) / 2)


def by_steps_in_place(model, first, second, steps):
    z, end = model.encode(torch.cat([first[None], second[None]])).mu.detach()
    stride, out = (end - z) / (steps - 1), torch.empty(steps, 784)
    for row in out:
        row[:] = model.decode_mean(z).detach()
        z += stride
    return out


SOLUTIONS = {
    "7.1": count,
    "7.2": generate,
    "7.3": cost,
    "7.4": grid,
    "7.6": step,
    "7.7": interpolate,
}

RIGHT = [
    ("7.1", counted_layers),
    ("7.1", counted_shapes),
    ("7.1", count_both),
    ("7.1", lambda L: sum(p.numel() for p in vaetut.VAE(latent_dim=L).parameters())),
    ("7.1", lambda L: float(count(0) + 1502 * L)),
    ("7.2", one_by_one),
    ("7.2", box_muller),
    ("7.2", by_quantiles),
    ("7.2", lambda model, n, g: model.generate(n, g)),
    ("7.2", lambda m, n, g: m.decode(torch.empty(n, m.latent_dim).normal_(generator=g)).sigmoid()),
    ("7.2", lambda m, n, g: m.decode_mean(torch.randn(m.latent_dim, n, generator=g).T)),
    ("7.3", cost_by_softplus),
    ("7.3", cost_by_log_sigmoids),
    ("7.3", cost_by_distributions),
    ("7.3", cost_by_a_loop),
    ("7.3", cost_in_place),
    ("7.4", grid_by_index),
    ("7.4", grid_by_repetition),
    ("7.4", grid_in_numpy),
    (
        "7.4",
        lambda nx, ny: [
            [-3 + 6 * i / (nx - 1), 3 - 6 * j / (ny - 1)] for j in range(ny) for i in range(nx)
        ],
    ),
    (
        "7.4",
        lambda nx, ny: grid(ny, nx).reshape(nx, ny, 2).transpose(0, 1).flip(2).neg().reshape(-1, 2),
    ),
    ("7.6", step_of_the_package),
    ("7.6", step_of_the_chapter),
    ("7.6", step_by_a_closure),
    ("7.6", step_image_by_image),
    ("7.6", step_with_given_gradients),
    ("7.3", lambda x, a, m, v: bce_mean(x, a) * x.shape[1] + kl_only(x, a, m, v)),
    ("7.7", picture_by_picture),
    ("7.7", by_numpy),
    ("7.7", by_einsum),
    ("7.7", by_steps_in_place),
    ("7.7", along(lambda steps: torch.arange(steps) / (steps - 1))),
]

MISTAKES = [
    ("7.1", lambda n: count(n, bias=0), "bias for each of its outputs, too"),
    ("7.1", lambda n: count(n, heads=1), "two heads"),
    ("7.1", lambda n: count(n, extra=392_784), "never used"),
    ("7.1", lambda n: count(20), "line by line"),
    ("7.1", lambda n: 7, "line by line"),
    ("7.1", lambda n: count(n) if n < 20 else 7, "three layers touch z"),
    ("7.1", lambda n: 784 * 500 + 500 + 500 * 500 + 500 + 2 * (500 * n + n), "encoder alone"),
    ("7.1", lambda n: count(n, heads=0) - 500 * 1284 - 1000, "decoder alone"),
    ("7.1", lambda n: count(n) - 250_500, "one from 500 to 500"),
    ("7.1", lambda n: count(n) - 501_000, "those from 500 to 500"),
    ("7.1", lambda n: count(n) + 500 * n, "z alone"),
    ("7.1", lambda n: count(n) + n - 500, "not of its inputs"),
    ("7.1", lambda n: [count(n)], "ne number is wanted"),
    ("7.2", lambda m, n, g: generate(m, 1, g)[0], r"(784,)"),
    ("7.2", lambda m, n, g: m.decode(torch.randn(n, m.latent_dim, generator=g)), "sigmoid"),
    ("7.2", lambda m, n, g: generate(m, 1, g).expand(n, -1), "the same"),
    (
        "7.2",
        lambda m, n, g: m.decode_mean(torch.rand(n, m.latent_dim, generator=g)),
        "mean of your",
    ),
    ("7.2", lambda m, n, g: generate(m, n, g, std=2.0), "standard deviation"),
    ("7.2", lambda m, n, g: generate(m, n, g, mean=0.5), "mean of your z"),
    (
        "7.2",
        lambda m, n, g: m.decode_mean(torch.randn(n, 1, generator=g).expand(n, m.latent_dim)),
        "depend on each other",
    ),
    (
        "7.2",
        lambda m, n, g: m.decode_mean(12**0.5 * (torch.rand(n, m.latent_dim, generator=g) - 0.5)),
        "not normal",
    ),
    (
        "7.2",
        lambda m, n, g: m.decode_mean(2.0 * (torch.rand(n, m.latent_dim, generator=g) < 0.5) - 1),
        "the same",
    ),
    (
        "7.2",
        lambda m, n, g: generate(
            m, n, g, std=torch.tensor([1.0, 0.0, *[1.0] * (m.latent_dim - 2)])
        ),
        "standard deviation",
    ),
    ("7.2", lambda m, n, g: generate(m, (n + 1) // 2, g).repeat(2, 1)[:n], "ome of your draws"),
    (
        "7.2",
        lambda m, n, g: m.decode_mean(torch.randn(n, m.latent_dim, generator=g).clamp(-3, 3)),
        "beyond ±3.00",
    ),
    (
        "7.2",
        lambda m, n, g: m.decode_mean(torch.randn(n, m.latent_dim, generator=g).clamp(-2, 2)),
        "not normal",
    ),
    ("7.2", lambda m, n, g: m.decode_mean(torch.randn(n, m.latent_dim)), "global generator"),
    ("7.2", lambda m, n, g: generate(m, n, torch.Generator().manual_seed(g.seed())), "same"),
    ("7.2", lambda m, n, g: generate(m, n, torch.Generator().manual_seed(0)), "nother generator"),
    ("7.2", lambda m, n, g: generate(m, n, g.manual_seed(0)), "nother generator"),
    (
        "7.2",
        lambda m, n, g: generate(m, n, torch.Generator().manual_seed(g.initial_seed())),
        "second call",
    ),
    ("7.2", lambda m, n, g: generate(m, n, g).bernoulli(generator=g), "the means are wanted"),
    ("7.2", lambda m, n, g: generate(m, n, g).round(), "the means are wanted"),
    ("7.2", lambda m, n, g: generate(m, n, g) / 0, "not finite"),
    ("7.2", lambda m, n, g: generate(m, n, g).logit().softmax(1), "another function"),
    ("7.2", lambda m, n, g: generate(m, n, g).logit().clamp(0, 1), "another function"),
    ("7.3", lambda *a: -cost(*a), "sign is turned"),
    ("7.3", lambda *a: cost(*a, factor=-0.5), "KL has the wrong sign"),
    ("7.3", lambda *a: kl_only(*a) - bce_only(*a), "distortion has the wrong sign"),
    ("7.3", bce_only, "KL is missing"),
    ("7.3", kl_only, "reconstruction term is missing"),
    ("7.3", lambda *a: cost(*a, factor=1.0), "factor ½"),
    ("7.3", lambda *a: cost(*a, factor=0.25), "half of"),
    ("7.3", lambda *a: cost(*a, batch="sum"), "per example"),
    ("7.3", lambda *a: cost(*a, pixels="mean"), "averaged over pixels;"),
    ("7.3", lambda *a: cost(*a, pixels="mean", latents="mean"), "both are sums"),
    ("7.3", lambda *a: cost(*a, latents="mean"), "averaged over latent"),
    ("7.3", lambda *a: len(a[0]) * bce_only(*a) + kl_only(*a), "is a sum over the batch"),
    ("7.3", lambda *a: bce_only(*a) + len(a[0]) * kl_only(*a), "is a mean over the batch"),
    ("7.3", wrong_kl(lambda m, v: m**2 + (2 * v).exp() - 1 - 2 * v), "logarithm of σ;"),
    ("7.3", wrong_kl(lambda m, v: m**2 + (v / 2).exp() - 1 - v), "σ where σ² belongs"),
    ("7.3", wrong_kl(lambda m, v: m**2 + v.exp() - 1 - v / 2), "log σ where log σ² belongs"),
    ("7.3", lambda x, a, m, v: cost(a, x, m, v), "are exchanged"),
    ("7.3", lambda x, a, m, v: cost(x, a, m, v).expand(2), "one number"),
    ("7.3", lambda *a: cost(*a) + 1, "it should be"),
    ("7.3", lambda *a: cost(*a).item(), "no gradient"),
    ("7.3", lambda x, a, m, v: cost(x, a, m.detach(), v), "not its gradient"),
    ("7.3", lambda x, a, m, v: cost(x, a.detach(), m, v), "not its gradient"),
    ("7.3", naive_cost, "take no log of a sigmoid"),
    ("7.3", probable_cost, "take no log of a sigmoid"),
    ("7.3", half_naive_cost, "take no log of a sigmoid"),
    ("7.3", softplus_by_hand, "no exp of a logit"),
    ("7.3", softplus_by_where, "ar out"),
    ("7.3", lambda x, a, m, v: cost(x, a.clamp(-30, 30), m, v), "take no log of a sigmoid"),
    ("7.4", lambda nx, ny: grid(nx, ny) * torch.tensor([1.0, -1.0]), "top row"),
    ("7.4", lambda nx, ny: grid(nx, ny).flip(1), "swapped"),
    ("7.4", lambda nx, ny: grid(nx, ny) * torch.tensor([-1.0, 1.0]), "columns should run"),
    ("7.4", by_columns, "column by column"),
    ("7.4", lambda nx, ny: grid(nx, nx), "the shape should be"),
    ("7.4", lambda nx, ny: grid(nx, ny).T, "the shape should be"),
    ("7.4", lambda nx, ny: grid(nx, ny, limit=2.0), "a number in your codes"),
    ("7.4", lambda nx, ny: grid(ny, nx), "exchanged"),
    ("7.4", lambda nx, ny: grid(nx, ny) if nx < ny else grid(ny, nx), "exchanged"),
    ("7.4", without_the_end, "leaves out the end"),
    ("7.4", cell_centres, "ends before"),
    ("7.4", lambda nx, ny: grid(nx, ny).round(), "a number in your codes"),
    ("7.4", lambda nx, ny: grid(nx, ny) * math.nan, "a number in your codes"),
    ("7.6", in_order("backward", "step"), "step before are still there"),
    ("7.6", in_order("backward", "step", "zero_grad"), "not at the end"),
    ("7.6", in_order("zero_grad", "step"), "`backward` missing"),
    ("7.6", in_order("backward", "zero_grad", "step"), "emptied after it"),
    ("7.6", in_order("zero_grad", "step", "backward"), "`step` comes after `backward`"),
    ("7.6", in_order("zero_grad", "backward"), "`step` comes after `backward`"),
    ("7.6", in_order("zero_grad", "backward", "step", "step"), "is it one step"),
    ("7.6", twice, "leads elsewhere"),
    ("7.6", wrong_step(cost=lambda *a: cost(*a, factor=0.25)), "half of"),
    ("7.6", wrong_step(cost=lambda *a: cost(*a, latents="mean")), "over latent dimensions:"),
    (
        "7.6",
        wrong_step(cost=lambda *a: cost(*a, pixels="mean", latents="mean")),
        "both are sums",
    ),
    ("7.6", wrong_step(cost=lambda *a: cost(*a) / a[0].shape[1]), "he whole cost is divided"),
    ("7.6", wrong_step(cost=lambda *a: cost(*a, factor=2.0)), "is it that of 7.3"),
    (
        "7.6",
        wrong_step(cost=lambda x, a, m, v: cost(x, a, m.detach(), v)),
        "is no part detached",
    ),
    ("7.6", wrong_step(cost=kl_only), "reconstruction term is missing"),
    ("7.6", without_gradients, "does not require grad"),
    ("7.6", step_in_eval, "`eval`"),
    ("7.6", wrong_step(cost=lambda *a: -cost(*a)), "uphill"),
    ("7.6", wrong_step(cost=lambda *a: cost(*a, batch="sum")), "whole batch"),
    ("7.6", wrong_step(cost=lambda *a: cost(*a, pixels="mean")), "averaged over pixels"),
    ("7.6", wrong_step(cost=lambda *a: cost(*a, factor=-0.5)), "KL has the wrong sign"),
    ("7.6", wrong_step(cost=bce_only), "KL is missing"),
    ("7.6", wrong_step(cost=lambda *a: cost(*a, factor=1.0)), "factor ½"),
    ("7.6", wrong_step(cut=True), "from the KL alone"),
    ("7.6", wrong_step(power=1.0), "σ² where σ belongs"),
    ("7.6", wrong_step(draw=torch.zeros), "no noise in your z"),
    ("7.6", wrong_step(draw=torch.randn), "global generator"),
    (
        "7.6",
        wrong_step(draw=lambda s: torch.randn(s, generator=torch.Generator().manual_seed(0))),
        "nothing from the generator",
    ),
    (
        "7.6",
        lambda m, o, x, g: step(m, o, x, g, draw=lambda s: torch.rand(s, generator=g)),
        "not normal",
    ),
    (
        "7.6",
        lambda m, o, x, g: step(m, o, x, g, draw=lambda s: torch.randn(s[1], generator=g)),
        "each needs its own",
    ),
    ("7.6", with_own_optimizer(torch.optim.Adam), "use it, and no other"),
    ("7.6", with_own_optimizer(lambda w: torch.optim.SGD(w, 0.02, 0.9)), "use it, and no other"),
    ("7.6", step_by_hand, "use it, and no other"),
    ("7.6", cost_afterwards, "with new noise"),
    ("7.6", cost_of_the_same_noise_afterwards, "yours is from after"),
    ("7.6", returning(lambda loss, x: -loss), "sign turned"),
    ("7.6", returning(lambda loss, x: loss * len(x)), "sum over the batch"),
    ("7.6", returning(lambda loss, x: loss / x.shape[1]), "per pixel"),
    ("7.6", returning(lambda loss, x: [loss, 0.0]), "one number"),
    ("7.6", returning(lambda loss, x: loss + 1), "should be"),
    ("7.7", lambda *a: interpolate(*a)[:, None], "row for each picture"),
    ("7.7", lambda m, a, b, steps: interpolate(m, a, b, steps + 1), "row for each picture"),
    ("7.7", between_pixels, "between the images themselves"),
    ("7.7", between_reconstructions, "decode the codes in between"),
    ("7.7", lambda m, *a: reconstructed(m, between_pixels(m, *a)), "encoded pictures"),
    ("7.7", lambda *a: interpolate(*a).logit(), "logits"),
    ("7.7", lambda *a: interpolate(*a).flip(0), "wrong order"),
    ("7.7", along(lambda steps: torch.arange(steps) / steps), "at the end"),
    ("7.7", along(lambda steps: torch.arange(1, steps + 1) / steps), "at the start"),
    ("7.7", along(lambda steps: torch.arange(1, steps + 1) / (steps + 1)), "oth ends"),
    ("7.7", with_the_images_at_the_ends, "not the images"),
    ("7.7", between_draws, "draw nothing"),
    ("7.7", lambda *a: interpolate(*a).bernoulli(), "draw nothing"),
    ("7.7", lambda *a: interpolate(*a).round(), "black or white"),
    ("7.7", along_an_arc, "along an arc"),
    ("7.7", between_log_variances, "log-variances"),
    ("7.7", along(lambda steps: torch.linspace(0, 1, steps) ** 2), "a pixel is"),
    ("7.7", between_fixed_draws, "our first and last picture"),
    ("7.7", lambda *a: interpolate(*a) * 0.9, "our first and last picture"),
]
