"""One contract for every likelihood: density, mean, draws, gradients, files, wrong input."""

import math
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from scipy import integrate, stats
from torch import distributions as td

import vaetut
from vaetut.likelihoods import (
    Bernoulli,
    Binomial,
    Categorical,
    DiscretizedLogistic,
    Gaussian,
    Likelihood,
    Mixed,
    NegativeBinomial,
    Observed,
    Poisson,
)

D = 4


class Family(NamedTuple):
    """A likelihood, how torch.distributions calls it, its values, and values that it refuses."""

    likelihood: Likelihood
    reference: object
    values: torch.Tensor | None  # all that it can take, or enough of them; None: the real line
    refused: tuple = (math.nan, math.inf)


def logistic(levels):
    """Return the discretized logistic by its definition: a difference of two sigmoids."""
    edges = (torch.arange(levels - 1, dtype=torch.float64) + 0.5) / (levels - 1)

    def reference(params):
        mean, log_scale = params.unbind(-1)
        below = ((edges - mean[..., None]) / log_scale.exp()[..., None]).sigmoid()
        ends = torch.zeros_like(below[..., :1])
        below = torch.cat([ends, below, 1 + ends], -1)
        return td.Categorical(below.diff(dim=-1))

    return reference


COUNTS = torch.arange(400.0)
FAMILIES = {
    "bernoulli": Family(
        Bernoulli(), lambda p: td.Bernoulli(logits=p), torch.arange(2.0), (-0.1, 1.1, math.nan)
    ),
    "gaussian": Family(Gaussian(0.3), lambda p: td.Normal(p, math.sqrt(0.3)), None),
    "gaussian, learned": Family(Gaussian("learned"), lambda p: td.Normal(p, 1.0), None),
    "gaussian, a variance for each column": Family(
        Gaussian("columns", D), lambda p: td.Normal(p, 1.0), None
    ),
    "gaussian, from the decoder": Family(
        Gaussian("decoder"), lambda p: td.Normal(p[..., 0], (0.5 * p[..., 1]).exp()), None
    ),
    "discretized logistic": Family(
        DiscretizedLogistic(16), logistic(16), torch.arange(16) / 15, (-1 / 15, 0.5, math.nan)
    ),
    "categorical": Family(
        Categorical(5), lambda p: td.Categorical(logits=p), torch.arange(5.0), (-1.0, 5.0, 1.5)
    ),
    "binomial": Family(
        Binomial(7), lambda p: td.Binomial(7, logits=p), torch.arange(8.0), (-1.0, 8.0, 0.5)
    ),
    "poisson": Family(Poisson(), lambda p: td.Poisson(p.exp()), COUNTS, (-1.0, 0.5, math.inf)),
    "negative binomial": Family(
        NegativeBinomial(),
        lambda p: td.NegativeBinomial(p[..., 1].exp(), logits=p[..., 0] - p[..., 1]),
        COUNTS,
        (-1.0, 0.5, math.nan),
    ),
}
families = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


def draw_params(family, *shape, seed=0):
    width = family.likelihood.width
    size = (*shape, D) if width == 1 else (*shape, D, width)
    generator = torch.Generator().manual_seed(seed)
    return 0.7 * torch.randn(size, generator=generator, dtype=torch.float64)


def draw_values(family, rows=50):
    params = draw_params(family, rows, seed=1)
    return family.likelihood.sample(params, torch.Generator().manual_seed(2))


@families
def test_log_probabilities_are_those_of_a_library(family):
    params, x = draw_params(family, 50), draw_values(family)
    reference = family.reference(params)
    index = (x * 15).round() if isinstance(family.likelihood, DiscretizedLogistic) else x
    found = family.likelihood.log_prob_each(x, params)
    torch.testing.assert_close(found, reference.log_prob(index), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(family.likelihood.log_prob(x, params), found.sum(-1))


@families
def test_probabilities_add_up_to_one(family):
    params = draw_params(family, 1)
    if family.values is not None:
        x = family.values[:, None].expand(-1, D).double()
        every = params.expand(len(x), *params.shape[1:])
        total = family.likelihood.log_prob_each(x, every).exp().sum(0)
    else:
        grid = torch.linspace(-30, 30, 20_001, dtype=torch.float64)
        density = family.likelihood.log_prob_each(grid[:, None].expand(-1, D), params).exp()
        total = torch.from_numpy(integrate.trapezoid(density.detach(), grid, axis=0))
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-6)
    assert family.likelihood.density == (family.values is None)


@families
def test_the_mean_of_draws_is_the_mean(family, assert_mean):
    params = draw_params(family, 1)[0].expand(20_000, *draw_params(family, 1).shape[1:])
    draws = family.likelihood.sample(params, torch.Generator().manual_seed(3))
    assert draws.shape == (20_000, D)
    assert_mean(draws.detach(), family.likelihood.mean(params[:1])[0].detach())
    assert torch.equal(family.likelihood.check(draws.float()), draws.float())


@families
def test_gradients_are_those_of_differences(family):
    x, params = draw_values(family, 3), draw_params(family, 3).requires_grad_()
    likelihood = family.likelihood
    assert torch.autograd.gradcheck(lambda p: likelihood.log_prob(x, p), params)
    assert torch.autograd.gradcheck(likelihood.mean, params)


@families
def test_results_have_the_precision_of_the_params(family):
    params, x = draw_params(family, 3).float(), draw_values(family, 3).float()
    likelihood = family.likelihood
    for found in (
        likelihood.log_prob_each(x, params),
        likelihood.mean(params),
        likelihood.sample(params),
    ):
        assert found.dtype == torch.float32


@families
@pytest.mark.parametrize("name", [{}, {"name": "rows"}])
def test_a_refusal_calls_the_data_by_their_name(family, name):
    bad = draw_values(family).float()
    bad[1, 2] = next(value for value in family.refused if not math.isnan(value))
    endless = bad.clone()
    endless[1, 2] = math.inf
    part = family.likelihood
    for likelihood in (part, Observed(part), Mixed([(part, range(D))])):
        for x in (bad, endless, bad[0]):
            with pytest.raises(ValueError, match=rf"^{name.get('name', 'x')}\b"):
                likelihood.check(x, **name)


@families
def test_values_outside_are_refused(family):
    for value in family.refused:
        x = draw_values(family).float()
        x[1, 2] = value
        with pytest.raises(ValueError, match=r"finite|whole numbers|\[0, 1\]"):
            family.likelihood.check(x)


@families
def test_it_survives_a_file(family, tmp_path):
    model = vaetut.VAE(D, 2, (8,), likelihood=family.likelihood)
    x, z = draw_values(family, 6).float(), torch.ones(6, 2)
    vaetut.save_model(model, tmp_path / "m.safetensors")
    twin = vaetut.load_model(tmp_path / "m.safetensors")
    assert torch.equal(twin.log_likelihood(x, z), model.log_likelihood(x, z))


@families
def test_an_output_layer_begins_at_the_means_of_the_data(family):
    x = draw_values(family, 2000)
    start = family.likelihood.start(x)
    if start is not None:
        mean = family.likelihood.mean(start)
        torch.testing.assert_close(mean, x.mean(0), rtol=0.05, atol=0.05)
    assert family.likelihood.cost_of_ignorance(x).isfinite()


def test_the_discretized_logistic_holds_far_in_the_tails():
    x = torch.tensor([[0.0, 0.5, 1.0]])
    for log_scale in (-100.0, -12.0, -7.0, 100.0):
        params = torch.stack([torch.full((1, 3), 0.9), torch.full((1, 3), log_scale)], -1)
        found = DiscretizedLogistic(3).log_prob_each(x, params.requires_grad_())
        assert found.isfinite().all()
        assert torch.autograd.grad(found.sum(), params)[0].isfinite().all()


# Columns of several kinds, and gaps


def mixed():
    return Mixed([(Gaussian(0.5), [0, 3]), (Categorical(3), [1]), (Poisson(), [2])])


X = torch.tensor([[0.5, 2, 3, -1.0], [0.0, 0, 0, 1], [1.0, 1, 7, 0.2]])


def test_each_group_of_columns_has_its_own_family():
    likelihood, params = mixed(), torch.randn(5, 3, 6, generator=torch.Generator().manual_seed(0))
    found = likelihood.log_prob_each(X, params)
    gaussian = Gaussian(0.5).log_prob_each(X[:, [0, 3]], params[..., :2])
    categorical = Categorical(3).log_prob_each(X[:, [1]], params[..., None, 2:5])
    poisson = Poisson().log_prob_each(X[:, [2]], params[..., 5:])
    expected = torch.cat([gaussian[..., :1], categorical, poisson, gaussian[..., 1:]], -1)
    torch.testing.assert_close(found, expected)
    assert likelihood.owed(4) == 6
    assert likelihood.as_input(X).shape == (3, likelihood.seen(4)) == (3, 6)
    assert torch.equal(likelihood.check(X), X)


@pytest.mark.parametrize("columns", [[0], [0, 0], [0, 2]])
def test_every_column_needs_one_group(columns):
    with pytest.raises(ValueError, match="needs one group"):
        Mixed([(Poisson(), columns), (Gaussian(), [0])])


def test_a_table_takes_gaps_and_has_a_density_where_one_group_does():
    for groups in ([Observed(Gaussian()), Poisson()], [Poisson(), Observed(Gaussian())]):
        table = Mixed([(part, [column]) for column, part in enumerate(groups)])
        assert table.takes_gaps and table.density
    table = Mixed([(Poisson(), [0]), (Categorical(2), [1])])
    assert not table.takes_gaps and not table.density


def test_a_table_of_other_columns_is_refused():
    with pytest.raises(ValueError, match=r"x must have shape \(batch, 4\), got \(3, 8\)"):
        mixed().check(X.repeat(1, 2))
    for count in (mixed().owed, mixed().seen):
        with pytest.raises(ValueError, match="^Mixed was made for 4 columns, and there are 8$"):
            count(8)
    with pytest.raises(ValueError, match="^Gaussian was made for 4 columns, and there are 8$"):
        Gaussian("columns", 4).owed(8)


def test_what_a_table_knows_by_itself_is_in_no_file():
    assert not mixed().state_dict()


def test_advice_reaches_the_family_that_gives_it():
    grey, coins = torch.full((2, 1), 1.5), Observed(Bernoulli())
    for likelihood in (Bernoulli(), coins, Mixed([(coins, [0])])):
        with pytest.raises(ValueError, match=r"to 1\.5\. Scale the images, or use"):
            likelihood.check(grey)
        with pytest.raises(ValueError, match=r"to 1\.5\. Divide by two, or use"):
            likelihood.check(grey, remedy="Divide by two")


def test_a_wrong_value_is_named_with_its_columns():
    x = X.clone()
    x[0, 2] = 0.5
    with pytest.raises(ValueError, match=r"x\[:, \[2\]\] must hold whole numbers"):
        mixed().check(x)


@pytest.mark.parametrize("make", [mixed, lambda: Gaussian("columns", 4)])
def test_a_gap_costs_nothing(make):
    base = make()
    likelihood = Observed(base)
    params = torch.randn(3, base.owed(4), generator=torch.Generator().manual_seed(0))
    x = X.clone()
    x[0, 1] = x[2, 3] = math.nan
    assert torch.equal(likelihood.check(x).isnan(), x.isnan())
    each = base.log_prob_each(X, params)
    torch.testing.assert_close(
        likelihood.log_prob_each(x, params), each.masked_fill(x.isnan(), 0.0)
    )
    assert likelihood.as_input(x).shape == (3, likelihood.seen(4))
    assert torch.equal(likelihood.as_input(x)[:, :-4], base.as_input(x.nan_to_num(0)))
    assert torch.equal(likelihood.as_input(x)[:, -4:], x.isnan().float())


def test_a_table_of_gaps_alone_is_refused():
    with pytest.raises(ValueError, match="nothing but gaps"):
        Observed(Gaussian()).check(torch.full((2, 2), math.nan))


def test_an_output_layer_begins_at_the_means_of_what_is_there():
    x = X.repeat(40, 1)
    x[::3, 0] = x[::6, 2] = math.nan
    likelihood = Observed(mixed())
    means = likelihood.mean(likelihood.start(x))
    assert means[2].item() == pytest.approx(x[:, 2].nanmean().item(), rel=0.02)
    assert means[[0, 3]].tolist() == [0, 0]  # where a Gaussian's begin


def test_a_model_of_a_table_with_gaps_learns_and_survives_a_file(tmp_path):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(
        np.stack([rng.normal(size=200), rng.integers(0, 3, 200), rng.poisson(3, 200)], 1)
    ).float()
    x[::7, 0] = math.nan
    likelihood = Observed(
        Mixed([(Gaussian("learned"), [0]), (Categorical(3), [1]), (Poisson(), [2])])
    )
    model = vaetut.VAE(3, 2, (8,), likelihood=likelihood)
    recipe = vaetut.Recipe(hidden_dims=(8,), validation=40, epochs=3, batch_size=20)
    history = vaetut.train(model, x, recipe, progress=False)
    assert history.cost[-1] < history.cost[0]
    vaetut.save_model(model, tmp_path / "m.safetensors")
    twin = vaetut.load_model(tmp_path / "m.safetensors")
    z = torch.zeros(200, 2)
    assert torch.equal(twin.log_likelihood(x, z), model.log_likelihood(x, z))


# Properties

finite = {"allow_nan": False, "allow_infinity": False}


@given(
    levels=st.integers(2, 40),
    mean=st.floats(-3, 4, **finite),
    log_scale=st.floats(-12, 3, **finite),
)
def test_the_levels_of_a_discretized_logistic_share_all_that_there_is(levels, mean, log_scale):
    likelihood = DiscretizedLogistic(levels)
    x = torch.arange(levels, dtype=torch.float64)[:, None] / (levels - 1)
    params = torch.tensor([mean, log_scale], dtype=torch.float64).expand(levels, 1, 2)
    probabilities = likelihood.log_prob_each(x, params).exp()
    assert probabilities.sum().item() == pytest.approx(1, abs=1e-9)
    expected = (probabilities * x).sum().item()
    assert likelihood.mean(params[:1]).item() == pytest.approx(expected, abs=1e-9)


@given(st.permutations(range(4)))
def test_the_order_of_columns_is_a_matter_of_names(order):
    """Columns that change places, with their groups, cost what they did."""
    place = {column: order.index(column) for column in range(4)}
    moved = Mixed(
        [(part, [place[c] for c in columns]) for part, columns in mixed().config["groups"]]
    )
    params = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    each = mixed().log_prob_each(X, params)
    assert torch.equal(moved.log_prob_each(X[:, order], params), each[:, order])
    assert torch.equal(moved.mean(params), mixed().mean(params)[:, order])


@given(st.lists(st.booleans(), min_size=12, max_size=12).filter(lambda gaps: not all(gaps)))
def test_what_stands_behind_a_gap_has_no_influence(gaps):
    gaps = torch.tensor(gaps).reshape(3, 4)
    likelihood, params = Observed(mixed()), torch.ones(3, 6)
    x = X.masked_fill(gaps, math.nan)
    found = likelihood.log_prob_each(x, params)
    assert torch.equal(found == 0, gaps | (mixed().log_prob_each(X, params) == 0))
    assert likelihood.as_input(x).isfinite().all()
    assert torch.equal(likelihood.check(x).nan_to_num(9), x.nan_to_num(9))


@given(st.floats(-8, 8, **finite), st.floats(-8, 8, **finite), st.integers(0, 200))
def test_few_and_many_counts_have_a_finite_price(log_mean, log_r, count):
    params = torch.tensor([[[log_mean, log_r]]], requires_grad=True)
    x = torch.tensor([[float(count)]])
    for likelihood, numbers in ((NegativeBinomial(), params), (Poisson(), params[..., 0])):
        price = likelihood.log_prob(x, numbers).sum()
        assert price.item() <= 0
        assert torch.autograd.grad(price, params)[0].isfinite().all()


@pytest.mark.parametrize("log_r", [5.0, 12.0, 20.0, 60.0])
@pytest.mark.parametrize("mean", [2.0, 100.0, 1e4])
def test_counts_keep_their_digits_in_single_precision(mean, log_r):
    """Where r is large the negative binomial is a Poisson, and factorials cancel."""
    x = torch.tensor([[round(0.9 * mean)]], dtype=torch.float32)
    params = torch.tensor([[[math.log(mean), log_r]]])
    r = math.exp(min(log_r, 20.0))
    expected = stats.nbinom(r, r / (r + mean)).logpmf(x.numpy())
    assert NegativeBinomial().log_prob(x, params).item() == pytest.approx(expected.item(), abs=2e-3)
    poisson = stats.poisson(mean).logpmf(x.numpy()).item()
    assert Poisson().log_prob(x, params[..., 0]).item() == pytest.approx(poisson, abs=2e-3)
    draws = NegativeBinomial().sample(params.expand(4000, 1, 2), torch.Generator().manual_seed(0))
    spread = math.sqrt(mean + mean**2 / r)
    assert draws.std().item() == pytest.approx(spread, rel=0.06)


def test_a_start_for_counts_without_overdispersion_is_near_a_poisson():
    x = torch.poisson(torch.full((500, 1), 100.0), torch.Generator().manual_seed(0))
    cost = NegativeBinomial().cost_of_ignorance(x).item()
    assert cost == pytest.approx(Poisson().cost_of_ignorance(x).item(), abs=0.1)


def test_the_kind_of_a_table_is_that_of_its_most_demanding_column():
    grey = torch.full((3, 2), 0.5)
    assert Observed(Bernoulli()).kind(grey) == "grey"
    assert Mixed([(Bernoulli(), [0]), (Gaussian(), [1])]).kind(grey) == "grey"
    assert Mixed([(Bernoulli(), [0]), (Gaussian(), [1])]).kind(grey.round()) == "real"
    assert Mixed([(Bernoulli(), [0]), (Poisson(), [1])]).kind(grey.round()) == "discrete"
    assert Mixed([(Bernoulli(), [0, 1])]).kind(grey.round()) == "binary"


def test_a_kind_that_is_ones_own_counts_as_discrete_or_real():
    class Dated(Poisson):
        def kind(self, x):
            return "dates"

    assert Mixed([(Dated(), [0, 1])]).kind(torch.ones(3, 2)) == "discrete"


# Draws, starts and groups


@families
def test_draws_come_from_the_generator_alone(family):
    params, part = draw_params(family, 50), family.likelihood
    state = torch.random.get_rng_state()
    for likelihood, numbers in (
        (part, params),
        (Observed(part), params),
        (Mixed([(part, range(D))]), params.reshape(50, -1)),
    ):
        first, second, other = (
            likelihood.sample(numbers, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
        )
        assert torch.equal(first, second)
        assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("name", ["poisson", "negative binomial", "categorical", "binomial"])
def test_a_start_costs_less_than_its_neighbours(name):
    """The params without a code that fit the data best, by maximum likelihood or moments."""
    family = FAMILIES[name]
    x = draw_values(family, 4000)
    x[:, 0] = x[:, 0].clamp(max=3)
    start = family.likelihood.start(x)
    best = family.likelihood.log_prob(x, start.expand(len(x), *start.shape)).mean()
    for place in range(start[0].numel()):
        for step in (-0.7, 0.7):
            near = start.clone()
            near.view(D, -1)[:, place] += step
            price = family.likelihood.log_prob(x, near.expand(len(x), *near.shape)).mean()
            assert price < best


STARTING = [name for name, family in FAMILIES.items() if family.values is not None]


@pytest.mark.parametrize("rows", [1, 20])
@pytest.mark.parametrize("name", STARTING)
def test_a_constant_column_has_a_finite_start(name, rows):
    likelihood, values = FAMILIES[name].likelihood, FAMILIES[name].values
    for value in (values[0], values[-1]):
        x = value.expand(rows, D)
        assert likelihood.start(x).isfinite().all()
        assert likelihood.start(x).shape == likelihood.arrange(torch.ones(likelihood.owed(D))).shape
        assert likelihood.cost_of_ignorance(x).isfinite()


@pytest.mark.parametrize("name", STARTING)
def test_the_start_of_a_column_hangs_on_no_other(name):
    x, likelihood = draw_values(FAMILIES[name], 40), FAMILIES[name].likelihood
    alone = torch.cat([likelihood.start(x[:, [column]]) for column in range(D)])
    torch.testing.assert_close(likelihood.start(x), alone)


def test_a_start_of_levels_has_their_place_and_scale():
    params = torch.tensor([0.4, math.log(0.05)])
    x = DiscretizedLogistic().sample(params.expand(20_000, 1, 2), torch.Generator().manual_seed(0))
    torch.testing.assert_close(DiscretizedLogistic().start(x)[0], params, rtol=0, atol=0.03)


def test_a_start_of_counts_spreads_a_little_more_than_a_poisson():
    mean, r = NegativeBinomial().start(torch.full((9, 1), 50.0))[0].exp().tolist()
    assert mean == pytest.approx(50)
    assert mean**2 / r == pytest.approx(1e-3 * mean)


@families
def test_the_cost_of_ignorance_is_that_of_an_answer_without_a_code(family):
    """A Bernoulli's logits are 0, a Gaussian's means are drawn from N(0, 1); others start well."""
    x, likelihood = draw_values(family, 40), family.likelihood
    cost = likelihood.cost_of_ignorance(x).item()
    if isinstance(likelihood, Bernoulli):
        assert cost == pytest.approx(D * math.log(2), rel=1e-6)
    elif isinstance(likelihood, Gaussian):
        nodes, weights = np.polynomial.hermite_e.hermegauss(3)  # exact for squares
        variance = likelihood.config["variance"]
        spread = 1.0 if isinstance(variance, str) else math.sqrt(variance)
        costs = [-stats.norm(mean, spread).logpdf(x.detach()).sum(-1).mean() for mean in nodes]
        assert cost == pytest.approx(np.average(costs, weights=weights), rel=1e-6)
    else:
        params = likelihood.start(x)
        params = params.expand(len(x), *params.shape)
        assert cost == pytest.approx(-likelihood.log_prob(x, params).mean().item(), rel=1e-6)


def test_without_a_start_the_cost_of_ignorance_is_infinite():
    class Plain(Poisson):
        def start(self, x):
            return None

    assert Plain().cost_of_ignorance(draw_values(FAMILIES["poisson"])) == math.inf


def test_the_cost_of_ignorance_is_that_of_one_example():
    x = draw_values(FAMILIES["poisson"], 40)
    once, twice = Poisson().cost_of_ignorance(x), Poisson().cost_of_ignorance(torch.cat([x, x]))
    assert once.item() == pytest.approx(twice.item(), rel=1e-9)
    parts = (
        Gaussian(0.5).cost_of_ignorance(X[:, [0, 3]]),
        Categorical(3).cost_of_ignorance(X[:, [1]]),
    )
    rest = Poisson().cost_of_ignorance(X[:, [2]])
    assert mixed().cost_of_ignorance(X).item() == pytest.approx((sum(parts) + rest).item())


def test_groups_keep_their_columns_in_means_and_draws_and_starts():
    params = torch.tensor([9.0, -9.0, 0, 50, 0, math.log(100)]).expand(2000, 6)
    means = mixed().mean(params)[0]
    assert means.tolist() == pytest.approx([9, 1, 100, -9], rel=1e-5)
    draws = mixed().sample(params, torch.Generator().manual_seed(0))
    assert (draws.mean(0) - means).abs().max() < 1.0
    start = mixed().start(X)
    assert start[2:5].argmax() == X[:, 1].mode().values or start[2:5].exp().sum().item() < 1.1
    assert start[5].exp().item() == pytest.approx(X[:, 2].mean().item())
    assert mixed().density
    assert not Mixed([(Poisson(), [0])]).density


def test_an_encoder_sees_classes_one_after_the_other():
    """So that a convolutional encoder sees a picture for each class."""
    x = torch.tensor([[0.0, 2, 1], [1, 1, 0]])
    seen = Categorical(3).as_input(x).reshape(2, 3, 3)
    for c in range(3):
        assert torch.equal(seen[:, c], (x == c).float())


def test_an_encoder_sees_counts_on_their_scale():
    assert torch.equal(Poisson().as_input(X[:, 2:3]), X[:, 2:3].log1p())
    assert torch.equal(NegativeBinomial().as_input(X[:, 2:3]), X[:, 2:3].log1p())
    assert Binomial(5).as_input(torch.tensor([[5.0]])).item() == 1


def test_what_an_encoder_sees_of_a_row_is_not_that_of_others():
    x = X.clone()
    x[0, 1] = x[0, 2] = math.nan
    likelihood = Observed(mixed())
    assert torch.equal(likelihood.as_input(x)[:1], likelihood.as_input(x[:1]))


def test_nearly_whole_numbers_are_taken_as_whole():
    assert Categorical(4).check(torch.tensor([[2.999999]])).item() == 3
    assert DiscretizedLogistic().check(torch.arange(256.0)[:, None] * (1 / 255)).shape == (256, 1)
    for likelihood in (Categorical(4), Poisson()):
        with pytest.raises(ValueError, match="must hold whole numbers"):
            likelihood.check(torch.tensor([[2.9998]]))
    with pytest.raises(ValueError, match="must hold whole numbers"):
        Poisson().check(torch.tensor([[60000.5]]))


def test_draws_of_huge_counts_do_not_overflow():
    draws = Poisson().sample(torch.full((1, 10), 50.0))
    assert (draws > 5e21).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Mixed([]), ValueError, "needs one group"),
        (lambda: Mixed([(Poisson(), [])]), ValueError, "needs one group"),
        (lambda: Mixed([(Poisson(), 0)]), TypeError, "groups must be pairs of a Likelihood"),
        (lambda: Mixed([Poisson()]), TypeError, "groups must be pairs of a Likelihood"),
        (lambda: Mixed([(Poisson(), ["age"])]), TypeError, "the numbers of its columns"),
        (lambda: Mixed([(Poisson(), [0.9])]), TypeError, "the numbers of its columns"),
        (lambda: Mixed([("poisson", [0])]), TypeError, "a part must be a Likelihood"),
        (lambda: Observed("gaussian"), TypeError, "a part must be a Likelihood"),
        (lambda: Gaussian("columns"), ValueError, "needs the number of its columns"),
        (lambda: Gaussian(1.0, "5"), TypeError, "input_dim must be an int"),
        (lambda: Gaussian(0.0), ValueError, "variance must be positive"),
        (lambda: Categorical(1), ValueError, "classes must be at least 2"),
        (lambda: Binomial(0), ValueError, "trials must be at least 1"),
        (lambda: DiscretizedLogistic(1), ValueError, "levels must be at least 2"),
        (
            lambda: Poisson().check(torch.tensor([[math.nan]])),
            ValueError,
            r"infinity; for gaps, use vaetut\.Observed\(…\)$",
        ),
        (lambda: Categorical(2).check(torch.tensor([[2.0]])), ValueError, "numbers 0 and 1; it"),
        (lambda: DiscretizedLogistic().check(torch.tensor([[2.0]])), ValueError, r"x \* 255 must"),
    ],
)
def test_a_mistake_is_answered_in_words(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_settings_are_shown():
    assert repr(Binomial(7)) == "Binomial(trials=7)"
    assert repr(Gaussian()) == "Gaussian(variance=1.0, input_dim=None)"
    assert "Categorical(classes=3)" in repr(mixed())


def test_classes_are_told_column_by_column():
    table = Mixed([(Categorical(3), [2, 0]), (Gaussian(), [1]), (Categorical(5), [3])])
    assert table.classes(4) == Observed(table).classes(4) == [3, 0, 3, 5]
    assert Poisson().classes(2) == Gaussian().classes(2) == [0, 0]


def test_a_negative_binomial_of_no_r_has_a_price():
    params = torch.tensor([[[1.0, -900.0]]], dtype=torch.float64)
    for count in (0.0, 4.0):
        assert NegativeBinomial().log_prob(torch.tensor([[count]]).double(), params).isfinite()


@pytest.mark.parametrize("log_r", [-900.0, -200.0, 900.0])
def test_draws_of_a_negative_binomial_of_no_r_or_a_huge_one_are_counts(log_r):
    params = torch.tensor([[[1.0, log_r]]], dtype=torch.float64).expand(1000, 1, 2)
    draws = NegativeBinomial().sample(params, torch.Generator().manual_seed(0))
    assert draws.isfinite().all() and (draws >= 0).all()
    assert draws.mean().item() == pytest.approx(math.e if log_r > 0 else 0, abs=0.3)
