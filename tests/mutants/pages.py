"""Faults in the scripts of pages: copying, live figures, playground, trainer.

Those that a browser must notice are planted in the built book, too, where the scripts are joined.
"""

from __future__ import annotations

from tests.mutants.fault import Fault, fault

LIVE, TRAINER = "book/_static/live", "book/_static/trainer"
PLAYGROUND, LIB = "book/_static/playground", "book/_static/lib"
COST_TEST = "tests/scripts/test_lib.py::test_costs_are_the_packages"
SAME_TEST = "tests/site/test_playground.py::test_the_page_computes_what_pytorch_computes"
GRADIENT_TEST = "tests/scripts/test_trainer.py::test_gradients_are_pytorchs"
ADAM_TEST = "tests/scripts/test_trainer.py::test_adam_is_pytorchs"
LAYOUT = "tests/site/test_layout.py"
FIRST_PAGE = "tests/site/test_first_page.py"
CURVE_TEST = "tests/site/test_live.py::test_curve_is_the_chapters"

FAULTS: list[Fault] = [
    fault(
        "a copied formula has no TeX",
        "book/_static/page.js",
        "mark + formula.dataset.tex + mark",
        "mark + formula.textContent + mark",
        "tests/site/test_everywhere.py::test_formula_is_copied_as_tex",
    ),
    fault(
        "a section out of sight counts as one height, whatever it holds",
        "book/_static/vaetut.css",
        "contain-intrinsic-height: auto var(--desktop);",
        "contain-intrinsic-height: auto 80rem;",
        f"{LAYOUT}::test_the_scroll_bar_is_honest[book/06_the_loss.html-desktop]",
        built="_static/book.css",
    ),
    fault(
        "figures are wider than the text",
        "book/_static/vaetut.css",
        "max-width: min(100%, var(--vaetut-measure))",
        "max-width: 100%",
        f"{LAYOUT}::test_drawings_code_and_tables_can_be_read[book/06_the_loss.html-desktop]",
        built="_static/book.css",
    ),
    fault(
        "on a phone held sideways the tour lies over the plane",
        f"{PLAYGROUND}/playground.css",
        "max-height: 520px",
        "max-height: 52px",
        "tests/site/test_playground.py"
        "::test_on_a_phone_held_sideways_the_tour_stands_beside_the_plane",
    ),
    fault(
        "the live KL has a wrong sign before log σ²",
        f"{LIVE}/kl.js",
        "0.5 * (sigma ** 2 - 1 - Math.log(sigma ** 2))",
        "0.5 * (sigma ** 2 - 1 + Math.log(sigma ** 2))",
        "tests/scripts/test_live.py::test_kl_is_the_packages",
    ),
    fault(
        "a button of the live KL has another σ than the chapter",
        "book/_ext/live_figures/kl.html",
        'data-sigma="0.2">B</button>',
        'data-sigma="0.5">B</button>',
        "tests/site/test_live.py::test_kl_shows_its_numbers",
        built="book/06_the_loss.html",
    ),
    fault(
        "the fixed noise is drawn anew when μ moves",
        f"{LIVE}/noise.js",
        "Object.assign(state, { mu, sigma });",
        "Object.assign(state, { mu, sigma, eps: noise() });",
        "tests/site/test_live.py::test_noise_is_kept_until_it_is_drawn_anew",
    ),
    fault(
        "the slope of the live average has a wrong sign",
        f"{LIVE}/noise.js",
        "mean(z.map((value) => value - TARGET))",
        "mean(z.map((value) => value + TARGET))",
        "tests/scripts/test_live.py::test_averages_and_slopes_are_pytorchs",
    ),
    fault(
        "the live β weights the distortion",
        f"{LIVE}/beta.js",
        "model.distortion + beta * model.rate",
        "beta * model.distortion + model.rate",
        CURVE_TEST,
    ),
    fault(
        "the dearest model is called the cheapest",
        f"{LIVE}/beta.js",
        "cost(b, beta) < cost(a, beta)",
        "cost(b, beta) > cost(a, beta)",
        CURVE_TEST,
    ),
    fault(
        "the first page decodes before anybody has touched it",
        f"{LIB}/start.js",
        'root.dataset.begin === "touch"',
        'root.dataset.begin === "never"',
        f"{FIRST_PAGE}::test_it_comes_alive_when_touched_and_nothing_moves",
    ),
    fault(
        "the ring goes down at the key that points up",
        f"{LIVE}/manifold.js",
        "at[1] - step * up",
        "at[1] + step * up",
        f"{FIRST_PAGE}::test_keyboard_alone",
    ),
    fault(
        "the first touch of a finger is lost",
        f"{LIVE}/manifold.js",
        'touch.pointerType === "touch"',
        "false",
        f"{FIRST_PAGE}::test_finger",
    ),
    fault(
        "the first page inks the pixels that have no ink",
        f"{LIVE}/manifold.js",
        'mark === "1" ? sigmoid',
        'mark === "0" ? sigmoid',
        "tests/scripts/test_live.py::test_the_first_page_decodes_as_pytorch",
    ),
    fault(
        "the page's biases do not train",
        f"{TRAINER}/vae.js",
        "dBias[i % outputs] += dy[i]",
        "dBias[i % outputs] += 0 * dy[i]",
        GRADIENT_TEST,
    ),
    fault(
        "the page's slope of σ lacks its ½",
        f"{TRAINER}/vae.js",
        "0.5 * (dz[i] * eps[i] * Math.exp(0.5 * v) + (beta",
        "(dz[i] * eps[i] * Math.exp(0.5 * v) + 0.5 * (beta",
        GRADIENT_TEST,
    ),
    fault(
        "the page's Adam has an epsilon of 1e-3",
        f"{TRAINER}/vae.js",
        "epsilon = 1e-8",
        "epsilon = 1e-3",
        ADAM_TEST,
    ),
    fault(
        "the page's Adam lacks the correction of its first steps",
        f"{TRAINER}/vae.js",
        "const [c1, c2] = [1 - beta1 ** step, 1 - beta2 ** step];",
        "const [c1, c2] = [1, 1];",
        ADAM_TEST,
    ),
    fault(
        "the pages' KL has σ for σ²",
        f"{LIB}/costs.js",
        "mu[j] ** 2 + Math.exp(logVar[j]) - 1",
        "mu[j] ** 2 + Math.exp(0.5 * logVar[j]) - 1",
        COST_TEST,
    ),
    fault(
        "the pages' distortion is a mean over pixels",
        f"{LIB}/costs.js",
        "sum += softplus(logits[i]) - x[i] * logits[i];",
        "sum += (softplus(logits[i]) - x[i] * logits[i]) / x.length;",
        COST_TEST,
    ),
    fault(
        "the slope of silu lacks its second term",
        f"{LIB}/activations.js",
        "sigmoid(a) * (1 + a * sigmoid(-a))",
        "sigmoid(a)",
        "tests/scripts/test_lib.py::test_activations_and_their_slopes_are_pytorchs",
    ),
    fault(
        "a small negative number is written as −0.0",
        f"{LIB}/numbers.js",
        '.replace(/^-(?=[0.]*$)/, "")',
        "",
        "tests/scripts/test_lib.py::test_a_number_has_a_true_minus_and_no_minus_before_nought",
    ),
    fault(
        "the pages' normal numbers are half as wide",
        f"{LIB}/chance.js",
        "Math.sqrt(-2 * Math.log(1 - uniform()))",
        "Math.sqrt(-0.5 * Math.log(1 - uniform()))",
        "tests/scripts/test_lib.py::test_a_seed_gives_numbers_that_are_uniform_and_normal",
    ),
    fault(
        "the playground scales all rows of a layer as the first",
        f"{LIB}/layers.js",
        "level * scale[(i / columns) | 0]",
        "level * scale[0]",
        SAME_TEST,
        built="_static/playground/app.js",
    ),
    fault(
        "the curves' axis ends below the first point",
        f"{TRAINER}/curves.js",
        "const high = Math.max(...values(sum));",
        "const high = Math.min(100, ...values(sum));",
        "tests/scripts/test_trainer.py::test_the_axes_of_the_curves_contain_all_points",
    ),
    fault(
        "a sample of the prior is priced against the drawing",
        f"{PLAYGROUND}/app.js",
        "const priced = q && !fromPrior;",
        "const priced = Boolean(q);",
        "tests/site/test_playground.py::test_a_sample_of_the_prior_has_no_price",
    ),
    fault(
        "a draw beyond the plane is moved to its edge",
        f"{PLAYGROUND}/app.js",
        'how === "hand" ? clamp(value, -LIMIT, LIMIT) : value',
        "clamp(value, -LIMIT, LIMIT)",
        "tests/site/test_playground.py::test_a_sample_may_lie_off_the_plane",
    ),
    fault(
        "inside the draw σ² stands for σ",
        f"{PLAYGROUND}/app.js",
        "const sigma = logVar.map((value) => Math.exp(0.5 * value));",
        "const sigma = logVar.map((value) => Math.exp(value));",
        "tests/site/test_playground.py::test_the_numbers_inside_the_draw_belong_together",
    ),
    fault(
        "the tour looks for a hole with σ² = ½",
        f"{PLAYGROUND}/codes.js",
        "Math.exp(-0.5 * squared)",
        "Math.exp(-squared)",
        "tests/scripts/test_playground.py::test_the_chance_to_fall_near_a_place",
    ),
    fault(
        "a circle runs over the numbers of an axis",
        f"{LIB}/plane.js",
        "context.fillRect(0, 0, left, width);",
        "",
        "tests/site/test_playground.py::test_nothing_is_drawn_over_the_numbers_of_an_axis",
        built="_static/playground/app.js",
    ),
    fault(
        "a drawing is centred half a pixel off",
        f"{PLAYGROUND}/ink.js",
        "const CENTRE = 14.5;",
        "const CENTRE = 14.0;",
        "tests/site/test_playground.py::test_a_drawing_is_centred_and_scaled_as_mnist",
        built="_static/playground/app.js",
    ),
]
