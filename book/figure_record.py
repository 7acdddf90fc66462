"""What a matplotlib figure shows, as a small record of texts and numbers.

The kernel that runs a chapter puts this record beside every figure, into its output's metadata,
where no reader meets it. Two runs are then compared by what their figures show: pixels are a poor
ruler, for a marker snaps to them and a line that is wrong by a hair does not.

Texts, colours and styles stand as they are. Numbers are packed into strings, to six digits, so that
a diff shows one line for each array. A key's first word says along what they run: "x", "y",
"values" (of a colour map) or "counts".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib import collections, image, lines, patches, quiver, text
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex, to_rgba
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.transforms import Transform

MOST = 1_600  # numbers in a record, which keeps it below 20 kB
PARTS = (50, 25, 12, 6)  # into which a summary divides what there is: as many as fit
MANY = 4  # points for each part; of more, a summary is kept
LEVELS = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)  # quantiles of a cloud of points

Record = dict[str, Any]


def describe(figure: Figure) -> Record:
    """Describe what a drawn figure shows.

    Parameters
    ----------
    figure : Figure
        After it was drawn: before that, its limits and ticks are not settled.

    Returns
    -------
    dict
        Texts, legends and axes of the figure; it can be written as JSON.
    """
    for parts in PARTS:
        record = {
            "texts": [_text(each, None, parts) for each in figure.texts],
            "legends": [_legend(each) for each in figure.legends],
            "axes": [_axes(ax, parts) for ax in _every_axes(figure.axes)],
        }
        if _size(record) <= MOST:
            break
    return record


def _every_axes(axes: Sequence[Axes]) -> Iterator[Axes]:
    for ax in axes:
        yield ax
        yield from _every_axes(ax.child_axes)


def _size(record: object) -> int:
    """Count the numbers in a record; it does not depend on their digits."""
    if isinstance(record, dict):
        return sum(map(_size, record.values()))
    if isinstance(record, list):
        return sum(map(_size, record))
    return str(record).count(" ") + 1


def _axes(ax: Axes, parts: int) -> Record:
    legend = ax.get_legend()
    return {
        "kind": ax.name,
        "titles": [ax.get_title(loc=side) for side in ("left", "center", "right")],
        "look": f"{_color(ax.get_facecolor())} aspect {ax.get_aspect()} frame {ax.axison}",
        "x": _axis(ax.xaxis),
        "y": _axis(ax.yaxis),
        "legend": _legend(legend) if legend else {},
        "artists": list(_artists(ax, parts)),
    }


def _axis(axis: Axis) -> Record:
    low, high = axis.get_view_interval()
    slack = 1e-9 * abs(high - low)
    labels = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
    shown = [
        (place, label.get_text())
        for place, label in labels
        if min(low, high) - slack <= place <= max(low, high) + slack and label.get_visible()
    ]
    return {
        "label": axis.get_label_text(),
        "scale": axis.get_scale(),
        "limits": _pack([low, high]),
        "ticks": _pack([place for place, _ in shown]),
        "names": [name for _, name in shown],
    }


def _legend(legend: Legend) -> Record:
    pairs = zip(legend.legend_handles, legend.get_texts(), strict=True)
    return {
        "title": legend.get_title().get_text(),
        "entries": [f"{_look(handle)}: {label.get_text()}" for handle, label in pairs],
    }


def _artists(ax: Axes, parts: int) -> Iterator[Record]:
    """Describe what was drawn into the axes, kind by kind, in the order in which it was added."""
    for kind in (ax.lines, ax.collections, ax.patches, ax.images, ax.texts, ax.tables, ax.artists):
        drawn = [artist for artist in kind if artist.get_visible()]
        for look, group in groupby(drawn, key=_bar_look):
            if look is not None:
                yield _bars(list(group), look)
                continue
            for artist in group:
                describers = (function for kind, function in KINDS if isinstance(artist, kind))
                yield next(describers)(artist, ax, parts)


def _bar_look(artist: Artist) -> str | None:
    """Return what neighbouring bars have in common, or None for what is no bar."""
    return _look(artist) if isinstance(artist, patches.Rectangle) else None


def _bars(bars: list[patches.Rectangle], look: str) -> Record:
    record = {"kind": "bars", "look": look, "count": len(bars)}
    corners = [(*b.get_xy(), b.get_width(), b.get_height()) for b in bars]
    names = ("x", "y", "x width", "y height")
    return record | {n: _pack(v) for n, v in zip(names, zip(*corners, strict=True), strict=True)}


def _line(line: lines.Line2D, ax: Axes, parts: int) -> Record:
    place, points = _placed(line.get_xydata(), line.get_transform(), ax)
    return _named("line", line, place) | _curve(points, parts)


def _points(cloud: collections.PathCollection, ax: Axes, parts: int) -> Record:
    """Describe a scatter plot: its points, or what is left of very many in each colour."""
    place, points = _placed(cloud.get_offsets(), cloud.get_offset_transform(), ax)
    record = _named("points", cloud, place) | {"count": len(points)}
    record["sizes"] = _pack(np.quantile(cloud.get_sizes(), (0, 0.5, 1))) if len(points) else ""
    colors = [_color(color) for color in (*cloud.get_facecolors(), *cloud.get_edgecolors())]
    colors = colors[: max(len(points), 1)]  # those of the edges count where nothing is filled
    if cloud.get_array() is not None:
        record |= _mapping(cloud) | _values(cloud, parts)
    if len(points) <= MANY * parts:
        few = colors if len(set(colors)) > 1 and cloud.get_array() is None else colors[:1]
        return record | {"colors": " ".join(few)} | _curve(points, parts)
    if len(colors) != len(points) or len(set(colors)) > parts:
        colors = [""] * len(points)
    group = np.array(colors)
    return record | {
        "groups": [
            {"color": color} | _cloud(points[group == color], ax, min(parts, 6))
            for color in sorted(set(colors))
        ]
    }


def _cloud(points: np.ndarray, ax: Axes, side: int) -> Record:
    """Keep the count, the quantiles and a coarse histogram over the visible plane."""
    record: Record = {"count": len(points)}
    edges = []
    for axis, values in zip((ax.xaxis, ax.yaxis), points.T, strict=True):
        record[f"{axis.axis_name} quantiles"] = _pack(np.quantile(values, LEVELS))
        low, high = axis.get_transform().transform(np.sort(axis.get_view_interval()))
        place = (axis.get_transform().transform(values) - low) / (high - low) * side
        edges.append(np.clip(place, 0, side - 1).astype(int))
    table = np.zeros((side, side), int)
    np.add.at(table, (edges[1], edges[0]), 1)  # rows go up, as y does
    return record | {"counts": _pack(table.ravel())}


def _areas(drawn: collections.Collection, ax: Axes, parts: int) -> Record:
    """Describe filled areas and bundles of lines by the vertices of their paths."""
    vertices = [path.vertices for path in drawn.get_paths() if len(path.vertices)]
    whole = np.concatenate(vertices) if vertices else np.empty((0, 2))
    place, points = _placed(whole, drawn.get_transform(), ax)
    record = _named(type(drawn).__name__, drawn, place) | {"count": len(vertices)}
    if drawn.get_array() is not None:
        record |= _mapping(drawn) | _values(drawn, parts)
    return record | _curve(points, parts)


def _contours(drawn: ContourSet, ax: Axes, parts: int) -> Record:
    """Describe each level by extent, centre and length: vertices come and go with rounding."""
    levels = []
    for path in drawn.get_paths():
        pieces = [piece for piece in path.to_polygons(closed_only=False) if len(piece) > 1]
        if not pieces:
            levels.append({"count": 0})
            continue
        steps = np.concatenate([np.diff(piece, axis=0) for piece in pieces])
        middles = np.concatenate([(piece[1:] + piece[:-1]) / 2 for piece in pieces])
        spans = [abs(np.diff(axis.get_view_interval())[0]) for axis in (ax.xaxis, ax.yaxis)]
        lengths = np.hypot(*(steps / spans).T)  # in widths and heights of the axes
        centre = (middles * lengths[:, None]).sum(0) / lengths.sum()
        box = path.get_extents()
        levels.append(
            {
                "x": _pack([box.x0, centre[0], box.x1]),
                "y": _pack([box.y0, centre[1], box.y1]),
                "length": _pack([lengths.sum()]),  # of the axes
            }
        )
    record = {
        "kind": "contours",
        "look": _look(drawn),
        "values range": _pack(drawn.levels[[0, -1]]),
    }
    return record | {"values levels": _pack(drawn.levels), "levels": levels}


def _arrows(drawn: quiver.Quiver, ax: Axes, parts: int) -> Record:
    place, points = _placed(drawn.get_offsets(), drawn.get_offset_transform(), ax)
    shafts = np.stack([np.ravel(drawn.U), np.ravel(drawn.V)], axis=1)
    tips = {f"{key[0]} shaft{key[1:]}": value for key, value in _curve(shafts, parts).items()}
    return _named("arrows", drawn, place) | _curve(points, parts) | tips


def _mesh(drawn: collections.QuadMesh, ax: Axes, parts: int) -> Record:
    corners = drawn.get_coordinates().reshape(-1, 2)
    box = _curve(np.stack([corners.min(0), corners.max(0)]), parts)
    return {"kind": "mesh"} | _mapping(drawn) | box | _values(drawn, parts)


def _image(drawn: image.AxesImage, ax: Axes, parts: int) -> Record:
    left, right, bottom, top = drawn.get_extent()
    look = f"{drawn.origin} {drawn.get_interpolation()} alpha {drawn.get_alpha()}"
    record = {"kind": "image", "look": look, "x": _pack([left, right]), "y": _pack([bottom, top])}
    return record | _mapping(drawn) | _values(drawn, parts)


def _patch(patch: patches.Patch, ax: Axes, parts: int) -> Record:
    if isinstance(patch, patches.FancyArrowPatch):  # its path stands in the axes' data already
        place, points = "data", patch.get_path().vertices
    else:
        path = patch.get_path().transformed(patch.get_patch_transform())
        place, points = _placed(path.vertices, patch.get_data_transform(), ax)
    return _named(type(patch).__name__, patch, place) | _curve(points, parts)


def _text(label: text.Text, ax: Axes | None, parts: int) -> Record:
    place, points = _placed([label.get_position()], label.get_transform(), ax)
    record = {"kind": "text", "text": label.get_text(), "look": _look(label), "place": place}
    record |= _curve(points, parts)
    if isinstance(label, text.Annotation) and label.xycoords == "data":
        record |= {f"{n} target": _pack([v]) for n, v in zip("xy", label.xy, strict=True)}
    return record


def _other(artist: Artist, ax: Axes, parts: int) -> Record:
    return {"kind": type(artist).__name__}


# The first that fits describes an artist.
KINDS: tuple[tuple[type, Callable[..., Record]], ...] = (
    (lines.Line2D, _line),
    (collections.PathCollection, _points),
    (collections.QuadMesh, _mesh),
    (ContourSet, _contours),
    (quiver.Quiver, _arrows),
    (collections.Collection, _areas),
    (image.AxesImage, _image),
    (patches.Patch, _patch),
    (text.Text, _text),
    (Artist, _other),
)


def _named(kind: str, artist: Artist, place: str) -> Record:
    label = str(artist.get_label())
    named = {"label": label} if label and not label.startswith("_") else {}
    return {"kind": kind} | named | {"look": _look(artist), "place": place}


def _look(artist: Artist | None) -> str:
    """Return colours and style of an artist as one short text."""
    if isinstance(artist, lines.Line2D):
        line = f"{artist.get_linestyle()} {artist.get_linewidth():g}"
        marker = f"{artist.get_marker()} {artist.get_markersize():g}"
        fill = _color(artist.get_markerfacecolor())
        return f"{_color(artist.get_color(), artist.get_alpha())} {line} {marker} {fill}"
    if isinstance(artist, text.Text):
        return f"{_color(artist.get_color())} {artist.get_fontsize():g} {artist.get_rotation():g}"
    if isinstance(artist, patches.Patch):
        face, edge = _color(artist.get_facecolor()), _color(artist.get_edgecolor())
        return f"{face} {edge} {artist.get_linestyle()} {artist.get_linewidth():g}"
    if isinstance(artist, collections.PathCollection):
        return ""  # its colours belong to its points
    if isinstance(artist, collections.Collection):
        colors = [artist.get_facecolor(), artist.get_edgecolor()]
        face, edge = (" ".join(dict.fromkeys(map(_color, each))) for each in colors)
        widths = " ".join(f"{w:g}" for w in np.unique(artist.get_linewidths()))
        return f"{face} {edge} {widths}"
    return type(artist).__name__


def _color(color: Any, alpha: float | None = None) -> str:
    return to_hex(to_rgba(color, alpha), keep_alpha=True)


def _placed(points: Any, transform: Transform, ax: Axes | None) -> tuple[str, np.ndarray]:
    """Return points with the name of what they are measured in."""
    points = np.ma.filled(np.ma.asarray(points, float), np.nan).reshape(-1, 2)
    if ax is None:
        return "figure", points
    known = {
        "data": ax.transData,
        "axes": ax.transAxes,
        "x in data": ax.get_xaxis_transform(),
        "y in data": ax.get_yaxis_transform(),
    }
    for name, candidate in known.items():
        if transform == candidate:
            return name, points
    return "axes", (transform - ax.transAxes).transform(points)


def _curve(points: np.ndarray, parts: int) -> Record:
    """Keep the points; of very many, least, mean and greatest of every part."""
    if len(points) <= MANY * parts:
        return {name: _pack(values) for name, values in zip("xy", points.T, strict=True)}
    record: Record = {"count": len(points)}
    for name, values in zip("xy", points.T, strict=True):
        split = np.array_split(values, parts)
        record[f"{name} least"] = _pack([part.min() for part in split])
        record[f"{name} mean"] = _pack([part.mean() for part in split])
        record[f"{name} greatest"] = _pack([part.max() for part in split])
    return record


def _mapping(drawn: Any) -> Record:
    return {"map": drawn.get_cmap().name, "values range": _pack(drawn.get_clim())}


def _values(drawn: Any, parts: int) -> Record:
    """Keep the shape of the mapped array, and its means over a coarse grid."""
    array = np.ma.masked_invalid(np.ma.asarray(drawn.get_array(), float))
    rows = array.reshape(1, -1) if array.ndim == 1 else array
    columns = parts // 2 if len(rows) > 1 else parts
    low, high = drawn.get_clim()
    digits = 5 - math.floor(math.log10(high - low)) if high > low else 6  # a colour shows no more
    record = {"shape": "x".join(map(str, array.shape))}
    for k, row in enumerate(np.array_split(rows, min(parts // 2, len(rows)))):
        cells = np.array_split(row, min(columns, row.shape[1]), axis=1)
        means = np.array([cell.mean() for cell in cells], float)
        record[f"values row {k:02}"] = _pack(np.round(means, digits))
    return record


def _pack(numbers: Any) -> str:
    """Write numbers to six digits, in one line."""
    values = np.ma.filled(np.ma.asarray(numbers, float), np.nan)
    return " ".join(f"{value + 0.0:.6g}" for value in values.ravel())
