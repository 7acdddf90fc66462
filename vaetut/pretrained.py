"""Trained weights: safetensors files, each with a card that says how it was made."""

from __future__ import annotations

import json
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from .checks import brief
from .files import write_file
from .model import VAE, unwrap
from .parts import describe, rebuild

VERSION = 2  # of the format of files
_OLD = {
    "likelihood.log_var": "log_var_x"
}  # names of weights, and what the first edition called them
_FOLDER = files("vaetut") / "assets" / "weights"


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


def load_card(name: str) -> dict:
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
    return json.loads(_bundled(name).with_suffix(".json").read_text())


def save_model(model: VAE, path: str | Path, **metadata: str) -> None:
    """Write a model's weights and architecture, and further `metadata`, to one safetensors file.

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
        If `load_model` could not read the file: the weights are not those of `VAE(**model.config)`
        or not finite, or the metadata are not strings.
    OSError
        If the file cannot be written; one that was there is as it was.
    """
    model = unwrap(model)
    for name, value in metadata.items():
        if not isinstance(value, str):
            raise TypeError(f"metadata must be strings, got {name}={brief(value)}")
    # Copies: safetensors refuses weights that two layers share.
    tensors = {key: value.cpu().clone().contiguous() for key, value in model.state_dict().items()}
    if not all(value.isfinite().all() for value in tensors.values()):
        raise ValueError("the model holds weights that are not finite; it cannot be of use")
    card = {"version": VERSION, "checksum": _checksum(tensors)} | describe(model)
    write_file(path, save(tensors, metadata=metadata | {"vaetut": json.dumps(card)}))


def load_model(path: str | Path, into: VAE | None = None) -> VAE:
    """Read a model that `save_model` wrote; nothing in the file is executed.

    Parameters
    ----------
    path : path
    into : VAE, optional
        A model of the same parts, which gets the weights: needed where a part is not of this
        package, so that nobody but you can make it.

    Returns
    -------
    VAE

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If the model cannot be made again, or `into` has other parts.
    ValueError
        If the file is damaged, or is not a model of this package.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with safe_open(path, framework="pt") as file:
            card = _upgrade(json.loads((file.metadata() or {})["vaetut"]))
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            _compare(card, shapes, into)
            weights = {name: file.get_tensor(name) for name in shapes}
        if card["checksum"] not in (None, _checksum(weights)):
            raise ValueError("its weights are not those that were saved")
        model = rebuild(card) if into is None else unwrap(into)
        for name, old in _OLD.items():
            if old in weights:
                weights[name] = weights.pop(old)
        model.to(next(iter(weights.values())).dtype).load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{path} is damaged or is not a vaetut model ({error}); "
            "expected a safetensors file written by save_model"
        ) from error
    if not all(weight.isfinite().all() for weight in weights.values()):
        raise ValueError(f"{path} is damaged: it holds weights that are not finite")
    return model


def _upgrade(card: dict) -> dict:
    """Return the description in a file; of the first edition, in today's words."""
    if "version" in card:
        if card["version"] != VERSION:
            raise ValueError(f"it has version {card['version']}, and {VERSION} can be read")
        return card
    with torch.device("meta"):
        return describe(VAE(**card)) | {"checksum": None}


def _compare(card: dict, shapes: dict[str, tuple[int, ...]], into: VAE | None) -> None:
    """Raise unless the model that is to get the weights has their shapes; none is made for that."""
    if into is None:
        with torch.device("meta"):  # where weights have shapes, and no memory
            model = rebuild(card)
    else:
        model = unwrap(into)
        differing = [k for k, v in describe(model).items() if json.loads(json.dumps(v)) != card[k]]
        if differing:
            raise ValueError(f"the model in it has another {' and '.join(differing)} than `into`")
    wanted = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    wanted = {
        _OLD.get(name, name) if _OLD.get(name) in shapes else name: s for name, s in wanted.items()
    }
    if odd := sorted(name for name, _ in shapes.items() ^ wanted.items()):
        raise ValueError(
            f"its weights have other shapes than its settings ask for: {', '.join(odd[:3])}"
        )


def _checksum(weights: dict[str, torch.Tensor]) -> str:
    """Return the SHA-256 of all weights, in the order of their names."""
    digest = sha256()
    for name, weight in sorted(weights.items()):
        digest.update(name.encode())
        digest.update(weight.flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def load_metadata(path: str | Path) -> dict[str, str]:
    """Return the strings that stand beside the weights in a file that `load_model` can read."""
    with safe_open(path, framework="pt") as file:
        return file.metadata()


def _bundled(name: str) -> Path:
    if name not in list_pretrained():
        known = ", ".join(list_pretrained())
        raise ValueError(
            f"there is no model {brief(name)}; there are: {known}. load_model reads other files"
        )
    return Path(str(_FOLDER / f"{name}.safetensors"))
