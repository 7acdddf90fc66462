"""Annealed importance sampling: log p(x) by a second way, to hold against plain sampling.

    OMP_NUM_THREADS=1 python -m benchmarks.ais

Where the posterior lies and q(z|x) hardly reaches, plain importance sampling draws too rarely. Here
draws of q are led on by Hamiltonian Monte Carlo (HMC), along q(z|x) (p(x, z) / q(z|x))^beta with
beta from 0 to 1. The weights that they gather on the way have the mean p(x), so the log of their
mean bounds log p(x) from below (Neal 2001, arXiv:physics/9803008; for decoders, Wu et al. 2017,
arXiv:1611.04273). Of an image that the model drew itself the code is known, a draw from the
posterior, and the way back from it gives a bound from above. Their gap on such images says whether
the way is long enough (Grosse et al. 2015, arXiv:1511.02543).
"""

from __future__ import annotations

import math

import torch

import vaetut
from benchmarks import record
from vaetut import Normal
from vaetut.objective import log_importance_weights, stream_log_weights

MODEL = "vae-k1"
NUM_SAMPLES, REFINE_STEPS = 5000, 100  # of plain importance sampling
# How many steps of beta, and of HMC's path at each: on training images and for the same time, 1,000
# by 1 and 200 by 5 left more noise.
STEPS, LEAPFROG = 500, 2
CHAINS = 16  # for each image
ACCEPTED = 0.75  # the share of HMC's proposals that its step sizes aim at
TUNING = {"images": 100, "chains": 2}  # training images, for the step sizes
SIMULATED = 50  # images of the model itself

Way = tuple[vaetut.VAE, torch.Tensor, Normal]  # a model, images (B, D), and q (B, L) of them
State = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # e (C, B, L), log w (C, B) and its slope


def look(way: Way, e: torch.Tensor) -> State:
    """Return e, log w of the codes z = mu + sigma e, and its slope in e."""
    model, x, q = way
    with torch.enable_grad():
        e = e.detach().requires_grad_()
        _, log_w = log_importance_weights(model, x, q.mu + (0.5 * q.log_var).exp() * e, q)
        (slope,) = torch.autograd.grad(log_w.sum(), e)
    return e.detach(), log_w.detach(), slope


def move(
    way: Way, state: State, beta: torch.Tensor, size: torch.Tensor, generator: torch.Generator
) -> tuple[State, float]:
    """Make one move of HMC, which keeps N(e; 0, I) w^beta; return the share accepted, too."""
    new, v = state, torch.randn(state[0].shape, generator=generator)

    def log_density() -> torch.Tensor:
        e, log_w, _ = new
        return beta * log_w - 0.5 * (e.square() + v.square()).sum(-1)  # (C, B)

    before = log_density()
    for _ in range(LEAPFROG):
        v = v + 0.5 * size * (beta * new[2] - new[0])
        new = look(way, new[0] + size * v)
        v = v + 0.5 * size * (beta * new[2] - new[0])
    accepted = torch.rand(before.shape, generator=generator).log() < log_density() - before
    codes = accepted[..., None]
    e = torch.where(codes, new[0], state[0])
    log_w = torch.where(accepted, new[1], state[1])
    slope = torch.where(codes, new[2], state[2])
    return (e, log_w, slope), accepted.float().mean().item()


def anneal(
    way: Way,
    z: torch.Tensor,
    betas: torch.Tensor,
    sizes: torch.Tensor,
    generator: torch.Generator,
    tune: bool = False,
) -> torch.Tensor:
    """Lead codes from the first beta to the last, and return their log weights.

    Parameters
    ----------
    way : VAE, Tensor (B, D) and Normal (B, L)
        The model, images, and the q of each, which is where beta is 0.
    z : Tensor, shape (C, B, L)
        C codes for each image: draws from q if beta rises, from the posterior if it falls.
    betas, sizes : Tensor, shape (T,)
        The powers of p(x, z) / q(z|x), and HMC's step size at each, in units of q's sigma.
    generator : torch.Generator
        Source of the noise.
    tune : bool
        Change the sizes on the way, in place, towards the share ACCEPTED. Then the weights are
        good for nothing else.

    Returns
    -------
    Tensor, shape (C, B)
        In nats. On average a weight is p(x) if beta rises from 0 to 1, and 1 / p(x) if it falls.
    """
    _, _, q = way
    state = look(way, (z - q.mu) / (0.5 * q.log_var).exp())
    total = torch.zeros(z.shape[:-1])
    for t in range(1, len(betas)):
        total += (betas[t] - betas[t - 1]) * state[1]
        state, share = move(way, state, betas[t], sizes[t], generator)
        if tune:
            sizes[t:] *= 1.03 if share > ACCEPTED else 1 / 1.03
    return total


def estimate(log_w: torch.Tensor) -> tuple[torch.Tensor, float]:
    """Return log(mean weight), (B,), from (K, B), and what the draws leave open of its mean.

    The latter is a standard error by the delta method, as in `evaluate`.
    """
    K, B = log_w.shape
    w = (log_w - log_w.amax(0)).exp()
    variance = (w.square().mean(0) / w.mean(0).square() - 1) / K  # (B,)
    return log_w.logsumexp(0) - math.log(K), variance.sum().sqrt().item() / B


def mean_and_error(values: torch.Tensor) -> list[float]:
    """Return the mean of one number per image, and its standard error."""
    return [round(values.mean().item(), 4), round(values.std().item() / len(values) ** 0.5, 4)]


def main() -> None:
    """Tune on training images, try on the model's own, look at test images once, and record."""
    torch.set_flush_denormal(True)
    model = vaetut.load_pretrained(MODEL).requires_grad_(False)
    g = torch.Generator().manual_seed(0)
    betas = torch.linspace(0, 1, STEPS + 1)
    z = model.prior.sample(SIMULATED, g)
    simulated = model.likelihood.sample(model.decode(z), g)
    images = vaetut.load_mnist("train")[0]
    tuning = vaetut.binarize(images[:: len(images) // TUNING["images"]], g)

    def q_of(start: str, x: torch.Tensor) -> Normal:
        nothing = torch.zeros(len(x), model.latent_dim)
        return model.encode(x) if start == "encoder" else Normal(nothing, nothing)

    sizes, gaps = {}, {}
    for start in ("encoder", "prior"):
        sizes[start] = torch.full((STEPS + 1,), 0.3)
        q = q_of(start, tuning)
        way, first = (model, tuning, q), q.sample(TUNING["chains"], g)
        anneal(way, first, betas, sizes[start], g, tune=True)
        q = q_of(start, simulated)
        way, first, last = (model, simulated, q), q.sample(CHAINS, g), z.expand(CHAINS, *z.shape)
        below, _ = estimate(anneal(way, first, betas, sizes[start], g))
        above = -estimate(anneal(way, last, betas.flip(0), sizes[start].flip(0), g))[0]
        bounds = {"below": below, "above": above, "gap": above - below}
        gaps[start] = {name: mean_and_error(values) for name, values in bounds.items()}
        print(f"simulated images, from the {start}: {gaps[start]}", flush=True)

    x = vaetut.binarize(vaetut.load_mnist("test")[0], torch.Generator().manual_seed(0))[::100]
    encoded, refined = model.encode(x), vaetut.refine_posterior(model, x, REFINE_STEPS, g)
    log_w = {
        name: torch.cat([part for _, part in stream_log_weights(model, x, q, NUM_SAMPLES, g)])
        for name, q in {"encoder's q": encoded, "refined q": refined}.items()
    }
    first = encoded.sample(CHAINS, g)
    log_w["AIS"] = anneal((model, x, encoded), first, betas, sizes["encoder"], g)
    test, found = {}, {name: estimate(each) for name, each in log_w.items()}
    for name, (log_p, noise) in found.items():
        ahead = mean_and_error(log_p - found["refined q"][0])
        test[name] = {"nll": mean_and_error(-log_p), "noise": round(noise, 4), "ahead": ahead}
        print(f"test images, {name}: {test[name]}", flush=True)

    settings = {"steps": STEPS, "leapfrog": LEAPFROG, "chains": CHAINS, "accepted": ACCEPTED}
    settings |= {"num_samples": NUM_SAMPLES, "refine_steps": REFINE_STEPS, "tuning": TUNING}
    settings |= {"simulated": SIMULATED, "test_images": len(x), "seed": 0}
    record.add("ais", {"model": MODEL, **settings, "simulated_images": gaps, "test": test})


if __name__ == "__main__":
    with torch.no_grad():
        main()
