"""Say clearly what was expected and what came: the checks that public functions share.

Where something may come in several forms, the check returns the one that the package works with.
In a function that torch.compile compiles, values are not looked at: that would break its graph.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np
import torch

Choice = TypeVar("Choice")
MOST = 10**9  # of anything that is counted: more is a slip of the finger
NO_FLOAT64 = ("mps",)  # devices that have no float64: Apple's
# A value this far outside of [0, 1] is inside but for rounding. Scaled to its least and greatest
# value, a column that lies 100 times its range from zero is off by 64 units in the last place.
ROUNDING, MOST_ROUNDING = 64, 1e-5
_HINTS = {
    "ndarray": "; torch.from_numpy makes one",
    "DataFrame": "; torch.tensor(frame.to_numpy()) makes one",
    "tuple": "; take the tensor that is meant out of it",
    "DataLoader": "; batches are drawn inside: pass all the images in one tensor",
}


def check_images(
    x: torch.Tensor,
    input_dim: int | None = None,
    *,
    name: str = "x",
    remedy: str = "Scale the images",
) -> torch.Tensor:
    """Check a batch of flattened images, in [0, 1] as the Bernoulli likelihood needs them.

    Parameters
    ----------
    x : Tensor, shape (B, D)
        What was passed.
    input_dim : int, optional
        The D that is expected.
    name : str
        How the caller's argument is called, for the message.
    remedy : str
        What the caller's users can do about values out of range.

    Returns
    -------
    Tensor
        `x` itself; where rounding took values out of [0, 1], a copy with 0 and 1 for them.

    Raises
    ------
    TypeError
        If `x` is not a floating-point tensor.
    ValueError
        If its shape is wrong, it is empty or without values, or a value is not finite or out of
        range.
    """
    check_batch(x, input_dim, name=name)
    if x.is_meta:
        raise ValueError(f"{name} holds no values: it is on the meta device")
    if torch.compiler.is_compiling():
        return x
    low, high = (v.item() for v in x.detach().aminmax())  # a NaN anywhere makes both NaN
    if not (low > -float("inf") and high < float("inf")):
        raise ValueError(f"{name} must be finite; it holds NaN or infinity")
    if low >= 0 and high <= 1:
        return x
    # Numbers in float64 may come from float32, so both have its slack.
    slack = min(ROUNDING * max(torch.finfo(t).eps for t in (x.dtype, torch.float32)), MOST_ROUNDING)
    if low < -slack or high > 1 + slack:
        raise ValueError(
            f"{name} must lie in [0, 1] for a Bernoulli likelihood; it reaches from {_show(low)} "
            f"to {_show(high)}. {remedy}, or use likelihood='gaussian'"
        )
    return x.clamp(0, 1)


def check_finite(x: torch.Tensor, *, name: str = "x", remedy: str = "") -> torch.Tensor:
    """Return `x` itself; raise a ValueError if it holds NaN or infinity, or no values at all."""
    if x.is_meta:
        raise ValueError(f"{name} holds no values: it is on the meta device")
    if not torch.compiler.is_compiling() and not x.detach().isfinite().all():
        raise ValueError(f"{name} must be finite; it holds NaN or infinity{remedy}")
    return x


def check_whole(
    x: torch.Tensor, name: str, most: int | None = None, slack: float = MOST_ROUNDING
) -> torch.Tensor:
    """Return `x` rounded; raise a ValueError unless it holds 0, 1, ... up to `most`, if any."""
    whole = x.round()
    odd = (whole < 0) | ((x - whole).abs() > slack)
    if most is not None:
        odd |= whole > most
    if not torch.compiler.is_compiling() and odd.any():
        wanted = {None: "0, 1, 2, …", 1: "0 and 1"}.get(most, f"0, 1, … {most}")
        raise ValueError(
            f"{name} must hold whole numbers {wanted}; it holds {x[odd][0].item():.7g}"
        )
    return whole


def _show(value: float) -> str:
    """Write four digits, or all of them where four would hide that the value leaves [0, 1]."""
    short = f"{value:.4g}"
    return short if (0 <= float(short) <= 1) == (0 <= value <= 1) else repr(value)


def check_batch(x: torch.Tensor, width: int | None = None, *, name: str = "x") -> None:
    """Check the type and shape of a tensor of rows, (B, width); values are not looked at.

    Raises
    ------
    TypeError
        If `x` is not a floating-point tensor.
    ValueError
        If it is not two-dimensional, is empty, or its rows have another width.
    """
    check_float_tensor(x, name=name)
    wanted = f"(batch, {'features' if width is None else width})"
    if x.ndim != 2:
        hints = {0: "", 1: f"; add the batch axis with {name}[None]"}
        hint = hints.get(x.ndim, f"; flatten images with {name}.flatten(1)")
        raise ValueError(f"{name} must have shape {wanted}, got {tuple(x.shape)}{hint}")
    if x.numel() == 0:
        raise ValueError(f"{name} is empty: shape {tuple(x.shape)}")
    if width is not None and x.shape[1] != width:
        raise ValueError(f"{name} must have shape {wanted}, got {tuple(x.shape)}")


def check_codes(z: torch.Tensor, latent_dim: int) -> None:
    """Check the type and shape of codes, (..., L); a single one needs no batch axis.

    Raises
    ------
    TypeError
        If `z` is not a floating-point tensor.
    ValueError
        If its last axis has another length.
    """
    check_float_tensor(z, name="z")
    if z.ndim == 0 or z.shape[-1] != latent_dim:
        raise ValueError(f"z must have shape (..., {latent_dim}), got {tuple(z.shape)}")


def check_float_tensor(x: torch.Tensor, *, name: str = "x") -> None:
    """Raise unless `x` is a tensor of floating-point numbers, dense and in memory."""
    if not isinstance(x, torch.Tensor):
        kind = type(x).__name__
        raise TypeError(f"{name} must be a torch.Tensor, got {kind}{_HINTS.get(kind, '')}")
    if not x.is_floating_point():
        convert = f"use {name}.{'real' if x.is_complex() else 'float()'}"
        hint = "divide 8-bit images by 255" if x.dtype == torch.uint8 else convert
        raise TypeError(f"{name} must hold floating-point numbers, got {x.dtype}; {hint}")
    if x.layout != torch.strided:
        raise TypeError(f"{name} must be dense, got {x.layout}; use {name}.to_dense()")


def check_like(x: torch.Tensor, weight: torch.Tensor, *, name: str = "x") -> None:
    """Raise unless `x` has the device and the dtype of a model's `weight`."""
    if x.device != weight.device:
        raise ValueError(
            f"{name} must be on the model's device, {weight.device}, got {x.device}; "
            f"use {name}.to({str(weight.device)!r})"
        )
    check_dtype(x, weight.dtype, name=name)


def check_dtype(x: torch.Tensor, dtype: torch.dtype, *, name: str = "x") -> None:
    """Raise a TypeError unless `x` has the model's dtype; autocast converts by itself."""
    if x.dtype != dtype and not torch.is_autocast_enabled(x.device.type):
        raise TypeError(f"{name} must be {dtype} like the model, got {x.dtype}; use {name}.to(…)")


def check_device(name: str | torch.device) -> torch.device:
    """Return the device of that name; raise a ValueError unless one can compute on it here."""
    try:
        probe = torch.zeros(1, device=torch.device(name))
        probe.item()  # fails on "meta", where nothing is computed
    except (AssertionError, ImportError, RuntimeError, TypeError) as error:
        raise ValueError(
            f"this machine has no device {str(name)!r}; use 'cpu', or what PyTorch calls a GPU: "
            "'cuda', or Apple's 'mps'"
        ) from error
    return probe.device


def check_pixels(x: torch.Tensor, params: torch.Tensor, *, name: str) -> None:
    """Raise unless `x`, (B, D), has a row of `params`, (..., B, D), for every row of its own."""
    check_float_tensor(x, name="x")
    check_float_tensor(params, name=name)
    if x.ndim == 0 or params.shape[-x.ndim :] != x.shape:
        raise ValueError(
            f"x and {name} must have shapes (B, D) and (..., B, D), "
            f"got {tuple(x.shape)} and {tuple(params.shape)}"
        )
    _check_one_device("x", x, name, params)


def check_broadcast(x: torch.Tensor, params: torch.Tensor, *, name: str) -> None:
    """Raise unless `x` is a floating-point tensor that stretches to the shape of `params`."""
    check_float_tensor(x, name=name)
    pairs = zip(reversed(x.shape), reversed(params.shape))
    if x.ndim > params.ndim or any(size not in (1, wanted) for size, wanted in pairs):
        wanted = f"be one number, or fit the shape {tuple(params.shape)}"
        raise ValueError(f"{name} must {wanted}, got {tuple(x.shape)}")


def check_shape(x: torch.Tensor, shape: tuple[int, ...], *, name: str) -> torch.Tensor:
    """Return `x` itself; raise unless it is a floating-point tensor of this shape."""
    check_float_tensor(x, name=name)
    if x.shape != shape:
        raise ValueError(f"{name} must have shape {tuple(shape)}, got {tuple(x.shape)}")
    return x


def check_posterior(mu: torch.Tensor, log_var: torch.Tensor) -> None:
    """Raise unless `mu` and `log_var` are floating-point tensors of one shape."""
    check_float_tensor(mu, name="mu")
    check_float_tensor(log_var, name="log_var")
    if mu.shape != log_var.shape:
        raise ValueError(
            f"mu and log_var must have one shape, got {tuple(mu.shape)} and {tuple(log_var.shape)}"
        )
    _check_one_device("mu", mu, "log_var", log_var)


def _check_one_device(name: str, a: torch.Tensor, other: str, b: torch.Tensor) -> None:
    if a.device != b.device:
        raise ValueError(f"{name} and {other} must be on one device, got {a.device} and {b.device}")


def check_count(value: int | Integral, name: str, minimum: int = 1, maximum: float = MOST) -> int:
    """Return `value` as Python's int; raise unless it is an integer, of any library, in range."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, got {brief(value)}{_out_of_tensor(value)}")
    count = int(value)
    if count < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {brief(value)}")
    if count > maximum:
        raise ValueError(f"{name} must be at most {maximum:,}, got {brief(value)}")
    return count


def check_number(value: float, name: str, *, zero: bool = False, below: float = math.inf) -> float:
    """Return `value` as Python's float.

    Raise unless it is a number, of any library, above zero and less than `below`; `zero` allows
    zero.
    """
    try:
        number = float(check_real(value, name))
    except OverflowError:  # an integer of hundreds of digits
        number = math.inf
    large_enough = number >= 0 if zero else number > 0
    if not (large_enough and number < below):
        wanted = "at least 0" if zero else "positive"
        limit = "finite" if below == math.inf else f"less than {below}"
        raise ValueError(f"{name} must be {wanted} and {limit}, got {brief(value)}")
    return number


def check_real(value: float, name: str) -> int | float:
    """Return `value` as Python's int or float; raise unless it is a number, of any library."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, got {brief(value)}{_out_of_tensor(value)}")
    return int(value) if isinstance(value, Integral) else float(value)


def check_widths(hidden_dims: tuple[int, ...]) -> tuple[int, ...]:
    """Return `hidden_dims` as a tuple; raise unless it is a sequence of positive ints."""
    if not isinstance(hidden_dims, tuple | list):
        raise TypeError(f"hidden_dims must be a tuple of ints, got {brief(hidden_dims)}")
    return tuple(check_count(width, "every width in hidden_dims") for width in hidden_dims)


def check_flag(value: bool, name: str) -> bool:
    """Return `value` as Python's bool; raise a TypeError unless it is one, or NumPy's."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {brief(value)}")
    return bool(value)


def check_choice(value: object, name: str, choices: Iterable[Choice]) -> Choice:
    """Return the one of `choices` that equals `value`; raise a ValueError if there is none."""
    for choice in choices:
        if isinstance(value, type(choice)) and value == choice:  # an array would not compare
            return choice
    known = ", ".join(map(repr, choices))
    raise ValueError(f"{name} must be one of {known}; got {brief(value)}")


def show_settings(config: dict[str, Any]) -> str:
    """Write settings as arguments of a call, but for modules, which PyTorch shows by itself."""
    plain = (int, float, str, type(None))
    return ", ".join(
        f"{key}={value!r}" for key, value in config.items() if isinstance(value, plain)
    )


def brief(value: object) -> str:
    """Write any value on one line, of at most 60 characters, for a message."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:59]}…"


def _out_of_tensor(value: object) -> str:
    return "; .item() takes it out of a tensor" if isinstance(value, torch.Tensor) else ""
