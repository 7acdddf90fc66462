"""Randomness comes from explicit generators, reproducibly and independently."""

import numpy as np
import pytest
import torch

from vaetut import noise


def draw(generator):
    return torch.randn(1000, generator=generator)


def test_one_seed_and_stream_is_one_sequence():
    assert torch.equal(draw(noise.make_generator(3, 1)), draw(noise.make_generator(3, 1)))


def test_a_numpy_integer_is_a_seed_like_another():
    assert torch.equal(draw(noise.make_generator(np.int64(3))), draw(noise.make_generator(3)))


def test_streams_and_seeds_share_no_numbers():
    pairs = [(seed, stream) for seed in range(4) for stream in range(5)]
    firsts = {draw(noise.make_generator(*pair))[0].item() for pair in pairs}
    assert len(firsts) == len(pairs)
    rows = torch.stack([draw(noise.make_generator(*pair)) for pair in pairs])
    correlation = torch.corrcoef(rows) - torch.eye(len(pairs))
    assert correlation.abs().max() < 5 / np.sqrt(1000)


def test_a_seed_begins_where_it_always_has():
    """Else the bundled weights and the numbers of the book could not be made again."""
    seeds = [noise.make_generator(7, stream).initial_seed() for stream in (0, 4)]
    assert seeds == [8460147692890830636, 6355185125837863469]
    assert noise.make_generator(7).initial_seed() == seeds[1]


def test_the_named_streams_differ():
    streams = {noise.WEIGHTS, noise.TRAINING, noise.VALIDATION, noise.EVALUATION, noise.SAMPLING}
    assert len(streams) == 5


def test_no_seed_is_fresh_entropy():
    assert not torch.equal(draw(noise.make_generator()), draw(noise.make_generator()))


def test_as_generator_hands_the_generator_back_and_moves_it_not():
    generator = torch.Generator().manual_seed(0)
    state = generator.get_state()
    assert noise.as_generator(generator) is generator
    assert torch.equal(generator.get_state(), state)


def test_as_generator_falls_back_to_the_seed():
    assert torch.equal(draw(noise.as_generator(None, 0, 2)), draw(noise.make_generator(0, 2)))


@pytest.mark.parametrize("draws", [noise.standard_normal, noise.uniform])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_draws_have_the_dtype_and_shape_asked_for(draws, dtype):
    found = draws((5, 2), torch.zeros(1, dtype=dtype), None)
    assert found.dtype == dtype
    assert found.shape == (5, 2)


@pytest.mark.parametrize("draws", [noise.standard_normal, noise.uniform])
def test_draws_leave_the_global_generator_as_it_was(draws, seeded):
    state = torch.random.get_rng_state()
    draws((5, 2), torch.zeros(1), None)
    draws((5, 2), torch.zeros(1), seeded())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_in_a_compiled_function_the_global_generator_stands_in(monkeypatch, seeded):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    like = torch.zeros(1, dtype=torch.float64)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        found = noise.standard_normal((5, 2), like, None)
    assert torch.equal(found, torch.randn(5, 2, generator=seeded(3), dtype=torch.float64))
    given = noise.standard_normal((5, 2), like, seeded(4))
    assert torch.equal(given, torch.randn(5, 2, generator=seeded(4), dtype=torch.float64))


def test_standard_normal_is_standard_normal(assert_mean, seeded):
    eps = noise.standard_normal((20_000,), torch.zeros(1, dtype=torch.float64), seeded())
    assert_mean(eps, 0.0)
    assert_mean(eps.square(), 1.0)
    assert_mean(eps**4, 3.0)


@pytest.mark.parametrize(
    ("seed", "error", "message"),
    [
        (-1, ValueError, "must not be negative, got -1"),
        (0.5, TypeError, "must be an int or None, got 0.5"),
        ("0", TypeError, "must be an int or None, got '0'"),
        (True, TypeError, "must be an int or None, got True"),
    ],
)
def test_a_bad_seed_is_named(seed, error, message):
    with pytest.raises(error, match=message):
        noise.make_generator(seed)


@pytest.mark.parametrize("seed", [0, 42])
def test_a_seed_does_not_pass_for_a_generator(seed):
    with pytest.raises(TypeError, match=rf"must be a torch.Generator or None, got {seed}"):
        noise.standard_normal((2,), torch.zeros(1), seed)
