"""Export a model for the page that runs it in the browser: one JSON text, of rounded weights.

The text is one object, format "vaetut-web/1"; arrays are base64, little-endian, row by row:

- "config": the keyword arguments of `VAE`.
- "encoder": {"hidden": [layer, ...], "mu": layer, "log_var": layer};
  "decoder": {"hidden": [layer, ...], "out": layer}. A layer is {"shape": [rows, columns],
  "bits": 8 or 16, "weight": int8 or int16, "scale": float32 (rows,), "bias": float32 (rows,)} and
  computes y = scale * (weight @ x) + bias; the activation follows each hidden layer.
- "points": {"z": int16 (N, 2), in steps of "step", "labels": uint8 (N,)}: one draw z ~ q(z|x) for
  each of N images, so a sample of the aggregate posterior.
- "typical": {"distortion", "rate"}: means over those images, in nats, at those z.
- "examples": {"images": uint8 (M, D), "labels": uint8 (M,)}: the first images of each class.
- "colors": {"digits": [ten hex colours], and one for each distribution}, as in all figures.
"""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import numpy as np
import torch
from torch import nn

from .checks import check_choice, check_count, check_images
from .colors import COLORS, PALETTE
from .likelihoods import Bernoulli
from .model import VAE, unwrap
from .networks import Decoder, Encoder
from .noise import EVALUATION, make_generator
from .priors import StandardNormal

FORMAT = "vaetut-web/1"
GLOBAL = "VAETUT_EXPORT"  # what the script calls the object
ACTIVATIONS = ("elu", "leaky_relu", "relu", "sigmoid", "silu", "softplus", "tanh")  # in the page
STEP = 1e-3  # of the points; far below what a screen can show
# The few large layers get 8 bits, since they make the size; the small ones make the difference.
LARGE = 100_000  # weights
_KINDS = {
    "encoder": Encoder,
    "decoder": Decoder,
    "likelihood": Bernoulli,
    "prior": StandardNormal,
}
INTEGERS = {8: "<i1", 16: "<i2"}


def export_json(
    model: VAE,
    images: torch.Tensor,
    labels: torch.Tensor,
    num_points: int = 3000,
    num_examples: int = 4,
    seed: int = 0,
) -> str:
    """Return a model, and what its page shows around it, as JSON in the format above.

    Each row of a weight matrix is rounded to levels of its own, 255 in a large matrix and 65,535
    in a small one. `load_json` reads the rounded model back; points and typical costs are already
    those of the rounded one.

    Parameters
    ----------
    model : VAE
        With two latent dimensions, Bernoulli pixels, and square images.
    images : Tensor, shape (N, D)
        In [0, 1]; not those of the training.
    labels : Tensor of int, shape (N,)
        Digits 0 to 9.
    num_points : int
        How many images, drawn at random, lend a point to the plane.
    num_examples : int
        Images of each class to choose from, the first that there are.
    seed : int
        Of that draw, and of the points' noise.

    Returns
    -------
    str

    Raises
    ------
    TypeError, ValueError
        If the page cannot run or show such a model, or images and labels don't fit it.
    """
    model = unwrap(model)
    encoder, decoder = _check_model(model)
    images = check_images(images, model.input_dim, name="images").detach().float()
    num_points = check_count(num_points, "num_points")
    num_examples = check_count(num_examples, "num_examples")
    if not isinstance(labels, torch.Tensor):
        raise TypeError(f"labels must be a torch.Tensor, got {type(labels).__name__}")
    if labels.shape != images.shape[:1]:
        raise ValueError(
            f"labels must have shape ({len(images)},), one for each image, got {(*labels.shape,)}"
        )
    if labels.is_floating_point() or not ((labels >= 0) & (labels < len(PALETTE))).all():
        low, high = (value.item() for value in labels.aminmax())
        raise ValueError(
            f"labels must be integers from 0 to {len(PALETTE) - 1}, got {labels.dtype} from {low} "
            f"to {high}"
        )
    config = encoder.config | {"likelihood": "bernoulli", "variance": 1.0}
    export = {"format": FORMAT, "config": config} | _networks(encoder, decoder)
    rounded = _read_model(export)
    export |= _points(rounded, images, labels, num_points, seed)
    export |= _examples(images, labels, num_examples)
    export["colors"] = {"digits": list(PALETTE), **COLORS}
    return json.dumps(export, indent=0)


def load_json(text: str) -> VAE:
    """Read the model in what `export_json` has returned: its rounded weights, in float32.

    Parameters
    ----------
    text : str
        JSON, or the script that `as_script` makes of it.

    Returns
    -------
    VAE
        In evaluation mode.

    Raises
    ------
    TypeError, ValueError
        If the text is something else.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a str, got {type(text).__name__}")
    try:
        export = json.loads(text.removeprefix(f"globalThis.{GLOBAL} = ").rstrip(";\n"))
        check_choice(export["format"], "format", (FORMAT,))
        return _read_model(export)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"this is no export in the format {FORMAT} ({error}); give the text that export_json "
            "returned, or Path(…).read_text() of the file it was written to"
        ) from error


def export_layer(linear: nn.Linear, bits: int) -> dict[str, Any]:
    """Return a layer in the format above.

    Each row is rounded to multiples of a 127th, or 32,767th, of its largest weight.

    Parameters
    ----------
    linear : nn.Linear
    bits : int
        Of a weight: 8 or 16.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If the bits are others.
    """
    check_choice(bits, "bits", tuple(INTEGERS))
    weight = linear.weight.detach().float().cpu()  # (rows, columns)
    levels = 2 ** (bits - 1) - 1
    largest = weight.abs().amax(1, keepdim=True)
    scale = torch.where(largest > 0, largest / levels, 1.0)
    return {
        "shape": list(weight.shape),
        "bits": bits,
        "weight": _encode((weight / scale).round().clamp(-levels, levels), INTEGERS[bits]),
        "scale": _encode(scale[:, 0], "<f4"),
        "bias": _encode(linear.bias.detach().float().cpu(), "<f4"),
    }


def read_layer(layer: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the rounded weight and the bias of what `export_layer` has returned.

    Parameters
    ----------
    layer : dict

    Returns
    -------
    Tensor, shape (rows, columns)
    Tensor, shape (rows,)
    """
    weight = _decode(layer["weight"], INTEGERS[layer["bits"]]).reshape(layer["shape"])
    return weight * _decode(layer["scale"], "<f4")[:, None], _decode(layer["bias"], "<f4")


def as_script(text: str) -> str:
    """Return JSON as a script, which a page can load from a folder, where it may fetch no data.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        It sets `globalThis.VAETUT_EXPORT`.
    """
    return f"globalThis.{GLOBAL} = {text};\n"


def _check_model(model: VAE) -> tuple[Encoder, Decoder]:
    """Return the two networks; raise a ValueError unless the page can run the model."""
    if model.latent_dim != 2:
        raise ValueError(f"the page shows a plane: latent_dim must be 2, got {model.latent_dim}")
    if math.isqrt(model.input_dim) ** 2 != model.input_dim:
        raise ValueError(f"images must be square, got input_dim = {model.input_dim}")
    for name, kind in _KINDS.items():
        if type(getattr(model, name)) is not kind:
            found = type(getattr(model, name)).__name__
            raise ValueError(
                f"the {name} of an exported model must be {kind.__name__}, got {found}"
            )
    encoder, decoder = model.encoder, model.decoder
    assert isinstance(encoder, Encoder) and isinstance(decoder, Decoder)
    check_choice(encoder.config["activation"], "the activation of an exported model", ACTIVATIONS)
    if not all(torch.isfinite(p).all() for p in model.parameters()):
        raise ValueError("the model holds weights that are not finite")
    return encoder, decoder


def _networks(encoder: Encoder, decoder: Decoder) -> dict[str, Any]:
    return {
        "encoder": {
            "hidden": [_layer(linear) for linear in _hidden(encoder)],
            "mu": _layer(encoder.mu),
            "log_var": _layer(encoder.log_var),
        },
        "decoder": {
            "hidden": [_layer(linear) for linear in _hidden(decoder)],
            "out": _layer(decoder.out),
        },
    }


def _hidden(network: Encoder | Decoder) -> list[nn.Linear]:
    return [part for part in network.hidden if isinstance(part, nn.Linear)]


def _layer(linear: nn.Linear) -> dict[str, Any]:
    return export_layer(linear, 8 if linear.weight.numel() > LARGE else 16)


def _read_model(export: dict[str, Any]) -> VAE:
    model = VAE(**export["config"]).float()
    assert isinstance(model.encoder, Encoder) and isinstance(model.decoder, Decoder)
    encoder, decoder = export["encoder"], export["decoder"]
    pairs = [(getattr(model.encoder, name), encoder[name]) for name in ("mu", "log_var")]
    pairs.append((model.decoder.out, decoder["out"]))
    pairs += zip(_hidden(model.encoder), encoder["hidden"], strict=True)
    pairs += zip(_hidden(model.decoder), decoder["hidden"], strict=True)
    with torch.no_grad():
        for linear, layer in pairs:
            weight, bias = read_layer(layer)
            linear.weight.copy_(weight)
            linear.bias.copy_(bias.reshape(linear.bias.shape))
    if not all(weight.isfinite().all() for weight in model.parameters()):
        raise ValueError("it holds weights that are not finite")
    return model.eval()


@torch.no_grad()
def _points(
    model: VAE, images: torch.Tensor, labels: torch.Tensor, count: int, seed: int
) -> dict[str, Any]:
    rows = torch.randperm(len(images), generator=make_generator(seed, EVALUATION))[:count]
    rows = rows.sort().values
    x, labels = images[rows.to(images.device)].float().cpu(), labels[rows.to(labels.device)]
    q = model.encode(x)
    z = q.sample(generator=make_generator(seed))  # (count, 2)
    distortion = -model.log_likelihood(x, z)
    steps = (z / STEP).round().clamp(-(2**15), 2**15 - 1)
    return {
        "points": {"step": STEP, "z": _encode(steps, "<i2"), "labels": _encode(labels, "<u1")},
        "typical": {
            "distortion": distortion.mean().item(),
            "rate": model.kl(q).sum(-1).mean().item(),
        },
    }


def _examples(images: torch.Tensor, labels: torch.Tensor, count: int) -> dict[str, Any]:
    chosen = [(labels == digit).nonzero()[:count, 0] for digit in range(len(PALETTE))]
    rows = torch.cat(chosen)  # in the order of the digits
    pixels = (images[rows] * 255).round()
    return {"examples": {"images": _encode(pixels, "<u1"), "labels": _encode(labels[rows], "<u1")}}


def _encode(values: torch.Tensor, dtype: str) -> str:
    return base64.b64encode(values.cpu().numpy().astype(dtype).tobytes()).decode("ascii")


def _decode(text: str, dtype: str) -> torch.Tensor:
    array = np.frombuffer(base64.b64decode(text, validate=True), dtype)
    return torch.from_numpy(array.astype(np.float32))
