"""Checks for chapter 7, "Code in action"."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..model import VAE
from ..noise import make_generator
from ..objective import kl_standard_normal
from .registry import NOT_DONE, exercise, furthest


@exercise("7.1")
def _count_parameters(count: Callable[[int], int]) -> str | None:
    """Want a function from L to the number of parameters of the article's model."""
    wanted = {dim: sum(p.numel() for p in VAE(latent_dim=dim).parameters()) for dim in (20, 2)}
    got = count(20)
    if got is None:
        return NOT_DONE
    biases = sum(p.numel() for name, p in VAE().named_parameters() if name.endswith("bias"))
    one_head = 500 * 20 + 20
    known = {
        biases: "every layer has a bias for each of its outputs, too",
        one_head: "the encoder has two heads, mu and log_var",
        -(500 * 784 + 784): "the decoder has one head; the article's second one is never used",
    }
    difference = wanted[20] - got
    if difference in known:
        return known[difference]
    if difference:
        return f"for L = 20 you count {got:,}: go through the layers of print(model) one by one"
    if count(2) != wanted[2]:
        return f"right for L = 20, but for L = 2 you count {count(2):,}: three layers touch z"
    return None


@exercise("7.2")
def _generate(generate: Callable[[VAE, int, torch.Generator], torch.Tensor]) -> str | None:
    """Want a function of (model, n, generator) that returns n images from the prior, (n, 784)."""
    model = VAE(latent_dim=3, hidden_dims=())
    with torch.no_grad():  # a decoder that reads out z: its logits are 4, -4, and then z itself
        model.decoder.out.weight.zero_()[2:5] = torch.eye(3)
        model.decoder.out.bias.zero_()[:2] = torch.tensor([4.0, -4.0])
    global_state = torch.get_rng_state()
    images = generate(model, 2000, make_generator(0))
    if images is None:
        return NOT_DONE
    if images.shape != (2000, 784):
        return f"the shape should be (n, 784), here (2000, 784); yours is {tuple(images.shape)}"
    if not torch.equal(global_state, torch.get_rng_state()):
        torch.set_rng_state(global_state)
        return "you drew from PyTorch's global generator: pass generator=generator to torch.randn"
    if not images.isfinite().all():
        return "some of your values are not finite: the sigmoid of a logit always is"
    if torch.equal(images, images.round()):
        return "your pixels are black or white, as drawn or rounded; the means are wanted"
    if images.min() < 0 or images.max() > 1:
        return "the values leave [0, 1]: decode returns logits, and a picture needs their sigmoid"
    z = images[:, 2:5].logit()
    if z.std(0).max() < 1e-3:
        return "all your images are the same: each needs a z of its own"
    if z.mean(0).abs().max() > 0.15:
        return f"the mean of your z is {z.mean():.2f}: the prior is N(0, I), torch.randn draws it"
    if (z.std(0) - 1).abs().max() > 0.1:
        return f"the standard deviation of your z is {z.std():.2f}, the prior's is 1"
    if (z.T.corrcoef() - torch.eye(3)).abs().max() > 0.15:
        return "the coordinates of your z depend on each other: draw each by itself"
    if (z.pow(4).mean(0) - 3).abs().max() > 0.9:
        return "your z is not normal: torch.randn draws from N(0, I)"
    if not torch.equal(images, generate(model, 2000, make_generator(0))):
        return "the same generator should give the same images: take every draw from it"
    return None


@exercise("7.3")
def _cost(cost: Callable[..., torch.Tensor]) -> str | None:
    """Want a function of (x, logits, mu, log_var) that returns the article's cost, one number."""
    g = make_generator(0)
    x = torch.rand(5, 7, generator=g)
    logits, mu, log_var = (torch.randn(5, n, generator=g) for n in (7, 3, 3))
    distortion = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    distortion, rate = distortion / 5, kl_standard_normal(mu, log_var).mean()
    got = cost(x, logits, mu, log_var)
    if got is None:
        return NOT_DONE
    if got.shape != ():
        return f"the cost is one number; yours has shape {tuple(got.shape)}"
    per_pixel = distortion / 7
    known = {
        -(distortion + rate): "the sign is turned: a cost falls where the ELBO grows",
        distortion - rate: "the KL has the wrong sign: it is a price, so it adds to the cost",
        distortion: "the KL is missing",
        rate: "the reconstruction term is missing",
        distortion + 2 * rate: "your KL is twice too large: look for the factor ½",
        distortion + rate / 2: "your KL is half of what it should be: count the factors ½",
        5 * (distortion + rate): "you summed over the batch; the cost is per example",
        per_pixel + rate: "you averaged over pixels; log p(x|z) is a sum over pixels",
        per_pixel + rate / 3: "you averaged over pixels and latent dimensions; both are sums",
        distortion + rate / 3: "you averaged over latent dimensions; the KL is a sum over them",
    }
    for wrong, hint in known.items():
        if torch.isclose(got, wrong, rtol=1e-4):
            return hint
    if not torch.isclose(got, distortion + rate, rtol=1e-4):
        return f"for a small example your cost is {got:.4f}, it should be {distortion + rate:.4f}"
    for pixel, logit in ((1.0, -100.0), (0.0, 100.0), (1.0, -40.0), (0.0, 40.0), (0.0, 300.0)):
        pixels, logits = torch.full((1, 7), pixel), torch.full((1, 7), logit)
        extreme, wanted = cost(pixels, logits, mu[:1], log_var[:1]), 7 * abs(logit)
        if not torch.isfinite(extreme) or abs(extreme - wanted) > 10:
            return (
                f"right for small logits, but at logits of {logit:.0f} your cost is "
                f"{extreme:.4g}, not about {wanted:.0f}: take no log of a sigmoid, there is a "
                "function that works on logits"
            )
    return None


@exercise("7.4")
def _grid(grid: Callable[[int, int], torch.Tensor]) -> str | None:
    """Want a function of (nx, ny) that returns the codes of ny rows of nx pictures."""
    z = grid(3, 5)
    if z is None:
        return NOT_DONE
    if z.shape != (15, 2):
        return f"for nx = 3, ny = 5 the shape should be (15, 2); yours is {tuple(z.shape)}"
    right, down = torch.linspace(-3, 3, 3), torch.linspace(3, -3, 5)
    wanted = torch.stack(torch.meshgrid(down, right, indexing="ij")[::-1], -1).reshape(15, 2)
    transposed = torch.meshgrid(torch.linspace(3, -3, 3), torch.linspace(-3, 3, 5), indexing="ij")
    known = {
        "nx is the number of columns and ny that of rows; yours are exchanged": (
            torch.stack(transposed[::-1], -1).reshape(15, 2)
        ),
        "the top row should have the largest z_2, since a picture's rows run downwards": (
            wanted * torch.tensor([1.0, -1.0])
        ),
        "z_1 should run along a row and z_2 from row to row; yours are swapped": wanted.flip(1),
        "the columns should run from z_1 = -3 to z_1 = 3": wanted * torch.tensor([-1.0, 1.0]),
        "the codes should come row by row; yours come column by column": (
            wanted.reshape(5, 3, 2).transpose(0, 1).reshape(15, 2)
        ),
    }
    z = z.to(wanted.dtype)
    if torch.allclose(z, wanted, atol=1e-5):
        return None
    for hint, wrong in known.items():
        if torch.allclose(z, wrong, atol=1e-5):
            return hint
    return furthest(z, wanted, "a number in your codes")
