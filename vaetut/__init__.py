"""Variational autoencoders, step by step: the package behind the book.

The names below are all that one needs; importing them changes no global state.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

# Each public name and the module where it lives; loaded at the first use, because scikit-learn and
# matplotlib would double the time of `import vaetut`.
_HOME = {
    "load_mnist": "data",
    "load_dataset": "data",
    "binarize": "data",
    "Encoder": "networks",
    "Decoder": "networks",
    "VAE": "model",
    "reparameterize": "distributions",
    "bernoulli_log_likelihood": "likelihoods",
    "gaussian_log_likelihood": "likelihoods",
    "Elbo": "objective",
    "elbo": "objective",
    "importance_weighted_bound": "objective",
    "kl_per_dimension": "priors",
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
    "VariationalAutoencoder": "estimator",
}
_MODULES = ("cli", "exercises", "plotting", "web", *sorted(set(_HOME.values())))

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
