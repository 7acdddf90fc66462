"""Variational autoencoders, step by step: the package behind the book.

The names below are all that one needs; importing them changes no global state.
"""

import importlib
from typing import Any

__version__ = "0.2.0"

# Each public name and the module where it lives; loaded at the first use, because scikit-learn and
# matplotlib would double the time of `import vaetut`.
_HOME = {
    "load_mnist": "data",
    "load_dataset": "data",
    "binarize": "data",
    "Normal": "distributions",
    "reparameterize": "distributions",
    "Likelihood": "likelihoods",
    "Bernoulli": "likelihoods",
    "Binomial": "likelihoods",
    "Categorical": "likelihoods",
    "DiscretizedLogistic": "likelihoods",
    "Gaussian": "likelihoods",
    "Mixed": "likelihoods",
    "NegativeBinomial": "likelihoods",
    "Observed": "likelihoods",
    "Poisson": "likelihoods",
    "bernoulli_log_likelihood": "likelihoods",
    "gaussian_log_likelihood": "likelihoods",
    "ConvDecoder": "networks",
    "ConvEncoder": "networks",
    "Decoder": "networks",
    "Encoder": "networks",
    "Prior": "priors",
    "Mixture": "priors",
    "StandardNormal": "priors",
    "VampPrior": "priors",
    "kl_per_dimension": "priors",
    "VAE": "model",
    "Elbo": "objective",
    "elbo": "objective",
    "importance_weighted_bound": "objective",
    "kl_standard_normal": "objective",
    "list_pretrained": "pretrained",
    "load_card": "pretrained",
    "load_model": "pretrained",
    "load_pretrained": "pretrained",
    "save_model": "pretrained",
    "ARTICLE": "recipe",
    "FAST": "recipe",
    "History": "history",
    "Recipe": "recipe",
    "train": "training",
    "AggregatePosterior": "evaluation",
    "Report": "evaluation",
    "aggregate_posterior": "evaluation",
    "evaluate": "evaluation",
    "refine_posterior": "refinement",
    "Diagnosis": "doctor",
    "diagnose": "doctor",
    "Imputation": "imputation",
    "impute": "imputation",
    "VariationalAutoencoder": "estimator",
}
_MODULES = sorted({"cli", "exercises", "grading", "parts", "plotting", "web", *_HOME.values()})

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import a public name, or a module, when it is first asked for (PEP 562)."""
    if name in _HOME:
        value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    elif name in _MODULES:
        value = importlib.import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module 'vaetut' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
