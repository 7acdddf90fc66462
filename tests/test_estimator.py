"""The estimator: scikit-learn's own checks, the article's verbs, and what they must not do."""

import copy
import json
import math
import pickle
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

import vaetut
from vaetut.estimator import VariationalAutoencoder
from vaetut.noise import make_generator
from vaetut.parts import describe
from vaetut.pretrained import load_metadata
from vaetut.training import steps

N, D, L = 40, 6, 2
SMALL = {"latent_dim": L, "hidden_dims": (8,), "epochs": 2, "batch_size": 16, "random_state": 0}


def make(**params):
    return VariationalAutoencoder(**(SMALL | params))


@pytest.fixture
def X():
    return np.random.RandomState(0).uniform(size=(N, D)).astype(np.float32)


@pytest.fixture
def fitted(X):
    return make().fit(X)


def weights(est):
    return torch.cat([p.detach().flatten() for p in est.model_.parameters()])


def stop_at_step(monkeypatch, number):
    """Let Ctrl-C be pressed in the step with this number, counted from 1."""
    original, made = steps.loss_at, []

    def loss_at(*args):
        made.append(1)
        if len(made) == number:
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(steps, "loss_at", loss_at)


# scikit-learn's checks -----------------------------------------------------------------------

# These feed a Bernoulli values outside [0, 1]; xfail_strict in pyproject.toml makes it an error
# if one of them passes. On scaled data, all of them pass.
OUTSIDE = dict.fromkeys(
    [
        "check_estimators_overwrite_params",
        "check_dont_overwrite_parameters",
        "check_estimators_fit_returns_self",
        "check_readonly_memmap_input",
        "check_n_features_in_after_fitting",
        "check_positive_only_tag_during_fit",
        "check_estimators_dtypes",
        "check_pipeline_consistency",
        "check_estimators_pickle",
        "check_f_contiguous_array_estimator",
        "check_transformer_data_not_an_array",
        "check_transformer_general",
        "check_transformer_preserve_dtypes",
        "check_methods_sample_order_invariance",
        "check_methods_subset_invariance",
        "check_fit2d_1sample",
        "check_fit2d_1feature",
        "check_dict_unchanged",
        "check_fit_idempotent",
        "check_fit_check_is_fitted",
        "check_n_features_in",
        "check_fit2d_predict1d",
    ],
    "feeds values outside [0, 1]",
)


class Scaled(VariationalAutoencoder):
    """The estimator behind a min-max scaler, for checks whose data leave [0, 1]."""

    def _check(self, X, reset=False):
        if not reset:
            check_is_fitted(self, "model_")
        X = validate_data(self, X, reset=reset, dtype=(np.float64, np.float32))
        if reset:
            self.scaler_ = MinMaxScaler(clip=True).fit(X)
        return super()._check(self.scaler_.transform(X), reset)


GAUSSIAN, TABLE = make(likelihood="gaussian"), make(likelihood="auto")
SCALED = Scaled(**SMALL)


def expected_failures(estimator):
    unscaled = type(estimator) is VariationalAutoencoder and estimator.likelihood == "bernoulli"
    return OUTSIDE if unscaled else {}


@parametrize_with_checks(
    [GAUSSIAN, TABLE, make(), SCALED], expected_failed_checks=expected_failures
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "estimator", [GAUSSIAN, TABLE, SCALED], ids=["gaussian", "table", "scaled"]
)
@pytest.mark.parametrize(
    "name",
    [
        "check_estimators_partial_fit_n_features",
        "check_get_feature_names_out_error",
        "check_inplace_ensure_writeable",
        "check_param_validation",
        "check_set_output_transform",
        "check_transformer_get_feature_names_out",
    ],
)
def test_check_that_scikit_learn_keeps_to_itself(name, estimator):
    getattr(estimator_checks, name)(type(estimator).__name__, estimator)


@pytest.mark.filterwarnings("ignore:X (does not have|has) .*feature names")  # the check's doing
@pytest.mark.parametrize(
    "name",
    [
        "check_dataframe_column_names_consistency",
        "check_global_output_transform_pandas",
        "check_set_output_transform_pandas",
        "check_transformer_get_feature_names_out_pandas",
    ],
)
def test_check_with_data_frames(name):
    pytest.importorskip("pandas")
    getattr(estimator_checks, name)("VariationalAutoencoder", GAUSSIAN)


def test_unconstrained_parameters_are_not_let_off():
    assert "no_validation" not in VariationalAutoencoder._parameter_constraints.values()


# Conventions that the suite does not look at -----------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept"), [("float32", "float32"), ("float64", "float64"), ("int64", "float64")]
)
def test_the_network_takes_the_dtype_of_X(X, given, kept):
    X = (X > 0.5).astype(given) if given == "int64" else X.astype(given)
    est = make().fit(X)
    assert {str(p.dtype) for p in est.model_.parameters()} == {f"torch.{kept}"}
    Z = est.transform(X)
    outputs = [Z, est.inverse_transform(Z), est.reconstruct(X, sample=True), est.generate()]
    assert {str(array.dtype) for array in outputs} == {kept}
    assert get_tags(est).transformer_tags.preserves_dtype == ["float64", "float32"]


def test_codes_may_be_whole_numbers(fitted):
    codes = [[0, 1], [2, -1]]
    expected = fitted.inverse_transform(np.array(codes, dtype=float))
    assert np.array_equal(fitted.inverse_transform(codes), expected)


def test_a_pickle_holds_a_network_of_its_own(fitted):
    own = fitted.__getstate__()["model_"]
    assert not {*map(id, own.parameters())} & {*map(id, fitted.model_.parameters())}
    assert torch.equal(own.decoder.out.weight, fitted.model_.decoder.out.weight)


def test_a_network_keeps_its_dtype_when_other_arrays_come(fitted, X):
    Z = fitted.transform(X.astype(np.float64))
    assert Z.dtype == np.float32
    assert fitted.inverse_transform(Z.astype(np.float64)).dtype == np.float32


def test_tensors_are_taken_as_they_are(fitted, X):
    est = make().fit(torch.from_numpy(X))
    assert torch.equal(weights(est), weights(fitted))
    Z = torch.from_numpy(est.transform(X)).requires_grad_()
    assert np.array_equal(est.inverse_transform(Z), fitted.reconstruct(X))


def test_attributes_and_names(fitted):
    assert (fitted.n_features_in_, fitted._n_features_out, fitted.n_iter_) == (D, L, 2)
    assert fitted.history_.epoch == [1, 2]
    assert isinstance(fitted.model_, vaetut.VAE)
    names = ["variationalautoencoder0", "variationalautoencoder1"]
    assert fitted.get_feature_names_out().tolist() == names


@pytest.mark.parametrize(
    "call",
    [
        lambda est, X: est.transform(X),
        lambda est, X: est.inverse_transform(X[:, :L]),
        lambda est, X: est.reconstruct(X),
        lambda est, X: est.impute(X),
        lambda est, X: est.generate(),
        lambda est, X: est.generate(X[:, :L]),
        lambda est, X: est.score(X),
        lambda est, X: est.score_samples(X),
        lambda est, X: est.save("never-written"),
        lambda est, X: est.get_feature_names_out(),
    ],
)
@pytest.mark.parametrize("likelihood", ["bernoulli", "auto", {0: "gaussian"}])
def test_nothing_works_before_fit(likelihood, call, X):
    with pytest.raises(NotFittedError, match="not fitted"):
        call(make(likelihood=likelihood), X)


def test_clone_pipeline_grid_and_pickle(fitted, X):
    assert not hasattr(clone(fitted), "model_")
    assert clone(fitted).get_params() == fitted.get_params()
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).transform(X), fitted.transform(X))

    y = X[:, 0] > 0.5
    pipeline = make_pipeline(MinMaxScaler(clip=True), make(), LogisticRegression())
    assert pipeline.fit(10 * X - 3, y).predict(10 * X - 3).shape == (N,)

    grid = {"latent_dim": np.array([1, 2]), "beta": np.array([0.5, 1.0], np.float32)}
    search = GridSearchCV(make(), grid, cv=2, error_score="raise").fit(X)
    best = make(**search.best_params_).fit(X[: N // 2]).score(X[N // 2 :])
    assert best == search.cv_results_["split1_test_score"][search.best_index_]
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()


# Training ------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", ["article", "fast"])
def test_fit_is_train_with_the_recipe(recipe, X):
    own = {"epochs": 3, "batch_size": 10, "learning_rate": 0.01, "beta": 2.0, "validation": 5}
    network = {"hidden_dims": (7, 5), "activation": "tanh"}
    est = make(recipe=recipe, **own, **network).fit(X)
    plan = replace(getattr(vaetut, recipe.upper()), **own, **network)
    model = plan.build_model(D, L, seed=0)
    history = vaetut.train(model, torch.from_numpy(X), plan, seed=0, progress=False)
    assert describe(model) == describe(est.model_)
    assert torch.equal(torch.nn.utils.parameters_to_vector(model.parameters()), weights(est))
    assert history.validation_cost == est.history_.validation_cost


def test_a_recipe_of_ones_own_serves_and_survives_a_file(X, tmp_path):
    own = replace(vaetut.FAST, objective="iwae-dreg", num_samples=3, hidden_dims=(5,), epochs=2)
    est = make(recipe=own, hidden_dims=None, epochs=None).fit(X)
    assert est.n_iter_ == 2 and est.model_.encoder.hidden[0].out_features == 5
    assert est._make_recipe() == replace(own, batch_size=16, validation=0)
    est.save(tmp_path / "own.safetensors")
    copied = VariationalAutoencoder.load(tmp_path / "own.safetensors")
    assert copied.recipe == own and clone(est).recipe == own
    assert copied.partial_fit(X).n_iter_ == 3


def test_by_default_the_recipe_rules_and_every_row_is_trained_on():
    plan = VariationalAutoencoder()._make_recipe()
    assert plan == replace(vaetut.ARTICLE, validation=0)
    assert VariationalAutoencoder(recipe="fast")._make_recipe().epochs == vaetut.FAST.epochs


def test_random_state(X):
    same, other = make().fit(X), make(random_state=1).fit(X)
    assert torch.equal(weights(make().fit(X)), weights(same))
    assert not torch.equal(weights(other), weights(same))
    fresh = [weights(make(random_state=None).fit(X)) for _ in range(2)]
    assert not torch.equal(*fresh)
    states = [make(random_state=np.random.RandomState(3)).fit(X) for _ in range(2)]
    assert torch.equal(*map(weights, states))


def test_gaussian_variance_reaches_the_model(X):
    fixed = make(likelihood="gaussian", variance=0.25).fit(X)
    assert math.isclose(fixed.model_.likelihood.log_var.exp().item(), 0.25, rel_tol=1e-6)
    learned = make(likelihood="gaussian", variance="learned").fit(X)
    assert learned.model_.likelihood.log_var.requires_grad


class Foreign(vaetut.Poisson):
    """A likelihood of a reader's own."""


def parts(kind=vaetut.Poisson):
    return {"likelihood": kind(), "prior": vaetut.Mixture(L, 3)}


@pytest.fixture
def counts():
    return np.random.RandomState(0).poisson(3, size=(N, D)).astype(np.float32)


def test_parts_are_fitted_in_copies(counts):
    given = parts()
    before = copy.deepcopy(given["prior"].state_dict())
    est, twin = make(**given).fit(counts), make(**given).fit(counts)
    assert np.array_equal(weights(est), weights(twin))
    assert clone(est).fit(counts).score(counts) == est.score(counts)
    for name, weight in given["prior"].state_dict().items():
        assert torch.equal(weight, before[name])
        assert not torch.equal(est.model_.prior.state_dict()[name], weight)
    drawn = est.generate(n_samples=50, sample=True)
    assert np.array_equal(drawn, drawn.round())


def test_parts_survive_a_file_and_a_pickle(counts, tmp_path):
    est = make(**parts()).fit(counts)
    est.save(tmp_path / "est.safetensors")
    for twin in (
        VariationalAutoencoder.load(tmp_path / "est.safetensors"),
        pickle.loads(pickle.dumps(est)),
    ):
        assert twin.score(counts) == est.score(counts)
        assert isinstance(twin.likelihood, vaetut.Poisson)
        assert twin.prior.config == est.prior.config


def test_an_estimator_with_a_part_of_ones_own_is_refused_with_the_way_out(counts, tmp_path):
    est = make(**parts(Foreign)).fit(counts)
    est.save(tmp_path / "est.safetensors")
    with pytest.raises(TypeError, match=r"its likelihood is a Foreign.*into=model"):
        VariationalAutoencoder.load(tmp_path / "est.safetensors")
    model = vaetut.load_model(tmp_path / "est.safetensors", into=copy.deepcopy(est.model_))
    assert isinstance(model.likelihood, Foreign)


def test_the_score_with_another_prior_is_near_its_mean_over_many_draws(X):
    est = make(prior=vaetut.Mixture(L, 3), epochs=20).fit(X)
    with torch.no_grad():
        drawn = vaetut.elbo(est.model_, torch.from_numpy(X), 20_000, make_generator(0)).elbo
    assert np.abs(est.score_samples(X) - drawn.numpy()).max() < 0.1


def test_sizes_of_parts_that_do_not_fit_are_named(X):
    with pytest.raises(ValueError, match="latent_dim is 3, and the prior's is 2"):
        make(prior=vaetut.Mixture(L, 3), latent_dim=3).fit(X)


def test_verbose_shows_a_bar_on_stderr_only(X, capsys):
    make().fit(X).partial_fit(X)
    assert capsys.readouterr() == ("", "")
    est = make(verbose=1).fit(X)
    out, err = capsys.readouterr()
    assert out == ""
    assert "epoch 2/2" in err
    est.partial_fit(X)
    out, err = capsys.readouterr()
    assert out == ""
    assert "epoch 3" in err


def test_partial_fit_passes_are_the_epochs_of_fit(fitted, X):
    est = make().partial_fit(X)
    assert est.n_iter_ == 1
    est = pickle.loads(pickle.dumps(est)).partial_fit(X)  # Adam's moments travel along
    assert torch.equal(weights(est), weights(fitted))
    assert est.history_.cost == fitted.history_.cost


def test_partial_fit_takes_any_number_of_rows(X):
    est = make()
    for rows in (1, 7, 32):
        est.partial_fit(X[:rows])
    assert est.n_iter_ == 3
    with pytest.raises(ValueError, match="expecting 6 features"):
        est.partial_fit(X[:, :4])


def test_partial_fit_goes_on_from_fit(X):
    est = make(recipe="fast").fit(X)
    before = weights(est)
    est.set_params(learning_rate=1e-12).partial_fit(1 - X)
    assert torch.allclose(weights(est), before, atol=1e-8)  # nothing was built or centred anew
    est.set_params(learning_rate=0.1).partial_fit(X)
    assert not torch.allclose(weights(est), before, atol=1e-2)  # a new rate counts at once
    assert est.history_.epoch == [1, 2, 3, 4]
    est.fit(X)
    assert est.n_iter_ == 2


def test_ctrl_c_keeps_what_was_learned(X, monkeypatch):
    one_epoch = make(epochs=1).fit(X)
    stop_at_step(monkeypatch, 4)  # the first of the second epoch: there are 3 in each
    with pytest.warns(UserWarning, match="stopped in epoch 2 of 5; the model keeps"):
        est = make(epochs=5).fit(X)
    assert torch.equal(weights(est), weights(one_epoch))
    assert est.history_.interrupted
    assert est.n_iter_ == 1
    assert est.transform(X).shape == (N, L)


def test_ctrl_c_in_partial_fit_keeps_what_was_learned(X, monkeypatch):
    est = make().partial_fit(X)
    before = weights(est)
    stop_at_step(monkeypatch, 2)
    with pytest.warns(UserWarning, match="stopped in epoch 2 of 2; the model keeps"):
        est.partial_fit(X)
    assert est.n_iter_ == 1
    assert not torch.equal(weights(est), before)


def test_a_first_pass_that_fails_leaves_nothing_fitted(X, monkeypatch):
    est = make(likelihood="gaussian", learning_rate=1e30)
    with pytest.raises(FloatingPointError):
        est.partial_fit(X)
    with pytest.raises(NotFittedError):
        est.transform(X)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rounding_at_the_edge_of_the_range_is_no_mistake(X, dtype):
    X = MinMaxScaler().fit_transform(X.astype(dtype))
    slack = 60 * np.finfo(dtype).eps
    rounded = np.where(X == 1, X + slack, np.where(X == 0, X - slack, X)).astype(dtype)
    assert rounded.max() > 1 and rounded.min() < 0
    est = make().fit(X)
    assert torch.equal(weights(make().fit(rounded)), weights(est))
    assert np.array_equal(est.transform(rounded), est.transform(X))
    assert est.score(rounded) == est.score(X)


def test_columns_of_a_real_table_pass_through_a_scaler():
    X = load_breast_cancer().data
    scaled = MinMaxScaler().fit_transform(X)
    assert scaled.max() > 1  # by rounding
    make(recipe="fast").fit(scaled)
    pipeline = make_pipeline(MinMaxScaler(clip=True), make())
    assert np.isfinite(cross_val_score(pipeline, X, cv=3, error_score="raise")).all()
    with pytest.raises(ValueError, match=r"Put MinMaxScaler\(clip=True\) before the estimator"):
        cross_val_score(make_pipeline(MinMaxScaler(), make()), X, cv=3, error_score="raise")


def test_a_table_that_is_not_standardised_is_noticed():
    X = load_breast_cancer().data
    with pytest.warns(UserWarning, match="makes no sense.*from 0 to 4254, .*is 568.9.*standardise"):
        est = VariationalAutoencoder(2, likelihood="gaussian", epochs=1, random_state=0).fit(X)
    assert 1e30 < est.history_.cost[0] < math.inf
    make(likelihood="gaussian").fit(StandardScaler().fit_transform(X))


# Devices ---------------------------------------------------------------------------------------

ABSENT = "cuda:99"  # on any machine


@pytest.mark.parametrize("dump", [lambda est: pickle.loads(pickle.dumps(est)), copy.deepcopy])
def test_a_copy_from_an_absent_device_computes_on_the_cpu_once_it_is_told_to(X, dump):
    est = make().partial_fit(X)
    expected, twin = est.transform(X), pickle.loads(pickle.dumps(est)).partial_fit(X)
    again = dump(est.set_params(device=ABSENT))
    for call in (again.transform, again.partial_fit, again.fit, again.score):
        with pytest.raises(ValueError, match=f"no device '{ABSENT}'; use 'cpu'"):
            call(X)
    again.set_params(device="cpu")
    assert np.array_equal(again.transform(X), expected)
    assert torch.equal(weights(again.partial_fit(X)), weights(twin))


@pytest.mark.parametrize("where", ["model_", "_state"])
def test_all_that_is_pickled_goes_to_the_cpu_first(X, where):
    """From the meta device, which every machine has, that is impossible: so it was tried."""
    est = make().partial_fit(X)
    if where == "model_":
        est.model_ = copy.deepcopy(est.model_).to("meta")
    else:
        est._state["moments"][0][0]["exp_avg"] = torch.zeros(3, device="meta")
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor"):
        pickle.dumps(est)


def test_pickling_leaves_the_estimator_as_it_was(fitted):
    model = fitted.model_
    pickle.dumps(fitted)
    assert fitted.model_ is model


def test_a_device_without_float64_computes_in_float32(X, monkeypatch, tmp_path):
    est = make(likelihood="gaussian").fit(X.astype(float))
    est.save(tmp_path / "file")
    expected = make(likelihood="gaussian").fit(X)
    monkeypatch.setattr("vaetut.estimator.NO_FLOAT64", ("cpu",))  # as Apple's devices
    assert torch.equal(weights(make(likelihood="gaussian").fit(X.astype(float))), weights(expected))
    for read in (est, VariationalAutoencoder.load(tmp_path / "file")):
        outputs = [read.transform(X.astype(float)), read.generate(), read.partial_fit(X).generate()]
        assert {array.dtype.name for array in outputs} == {"float32"}


def test_the_network_follows_the_device(fitted, X, monkeypatch):
    """Even to the meta device, from where nothing comes back."""
    monkeypatch.setattr("vaetut.estimator.check_device", torch.device)
    with pytest.raises((NotImplementedError, ValueError), match="no data|no weights"):
        fitted.set_params(device="meta").transform(X)
    assert next(fitted.model_.parameters()).is_meta


# The article's verbs -------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 7, 1001])
def test_any_number_of_rows_and_always_a_batch_axis(fitted, rows):
    X = np.random.RandomState(1).uniform(size=(rows, D))
    Z = fitted.transform(X)
    assert Z.shape == (rows, L)
    assert fitted.inverse_transform(Z).shape == (rows, D)
    for sample in (False, True):
        assert fitted.reconstruct(X, sample=sample).shape == (rows, D)
        assert fitted.generate(Z, sample=sample).shape == (rows, D)
        assert fitted.generate(n_samples=rows, sample=sample).shape == (rows, D)
    assert fitted.score_samples(X).shape == (rows,)


def test_transform_and_inverse_transform_are_the_means(fitted, X):
    with torch.no_grad():
        mu, _ = fitted.model_.encode(torch.from_numpy(X))
        x_mean = fitted.model_.decode(mu).sigmoid()
    assert np.allclose(fitted.transform(X), mu.numpy(), atol=1e-6)
    assert np.allclose(fitted.inverse_transform(mu), x_mean.numpy(), atol=1e-6)
    assert np.array_equal(fitted.generate(mu), fitted.inverse_transform(mu))


def test_reconstruct_decodes_the_mean_or_one_draw(fitted, X):
    mean = fitted.reconstruct(X)
    assert np.array_equal(mean, fitted.inverse_transform(fitted.transform(X)))
    assert np.array_equal(mean, fitted.reconstruct(X, random_state=1))
    with torch.no_grad():
        posterior = fitted.model_.encode(torch.from_numpy(X))
        z = vaetut.reparameterize(*posterior, generator=make_generator(5))
    drawn = fitted.reconstruct(X, sample=True, random_state=5)
    assert np.allclose(drawn, fitted.inverse_transform(z), atol=1e-6)
    assert not np.array_equal(fitted.reconstruct(X, sample=True), drawn)


def test_generate_without_codes_draws_from_the_prior(fitted):
    assert fitted.generate().shape == (1, D)
    z = torch.randn(5, L, generator=make_generator(2))
    expected = fitted.inverse_transform(z)
    assert np.allclose(fitted.generate(n_samples=5, random_state=2), expected, atol=1e-6)
    assert not np.array_equal(fitted.generate(), fitted.generate())


def test_generate_draws_pixels_when_asked(X):
    Z = np.tile([[0.3, -1.0]], (20_000, 1))
    bernoulli = make().fit(X)
    drawn = bernoulli.generate(Z, sample=True, random_state=0)
    assert set(np.unique(drawn)) == {0, 1}
    assert np.allclose(drawn.mean(0), bernoulli.generate(Z[:1]), atol=4 * 0.5 / math.sqrt(len(Z)))

    gaussian = make(likelihood="gaussian", variance=0.09).fit(X)
    noise = gaussian.generate(Z, sample=True, random_state=0) - gaussian.generate(Z)
    assert np.allclose(noise.mean(0), 0, atol=4 * 0.3 / math.sqrt(len(Z)))
    assert np.allclose(noise.var(0), 0.09, atol=4 * 0.09 * math.sqrt(2 / len(Z)))


# The score -----------------------------------------------------------------------------------


def test_score_is_exact_for_a_linear_decoder(X):
    X = X.astype(np.float64)
    for latent_dim in (1, 2, 11):  # fewer and more dimensions than there are pairs of points
        est = make(latent_dim=latent_dim, hidden_dims=(), likelihood="gaussian", variance=0.5)
        model = est.fit(X).model_
        with torch.no_grad():
            x = torch.from_numpy(X)
            mu, log_var = model.encode(x)
            spread = log_var.exp() @ model.decoder.out.weight.square().sum(0)  # E|W sigma eps|^2
            squared = (x - model.decode(mu)).square().sum(1) + spread
            variance = model.likelihood.log_var.double().exp()
            log_likelihood = -0.5 * (squared / variance + D * (2 * math.pi * variance).log())
            expected = log_likelihood - vaetut.kl_standard_normal(mu, log_var)
        assert np.allclose(est.score_samples(X), expected.numpy(), rtol=1e-10)


def test_score_agrees_with_the_elbo(fitted, X):
    with torch.no_grad():
        draws = torch.stack(
            [
                vaetut.elbo(fitted.model_, torch.from_numpy(X), 100, make_generator(seed)).elbo
                for seed in range(20)
            ]
        ).mean(1)
    error = draws.std().item() / math.sqrt(len(draws))
    assert abs(fitted.score(X) - draws.mean().item()) < 4 * error + 1e-3


def test_score_does_not_depend_on_the_other_rows_or_their_order(fitted, X):
    each = fitted.score_samples(X)
    assert fitted.score(X) == each.astype(np.float64).mean()
    assert np.allclose(fitted.score_samples(X[::-1]), each[::-1], rtol=1e-5)
    assert np.allclose([fitted.score(X[i : i + 1]) for i in range(N)], each, rtol=1e-5)
    assert fitted.score(X) == fitted.score(X)


def test_a_trained_model_scores_higher(X):
    assert make(epochs=30).fit(X).score(X) > make(epochs=1).fit(X).score(X) + 0.1


# Global state --------------------------------------------------------------------------------


def global_state():
    name, keys, *position = np.random.get_state()
    return (
        torch.get_rng_state().tolist(),
        (name, keys.tolist(), position),
        random.getstate(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
    )


@pytest.mark.parametrize("random_state", [0, None])
@pytest.mark.parametrize(
    "call",
    [
        lambda est, X, seed, path: make(random_state=seed).fit(X),
        lambda est, X, seed, path: make(random_state=seed, recipe="fast").fit(X),
        lambda est, X, seed, path: make(random_state=seed).partial_fit(X).partial_fit(X),
        lambda est, X, seed, path: est.transform(X),
        lambda est, X, seed, path: est.inverse_transform(X[:, :L]),
        lambda est, X, seed, path: est.reconstruct(X, sample=True, random_state=seed),
        lambda est, X, seed, path: est.generate(sample=True, random_state=seed),
        lambda est, X, seed, path: est.score(X),
        lambda est, X, seed, path: (est.save(path), VariationalAutoencoder.load(path)),
    ],
)
def test_global_state_stays_as_it_was(call, random_state, fitted, X, tmp_path):
    before = global_state()
    call(fitted, X, random_state, tmp_path / "file")
    assert global_state() == before


def test_X_is_not_changed(fitted, X):
    original = X.copy()
    X.flags.writeable = False
    fitted.fit(X).partial_fit(X)
    fitted.score(X)
    fitted.reconstruct(X, sample=True)
    assert np.array_equal(X, original)


# Bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"recipe": "slow"},
            r"'recipe' parameter .* among {.*'article'.*} or an instance.*Recipe'\. Got 'slow'",
        ),
        ({"activation": "step"}, r"'activation' parameter .* among {.*'softplus'.* Got 'step'"),
        ({"likelihood": "poisson"}, r"'likelihood' parameter .*'bernoulli'.* Got 'poisson'"),
        ({"precision": "half"}, r"'precision' parameter .*'bf16'.* Got 'half'"),
        ({"variance": "free"}, r"'variance' parameter .*'learned'.* Got 'free'"),
        ({"variance": 0}, r"'variance' parameter .* Got 0"),
        ({"latent_dim": 0}, r"'latent_dim' parameter .* Got 0"),
        ({"latent_dim": 2.0}, r"'latent_dim' parameter .* Got 2.0"),
        ({"epochs": -1}, r"'epochs' parameter .* Got -1"),
        ({"learning_rate": 0.0}, r"'learning_rate' parameter .* Got 0.0"),
        ({"beta": -1.0}, r"'beta' parameter .* Got -1.0"),
        ({"hidden_dims": 8}, r"'hidden_dims' parameter .* Got 8"),
        ({"hidden_dims": (8, 0)}, "every width in hidden_dims must be at least 1, got 0"),
        ({"random_state": "now"}, r"'random_state' parameter .* Got 'now'"),
        ({"validation": N}, f"holds out {N} images for validation, but there are only {N}"),
    ],
)
def test_bad_parameters_are_named_at_fit(params, message, X):
    est = make(**params)  # says nothing yet, as scikit-learn asks
    with pytest.raises(ValueError, match=message):
        est.fit(X)
    if "validation" not in params:  # a single pass holds nothing out
        with pytest.raises(ValueError, match=message):
            est.partial_fit(X)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform", "reconstruct", "score"])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.full((3, D), np.nan), "Input X contains NaN"),
        (np.full((3, D), np.inf), "Input X contains infinity"),
        (
            np.full((3, D), 255.0),
            r"^X must lie in \[0, 1\].* from 255 to 255.*likelihood='gaussian'",
        ),
        (np.full((3, D), -0.5), r"^X must lie in \[0, 1\].* from -0.5 to -0.5.*='gaussian'"),
        (np.empty((0, D)), r"0 sample\(s\)"),
        (np.full(D, 0.5), "Expected 2D array, got 1D array"),
        (np.full((3, D), "grey"), "could not convert"),
    ],
)
def test_bad_rows_are_described(method, bad, message, fitted):
    with pytest.raises(ValueError, match=message) as caught:
        getattr(fitted, method)(bad)
    notes = ["For a table with classes or gaps: likelihood='auto'."] * ("NaN" in message)
    assert getattr(caught.value, "__notes__", []) == notes


@pytest.mark.parametrize("method", ["partial_fit", "transform", "reconstruct", "score"])
def test_rows_of_another_width_are_described(method, fitted, X):
    with pytest.raises(ValueError, match="X has 4 features, but .* expecting 6 features"):
        getattr(fitted, method)(X[:, :4])


@pytest.mark.parametrize("method", ["inverse_transform", "generate"])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((3, L + 1)), r"Z must have shape \(batch, 2\), got \(3, 3\)"),
        (np.zeros(L), "Expected 2D array, got 1D array"),
        (np.zeros((0, L)), r"0 sample\(s\)"),
        (np.full((3, L), np.nan), "Input Z contains NaN"),
    ],
)
def test_bad_codes_are_described(method, bad, message, fitted):
    with pytest.raises(ValueError, match=message):
        getattr(fitted, method)(bad)


def test_bad_requests_for_samples_are_described(fitted):
    with pytest.raises(ValueError, match="n_samples must be at least 1, got 0"):
        fitted.generate(n_samples=0)
    with pytest.raises(ValueError, match="'now' cannot be used to seed"):
        fitted.generate(random_state="now")


# Files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"hidden_dims": [8], "activation": "relu", "recipe": "fast"},
        {"likelihood": "gaussian", "variance": "learned", "latent_dim": np.int64(3)},
        {"likelihood": "gaussian", "variance": np.float32(0.5), "hidden_dims": (np.int64(4), 3)},
    ],
)
def test_save_and_load(params, dtype, X, tmp_path):
    X = X.astype(dtype)
    est = make(**params).fit(X)
    est.save(tmp_path / "est.safetensors")
    again = VariationalAutoencoder.load(tmp_path / "est.safetensors")
    for name, value in est.get_params().items():
        same = getattr(again, name)
        assert tuple(same) == tuple(value) if name == "hidden_dims" else same == value
    assert again.history_.cost == est.history_.cost
    assert (again.n_features_in_, again.n_iter_) == (D, 2)
    assert again.transform(X).dtype == dtype
    assert np.array_equal(again.transform(X), est.transform(X))
    assert again.score(X) == est.score(X)
    assert again.partial_fit(X).n_iter_ == 3
    assert clone(again).fit(X).n_iter_ == 2
    again = VariationalAutoencoder.load(tmp_path / "est.safetensors", device="cpu:0")
    assert again.device == "cpu:0"


def test_a_saved_estimator_is_a_saved_model_too(fitted, X, tmp_path):
    fitted.save(tmp_path / "file")
    model = vaetut.load_model(tmp_path / "file")
    with torch.no_grad():
        mu, _ = model.encode(torch.from_numpy(X))
    assert np.allclose(mu.numpy(), fitted.transform(X), atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_a_file_cannot_hold_becomes_none(X, tmp_path):
    est = make(random_state=np.random.RandomState(0)).fit(X)
    est.feature_names_in_ = np.array(list("abcdef"), dtype=object)
    est.save(tmp_path / "file")
    again = VariationalAutoencoder.load(tmp_path / "file")
    assert again.random_state is None
    assert again.feature_names_in_.tolist() == list("abcdef")
    assert again.feature_names_in_.dtype == object


def test_damaged_and_foreign_files_are_described(fitted, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        VariationalAutoencoder.load(tmp_path / "nowhere")

    path = tmp_path / "est.safetensors"
    fitted.save(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match="est.safetensors is damaged"):
        VariationalAutoencoder.load(path)

    path.write_bytes(pickle.dumps(fitted))
    with pytest.raises(ValueError, match="est.safetensors is damaged"):
        VariationalAutoencoder.load(path)

    vaetut.save_model(fitted.model_, path)
    with pytest.raises(ValueError, match=r"is not a saved estimator .*estimator.*\.save"):
        VariationalAutoencoder.load(path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda card: card.pop("params"),
        lambda card: card.pop("history"),
        lambda card: card["params"].update(colour="red"),
        lambda card: card["history"].update(colour="red"),
    ],
)
def test_a_spoiled_card_is_described(spoil, fitted, tmp_path):
    path = tmp_path / "est.safetensors"
    fitted.save(path)
    card = json.loads(load_metadata(path)["estimator"])
    spoil(card)
    vaetut.save_model(fitted.model_, path, estimator=json.dumps(card))
    with pytest.raises(ValueError, match="is damaged or is not a saved estimator"):
        VariationalAutoencoder.load(path)


def test_a_fit_that_fails_leaves_the_old_one_whole(X):
    est = VariationalAutoencoder(latent_dim=L, hidden_dims=(8,), epochs=1, random_state=0).fit(X)
    Z = est.transform(X)
    with pytest.raises(ValueError, match="holds out 1000"):
        est.set_params(validation=1000).fit(X[:, :9])
    np.testing.assert_array_equal(est.transform(X), Z)


def test_a_bad_piece_leaves_what_was_learned(X):
    est = VariationalAutoencoder(L, hidden_dims=(8,), likelihood="gaussian", random_state=0).fit(X)
    Z = est.transform(X)
    with pytest.raises(FloatingPointError):
        est.partial_fit(1e25 * X)
    np.testing.assert_array_equal(est.transform(X), Z)
    est.partial_fit(X)


def test_rounding_in_float32_passes_in_float64(X):
    table = X.astype(np.float64)
    table[0, 0], table[1, 1] = 1 + 1.2e-7, -1.2e-7
    VariationalAutoencoder(L, hidden_dims=(8,), epochs=1).fit(table)
