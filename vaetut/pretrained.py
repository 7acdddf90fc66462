"""Trained weights: safetensors files, each with a card that says how it was made."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from .checks import brief
from .files import write_file
from .model import VAE, unwrap

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
    _check_readable(model, metadata)
    # Copies: safetensors refuses weights that two layers share.
    tensors = {key: value.cpu().clone().contiguous() for key, value in model.state_dict().items()}
    write_file(path, save(tensors, metadata=metadata | {"vaetut": json.dumps(model.config)}))


def load_model(path: str | Path) -> VAE:
    """Read a model that `save_model` wrote; nothing in the file is executed.

    Parameters
    ----------
    path : path

    Returns
    -------
    VAE

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, or is not a model of this package.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with safe_open(path, framework="pt") as file:
            model = VAE(**json.loads((file.metadata() or {})["vaetut"]))
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            model.to(weights["decoder.out.bias"].dtype).load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{path} is damaged or is not a vaetut model ({error}); "
            "expected a safetensors file written by save_model"
        ) from error
    if not all(torch.isfinite(p).all() for p in model.parameters()):
        raise ValueError(f"{path} is damaged: it holds weights that are not finite")
    return model


def _check_readable(model: VAE, metadata: dict[str, str]) -> None:
    """Raise unless `load_model` can read what `save_model` is about to write."""
    shapes, wanted = (
        {name: tuple(weight.shape) for name, weight in each.state_dict().items()}
        for each in (model, VAE(**model.config))
    )
    if odd := sorted(name for name, _ in shapes.items() ^ wanted.items()):
        raise TypeError(
            f"save_model writes the networks of VAE, and this model has others ({odd[0]}); "
            "write its state_dict() with torch.save"
        )
    if not all(weight.isfinite().all() for weight in model.state_dict().values()):
        raise ValueError("the model holds weights that are not finite; it cannot be of use")
    for name, value in metadata.items():
        if not isinstance(value, str):
            raise TypeError(f"metadata must be strings, got {name}={brief(value)}")


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
