"""Figures are compared by what they show: each planted fault is found, and said where it is."""

import datetime as dt
import json

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from book.figure_record import describe
from tests.notebooks.records import SHOWN, compare_records
from tests.notebooks.structure import TOLERANCES

X = np.linspace(0, 6, 60)
PICTURE = np.linspace(0, 1, 40)[:, None] * np.linspace(1, 0, 30) ** 2
CLOUD = np.random.default_rng(0).normal(size=(600, 2))


def figure(change=lambda figure: None, dpi=40):
    """Draw one of everything, make a change, and return the record."""
    drawn = Figure(figsize=(9, 3), dpi=dpi)
    FigureCanvasAgg(drawn)
    curves, cloud, picture = drawn.subplots(1, 3)
    curves.plot(X, np.sin(X), color="C0", label="sine")
    curves.plot(X, np.cos(X), "o--", color="C1", label="cosine")
    curves.plot(np.linspace(0, 6, 5000), np.full(5000, 0.5), color="C2")
    curves.fill_between(X, np.sin(X) - 0.1, np.sin(X) + 0.1, color="C0", alpha=0.3)
    curves.axhline(0.0, color="C3")
    curves.bar([1, 2, 3], [0.5, -0.5, 0.25], color="C4")
    curves.text(1, 0.5, "here")
    curves.set(title="Waves", xlabel="time", ylabel="height")
    curves.legend()
    cloud.scatter(*CLOUD.T, s=4, c=np.where(CLOUD[:, 0] > 0, "C0", "C1"))
    cloud.scatter([-1, 0, 1], [0.1, 10, 30], color="C5", marker="s")
    cloud.contour(X, X, np.add.outer(X, X), levels=[2.0, 4.0, 6.0])
    cloud.add_patch(Circle((1, 1), 0.5, fill=False))
    picture.imshow(PICTURE, cmap="gray", vmin=0, vmax=1)
    picture.quiver([5, 20], [5, 30], [1.0, 2.0], [0.0, -1.0])
    picture.annotate("top", xy=(5, 2), xytext=(15, 20), arrowprops={"arrowstyle": "->"})
    change(drawn)
    drawn.canvas.draw()
    return describe(drawn)


STORED = figure()
HEIGHT = np.ptp(np.array(STORED["axes"][0]["y"]["limits"].split(), float))


def axes(number):
    return lambda figure: figure.axes[number]


def line(number, change):
    """Change a line's y."""

    def apply(figure):
        drawn = figure.axes[0].lines[number]
        drawn.set_ydata(change(np.array(drawn.get_ydata(), float)))

    return apply


def a_point_off_by_three_percent_of_the_axis(y):
    y[len(y) // 3] += 0.03 * HEIGHT
    return y


def swap(figure):
    sine, cosine = figure.axes[0].lines[:2]
    sine, cosine = sine.get_ydata(), cosine.get_ydata()
    figure.axes[0].lines[0].set_ydata(cosine)
    figure.axes[0].lines[1].set_ydata(sine)


def picture(change):
    return lambda figure: figure.axes[2].images[0].set_data(change(PICTURE))


def points(number, change):
    def apply(figure):
        drawn = figure.axes[1].collections[number]
        drawn.set_offsets(change(np.array(drawn.get_offsets())))

    return apply


FAULTS = {
    "a point of a curve": line(0, a_point_off_by_three_percent_of_the_axis),
    "a point of a long curve": line(2, a_point_off_by_three_percent_of_the_axis),
    "a whole curve by half a percent": line(1, lambda y: y + 0.005 * HEIGHT),
    "two curves swapped": swap,
    "a missing curve": lambda f: f.axes[0].lines[0].remove(),
    "a hidden curve": lambda f: f.axes[0].lines[0].set_visible(False),
    "a wrong colour": lambda f: f.axes[0].lines[0].set_color("C3"),
    "a wrong style": lambda f: f.axes[0].lines[0].set_linestyle(":"),
    "a wrong marker": lambda f: f.axes[0].lines[1].set_marker("s"),
    "a line across at another height": line(3, lambda y: y + 0.1),
    "a bar of another height": lambda f: f.axes[0].patches[1].set_height(-0.45),
    "a filled area of another colour": lambda f: f.axes[0].collections[0].set_color("C3"),
    "a label of an axis": lambda f: f.axes[0].set_ylabel("hight"),
    "a title": lambda f: f.axes[0].set_title("Weaves"),
    "a title of the figure": lambda f: f.suptitle("All"),
    "a word": lambda f: f.axes[0].texts[0].set_text("there"),
    "a word elsewhere": lambda f: f.axes[0].texts[0].set_x(2),
    "a legend without an entry": lambda f: f.axes[0].legend(f.axes[0].lines[:1], ["sine"]),
    "a legend with names swapped": lambda f: f.axes[0].legend(["cosine", "sine"]),
    "no legend": lambda f: f.axes[0].get_legend().remove(),
    "a tick elsewhere": lambda f: f.axes[0].set_xticks([0, 2, 5], labels=["0", "2", "4"]),
    "a tick's name": lambda f: f.axes[0].set_xticks([0, 2, 4], labels=["0", "two", "4"]),
    "no ticks": lambda f: f.axes[0].set_yticks([]),
    "other limits": lambda f: f.axes[0].set_xlim(-0.3, 7),
    "an axis turned round": lambda f: f.axes[0].invert_yaxis(),
    "logarithmic for linear": lambda f: f.axes[0].set_xscale("symlog"),
    "other units": lambda f: f.axes[0].set_aspect("equal"),
    "no frame": lambda f: f.axes[0].set_axis_off(),
    "a missing panel": lambda f: f.axes[2].remove(),
    "one panel more": lambda f: f.add_axes([0.4, 0.4, 0.1, 0.1]),
    "an inset": lambda f: f.axes[0].inset_axes([0.4, 0.4, 0.1, 0.1]),
    "a cloud moved": points(0, lambda xy: xy + np.array([0.1, 0])),
    "a cloud with colours swapped": lambda f: (
        f.axes[1]
        .collections[0]
        .set_facecolor(
            np.array([[0.12, 0.47, 0.71, 1.0], [1.0, 0.5, 0.05, 1.0]])[
                (CLOUD[:, 0] > 0).astype(int)
            ]
        )
    ),
    "a cloud with axes swapped": points(0, lambda xy: xy[:, ::-1]),
    "a cloud without ten points": points(0, lambda xy: xy[10:]),
    "one of a few points": points(1, lambda xy: xy + np.outer([0, 1, 0], [0, 1.0])),
    "points of another size": lambda f: f.axes[1].collections[0].set_sizes([9]),
    "a contour moved": lambda f: (
        f.axes[1].collections[2].remove(),
        f.axes[1].contour(X, X, np.add.outer(X, X), levels=[2.0, 4.3, 6.0]),
    ),
    "a circle of another radius": lambda f: f.axes[1].patches[0].set_radius(2),
    "an image replaced": picture(lambda image: 1 - image),
    "an image transposed": picture(lambda image: image.T),
    "an image upside down": picture(lambda image: image[::-1]),
    "an image the other way": picture(lambda image: image[:, ::-1]),
    "an image a little darker": picture(lambda image: 0.98 * image),
    "an image on another scale": lambda f: f.axes[2].images[0].set_clim(0, 2),
    "another colour map": lambda f: f.axes[2].images[0].set_cmap("viridis"),
    "an arrow of another length": lambda f: f.axes[2].collections[0].set_UVC([1, 3], [0, -1]),
    "another target": lambda f: setattr(f.axes[2].texts[0], "xy", (8, 2)),
}

PLANE = np.meshgrid(np.linspace(-3, 3, 40), np.linspace(-3, 3, 40))
MANY_COLORS = np.array([f"C{k}" for k in range(10)])[np.random.default_rng(1).integers(0, 10, 600)]
RGB = np.random.default_rng(2).random((9, 9, 3))
PICTURES = {"cmap": ListedColormap(["#111111", "#333333"]), "norm": LogNorm(0.1, 1)}


def ridge(slope):
    x, y = PLANE
    return np.exp(slope * x * y - (x**2 + y**2) / 2)


def cloud(**style):
    return lambda ax: ax.scatter(*CLOUD.T, **{"color": "C0", "label": "data"} | style)


def scattered_legend(*colors):
    def draw(ax):
        for color, name in zip(colors, "ab", strict=True):
            ax.scatter([], [], color=color, label=name)
        ax.legend()

    return draw


def close_up(change):
    """Draw a curve whose values are large beside their span."""
    return lambda ax: (ax.plot(X, change + 98 + 0.5 * np.sin(X)), ax.set_ylim(97, 99))


def gaps(factor):
    """Draw a long curve with a gap in each part of it."""
    y = np.where(np.arange(5000) % 20, np.sin(np.arange(5000) / 700), np.nan)
    return lambda ax: (ax.plot(factor * y), ax.set_ylim(-1.1, 1.1))


def two_legends(*names):
    return lambda ax: (
        ax.plot(X, X, X, -X),
        ax.add_artist(ax.legend(ax.lines, names)),
        ax.legend(["z"]),
    )


# Two drawings of one axes that a reader tells apart.
PAIRS = {
    "a dense cloud's colour": (cloud(), cloud(color="C1")),
    "a dense cloud's opacity": (cloud(alpha=0.4), cloud(alpha=0.6)),
    "ten classes, two of them swapped": (
        lambda ax: ax.scatter(*CLOUD.T, c=MANY_COLORS),
        lambda ax: ax.scatter(
            *CLOUD.T, c=[{"C0": "C5", "C5": "C0"}.get(c, c) for c in MANY_COLORS]
        ),
    ),
    "colours swapped in a legend of points": (
        scattered_legend("C0", "C1"),
        scattered_legend("C1", "C0"),
    ),
    "a marker's shape": (cloud(), cloud(marker="^")),
    "a triangle upside down": (cloud(marker="v"), cloud(marker="^")),
    "sizes swapped": (
        lambda ax: ax.scatter([1, 2, 3], [1, 2, 3], s=[10, 30, 20]),
        lambda ax: ax.scatter([1, 2, 3], [1, 2, 3], s=[10, 20, 30]),
    ),
    "an edge's colour": (
        lambda ax: ax.plot(X, X, "o", mec="C1"),
        lambda ax: ax.plot(X, X, "o", mec="C2"),
    ),
    "steps for a line": (lambda ax: ax.step(X, np.sin(X)), lambda ax: ax.plot(X, np.sin(X))),
    "a contour that leans the other way": (
        lambda ax: ax.contour(*PLANE, ridge(0.6), levels=[0.1, 0.4]),
        lambda ax: ax.contour(*PLANE, ridge(-0.6), levels=[0.1, 0.4]),
    ),
    "a dashed contour": (
        lambda ax: ax.contour(*PLANE, ridge(0.6), levels=[0.1], linestyles="--"),
        lambda ax: ax.contour(*PLANE, ridge(0.6), levels=[0.1]),
    ),
    "colours of levels": (
        lambda ax: ax.contour(*PLANE, ridge(0), levels=[0.1, 0.4, 0.7], colors=["r", "g", "r"]),
        lambda ax: ax.contour(*PLANE, ridge(0), levels=[0.1, 0.4, 0.7], colors=["r", "g", "g"]),
    ),
    "hatching": (lambda ax: ax.bar([1], [1], hatch="//"), lambda ax: ax.bar([1], [1], hatch="..")),
    "a band's height, in shares of the axes": (
        lambda ax: (ax.set_ylim(0, 1e4), ax.axvspan(1, 2, 0, 0.5)),
        lambda ax: (ax.set_ylim(0, 1e4), ax.axvspan(1, 2, 0, 0.8)),
    ),
    "a rectangle that is turned": (
        lambda ax: ax.add_patch(Rectangle((0.2, 0.2), 0.5, 0.3)),
        lambda ax: ax.add_patch(Rectangle((0.2, 0.2), 0.5, 0.3, angle=30)),
    ),
    "a curve off by four percent of a narrow axis": (close_up(0), close_up(0.08)),
    "one of very many bars": (
        lambda ax: ax.bar(np.arange(500), np.arange(500)),
        lambda ax: ax.bar(np.arange(500), np.where(np.arange(500) == 70, 250, np.arange(500))),
    ),
    "a long curve with gaps": (gaps(1), gaps(1.06)),
    "red and blue swapped": (lambda ax: ax.imshow(RGB), lambda ax: ax.imshow(RGB[..., ::-1])),
    "colours of a map without a name": (
        lambda ax: ax.imshow(PICTURE, cmap=PICTURES["cmap"]),
        lambda ax: ax.imshow(PICTURE, cmap=ListedColormap(["#113311", "#331133"])),
    ),
    "colours on a logarithmic scale": (
        lambda ax: ax.imshow(PICTURE, norm=PICTURES["norm"]),
        lambda ax: ax.imshow(PICTURE, vmin=0.1, vmax=1),
    ),
    "an arrow the other way": (
        lambda ax: ax.annotate("", (0.2, 0.2), (0.7, 0.7), arrowprops={"arrowstyle": "->"}),
        lambda ax: ax.annotate("", (0.2, 0.2), (0.7, 0.7), arrowprops={"arrowstyle": "<-"}),
    ),
    "a table's cell": (lambda ax: ax.table([["1", "2"]]), lambda ax: ax.table([["1", "3"]])),
    "the first of two legends": (two_legends("a", "b"), two_legends("b", "a")),
    "no grid": (lambda ax: ax.grid(color="#dddddd"), lambda ax: ax.plot([], [])),
    "a hidden panel": (lambda ax: None, lambda ax: ax.set_visible(False)),
}

DAY = dt.datetime(2020, 1, 1)
# What a reader may well draw, and what is awkward to describe.
UNUSUAL = {
    "a second scale": lambda ax: ax.secondary_xaxis("top", functions=(np.square, np.sqrt)),
    "dates": lambda ax: (ax.plot([DAY], [1]), ax.text(DAY, 1, "a"), ax.annotate("b", (DAY, 1))),
    "words for numbers": lambda ax: (ax.bar(["a", "b"], [1, 2]), ax.text("a", 1, "here")),
    "no points": lambda ax: (ax.scatter([], []), ax.scatter([], [], c=[]), ax.plot([], [])),
    "no picture": lambda ax: ax.pcolormesh(np.zeros((0, 0))),
    "nothing to map": lambda ax: ax.imshow(np.full((4, 4), np.nan)),
    "no levels": lambda ax: ax.contour(*PLANE, ridge(0), levels=[]),
    "points that are not finite": lambda ax: ax.scatter(np.where(X > 3, np.nan, X), X),
    "a cloud that is not finite": lambda ax: (
        ax.set_xscale("symlog"),
        ax.scatter(np.where(CLOUD[:, 0] > 0, np.inf, CLOUD[:, 0]), CLOUD[:, 1]),
    ),
    "a curve of nothing but gaps": lambda ax: ax.plot(np.full(5000, np.nan)),
    "a masked mesh": lambda ax: ax.pcolormesh(np.ma.masked_less(PICTURE, 0.5)),
    "a marker of one's own": lambda ax: ax.plot(X, X, marker=Circle((0, 0), 1).get_path()),
    "slices": lambda ax: (ax.pie([1, 2], labels=["a", "b"]), ax.legend()),
    "errors": lambda ax: (ax.errorbar(X, X, 1, label="a"), ax.legend()),
}

SMALL = {"a whole curve by half a percent", "an image a little darker"}  # for the widest tag


def test_a_figure_agrees_with_itself():
    assert compare_records(STORED, figure()) == []


def test_jitter_passes():
    def jitter(figure):
        figure.axes[0].lines[0].set_ydata(np.sin(X) + 1e-4)
        figure.axes[1].collections[0].set_offsets(CLOUD + 1e-5)
        figure.axes[2].images[0].set_data(PICTURE + 1e-5)
        figure.axes[0].set_xlim(*(1.0001 * np.array(figure.axes[0].get_xlim())))

    assert compare_records(STORED, figure(jitter)) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault):
    changed = figure(FAULTS[fault])
    assert compare_records(STORED, changed)
    if fault not in SMALL:
        assert compare_records(STORED, changed, rtol=TOLERANCES["figure-rtol"])


def alone(draw):
    """Return the record of a figure with one axes; what it meets, it meets without a warning."""
    drawn = Figure(figsize=(4, 3), dpi=40)
    FigureCanvasAgg(drawn)
    draw(drawn.subplots())
    drawn.canvas.draw()
    return json.loads(json.dumps(describe(drawn)))


@pytest.mark.parametrize("name", PAIRS)
def test_what_a_reader_tells_apart_the_records_tell_apart(name):
    stored, fresh = map(alone, PAIRS[name])
    assert compare_records(stored, stored) == []
    assert compare_records(stored, fresh, rtol=TOLERANCES["figure-rtol"])


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_figures_are_described(name):
    assert compare_records(alone(UNUSUAL[name]), alone(UNUSUAL[name])) == []


def test_a_missing_artist_is_counted_first():
    problems = compare_records(STORED, figure(FAULTS["a missing curve"]))
    assert problems[0] == "axes 1 (Waves, rectilinear), artists: stored 7 of them, fresh 6"


def test_a_problem_says_which_axes_artist_and_number():
    (problem,) = compare_records(STORED, figure(line(1, a_point_off_by_three_percent_of_the_axis)))
    assert problem == (
        "axes 1 (Waves, rectilinear), artist 2 (line, cosine), y[20]: "
        "stored -0.446726, fresh -0.374179: off by 0.03 of its value or span, allowed 0.001"
    )


def test_a_number_that_becomes_nan_is_found():
    problems = compare_records(STORED, figure(line(0, lambda y: np.where(y > 0.9, np.nan, y))))
    assert "fresh nan" in problems[0]


def test_long_reports_are_cut():
    problems = compare_records(STORED, figure(line(0, lambda y: -y)))
    assert len(problems) == SHOWN + 1
    assert problems[-1].endswith("more differences")


def test_a_logarithmic_axis_is_measured_in_decades():
    def curve(factor):
        def draw(figure):
            figure.axes[0].clear()
            figure.axes[0].semilogy([0, 1, 2], [1e-6 * factor, 1.0, 1e6])

        return figure(draw)

    assert compare_records(curve(1), curve(1.01)) == []  # 1 % of a value; 4e-4 of 12 decades
    assert compare_records(curve(1), curve(1.5))
    assert compare_records(figure(), curve(1))


def test_a_record_is_small_and_does_not_depend_on_the_dots_per_inch():
    def crowd(figure):
        for shift in range(10):
            figure.axes[0].plot(X, np.sin(X + shift))
            figure.axes[1].scatter(*(CLOUD + shift).T)
            figure.axes[2].imshow(PICTURE + shift)

    assert len(json.dumps(figure(crowd))) < 20_000
    assert figure(dpi=144) == STORED


def test_numbers_have_six_digits():
    record = figure(line(0, lambda y: y + 1 / 3))
    sine = record["axes"][0]["artists"][0]
    assert sine["y"].split()[0] == "0.333333"


def test_describing_imports_no_pyplot_and_changes_no_setting():
    before = dict(matplotlib.rcParams)
    figure()
    assert dict(matplotlib.rcParams) == before
