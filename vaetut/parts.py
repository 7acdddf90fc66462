"""Descriptions of a model's parts, as JSON holds them: the type of each, and its settings."""

from __future__ import annotations

import json
from typing import Any

from torch import nn

from . import likelihoods, networks, priors
from .model import VAE

PARTS = ("encoder", "decoder", "likelihood", "prior")
_KNOWN = {
    kind.__name__: kind
    for home in (likelihoods, networks, priors)
    for kind in vars(home).values()
    if isinstance(kind, type) and kind.__module__.startswith(home.__name__)
}


_FOREIGN = ", which is not of this package"


class ForeignPart(TypeError):
    """A part that is not of this package, so that only its owner can make it."""


def describe(model: VAE) -> dict[str, Any]:
    """Return what tells one model from another, but for its weights.

    Parameters
    ----------
    model : VAE

    Returns
    -------
    dict
        "model", its class; "input_dim"; and for each of `PARTS` its "type" and its "config": what
        its class is called with. Of a part that is not of this package, those of its own public
        attributes that JSON can hold, and PyTorch's account of its layers.
    """
    return {
        "model": _name(model, VAE),
        "input_dim": model.input_dim,
        **{name: describe_part(getattr(model, name)) for name in PARTS},
    }


def rebuild(description: dict[str, Any]) -> VAE:
    """Make a model as described, with fresh weights.

    Parameters
    ----------
    description : dict
        What `describe` returned.

    Returns
    -------
    VAE

    Raises
    ------
    ForeignPart
        If one is not of this package: it says which.
    KeyError, TypeError, ValueError
        If the description is none.
    """
    if str(description["model"]).endswith(_FOREIGN):
        raise ForeignPart(f"the model is a {description['model']}")
    parts = {name: rebuild_part(description[name], name) for name in PARTS}
    return VAE(description["input_dim"], **parts)


def describe_part(value: Any) -> Any:
    """Return any value with a description for every part in it."""
    if isinstance(value, nn.Module):
        ours = _KNOWN.get(type(value).__name__)
        config = value.config if type(value) is ours else _settings(value)
        return {"type": _name(value, ours), "config": describe_part(config)}
    if isinstance(value, dict):
        return {key: describe_part(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [describe_part(each) for each in value]
    return value


def rebuild_part(value: Any, name: str) -> Any:
    """Return any value with a part for every description in it; `name` says which it is."""
    if isinstance(value, dict) and value.keys() == {"type", "config"}:
        if str(value["type"]).endswith(_FOREIGN):
            raise ForeignPart(f"its {name} is a {value['type']}")
        return _KNOWN[value["type"]](**rebuild_part(value["config"], name))
    if isinstance(value, dict):
        return {key: rebuild_part(each, name) for key, each in value.items()}
    if isinstance(value, list):
        return [rebuild_part(each, name) for each in value]
    return value


def _name(value: nn.Module, ours: type | None) -> str:
    name = type(value).__name__
    return name if type(value) is ours else name + _FOREIGN


def _settings(value: nn.Module) -> dict[str, Any]:
    """Return what tells a part of somebody's own from others of its class."""
    own = {name: each for name, each in vars(value).items() if not name.startswith("_")}
    del own["training"]
    return {name: each for name, each in own.items() if _fits_json(each)} | {"layers": repr(value)}


def _fits_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
