"""What passes as the same output, and what does not."""

import base64
import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from nbformat.v4 import new_output

from tests.notebooks import tolerances
from tests.notebooks.compare import SHOWN, compare_outputs, compare_text, least_tolerance
from tests.notebooks.pictures import compare_pictures, decode, side_by_side

SAME = {
    "equal": ("ELBO: 97.12 nats\n", "ELBO: 97.12 nats\n"),
    "within rtol": ("-ELBO = 97.12", "-ELBO = 97.20"),
    "one unit of the last digit": ("0.12 0.1 1.2e-4", "0.13 0.2 1.3e-4"),
    "rounding across a decade": ("|   9.999|", "|  10.001|"),
    "sign of a rounded zero": ("tensor([ 0.0000, 2.5])", "tensor([-0.0000, 2.5])"),
    "at the end of a sentence": ("It is 97.12.", "It is 97.13."),
    "in Markdown and HTML": ("**97.12** nats<td>3.0001</td>", "**97.13** nats<td>3.0002</td>"),
    "thousands": ("1,316.81", "1,316.82"),
    "no numbers at all": ("nan, inf, a1.5, 2.14.1", "nan, inf, a1.5, 2.14.1"),
}
DIFFERENT = {
    "wrong digit": ("ELBO 97.12", "ELBO 97.32"),
    "integer": ("shape (100, 784)", "shape (100, 785)"),
    "large integer": ("1,316,824 parameters", "1,316,825 parameters"),
    "percentage": ("93% right", "94% right"),
    "integer or float": ("3", "3.0"),
    "coarse print is no licence": ("1.0", "0.95"),
    "text": ("ELBO 97.12 nats", "ELBO 97.12 bits"),
    "nan": ("loss 97.12", "loss nan"),
    "inf": ("loss inf", "loss -inf"),
    "digits inside a word": ("97.1nats", "97.2nats"),
    "version": ("2.14.1", "2.14.2"),
    "sign": ("-0.5", "0.5"),
    "spaces in text": ("a  b", "a b"),
    "spaces before an integer": ("n =  5", "n = 5"),
    "missing line": ("a\nb\n", "a\n"),
    "line break at the end": ("a\n", "a"),
}


@pytest.mark.parametrize(("stored", "fresh"), SAME.values(), ids=SAME)
def test_the_same(stored, fresh):
    assert compare_text(stored, fresh) == []


@pytest.mark.parametrize(("stored", "fresh"), DIFFERENT.values(), ids=DIFFERENT)
def test_different(stored, fresh):
    assert compare_text(stored, fresh)


def test_a_number_is_reported_with_line_and_amount():
    (problem,) = compare_text("first\nELBO 97.12", "first\nELBO 98.12")
    assert problem == "line 2: stored 97.12, fresh 98.12: off by 1, allowed 0.0971 in 'ELBO 98.12'"


def test_long_reports_are_cut():
    problems = compare_text("a\n" * 20, "b\n" * 20)
    assert len(problems) == SHOWN + 1
    assert problems[-1] == "and 15 more lines"


def test_rtol_widens_floats_and_not_integers():
    assert compare_text("1.00 7", "1.04 7", rtol=5e-2) == []
    assert compare_text("1.00 7", "1.06 7", rtol=5e-2)
    assert compare_text("100", "101", rtol=5e-2)


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def test_the_least_tolerance_is_on_a_ladder():
    def problems(rtol):
        return compare_text("97.1200 7", "98.0000 7", rtol)

    assert least_tolerance(problems) == 1e-2
    assert least_tolerance(lambda rtol: []) == 0
    assert least_tolerance(lambda rtol: ["text differs"]) == float("inf")


def result(record=None, **data):
    mime = {"plain": "text/plain", "markdown": "text/markdown", "png": "image/png"}
    data = {mime[kind]: value for kind, value in data.items()}
    metadata = {"image/png": {"figure": record}} if record else {}
    return new_output("display_data", data, metadata=metadata)


def compare(stored, fresh):
    return compare_outputs(stored, fresh, 1e-3, lambda a, b, number: [] if a == b else ["differs"])


def test_outputs_are_compared_by_kind():
    stored = [stream("a\n"), result(plain="1.0", markdown="**x**"), result(png="A")]
    assert compare(stored, stored[::-1]) == []


def test_stderr_is_dropped():
    assert compare([stream("a")], [stream("a"), stream("12%", "stderr")]) == []


def test_each_kind_is_named():
    stored = [stream("a"), result(markdown="**1.5**"), result(png="A"), result(png="B")]
    fresh = [stream("b"), result(markdown="**2.5**"), result(png="A"), result(png="C")]
    text, markdown, picture = compare(stored, fresh)
    assert text == "stdout, line 1: stored 'a', fresh 'b'"
    assert markdown.startswith("text/markdown, line 1: stored 1.5, fresh 2.5: off by 1")
    assert picture == "image/png 2, differs"


def test_a_picture_comes_with_its_record():
    seen = []
    stored, fresh = [result(png="A", record={"texts": []})], [result(png="B")]
    compare_outputs(stored, fresh, 1e-3, lambda a, b, number: seen.append((a, b, number)) or [])
    assert seen == [(("A", {"texts": []}), ("B", None), 1)]


def test_missing_and_unexpected_outputs_are_counted():
    assert compare([stream("a")], []) == ["stdout: stored 1 of them, fresh 0"]
    assert compare([], [result(plain="3")]) == ["text/plain: stored 0 of them, fresh 1"]


def test_errors_are_compared_without_their_traceback():
    stored = new_output("error", ename="ValueError", evalue="got 3", traceback=["short"])
    fresh = new_output("error", ename="ValueError", evalue="got 3", traceback=["long"])
    other = new_output("error", ename="ValueError", evalue="got 4", traceback=["long"])
    assert compare([stored], [fresh]) == []
    assert compare([stored], [other])


def plot(title="Epoch 3", shift=0.0, legend=True, color="C0", **options):
    """Draw a small figure as a PNG in base64."""
    figure = Figure(figsize=(4, 3), **options)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    x = np.linspace(0, 6, 200)
    axes.plot(x, np.sin(x + shift), color=color, label="sine")
    axes.scatter(x[::10], np.cos(x[::10] + shift), s=8)
    axes.set_title(title)
    if legend:
        axes.legend(loc="lower left")
    return png(figure)


def png(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=100)
    return base64.b64encode(buffer.getvalue()).decode()


def noisy(pixels):
    noise = np.random.default_rng(0).normal(scale=8, size=pixels.shape)
    return np.clip(pixels + noise, 0, 255)


def test_jitter_in_a_picture_passes():
    stored = decode(plot())
    assert compare_pictures(stored, stored) is None
    assert compare_pictures(stored, decode(plot(shift=0.02))) is None  # markers move by two pixels
    assert compare_pictures(stored, np.roll(stored, (2, -2), axis=(0, 1))) is None
    assert compare_pictures(stored, noisy(stored)) is None


@pytest.mark.parametrize(
    "change",
    [
        *({"title": ""}, {"title": "Epoch"}, {"legend": False}, {"color": "C3"}, {"shift": 0.5}),
        {"title": "\N{WATCH}" * 7},  # glyphs that the font lacks
        {"title": "Epoch 3 and on and on and on and on and on and on and on"},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Glyph .* missing")
def test_a_change_in_a_picture_fails(change):
    problem = compare_pictures(decode(plot()), decode(plot(**change)))
    assert problem.startswith("off by ")
    assert problem.endswith("allowed 50")


def test_a_label_that_another_covers_is_seen():
    def two_labels(apart):
        figure = Figure(figsize=(4, 3))
        FigureCanvasAgg(figure)
        for x in (0.4, 0.4 + apart):
            figure.text(x, 0.5, "label")
        return decode(png(figure))

    assert compare_pictures(two_labels(0.2), two_labels(0.2)) is None
    assert compare_pictures(two_labels(0.2), two_labels(0.03))


def test_sizes_of_pictures_must_match():
    problem = compare_pictures(decode(plot()), np.zeros((300, 401, 4)))
    assert problem == "stored 400x300 pixels, fresh 401x300"


def test_what_is_invisible_does_not_count():
    old, new = np.zeros((2, 20, 20, 4))
    assert compare_pictures(old, new) is None
    new[...] = 255  # white on transparent: seen on a dark page only
    assert compare_pictures(old, new)


def test_side_by_side_shows_three_panels_or_two():
    pixels = decode(plot())
    assert side_by_side(pixels, pixels).size == (400 * 3 + 16, 300)
    assert side_by_side(pixels, np.zeros((310, 100, 4))).size == (400 + 100 + 8, 310)


def test_the_smallest_change_that_is_caught_follows_tolerance_and_digits():
    assert tolerances.of_text("loss 98.123\n", 1e-2) == [0.02]
    assert tolerances.of_text("loss 98.123\n", 1e-3) == [0.002]
    assert tolerances.of_text("rate 0.03, 12 units, below 1e-3\n", 1e-3) == [1.0]
    assert tolerances.of_text("+1.500e-04 and -2.5000\n", 5e-3) == [0.01, 0.01]
