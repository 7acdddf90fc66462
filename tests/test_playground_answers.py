"""What chapter 11 answers about its model is true of the model."""

import math

import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

import vaetut

TURN = 2 * math.pi
EVERY_FIFTH = slice(None, None, 5)  # the first ones are easier
SHAPES = {  # corners of one stroke, on 28 x 28 pixels
    "star": [
        (14 + 9 * math.sin(TURN * 0.4 * k), 14 - 9 * math.cos(TURN * 0.4 * k)) for k in range(6)
    ],
    "I": [(14, 4), (14, 24)],
}


def drawn(corners: list[tuple[float, float]]) -> torch.Tensor:
    """Draw a stroke three pixels wide, with soft edges: (1, 784)."""
    side = torch.arange(28.0)
    pixels = torch.stack(torch.meshgrid(side, side, indexing="xy"), -1).reshape(-1, 1, 2)
    corners = torch.tensor(corners)
    steps = torch.linspace(0, 1, 20)[:, None, None]
    ink = (corners[:-1] + steps * (corners[1:] - corners[:-1])).reshape(1, -1, 2)
    return (2 - (pixels - ink).norm(dim=-1).amin(1)).clamp(0, 1)[None]


@pytest.fixture(scope="module")
def model():
    return vaetut.load_pretrained("playground-2d")


@pytest.fixture(scope="module")
def digits():
    return vaetut.load_mnist("test")[0][EVERY_FIFTH]


@pytest.fixture(scope="module")
def costs(model, digits):
    return distortion(model, digits, 100)


def distortion(model, x, draws):
    """Return the distortion of each image: a mean over draws from q, or the value at its mean."""
    with torch.no_grad():
        q = model.posterior(x)
        g = torch.Generator().manual_seed(0)
        codes = q.sample(draws, generator=g) if draws else q.mu[None]
        return -torch.stack([model.log_likelihood(x, z) for z in codes]).mean(0)


def test_what_the_noise_costs(model, digits, costs):
    """Question 3: the mean of 100 samples lies above the value at mu for 96 of 100 digits."""
    more = costs - distortion(model, digits, 0)
    assert (more > 0).double().mean().item() == pytest.approx(0.96, abs=0.01)
    assert more.mean().item() == pytest.approx(0.9, abs=0.1)


@torch.no_grad()
def test_ellipses_are_small_where_the_decoder_changes_fast(model, digits):
    """Question 3: and so a draw mostly changes little of the picture."""
    q = model.posterior(digits)
    here = model.decode_mean(q.mu)
    sigma = (0.5 * q.log_var).exp()
    slopes = [(model.decode_mean(q.mu + step) - here).norm(dim=1) for step in 0.01 * torch.eye(2)]
    both = torch.stack([sigma.T.flatten(), torch.cat(slopes)]).log()
    assert both.corrcoef()[0, 1] < -0.7
    (z,) = q.sample(1, torch.Generator().manual_seed(0))
    change = (model.decode_mean(z) - here).abs().sum(1) / here.sum(1)
    assert change.median() < 0.1 and (change > 0.2).double().mean() < 0.05


def test_narrow_ellipses_cost_more_than_distant_ones(model, digits):
    """Question 4: for most digits the second part of the rate is the larger one."""
    with torch.no_grad():
        q = model.posterior(digits)
    distance = 0.5 * q.mu.square()
    width = 0.5 * (q.log_var.exp() - q.log_var - 1)
    assert (width.sum(-1) > distance.sum(-1)).double().mean() > 0.95


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_no_digit(model, digits, costs, shape):
    """Question 5: a star has a smaller ellipse and costs more; but an I is cheap."""
    x = drawn(SHAPES[shape])
    dearer = (distortion(model, x, 100) > costs).double().mean()
    if shape == "I":
        assert dearer < 0.2
        return
    assert dearer > 0.99
    with torch.no_grad():
        wider = model.posterior(x).log_var.sum() > model.posterior(digits).log_var.sum(-1)
    assert wider.double().mean() < 0.5


@pytest.fixture(scope="module")
def judge():
    images, labels = vaetut.load_mnist("train")
    return KNeighborsClassifier(5).fit(images[:10_000], labels[:10_000])


@pytest.fixture(scope="module")
def truth():
    return vaetut.load_mnist("test")[1][EVERY_FIFTH]


def slant_and_width(x):
    """Return how much columns move per row, and their standard deviation: two of (N,)."""
    x, places = x.view(-1, 28, 28), torch.arange(28.0)
    mass = x.sum((1, 2))
    across, down = (places - ((x.sum(k) @ places) / mass)[:, None] for k in (1, 2))
    moved = torch.einsum("nyx,ny,nx->n", x, down, across)
    slant = moved / torch.einsum("nyx,ny->n", x, down.square())
    return slant, (torch.einsum("nyx,nx->n", x, across.square()) / mass).sqrt()


@torch.no_grad()
def test_slant_and_width_are_kept_in_part(model, digits, truth):
    """Question 1: within each class."""
    before, after = map(slant_and_width, (digits, model.decode_mean(model.encode(digits)[0])))
    for digit in range(10):
        of = truth == digit
        for one, other in zip(before, after, strict=True):
            assert 0.6 < torch.stack([one[of], other[of]]).corrcoef()[0, 1] < 0.999


@torch.no_grad()
def test_digits_that_come_back_as_another(model, digits, judge, truth):
    """Question 1: about one in five, and most often 4s and 5s."""
    before, after = (
        (torch.from_numpy(judge.predict(x)) != truth).double()
        for x in (digits, model.decode_mean(model.encode(digits)[0]))
    )
    assert before.mean().item() == pytest.approx(0.05, abs=0.01)
    assert after.mean().item() == pytest.approx(0.2, abs=0.03)
    by_class = torch.stack([after[truth == digit].mean() for digit in range(10)])
    assert set(by_class.topk(2).indices.tolist()) == {4, 5}


@torch.no_grad()
def test_a_small_step_may_change_much_of_a_picture(model):
    """Question 2: in a step of 0.2, a fifth of the ink goes, and half as much as was is added."""
    here, there = model.decode_mean(torch.tensor([[0.25, 0.2], [0.45, 0.2]]))
    assert (here - there).clamp(min=0).sum() / here.sum() == pytest.approx(0.2, abs=0.02)
    assert (there - here).clamp(min=0).sum() / here.sum() == pytest.approx(0.5, abs=0.02)


@torch.no_grad()
def test_where_the_priors_draws_fall(model, digits, judge):
    """Question 6: 9 of 100 into a hole, most of them within two; of new digits' codes, 1 or 2."""
    g = torch.Generator().manual_seed(0)
    q = model.posterior(vaetut.load_mnist("train")[0][5000:])  # as in its training
    prior, codes = torch.randn(2000, 2, generator=g), model.posterior(digits).sample(1, g)[0]

    def in_hole(z):
        """Say of each code whether digits put less than a fifth of the prior's density there."""
        off = (z[:, None] - q.mu).square() / q.log_var.exp() + q.log_var
        ratio = (-0.5 * off.sum(-1)).logsumexp(1) - math.log(len(q.mu)) + 0.5 * z.square().sum(1)
        return ratio < math.log(1 / 5)

    holes = torch.cat([in_hole(part) for part in prior.split(100)])
    of_codes = torch.cat([in_hole(part) for part in codes.split(100)])
    assert holes.double().mean().item() == pytest.approx(0.09, abs=0.02)
    assert 0.005 < of_codes.double().mean() < 0.025
    assert (prior[holes].norm(dim=1) < 2).double().mean() > 0.7
    sure = torch.from_numpy(judge.predict_proba(model.decode_mean(prior))).amax(1)
    doubtful = sure < 0.8
    images, labels = vaetut.load_mnist("test")
    near = KNeighborsClassifier(20).fit(model.posterior(images).sample(1, g)[0], labels)
    mixed = torch.from_numpy(near.predict_proba(prior)).amax(1) <= 14 / 20
    assert mixed[doubtful].double().mean() > 0.9
    assert mixed[~doubtful].double().mean().item() == pytest.approx(0.3, abs=0.03)
    assert doubtful[holes].double().mean() > 1.3 * doubtful[~holes].double().mean()
    assert (doubtful & ~holes).sum() > 0.7 * doubtful.sum()
    assert doubtful.double().mean().item() == pytest.approx(0.11, abs=0.015)
    of_digits = torch.from_numpy(judge.predict_proba(digits)).amax(1) < 0.8
    assert of_digits.double().mean().item() == pytest.approx(0.07, abs=0.01)
