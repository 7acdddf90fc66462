"""Put into the built book what the page "Train in the browser" trains on, and its still picture.

`digits.js` holds MNIST digits, shrunk to 14 × 14 by the mean of 2 × 2 pixels and rounded to eight
grey levels: one figure for each pixel, which a host compresses to about 34 bytes an image. (With
256 levels it would be more than twice as much, and look nearly the same.) `still.png` shows, on
paper and without scripts, where three such trainings lead; they are run here, by the package.
"""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from PIL import Image
from sphinx.application import Sphinx
from sphinx.builders import Builder
from torch.nn import functional as F

import vaetut
from vaetut import plotting

TRAIN, HELD_OUT = 5_000, 500  # the first of MNIST's training images, and of its test images
SIDE, LEVELS = 14, 7  # levels beside black
RECIPE = replace(vaetut.FAST, hidden_dims=(64, 64), batch_size=100, validation=0)
BETAS = (0.0, 1.0, 8.0)
GRID = 10


def digits(split: str, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the first images of a split, (count, 196) in [0, 1], and their labels."""
    images, labels = vaetut.load_mnist(split)
    small = F.avg_pool2d(images[:count].view(-1, 1, 28, 28), 2).flatten(1)
    return (small * LEVELS).round() / LEVELS, labels[:count]


def as_script(train: torch.Tensor, held_out: torch.Tensor, labels: torch.Tensor) -> str:
    """Return the digits as a script, which a page can load from a folder."""

    def figures(images: torch.Tensor) -> str:
        return "".join(f"{level}" for level in (images * LEVELS).round().int().flatten().tolist())

    data = {"side": SIDE, "levels": LEVELS, "labels": "".join(map(str, labels.tolist()))}
    data |= {"train": figures(train), "heldOut": figures(held_out)}
    data["colors"] = {"digits": list(plotting.PALETTE), **plotting.COLORS}
    return f"globalThis.VAETUT_DIGITS = {json.dumps(data)};\n"


def draw_plane(ax: Axes, z: torch.Tensor, labels: torch.Tensor) -> None:
    """Draw codes, coloured by class, and the prior's circles; zoom out where the codes ask it."""
    half = max(4.0, 1.12 * z.abs().flatten().quantile(0.985).item())
    ax.scatter(*z.T, s=7, c=[plotting.PALETTE[label] for label in labels], linewidths=0)
    for radius in (1, 2, 3):
        ax.add_patch(Circle((0, 0), radius, fill=False, lw=1.2, color=plotting.COLORS["prior"]))
    ax.set(xlim=(-half, half), ylim=(-half, half), aspect="equal")
    ax.spines[:].set_color("#999999")


@torch.no_grad()
def draw_grid(ax: Axes, model: vaetut.VAE) -> None:
    """Draw what the decoder makes of the prior's quantiles, ink on paper."""
    codes = torch.from_numpy(plotting.manifold_grid(GRID, "quantile"))
    pictures = model.decode_mean(codes).view(GRID, GRID, SIDE, SIDE)
    sheet = pictures.transpose(1, 2).reshape(GRID * SIDE, GRID * SIDE)
    ax.imshow(sheet, cmap="gray_r", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_color("#999999")


def draw_still(train: torch.Tensor, held_out: torch.Tensor, labels: torch.Tensor) -> Image.Image:
    """Train at three values of beta; draw for each the latent plane and the prior, decoded."""
    figure = Figure(figsize=(8, 5.4), dpi=150, facecolor="white", layout="constrained")
    for beta, plane, grid in zip(BETAS, *figure.subplots(2, len(BETAS)), strict=True):
        model = vaetut.VAE(SIDE**2, 2, RECIPE.hidden_dims, RECIPE.activation)
        vaetut.train(model, train, replace(RECIPE, beta=beta), progress=False)
        g = torch.Generator().manual_seed(0)
        with torch.no_grad():
            z = vaetut.reparameterize(*model.encode(held_out), generator=g)
        draw_plane(plane, z, labels)
        plane.set_title(f"β = {beta:g}", fontsize=12)
        draw_grid(grid, model)
    buffer = io.BytesIO()
    figure.savefig(buffer)
    return Image.open(buffer).convert("RGB").quantize(64, Image.Quantize.FASTOCTREE)


def write_trainer(app: Sphinx, builder: Builder) -> None:
    """Write the picture into the site and the e-book, and the digits into the site."""
    if builder.name not in ("html", "epub"):
        return
    folder = Path(app.outdir) / "_static" / "trainer"
    folder.mkdir(parents=True, exist_ok=True)
    train, _ = digits("train", TRAIN)
    held_out, labels = digits("test", HELD_OUT)
    draw_still(train, held_out, labels).save(folder / "still.png", optimize=True)
    if builder.name == "html":
        (folder / "digits.js").write_text(as_script(train, held_out, labels), encoding="utf-8")
