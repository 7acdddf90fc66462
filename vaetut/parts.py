"""Descriptions of a model's parts, as JSON holds them: the type of each, and its settings."""

from __future__ import annotations

from typing import Any

from torch import nn

from . import likelihoods, networks, priors
from .model import VAE

PARTS = ("encoder", "decoder", "likelihood", "prior")
_KNOWN = {
    kind.__name__: kind
    for home in (likelihoods, networks, priors)
    for kind in vars(home).values()
    if isinstance(kind, type) and issubclass(kind, nn.Module) and kind.__module__ == home.__name__
}


class ForeignPart(TypeError):
    """A part that is not of this package, so that only its owner can make it."""


def describe(model: VAE) -> dict[str, Any]:
    """Return what tells one model from another, but for its weights.

    A part of this package is named by its class and its `config`, any other by where its class
    lives.
    """
    return {
        "model": _name(type(model), {"VAE": VAE}),
        "input_dim": model.input_dim,
        **{name: _describe(getattr(model, name)) for name in PARTS},
    }


def rebuild(description: dict[str, Any]) -> VAE:
    """Make a model as described, with fresh weights.

    Raises
    ------
    ForeignPart
        If one is not of this package: it says which.
    KeyError, TypeError, ValueError
        If the description is none.
    """
    if description["model"] != "VAE":
        raise ForeignPart(f"the model is a {description['model']}")
    parts = {name: _rebuild(description[name], name) for name in PARTS}
    return VAE(description["input_dim"], **parts)


def _name(kind: type, known: dict[str, type]) -> str:
    ours = known.get(kind.__name__) is kind
    return kind.__name__ if ours else f"{kind.__module__}.{kind.__qualname__}"


def _describe(value: Any) -> Any:
    if isinstance(value, nn.Module):
        return {"type": _name(type(value), _KNOWN), "config": _describe(vars(value).get("config"))}
    if isinstance(value, dict):
        return {key: _describe(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_describe(each) for each in value]
    return value


def _rebuild(value: Any, name: str) -> Any:
    if isinstance(value, dict) and value.keys() == {"type", "config"}:
        if value["type"] not in _KNOWN:
            raise ForeignPart(f"its {name} is a {value['type']}")
        return _KNOWN[value["type"]](**_rebuild(value["config"], name))
    if isinstance(value, dict):
        return {key: _rebuild(each, name) for key, each in value.items()}
    if isinstance(value, list):
        return [_rebuild(each, name) for each in value]
    return value
