"""The estimator on data frames: scikit-learn's checks know arrays only, so these are ours."""

import copy
import datetime
import math
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags

import vaetut
from tests.processes import python
from vaetut import Categorical, Gaussian, Mixed, Observed, Poisson, VariationalAutoencoder
from vaetut.columns import Columns, _integers, read_table

N = 60
SMALL = {
    "latent_dim": 2,
    "hidden_dims": (8,),
    "recipe": "fast",
    "epochs": 3,
    "batch_size": 16,
    "random_state": 0,
}
CHOSEN = {
    "length": "gaussian",
    "single": "gaussian",
    "kind": "categorical",
    "size": "categorical",
    "word": "categorical",
    "seen": "bernoulli",
    "eggs": "negative-binomial",
    "year": "gaussian",
}


def make(**params):
    return VariationalAutoencoder(**SMALL | {"likelihood": "auto"} | params)


def values():
    """Return plain lists: columns of every kind, with a gap in each that can have one."""
    random = np.random.RandomState(0)
    kind = random.choice(["a", "b"], N)
    length = 100 + 5 * (kind == "a") + random.normal(size=N)
    columns = {
        "length": length.tolist(),
        "single": random.normal(size=N).astype(np.float32).tolist(),
        "kind": kind.tolist(),
        "size": random.choice(["S", "L"], N).tolist(),
        "word": random.choice(["red", "blue", "green"], N).tolist(),
        "seen": (random.uniform(size=N) < 0.3).tolist(),
        "eggs": random.negative_binomial(1, 0.2, N).tolist(),
        "year": random.choice([2007, 2008, 2009], N).tolist(),
    }
    for row, name in enumerate(["length", "kind", "size", "word", "seen", "eggs", "single"]):
        columns[name][row] = None
    columns["kind"][10:13] = columns["length"][10:13] = [None] * 3
    return columns


def make_pandas():
    frame = pd.DataFrame(values(), index=[f"row {i}" for i in range(N)])
    return frame.astype(
        {
            "single": "float32",
            "kind": pd.CategoricalDtype(["b", "never", "a"]),
            "size": pd.CategoricalDtype(["S", "M", "L"], ordered=True),
            "seen": "boolean",
            "eggs": "UInt8",
            "year": "int16",
        }
    )


def make_polars():
    types = {"single": pl.Float32, "kind": pl.Categorical, "size": pl.Enum(["S", "M", "L"])}
    return pl.DataFrame(values(), schema_overrides=types | {"eggs": pl.UInt8, "year": pl.Int16})


FRAMES = {"pandas": make_pandas, "polars": make_polars}


@pytest.fixture(params=FRAMES)
def frame(request):
    return FRAMES[request.param]()


@pytest.fixture
def fitted(frame):
    return make().fit(frame)


def dtypes(frame):
    return list(frame.dtypes)


def is_equal(one, other):
    return one.equals(other) and dtypes(one) == dtypes(other)


def column(frame, name):
    return pd.Series(list(frame[name]), dtype=object)


def gaps(frame):
    return np.array([column(frame, name).isna() for name in frame.columns]).T


# What is chosen ------------------------------------------------------------------------------


def test_likelihoods_are_chosen_by_dtype_and_told(fitted):
    assert fitted.likelihoods_ == CHOSEN
    assert list(fitted.feature_names_in_) == list(CHOSEN)
    assert fitted.n_features_in_ == len(CHOSEN) == fitted.model_.input_dim


@pytest.mark.parametrize(
    ("numbers", "chosen"),
    [
        ([0, 1, 9, 0, 30], "negative-binomial"),
        ([0, 1, 9, 0, -30], "gaussian"),  # no counts
        ([3, 9, 1, 8, 4], "negative-binomial"),  # their variance is more than their mean
        ([2007, 2008, 2009, 2008, 2007], "gaussian"),  # their variance is less than their mean
        ([0, 1000, 9000, 30, 7], "gaussian"),  # large ones
        ([0, 200, 100, 0, 200], "negative-binomial"),  # their mean is 100
        ([0, 200, 105, 0, 200], "gaussian"),
        ([0.0, 1.0, 9.0, 0.0, 30.0], "gaussian"),  # the dtype says real
    ],
)
def test_whole_numbers_are_counts_where_they_look_like_them(numbers, chosen):
    est = make().fit(pd.DataFrame({"a": numbers, "b": [0.0, 1.0, 2.0, 3.0, 4.0]}))
    assert est.likelihoods_["a"] == chosen


def test_a_mapping_overrules_and_leaves_the_rest_to_auto(frame):
    own = Gaussian(0.5)
    est = make(likelihood={"year": "categorical", "eggs": "poisson", "length": own}).fit(frame)
    chosen = {name: str(each) for name, each in est.likelihoods_.items()}
    wished = {"year": "categorical", "eggs": "poisson", "length": str(own)}
    assert chosen == CHOSEN | wished
    assert set(column(est.generate(n_samples=50, sample=True), "year")) <= {2007, 2008, 2009}
    again = make(likelihood=est.likelihoods_).fit(frame)
    np.testing.assert_array_equal(again.score_samples(frame), est.score_samples(frame))


def test_columns_of_an_array_are_named_by_their_numbers():
    X = np.random.RandomState(0).poisson(3, size=(40, 2)).astype(float)
    X[3, 1] = np.nan
    est = make(likelihood={1: "poisson"}).fit(X)
    assert est.likelihoods_ == {0: "gaussian", 1: "poisson"}
    filled = est.impute(X, random_state=0)
    assert filled[3, 1] >= 0 and np.array_equal(filled[~np.isnan(X)], X[~np.isnan(X)])


@pytest.mark.parametrize("gap", [False, True])  # with which pandas makes floats of them
def test_zeros_and_ones_are_truth_values(gap):
    frame = pd.DataFrame({"smokes": [0, 1] * 20, "weight": np.linspace(50.0, 90.0, 40)})
    frame.loc[3, "smokes"] = None if gap else 1
    est = make().fit(frame)
    assert est.likelihoods_ == {"smokes": "bernoulli", "weight": "gaussian"}
    drawn = est.generate(n_samples=50, sample=True, random_state=0)
    assert set(drawn["smokes"]) == {0, 1} and drawn.dtypes.equals(frame.dtypes)


def test_a_class_of_ones_own_numbers_keeps_them():
    X = np.random.RandomState(0).choice([0.0, 1.0, 2.0], size=(30, 2))
    est = make(likelihood={0: Categorical(4), 1: "categorical"}).fit(X)
    drawn = est.generate(n_samples=200, sample=True, random_state=0)
    assert set(drawn[:, 0]) <= {0, 1, 2, 3} and set(drawn[:, 1]) <= {0, 1, 2}


@pytest.mark.parametrize(
    ("dtype", "chosen"),
    [("uint8", "negative-binomial"), ("int64", "negative-binomial"), ("bool", "bernoulli")],
)
def test_arrays_of_whole_numbers_and_truth_values(dtype, chosen):
    counts = np.random.RandomState(0).negative_binomial(1, 0.3, size=(40, 2))
    est = make().fit(counts.astype(dtype))
    assert set(est.likelihoods_.values()) == {chosen}
    assert next(est.model_.parameters()).dtype == torch.float64


@pytest.mark.parametrize(
    ("likelihood", "gaps", "classes"),
    [
        ("auto", True, True),
        ({0: "poisson"}, True, True),
        (Observed(Poisson()), True, False),
        ("gaussian", False, False),
    ],
)
def test_the_tags_say_whether_gaps_and_classes_are_taken(likelihood, gaps, classes):
    tags = get_tags(make(likelihood=likelihood)).input_tags
    assert (tags.allow_nan, tags.categorical) == (gaps, classes)


def test_only_tables_have_likelihoods():
    est = make(likelihood="gaussian").fit(np.random.RandomState(0).normal(size=(20, 2)))
    assert not hasattr(est, "likelihoods_")


def test_an_array_after_a_table_leaves_no_table_behind(frame, fitted):
    X = np.random.RandomState(0).normal(size=(30, len(frame.columns)))
    own, fresh = fitted.set_params(likelihood="gaussian").fit(X), make(likelihood="gaussian").fit(X)
    assert not hasattr(own, "likelihoods_") and not hasattr(own, "feature_names_in_")
    np.testing.assert_array_equal(own.score_samples(X), fresh.score_samples(X))
    np.testing.assert_array_equal(own.reconstruct(X), fresh.reconstruct(X))


# What comes out ------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", [False, True])
def test_generate_returns_the_columns_classes_and_dtypes_of_the_frame(sample, frame, fitted):
    drawn = fitted.generate(n_samples=100, sample=sample, random_state=0)
    assert type(drawn) is type(frame) and dtypes(drawn) == dtypes(frame)
    assert list(drawn.columns) == list(frame.columns) and len(drawn) == 100
    assert not gaps(drawn).any()
    assert set(column(drawn, "kind")) <= {"a", "b", "never"}
    if sample:
        assert column(drawn, "length").astype(float).mean() == pytest.approx(102.5, abs=2)
        assert {"a", "b"} <= set(column(drawn, "kind"))


def test_a_table_may_have_one_column(frame):
    est = make().fit(frame[["length"]])
    drawn = est.generate(n_samples=3)
    assert type(drawn) is type(frame) and list(drawn.columns) == ["length"] and len(drawn) == 3


def test_whole_numbers_of_any_size_are_pythons_own():
    for numbers in ([3.0, -1.0], [2.0**63, -1.0], [2.0**70]):
        found = _integers(np.array(numbers))
        assert found.dtype == object and {type(each) for each in found} == {int}
        assert found.tolist() == numbers


@pytest.mark.parametrize(
    ("count", "shown"),
    [(4, "'c', 'd'"), (5, "'d', 'e'"), (6, "'e' and 1 more"), (7, "'e' and 2 more")],
)
def test_a_long_list_of_names_is_cut(count, shown):
    likelihood = dict.fromkeys("abcdefg"[:count], "gaussian")
    with pytest.raises(ValueError, match=rf"names 'a'.*{shown}, and X has the columns"):
        make(likelihood=likelihood).fit(np.eye(5))


def test_reconstruct_and_inverse_transform_are_frames_of_likely_rows(frame, fitted):
    out = fitted.reconstruct(frame)
    assert type(out) is type(frame) and dtypes(out) == dtypes(frame) and not gaps(out).any()
    back = fitted.inverse_transform(fitted.transform(frame))
    if isinstance(frame, pd.DataFrame):
        assert list(out.index) == list(frame.index)
        out = out.reset_index(drop=True)
    assert is_equal(out, back)


def test_the_best_guess_of_a_class_is_the_most_probable_and_no_mean(frame):
    est = make(likelihood={"word": "categorical"}).fit(frame[["word", "length"]])
    *_, weight, bias = est.model_.decoder.parameters()
    weight.data.zero_()
    bias.data[:] = torch.tensor([1.9, 0.0, 2.0, 0.0])  # blue and red: their mean would be green
    assert set(column(est.generate(n_samples=5), "word")) == {"red"}


def test_impute_fills_the_gaps_and_touches_nothing_else(frame, fitted):
    before = copy.deepcopy(frame)
    filled = fitted.impute(frame, random_state=0)
    assert is_equal(frame, before)
    assert type(filled) is type(frame) and dtypes(filled) == dtypes(frame)
    if isinstance(frame, pd.DataFrame):
        assert list(filled.index) == list(frame.index)
    missing = gaps(frame)
    assert missing.sum() == 13 and not gaps(filled).any()
    for name, gap in zip(frame.columns, missing.T, strict=True):
        assert list(column(filled, name)[~gap]) == list(column(frame, name)[~gap])
    assert is_equal(filled, fitted.impute(frame, random_state=0))
    assert is_equal(filled, fitted.impute(filled, random_state=1))
    thousand = fitted.impute(frame, num_samples=1000, random_state=0)
    assert is_equal(filled, thousand)  # as many as it takes by itself


def test_a_fit_long_enough_fills_by_what_goes_with_it(frame):
    est = make(epochs=150, hidden_dims=(16,)).fit(frame)
    known = ~gaps(frame)[:, :3].any(1)
    names = ["length", "single", "kind", "size", "word", "seen", "eggs", "year"]
    short, long = values(), values()
    for name, gone in ((short, "length"), (long, "kind")):
        name[gone] = [None] * N
    types = dict(zip(names, frame.dtypes, strict=True))

    def build(columns):
        if isinstance(frame, pd.DataFrame):
            return pd.DataFrame(columns).astype(types)
        return pl.DataFrame(columns, schema=types)

    lengths = column(est.impute(build(short), random_state=0), "length").astype(float)
    kinds = column(est.impute(build(long), random_state=0), "kind")
    own = column(frame, "kind")
    assert lengths[known & (own == "a")].mean() > lengths[known & (own == "b")].mean() + 3
    assert (kinds == own)[known].mean() > 0.9


def test_draws_and_errors_of_impute(frame, fitted):
    draws = fitted.impute(frame, n_draws=4, random_state=0)
    assert [dtypes(draw) for draw in draws] == [dtypes(frame)] * 4
    assert not any(gaps(draw).any() for draw in draws)
    assert len({column(draw, "length")[0] for draw in draws}) == 4
    filled, std, error = fitted.impute(frame, return_std=True, random_state=0)
    assert is_equal(filled, fitted.impute(frame, random_state=0))
    missing = gaps(frame)
    assert std.shape == error.shape == missing.shape
    assert not std[~missing].any() and not error[~missing].any()
    assert (std[missing] > 0).all() and (error[missing] <= std[missing]).all()
    length = column(frame, "length").astype(float)
    assert 0.2 * length.std() < std[0, 0] < 3 * length.std()  # in the unit of the column


@pytest.mark.parametrize("method", ["impute", "generate"])
def test_another_random_state_gives_other_draws(method, frame, fitted):
    def draw(state):
        if method == "generate":
            return fitted.generate(n_samples=5, sample=True, random_state=state)
        return fitted.impute(frame, n_draws=1, num_samples=50, random_state=state)[0]

    assert is_equal(draw(1), draw(1))
    assert not is_equal(draw(1), draw(2)) and not is_equal(draw(None), draw(None))


@pytest.mark.parametrize("natural", [False, True])
@pytest.mark.parametrize("library", FRAMES)
def test_rows_may_come_in_the_other_library(library, natural):
    """As frames of that library, with the dtypes given, or those that it finds by itself."""
    own, rows = (FRAMES[name]() for name in (library, *FRAMES.keys() - {library}))
    rows = type(rows)(values()) if natural else rows
    est = make().fit(own)
    np.testing.assert_allclose(est.score_samples(rows), est.score_samples(own))
    np.testing.assert_allclose(est.transform(rows), est.transform(own))
    ask = {"num_samples": 50, "random_state": 0}
    filled, out = est.impute(rows, **ask), est.reconstruct(rows)
    for one, other in ((filled, est.impute(own, **ask)), (out, est.reconstruct(own))):
        assert type(one) is type(rows) and list(one.columns) == list(rows.columns)
        for name, kind in CHOSEN.items():
            if kind == "gaussian":
                found, expected = (column(each, name).astype(float) for each in (one, other))
                np.testing.assert_allclose(found, expected, rtol=1e-6)
            else:
                assert list(column(one, name)) == list(column(other, name))
    if not natural:
        assert dtypes(filled) == dtypes(rows)
    assert est.partial_fit(rows).n_iter_ == 4
    nothing = est.impute(type(rows)({name: [None] * 3 for name in CHOSEN}), random_state=0)
    assert type(nothing) is type(rows) and not gaps(nothing).any()


@pytest.mark.parametrize("make_frame", [pd.DataFrame, pl.DataFrame])
def test_a_frame_may_come_where_fit_saw_an_array(make_frame):
    est = make().fit(np.random.RandomState(0).normal(size=(40, 2)))
    with pytest.warns(UserWarning, match="fitted without feature names"):
        filled = est.impute(make_frame({"a": [1.0, None], "b": [None, None]}))
    assert isinstance(filled, make_frame) and not gaps(filled).any()


def test_a_long_table_is_filled_like_a_short_one(frame, fitted):
    many = pd.concat([frame] * 30) if isinstance(frame, pd.DataFrame) else pl.concat([frame] * 30)
    assert len(fitted.impute(many, num_samples=100, random_state=0)) == 30 * N


# Units ---------------------------------------------------------------------------------------


def test_scores_are_densities_in_the_units_of_the_columns(frame, fitted):
    scale = 10.0
    other = copy.deepcopy(frame)
    if isinstance(frame, pd.DataFrame):
        other["length"] = other["length"] * scale + 7
    else:
        other = other.with_columns(pl.col("length") * scale + 7)
    moved = make().fit(other)
    difference = fitted.score_samples(frame) - moved.score_samples(other)
    missing = gaps(frame)[:, 0]
    assert difference[~missing] == pytest.approx(math.log(scale), abs=1e-6)
    assert difference[missing] == pytest.approx(0, abs=1e-6)
    assert fitted.score(frame) == pytest.approx(fitted.score_samples(frame).mean())
    spreads, moved_spreads = (
        e.impute(f, return_std=True, random_state=0)[1:]
        for e, f in ((fitted, frame), (moved, other))
    )
    for spread, moved_spread in zip(spreads, moved_spreads, strict=True):
        assert moved_spread[:, 0] == pytest.approx(scale * spread[:, 0], rel=1e-6)
        assert moved_spread[:, 1:] == pytest.approx(spread[:, 1:], rel=1e-6)


def test_densities_see_values_of_mean_0_and_variance_1():
    X = np.array([[1.0, 5.0], [2.0, np.nan], [6.0, 8.0]])
    est = make().fit(X)
    x = est._check(X).numpy()
    np.testing.assert_allclose(np.nanmean(x, 0), 0, atol=1e-12)
    np.testing.assert_allclose(np.nanmean(x**2, 0), 1)


def test_the_score_of_one_real_column_is_its_log_density():
    rows = np.random.RandomState(0).normal(170, 8, size=(500, 1))
    est = make(epochs=30, beta=1.0).fit(rows)
    exact = -0.5 * np.log(2 * np.pi * np.e * rows.var())  # of the best normal density, per row
    assert est.score(rows) == pytest.approx(exact, abs=0.05)


def test_scores_by_importance_samples_are_above_the_bound_and_in_the_same_units(frame, fitted):
    ask = {"num_samples": 500, "random_state": 0}
    scores = fitted.score_samples(frame, **ask)
    assert scores.mean() > fitted.score(frame)
    np.testing.assert_array_equal(scores, fitted.score_samples(frame, **ask))
    one = np.mean([fitted.score_samples(frame, num_samples=1).mean() for _ in range(100)])
    assert one == pytest.approx(fitted.score(frame), abs=0.5)
    with pytest.raises(ValueError, match="num_samples"):
        fitted.score_samples(frame, num_samples=0)


def test_an_odd_row_scores_lower(frame):
    est = make(epochs=60).fit(frame)
    odd = values()
    odd["length"][20:40], odd["length"][40:] = [200.0] * 20, [1e7] * (N - 40)
    odd = (
        pd.DataFrame(odd).astype(dict(zip(odd, frame.dtypes, strict=True)))
        if isinstance(frame, pd.DataFrame)
        else pl.DataFrame(odd, schema=frame.schema)
    )
    strange, usual = est.score_samples(odd), est.score_samples(frame)
    assert (strange[20:40] < usual[20:40] - 50).all()
    assert (strange[40:] < -1e5).all()  # and none is NaN, though their costs overflow


# What scikit-learn's users do ----------------------------------------------------------------


def test_codes_are_arrays_or_frames_with_names(frame, fitted):
    codes = fitted.transform(frame)
    assert codes.shape == (N, 2) and np.isfinite(codes).all()
    names = ["variationalautoencoder0", "variationalautoencoder1"]
    assert list(fitted.get_feature_names_out()) == names
    named = fitted.set_output(transform="pandas").transform(frame)
    assert list(named.columns) == names
    assert list(fitted.set_output(transform="polars").transform(frame).columns) == names


def test_rows_are_treated_alone(frame, fitted):
    codes, scores = fitted.transform(frame), fitted.score_samples(frame)
    part = frame[5:9]
    np.testing.assert_allclose(fitted.transform(part), codes[5:9], atol=1e-6)
    np.testing.assert_allclose(fitted.score_samples(part), scores[5:9], atol=1e-5)


def test_clone_pipeline_and_search(frame):
    est = make(likelihood={"eggs": "poisson"})
    assert clone(est).get_params() == est.get_params()
    pipeline = make_pipeline(FunctionTransformer(), est).fit(frame)
    assert pipeline.transform(frame).shape == (N, 2)
    search = GridSearchCV(make(), {"latent_dim": [1, 2]}, cv=2, error_score="raise").fit(frame)
    assert type(search.best_estimator_.generate(n_samples=2)) is type(frame)


@pytest.mark.parametrize(
    "likelihood", ["auto", {"eggs": "poisson", "year": Gaussian(0.5), "kind": "categorical"}]
)
@pytest.mark.parametrize("way", ["pickle", "file"])
def test_an_estimator_survives_a_pickle_and_a_file(way, likelihood, frame, tmp_path):
    est = make(likelihood=likelihood).fit(frame)
    if way == "pickle":
        copied = pickle.loads(pickle.dumps(est))
    else:
        est.save(tmp_path / "table.safetensors")
        copied = VariationalAutoencoder.load(tmp_path / "table.safetensors")
    assert repr(copied.likelihoods_) == repr(est.likelihoods_)
    assert repr(copied.likelihood) == repr(est.likelihood)
    np.testing.assert_array_equal(copied.score_samples(frame), est.score_samples(frame))
    ask = {"n_samples": 9, "sample": True, "random_state": 0}
    assert is_equal(copied.generate(**ask), est.generate(**ask))
    assert is_equal(copied.impute(frame, random_state=0), est.impute(frame, random_state=0))
    assert copied.partial_fit(frame).n_iter_ == est.n_iter_ + 1


def test_names_that_are_numbers_survive_a_file(tmp_path):
    X = np.random.RandomState(0).poisson(3, size=(20, 2))
    est = make(likelihood={1: "poisson"}).fit(X)
    est.save(tmp_path / "table.safetensors")
    copied = VariationalAutoencoder.load(tmp_path / "table.safetensors")
    assert copied.likelihood == {1: "poisson"} and copied.likelihoods_ == est.likelihoods_


def test_partial_fit_learns_the_columns_once(frame):
    est = make().partial_fit(frame)
    scores, learned = est.score_samples(frame[:5]), est._columns.describe()
    assert est.partial_fit(frame[20:]).n_iter_ == 2
    assert not np.array_equal(est.score_samples(frame[:5]), scores)
    assert est._columns.describe() == learned  # classes and scales, too


def test_a_fit_that_fails_leaves_the_old_one_whole(frame, fitted):
    scores = fitted.score_samples(frame)
    fitted.set_params(likelihood={"nobody": "poisson"})
    with pytest.raises(ValueError, match="nobody"):
        fitted.fit(frame)
    np.testing.assert_array_equal(fitted.score_samples(frame), scores)


def test_a_fit_that_fails_leaves_the_old_names(frame, fitted):
    scores, names = fitted.score_samples(frame), list(fitted.feature_names_in_)
    fitted.set_params(validation=10**6)
    other = pd.DataFrame({"one": [1.0, 2.0, 4.0], "two": [3.0, 1.0, 2.0]})
    with pytest.raises(ValueError, match="validation"):
        fitted.fit(other)
    assert list(fitted.feature_names_in_) == names and fitted.n_features_in_ == len(names)
    assert fitted.likelihoods_.keys() == set(names)
    np.testing.assert_array_equal(fitted.score_samples(frame), scores)


def test_a_likelihood_of_the_callers_stays_as_it_was(frame):
    own = Gaussian("learned")
    make(likelihood={"length": own}, epochs=20).fit(frame)
    assert own.log_var.item() == 0


def test_float32_stays_float32():
    X = np.random.RandomState(0).normal(size=(30, 2)).astype(np.float32)
    X[0, 0] = np.nan
    frame = pd.DataFrame(X, columns=["a", "b"])
    frame["c"] = ["u", "v"] * 15
    for table in (X, frame):
        est = make().fit(table)
        assert est.transform(table).dtype == np.float32 == est.score_samples(table).dtype
    est = make().fit(X)
    assert {out.dtype for out in (est.impute(X), est.reconstruct(X), est.generate())} == {X.dtype}


def test_errors_have_the_dtype_of_the_data():
    X = np.random.RandomState(0).normal(size=(30, 2)).astype(np.float32)
    X[0, 0] = np.nan
    _, std, error = make().fit(X).impute(X, num_samples=10, return_std=True)
    assert std.dtype == error.dtype == X.dtype


def test_gaps_in_an_array_need_no_table():
    X = np.random.RandomState(0).normal(size=(30, 2))
    X[0, 0] = np.nan
    est = make(likelihood=Observed(Gaussian("learned"))).fit(X)
    assert np.isfinite(est.impute(X)).all() and np.isfinite(est.score(X))
    _, std, error = est.impute(X, return_std=True)
    assert std.shape == error.shape == X.shape and (std > 0).sum() == (error > 0).sum() == 1


def test_gaps_in_an_array_of_one_column_are_filled():
    X = np.arange(20.0)[:, None]
    X[3] = np.nan
    assert np.isfinite(make().fit(X).impute(X)).all()


def test_what_is_filled_has_the_classes_of_fit():
    X = make_pandas()
    other = X.astype({"kind": pd.CategoricalDtype(["a", "b"])})
    assert make().fit(X).impute(other, num_samples=10)["kind"].dtype == X["kind"].dtype


def test_gaps_where_fit_saw_none():
    X = pd.DataFrame({"a": np.arange(20.0), "b": ["u", "v"] * 10})
    est = make().fit(X)
    assert est.impute(pd.DataFrame({"a": [None, 3.0], "b": ["u", None]})).notna().all(axis=None)


# Bad input -----------------------------------------------------------------------------------

GOOD = {"a": [1.0, 2.0, 4.0], "b": ["u", "v", "u"]}
DAY = datetime.date(2020, 1, 1)


@pytest.mark.parametrize("make_frame", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"c": [None] * 3, "d": [None] * 3},
            "nothing but gaps in 'c', 'd'.*leave such columns out",
        ),
        ({"c": [7, 7, 7]}, "one value only in 'c'"),
        ({"c": ["x", None, "x"]}, "one value only in 'c'"),
        ({"c": [datetime.datetime(2020, 1, d) for d in (1, 2, 3)]}, "column 'c' holds dates.*days"),
        ({"c": [math.inf, 0.0, 1.0]}, "infinity, in column 'c'"),
        ({"c": [1e300, -1e300, 1.0]}, "column 'c' cannot be scaled"),
        ({"c": np.array([5, 9, 7], "uint64") + 2**63}, "too near each other for float64, in 'c'"),
    ],
)
def test_columns_that_say_nothing_are_named(columns, message, make_frame):
    with pytest.raises(ValueError, match=message):
        make().fit(make_frame(GOOD | columns))


def test_text_is_no_class(frame):
    texts = [f"penguin number {i}" for i in range(60)]
    for make_frame in (pd.DataFrame, pl.DataFrame):
        X = make_frame({"a": range(60), "name": texts})
        with pytest.raises(ValueError, match=r"'name' looks like text: 60 .*'categorical'"):
            make().fit(X)
        assert make(likelihood={"name": "categorical"}).fit(X).score(X) < 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, "a", 2.5], "several or unknown types"),
        ([{}, {}, []], "several or unknown types"),
        ([DAY, DAY, DAY], "unknown types, such as datetime.date"),
        ([10**400, 1, 2], "'c' holds whole numbers too large for float64"),
        (pd.Categorical([pd.Timestamp("2020-01-01")] * 3), "must be texts or numbers"),
    ],
)
def test_columns_of_objects(values, message):
    with pytest.raises(ValueError, match=message):
        make().fit(pd.DataFrame(GOOD | {"c": values}))


def test_objects_that_are_plain_values_are_taken():
    X = pd.DataFrame(
        {
            "flag": pd.Series([True, None, False, True], dtype=object),
            "number": pd.Series([1, 2.5, None, 3], dtype=object),
            "word": pd.Series(["u", None, "v", "u"], dtype=object),
        }
    )
    est = make().fit(X)
    assert list(est.likelihoods_.values()) == ["bernoulli", "gaussian", "categorical"]
    filled = est.impute(X)
    assert filled["flag"].map(type).eq(bool).all() and filled.dtypes.eq(object).all()


def test_objects_that_are_huge_whole_numbers_keep_their_digits():
    X = pd.DataFrame({"n": pd.Series([2**70, None, 7, 1], dtype=object), "r": np.arange(4.0)})
    est = make().fit(X)
    filled = est.impute(X)["n"]
    assert list(filled[[0, 2, 3]]) == [2**70, 7, 1] and filled.map(type).eq(int).all()
    far = est._columns.decode(torch.tensor([[1.0, 0.0], [1e300, 0.0]]).double())["n"]
    assert 2**69 < far[0] < 2**71 and far[1] == int(np.finfo(float).max)


@pytest.mark.parametrize(
    ("likelihood", "error", "message"),
    [
        ({"z": "poisson"}, ValueError, "names 'z', and X has the columns 'a', 'b'"),
        ({"b": "poisson"}, ValueError, "'b' holds classes.*'categorical'"),
        ({"b": Poisson()}, ValueError, "'b' holds classes"),
        ({"b": Categorical(3)}, ValueError, "has 2 classes, 'u', 'v', and its likelihood 3"),
        (
            {"a": Categorical(3)},
            ValueError,
            r"column 'a' holds 4, and .* Categorical\(classes=3\), takes .* from 0 to 2",
        ),
        ({"a": "normal"}, ValueError, "column 'a' must be one of.*got 'normal'"),
        ({"a": Poisson}, TypeError, "column 'a' must be one of"),
        ({"a": Observed(Poisson())}, TypeError, "gaps are taken care of"),
        ({"a": Mixed([(Gaussian(), [0])])}, TypeError, "column 'a' must be one of"),
        ({"a": "bernoulli"}, ValueError, r"column 'a' must lie in \[0, 1\]"),
        ({"c": "poisson"}, ValueError, "column 'c' must"),
    ],
)
def test_wishes_that_do_not_fit(likelihood, error, message):
    X = pd.DataFrame(GOOD | ({"c": [0.5, 1.0, 2.0]} if "c" in likelihood else {}))
    with pytest.raises(error, match=message):
        make(likelihood=likelihood).fit(X)


def test_a_variance_belongs_to_arrays():
    with pytest.raises(ValueError, match="variance belongs"):
        make(variance=2.0).fit(pd.DataFrame(GOOD))


@pytest.mark.parametrize(
    "method", ["partial_fit", "transform", "score_samples", "impute", "reconstruct"]
)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"b": ["u", "w", None]}, "column 'b' holds 'w', which fit did not see; it saw 'u', 'v'"),
        ({"a": ["u", "v", "w"]}, "column 'a' held numbers in fit"),
        ({"a": [math.inf, 1, 2]}, "infinity"),
        ({"b": [1, 2, 3]}, "column 'b' holds 1"),
        ({"c": [1, 2, 3]}, "feature names should match"),
    ],
)
def test_rows_that_fit_did_not_promise(method, change, message):
    est = make().partial_fit(pd.DataFrame(GOOD))
    with pytest.raises(ValueError, match=message):
        getattr(est, method)(pd.DataFrame(GOOD | change))


def test_columns_in_another_order_are_refused(frame, fitted):
    with pytest.raises(ValueError, match="same order"):
        fitted.transform(frame[list(frame.columns)[::-1]])


def test_rows_are_needed(frame):
    with pytest.raises(ValueError, match="at least 2 rows"):
        make().fit(frame[:1])
    with pytest.raises(ValueError, match="rows and columns"):
        make().fit(frame[:0])


def test_rows_that_nothing_is_learned_from():
    X = pd.DataFrame(GOOD)
    with pytest.raises(ValueError, match="holds out 3 rows, but there are only 3"):
        make(validation=3).fit(X)
    with pytest.raises(ValueError, match="the rows hold nothing but gaps"):
        make().fit(X).partial_fit(pd.DataFrame({name: [None] * 3 for name in GOOD}))


def test_other_frames_and_names():
    for names, message in (([None, "a"], "named by texts"), ([0, "a"], "string names")):
        with pytest.raises(TypeError, match=message):
            make().fit(pd.DataFrame([[1.0, 2.0], [3.0, 5.0]], columns=names))
    with pytest.raises(TypeError, match="named by texts"):
        make().fit(pd.DataFrame({("a", 1): [1.0, 2.0], ("a", 2): [3.0, 5.0]}))
    doubled = pd.DataFrame([[1.0, 2.0], [3.0, 5.0]], columns=["a", "a"])
    with pytest.raises(ValueError, match="same name"):
        make().fit(doubled)


def test_requests_that_do_not_go_together(frame, fitted):
    with pytest.raises(ValueError, match="leave n_draws out"):
        fitted.impute(frame, n_draws=2, return_std=True)
    with pytest.raises(ValueError, match="n_draws"):
        fitted.impute(frame, n_draws=0)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_a_likelihood_for_arrays_points_to_tables(likelihood, frame):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - scikit-learn's or pandas' own words
        make(likelihood=likelihood).fit(frame)
    assert "likelihood='auto'" in "".join(caught.value.__notes__)


def test_neither_pandas_nor_polars_is_needed_for_arrays():
    code = """
import sys
sys.modules["pandas"] = sys.modules["polars"] = None  # as if they were not installed
import numpy as np, vaetut
vaetut.VariationalAutoencoder(likelihood="auto", epochs=1).fit(np.random.rand(9, 2))
"""
    done = python("-c", code)
    assert done.returncode == 0, done.stderr


def test_the_model_inside_is_one_of_ours(fitted, tmp_path):
    fitted.save(tmp_path / "table.safetensors")
    model = vaetut.load_model(tmp_path / "table.safetensors")
    assert isinstance(model.likelihood, Observed)


# What was there, and how far out -------------------------------------------------------------


def test_columns_may_be_named_by_numbers():
    X = np.random.RandomState(0).normal(size=(30, 3))
    frame = pd.DataFrame(X, columns=[7, 8, 3])
    est = make().fit(frame)
    np.testing.assert_array_equal(est.score_samples(frame), make().fit(X).score_samples(X))
    assert list(est.generate(n_samples=2).columns) == [7, 8, 3]
    with pytest.raises(ValueError, match="columns 7, 8, 3, in this order"):
        est.transform(frame[[8, 7, 3]])


@pytest.mark.parametrize("dtype", ["int8", "bool", "int64", "float32"])
def test_impute_keeps_what_was_there_to_the_last_digit(dtype):
    random = np.random.RandomState(0)
    fitted_to = {
        "int8": random.randint(-9, 9, 40),
        "bool": random.uniform(size=40) < 0.5,
        "int64": 2**53 + 1 + 2 * np.arange(40),
        "float32": random.normal(size=40),
    }
    frame = pd.DataFrame({"a": fitted_to[dtype].astype(dtype), "b": random.normal(size=40)})
    est = make().fit(frame)
    other = frame.assign(b=np.where(np.arange(40) == 3, np.nan, frame["b"]))
    filled = est.impute(other)
    assert filled["a"].equals(frame["a"]) and filled["b"].notna().all()
    if dtype in ("int8", "float32"):
        wide = frame.astype({"a": float})
        wide.loc[0:2, "a"] = [100.7, 300.0, np.nan]
        filled = est.impute(wide)
        assert list(filled["a"][:2]) == [100.7, 300.0] and filled["a"].notna().all()


def test_an_array_comes_back_as_it_came():
    X = np.random.RandomState(0).normal(size=(30, 2))
    est = make().fit(X.astype(np.float32))
    X[0, 0] = np.nan
    filled = est.impute(X)
    assert filled.dtype == np.float64 and np.array_equal(filled[1:], X[1:])


def test_a_column_and_a_row_of_gaps_alone(frame, fitted):
    one = frame[20:21]
    for name in frame.columns:
        if isinstance(frame, pd.DataFrame):
            gap = one.astype({name: object}).assign(**{name: None})
        else:
            gap = one.with_columns(pl.lit(None).alias(name))
        filled = fitted.impute(gap, random_state=0)
        assert dtypes(filled) == dtypes(frame) and not gaps(filled).any()
    nothing = frame[:1]
    for name in frame.columns:
        if isinstance(frame, pd.DataFrame):
            nothing = nothing.astype({name: object}).assign(**{name: None})
        else:
            nothing = nothing.with_columns(pl.lit(None).alias(name))
    assert not gaps(fitted.impute(nothing, random_state=0)).any()


def test_a_column_of_nans_alone_and_one_with_fewer_classes_come_back_as_in_fit():
    random = np.random.RandomState(0)
    X = pd.DataFrame({"n": random.randint(-9, 9, N).astype("int8"), "r": random.normal(size=N)})
    X["b"] = pd.Categorical(["u", "v"] * (N // 2))
    est = make().fit(X)
    other = X.assign(n=np.nan, b=pd.Categorical(["u"] + [None] * (N - 1), categories=["u"]))
    filled = est.impute(other, n_draws=1, random_state=0)[0]
    assert dtypes(filled) == dtypes(X) and set(filled["b"]) == {"u", "v"}


@pytest.mark.parametrize("ask", [{}, {"n_draws": 1}, {"return_std": True}])
def test_a_row_that_is_too_strange_is_described(ask):
    X = np.random.RandomState(0).normal(size=(40, 2))
    est = make(likelihood={0: "gaussian", 1: "gaussian"}).fit(X)
    with pytest.raises(ValueError, match="too far from all"):
        est.impute([[1e200, np.nan]], **ask)


def test_a_strange_row_without_gaps_stays_and_one_with_gaps_is_shown_without_them():
    X = np.random.RandomState(0).normal(size=(40, 2))
    est = make().fit(X)
    np.testing.assert_array_equal(est.impute([[1e200, 0.5]]), [[1e200, 0.5]])
    with pytest.raises(ValueError, match=r"explains its values \[[\d.e+]+\], as"):
        est.impute([[0.0, 1.0], [1e200, np.nan]])
    assert np.isneginf(est.score_samples([[1e200, 0.5]])).all()


def test_what_overflows_is_described_or_the_largest_number():
    random = np.random.RandomState(0)
    X = pd.DataFrame({"a": random.normal(size=40), "n": random.negative_binomial(1, 0.2, 40)})
    est = make().fit(X)
    codes = np.array([[1e4, 1e4], [-1e4, -1e4], [1e4, -1e4]])
    assert (est.inverse_transform(codes)["n"] >= 0).all()
    with pytest.raises(ValueError, match="too far from"):
        est._columns.decode(torch.full((1, 2), math.nan))


WHOLE = ["int8", "UInt8", "Int16", "uint16", "int32", "UInt32", "int64", "uint64", "Int64"]


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("dtype", WHOLE)
def test_whole_numbers_beyond_their_dtype_are_its_limits(dtype, library):
    limits = np.iinfo(dtype.lower())
    numbers = np.arange(12) % 5
    if library == "pandas":
        X = pd.DataFrame({"n": pd.array(numbers, dtype=dtype), "r": np.arange(12.0)})
    else:
        own = getattr(pl, dtype.replace("int", "Int").replace("uI", "UI"))
        X = pl.DataFrame({"n": pl.Series(numbers, dtype=own), "r": np.arange(12.0)})
    est = make(likelihood={"n": "gaussian"}).fit(X)
    rows = torch.tensor([[1e30, 0.0], [-1e30, 0.0], [0.0, 0.0], [-5.0, 0.0]]).double()
    out = est._columns.decode(rows)
    most, least, middle, below = (int(value) for value in out["n"])
    assert dtypes(out) == dtypes(X) and least == limits.min and middle == 2
    assert limits.max - 2048 * (limits.bits == 64) <= most <= limits.max  # floats know no 2^63 - 1
    assert below == max(limits.min, round(numbers.mean() - 5 * numbers.std()))


def test_lists_and_tensors_are_rows_too():
    X = np.random.RandomState(0).normal(size=(40, 2))
    est = make().fit(pd.DataFrame(X, columns=["a", "b"]))
    with pytest.warns(UserWarning, match="valid feature names"):
        assert est.reconstruct(X[:2].tolist()).shape == (2, 2)
    with pytest.warns(UserWarning, match="valid feature names"):
        assert est.impute([[1.0, None]]).shape == (1, 2)
    est = make().fit(X)
    gradient = torch.tensor(X[:3], requires_grad=True)
    assert est.impute(gradient).shape == est.impute(gradient.bfloat16()).shape == (3, 2)


def test_truth_values_may_be_classes(frame):
    est = make(likelihood={"seen": "categorical"}).fit(frame)
    assert dtypes(est.generate(n_samples=9, sample=True)) == dtypes(frame)
    assert not gaps(est.impute(frame)).any()


@pytest.mark.parametrize(
    ("make_frame", "message"),
    [
        (lambda: pl.DataFrame({"a": pl.Series([1, 2, 9], dtype=pl.Int128)}), "cast it to"),
        (lambda: pl.DataFrame({"a": pl.Series(["1.5", "2", "3"]).cast(pl.Decimal(10, 2))}), "cast"),
    ],
)
def test_numbers_that_cannot_come_back_are_refused(make_frame, message):
    with pytest.raises(ValueError, match=message):
        make().fit(make_frame())


def test_a_lazy_frame_is_asked_to_collect():
    with pytest.raises(TypeError, match=r"collect\(\)"):
        make().fit(make_polars().lazy())


def test_classes_of_numbers_keep_their_dtype():
    kinds = pd.Categorical(pd.array([3, 5, 3, 5], dtype="Int64"))
    X = pd.DataFrame({"k": kinds, "o": pd.Series([1, 4, 7, 1], dtype=object), "r": [0.0, 1, 2, 4]})
    drawn = make().fit(X).generate(n_samples=4, sample=True)
    assert dtypes(drawn) == dtypes(X) and drawn["o"].map(type).eq(int).all()


def test_classes_may_be_texts_and_numbers_side_by_side():
    est = make().fit(pd.DataFrame({"c": pd.Categorical([1, "a"] * 10)}))
    assert set(est.generate(n_samples=50, sample=True, random_state=0)["c"]) == {1, "a"}


def test_real_numbers_in_a_column_of_objects_stay_real():
    est = make().fit(pd.DataFrame({"r": pd.Series(np.linspace(0, 1, 20), dtype=object)}))
    drawn = est.generate(n_samples=5, sample=True, random_state=0)["r"]
    assert (drawn.astype(float) % 1 > 0).all()


def test_a_chance_of_a_half_is_no_yes():
    est = make().fit(pd.DataFrame({"flag": [True, False] * 10}))
    for weight in est.model_.decoder.parameters():
        weight.data.zero_()
    assert not est.generate(n_samples=3)["flag"].any()


def test_objects_of_pandas_come_back_to_polars_as_plain_columns():
    X = pd.DataFrame({"o": [1, 4, 7, 1], "f": [True, False] * 2, "w": ["u", "v"] * 2}, dtype=object)
    back = make().fit(X).reconstruct(pl.DataFrame(X.to_dict("list")))
    assert dtypes(back) == [pl.Int64, pl.Boolean, pl.String]


def test_each_column_has_its_own_copy_of_a_likelihood(tmp_path):
    shared = Gaussian("learned")
    X = np.random.RandomState(0).normal(size=(30, 2))
    est = make(likelihood={0: shared, 1: shared}).fit(X)
    assert est.likelihoods_[0] is not est.likelihoods_[1] is not shared
    assert make(likelihood={0: Gaussian("columns", 1), 1: Gaussian("columns", 1)}).fit(X)


# What the settings say -----------------------------------------------------------------------


def test_declared_classes_are_kept_though_none_was_seen(fitted):
    columns = {column.name: column for column in fitted._columns.columns}
    assert columns["size"].levels == ["S", "M", "L"]  # "M" occurs nowhere


def test_means_of_a_table_are_those_of_its_codes(fitted):
    z = np.array([[0.0, 0.0], [1.5, -1.0]])
    columns = {column.name: (i, column) for i, column in enumerate(fitted._columns.columns)}
    i, length = columns["length"]
    means = fitted.model_.decode_mean(torch.from_numpy(z).to(next(fitted.model_.parameters())))
    expected = means[:, i].detach().numpy() * length.scale + length.center
    got = column(fitted.inverse_transform(z), "length").astype(float)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_numbers_come_back_from_the_scale_of_the_model():
    table = read_table(np.random.RandomState(0).normal([50, -3, 0], [3, 0.1, 7], (N, 3)))
    columns = Columns.learn(table)
    rows = columns.encode(table)
    torch.testing.assert_close(rows.mean(0), torch.zeros(3).double(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(columns.decode(rows).T, [s.values for s in table], rtol=1e-9)


def test_drawn_numbers_spread_like_those_of_the_table(frame, fitted):
    drawn = column(fitted.generate(n_samples=2000, sample=True, random_state=0), "length")
    own = column(frame, "length").dropna().astype(float)
    assert drawn.astype(float).std() == pytest.approx(own.std(), rel=0.5)


def test_truth_values_are_cut_at_a_half_and_whole_numbers_rounded():
    X = pd.DataFrame({"f": [True, False] * 20, "n": np.tile([-4, 3, 7, 1], 10)})
    est = make().fit(X)
    flag, whole = est._columns.columns
    assert list(flag.decode(np.array([0.4, 0.6]))) == [False, True]
    near = (np.array([1.4, 1.6, -1.6]) - whole.center) / whole.scale
    assert list(whole.decode(near)) == [1, 2, -2]
    exact = np.array([16_777_217.0])
    assert whole.decode((exact - whole.center) / whole.scale) == exact


def test_the_number_of_samples_is_heeded(frame, fitted):
    few, many = (
        fitted.impute(frame, return_std=True, num_samples=k, random_state=0)[2] for k in (20, 5000)
    )
    assert many[gaps(frame)].mean() < few[gaps(frame)].mean() / 4


def test_a_setting_that_is_changed_after_fit_waits_for_the_next(frame, fitted):
    scores = fitted.score_samples(frame)
    fitted.set_params(likelihood="gaussian")
    np.testing.assert_array_equal(fitted.score_samples(frame), scores)


def test_float64_beside_float32_is_computed_in_float64(fitted, frame):
    assert next(fitted.model_.parameters()).dtype == torch.float64


def test_the_mean_and_not_the_largest_count_decides():
    counts = [0] * 30 + [2000]
    est = make().fit(pd.DataFrame({"a": counts, "b": np.arange(31.0)}))
    assert est.likelihoods_["a"] == "negative-binomial"


def test_many_classes_that_repeat_are_no_text():
    def fit(different, rows, dtype=None):
        names = [f"class {i % different}" for i in range(rows)]
        X = pd.DataFrame({"a": pd.Series(names, dtype=dtype), "b": np.arange(float(rows))})
        return make(epochs=1).fit(X).likelihoods_["a"]

    assert fit(50, 50) == fit(60, 120) == fit(60, 60, "category") == "categorical"
    for different, rows in ((51, 51), (61, 120)):
        with pytest.raises(ValueError, match="looks like text"):
            fit(different, rows)
