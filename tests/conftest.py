"""What several test modules share: small models, small images, and a model whose p(x) is known."""

import math
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest
import torch
from hypothesis import settings

import vaetut

settings.register_profile("reproducible", deadline=None, derandomize=True, database=None)
settings.load_profile("reproducible")

D, L = 12, 3  # pixels and latent dimensions of the small models


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(name="seeded")
def seeded_fixture():
    """A function that makes a generator from a seed."""
    return seeded


@pytest.fixture
def make_model():
    """A function that makes a small VAE, with biases that are not zero."""

    def make(seed=0, **options):
        model = vaetut.VAE(**{"input_dim": D, "latent_dim": L, "hidden_dims": (8,)} | options)
        generator = seeded(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
        return model

    return make


@pytest.fixture
def model(make_model):
    return make_model()


@pytest.fixture
def images():
    """Sixty grey images of 12 pixels, in [0, 1]; no two are alike."""
    return torch.rand(60, D, generator=seeded(1))


@pytest.fixture
def restore_flags():
    """Undo what a command does to its own process, which here is everybody's."""
    threads, backend = torch.get_num_threads(), plt.get_backend()
    yield
    torch.set_flush_denormal(False)
    torch.set_num_threads(threads)
    plt.close("all")
    plt.switch_backend(backend)


@pytest.fixture
def linear_gaussian():
    """A function that makes a linear VAE in float64 for which log p(x) is known.

    p(x|z) = N(Wz + b, vI), so that p(x) = N(b, WW' + vI) and the exact posterior is
    N(M^-1 W'(x - b), v M^-1) with M = W'W + vI. Its covariance is diagonal, as that of q is,
    because the columns of W are orthogonal. `shift` and `widen` move q's mean and log-variance
    away from the exact ones.
    """

    def make(shift=0.0, widen=0.0, num_images=4):
        model = vaetut.VAE(6, 2, (), likelihood="gaussian", variance=0.3).double()
        generator = seeded(2)
        random = torch.randn(6, 6, dtype=torch.float64, generator=generator)
        scale = torch.tensor([1.5, 0.7], dtype=torch.float64)
        w = torch.linalg.qr(random).Q[:, :2] * scale  # (6, 2)
        b = torch.randn(6, dtype=torch.float64, generator=generator)
        v = model.likelihood.log_var.double().exp()
        m = scale.square() + v  # the diagonal of M
        exact_log_var = (v / m).log()
        with torch.no_grad():
            model.decoder.out.weight.copy_(w)
            model.decoder.out.bias.copy_(b)
            model.encoder.mu.weight.copy_(w.T / m[:, None])
            model.encoder.mu.bias.copy_(-(w.T / m[:, None]) @ b + shift)
            model.encoder.log_var.weight.zero_()
            model.encoder.log_var.bias.copy_(exact_log_var + widen)
        marginal = torch.distributions.MultivariateNormal(
            b, w @ w.T + v * torch.eye(6, dtype=torch.float64)
        )
        z = torch.randn(num_images, 2, dtype=torch.float64, generator=generator)
        noise = torch.randn(num_images, 6, dtype=torch.float64, generator=generator)
        x = z @ w.T + b + v.sqrt() * noise
        # KL(q || p(z|x)) of two normals with one covariance basis
        gap = 0.5 * (shift**2 / exact_log_var.exp() + math.exp(widen) - 1 - widen).sum()
        return SimpleNamespace(model=model, x=x, log_p=marginal.log_prob(x), gap=gap)

    return make


@pytest.fixture
def assert_mean():
    """A function that asserts that a sample's mean lies within 4 standard errors of a value."""

    def check(samples, expected, dim=0):
        error = samples.std(dim) / math.sqrt(samples.shape[dim])
        assert (error > 0).all(), "the sample does not vary: compare it exactly"
        deviations = (samples.mean(dim) - expected).abs() / error
        assert (deviations < 4).all(), f"off by {deviations.max():.1f} standard errors"

    return check
