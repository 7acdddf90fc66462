"""Draw book/_static/manifold.png, the picture on the first page, from the bundled 2-D model.

Each small image is decoded from a point of the latent plane, at the prior's quantiles, and inked in
the colour of the digit that the encoder's neighbourhood says it is.
"""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist

import numpy as np
import torch
from matplotlib.colors import to_rgb
from PIL import Image
from sklearn.neighbors import KNeighborsClassifier

import vaetut
from vaetut.plotting import PALETTE

COVER = Path(__file__).parent / "_static" / "manifold.png"
MODEL = "article-2d"
ROWS, COLUMNS, SIDE = 10, 24, 28
SCALE = 2  # so that the picture stays sharp on fine screens


def dials() -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the columns decode, from left to right, and the rows, from top to bottom."""
    return _quantiles(COLUMNS), _quantiles(ROWS).flip(0)


def codes() -> torch.Tensor:
    """Return the code of each small image, row by row: (ROWS * COLUMNS, 2)."""
    across, down = dials()
    return torch.cartesian_prod(down, across).flip(1)


@torch.no_grad()
def nearest_digits(model: vaetut.VAE, z: torch.Tensor) -> list[int]:
    """Return for each code the digit of most of the test images that are encoded near to it."""
    images, labels = vaetut.load_mnist("test")
    mu, _ = model.encode(images)
    return KNeighborsClassifier(50).fit(mu, labels).predict(z).tolist()


@torch.no_grad()
def draw_cover() -> Image.Image:
    """Return the picture: white paper, ROWS x COLUMNS decoded digits."""
    model, z = vaetut.load_pretrained(MODEL), codes()
    ink = torch.tensor([to_rgb(PALETTE[digit]) for digit in nearest_digits(model, z)])  # (N, 3)
    strength = model.decode_mean(z)[..., None]  # (N, 784, 1)
    sheet = 1 - strength * (1 - ink[:, None])  # (N, 784, 3): paper where there is no ink
    sheet = sheet.reshape(ROWS, COLUMNS, SIDE, SIDE, 3).transpose(1, 2)
    pixels = (sheet.reshape(ROWS * SIDE, COLUMNS * SIDE, 3) * 255).round().byte().numpy()
    size = (COLUMNS * SIDE * SCALE, ROWS * SIDE * SCALE)
    return (
        Image.fromarray(np.ascontiguousarray(pixels))
        .resize(size, Image.Resampling.BICUBIC)
        .quantize(256, Image.Quantize.FASTOCTREE)
    )


def _quantiles(count: int) -> torch.Tensor:
    return torch.tensor([NormalDist().inv_cdf((i + 0.5) / count) for i in range(count)])


if __name__ == "__main__":
    draw_cover().save(COVER, optimize=True)
