"""Figures: what is drawn where, in which colours, and that nothing else changes."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from statistics import NormalDist
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import Circle

from vaetut import plotting

IMAGES = np.linspace(0, 1, 12 * 16).reshape(12, 16)
EPOCHS = np.arange(1, 6)
COSTS = np.array([[180.0, 120, 110, 105, 101], [184.0, 122, 111, 104, 100]])
POINTS = np.random.default_rng(0).normal(size=(60, 2))
DIGITS = np.arange(60) % 10


@pytest.fixture(autouse=True)
def headless():
    backend = mpl.get_backend()
    plt.switch_backend("Agg")
    yield
    plt.close("all")
    plt.switch_backend(backend)


def flat(side: int, level: float) -> np.ndarray:
    """One image of one grey level."""
    return np.full(side * side, level)


def canvas(ax) -> np.ndarray:
    """The picture on an Axes, paper as NaN."""
    return np.ma.filled(ax.images[0].get_array(), np.nan)


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


DRAW = {
    "reconstructions": lambda **kw: plotting.reconstructions(IMAGES, 1 - IMAGES, **kw),
    "samples": lambda **kw: plotting.samples(IMAGES, **kw),
    "latent_scatter": lambda **kw: plotting.latent_scatter(POINTS, DIGITS, **kw),
    "manifold": lambda **kw: plotting.manifold(IMAGES[:9], 3, **kw),
    "learning_curve": lambda **kw: plotting.learning_curve(EPOCHS, COSTS, {1: 181.0}, **kw),
}
every_drawing = pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW.keys())


class TestEveryDrawing:
    @every_drawing
    def test_makes_one_opaque_figure_that_pyplot_shows(self, draw):
        ax = draw()
        assert plt.get_fignums() == [ax.figure.number]
        assert ax.figure.axes == [ax]
        ax.figure.canvas.draw()
        assert (np.asarray(ax.figure.canvas.buffer_rgba())[0, 0] == 255).all()

    @every_drawing
    def test_draws_on_the_axes_that_it_is_given(self, draw):
        figure, (left, right) = plt.subplots(1, 2, facecolor="black")
        assert draw(ax=right) is right
        assert plt.get_fignums() == [figure.number]
        assert right.has_data() and not left.has_data()
        assert to_hex(figure.get_facecolor()) == "#000000"

    @every_drawing
    def test_changes_no_global_setting(self, draw):
        before = mpl.rcParams.copy()
        draw().figure.canvas.draw()
        assert mpl.rcParams.copy() == before

    @every_drawing
    def test_looks_the_same_in_a_reader_s_dark_style(self, draw):
        def pixels() -> np.ndarray:
            figure = draw().figure
            figure.canvas.draw()
            return np.asarray(figure.canvas.buffer_rgba()).copy()

        plain = pixels()
        with plt.style.context("dark_background"):
            dark = pixels()
        assert (plain == dark).all()

    @every_drawing
    def test_type_is_legible_and_the_figure_is_filled_but_not_overfull(self, draw):
        ax = draw()
        ax.figure.canvas.draw()
        frame = ax.figure.bbox.padded(0.5)
        shown = [t for t in ax.findobj(mpl.text.Text) if t.get_visible() and t.get_text()]
        assert all(text.get_fontsize() >= 9 for text in shown)
        box = ax.get_tightbbox()
        assert frame.x0 <= box.x0 and frame.y0 <= box.y0
        assert frame.x1 >= box.x1 and frame.y1 >= box.y1
        assert box.width > 0.9 * frame.width
        assert box.height > 0.9 * frame.height
        assert ax.figure.get_figwidth() <= 6

    @every_drawing
    def test_refuses_what_is_no_axes(self, draw):
        with pytest.raises(TypeError, match="ax must be a matplotlib Axes, got list"):
            draw(ax=[])


class TestPanels:
    @pytest.mark.parametrize("columns", [1, 2, 3])
    def test_makes_empty_axes_side_by_side_on_opaque_white(self, columns):
        axes = plotting.panels(columns, height=2.5)
        assert len(axes) == columns
        (figure,) = {ax.figure for ax in axes}
        assert plt.get_fignums() == [figure.number]
        assert tuple(figure.get_size_inches()) == (5.6, 2.5)
        assert to_hex(figure.get_facecolor()) == "#ffffff"
        assert not any(ax.has_data() for ax in axes)
        figure.canvas.draw()
        left = [ax.get_window_extent().x0 for ax in axes]
        assert left == sorted(left)

    def test_refuses_no_columns(self):
        with pytest.raises(ValueError, match="columns must be at least 1, got 0"):
            plotting.panels(0)


DRAWINGS = sorted(Path(plotting.__file__).with_name("assets").glob("drawings/*.svg"))


each_svg = pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)


class TestDrawing:
    @each_svg
    def test_stands_alone_on_opaque_white_and_tells_what_it_shows(self, path):
        source = plotting.drawing(path.stem)
        assert source == path.read_text(encoding="utf-8")
        svg = ElementTree.fromstring(source)
        space = "{http://www.w3.org/2000/svg}"
        assert svg.findtext(f"{space}title") and svg.findtext(f"{space}desc")
        assert svg.find(f"{space}rect").get("fill") == "white"
        assert "href" not in re.sub(r'href="#[\w-]+"', "", source)

    @each_svg
    def test_is_displayed_alike_by_every_python(self, path):
        """Before Python 3.13, what IPython displays has &quot; for a quotation mark in text."""
        svg = ElementTree.fromstring(path.read_text(encoding="utf-8"))
        assert '"' not in "".join(svg.itertext())

    def test_an_unknown_name_is_an_error_that_lists_the_known(self):
        with pytest.raises(ValueError, match="no drawing 'x'; there are: .*reparameterization"):
            plotting.drawing("x")


class TestReconstructions:
    def test_each_input_stands_above_its_reconstruction(self):
        inputs = np.stack([flat(4, level) for level in (0.1, 0.2, 0.3)])
        ax = plotting.reconstructions(inputs, inputs + 0.5)
        picture = canvas(ax)
        (upper, lower), names = ax.get_yticks(), [t.get_text() for t in ax.get_yticklabels()]
        assert names == ["input", "reconstruction"]
        assert upper < lower and ax.yaxis_inverted()
        for row, levels in ((upper, (0.1, 0.2, 0.3)), (lower, (0.6, 0.7, 0.8))):
            line = picture[int(row)]
            assert np.allclose(line[~np.isnan(line)], np.repeat(levels, 4))

    def test_further_pairs_go_below(self):
        inputs = np.stack([flat(4, k / 10) for k in range(5)])
        ax = plotting.reconstructions(inputs, inputs, columns=2)
        picture, rows = canvas(ax), ax.get_yticks().astype(int)
        assert len(rows) == 6
        assert [picture[row, 0] for row in rows[::2]] == pytest.approx([0.0, 0.2, 0.4])
        assert np.isnan(picture[rows[-1], -1])  # the place of a sixth is empty

    def test_labels_stand_over_their_inputs(self):
        ax = plotting.reconstructions(IMAGES[:5], IMAGES[:5], [3, 1, 4, 1, 5], columns=3)
        assert texts(ax) == list("31415")
        picture = canvas(ax)
        for text, image in zip(ax.texts, IMAGES, strict=False):
            x, y = text.get_position()
            assert picture[int(np.ceil(y)) + 1, int(x) - 1] == image[0]  # its upper left pixel

    def test_one_scale_for_all(self):
        ax = plotting.reconstructions(IMAGES[:2] * 0.1, IMAGES[:2] * 0.1)
        assert ax.images[0].get_clim() == (0, 1)
        assert ax.images[0].get_cmap()(0.0)[:3] == (0, 0, 0)

    def test_a_single_pair(self):
        assert canvas(plotting.reconstructions(IMAGES[:1], IMAGES[:1])).shape[1] == 4


class TestSamples:
    def test_reading_order(self):
        images = np.stack([flat(4, k / 10) for k in range(5)])
        picture = canvas(plotting.samples(images, columns=3))
        seen = picture[~np.isnan(picture)].reshape(-1, 4)  # strips of one image each
        assert seen[:3, 0] == pytest.approx([0.0, 0.1, 0.2])
        assert seen[-2:, 0] == pytest.approx([0.3, 0.4])

    def test_fewer_than_a_row_leave_no_empty_place(self):
        picture = canvas(plotting.samples(IMAGES[:2], columns=10))
        assert not np.isnan(picture[:, [0, -1]]).any()

    def test_image_shape(self):
        picture = canvas(plotting.samples(IMAGES[:1], image_shape=(2, 8)))
        assert (picture == IMAGES[0].reshape(2, 8)).all()


class TestLatentScatter:
    def test_every_point_in_the_colour_of_its_digit(self):
        ax = plotting.latent_scatter(POINTS, DIGITS)
        (dots,) = ax.collections
        assert (np.asarray(dots.get_offsets()) == POINTS).all()
        assert [to_hex(c) for c in dots.get_facecolors()] == [plotting.PALETTE[d] for d in DIGITS]
        assert dots.get_alpha() < 1

    def test_digits_at_the_medians_of_their_classes(self):
        far = np.array([[0.0, 0], [1, 2], [50, 70], [-10, -10]])
        ax = plotting.latent_scatter(far, [7, 7, 7, 2])
        places = {text.get_text(): text.get_position() for text in ax.texts}
        assert places == {"7": (1.0, 2.0), "2": (-10.0, -10.0)}
        assert all(text.get_path_effects() for text in ax.texts)

    @pytest.mark.parametrize("spread", [0.0, 0.2, 1.0, 5.0])
    @pytest.mark.parametrize("prior", [False, True])
    def test_digits_never_overlap(self, spread, prior):
        """However near their medians lie; with a spread of 0 all ten lie at one place."""
        centres = spread * np.random.default_rng(1).normal(size=(10, 2)) / 2
        side = np.array([3, 1])
        around = np.concatenate([centres, centres + side, centres - side])  # medians: centres
        ax = plotting.latent_scatter(around, np.arange(30) % 10, prior=prior)
        ax.figure.canvas.draw()
        assert len(ax.texts) == 10 + 3 * prior
        boxes = [text.get_window_extent() for text in ax.texts]
        # Its box has air above and below a digit: two such strips may touch.
        boxes = [box.expanded(1, 0.8) for box in boxes]
        assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
        scale = 0.06 * np.ptp(ax.dataLim.get_points(), axis=0).max()
        moved = [text.get_position() for text in ax.texts if text.get_text().isdigit()] - centres
        assert np.linalg.norm(moved, axis=1).max() < 5 * scale

    def test_axes_are_named_and_equal(self):
        ax = plotting.latent_scatter(POINTS, DIGITS)
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("$z_1$", "$z_2$")
        assert ax.get_aspect() == 1

    def test_prior(self):
        assert not plotting.latent_scatter(POINTS, DIGITS).patches
        ax = plotting.latent_scatter(0.1 * POINTS, DIGITS, prior=True)
        rings = [patch for patch in ax.patches if isinstance(patch, Circle)]
        assert [ring.radius for ring in rings] == [1, 2, 3]
        assert all(ring.center == (0, 0) for ring in rings)
        assert {to_hex(ring.get_edgecolor()) for ring in rings} == {plotting.COLORS["prior"]}
        assert min(*ax.get_xlim(), *ax.get_ylim()) <= -3 < 3 <= max(ax.get_xlim())

    def test_points_in_a_line(self):
        plotting.latent_scatter([[1.0, 0], [1.0, 5]], [0, 1]).figure.canvas.draw()


class TestManifold:
    def test_grid_reads_from_the_top_left(self):
        grid = plotting.manifold_grid(3, limit=2)
        assert grid.dtype == np.float32  # as the decoder's weights
        assert grid[:4].tolist() == [[-2, 2], [0, 2], [2, 2], [-2, 0]]
        assert grid[-1].tolist() == [2, -2]

    def test_quantiles_are_equally_probable(self):
        grid = plotting.manifold_grid(4, "quantile")
        probability = [NormalDist().cdf(z) for z in grid[:4, 0]]
        assert probability == pytest.approx([1 / 8, 3 / 8, 5 / 8, 7 / 8], abs=1e-6)
        assert grid[0, 1] == pytest.approx(NormalDist().inv_cdf(7 / 8))

    @pytest.mark.parametrize("kind", ["linear", "quantile"])
    def test_a_place_on_the_picture_is_its_latent_code(self, kind):
        """Decode z to a grey level that tells z_1 and z_2 apart, and look where it is."""
        side = 5
        grid = plotting.manifold_grid(side, kind)
        levels = 0.5 + 0.03 * grid[:, 0] + 0.1 * grid[:, 1]
        ax = plotting.manifold(np.repeat(levels[:, None], 16, axis=1), side, kind)
        picture = canvas(ax)
        ax.figure.canvas.draw()
        to_pixel = (ax.transData + ax.transAxes.inverted()).transform
        for z, level in zip(grid, levels, strict=True):
            place = z if kind == "linear" else [NormalDist().cdf(v) for v in z]
            right, up = to_pixel(place)
            row, column = int((1 - up) * len(picture)), int(right * len(picture))
            assert picture[row, column] == pytest.approx(level, abs=1e-6)

    def test_large_z2_is_at_the_top(self):
        images = np.stack([flat(4, 1.0)] * 2 + [flat(4, 0.0)] * 2)  # the first row is z_2 = 3
        ax = plotting.manifold(images, 2)
        assert canvas(ax)[0, 0] == 1 and canvas(ax)[-1, 0] == 0
        assert not ax.yaxis_inverted() and not ax.xaxis_inverted()
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("$z_1$", "$z_2$")

    @pytest.mark.parametrize("side", [2, 3, 8, 11, 20])
    def test_quantile_ticks_name_the_z_of_their_images(self, side):
        ax = plotting.manifold(np.zeros((side * side, 4)), side, "quantile")
        for axis in (ax.xaxis, ax.yaxis):
            ticks = axis.get_ticklocs()
            labels = [t.get_text().replace("\N{MINUS SIGN}", "-") for t in axis.get_ticklabels()]
            z = [NormalDist().inv_cdf(tick) for tick in ticks]
            assert [float(label) for label in labels] == pytest.approx(z, abs=0.006)
            assert ticks == pytest.approx(1 - ticks[::-1])  # alike on both sides
            assert np.allclose(ticks * side % 1, 0.5)  # at the middle of an image

    def test_images_that_are_not_square_keep_their_shape(self):
        ax = plotting.manifold(np.zeros((4, 8)), 2, image_shape=(4, 2))
        assert canvas(ax).shape == (8, 4)
        ax.figure.canvas.draw()
        box = ax.get_window_extent()
        assert box.height / box.width == pytest.approx(2, rel=0.02)


class TestLearningCurve:
    def test_one_run_is_a_line(self):
        ax = plotting.learning_curve(EPOCHS, COSTS[0])
        (line,) = ax.lines
        assert not ax.collections
        assert (line.get_xdata() == EPOCHS).all() and (line.get_ydata() == COSTS[0]).all()

    @pytest.mark.parametrize("runs", [COSTS, dict(enumerate(COSTS))], ids=["array", "mapping"])
    def test_seeds_are_a_mean_in_a_band(self, runs):
        ax = plotting.learning_curve(EPOCHS, runs)
        assert (ax.lines[0].get_ydata() == COSTS.mean(axis=0)).all()
        corners = ax.collections[0].get_paths()[0].vertices
        for epoch, low, high in zip(EPOCHS, COSTS.min(axis=0), COSTS.max(axis=0), strict=True):
            here = corners[corners[:, 0] == epoch, 1]
            assert (here.min(), here.max()) == (low, high)
        assert "2 seeds" in ax.get_legend().get_texts()[0].get_text()

    def test_published_points_are_marks(self):
        ax = plotting.learning_curve(EPOCHS, COSTS, {1: 181.44, 3: 110.45})
        marks = ax.lines[-1]
        assert marks.get_xydata().tolist() == [[1, 181.44], [3, 110.45]]
        assert marks.get_linestyle() == "None" and marks.get_marker() == "o"
        assert ax.get_legend().get_texts()[-1].get_text() == "published"

    def test_a_second_curve_joins_the_first(self):
        ax = plotting.learning_curve(EPOCHS, COSTS, {1: 181.0}, label="20-D")
        plotting.learning_curve(EPOCHS, COSTS + 40, {1: 188.0}, ax, label="2-D", color="#0000ff")
        names = [text.get_text().split(":")[0] for text in ax.get_legend().get_texts()]
        assert names == ["20-D", "published", "2-D"]

    def test_axes(self):
        ax = plotting.learning_curve(EPOCHS, COSTS)
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "cost (nats per image)")
        assert ax.get_xscale() == "linear"

    def test_log_axis_has_plain_numbers(self):
        ax = plotting.learning_curve(np.arange(1, 76), np.arange(75.0), log_x=True)
        ax.figure.canvas.draw()
        shown = {tick.label1.get_text() for tick in ax.xaxis.get_major_ticks()}
        assert ax.get_xscale() == "log" and {"1", "10", "50"} <= shown


def test_tensors_are_taken_as_they_are():
    images = torch.tensor(IMAGES, requires_grad=True)
    mu = torch.tensor(POINTS, dtype=torch.bfloat16, requires_grad=True)  # unknown to NumPy
    assert canvas(plotting.samples(images)).shape == canvas(plotting.samples(IMAGES)).shape
    plotting.reconstructions(images, images, torch.arange(10).repeat(2)[:12])
    dots = plotting.latent_scatter(mu, torch.tensor(DIGITS)).collections[0]
    assert np.allclose(dots.get_offsets(), POINTS, atol=0.02)
    grid = torch.from_numpy(plotting.manifold_grid(3))
    plotting.manifold(torch.sigmoid(grid @ torch.ones(2, 4)), 3)
    curve = plotting.learning_curve(torch.arange(5), torch.tensor(COSTS))
    assert (curve.lines[0].get_ydata() == COSTS.mean(axis=0)).all()


NAN = np.full((4, 16), np.nan)
BAD = [
    (lambda: plotting.samples(IMAGES[0]), ValueError, "images must have shape (N, D), got (16,)"),
    (lambda: plotting.samples(np.empty((0, 16))), ValueError, "got an empty (0, 16)"),
    (lambda: plotting.samples([["a", "b"]]), TypeError, "images must hold real numbers, got <U1"),
    (lambda: plotting.samples(None), TypeError, "images must hold real numbers, got object"),
    (lambda: plotting.samples([[1.0], [1.0, 0.0]]), ValueError, "images must have shape (N, D)"),
    (lambda: plotting.samples(NAN), ValueError, "images must be finite, got NaN or infinity"),
    (lambda: plotting.samples(np.zeros((2, 15))), ValueError, "15 pixels, but were to be square"),
    (
        lambda: plotting.samples(IMAGES, image_shape=(3, 5)),
        ValueError,
        "16 pixels, but were to be (3, 5)",
    ),
    (lambda: plotting.samples(IMAGES * 255), ValueError, "got 0 to 255: logits need a sigmoid"),
    (lambda: plotting.samples(IMAGES - 9), ValueError, "in [0, 1], got -9 to -8"),
    (lambda: plotting.samples(IMAGES, columns=0), ValueError, "columns must be at least 1, got 0"),
    (lambda: plotting.samples(IMAGES, columns=2.0), TypeError, "columns must be an int, got 2.0"),
    (
        lambda: plotting.reconstructions(IMAGES, IMAGES[:3]),
        ValueError,
        "reconstructions must have shape (12, D), got (3, 16)",
    ),
    (
        lambda: plotting.reconstructions(IMAGES, IMAGES[:, :9]),
        ValueError,
        "reconstructions must be like images, (4, 4), got (3, 3)",
    ),
    (
        lambda: plotting.reconstructions(IMAGES, IMAGES, [1, 2]),
        ValueError,
        "labels must have shape (12,), got (2,)",
    ),
    (
        lambda: plotting.latent_scatter(np.zeros((60, 3)), DIGITS),
        ValueError,
        "mu must have shape (N, 2), got (60, 3)",
    ),
    (
        lambda: plotting.latent_scatter(POINTS, DIGITS[:5]),
        ValueError,
        "labels must have shape (60,), got (5,)",
    ),
    (
        lambda: plotting.latent_scatter(POINTS, DIGITS + 1),
        ValueError,
        "digits 0 to 9, got 10 among them",
    ),
    (lambda: plotting.latent_scatter(POINTS, DIGITS / 2), ValueError, "labels must be digits"),
    (lambda: plotting.latent_scatter(POINTS * np.inf, DIGITS), ValueError, "mu must be finite"),
    (lambda: plotting.manifold_grid(1), ValueError, "side must be at least 2, got 1"),
    (lambda: plotting.manifold_grid(True), TypeError, "side must be an int, got True"),
    (lambda: plotting.manifold_grid(3, "cubic"), ValueError, "'linear' or 'quantile', got 'cubic'"),
    (lambda: plotting.manifold_grid(3, limit=0), ValueError, "limit must be positive, got 0"),
    (lambda: plotting.manifold_grid(3, limit=np.nan), ValueError, "limit must be finite"),
    (
        lambda: plotting.manifold(IMAGES, 3),
        ValueError,
        "images must have shape (9, D), got (12, 16)",
    ),
    (
        lambda: plotting.learning_curve(EPOCHS, COSTS[:, :4]),
        ValueError,
        "values must have shape (S, 5), got (2, 4)",
    ),
    (
        lambda: plotting.learning_curve(EPOCHS, {"seed 0": COSTS[0], "seed 1": COSTS[1, :3]}),
        ValueError,
        "values['seed 1'] must have shape (5,), got (3,)",
    ),
    (
        lambda: plotting.learning_curve(EPOCHS, {}),
        ValueError,
        "values must have shape (5,), got an empty",
    ),
    (lambda: plotting.learning_curve([], []), ValueError, "epochs must have shape (E,), got an"),
    (
        lambda: plotting.learning_curve(EPOCHS, COSTS, [181.0]),
        TypeError,
        "published must map epochs to costs, got list",
    ),
    (
        lambda: plotting.learning_curve(EPOCHS, COSTS, {"1": 181.0}),
        TypeError,
        "published epochs must hold real numbers",
    ),
    (
        lambda: plotting.learning_curve(EPOCHS - 1, COSTS, log_x=True),
        ValueError,
        "epochs must be positive on a logarithmic axis",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[case[2] for case in BAD])
def test_bad_input_says_what_was_expected_and_what_came(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()
    assert plt.get_fignums() == []  # and leaves no empty figure to be shown


# How dichromats see linear RGB (Machado, Oliveira & Fernandes 2009, table 1, severity 1).
SIGHT = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.119192, 0.9503041],
    ]
)


def linear(colour: str) -> np.ndarray:
    c = np.array(to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    t = XYZ @ rgb / XYZ.sum(axis=1)
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def nearest_pair(colours, sight: str) -> float:
    """The smallest CIE Lab distance of two colours, as these eyes see them."""
    seen = [lab(np.clip(SIGHT[sight] @ linear(colour), 0, 1)) for colour in colours]
    return min(np.linalg.norm(a - b) for a, b in combinations(seen, 2))


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio."""
    low, high = sorted(XYZ[1] @ linear(colour) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


class TestColours:
    def test_the_measure_knows_a_bad_palette(self):
        assert contrast("white", "black") == pytest.approx(21, abs=0.01)
        assert lab(np.ones(3)) == pytest.approx([100, 0, 0], abs=0.01)
        tab10 = [to_hex(colour) for colour in mpl.colormaps["tab10"].colors]
        assert nearest_pair(tab10, "protanopia") < 8

    def test_one_colour_per_digit_and_distribution(self):
        assert len(set(plotting.PALETTE)) == 10
        assert {"data", "prior", "posterior", "likelihood"} <= set(plotting.COLORS)

    @pytest.mark.parametrize(
        ("sight", "least"),
        [("normal", 33), ("protanopia", 24), ("deuteranopia", 24), ("tritanopia", 20)],
    )
    def test_ten_digits_differ_for_all_eyes(self, sight, least):
        assert nearest_pair(plotting.PALETTE, sight) >= least

    @pytest.mark.parametrize("sight", SIGHT)
    def test_distributions_differ_for_all_eyes(self, sight):
        assert nearest_pair(plotting.COLORS.values(), sight) >= 22

    @pytest.mark.parametrize("colour", plotting.PALETTE)
    def test_digits_show_on_white_and_on_dark(self, colour):
        assert contrast(colour, "white") >= 2
        assert contrast(colour, "#121212") >= 2

    @pytest.mark.parametrize("name", plotting.COLORS)
    def test_lines_show_on_white(self, name):
        assert contrast(plotting.COLORS[name], "white") >= 3
