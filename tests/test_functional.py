"""Our faster functions are PyTorch's, with exact gradients."""

import math

import pytest
import torch

from vaetut.functional import Softplus, Tanh, cross_entropy


def log_1_plus_exp(a):
    return torch.logaddexp(a, torch.zeros((), dtype=a.dtype))


REFERENCES = {Softplus(): log_1_plus_exp, Tanh(): torch.tanh}
PAIRS = [pytest.param(ours, theirs, id=type(ours).__name__) for ours, theirs in REFERENCES.items()]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize(
    ("dtype", "within"),
    [(torch.float64, 1e-15), (torch.float32, 2e-7), (torch.bfloat16, 2e-2), (torch.float16, 2e-3)],
)
def test_it_is_pytorchs_function(ours, theirs, dtype, within):
    a = torch.linspace(-30, 30, 2001, dtype=torch.float64).to(dtype)
    result, expected = ours(a), theirs(a.double())
    assert result.dtype == dtype
    error = (result.double() - expected).abs() / expected.abs().clamp(min=1)
    assert error.max() < within


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_far_away_nothing_overflows(ours, theirs):
    a = torch.tensor([-math.inf, -1e30, -200.0, 200.0, 1e30, math.inf], requires_grad=True)
    result = ours(a)
    assert torch.equal(result, theirs(a))
    (gradient,) = torch.autograd.grad(result[1:-1].sum(), a)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_gradients_are_exact_and_can_be_differentiated_again(ours, theirs):
    a = torch.tensor([-3.0, -0.5, 0.0, 0.5, 3.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(ours, a)
    assert torch.autograd.gradgradcheck(ours, a)
    slopes = [torch.autograd.grad(f(a).sum(), a)[0] for f in (ours, theirs)]
    assert torch.allclose(*slopes, rtol=1e-12)  # at zero too, where |a| has none


@pytest.mark.parametrize("pixels", [1, 2, 126, 127, 128, 254, 784])
@pytest.mark.parametrize("scale", [0, 1, 30])
def test_the_cross_entropy_is_the_sum_over_pixels(pixels, scale):
    generator = torch.Generator().manual_seed(pixels)
    x = torch.rand(4, pixels, generator=generator)
    a = scale * torch.randn(3, 4, pixels, generator=generator)
    expected = (log_1_plus_exp(a.double()) - x.double() * a.double()).sum(-1)
    result = cross_entropy(x, a)
    assert result.shape == (3, 4)
    assert torch.allclose(result.double(), expected, rtol=1e-6, atol=1e-5)
    assert torch.allclose(cross_entropy(x.double(), a.double()), expected, rtol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_products_do_not_overflow_in_short_floats(dtype):
    zeros = torch.zeros(2, 784, dtype=dtype)
    result = cross_entropy(zeros, zeros)
    assert torch.allclose(result.double(), torch.tensor(784 * math.log(2)).double(), rtol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_product_is_lost_where_denormal_numbers_are(dtype, restore_flags):
    torch.set_flush_denormal(True)
    zeros = torch.zeros(1, 2100, dtype=dtype)
    assert cross_entropy(zeros, zeros).item() == pytest.approx(2100 * math.log(2), rel=1e-6)


def test_the_cross_entropys_gradients_are_exact():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(2, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    a = torch.randn(3, 2, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(cross_entropy, (x, a))
    assert torch.autograd.gradgradcheck(cross_entropy, (x, a))
    (slope,) = torch.autograd.grad(cross_entropy(x, a).sum(), a)
    assert torch.allclose(slope, a.sigmoid() - x)
