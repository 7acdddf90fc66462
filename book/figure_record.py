"""What a matplotlib figure shows, as a small record of texts and numbers.

The kernel that runs a chapter puts this record beside every figure, into its output's metadata,
where no reader meets it. Two runs are then compared by what their figures show: pixels are a poor
ruler, for a marker snaps to them and a line that is wrong by a hair does not.

Texts, colours and styles stand as they are. Numbers are packed into strings, to six digits, so that
a diff shows one line for each array. A key's first word says along what they run: "x", "y" or "z",
"axes" (widths and heights of the axes), "values" (of a colour map), "sizes" or "counts".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib import collections, image, lines, patches, quiver, table, text
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
COLORS = 12  # that are told apart among very many points
SIDE = 6  # rows and columns of a cloud's histogram
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
            "axes": [_axes(ax, parts) for ax in _visible_axes(figure.axes)],
        }
        if _size(record) <= MOST:
            break
    return record


def _visible_axes(axes: Sequence[Axes]) -> Iterator[Axes]:
    for ax in axes:
        if ax.get_visible():
            yield ax
            yield from _visible_axes(ax.child_axes)


def _size(record: object) -> int:
    """Count the numbers in a record; it does not depend on their digits."""
    if isinstance(record, dict):
        return sum(map(_size, record.values()))
    if isinstance(record, list):
        return sum(map(_size, record))
    return str(record).count(" ") + 1


def _axes(ax: Axes, parts: int) -> Record:
    legend = ax.get_legend()
    sides = ("left", "center", "right") if isinstance(ax, Axes) else ()  # a second scale has none
    record = {
        "kind": ax.name,
        "titles": [ax.get_title(loc=side) for side in sides],
        "look": f"{_color(ax.get_facecolor())} aspect {ax.get_aspect()} frame {ax.axison}",
    }
    axes = {name: getattr(ax, f"{name}axis", None) for name in "xyz"}
    record |= {name: _axis(axis) for name, axis in axes.items() if axis}
    record["legend"] = _legend(legend) if legend else {}
    return record | {"artists": list(_artists(ax, parts))}


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
        "grid": next((_look(line) for line in axis.get_gridlines() if line.get_visible()), ""),
        "ticks": _pack([place for place, _ in shown]),
        "names": [name for _, name in shown],
    }


def _legend(legend: Legend) -> Record:
    pairs = zip(legend.legend_handles, legend.get_texts(), strict=True)
    return {
        "title": legend.get_title().get_text(),
        "entries": [{"label": name.get_text(), "look": _look(handle)} for handle, name in pairs],
    }


def _artists(ax: Axes, parts: int) -> Iterator[Record]:
    """Describe what was drawn into the axes, kind by kind, in the order in which it was added."""
    for kind in (ax.lines, ax.collections, ax.patches, ax.images, ax.texts, ax.tables, ax.artists):
        drawn = [artist for artist in kind if artist.get_visible()]
        for look, group in groupby(drawn, key=lambda artist: _bar_look(artist, ax)):
            if look is not None:
                yield _bars(list(group), look, parts)
                continue
            for artist in group:
                describers = (function for kind, function in KINDS if isinstance(artist, kind))
                yield next(describers)(artist, ax, parts)


def _bar_look(artist: Artist, ax: Axes) -> str | None:
    """Return what neighbouring bars have in common, or None for what is no upright bar."""
    if not isinstance(artist, patches.Rectangle) or artist.get_angle():
        return None
    return _look(artist) if artist.get_data_transform() == ax.transData else None


def _bars(bars: list[patches.Rectangle], look: str, parts: int) -> Record:
    corners = np.array([(*bar.get_xy(), bar.get_width(), bar.get_height()) for bar in bars])
    record = {"kind": "bars", "look": look, "count": len(bars)}
    return record | _columns(("x", "y", "x width", "y height"), corners, parts)


def _line(line: lines.Line2D, ax: Axes, parts: int) -> Record:
    place, points = _placed(line.get_xydata(), line.get_transform(), ax)
    return _named("line", line, place) | _columns("xy", points, parts)


def _points(cloud: collections.PathCollection, ax: Axes, parts: int) -> Record:
    """Describe a scatter plot: its points, or what is left of very many in each colour."""
    place, points = _placed(cloud.get_offsets(), cloud.get_offset_transform(), ax)
    record = _named("points", cloud, place) | {"count": len(points)}
    record["markers"] = [_pack(path.vertices[:3]) for path in cloud.get_paths()]
    if cloud.get_array() is not None:
        record |= _values(cloud, parts)
    sizes, colors = cloud.get_sizes(), _color_of_each(cloud, len(points))
    if len(points) <= MANY * parts:
        record |= {"sizes": _pack(sizes), "colors": " ".join(colors)}
        return record | _columns("xy", points, parts)
    record["sizes"] = _pack(np.quantile(sizes, (0, 0.5, 1)))
    if not colors or len(set(colors)) > COLORS:
        colors = [""] * len(points)
    group, side = np.array(colors), min(SIDE, parts // 2)
    clouds = {color: _cloud(points[group == color], ax, side) for color in sorted(set(colors))}
    return record | {"groups": [{"color": color} | cloud for color, cloud in clouds.items()]}


def _color_of_each(cloud: collections.PathCollection, number: int) -> list[str]:
    """Return the points' colours, or none where all share one or where they follow from values."""
    filled = len(cloud.get_facecolors()) > 0
    colors = cloud.get_facecolors() if filled else cloud.get_edgecolors()
    if cloud.get_array() is not None or len(colors) < 2:
        return []
    return [_color(color) for color in np.resize(colors, (number, 4))]


def _cloud(points: np.ndarray, ax: Axes, side: int) -> Record:
    """Keep the count, the quantiles and a coarse histogram over the visible plane."""
    points = points[np.isfinite(points).all(axis=1)]
    record: Record = {"count": len(points)}
    if not len(points):
        return record
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
        record |= _values(drawn, parts)
    return record | _columns("xy", points, parts)


def _contours(drawn: ContourSet, ax: Axes, parts: int) -> Record:
    """Describe each level by extent, centre and length: vertices come and go with rounding."""
    low, high = np.transpose([axis.get_view_interval() for axis in (ax.xaxis, ax.yaxis)])
    levels = []
    for path in drawn.get_paths():
        pieces = [piece for piece in path.to_polygons(closed_only=False) if len(piece) > 1]
        if not pieces:
            levels.append({"count": 0})
            continue
        steps = np.concatenate([np.diff(piece, axis=0) for piece in pieces])
        middles = np.concatenate([(piece[1:] + piece[:-1]) / 2 for piece in pieces])
        lengths = np.hypot(*(steps / (high - low)).T)  # in widths and heights of the axes
        centre = (middles * lengths[:, None]).sum(0) / lengths.sum()
        diagonal = ((middles - low) / (high - low)).sum(1)  # tells which way an ellipse leans
        box = path.get_extents()
        levels.append(
            {
                "x": _pack([box.x0, centre[0], box.x1]),
                "y": _pack([box.y0, centre[1], box.y1]),
                "axes length": _pack([lengths.sum()]),
                "axes diagonal": _pack([diagonal.min(), diagonal.max()]),
            }
        )
    colors = [_color(color) for color in (*drawn.get_facecolor(), *drawn.get_edgecolor())]
    record = {"kind": "contours", "look": _look(drawn), "colors": " ".join(colors)}
    if len(drawn.levels):
        record["values range"] = _pack(drawn.levels[[0, -1]])
        record["values levels"] = _pack(drawn.levels)
    return record | {"levels": levels}


def _arrows(drawn: quiver.Quiver, ax: Axes, parts: int) -> Record:
    place, points = _placed(drawn.get_offsets(), drawn.get_offset_transform(), ax)
    shafts = np.stack([np.ravel(drawn.U), np.ravel(drawn.V)], axis=1)
    record = _named("arrows", drawn, place) | _columns("xy", points, parts)
    return record | _columns(("x shaft", "y shaft"), shafts, parts)


def _mesh(drawn: collections.QuadMesh, ax: Axes, parts: int) -> Record:
    corners = drawn.get_coordinates().reshape(-1, 2)
    box = _columns("xy", np.stack([corners.min(0), corners.max(0)]), parts)
    return {"kind": "mesh"} | box | _values(drawn, parts)


def _image(drawn: image.AxesImage, ax: Axes, parts: int) -> Record:
    left, right, bottom, top = drawn.get_extent()
    alpha = "an array" if np.ndim(drawn.get_alpha()) else drawn.get_alpha()
    look = f"{drawn.origin} {drawn.get_interpolation()} alpha {alpha}"
    record = {"kind": "image", "look": look, "x": _pack([left, right]), "y": _pack([bottom, top])}
    return record | _values(drawn, parts)


def _patch(patch: patches.Patch, ax: Axes, parts: int) -> Record:
    if isinstance(patch, patches.FancyArrowPatch):  # its path stands in the axes' data already
        place, points = "data", patch.get_path().vertices
    else:
        path = patch.get_path().transformed(patch.get_patch_transform())
        place, points = _placed(path.vertices, patch.get_data_transform(), ax)
    return _named(type(patch).__name__, patch, place) | _columns("xy", points, parts)


def _text(label: text.Text, ax: Axes | None, parts: int) -> Record:
    place, points = _placed([label.get_unitless_position()], label.get_transform(), ax)
    record = {"kind": "text", "text": label.get_text(), "look": _look(label), "place": place}
    record |= _columns("xy", points, parts)
    if isinstance(label, text.Annotation) and label.xycoords == "data":
        target = label.convert_xunits(label.xy[0]), label.convert_yunits(label.xy[1])
        record |= _columns(("x target", "y target"), np.array([target], float), parts)
    if isinstance(label, text.Annotation) and label.arrow_patch:
        record["arrow"] = _look(label.arrow_patch)
    return record


def _table(drawn: table.Table, ax: Axes, parts: int) -> Record:
    cells = sorted(drawn.get_celld().items())
    return {"kind": "table", "cells": [cell.get_text().get_text() for _, cell in cells]}


def _another_legend(drawn: Legend, ax: Axes, parts: int) -> Record:
    return {"kind": "legend"} | _legend(drawn)


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
    (table.Table, _table),
    (Legend, _another_legend),
    (Artist, _other),
)


def _named(kind: str, artist: Artist, place: str) -> Record:
    label = str(artist.get_label())
    named = {"label": label} if label and not label.startswith("_") else {}
    return {"kind": kind} | named | {"look": _look(artist), "place": place}


def _look(artist: Artist | None) -> str:
    """Return colours and style of an artist as one short text."""
    if isinstance(artist, lines.Line2D):
        marker = artist.get_marker()
        words = [
            _color(artist.get_color(), artist.get_alpha()),
            f"{artist.get_linestyle()} {artist.get_linewidth():g} {artist.get_drawstyle()}",
            f"{marker if isinstance(marker, str) else 'marker'} {artist.get_markersize():g}",
            _color(artist.get_markerfacecolor()),
            _color(artist.get_markeredgecolor()),
        ]
    elif isinstance(artist, text.Text):
        words = [_color(artist.get_color()), artist.get_fontsize(), artist.get_rotation()]
    elif isinstance(artist, patches.Patch):
        words = [_color(artist.get_facecolor()), _color(artist.get_edgecolor())]
        words += [artist.get_linestyle(), artist.get_linewidth(), artist.get_hatch() or ""]
        if isinstance(artist, patches.FancyArrowPatch):
            words.append(type(artist.get_arrowstyle()).__name__)
    elif isinstance(artist, collections.Collection):
        words = ["" if artist.get_array() is not None else _colors(artist)]
        words += [_pack(np.unique(artist.get_linewidths())), artist.get_hatch() or ""]
        words += dict.fromkeys(_pack(dashes or ()) for _, dashes in artist.get_linestyle())
    else:
        words = [type(artist).__name__]
    return " ".join(f"{word:g}" if isinstance(word, float) else str(word) for word in words if word)


def _colors(drawn: collections.Collection) -> str:
    """Name the colours of a collection, each once."""
    shown = []
    for colors in (drawn.get_facecolor(), drawn.get_edgecolor()):
        names = dict.fromkeys(map(_color, colors))
        shown += names if len(names) <= COLORS else [f"{len(names)} colours"]
    return " ".join(shown)


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


def _columns(names: Sequence[str], rows: np.ndarray, parts: int) -> Record:
    """Keep the columns of a table; of very many rows, least, mean and greatest of every part."""
    record: Record = {}
    if len(rows) > MANY * parts:
        record["count"] = len(rows)
        rows = rows[np.isfinite(rows).all(axis=1)]  # a gap would hide the part that it is in
    for name, values in zip(names, rows.T, strict=True):
        if len(rows) <= MANY * parts:
            record[name] = _pack(values)
            continue
        split = np.array_split(values, parts)
        record[f"{name} least"] = _pack([part.min() for part in split])
        record[f"{name} mean"] = _pack([part.mean() for part in split])
        record[f"{name} greatest"] = _pack([part.max() for part in split])
    return record


def _values(drawn: Any, parts: int) -> Record:
    """Keep the shape of an array of colours, how it is mapped, and means over a coarse grid."""
    array = np.ma.masked_invalid(np.ma.asarray(drawn.get_array(), float))
    record: Record = {"shape": "x".join(map(str, array.shape))}
    if array.ndim == 3:  # red, green, blue: side by side
        low, high = 0.0, 255.0 if drawn.get_array().dtype.kind in "iu" else 1.0
        rows = np.ma.concatenate(list(np.moveaxis(array, 2, 0)), axis=1)
    else:
        colors = drawn.get_cmap()
        low, high = np.array(drawn.get_clim(), float)  # nan where nothing was mapped
        samples = " ".join(_color(colors(place)) for place in (0.0, 0.5, 1.0))
        record["map"] = f"{colors.name} {samples} {type(drawn.norm).__name__}"
        rows = array.reshape(1, -1) if array.ndim == 1 else array
    record["values range"] = _pack([low, high])
    if not array.size:
        return record
    digits = 5 - math.floor(math.log10(high - low)) if high > low else 6  # a colour shows no more
    columns = parts // 2 if len(rows) > 1 else parts
    for k, row in enumerate(np.array_split(rows, min(parts // 2, len(rows)))):
        cells = np.array_split(row, min(columns, row.shape[1]), axis=1)
        means = np.ma.stack([cell.mean() for cell in cells])
        record[f"values row {k:02}"] = _pack(np.round(means, digits))
    return record


def _pack(numbers: Any) -> str:
    """Write numbers to six digits, in one line."""
    values = np.ma.filled(np.ma.asarray(numbers, float), np.nan)
    return " ".join(f"{value + 0.0:.6g}" for value in values.ravel())
