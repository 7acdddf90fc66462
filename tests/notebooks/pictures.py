"""Compare two PNGs as pictures, and lay them side by side.

The measure is the maximum of the blurred absolute difference, where each place may move by one
pixel: a limit that changes in its last digit lets a tick and its label snap to the next pixel.
Means and SSIM do not separate a missing legend from pixel noise; this does. Of 255: ticks that
snap give 10, points that move by 0.8 % (as between two processors) 45, a wrong digit in type of
6 points 56 and more, in type of 10 points 70 and more, a missing legend or a changed colour 120
and more.
"""

from __future__ import annotations

import base64
import io
from itertools import product

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

TOLERANCE = 50.0  # of 255
BLUR = 1.0  # pixels
SHIFTS = list(product((-1, 0, 1), repeat=2))  # pixels, down and right
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


def difference(stored: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """Return the blurred absolute difference at the best shift of each place.

    Returns
    -------
    ndarray of float, shape (height, width)
        In [0, 255], for two decoded pictures of one shape.
    """
    least = np.full(stored.shape[:2], 255.0)
    for shift in SHIFTS:
        apart = np.abs(stored - np.roll(fresh, shift, axis=(0, 1)))
        blurred = gaussian_filter(apart, sigma=(BLUR, BLUR, 0))
        least = np.minimum(least, blurred.max(axis=2))
    return least


def compare_pictures(stored: np.ndarray, fresh: np.ndarray) -> str | None:
    """Say how two decoded pictures disagree, or return None if they do not."""
    if stored.shape != fresh.shape:
        (old_height, old_width, _), (new_height, new_width, _) = stored.shape, fresh.shape
        return f"stored {old_width}x{old_height} pixels, fresh {new_width}x{new_height}"
    if np.array_equal(stored, fresh):  # the usual case, and quick
        return None
    blurred = difference(stored, fresh)
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
