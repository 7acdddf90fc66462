"""The article's `VariationalAutoencoder` with its verbs, as a scikit-learn estimator.

It stands on `vaetut.train`, and adds only what scikit-learn's users expect: see "Developing
scikit-learn estimators" in its user guide. Chapter 7 of the book lists the faults of the article's
class that it leaves behind.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from numbers import Integral, Number, Real
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from .checks import NO_FLOAT64, check_batch, check_count, check_device, check_flag
from .columns import Columns, read_table
from .doctor import Diagnosis, diagnose
from .frames import is_frame
from .history import History
from .imputation import best_guess, impute
from .likelihoods import LIKELIHOODS, Likelihood, make_likelihood
from .model import VAE, unwrap
from .networks import ACTIVATIONS
from .noise import EVALUATION, make_generator, standard_normal
from .objective import importance_weighted_bound
from .parts import describe_part, rebuild_part
from .pretrained import load_metadata, load_model, save_model
from .priors import Prior
from .recipe import PRECISIONS, RECIPES, Recipe
from .training import train, train_pass

FLOATS = (np.float64, np.float32)  # dtypes that stay; all else becomes the first
BLOCK = 1000  # rows at a time, so that memory stays bounded
_OF_THE_COLUMNS = ("n_features_in_", "feature_names_in_", "_columns")  # set by the check of X
MIN_PAIRS = 8  # of noise vectors, eps and -eps, that `score_samples` averages over
MANY_PAIRS = 256  # where the KL is estimated, too

_COUNT = Interval(Integral, 1, None, closed="left")
_POSITIVE = Interval(Real, 0, None, closed="neither")


# scikit-learn has no types.
class VariationalAutoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A variational autoencoder with the interface of scikit-learn (AEVB, Kingma & Welling 2013).

    The network computes in the dtype of the `X` it is first fitted to: float32 stays float32, all
    else becomes float64, which takes twice the time ("mps" has no float64: there, all becomes
    float32). Where a parameter is None, the recipe's own value holds.

    With a likelihood for each column ("auto", or a dict), `X` is a *table*: a frame of pandas or
    polars whose columns are numbers, truth values or classes, or an array of numbers. It may have
    gaps (NaN, None). Real columns are standardised inside, and what comes out is in the units and
    classes of `X`: a frame has its columns and dtypes, whole numbers are rounded, and an array is
    one of floats. `fit`, or the first `partial_fit`, learns classes and scales. Frames of the other
    library are taken later, too, and come back as such, with the dtypes that are usual there.

    Parameters
    ----------
    latent_dim : int
        Dimensions of z, L.
    hidden_dims : tuple of int, optional
        Widths of the encoder's hidden layers; the decoder has them in reverse order.
    activation : str, optional
        Such as "softplus", "relu", "silu", "tanh".
    likelihood : {"bernoulli", "gaussian", "auto"}, Likelihood or dict
        p(x|z); one of `vaetut.likelihoods` is copied by each fit. The Bernoulli takes values in
        [0, 1] only: behind a `MinMaxScaler(clip=True)`, rows that the scaler was not fitted to stay
        there. For the Gaussian, standardise the columns. `Observed` takes gaps.

        With "auto", the dtype of a column decides. Real numbers are "gaussian", with a learned
        variance; truth values, and numbers that are all 0 or 1, "bernoulli"; categories and texts
        "categorical". Whole numbers from 0 on are "negative-binomial" where their mean is 100 at
        most and their variance no less than the mean; others are "gaussian". `likelihoods_` says
        what was chosen. A dict from names of columns (of an array: their numbers) to one of these
        names, to "poisson", or to a `Likelihood` overrules it; each column has a copy of its own,
        and a density sees standardised values.
    variance : float or "learned"
        Of the "gaussian", the same for every feature.
    prior : Prior, optional
        p(z), copied by each fit; N(0, I) without.
    recipe : {"article", "fast"} or Recipe
        How to train: `vaetut.ARTICLE`, `vaetut.FAST`, or one of your own, whose `validation` and
        `precision` give way to those below.
    epochs, batch_size : int, optional
    learning_rate : float, optional
    beta : float, optional
        Weight of the KL; 1 is the ELBO.
    validation : int
        How many rows `fit` holds out, the first ones, to measure `history_.validation_cost`; a
        recipe's own 5,000 would be too many for most data. 0 trains on all rows.
    random_state : int, RandomState or None
        Of the initial weights, the shuffling and the noise. None is fresh entropy; NumPy's global
        state is neither read nor changed.
    verbose : int
        More than 0 shows a progress bar, on stderr.
    precision : {"float32", "bf16", "auto"}
        See `vaetut.Recipe`; it acts on float32 data.
    device : str
        Where to compute, such as "cpu" or "cuda"; arrays come and go as NumPy's. The network goes
        there at each use, and a pickle holds it on the CPU: where it is read on a machine without
        the device, `set_params(device="cpu")` is all that it takes.

    Attributes
    ----------
    model_ : VAE
        The network.
    history_ : History
        Costs epoch by epoch, in nats per row.
    likelihoods_ : dict
        Of a table: the likelihood of each column.
    n_iter_ : int
        Passes that were made over the data.
    n_features_in_ : int
        D.
    feature_names_in_ : ndarray of str
        Where `X` was a data frame.

    Examples
    --------
    >>> import vaetut
    >>> images, labels = vaetut.load_mnist("train")
    >>> est = vaetut.VariationalAutoencoder(latent_dim=2, recipe="fast", epochs=1, random_state=0)
    >>> est.fit_transform(images[:1000]).shape
    (1000, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "latent_dim": [_COUNT],
        "hidden_dims": [tuple, list, None],
        "activation": [StrOptions(set(ACTIVATIONS)), None],
        "likelihood": [StrOptions({*LIKELIHOODS, "auto"}), Likelihood, dict],
        "variance": [_POSITIVE, StrOptions({"learned"})],
        "prior": [Prior, None],
        "recipe": [StrOptions(set(RECIPES)), Recipe],
        "epochs": [_COUNT, None],
        "batch_size": [_COUNT, None],
        "learning_rate": [_POSITIVE, None],
        "beta": [Interval(Real, 0, None, closed="left"), None],
        "validation": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "precision": [StrOptions(set(PRECISIONS))],
        "device": [str, torch.device],
    }

    _columns: Columns | None = None  # of a table
    _state: dict[str, Any] | None  # of the optimiser and the noise

    def __init__(
        self,
        latent_dim: int = 20,
        *,
        hidden_dims: tuple[int, ...] | None = None,
        activation: str | None = None,
        likelihood: str | Likelihood | dict[Any, str | Likelihood] = "bernoulli",
        variance: float | str = 1.0,
        prior: Prior | None = None,
        recipe: str | Recipe = "article",
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        beta: float | None = None,
        validation: int = 0,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        precision: str = "float32",
        device: str = "cpu",
    ) -> None:
        self.latent_dim = latent_dim
        self.hidden_dims = hidden_dims
        self.activation = activation
        self.likelihood = likelihood
        self.variance = variance
        self.prior = prior
        self.recipe = recipe
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.beta = beta
        self.validation = validation
        self.random_state = random_state
        self.verbose = verbose
        self.precision = precision
        self.device = device

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Train a new network on `X`, by the recipe.

        Ctrl-C ends it early, with a warning, and keeps what was learned.

        Parameters
        ----------
        X : array-like or frame, shape (n, D)
            In [0, 1] for the Bernoulli likelihood; with gaps for a table, or `Observed`.
        y : ignored

        Raises
        ------
        TypeError, ValueError
            If a parameter is not what the class describes, or `X` is not finite, not in [0, 1]
            for a Bernoulli, has too few rows for `validation`, or a column of a table says nothing.
        """
        self._validate_params()
        before = {name: value for name, value in self.__dict__.items() if name in _OF_THE_COLUMNS}
        try:
            x = self._check(X, reset=True)
            if self._columns and len(x) <= self.validation:
                raise ValueError(
                    f"validation holds out {self.validation} rows, but there are only {len(x)}; "
                    "pass more, or set a smaller validation"
                )
            seed = _draw_seed(self.random_state)
            model = self._build(x, seed)
            history = train(model, x, self._make_recipe(), seed, progress=self.verbose > 0)
        except Exception:
            for name in _OF_THE_COLUMNS:  # those of the network that stays, if there is one
                self.__dict__.pop(name, None)
            self.__dict__.update(before)
            raise
        self.model_, self.history_, self._state = model, history, None
        return self

    def partial_fit(self, X: ArrayLike, y: object = None) -> Self:
        """Make one pass over `X`; the first call builds the network.

        Any number of rows will do; for the first call with a table, at least two.

        Nothing is held out, and the learning rate is constant, whatever the recipe's schedule.
        Adam's moments pass from call to call; after `fit` or `load` they start afresh.

        Parameters
        ----------
        X : array-like or frame, shape (n, D)
            In [0, 1] for the Bernoulli likelihood; with gaps for a table, or `Observed`.
        y : ignored

        Raises
        ------
        ValueError
            As for `fit`, and if D is not that of the rows before.
        """
        self._validate_params()
        first = not hasattr(self, "model_")
        x = self._check(X, reset=first)
        if self._columns and x.isnan().all():
            raise ValueError("the rows hold nothing but gaps, so there is nothing to learn")
        seed = _draw_seed(self.random_state)
        if first:
            model, history, state = self._build(x, seed), History(), None
        else:
            model, history, state = self._network(), self.history_, self._state
        recipe, progress = self._make_recipe(), self.verbose > 0
        self._state = train_pass(model, x, recipe, seed, history, state, progress)
        self.model_, self.history_ = model, history
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the posterior means mu of q(z|x), shape (n, L), for rows `X`, (n, D)."""
        x, model = self._check(X), self._network()
        return _by_block(lambda part: model.encode(part)[0], x).numpy()

    def inverse_transform(self, Z: ArrayLike) -> Any:
        """Return the means of p(x|z), shape (n, D), for codes `Z`, (n, L).

        Of a column of classes, as in all means of a table, the most probable one.
        """
        z = self._check_codes(Z)
        return self._present(_by_block(self._mean, z))

    def reconstruct(
        self,
        X: ArrayLike,
        *,
        sample: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
        """Encode and decode: the mean of p(x|z) at one z for each row.

        Parameters
        ----------
        X : array-like or frame, shape (n, D)
        sample : bool
            False takes the mean of q(z|x) for z, and gives the same every time. True takes one
            random draw from q(z|x), as the article's class did without saying so.
        random_state : int, RandomState or None
            Of that draw; None is fresh entropy.

        Returns
        -------
        ndarray, shape (n, D)
        """
        sample = check_flag(sample, "sample")
        x, generator = self._check(X), make_generator(_draw_seed(random_state))
        model = self._network()

        def decode(part: torch.Tensor) -> torch.Tensor:
            q = model.encode(part)  # (B, L)
            return self._mean(q.sample(generator=generator) if sample else q.mu)

        return self._present(_by_block(decode, x), _array(X))

    def generate(
        self,
        Z: ArrayLike | None = None,
        n_samples: int = 1,
        *,
        sample: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
        """Decode codes: given ones, or draws from the prior.

        Parameters
        ----------
        Z : array-like, shape (n, L), optional
            Without it, z is drawn from the prior.
        n_samples : int
            How many to draw, where there is no `Z`.
        sample : bool
            False gives the means of p(x|z), True one random draw from each p(x|z).
        random_state : int, RandomState or None
            Of all the draws; None is fresh entropy.

        Returns
        -------
        ndarray, shape (n, D)
        """
        sample = check_flag(sample, "sample")
        model, generator = self._network(), make_generator(_draw_seed(random_state))
        if isinstance(Z, Number):
            raise TypeError(f"Z must be codes, (n, L), got {Z}; use generate(n_samples={Z})")
        if Z is None:
            z = model.prior.sample(check_count(n_samples, "n_samples"), generator)
        else:
            z = self._check_codes(Z)

        def decode(part: torch.Tensor) -> torch.Tensor:
            if not sample:
                return self._mean(part)
            return model.likelihood.sample(model.decode(part), generator)

        return self._present(_by_block(decode, z))

    def score_samples(
        self,
        X: ArrayLike,
        *,
        num_samples: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> np.ndarray:
        """Return the ELBO of every row, shape (n,), in nats; higher is better.

        The expectation over q(z|x) is a cubature: an average over 2 max(L, 8) fixed points, the
        same for all rows, all calls, and all models of one L. So a row's value doesn't depend on
        the other rows or their order, and such models are compared under equal noise. It is exact
        where log p(x|z) is a cubic in z and the prior's KL has a formula. For other priors the
        average also stands for the KL, and is taken over 2 max(L, 256) points.

        Parameters
        ----------
        X : array-like or frame, shape (n, D)
        num_samples : int, optional
            Estimate log p(x) instead, from below, by so many importance samples, as
            `vaetut.importance_weighted_bound` does: nearer to it, and not the same every time.
        random_state : int, RandomState or None
            Of those samples; None is fresh entropy.

        Returns
        -------
        ndarray, shape (n,)
            The lower, the stranger a row. Where columns are real, it is a log-density, of values in
            the units of `X`: in other units it is another number, and the difference is the same
            for all rows. What is missing costs nothing, so compare rows with the same gaps.
            A row too strange for floating-point numbers has -inf.
        """
        x, model = self._check(X), self._network()
        generator = make_generator(_draw_seed(random_state))
        pairs = max(model.latent_dim, MIN_PAIRS if model.prior.exact else MANY_PAIRS)
        noise = _cubature(model.latent_dim, pairs).to(x)

        def score(part: torch.Tensor) -> torch.Tensor:
            if num_samples is None:
                return _elbo_under(model, part, noise)
            return importance_weighted_bound(model, part, num_samples, generator)

        scores = _by_block(score, x)
        return (self._columns.add_units(scores, x.cpu()) if self._columns else scores).numpy()

    def impute(
        self,
        X: ArrayLike,
        *,
        n_draws: int | None = None,
        return_std: bool = False,
        num_samples: int = 1000,
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
        """Fill the gaps of `X` with what the model expects there, given the rest of the row.

        By importance sampling with q(z|x), as `vaetut.impute` does it: the mean of the missing
        value, rounded for a whole number; of classes and truth values, the more probable one.

        Parameters
        ----------
        X : array-like or frame, shape (n, D)
            With gaps: the estimator's likelihood is that of a table, or `Observed`.
        n_draws : int, optional
            Return a list of so many tables instead, with random draws of the missing values: for
            what comes next to be done with each, so that it shows how uncertain they are ("multiple
            imputation").
        return_std : bool
            Return two more arrays.
        num_samples : int
            Importance samples for each row.
        random_state : int, RandomState or None
            Of all the draws; None is fresh entropy.

        Returns
        -------
        filled : as X, or an array where the estimator is not one for tables
            Values that were there stay as they are.
        std : ndarray, shape (n, D)
            Of a missing number, its standard deviation given the rest of the row; of a class, the
            probability that it is another one. Zero where nothing is missing.
        error : ndarray, shape (n, D)
            The standard error of the Monte Carlo estimate, of the mean or of that probability.

        Raises
        ------
        ValueError
            If a number is not as described, `X` has gaps that the likelihood doesn't take, or a row
            is too far from all that the model knows.
        """
        if check_flag(return_std, "return_std") and n_draws is not None:
            raise ValueError("return_std goes with one table; leave n_draws out")
        n_draws = None if n_draws is None else check_count(n_draws, "n_draws")
        X, x, generator = _array(X), self._check(X), make_generator(_draw_seed(random_state))
        found = impute(self._network(), x, num_samples, n_draws or 0, generator)
        if n_draws:
            return [self._fill(draw, X) for draw in found.draws]
        filled = self._fill(found.filled, X)
        if not return_std:
            return filled
        scale = self._columns.scale if self._columns else lambda spread: spread.cpu().numpy()
        return filled, scale(found.std), scale(found.error)

    def diagnose(self, X: ArrayLike) -> Diagnosis:
        """Look for faults and symptoms of the fitted model, by rows of the data.

        Parameters
        ----------
        X : array or frame of shape (n_samples, n_features)
            A few hundred rows are enough.

        Returns
        -------
        Diagnosis
            As `vaetut.diagnose` returns it.
        """
        model = self._network()
        return diagnose(self._check(X), model=model)

    def score(self, X: ArrayLike, y: object = None) -> float:
        """Return the mean of `score_samples`: the ELBO per row, in nats; higher is better."""
        return float(self.score_samples(X).mean(dtype=np.float64))

    def save(self, path: str | Path) -> None:
        """Write the fitted estimator to one safetensors file, which `vaetut.load_model` reads too.

        The device and Adam's moments are left out, and a RandomState is saved as None.

        Raises
        ------
        OSError
            If the file cannot be written; one that was there is as it was.
        """
        check_is_fitted(self, "model_")
        params = describe_part(self.get_params(deep=False))
        del params["device"]
        if isinstance(self.random_state, np.random.RandomState):
            params["random_state"] = None
        if isinstance(self.recipe, Recipe):
            params["recipe"] = asdict(self.recipe)
        if isinstance(self.likelihood, dict):  # JSON has names of text only, these need not be
            params["likelihood"] = describe_part(list(self.likelihood.items()))
        names = getattr(self, "feature_names_in_", None)
        card = {
            "params": params,
            "history": asdict(self.history_),
            "feature_names": None if names is None else list(names),
            "columns": self._columns and self._columns.describe(),
        }
        plain = np.generic.item  # JSON knows no numbers of NumPy's
        save_model(self.model_, path, estimator=json.dumps(card, default=plain))

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu") -> Self:
        """Read an estimator that `save` wrote; nothing in the file is executed.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        TypeError
            If a part of it is not of this package, so that nobody but you can make it; a pickle
            keeps it, and `load_model(path, into=model)` reads the network.
        ValueError
            If the file is damaged, `save` did not write it, or there is no such device.
        """
        check_device(device)
        model = load_model(path)
        try:
            card = json.loads(load_metadata(path)["estimator"])
            params, names = card["params"], card["feature_names"]
            if params["hidden_dims"] is not None:
                params["hidden_dims"] = tuple(params["hidden_dims"])  # JSON knows lists only
            params |= {key: rebuild_part(params.get(key), key) for key in ("likelihood", "prior")}
            if isinstance(params["likelihood"], list):
                params["likelihood"] = dict(params["likelihood"])
            if isinstance(params["recipe"], dict):
                params["recipe"] = Recipe(**params["recipe"])
            columns = card.get("columns")  # version 0.1 wrote none
            est = cls(**params, device=device)
            est._columns = columns and Columns.rebuild(columns)
            est.history_ = History(**card["history"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path} is damaged or is not a saved estimator ({error!r}); "
                "expected a file written by VariationalAutoencoder.save"
            ) from error
        est.model_, est._state, est.n_features_in_ = model, None, model.input_dim
        if names is not None:
            est.feature_names_in_ = np.array(names, dtype=object)
        return est

    @property
    def n_iter_(self) -> int:
        """Passes that were made over the data."""
        return len(self.history_.epoch)

    @property
    def likelihoods_(self) -> dict[Any, str | Likelihood]:
        """Of a table: the likelihood of each column, by its name; a mapping to start from."""
        check_is_fitted(self, "model_")
        if not self._columns:
            raise AttributeError("likelihoods_ is there for tables: likelihood='auto' or a mapping")
        return {column.name: column.likelihood for column in self._columns.columns}

    @property
    def _is_for_tables(self) -> bool:
        """Whether each column has its own likelihood."""
        wish = self.likelihood
        return isinstance(wish, dict) or (isinstance(wish, str) and wish == "auto")

    @property
    def _n_features_out(self) -> int:
        return self.model_.latent_dim

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.categorical = self._is_for_tables
        takes_gaps = getattr(self.likelihood, "takes_gaps", False)
        tags.input_tags.allow_nan = self._is_for_tables or takes_gaps
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle holds: any machine can read it, for its tensors are on the CPU."""
        return {name: _on_cpu(value) for name, value in super().__getstate__().items()}

    def _make_recipe(self) -> Recipe:
        params, names = self.get_params(deep=False), {field.name for field in fields(Recipe)}
        chosen = {k: v for k, v in params.items() if k in names and v is not None}
        recipe = self.recipe if isinstance(self.recipe, Recipe) else RECIPES[self.recipe]
        return replace(recipe, **chosen)

    def _build(self, x: torch.Tensor, seed: int) -> VAE:
        likelihood = self._columns.make_likelihood() if self._columns else self.likelihood
        assert not isinstance(likelihood, dict)  # of a dict there are columns
        parts = copy.deepcopy((likelihood, self.variance, self.prior))  # the caller's stay
        likelihood, variance, prior = parts
        sizes = x.shape[1], self.latent_dim
        model = self._make_recipe().build_model(*sizes, likelihood, variance, seed, prior)
        return model.to(x)

    def _network(self) -> VAE:
        """Return the fitted network, on `device`."""
        check_is_fitted(self, "model_")
        device, floats = self._place()
        model = unwrap(self.model_).to(device)
        return model if len(floats) > 1 else model.to(torch.float32)

    def _place(self) -> tuple[torch.device, tuple[type, ...]]:
        """Return the device, and the dtypes that it has."""
        device = check_device(self.device)
        return device, FLOATS[1:] if device.type in NO_FLOAT64 else FLOATS

    def _check(self, X: ArrayLike, reset: bool = False) -> torch.Tensor:
        """Return rows (n, D) as a tensor, of the dtype and on the device of the network."""
        if not reset:
            check_is_fitted(self, "model_")
        device, floats = self._place()
        table = self._is_for_tables if reset else self._columns is not None
        x = (self._check_table if table else self._check_array)(_array(X), reset, floats)
        return x.to(device) if reset else x.to(next(self._network().parameters()))

    def _check_array(self, X: Any, reset: bool, floats: tuple[type, ...]) -> torch.Tensor:
        self._columns = None
        likelihood = make_likelihood(self.likelihood)  # type: ignore[arg-type]  # refuses a dict
        if not reset:
            likelihood = self._network().likelihood
        gaps = "allow-nan" if likelihood.takes_gaps else True
        try:
            X = validate_data(self, X, reset=reset, dtype=floats, ensure_all_finite=gaps)
        except ValueError as error:
            if is_frame(X) or "NaN" in str(error):
                error.add_note("For a table with classes or gaps: likelihood='auto'.")
            raise
        return likelihood.check(_tensor(X), "X", "Put MinMaxScaler(clip=True) before the estimator")

    def _check_table(self, X: ArrayLike, reset: bool, floats: tuple[type, ...]) -> torch.Tensor:
        """Return the numbers of a table, whose columns are learned on `reset`."""
        table = read_table(X)
        validate_data(self, X, reset=reset, skip_check_array=True)
        if reset:
            wishes = self.likelihood if isinstance(self.likelihood, dict) else None
            self._columns = Columns.learn(table, wishes)
        assert self._columns  # learned now, or before
        x = self._columns.encode(table)
        return x.float() if self._columns.single or np.float64 not in floats else x

    def _mean(self, z: torch.Tensor) -> torch.Tensor:
        """Return the means of p(x|z), (n, D), for codes (n, L); of a table, its best guesses."""
        model = self._network()
        if not self._columns:
            return model.decode_mean(z)
        alone = z.new_ones(1, len(z))  # one code for each row
        return best_guess(model.likelihood, model.decode(z[None]), alone)[0]

    def _present(self, rows: torch.Tensor, like: Any = None) -> Any:
        """Return rows (n, D) in the form that `X` had in fit, with the index of `like`."""
        return self._columns.decode(rows, like) if self._columns else rows.cpu().numpy()

    def _fill(self, rows: torch.Tensor, X: Any) -> Any:
        """Return `X` with values from rows (n, D) in its gaps."""
        return self._columns.fill(rows, X) if self._columns else rows.cpu().numpy()

    def _check_codes(self, Z: ArrayLike) -> torch.Tensor:
        """Return codes (n, L) as a tensor, of the dtype and on the device of the network."""
        model = self._network()
        z = _tensor(check_array(_array(Z), dtype=FLOATS, input_name="Z"))
        check_batch(z, model.latent_dim, name="Z")
        return z.to(next(model.parameters()))


def _cubature(dim: int, pairs: int) -> torch.Tensor:
    """Return points (2 pairs, L) whose mean, covariance and third moments are those of N(0, I).

    For pairs = L they are the third-degree spherical-radial rule (Arasaratnam & Haykin 2009),
    rotated. For an MNIST model with L = 20 they miss the mean ELBO by less than 0.01 nats, where
    as many random draws, shared by all rows, miss it by about 0.5.
    """
    like = torch.empty(0, dtype=torch.float64, device="cpu")
    random = standard_normal((pairs, dim), like, make_generator(0, EVALUATION))
    half = math.sqrt(pairs) * torch.linalg.qr(random).Q  # half.T @ half = pairs * I
    return torch.cat([half, -half])


def _elbo_under(model: VAE, x: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Return the ELBO of every row, (B,), for noise (K, L) that the rows share."""
    q = model.encode(x)  # (B, L)
    z = q.mu + (0.5 * q.log_var).exp() * noise[:, None]  # (K, B, L)
    log_likelihood = sum(model.log_likelihood(x, each) for each in z) / len(noise)
    elbo = log_likelihood - model.kl(q, z).sum(-1)
    return elbo.nan_to_num(nan=-math.inf, neginf=-math.inf)  # NaN: a cost, and so z, overflowed


@torch.no_grad()
def _by_block(function: Callable[[torch.Tensor], torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
    return torch.cat([function(block) for block in torch.split(rows, BLOCK)]).cpu()


def _array(X: ArrayLike) -> ArrayLike:
    """Let scikit-learn see a tensor as an array, since it doesn't know PyTorch's dtypes."""
    if not isinstance(X, torch.Tensor):
        return X
    return (X.float() if X.dtype == torch.bfloat16 else X).numpy(force=True)  # NumPy has no bf16


def _on_cpu(value: Any) -> Any:
    """Return a copy of a module, a tensor, or lists and dicts of them, with all tensors there."""
    if isinstance(value, torch.nn.Module):
        return copy.deepcopy(value).cpu()
    if isinstance(value, torch.Tensor):
        return value.cpu()
    if isinstance(value, list):
        return [_on_cpu(each) for each in value]
    if isinstance(value, dict):
        return {key: _on_cpu(each) for key, each in value.items()}
    return value


def _tensor(array: np.ndarray) -> torch.Tensor:
    """Wrap an array, or a copy where PyTorch can't take it: read-only, or not contiguous."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))


def _draw_seed(random_state: int | np.random.RandomState | None) -> int:
    """Return an int as it is; scikit-learn's way for None would draw from NumPy's global state."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, Integral):
        return check_count(random_state, "random_state", minimum=0, maximum=math.inf)
    return int(check_random_state(random_state).randint(2**31 - 1))
