"""Say clearly what was expected and what came: the checks that public functions share."""

from __future__ import annotations

import math

import torch


def check_images(
    x: torch.Tensor, input_dim: int | None = None, *, unit_interval: bool = True, name: str = "x"
) -> None:
    """Check a batch of flattened images.

    Parameters
    ----------
    x : Tensor, shape (B, D)
        What was passed.
    input_dim : int, optional
        The D that is expected.
    unit_interval : bool
        Whether values must lie in [0, 1], as the Bernoulli likelihood needs.
    name : str
        How the caller's argument is called, for the message.

    Raises
    ------
    TypeError
        If `x` is not a floating-point tensor.
    ValueError
        If its shape is wrong, it is empty, or a value is not finite or out of range.
    """
    check_batch(x, input_dim, name=name)
    low, high = (v.item() for v in x.detach().aminmax())  # a NaN anywhere makes both NaN
    if not (low > -float("inf") and high < float("inf")):
        raise ValueError(f"{name} must be finite; it holds NaN or infinity")
    if unit_interval and not (low >= 0 and high <= 1):
        raise ValueError(
            f"{name} must lie in [0, 1] for a Bernoulli likelihood; it reaches from {low:.4g} to "
            f"{high:.4g}. Scale the images, or use likelihood='gaussian'"
        )


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
        hint = f"; add the batch axis with {name}[None]" if x.ndim == 1 else ""
        raise ValueError(f"{name} must have shape {wanted}, got {tuple(x.shape)}{hint}")
    if x.numel() == 0:
        raise ValueError(f"{name} is empty: shape {tuple(x.shape)}")
    if width is not None and x.shape[1] != width:
        raise ValueError(f"{name} must have shape {wanted}, got {tuple(x.shape)}")


def check_float_tensor(x: torch.Tensor, *, name: str = "x") -> None:
    """Raise a TypeError unless `x` is a floating-point tensor."""
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(x).__name__}")
    if not x.is_floating_point():
        hint = "; divide 8-bit images by 255" if x.dtype == torch.uint8 else ""
        raise TypeError(f"{name} must hold floating-point numbers, got {x.dtype}{hint}")


def check_dtype(x: torch.Tensor, dtype: torch.dtype, *, name: str = "x") -> None:
    """Raise a TypeError unless `x` has the model's dtype; autocast converts by itself."""
    if x.dtype != dtype and not torch.is_autocast_enabled(x.device.type):
        raise TypeError(f"{name} must be {dtype} like the model, got {x.dtype}; use {name}.to(…)")


def check_pixels(x: torch.Tensor, params: torch.Tensor, *, name: str) -> None:
    """Raise unless `x`, (B, D), has a row of `params`, (..., B, D), for every row of its own."""
    check_float_tensor(x, name="x")
    check_float_tensor(params, name=name)
    if x.ndim == 0 or params.shape[-x.ndim :] != x.shape:
        raise ValueError(
            f"x and {name} must have shapes (B, D) and (..., B, D), "
            f"got {tuple(x.shape)} and {tuple(params.shape)}"
        )


def check_posterior(mu: torch.Tensor, log_var: torch.Tensor) -> None:
    """Raise unless `mu` and `log_var` are floating-point tensors of one shape."""
    check_float_tensor(mu, name="mu")
    check_float_tensor(log_var, name="log_var")
    if mu.shape != log_var.shape:
        raise ValueError(
            f"mu and log_var must have one shape, got {tuple(mu.shape)} and {tuple(log_var.shape)}"
        )


def check_count(value: int, name: str, minimum: int = 1) -> None:
    """Raise unless `value` is an int of at least `minimum`."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, got {value!r}")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}")


def check_number(value: float, name: str, *, zero: bool = False, below: float = math.inf) -> None:
    """Raise unless `value` is a number above zero and less than `below`; `zero` allows zero."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, got {value!r}")
    large_enough = value >= 0 if zero else value > 0
    if not (large_enough and value < below):
        wanted = "at least 0" if zero else "positive"
        limit = "finite" if below == math.inf else f"less than {below}"
        raise ValueError(f"{name} must be {wanted} and {limit}, got {value}")


def check_widths(hidden_dims: tuple[int, ...]) -> tuple[int, ...]:
    """Return `hidden_dims` as a tuple; raise unless it is a sequence of positive ints."""
    if not isinstance(hidden_dims, tuple | list):
        raise TypeError(f"hidden_dims must be a tuple of ints, got {hidden_dims!r}")
    for width in hidden_dims:
        check_count(width, "every width in hidden_dims")
    return tuple(hidden_dims)


def check_choice(value: object, name: str, choices: tuple | dict) -> None:
    """Raise a ValueError unless `value` is one of `choices`."""
    if value not in tuple(choices):  # a dict would stumble over what cannot be hashed
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}")
