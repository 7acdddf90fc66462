"""A report's numbers are right, its errors are calibrated, and it says how it was made."""

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
import torch

import vaetut
from vaetut import evaluation
from vaetut.evaluation import count_active


@pytest.fixture
def binary(images, seeded):
    return vaetut.binarize(images, seeded(9))


@pytest.fixture
def per_image(monkeypatch):
    """Collect the per-image values of every call to `evaluate`, as one table."""
    original, blocks = evaluation._evaluate_block, []

    def spy(*args):
        blocks.append(original(*args))
        return blocks[-1]

    monkeypatch.setattr(evaluation, "_evaluate_block", spy)

    def collect(*args, **options):
        blocks.clear()
        report = vaetut.evaluate(*args, **options)
        return report, {key: torch.cat([b[key] for b in blocks]) for key in blocks[0]}

    return collect


@pytest.fixture
def wide_model(make_model):
    """A function that makes a model whose q is wider than the prior: its weights are bounded."""

    def make(**options):
        model = make_model(**options)
        with torch.no_grad():
            model.encoder.mu.weight.mul_(0.3)
            model.encoder.mu.bias.zero_()
            model.encoder.log_var.weight.zero_()
            model.encoder.log_var.bias.fill_(0.2)
        return model

    return make


# The numbers


def test_the_terms_are_those_of_one_set_of_draws(model, binary, seeded, monkeypatch):
    """Against a plain computation from the same noise."""
    monkeypatch.setattr(evaluation, "make_generator", lambda seed, *_: seeded(seed))
    report = vaetut.evaluate(model, binary, num_samples=7, seed=3)
    with torch.no_grad():
        parts = vaetut.elbo(model, binary, 7, seeded(3))
        bound = vaetut.importance_weighted_bound(model, binary, 7, seeded(3))
    assert report.distortion == pytest.approx(-parts.log_likelihood.mean().item(), rel=1e-5)
    assert report.rate == pytest.approx(parts.kl.mean().item(), rel=1e-5)
    assert report.neg_elbo == pytest.approx(-parts.elbo.mean().item(), rel=1e-5)
    assert report.nll == pytest.approx(-bound.mean().item(), rel=1e-5)


def test_distortion_and_rate_add_up(model, binary):
    report = vaetut.evaluate(model, binary, num_samples=5)
    assert report.neg_elbo == pytest.approx(report.distortion + report.rate, abs=1e-9)
    assert report.rate > 0


@pytest.mark.parametrize("seed", range(5))
def test_the_nll_lies_below_the_negative_elbo(make_model, binary, seed):
    report = vaetut.evaluate(make_model(seed), binary, num_samples=100)
    assert report.nll < report.neg_elbo


def test_more_samples_lower_the_nll(model, binary):
    few, some, many = (vaetut.evaluate(model, binary, num_samples=k).nll for k in (1, 10, 1000))
    assert few > some > many


def test_the_nll_is_exact_on_a_linear_gaussian_model(linear_gaussian):
    example = linear_gaussian(shift=0.2, widen=0.2, num_images=150)
    report = vaetut.evaluate(example.model, example.x, num_samples=2000)
    exact = -example.log_p.mean().item()
    assert 0 < report.nll_se_monte_carlo < 0.01
    assert abs(report.nll - exact) < 4 * report.nll_se_monte_carlo
    assert abs(report.neg_elbo - exact - example.gap) < 4 * report.neg_elbo_se_monte_carlo


def test_where_q_is_exact_the_nll_has_no_monte_carlo_error(linear_gaussian):
    example = linear_gaussian(num_images=150)
    report = vaetut.evaluate(example.model, example.x, num_samples=3)
    assert report.nll == pytest.approx(-example.log_p.mean().item(), abs=1e-9)
    assert report.nll_se_monte_carlo < 1e-8
    assert report.neg_elbo_se_monte_carlo > 0.01


def test_without_settings_there_are_5000_samples_and_seed_0(model, binary, monkeypatch, capsys):
    """And no bar, and nothing is compiled."""
    monkeypatch.setattr(evaluation, "compiled", None)
    report = vaetut.evaluate(model, binary[:2])  # the fewest that have a standard error
    assert (report.num_samples, report.seed, report.num_images) == (5000, 0, 2)
    assert capsys.readouterr().err == ""
    assert vaetut.evaluate(model, binary[:2], 2, seed=2**80).seed == 2**80


def test_a_refined_report_is_that_of_its_seed(model, binary):
    first, again, other = (
        vaetut.evaluate(model, binary[:5], 3, seed, refine_steps=2) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_report_says_whether_its_rate_is_exact(make_model, binary):
    for prior, exact in ((vaetut.StandardNormal(3), True), (vaetut.Mixture(3, 2), False)):
        assert vaetut.evaluate(make_model(prior=prior), binary, 2).rate_is_exact is exact


# The errors


@pytest.mark.parametrize("num_samples", [2, 5])
def test_the_noise_of_an_image_is_estimated_without_bias(
    per_image, make_model, binary, seeded, monkeypatch, num_samples
):
    """By its sample variance; for the NLL, by that of the weights over their squared mean."""
    model = make_model()
    with torch.no_grad():
        model.decoder.out.weight.mul_(0.1)  # some variances below 1
    monkeypatch.setattr(evaluation, "make_generator", lambda seed, *_: seeded(seed))
    _, found = per_image(model, binary, num_samples, seed=3)
    with torch.no_grad():
        q = model.posterior(binary)
        z = q.sample(num_samples, seeded(3))
        log_likelihood, log_weights = vaetut.objective.log_importance_weights(model, binary, z, q)
    weights = log_weights.double().softmax(0) * num_samples  # over their mean
    variances = log_likelihood.double().var(0) / num_samples
    assert variances.min() < 1
    torch.testing.assert_close(found["neg_elbo_variance"], variances, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(found["nll_variance"], weights.var(0) / num_samples)


def test_the_error_over_images_is_their_spread_over_root_n(per_image, model, binary):
    report, table = per_image(model, binary, num_samples=5)
    neg_elbo = table["distortion"] + table["rate"]
    for values, error in (
        (neg_elbo, report.neg_elbo_se_images),
        (table["nll"], report.nll_se_images),
    ):
        assert values.shape == (60,)
        spread = (values - values.mean()).square().sum() / 59
        assert error == pytest.approx(math.sqrt(spread / 60), rel=1e-6)


@pytest.mark.parametrize("name", ["nll", "neg_elbo"])
def test_the_monte_carlo_error_is_the_spread_between_seeds(wide_model, binary, name):
    """Over 200 seeds; a standard deviation from 200 draws has a standard error of 5 %."""
    model = wide_model()
    reports = [vaetut.evaluate(model, binary[:20], 100, seed) for seed in range(200)]
    values = torch.tensor([getattr(r, name) for r in reports], dtype=torch.float64)
    claimed = torch.tensor([getattr(r, f"{name}_se_monte_carlo") for r in reports]).double()
    ratio = values.std() / claimed.square().mean().sqrt()
    assert abs(ratio - 1) < 4 / math.sqrt(2 * 199)


def test_the_monte_carlo_error_falls_like_one_over_root_k(wide_model, binary):
    model = wide_model()
    few, many = (vaetut.evaluate(model, binary, num_samples=k) for k in (200, 20_000))
    assert few.neg_elbo_se_monte_carlo / many.neg_elbo_se_monte_carlo == pytest.approx(10, rel=0.1)
    assert few.nll_se_monte_carlo / many.nll_se_monte_carlo == pytest.approx(10, rel=0.3)


def test_one_sample_gives_no_monte_carlo_error(model, binary):
    report = vaetut.evaluate(model, binary, num_samples=1)
    assert math.isnan(report.nll_se_monte_carlo)
    assert math.isnan(report.neg_elbo_se_monte_carlo)
    assert math.isfinite(report.nll)


# The noise


def test_equal_seeds_give_equal_reports(model, binary):
    first = vaetut.evaluate(model, binary, 5, seed=1)
    assert vaetut.evaluate(model, binary, 5, seed=1) == first
    assert vaetut.evaluate(model, binary, 5, seed=2).nll != first.nll


@pytest.mark.parametrize("count", [100, 200])
def test_the_first_images_get_the_same_values_whatever_follows(per_image, model, count, seeded):
    images = torch.rand(400, 12, generator=seeded())
    _, every = per_image(model, images, 5)
    _, first = per_image(model, images[:count], 5)
    for key in every:
        assert torch.equal(first[key], every[key][:count])


def test_every_image_has_noise_of_its_own(per_image, model, images):
    _, table = per_image(model, images[:1].expand(250, -1), 5)
    assert len(table["nll"].unique()) == 250


def test_the_model_is_left_as_it_was(model, binary):
    before = [p.clone() for p in model.parameters()]
    vaetut.evaluate(model.train(), binary, 5)
    assert all(torch.equal(p, b) for p, b in zip(model.parameters(), before, strict=True))
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert model.training


# Active units


def test_a_unit_is_active_if_its_mean_varies_by_more_than_a_hundredth():
    unit = torch.linspace(-1, 1, 101)
    unit = unit / unit.std()
    means = torch.stack([unit * math.sqrt(v) for v in (0.0, 0.0099, 0.0101, 1.0)], dim=1)
    assert count_active(means) == 2
    assert count_active(means + 7) == 2


def test_the_report_counts_the_active_units_of_a_constructed_model(make_model, images):
    model = make_model(hidden_dims=())
    with torch.no_grad():
        model.encoder.mu.weight.zero_()
        model.encoder.mu.weight[1, 0] = 1.0  # coordinate 1 follows a pixel, of variance 1/12
        model.encoder.mu.weight[2, 0] = 0.1
    report = vaetut.evaluate(model, images, 2)
    assert (report.active_units, report.latent_dim) == (1, 3)


# The aggregate posterior


@pytest.fixture
def gaussian_case(seeded):
    """A function that makes x ~ N(0, I) and q(z|x) = N(x, s^2 I), whose split is known."""

    def make(count, dims, std):
        mu = torch.randn(count, dims, generator=seeded(5))
        information = 0.5 * dims * math.log(1 + 1 / std**2)
        variance = 1 + std**2  # q(z) = N(0, variance I)
        kl_to_prior = 0.5 * dims * (variance - 1 - math.log(variance))
        return mu, torch.full_like(mu, 2 * math.log(std)), information, kl_to_prior

    return make


def test_the_rate_is_split_as_it_is_known_to_be(gaussian_case, seeded):
    mu, log_var, information, kl_to_prior = gaussian_case(20_000, 1, 0.5)
    split = vaetut.aggregate_posterior(mu, log_var, 5000, seeded())
    assert split.rate == pytest.approx(information + kl_to_prior, rel=0.02)
    assert split.information == pytest.approx(information, abs=0.03)
    assert split.information_above == pytest.approx(information, abs=0.03)
    assert split.kl_to_prior == pytest.approx(kl_to_prior, abs=0.03)


def test_the_split_is_that_of_a_mixture_of_normals(seeded):
    """Against torch.distributions, with the same draws."""
    g = seeded(1)
    mu, log_var = torch.randn(7, 3, generator=g), torch.randn(7, 3, generator=g)
    split = vaetut.aggregate_posterior(mu, log_var, 7, seeded(2))
    g = seeded(2)
    rows = torch.randperm(7, generator=g)
    z = vaetut.reparameterize(mu[rows], log_var[rows], generator=g)
    each = torch.distributions.Normal(mu, (0.5 * log_var).exp())
    log_q = each.log_prob(z[:, None]).sum(-1)  # (M, N)
    own = log_q[torch.arange(7), rows]
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.ones(7)), torch.distributions.Independent(each, 1)
    ).log_prob(z)
    prior = torch.distributions.Normal(0, 1).log_prob(z).sum(-1)
    above = torch.stack([
        own[m] - log_q[m, [n for n in range(7) if n != rows[m]]].exp().mean().log()
        for m in range(7)
    ])  # fmt: skip
    assert split.information == pytest.approx((own - mixture).mean().item(), rel=1e-4)
    assert split.information_above == pytest.approx(above.mean().item(), rel=1e-4)
    assert split.kl_to_prior == pytest.approx((mixture - prior).mean().item(), rel=1e-4)


def test_the_information_of_n_images_stops_at_log_n(gaussian_case, seeded):
    mu, log_var, information, _ = gaussian_case(200, 20, 0.3)
    split = vaetut.aggregate_posterior(mu, log_var, generator=seeded())
    assert information > 20
    assert split.information == pytest.approx(math.log(200), abs=1e-3)
    assert split.information_above > information


def test_equal_posteriors_carry_nothing(seeded):
    nothing = vaetut.aggregate_posterior(torch.zeros(50, 4), torch.zeros(50, 4), 50, seeded())
    assert nothing == pytest.approx((0, 0, 0, 0), abs=1e-5)


def test_two_images_are_told_apart_by_one_bit(seeded):
    mu, log_var = torch.tensor([[-9.0], [9.0]]), torch.zeros(2, 1)
    split = vaetut.aggregate_posterior(mu, log_var, generator=seeded())
    assert split.information == pytest.approx(math.log(2))


def test_without_a_number_a_thousand_draws_are_made(gaussian_case, seeded):
    mu, log_var, _, _ = gaussian_case(1100, 2, 0.5)
    thousand, more = (
        vaetut.aggregate_posterior(mu, log_var, count, seeded()) for count in (1000, 1001)
    )
    assert vaetut.aggregate_posterior(mu, log_var, generator=seeded()) == thousand != more


def test_the_split_is_added_up_in_float64(seeded):
    """In float32 the sum of many numbers loses its last digits; each of these is exact."""
    mu = 101 + 2 * torch.arange(1001.0)[:, None]
    split = vaetut.aggregate_posterior(mu, torch.zeros_like(mu), 1001, seeded())
    assert split.rate == 0.5 * mu.double().square().mean().item()


def test_blocks_do_not_change_the_split(gaussian_case, seeded, monkeypatch):
    mu, log_var, _, _ = gaussian_case(60, 2, 0.5)
    whole = vaetut.aggregate_posterior(mu, log_var, generator=seeded())
    monkeypatch.setattr(evaluation, "BLOCK", 7)
    assert vaetut.aggregate_posterior(mu, log_var, generator=seeded()) == pytest.approx(whole)


def test_no_generator_means_other_draws(gaussian_case):
    mu, log_var, _, _ = gaussian_case(60, 2, 0.5)
    state = torch.get_rng_state()
    first, second = (vaetut.aggregate_posterior(mu, log_var) for _ in range(2))
    assert first.rate == second.rate
    assert first.information != second.information
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("mu", "log_var", "options", "error", "message"),
    [
        (torch.zeros(3, 2), torch.zeros(3, 1), {}, ValueError, "must have one shape"),
        (torch.zeros(3), torch.zeros(3), {}, ValueError, r"mu must have shape \(batch, features\)"),
        (torch.zeros(1, 2), torch.zeros(1, 2), {}, ValueError, "at least 2 images, got 1"),
        (torch.zeros(3, 2), torch.zeros(3, 2), {"num_samples": 0}, ValueError, "at least 1, got 0"),
        ([[0.0]], torch.zeros(1, 1), {}, TypeError, "mu must be a torch.Tensor, got list"),
        (torch.zeros(3, 2), torch.zeros(3, 2), {"generator": 0}, TypeError, "torch.Generator"),
    ],
)
def test_aggregate_posterior_says_what_it_expected(mu, log_var, options, error, message):
    with pytest.raises(error, match=message):
        vaetut.aggregate_posterior(mu, log_var, **options)


# What the report says of itself


def test_the_report_names_its_protocol(model, binary):
    report = vaetut.evaluate(model, binary, num_samples=1234, seed=7)
    assert (report.data, report.num_images, report.num_samples, report.seed) == (
        "binary",
        60,
        1234,
        7,
    )
    assert "60 binary images, K = 1,234 samples of z each, seed 7" in str(report)
    assert "bound" not in str(report)


def test_grey_images_are_called_grey_and_their_nll_a_bound(model, images):
    report = vaetut.evaluate(model, images, 2)
    assert report.data == "grey"
    assert "NLL, a bound" in str(report)
    assert "60 grey images" in str(report)
    assert "bound the expected NLL of binarized ones" in str(report)


def test_one_grey_pixel_makes_the_images_grey(model, binary):
    binary[3, 5] = 0.5
    assert vaetut.evaluate(model, binary, 2).data == "grey"


def test_a_gaussians_images_are_called_real(make_model, binary):
    report = vaetut.evaluate(make_model(likelihood="gaussian"), binary, 2)
    assert report.data == "real"
    assert "60 real rows" in str(report)
    assert "bound" not in str(report)


def test_the_printed_numbers_are_the_reports(model, binary):
    report = vaetut.evaluate(model, binary, 50)
    lines = str(report).splitlines()
    for line, (label, value) in zip(
        lines,
        [
            ("-ELBO", report.neg_elbo),
            ("distortion", report.distortion),
            ("rate", report.rate),
            ("NLL", report.nll),
        ],
        strict=False,
    ):
        assert line.split()[:2] == [label, f"{value:.2f}"]
    for line, name in ((lines[0], "neg_elbo"), (lines[3], "nll")):
        images, monte_carlo = (getattr(report, f"{name}_se_{k}") for k in ("images", "monte_carlo"))
        assert f"± {images:.2f} images, ± {monte_carlo:.3f} Monte Carlo" in line
    assert lines[4].split() == ["active", "units", str(report.active_units), "of", "3"]


NUMBERS = {
    "neg_elbo": 101.234,
    "neg_elbo_se_images": 0.456,
    "neg_elbo_se_monte_carlo": 0.0123,
    "distortion": 80.1,
    "rate": 21.134,
    "nll": 98.765,
    "nll_se_images": 0.321,
    "nll_se_monte_carlo": 0.0056,
    "active_units": 3,
    "latent_dim": 20,
    "num_images": 10_000,
    "num_samples": 5000,
    "seed": 7,
}


def test_a_report_is_laid_out_as_a_table():
    assert str(evaluation.Report(data="grey", refine_steps=1200, **NUMBERS)).splitlines() == [
        "-ELBO            101.23  ± 0.46 images, ± 0.012 Monte Carlo",
        "  distortion      80.10  -E_q[log p(x|z)]",
        "  rate            21.13  KL(q(z|x) || p(z))",
        "NLL, a bound      98.77  ± 0.32 images, ± 0.006 Monte Carlo",
        "active units       3 of 20",
        "nats per image; 10,000 grey images, K = 5,000 samples of z each, seed 7",
        "q(z|x) improved for each of them by 1,200 steps",
        "grey images: both figures bound the expected NLL of binarized ones",
    ]
    assert str(evaluation.Report(data="real", rate_is_exact=False, **NUMBERS)).splitlines() == [
        "-ELBO            101.23  ± 0.46 rows, ± 0.012 Monte Carlo",
        "  distortion      80.10  -E_q[log p(x|z)]",
        "  rate            21.13  KL(q(z|x) || p(z)), estimated",
        "NLL               98.77  ± 0.32 rows, ± 0.006 Monte Carlo",
        "active units       3 of 20",
        "nats per row; 10,000 real rows, K = 5,000 samples of z each, seed 7",
    ]


def test_a_report_keeps_plain_numbers(model, binary):
    given = vaetut.evaluate(model, binary, np.int64(3), np.int64(1))
    assert repr(given) == repr(vaetut.evaluate(model, binary, 3, 1))
    assert json.dumps(dataclasses.asdict(given))


def test_a_report_cannot_be_changed(model, binary):
    report = vaetut.evaluate(model, binary, 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.nll = 0.0


@pytest.mark.parametrize("progress", [True, False])
def test_progress_is_shown_on_stderr_alone_and_on_request(model, binary, capsys, progress):
    vaetut.evaluate(model, binary, 2, progress=progress)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("60/60" in err) is progress


# The expected NLL of binarized images, which the grey one bounds


def test_the_grey_nll_bounds_the_expected_nll_of_binarized_images(wide_model, seeded):
    """Exactly: over all images of four pixels, weighted by their probability."""
    model = wide_model(input_dim=4, latent_dim=2, hidden_dims=(5,))
    grey = torch.rand(3, 4, generator=seeded())
    every = torch.tensor(list(itertools.product([0.0, 1.0], repeat=4)))
    with torch.no_grad():
        log_p = vaetut.importance_weighted_bound(model, every, 50_000, seeded(1))
        bound = vaetut.importance_weighted_bound(model, grey, 50_000, seeded(2))
    chance = torch.distributions.Bernoulli(grey[:, None]).log_prob(every).sum(-1).exp()  # (3, 16)
    torch.testing.assert_close(chance.sum(1), torch.ones(3))
    assert log_p.exp().sum().item() == pytest.approx(1, abs=0.02)
    assert (-bound > (chance * -log_p).sum(1)).all()


# Bad input

X = torch.rand(4, 12)


@pytest.mark.parametrize(
    ("images", "options", "error", "message"),
    [
        (X.numpy(), {}, TypeError, "images must be a torch.Tensor, got ndarray"),
        (X.byte(), {}, TypeError, "torch.uint8; divide 8-bit images by 255"),
        (X.double(), {}, TypeError, "torch.float32 like the model, got torch.float64"),
        (X[0], {}, ValueError, r"images must have shape \(batch, 12\), got \(12,\)"),
        (X[:, :7], {}, ValueError, r"images must have shape \(batch, 12\), got \(4, 7\)"),
        (X[:0], {}, ValueError, r"images is empty: shape \(0, 12\)"),
        (X[:1], {}, ValueError, "at least 2 images, got 1"),
        (X + math.nan, {}, ValueError, "images must be finite"),
        (2 * X.round(), {}, ValueError, r"images must lie in \[0, 1\].*from 0 to 2"),
        (X, {"num_samples": 0}, ValueError, "num_samples must be at least 1, got 0"),
        (X, {"num_samples": 1e3}, TypeError, "num_samples must be an int, got 1000.0"),
        (X, {"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        (X, {"seed": 0.5}, TypeError, "seed must be an int, got 0.5"),
    ],
)
def test_evaluate_says_what_it_expected(model, images, options, error, message):
    with pytest.raises(error, match=message):
        vaetut.evaluate(model, images, **{"num_samples": 2} | options)
