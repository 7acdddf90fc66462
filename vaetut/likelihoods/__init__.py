"""Likelihoods p(x|z): what kind of data a decoder describes, and at what price.

A likelihood of your own is a subclass of `Likelihood` with `log_prob_each`, `mean` and `sample`.
"""

from __future__ import annotations

from ..checks import brief
from .base import Likelihood
from .bernoulli import Bernoulli, bernoulli_log_likelihood
from .discrete import Binomial, Categorical, DiscretizedLogistic, NegativeBinomial, Poisson
from .gaussian import Gaussian, gaussian_log_likelihood
from .tables import Mixed, Observed

__all__ = [
    "LIKELIHOODS",
    "Bernoulli",
    "Binomial",
    "Categorical",
    "DiscretizedLogistic",
    "Gaussian",
    "Likelihood",
    "Mixed",
    "NegativeBinomial",
    "Observed",
    "Poisson",
    "bernoulli_log_likelihood",
    "gaussian_log_likelihood",
    "make_likelihood",
]
LIKELIHOODS = ("bernoulli", "gaussian")  # those that have a short name


def make_likelihood(likelihood: str | Likelihood, variance: float | str = 1.0) -> Likelihood:
    """Return the likelihood of that name, or the one that was given."""
    if isinstance(likelihood, Likelihood):
        if variance != 1.0:
            raise ValueError("variance belongs to likelihood='gaussian'; give it to Gaussian(…)")
        return likelihood
    if not isinstance(likelihood, str):
        call = "; call the class to make one" if isinstance(likelihood, type) else ""
        raise TypeError(f"likelihood must be a Likelihood, got {brief(likelihood)}{call}")
    if likelihood not in LIKELIHOODS:
        raise ValueError(
            f"likelihood must be one of 'bernoulli', 'gaussian'; got {brief(likelihood)}; others "
            "have no short name: pass one, e.g. vaetut.Poisson()"
        )
    gaussian = Gaussian(variance)  # which also checks a variance that no one needs
    return gaussian if likelihood == "gaussian" else Bernoulli()
