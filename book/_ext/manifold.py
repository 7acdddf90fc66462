"""Put into the built book what the first page runs: a small copy of the cover's decoder.

The decoder has 645,000 weights, more than a first page should wait for. `live/decoder.js` holds a
copy with 23,000, which draws nearly the same wherever the ring can go. Of each hidden layer it
keeps the units that say most about the others; what leaves them is fitted by least squares, and
then all of it to the decoder's pictures. `live/digit.png` is what lies in the ring at first.
"""

from __future__ import annotations

import json
from pathlib import Path

import scipy.linalg
import torch
from matplotlib.colors import to_rgb
from PIL import Image
from sphinx.application import Sphinx
from sphinx.builders import Builder
from torch import nn
from torch.nn import functional as F

import vaetut
from book import draw_cover
from vaetut import plotting, web

START = (8, 5)  # column and row of the ring, from 0
KEPT = (20, 36)  # of the 500 units in each hidden layer
GRID = (37, 29)  # codes at which the copy is fitted, across and up
MARGIN = 1.08  # they reach a little further than the ring
STEPS = 200
INK = 0.02  # a pixel that never has more is left out


def grid() -> torch.Tensor:
    """Return codes on a grid over the sheet: (N, 2)."""
    ends = [MARGIN * dial.max().item() for dial in draw_cover.dials()]
    return torch.cartesian_prod(
        *(torch.linspace(-end, end, count) for end, count in zip(ends, GRID, strict=True))
    )


def telling(units: torch.Tensor, count: int) -> torch.Tensor:
    """Return which units, of (N, units), the others can best be reckoned from."""
    centred = (units - units.mean(0)).double().numpy()
    *_, order = scipy.linalg.qr(centred, mode="economic", pivoting=True)
    return torch.from_numpy(order[:count].copy())


def layer(weight: torch.Tensor, bias: torch.Tensor) -> nn.Linear:
    """Return a layer with this weight and bias."""
    made = nn.Linear(weight.shape[1], weight.shape[0])
    made.weight.data, made.bias.data = weight.detach().clone(), bias.detach().clone()
    return made


def fit(x: torch.Tensor, y: torch.Tensor) -> nn.Linear:
    """Return the layer that makes y of x with the least squares."""
    with_bias = F.pad(x, (0, 1), value=1.0).double()
    solution = torch.linalg.lstsq(with_bias, y.double(), driver="gelsd").solution.float()
    return layer(solution[:-1].T, solution[-1])


def shrink(model: vaetut.VAE) -> tuple[nn.Sequential, torch.Tensor]:
    """Return the small copy of a decoder, from codes to logits, and which pixels these are of."""
    z = grid()
    first, activation, second, _ = model.decoder.hidden
    with torch.no_grad():
        one = activation(first(z))
        before = second(one)
        two = activation(before)
        logits = model.decoder.out(two)
        means = logits.sigmoid()
        inked = means.amax(0) > INK
        some, others = telling(one, KEPT[0]), telling(two, KEPT[1])
        one = one[:, some]
        to_others = fit(one, before[:, others])
        to_logits = fit(activation(to_others(one)), logits[:, inked].clamp(-8, 8))
    to_some = layer(first.weight[some], first.bias[some])
    small = nn.Sequential(to_some, activation, to_others, activation, to_logits)
    refine(small, z, means[:, inked])
    return small, inked


def refine(small: nn.Sequential, z: torch.Tensor, means: torch.Tensor) -> None:
    """Fit all weights to the pixels' means at some codes, by their cross-entropy."""
    optimizer = torch.optim.LBFGS(
        small.parameters(), max_iter=STEPS, history_size=30, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = F.binary_cross_entropy_with_logits(small(z), means)
        value.backward()
        return value

    optimizer.step(loss)


def export_json(small: nn.Sequential, inked: torch.Tensor, digits: list[int]) -> str:
    """Return the copy, in layers of the format of `vaetut.web`, and what the page shows around it.

    "inked" has a 1 for each pixel that the copy draws; "dials" are the codes of columns and rows;
    "labels" are the digits near each place of the sheet, and "colors" the inks of the ten digits.
    """
    *hidden, out = (part for part in small if isinstance(part, nn.Linear))
    layers = [*(web.export_layer(part, 16) for part in hidden), web.export_layer(out, 8)]
    dials = [[round(code, 5) for code in dial.tolist()] for dial in draw_cover.dials()]
    export = {"layers": layers, "inked": "".join(map(str, inked.int().tolist())), "dials": dials}
    export |= {"labels": "".join(map(str, digits)), "colors": plotting.PALETTE}
    return json.dumps(export, separators=(",", ":"))


@torch.no_grad()
def draw_digit(small: nn.Sequential, inked: torch.Tensor, digits: list[int]) -> Image.Image:
    """Return the digit in the ring at first, a pixel for a pixel."""
    column, row = START
    at = row * draw_cover.COLUMNS + column
    ink = torch.tensor(to_rgb(plotting.PALETTE[digits[at]]))  # (3,)
    strength = torch.zeros(len(inked))
    strength[inked] = small(draw_cover.codes()[at]).sigmoid()
    pixels = 1 - strength.view(draw_cover.SIDE, draw_cover.SIDE, 1) * (1 - ink)
    return Image.fromarray((255 * pixels).round().byte().numpy())


def write_manifold(app: Sphinx, builder: Builder) -> None:
    """Write both files into the site."""
    if builder.name != "html":
        return
    folder = Path(app.outdir) / "_static" / "live"
    folder.mkdir(parents=True, exist_ok=True)
    model = vaetut.load_pretrained(draw_cover.MODEL)
    digits = draw_cover.nearest_digits(model, draw_cover.codes())
    small, inked = shrink(model)
    script = web.as_script(export_json(small, inked, digits))
    (folder / "decoder.js").write_text(script, encoding="utf-8")
    draw_digit(small, inked, digits).save(folder / "digit.png", optimize=True)
