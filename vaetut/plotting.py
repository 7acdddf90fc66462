"""Figures from arrays: each function takes arrays, draws on one Axes, and returns that Axes.

An Axes passed as `ax` gets this book's quiet style, and its figure stays as it is; without `ax`
there is a new figure, on opaque white so that it reads on a dark page too. pyplot knows it, so a
notebook shows it once, at the end of the cell. No global setting is changed. PyTorch tensors are
taken as they are, from any device. Images are grey values in [0, 1], flattened row by row; where
a Gaussian's means leave [0, 1] a little, they are clipped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.resources import files
from statistics import NormalDist
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, MultipleLocator, NullLocator
from numpy.typing import ArrayLike

from .colors import COLORS, PALETTE

_INK, _PAPER, _RULE = "#222222", "white", "#dddddd"
_WIDTH, _DPI = 5.6, 144  # inches; narrow, so that type is still legible on a phone
_FONT = 11  # points
_CELL = 1.1  # inches: no single image is drawn wider
_DRAWINGS = files("vaetut") / "assets" / "drawings"


def reconstructions(
    images: ArrayLike,
    reconstructions: ArrayLike,
    labels: ArrayLike | None = None,
    columns: int = 10,
    ax: Axes | None = None,
    *,
    image_shape: tuple[int, int] | None = None,
) -> Axes:
    """Draw each input above its reconstruction, in rows of pairs.

    Parameters
    ----------
    images, reconstructions : array, shape (N, D)
        Grey values in [0, 1], black to white, on one scale for all.
    labels : array of int, shape (N,), optional
        Digits 0 to 9, written above the inputs.
    columns : int
        Pairs side by side; further pairs go below.
    ax : Axes, optional
    image_shape : (int, int), optional
        Height and width of an image; square by default.

    Returns
    -------
    Axes
        In pixels, its rows named on the vertical axis.

    Raises
    ------
    TypeError, ValueError
        If an array is empty, not finite, far from [0, 1] or of wrong type or shape, or two differ
        in length.
    """
    inputs = _as_images(images, image_shape, "images")
    outputs = _as_images(reconstructions, image_shape, "reconstructions", len(inputs))
    if inputs.shape != outputs.shape:
        raise ValueError(
            f"reconstructions must be like images, {inputs.shape[1:]}, got {outputs.shape[1:]}"
        )
    count, height, width = inputs.shape
    digits = () if labels is None else _as_labels(labels, count)
    columns = min(_as_count(columns, "columns", minimum=1), count)

    gap, strip = _gap(height), height // 2  # the strip parts the pairs and has room for a label
    blocks = math.ceil(count / columns)
    tops = (strip if len(digits) else 0) + (2 * height + gap + strip) * np.arange(blocks)
    bottoms = tops + height + gap
    canvas = np.full((bottoms[-1] + height, columns * (width + gap) - gap), np.nan)
    _paste(canvas, inputs, columns, tops)
    _paste(canvas, outputs, columns, bottoms)

    ax = _draw_canvas(canvas, ax, columns * _CELL, margin=1.3)
    rows = np.stack([tops, bottoms], axis=1).ravel()
    ax.set_yticks(rows + (height - 1) / 2, labels=["input", "reconstruction"] * blocks)
    for k, digit in enumerate(digits):
        row, column = divmod(k, columns)
        x = column * (width + gap) + (width - 1) / 2
        ax.text(x, tops[row] - gap, str(digit), ha="center", color=_INK, fontsize=_FONT)
    return ax


def samples(
    images: ArrayLike,
    columns: int = 10,
    ax: Axes | None = None,
    *,
    image_shape: tuple[int, int] | None = None,
) -> Axes:
    """Draw images side by side, in reading order.

    Parameters
    ----------
    images : array, shape (N, D)
        Grey values in [0, 1].
    columns : int
        Images in a row.
    ax : Axes, optional
    image_shape : (int, int), optional
        Height and width of an image; square by default.

    Returns
    -------
    Axes
        In pixels, without ticks.

    Raises
    ------
    TypeError, ValueError
        If `images` is empty, not finite, far from [0, 1], or of wrong type or shape.
    """
    cells = _as_images(images, image_shape, "images")
    count, height, width = cells.shape
    columns = min(_as_count(columns, "columns", minimum=1), count)
    gap = _gap(height)
    tops = (height + gap) * np.arange(math.ceil(count / columns))
    canvas = np.full((tops[-1] + height, columns * (width + gap) - gap), np.nan)
    _paste(canvas, cells, columns, tops)
    return _draw_canvas(canvas, ax, columns * _CELL)


def latent_scatter(
    mu: ArrayLike, labels: ArrayLike, ax: Axes | None = None, *, prior: bool = False
) -> Axes:
    """Scatter posterior means over the latent plane, one colour per digit.

    The digit is written at the median of its class, so that nobody depends on colour. Where two
    would overlap they are moved apart.

    Parameters
    ----------
    mu : array, shape (N, 2)
        Means of q(z|x).
    labels : array of int, shape (N,)
        Digits 0 to 9.
    ax : Axes, optional
    prior : bool
        Whether to draw the contours of p(z) = N(0, I) at 1, 2 and 3 standard deviations.

    Returns
    -------
    Axes
        In latent units, of one length in both directions.

    Raises
    ------
    TypeError, ValueError
        If an array is empty, not finite, or of wrong type or shape, or a label is not 0 to 9.
    """
    points = _as_numbers(mu, "mu", "N", 2)
    digits = _as_labels(labels, len(points))
    reach = 3.0 if prior else 0.0  # the largest contour
    wide, high = np.maximum(points.max(axis=0), reach) - np.minimum(points.min(axis=0), -reach)
    ax = _new_axes(ax, _WIDTH, _WIDTH * np.clip(high / max(wide, 1e-9), 0.6, 1.5))
    radii = np.array([1, 2, 3] if prior else [])
    corners = np.stack([radii, radii], axis=1) / math.sqrt(2)  # where the rings get their names
    size = np.clip(30_000 / len(points), 6, 30)  # points²: a thousand dots are smaller than ten
    colours = np.array(PALETTE)[digits]
    z1, z2 = points.T
    ax.scatter(z1, z2, s=size, c=colours, marker="o", alpha=0.6, linewidths=0, zorder=2)
    if prior:
        for radius, corner in zip(radii, corners, strict=True):
            ring = Circle((0, 0), radius, fill=False, edgecolor=COLORS["prior"], linewidth=1.2)
            ax.add_patch(ring).set_zorder(3)
            _write(ax, corner, rf"${radius}\sigma$", _FONT, COLORS["prior"])
    present = np.unique(digits)
    places = np.stack([np.median(points[digits == digit], axis=0) for digit in present])
    places = _move_apart(places, corners, 0.06 * max(wide, high))  # a digit's height, and some
    for digit, place in zip(present, places, strict=True):
        _write(ax, place, f"{digit}", 16, _INK)
    ax.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    return ax


def manifold_grid(side: int, kind: str = "linear", limit: float = 3.0) -> np.ndarray:
    """Lay a square grid over the latent plane; `manifold` draws its decoded points.

    Parameters
    ----------
    side : int
        Points in a row and in a column, at least 2.
    kind : {"linear", "quantile"}
        Evenly over [-limit, limit]; or at the prior's quantiles (i + 1/2) / side, so that every
        point stands for the same probability (Kingma & Welling 2013, figure 4).
    limit : float
        In standard deviations of the prior; the quantiles need none.

    Returns
    -------
    ndarray, shape (side * side, 2), float32
        In reading order: rows from the top (large z_2) down, in each from the left (small z_1).

    Raises
    ------
    TypeError, ValueError
        If an argument is of wrong type or out of range.
    """
    axis = _latent_axis(side, kind, limit)
    z1, z2 = np.meshgrid(axis, axis[::-1])
    return np.stack([z1, z2], axis=-1).reshape(-1, 2).astype(np.float32)  # (side², 2)


def manifold(
    images: ArrayLike,
    side: int,
    kind: str = "linear",
    limit: float = 3.0,
    ax: Axes | None = None,
    *,
    image_shape: tuple[int, int] | None = None,
) -> Axes:
    """Draw the decoded points of `manifold_grid` as one picture: a place on it is a latent code.

    Parameters
    ----------
    images : array, shape (side * side, D)
        Grey values in [0, 1], in the grid's order.
    side, kind, limit
        As for `manifold_grid`.
    ax : Axes, optional
    image_shape : (int, int), optional
        Height and width of an image; square by default.

    Returns
    -------
    Axes
        "linear": in latent units, so that points can be drawn over it. "quantile": in the prior's
        cumulative probability, 0 to 1, with the z of some rows and columns as tick labels.

    Raises
    ------
    TypeError, ValueError
        If `images` do not fit the grid, or an argument is of wrong type or out of range.
    """
    axis = _latent_axis(side, kind, limit)
    cells = _as_images(images, image_shape, "images", count=side * side)
    _, height, width = cells.shape
    canvas = np.empty((side * height, side * width))
    _paste(canvas, cells, side, height * np.arange(side), gap=0)

    edge = limit * side / (side - 1)  # the outer images' centres are at the limit: half a cell more
    low, high = (-edge, edge) if kind == "linear" else (0.0, 1.0)
    ax = _draw_canvas(canvas, ax, _WIDTH, margin=0.65, extent=(low, high, low, high))
    ax.set(xlabel="$z_1$", ylabel="$z_2$", aspect=height / width)
    for direction in (ax.xaxis, ax.yaxis):
        if kind == "linear":
            direction.set_major_locator(MultipleLocator(max(1.0, round(limit / 3))))
        else:
            shown = _spread(side)
            names = [f"{axis[i]:.2f}".replace("-", "\N{MINUS SIGN}") for i in shown]
            direction.set_ticks((shown + 0.5) / side, labels=names)
    return ax


def learning_curve(
    epochs: ArrayLike,
    values: ArrayLike | Mapping[object, ArrayLike],
    published: Mapping[float, float] | None = None,
    ax: Axes | None = None,
    *,
    label: str = "training",
    color: str = COLORS["model"],
    log_x: bool = False,
) -> Axes:
    """Draw the cost over the epochs: the mean of the seeds, in a band from least to greatest.

    Call it again with its Axes as `ax` to add a second curve.

    Parameters
    ----------
    epochs : array, shape (E,)
    values : array, shape (E,) or (S, E), or mapping from seeds to arrays of shape (E,)
        Nats per image, of one run or of S seeds.
    published : mapping from epoch to cost, optional
        Drawn as marks.
    ax : Axes, optional
    label, color : str
        Of the curve.
    log_x : bool
        Whether the axis of epochs is logarithmic.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError, ValueError
        If an array is empty, not finite, or of wrong type or shape, lengths differ, or an epoch on
        a logarithmic axis is not positive.
    """
    x = _as_numbers(epochs, "epochs", "E")
    runs = _as_runs(values, len(x))
    marks = None if published is None else _as_marks(published)
    if log_x and min(x.min(), np.inf if marks is None else marks[0].min()) <= 0:
        raise ValueError("epochs must be positive on a logarithmic axis, got one of 0 or below")

    ax = _new_axes(ax, _WIDTH, 0.7 * _WIDTH)
    if len(runs) > 1:
        ax.fill_between(x, runs.min(axis=0), runs.max(axis=0), color=color, alpha=0.25, linewidth=0)
        label = f"{label}: mean and range of {len(runs)} seeds"
    ax.plot(x, runs.mean(axis=0), color=color, linewidth=2, linestyle="-", marker="", label=label)
    if marks is not None:
        look: dict[str, Any] = dict(marker="o", markersize=6, markeredgewidth=1.5, linestyle="")
        ax.plot(*marks, color=_INK, markerfacecolor=_PAPER, label="published", **look)
    if log_x:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_locator(NullLocator())
    ax.set(xlabel="epoch", ylabel="cost (nats per image)")
    handles, names = ax.get_legend_handles_labels()
    entries = dict(zip(names, handles, strict=True))  # one "published" for several curves
    ax.legend(entries.values(), entries.keys(), frameon=False, fontsize=_FONT, labelcolor=_INK)
    return ax


def panels(columns: int = 1, height: float = 3.2) -> tuple[Axes, ...]:
    """Make a new figure with empty Axes side by side, in this book's style.

    Parameters
    ----------
    columns : int
        How many Axes.
    height : float
        Of the figure, in inches; its width is the book's.

    Returns
    -------
    tuple of Axes

    Raises
    ------
    TypeError, ValueError
        If `columns` is not an int from 1 to 100, or `height` not a positive number.
    """
    columns = _as_count(columns, "columns", minimum=1, maximum=100)
    if not _as_numbers(height, "height") > 0:
        raise ValueError(f"height must be positive, got {height}")
    size = (_WIDTH, height)
    figure = plt.figure(figsize=size, dpi=_DPI, layout="compressed", facecolor=_PAPER)
    return tuple(_new_axes(ax, *size) for ax in figure.subplots(1, columns, squeeze=False)[0])


def drawing(name: str) -> str:
    """Read a schematic drawing of the book; `IPython.display.SVG` shows it.

    Parameters
    ----------
    name : str
        Of the file in the package's drawings, without its suffix, e.g. "reparameterization".

    Returns
    -------
    str
        The SVG's source.

    Raises
    ------
    ValueError
        If there is no such drawing.
    """
    known = {f.name.removesuffix(".svg"): f for f in _DRAWINGS.iterdir() if f.name.endswith(".svg")}
    if name not in tuple(known):  # a dict would stumble over what cannot be hashed
        raise ValueError(f"there is no drawing {name!r}; there are: {', '.join(sorted(known))}")
    return known[name].read_text(encoding="utf-8")


# Drawing


def _new_axes(ax: Axes | None, width: float, height: float) -> Axes:
    """Return `ax`, or that of a new figure of this size in inches, made quiet.

    Every setting is given here and not left to rcParams, so that the reader's style is neither
    changed nor mixed in.
    """
    if ax is None:
        size = (width, height)
        ax = plt.subplots(figsize=size, dpi=_DPI, layout="compressed", facecolor=_PAPER)[1]
    elif not isinstance(ax, Axes):
        raise TypeError(f"ax must be a matplotlib Axes, got {type(ax).__name__}")
    ax.set_facecolor(_PAPER)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(_RULE)
    ax.set_axisbelow(True)
    ax.grid(True, color=_RULE, linewidth=0.6, linestyle="-", alpha=1)
    ax.tick_params(length=0, colors=_INK, labelsize=_FONT)
    for axis in (ax.xaxis, ax.yaxis):
        axis.label.set(color=_INK, fontsize=_FONT + 1)
    return ax


def _draw_canvas(
    canvas: np.ndarray,
    ax: Axes | None,
    width: float,
    margin: float = 0.0,
    extent: tuple[float, float, float, float] | None = None,
) -> Axes:
    """Show a canvas in grey on 0 to 1, NaN as paper; up to `width` inches without the margin."""
    width = min(width, _WIDTH - margin)
    bottom = 0.0 if extent is None else 0.55  # only a picture with units has ticks below
    ax = _new_axes(ax, width + margin, width * canvas.shape[0] / canvas.shape[1] + bottom)
    style: dict[str, Any] = {
        "cmap": "gray",
        "vmin": 0,
        "vmax": 1,
        "origin": "upper",
        "interpolation": "antialiased",
    }
    ax.imshow(canvas, extent=extent, aspect="equal", **style)
    ax.spines[:].set_visible(False)
    ax.grid(False)
    if extent is None:
        ax.set(xticks=[], yticks=[])
    return ax


def _paste(
    canvas: np.ndarray, images: np.ndarray, columns: int, tops: np.ndarray, gap: int | None = None
) -> None:
    """Copy images, (N, H, W), onto the canvas in rows whose upper edges are `tops`."""
    _, height, width = images.shape
    pitch = width + (_gap(height) if gap is None else gap)
    for k, image in enumerate(images):
        row, column = divmod(k, columns)
        left = column * pitch
        canvas[tops[row] : tops[row] + height, left : left + width] = image


def _gap(height: int) -> int:
    """Pixels between two images."""
    return max(1, height // 14)


def _write(ax: Axes, place: np.ndarray, text: str, size: float, color: str) -> None:
    """Write over data, centred, in a halo that keeps it legible on any dot."""
    halo = [withStroke(linewidth=3, foreground=_PAPER)]
    style: dict[str, Any] = {"fontsize": size, "color": color, "path_effects": halo, "zorder": 4}
    ax.text(place[0], place[1], text, ha="center", va="center", **style)


def _move_apart(places: np.ndarray, fixed: np.ndarray, distance: float) -> np.ndarray:
    """Push places, (N, 2), away from each other and from fixed ones, (M, 2), to that distance."""
    angles = np.arange(len(places))
    nudges = 1e-6 * distance * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for _ in range(500):
        steps = places[:, None] - np.concatenate([places, fixed])  # (N, N + M, 2)
        gaps = np.linalg.norm(steps, axis=-1)
        np.fill_diagonal(gaps, np.inf)
        if gaps.min() >= distance:
            break
        if gaps.min() == 0:  # in which direction? in one of its own for each
            places = places + nudges
            continue
        push = np.where(gaps < distance, 1.05 * distance - gaps, 0) / (2 * gaps)
        places = places + (push[..., None] * steps).sum(axis=1)
    return places


def _latent_axis(side: int, kind: str, limit: float) -> np.ndarray:
    """Return the coordinates of the grid along one axis, growing."""
    side = _as_count(side, "side", minimum=2, maximum=1000)  # a million images
    if kind not in ("linear", "quantile"):
        raise ValueError(f"kind must be 'linear' or 'quantile', got {kind!r}")
    if not (_as_numbers(limit, "limit") > 0):
        raise ValueError(f"limit must be positive, got {limit}")
    if kind == "linear":
        return np.linspace(-limit, limit, side)
    return np.array([NormalDist().inv_cdf((i + 0.5) / side) for i in range(side)])


def _spread(side: int) -> np.ndarray:
    """Choose five or six of `side` rows, evenly and alike on both sides of the middle."""
    return np.unique(np.linspace(0, side - 1, 6 - side % 2).round().astype(int))


# Reading arguments


def _as_numbers(values: ArrayLike, name: str, *shape: int | str) -> np.ndarray:
    """Read a finite array of that shape, in which a letter stands for any length."""
    values = _readable(values)
    wanted = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of unequal length
        raise ValueError(f"{name} must have shape {wanted}: {error}") from error
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got {array.dtype} from {values!r:.60}")
    if array.size == 0:
        raise ValueError(f"{name} must have shape {wanted}, got an empty {array.shape}")
    fits = (
        isinstance(want, str) or want == got for want, got in zip(shape, array.shape, strict=False)
    )
    if array.ndim != len(shape) or not all(fits):
        raise ValueError(f"{name} must have shape {wanted}, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity in it")
    return array.astype(float)


def _readable(values: Any) -> Any:
    """Return tensors, alone or in a list, as NumPy can read them: it has no bfloat16."""
    if hasattr(values, "detach"):
        return values.detach().cpu().double()
    return [_readable(value) for value in values] if isinstance(values, list | tuple) else values


def _as_images(
    images: ArrayLike,
    image_shape: tuple[int, int] | None,
    name: str,
    count: int | str = "N",
) -> np.ndarray:
    """Read (N, D) as (N, H, W)."""
    flat = _as_numbers(images, name, count, "D")
    pixels = flat.shape[1]
    if image_shape is None:
        height = width = math.isqrt(pixels)
    elif np.shape(image_shape) == (2,):
        height, width = (_as_count(side, "each of image_shape", minimum=1) for side in image_shape)
    else:
        raise TypeError(f"image_shape must be (height, width), got {image_shape!r}")
    if height * width != pixels:
        wanted = image_shape or "square; give image_shape=(height, width)"
        raise ValueError(f"{name} have {pixels} pixels, but were to be {wanted}")
    low, high = flat.min(), flat.max()
    if low < -1 or high > 2:  # too far for a decoder's mean: one of two mistakes easily made
        raise ValueError(
            f"{name} must be grey values in [0, 1], got {low:.4g} to {high:.4g}: "
            "logits need a sigmoid first, 8-bit images a division by 255"
        )
    return flat.reshape(-1, height, width)


def _as_labels(labels: ArrayLike, count: int) -> np.ndarray:
    digits = _as_numbers(labels, "labels", count)
    odd = digits[~np.isin(digits, range(len(PALETTE)))]
    if len(odd):
        raise ValueError(f"labels must be digits 0 to 9, got {odd[0]:.16g} among them")
    return digits.astype(int)


def _as_runs(values: ArrayLike | Mapping[object, ArrayLike], length: int) -> np.ndarray:
    """Read one run or several as (S, E)."""
    if isinstance(values, Mapping):
        values = [_as_numbers(run, f"values[{seed!r}]", length) for seed, run in values.items()]
    runs = _readable(values)
    try:
        shape = (length,) if np.ndim(runs) == 1 else ("S", length)
    except ValueError:  # runs of unequal length
        shape = ("S", length)
    return np.atleast_2d(_as_numbers(runs, "values", *shape))


def _as_marks(published: Mapping[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Read a mapping as its keys and its values."""
    if not isinstance(published, Mapping):
        raise TypeError(
            f"published must map epochs to costs, got {type(published).__name__}; "
            "dict(zip(epochs, costs)) makes one"
        )
    epochs = _as_numbers(list(published), "published epochs", "P")
    return epochs, _as_numbers(list(published.values()), "published costs", "P")


def _as_count(value: int, name: str, minimum: int, maximum: float = math.inf) -> int:
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, got {value!r}")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}")
    if value > maximum:
        raise ValueError(f"{name} must be at most {maximum}, got {value}")
    return int(value)
