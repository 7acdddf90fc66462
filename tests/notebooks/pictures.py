"""Compare two PNGs as pictures, coarsely, and lay them side by side.

What a figure shows is compared by its record (`records`). The picture is for what no record sees:
a glyph that is missing, a label that another covers, a picture that is no figure. A marker or a
label may move by a few pixels: a place counts as different only by as much as its value lies
outside of all values near it in the other picture.
"""

from __future__ import annotations

import base64
import io
import math

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter

TOLERANCE = 50.0  # of 255
REACH = 3  # pixels by which a thing may move: markers and labels snap to them
BLUR = 1.0  # pixels
GAP = 8  # pixels between the panels of a side-by-side


def decode(png: str) -> np.ndarray:
    """Read a PNG in base64.

    Returns
    -------
    ndarray of float, shape (height, width, 4)
        Red, green, blue, each multiplied by opacity, and opacity, in [0, 255]. So what is
        invisible does not count, and white on transparent does.
    """
    with Image.open(io.BytesIO(base64.b64decode(png))) as image:
        pixels = np.asarray(image.convert("RGBA"), dtype=float)
    pixels[..., :3] *= pixels[..., 3:] / 255
    return pixels


def difference(stored: np.ndarray, fresh: np.ndarray, reach: int = REACH) -> np.ndarray:
    """Return how far each place is from all that is near it in the other picture, blurred.

    Returns
    -------
    ndarray of float, shape (height, width)
        In [0, 255], for two decoded pictures of one shape.
    """
    outside = np.maximum(_outside(stored, fresh, reach), _outside(fresh, stored, reach))
    return gaussian_filter(outside, sigma=(BLUR, BLUR, 0)).max(axis=2)


def _outside(picture: np.ndarray, other: np.ndarray, reach: int) -> np.ndarray:
    size = (2 * reach + 1, 2 * reach + 1, 1)
    above = picture - maximum_filter(other, size)
    below = minimum_filter(other, size) - picture
    return np.maximum(above, below).clip(min=0)


def compare_pictures(stored: np.ndarray, fresh: np.ndarray, rtol: float = 0.0) -> str | None:
    """Say how two decoded pictures disagree, or return None if they do not.

    Things may move by `REACH` pixels, and by `rtol` of the picture's longer side.
    """
    if stored.shape != fresh.shape:
        (old_height, old_width, _), (new_height, new_width, _) = stored.shape, fresh.shape
        return f"stored {old_width}x{old_height} pixels, fresh {new_width}x{new_height}"
    if np.array_equal(stored, fresh):  # the usual case, and quick
        return None
    blurred = difference(stored, fresh, REACH + math.ceil(rtol * max(stored.shape)))
    y, x = np.unravel_index(blurred.argmax(), blurred.shape)
    if blurred[y, x] <= TOLERANCE:
        return None
    return f"off by {blurred[y, x]:.0f} of 255 around x={x}, y={y}, allowed {TOLERANCE:.0f}"


def side_by_side(stored: np.ndarray, fresh: np.ndarray) -> Image.Image:
    """Lay out stored, fresh and (for equal sizes) their difference, from left to right."""
    panels = [_on_white(stored), _on_white(fresh)]
    if stored.shape == fresh.shape:
        panels.append(Image.fromarray(difference(stored, fresh).astype(np.uint8)))
    width = sum(panel.width for panel in panels) + GAP * (len(panels) - 1)
    sheet = Image.new("RGB", (width, max(panel.height for panel in panels)), "grey")
    x = 0
    for panel in panels:
        sheet.paste(panel, (x, 0))
        x += panel.width + GAP
    return sheet


def _on_white(pixels: np.ndarray) -> Image.Image:
    colours = pixels[..., :3] + (255 - pixels[..., 3:])
    return Image.fromarray(colours.astype(np.uint8))
