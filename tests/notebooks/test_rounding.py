"""Other rounding moves products by their last bit, in both directions of a network, by a seed."""

import pytest
import torch

from tests.notebooks.rounding import OtherRounding


def results(seed=None):
    """Values and gradients of some layers; perturbed for a seed."""
    torch.manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        x = torch.rand(40, 30)
        linear, convolution = torch.nn.Linear(30, 20), torch.nn.Conv2d(1, 3, 3)
    if seed is None:
        return _run(x, linear, convolution)
    with OtherRounding(seed):
        return _run(x, linear, convolution)


def _run(x, linear, convolution):
    hidden = linear(x)
    pictures = convolution(x[None, None])
    (hidden.square().sum() + pictures.square().sum()).backward()
    with torch.inference_mode():
        undivided = linear(x)
    return {
        "linear": hidden.detach(),
        "its gradient": linear.weight.grad,
        "without gradients": undivided,
        "convolution": pictures.detach(),
        "that one's gradient": convolution.weight.grad,
        "matmul": x @ x.T,
        "double": x.double() @ x.double().T,
        "into a given tensor": torch.mm(x, x.T, out=torch.empty(40, 40)),
    }


@pytest.mark.parametrize("name", results())
def test_every_product_moves_by_its_last_bits(name):
    plain, moved = results()[name], results(seed=1)[name]
    step = torch.finfo(plain.dtype).eps
    assert not torch.equal(plain, moved)
    # A few times eps, and what the sums behind it make of theirs.
    assert torch.allclose(plain, moved, rtol=100 * step, atol=100 * step * plain.abs().max())


def test_a_seed_gives_the_same_rounding_and_another_seed_another():
    name = "its gradient"
    assert torch.equal(results(seed=1)[name], results(seed=1)[name])
    assert not torch.equal(results(seed=1)[name], results(seed=2)[name])


def test_the_same_product_gives_the_same_result_again():
    x = torch.linspace(0, 1, 600).view(20, 30)
    with OtherRounding(1):
        assert torch.equal(x @ x.T, x @ x.T)


def test_integers_and_sums_are_left_alone():
    with OtherRounding(0):
        counts = torch.arange(6).view(2, 3) @ torch.ones(3, 2, dtype=torch.int64)
        total = torch.ones(5).sum()
    assert counts.tolist() == [[3, 3], [12, 12]]
    assert total == 5
