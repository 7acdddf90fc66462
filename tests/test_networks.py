"""Convolutional networks take pictures of any size; all networks say their sizes."""

import pytest
import torch
from hypothesis import given, settings, strategies as st

import vaetut
from vaetut.noise import WEIGHTS, make_generator

SIZES = st.tuples(st.integers(1, 3), st.integers(1, 19), st.integers(1, 19))


@settings(max_examples=30, deadline=None)
@given(SIZES, st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(1, 3))
def test_pictures_of_any_size_come_back_in_theirs(shape, channels, width):
    dim = shape[0] * shape[1] * shape[2]
    encoder = vaetut.ConvEncoder(shape, 2, tuple(channels))
    decoder = vaetut.ConvDecoder(2, shape, tuple(channels), width)
    q = encoder(torch.rand(3, dim))
    assert q.mu.shape == q.log_var.shape == (3, 2)
    for codes in (torch.zeros(2), q.mu, torch.zeros(4, 3, 2)):
        assert decoder(codes).shape == (*codes.shape[:-1], dim * width)
    assert (encoder.input_dim, decoder.output_dim) == (dim, dim * width)


def test_the_numbers_of_a_pixel_stay_together():
    """Channel by channel, row by row, and a pixel's own numbers side by side."""
    decoder = vaetut.ConvDecoder(2, (3, 5, 4), (4,), width=2)
    start = torch.arange(6.0).reshape(3, 1, 2).expand(3, 20, 2)  # the same in every pixel
    with torch.no_grad():
        for weight in decoder.parameters():
            weight.zero_()
        decoder.begin(start.reshape(60, 2))
        params = decoder(torch.zeros(1, 2)).reshape(60, 2)
    assert torch.equal(params, start.reshape(60, 2))


def test_a_code_is_decoded_the_same_alone_and_among_others():
    decoder = vaetut.ConvDecoder(2, (1, 7, 7))
    z = torch.randn(4, 5, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(decoder(z)[2, 3], decoder(z[2, 3]))


def test_a_convolutional_model_learns_and_comes_back(tmp_path):
    shape = (2, 7, 5)
    x = torch.rand(60, 70, generator=torch.Generator().manual_seed(0)).round()
    model = vaetut.VAE(
        encoder=vaetut.ConvEncoder(shape, 3, (4, 8)), decoder=vaetut.ConvDecoder(3, shape, (4, 8))
    )
    recipe = vaetut.Recipe(validation=10, epochs=4, batch_size=10, center_output=True)
    history = vaetut.train(model, x, recipe, progress=False)
    assert history.cost[-1] < history.cost[0]
    vaetut.save_model(model, tmp_path / "m.safetensors")
    twin = vaetut.load_model(tmp_path / "m.safetensors")
    assert torch.equal(twin.encode(x).mu, model.encode(x).mu)


NETWORKS = {
    "Encoder": lambda **options: vaetut.Encoder(36, 2, (5,), **options),
    "Decoder": lambda **options: vaetut.Decoder(2, 36, (5,), **options),
    "ConvEncoder": lambda **options: vaetut.ConvEncoder((1, 6, 6), 2, (4,), **options),
    "ConvDecoder": lambda **options: vaetut.ConvDecoder(2, (1, 6, 6), (4,), **options),
}


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_weights_are_those_of_the_generator_or_of_seed_0(make):
    def weights(**options):
        return torch.cat([each.flatten() for each in make(**options).parameters()])

    assert torch.equal(weights(), weights(generator=make_generator(0, WEIGHTS)))
    assert not torch.equal(weights(), weights(generator=make_generator(1, WEIGHTS)))


@pytest.mark.parametrize("make", [lambda: vaetut.ConvEncoder((1, 6, 6), 2), vaetut.VAE])
def test_fresh_weights_do_not_touch_the_global_generator(make):
    state = torch.random.get_rng_state()
    first, second = make(), make()
    assert torch.equal(torch.random.get_rng_state(), state)
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: vaetut.ConvEncoder((28, 28), 2), TypeError, r"must be \(channels, height, width"),
        (lambda: vaetut.ConvEncoder(784, 2), TypeError, r"must be \(channels, height, width"),
        (lambda: vaetut.ConvEncoder((1, 0, 28), 2), ValueError, "size in shape must be at least 1"),
        (lambda: vaetut.ConvEncoder((1, 8, 8), 2, ()), TypeError, "channels must be a tuple"),
        (lambda: vaetut.ConvEncoder((1, 8, 8), 2, 16), TypeError, "channels must be a tuple"),
        (lambda: vaetut.ConvEncoder((1, 8, 8), 2, (0,)), ValueError, "number in channels must be"),
        (lambda: vaetut.ConvEncoder((1, 8, 8), 0), ValueError, "latent_dim must be at least 1"),
        (lambda: vaetut.ConvDecoder(2, (1, 8, 8), width=0), ValueError, "width must be at least 1"),
        (lambda: vaetut.ConvEncoder((1, 8, 8), 2, activation="x"), ValueError, "^activation must"),
        (lambda: vaetut.ConvDecoder(2, (1, 8, 8), activation="x"), ValueError, "^activation must"),
        (
            lambda: vaetut.ConvEncoder((1, 8, 8), 2)(torch.rand(3, 63)),
            ValueError,
            r"x must have shape \(batch, 64\), got \(3, 63\)",
        ),
        (
            lambda: vaetut.ConvDecoder(2, (1, 8, 8))(torch.rand(3, 3)),
            ValueError,
            r"z must have shape \(..., 2\), got \(3, 3\)",
        ),
        (
            lambda: vaetut.ConvDecoder(2, (1, 8, 8)).begin(torch.zeros(63)),
            ValueError,
            "owes 63 numbers, and has 64",
        ),
    ],
)
def test_a_mistake_is_answered_in_words(call, error, message):
    with pytest.raises(error, match=message):
        call()
