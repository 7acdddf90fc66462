"""Trained weights: safetensors files, each with a card that says how it was made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from .checks import brief
from .files import write_file
from .model import VAE, unwrap
from .parts import ForeignPart, describe, rebuild

VERSION = 2  # of the format of files; the first edition's, without a number, can be read
KEY = "vaetut"  # of the parts, in a file's metadata
_NEW = {"log_var_x": "likelihood.log_var"}  # names of weights in the first edition, and today
_FOLDER = files("vaetut") / "assets" / "weights"


class _OtherParts(ValueError):
    """A model to fill has not the parts of the one in the file."""


def list_pretrained() -> list[str]:
    """List the names of the bundled models.

    Returns
    -------
    list of str
    """
    return sorted(Path(f.name).stem for f in _FOLDER.iterdir() if f.name.endswith(".safetensors"))


def load_pretrained(name: str) -> VAE:
    """Load a bundled model, in evaluation mode.

    Parameters
    ----------
    name : str
        One of `list_pretrained()`, e.g. "article-20d".

    Returns
    -------
    VAE

    Raises
    ------
    ValueError
        If there is no such model, or its file is damaged.
    """
    return load_model(_bundled(name)).eval()


def load_card(name: str) -> dict[str, Any]:
    """Load the card of a bundled model: recipe, seed, versions, curves and test metrics.

    Parameters
    ----------
    name : str
        One of `list_pretrained()`.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If there is no such model.
    """
    card: dict[str, Any] = json.loads(_bundled(name).with_suffix(".json").read_text())
    return card


def save_model(model: VAE, path: str | Path, **metadata: str) -> None:
    """Write a model's parts and weights, and further `metadata`, to one safetensors file.

    Parameters
    ----------
    model : VAE
    path : path
        Of the file; its folder must exist.
    metadata : str
        Strings to keep beside the weights, by name.

    Raises
    ------
    TypeError, ValueError
        If `load_model` could not read the file: weights are not finite, or not those that a part's
        settings ask for, or the metadata are not strings.
    OSError
        If the file cannot be written; one that was there is as it was.
    """
    model = unwrap(model)
    for name, value in metadata.items():
        if not isinstance(value, str):
            raise TypeError(f"metadata must be strings, got {name}={brief(value)}")
    if KEY in metadata:
        raise ValueError(f"the name {KEY!r} is taken: the model's parts stand there")
    card = describe(model) | {"version": VERSION}
    # Copies: safetensors refuses weights that two layers share.
    weights = {key: value.cpu().clone().contiguous() for key, value in model.state_dict().items()}
    if not all(value.isfinite().all() for value in weights.values()):
        raise ValueError("the model holds weights that are not finite; it cannot be of use")
    with suppress(ForeignPart):  # whose weights nobody knows but its owner
        shapes, skeleton = {k: weight.shape for k, weight in weights.items()}, _skeleton(card)
        odd = _compare_shapes(shapes, skeleton)
        if odd or repr(model) != repr(skeleton):
            raise TypeError(
                f"the model has other {odd or 'layers'} than its parts' settings ask for; "
                "write its state_dict() with torch.save"
            )
    card["checksum"] = _checksum(card, metadata, weights)
    write_file(path, save(weights, metadata=metadata | {KEY: json.dumps(card)}))


def load_model(path: str | Path, into: VAE | None = None) -> VAE:
    """Read a model that `save_model` wrote; nothing in the file is executed.

    Parameters
    ----------
    path : path
    into : VAE, optional
        A model of the same parts, which gets the weights, and their dtype. It is needed where a
        part is not of this package, so that nobody but you can make it.

    Returns
    -------
    VAE
        A new one, or `into`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If a part is not of this package, and there is no `into`.
    ValueError
        If the file is damaged, is not a model of this package, or holds another than `into`. Then
        `into` is as it was.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    into = into if into is None else unwrap(into)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            card = _upgrade(json.loads(metadata.pop(KEY)))
            names = {_NEW.get(name, name): name for name in file.keys()}  # noqa: SIM118
            shapes = {name: file.get_slice(old).get_shape() for name, old in names.items()}
            wanted = _skeleton(card) if into is None else _check_same(into, card)
            if odd := _compare_shapes(shapes, wanted):
                raise ValueError(f"its weights are not those that its settings ask for: {odd}")
            weights = {name: file.get_tensor(old) for name, old in names.items()}
        if "version" in card and card.pop("checksum") != _checksum(card, metadata, weights):
            raise ValueError("it is not as it was saved: its checksum is another")
        if not all(weight.isfinite().all() for weight in weights.values()):
            raise ValueError("it holds weights that are not finite")
        model = rebuild(card) if into is None else into
        model.to(next(iter(weights.values())).dtype).load_state_dict(weights)
    except ForeignPart as error:
        raise TypeError(
            f"{path} holds a model that this package cannot make: {error}. Make it as before, "
            "then load_model(path, into=model)"
        ) from error
    except _OtherParts as error:
        raise ValueError(f"{path} holds another model than `into`: {error}") from error
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{path} is damaged or is not a vaetut model ({error}); "
            "expected a safetensors file written by save_model"
        ) from error
    return model


def _upgrade(card: dict[str, Any]) -> dict[str, Any]:
    """Return the parts that a file names; those of the first edition, in today's words."""
    if "version" in card:
        if card["version"] != VERSION:
            raise ValueError(f"its format is {card['version']}; this package reads {VERSION}")
        return card
    with torch.device("meta"):
        return describe(VAE(**card))


def _skeleton(card: dict[str, Any]) -> VAE:
    """Make a model whose weights have shapes, and take no memory."""
    with torch.device("meta"):
        return rebuild(card)


def _check_same(model: VAE, card: dict[str, Any]) -> VAE:
    """Return the model; raise unless its parts are those of the card."""
    own = json.loads(json.dumps(describe(model)))  # as in a file
    if other := _first_difference({name: card[name] for name in own}, own):
        raise _OtherParts(other)
    return model


def _first_difference(saved: Any, own: Any, place: str = "") -> str:
    """Say where two descriptions part, and how; nothing where they agree."""
    if isinstance(saved, dict) and isinstance(own, dict):
        if odd := sorted(saved.keys() ^ own.keys()):
            return f"only one of them has {place}.{odd[0]}"
        below = (_first_difference(saved[k], own[k], f"{place}.{k}" if place else k) for k in own)
        return next(filter(None, below), "")
    return "" if saved == own else f"{place} is {brief(saved)} there, and {brief(own)} here"


def _compare_shapes(shapes: dict[str, Sequence[int]], model: VAE) -> str:
    """Name the first weights of which the shape, or the weight, is missing or another."""
    found = {name: tuple(shape) for name, shape in shapes.items()}
    wanted = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    odd = sorted({name for name, _ in found.items() ^ wanted.items()})
    return ", ".join(odd[:3])


def _checksum(
    card: dict[str, Any], metadata: dict[str, str], weights: dict[str, torch.Tensor]
) -> str:
    """Return the SHA-256 of all that a file holds."""
    digest = sha256(json.dumps([card, metadata], sort_keys=True).encode())
    for name, weight in sorted(weights.items()):
        digest.update(f"{name} {weight.dtype} {list(weight.shape)}".encode())
        digest.update(weight.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def load_metadata(path: str | Path) -> dict[str, str]:
    """Return the strings that stand beside the weights in a file that `load_model` can read."""
    with safe_open(path, framework="pt") as file:
        metadata: dict[str, str] = file.metadata()
    return metadata


def _bundled(name: str) -> Path:
    if name not in list_pretrained():
        known = ", ".join(list_pretrained())
        raise ValueError(
            f"there is no model {brief(name)}; there are: {known}. load_model reads other files"
        )
    return Path(str(_FOLDER / f"{name}.safetensors"))
