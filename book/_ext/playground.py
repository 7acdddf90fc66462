"""Put into the built book what chapter 11 runs and shows.

`model.js` is an exported model: the one that the setting `playground_model` names, bundled or in a
file beside `_config.yml`. `still.png` is the playground on paper and without scripts: an image,
what the encoder says about it on the latent plane, and what the decoder returns.
"""

from __future__ import annotations

import io
from pathlib import Path

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from PIL import Image
from sphinx.application import Sphinx
from sphinx.builders import Builder

import vaetut
from vaetut import plotting, web

CHOSEN = 1  # the first 2 of the test images: the page opens with it
NUM_POINTS = 3000
ORANGE = plotting.COLORS["posterior"]


@torch.no_grad()
def draw_still(model: vaetut.VAE, images: torch.Tensor, labels: torch.Tensor) -> Image.Image:
    """Return the picture: image, plane and decoded image, on white paper."""
    x = images[CHOSEN : CHOSEN + 1]
    mu, log_var = model.encode(x)
    (centre,), (sigma,) = mu, (0.5 * log_var).exp()
    figure = Figure(figsize=(8, 4.5), dpi=200, facecolor="white")
    plane = figure.add_axes((0.29, 0.11, 0.46, 0.86))
    g = torch.Generator().manual_seed(0)
    some = torch.randperm(len(images), generator=g)[:NUM_POINTS]
    codes = vaetut.reparameterize(*model.encode(images[some]), generator=g)
    plotting.latent_scatter(codes, labels[some], plane, prior=True)
    plane.set(xlim=(-4, 4), ylim=(-4, 4))
    half = 4 * sigma.max()
    span = torch.stack([centre - half, centre + half])  # (2, 2): from, to
    close_up = plane.inset_axes((0.73, 0.02, 0.25, 0.25), xlim=span[:, 0], ylim=span[:, 1])
    close_up.set(xticks=[], yticks=[], facecolor="white")
    close_up.set_title("q(z|x)", loc="left", x=0.05, y=0.8, fontsize=8, color="#a74800")
    close_up.spines[:].set_color(ORANGE)
    close_up.plot(*centre, "+", color=ORANGE)
    for width in (3, 2, 1):
        size = 2 * width * sigma
        close_up.add_patch(Ellipse(tuple(centre), *size, facecolor=f"{ORANGE}30", edgecolor=ORANGE))
    plane.indicate_inset_zoom(close_up, edgecolor=ORANGE, alpha=1, zorder=6)
    for left, pixels, title in (
        (0.02, x, "into the encoder: $x$"),
        (0.78, model.decode_mean(mu), r"out of the decoder: $\hat x$"),
    ):
        ax = figure.add_axes((left, 0.37, 0.2, 0.36))
        ax.imshow(pixels.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        ax.set_title(title, fontsize=11)
        ax.spines[:].set_color("#999999")
    buffer = io.BytesIO()
    figure.savefig(buffer)
    return Image.open(buffer).convert("RGB").quantize(256)


def write_playground(app: Sphinx, builder: Builder) -> None:
    """Write the picture into the site and the e-book, and the model into the site."""
    if builder.name not in ("html", "epub"):
        return
    folder = Path(app.outdir) / "_static" / "playground"
    folder.mkdir(parents=True, exist_ok=True)
    name = app.config.playground_model
    bundled = name in vaetut.list_pretrained()
    model = vaetut.load_pretrained(name) if bundled else vaetut.load_model(Path(app.srcdir) / name)
    images, labels = vaetut.load_mnist("test")
    text = web.export_json(model, images, labels)
    draw_still(web.load_json(text), images, labels).save(folder / "still.png", optimize=True)
    if builder.name == "html":
        (folder / "model.js").write_text(web.as_script(text), encoding="utf-8")


def register(app: Sphinx) -> None:
    """Let the setting name a model."""
    app.add_config_value("playground_model", "playground-2d", "html", str)
