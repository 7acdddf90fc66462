"""The playground: its numbers are PyTorch's, and mouse, finger and keyboard reach all of it."""

from __future__ import annotations

import base64
import gzip
import io
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect

import vaetut
from tests.site.book import HTML, SIZES
from vaetut import web

PAGE = "book/11_playground.html"
FOLDER = HTML / "_static" / "playground"
COUNT = 200

Open = Callable[..., Page]

# Codes and costs of images, by the page's own functions: one row (mu, log_var, logits, costs) each.
RUN = """([images, noise]) => {
  const { model } = document.getElementById('pg').app;
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const pixels = Float32Array.from(bytes(images), (value) => value / 255);
  const eps = new Float32Array(bytes(noise).buffer);
  const rows = [];
  for (let i = 0; i < eps.length / 2; i += 1) {
    const x = pixels.subarray(i * model.size, (i + 1) * model.size);
    const q = model.encode(x);
    const z = q.mu.map((mu, j) => mu + Math.exp(0.5 * q.logVar[j]) * eps[2 * i + j]);
    const logits = model.decode(z);
    rows.push(...q.mu, ...q.logVar, ...logits, model.distortion(x, logits), model.rate(q));
  }
  const raw = new Uint8Array(Float32Array.from(rows).buffer);
  return btoa(raw.reduce((text, byte) => text + String.fromCharCode(byte), ""));
}"""

# The shortest time of a decode, in that of a loop which does nothing but its multiplications.
DECODE_IN_LOOPS = """() => {
  const { model } = document.getElementById('pg').app;
  const layers = [...VAETUT_EXPORT.decoder.hidden, VAETUT_EXPORT.decoder.out];
  const count = layers.reduce((sum, { shape: [rows, columns] }) => sum + rows * columns, 0);
  const weights = new Float32Array(count).fill(1);
  const loop = (factor) => {
    let sum = 0;
    for (let i = 0; i < count; i += 1) sum += weights[i] * factor;
    return sum;
  };
  const time = (act) => {
    const began = performance.now();
    for (let k = 0; k < 10; k += 1) act(k);
    return performance.now() - began;
  };
  const times = Array.from({ length: 50 }, () =>
    [time((k) => model.decode([Math.sin(k), Math.cos(k)])), time(loop)]);
  const [decode, bare] = [0, 1].map((j) => Math.min(...times.map((each) => each[j])));
  return decode / bare;
}"""

# In a task of its own, since only of tasks the browser counts the time.
DECODE = """(count) => new Promise((done) => setTimeout(() => {
  const { decode } = document.getElementById('pg').app.model;
  for (let k = 0; k < count; k += 1) decode([Math.sin(k), Math.cos(k)]);
  done();
}))"""

# What a canvas shows, as darkness of its pixels; and all of it together.
INK = """(canvas) => {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  return Array.from({ length: width * height }, (_, i) => 255 - data[4 * i]);
}"""
TOTAL_INK = f"(canvas) => ({INK})(canvas).reduce((a, b) => a + b)"


@pytest.fixture
def open_page(browser: Browser, site: str) -> Iterator[Open]:
    """Return a function that opens the page; its problems fail the test in the end."""
    contexts, problems = [], []

    def open_(size: str = "desktop", address: str = site, **options: object) -> Page:
        width, height = SIZES[size]
        options = {"viewport": {"width": width, "height": height}} | options
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{address}/{PAGE}")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def playground(open_page: Open) -> Page:
    """Return the page, with the playground in view and running."""
    return show(open_page())


def show(page: Page) -> Page:
    """Bring the playground into view, and wait until it runs."""
    page.locator("#pg").evaluate("(root) => root.scrollIntoView()")
    page.locator("#pg[data-state=ready]").wait_for()
    expect(part(page, "mu0")).not_to_have_text("–")
    return page


def part(page: Page, name: str):
    """Return the part of the playground that has this name."""
    return page.locator(f'[data-pg="{name}"]')


def number(page: Page, name: str) -> float:
    """Return the number that a part shows; NaN where it shows none."""
    text = part(page, name).inner_text().replace("−", "-")
    return math.nan if text == "–" else float(text)


def z(page: Page) -> tuple[float, float]:
    """Return the code that is shown."""
    return number(page, "z0"), number(page, "z1")


CODE = "document.querySelector('.pg-inside').textContent"
HAND = "At a z that was chosen, and not drawn from q: this sum is no estimate of the loss, −ℒ."
PLANE = "document.querySelector('.pg-plane').toDataURL()"


def wait_for_rest(page: Page, sight: str = CODE) -> None:
    """Wait until z, or what else is to be seen, has not changed for some frames."""
    page.evaluate(
        f"""() => new Promise((resolve) => {{
          let [before, calm] = [{sight}, 0];
          const look = () => {{
            const now = {sight};
            calm = now === before ? calm + 1 : 0;
            before = now;
            calm < 12 ? requestAnimationFrame(look) : resolve();
          }};
          look();
        }})"""
    )


def point(page: Page, name: str, u: float, v: float) -> tuple[float, float]:
    """Return the place on the screen of a share of a canvas."""
    box = part(page, name).bounding_box()
    return box["x"] + u * box["width"], box["y"] + v * box["height"]


def draw(page: Page, shares: list[tuple[float, float]]) -> None:
    """Draw one stroke on the pad with the mouse."""
    page.mouse.move(*point(page, "pad", *shares[0]))
    page.mouse.down()
    for share in shares[1:]:
        page.mouse.move(*point(page, "pad", *share))
    page.mouse.up()
    page.locator('[data-pg="pad"][aria-label*="Your drawing"]').wait_for()
    wait_for_rest(page)


def tab_to(page: Page, name: str) -> None:
    """Press Tab until a part has the focus."""
    for _ in range(40):
        if page.evaluate("document.activeElement.dataset.pg") == name:
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab does not lead to {name}")


def circle(u: float, v: float, radius: float) -> list[tuple[float, float]]:
    """Return a stroke that is a zero."""
    angles = [2 * math.pi * k / 24 for k in range(25)]
    return [(u + 0.7 * radius * math.cos(a), v + radius * math.sin(a)) for a in angles]


def seen_image(page: Page) -> torch.Tensor:
    """Return what the encoder got, (28, 28) in [0, 1]."""
    ink = torch.tensor(part(page, "seen").evaluate(INK), dtype=torch.float32)
    return ink.reshape(28, 28) / (255 - 0x22)  # the ink is #222222


@contextmanager
def exported() -> Iterator[vaetut.VAE]:
    """Give the model that the page runs, as PyTorch reads it, where nothing needs a gradient."""
    with torch.no_grad():
        yield web.load_json((FOLDER / "model.js").read_text(encoding="utf-8"))


# The numbers


def test_the_page_computes_what_pytorch_computes(playground: Page) -> None:
    """For 200 test digits, to 1e-3, with the weights that the page has."""
    images, _ = vaetut.load_mnist("test")
    x = images[:COUNT]
    eps = torch.randn(COUNT, 2, generator=torch.Generator().manual_seed(0))
    sent = (x * 255).round().byte(), eps
    texts = [base64.b64encode(tensor.numpy().tobytes()).decode() for tensor in sent]
    answer = np.frombuffer(base64.b64decode(playground.evaluate(RUN, texts)), "<f4")
    found = torch.from_numpy(answer.reshape(COUNT, -1).copy())
    with exported() as model:
        mu, log_var = model.encode(x)
        z = mu + (0.5 * log_var).exp() * eps
        costs = -model.log_likelihood(x, z), vaetut.kl_standard_normal(mu, log_var)
        expected = torch.cat([mu, log_var, model.decode(z), torch.stack(costs, 1)], 1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)


def test_the_numbers_that_are_shown_are_those_of_the_digit(playground: Page) -> None:
    images, labels = vaetut.load_mnist("test")
    playground.get_by_role("button", name="Test digit 7, example 1").click()
    wait_for_rest(playground)
    with exported() as model:
        x = images[(labels == 7).nonzero()[:1, 0]]
        mu, log_var = model.encode(x)
        sigma = (0.5 * log_var[0]).exp()
        distortion = -model.log_likelihood(x, mu).item()
        rate = vaetut.kl_standard_normal(mu, log_var).item()
    shown = [number(playground, name) for name in ("mu0", "mu1", "sigma0", "sigma1")]
    assert shown == pytest.approx([*mu[0].tolist(), *sigma.tolist()], abs=1e-3)
    costs = [number(playground, name) for name in ("distortion", "rate", "sum")]
    assert costs == pytest.approx([distortion, rate, distortion + rate], abs=0.06)


def test_many_samples_estimate_the_loss(playground: Page) -> None:
    """Each is one more draw; the mean at the end is near that of PyTorch's draws."""
    part(playground, "many").click()
    expect(part(playground, "count")).to_have_text("100 samples")
    wait_for_rest(playground)
    images, _ = vaetut.load_mnist("test")
    with exported() as model:
        elbo = vaetut.elbo(model, images[1:2], num_samples=2000)  # the first 2
        draws = model.decode(vaetut.reparameterize(*model.encode(images[1:2]), num_samples=500))
        spread = (images[1] * draws - torch.nn.functional.softplus(draws)).sum(-1).std().item()
    mean = number(playground, "meanDistortion")
    assert abs(mean + elbo.log_likelihood.item()) < 5 * spread / 10 + 0.1
    assert number(playground, "meanSum") == pytest.approx(
        mean + number(playground, "rate"), abs=0.11
    )
    part(playground, "one").click()
    expect(part(playground, "count")).to_have_text("101 samples")


# Speed and size


# In units of work and not of time, so that they hold on a slow machine: where these were chosen, a
# decode took 0.5 ms, and so sixteen of them half of a frame's 16 ms.


def test_a_decode_takes_little_longer_than_its_multiplications(playground: Page) -> None:
    assert playground.evaluate(DECODE_IN_LOOPS) < 8


def test_dragging_takes_no_longer_than_sixteen_decodes_a_frame(playground: Page) -> None:
    """Scripts, styles and layout, in the thread's own time.

    Painting is left out, which a test's browser does without a graphics card.
    """
    session = playground.context.new_cdp_session(playground)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def cost(act: Callable[[], object]) -> float:
        def spent() -> float:
            metrics = session.send("Performance.getMetrics")["metrics"]
            found = {each["name"]: each["value"] for each in metrics}
            return sum(found[f"{kind}Duration"] for kind in ("Script", "RecalcStyle", "Layout"))

        before = spent()
        act()
        return spent() - before

    def drag() -> None:
        for k in range(60):  # the browser hands over one in a frame
            at = 0.2 + 0.01 * k, 0.5 + 0.3 * math.sin(0.2 * k)
            playground.mouse.move(*point(playground, "plane", *at))

    playground.evaluate(DECODE, 300)  # so that it is compiled
    decode = cost(lambda: playground.evaluate(DECODE, 300)) / 300
    playground.mouse.move(*point(playground, "plane", 0.2, 0.3))
    playground.mouse.down()
    assert cost(drag) / 60 < 16 * decode


def test_all_of_it_is_small() -> None:
    parts = [path for path in FOLDER.iterdir() if path.suffix in {".js", ".css"}]
    assert sum(len(gzip.compress(path.read_bytes())) for path in parts) < 800e3
    assert (FOLDER / "still.png").stat().st_size < 120e3


def test_nothing_is_loaded_before_it_is_seen(open_page: Open) -> None:
    page = open_page("phone", viewport={"width": 390, "height": 300})
    names = "performance.getEntriesByType('resource').map((entry) => entry.name.split('/').at(-1))"
    page.wait_for_load_state("networkidle")
    assert "start.js" in page.evaluate(names)
    assert {"model.js", "app.js", "still.png"}.isdisjoint(page.evaluate(names))
    show(page)
    assert "model.js" in page.evaluate(names)
    assert "still.png" not in page.evaluate(names)


# The hand


def test_a_drawing_is_centred_and_scaled_as_mnist(playground: Page) -> None:
    for stroke in (circle(0.3, 0.3, 0.12), circle(0.5, 0.5, 0.4)):  # a small one, a large one
        part(playground, "clear").click()
        draw(playground, stroke)
        image = seen_image(playground)
        assert image.max() == pytest.approx(1, abs=0.02)
        rows = (image > 0.02).any(1).nonzero()
        assert 19 <= rows.max() - rows.min() + 1 <= 21
        places = torch.arange(28) + 0.5
        mass = image.sum()
        assert (image.sum(1) @ places / mass).item() == pytest.approx(14.5, abs=0.3)
        assert (image.sum(0) @ places / mass).item() == pytest.approx(14.5, abs=0.3)
        assert number(playground, "mu0") < -1  # among the zeros


def test_an_upright_stroke_is_cheaper_than_most_digits(playground: Page) -> None:
    """Question 5: it passes as a one."""
    part(playground, "clear").click()
    draw(playground, [(0.5, 0.15), (0.5, 0.5), (0.5, 0.85)])
    with exported() as model:
        digits = vaetut.load_mnist("test")[0][::5]
        prices = -model.log_likelihood(digits, model.posterior(digits).mu)
    assert (prices > number(playground, "distortion")).double().mean() > 0.9


def test_a_second_stroke_adds_to_the_first(playground: Page) -> None:
    draw(playground, circle(0.5, 0.5, 0.3))
    wide = (seen_image(playground) > 0.5).sum(0)
    draw(playground, [(0.4, 0.4), (0.5, 0.5), (0.6, 0.6)])
    assert (seen_image(playground) > 0.5).sum(0)[14] > wide[14]


def test_a_sample_may_lie_off_the_plane(open_page: Open) -> None:
    """Two dots have so wide an ellipse; a sample is shown and priced where it was drawn."""
    page = show(open_page(reduced_motion="reduce"))
    part(page, "clear").click()
    for share in (0.3, 0.7):
        draw(page, [(share, share), (share, share)])
    total, far = 0.0, []
    for count in range(1, 6):
        part(page, "one").click()
        wait_for_rest(page)
        before, total = total, count * number(page, "meanDistortion")
        assert number(page, "distortion") == pytest.approx(total - before, abs=1)
        far.append(max(map(abs, z(page))))
    assert max(far) > 4


def test_an_empty_pad_has_no_price(playground: Page) -> None:
    part(playground, "clear").click()
    expect(part(playground, "mu0")).to_have_text("–")
    for name in ("distortion", "rate", "sum", "meanSum"):
        assert math.isnan(number(playground, name))
    for name in ("one", "many", "back", "close"):
        expect(part(playground, name)).to_be_disabled()
    part(playground, "prior").click()
    wait_for_rest(playground)
    assert all(abs(value) <= 4 for value in z(playground))


@pytest.mark.parametrize(
    ("button", "words"),
    [
        ("one", "At a sample of q"),
        ("many", "At a sample of q"),
        ("back", "At μ"),
        ("prior", "At a sample of the prior"),
    ],
)
def test_the_note_names_where_z_is_and_not_where_it_goes(
    playground: Page, button: str, words: str
) -> None:
    part(playground, "slider0").fill("3.5")
    wait_for_rest(playground)
    seen = playground.evaluate(
        """async ([button, words]) => {
          const find = (name) => document.querySelector(`[data-pg=${name}]`);
          const [note, z] = [find('note'), find('z0')];
          const seen = [];
          find(button).click();
          for (let frame = 0; frame < 2000 && !note.textContent.includes(words); frame += 1) {
            await new Promise(requestAnimationFrame);
            seen.push([note.textContent, z.textContent]);
          }
          await new Promise((go) => setTimeout(go, 500));
          return [...seen, [note.textContent, z.textContent]];
        }""",
        [button, words],
    )
    *way, (note, z_then), (last, z_now) = seen
    assert words in note and note == last and z_then == z_now
    assert way and {note for note, _ in way} <= {"z is on its way.", HAND}


def test_a_sample_of_the_prior_has_no_price(playground: Page) -> None:
    """It was not made from q, and it is no reconstruction of the digit."""
    part(playground, "many").click()
    expect(part(playground, "count")).to_have_text("100 samples")
    wait_for_rest(playground)
    loss = number(playground, "meanSum")
    part(playground, "prior").click()
    expect(part(playground, "note")).to_contain_text("At a sample of the prior")
    wait_for_rest(playground)
    for name in ("distortion", "rate", "sum"):
        assert math.isnan(number(playground, name))
    for name in ("mu0", "sigma0", "eps0", "eps1"):
        assert part(playground, name).evaluate("n => getComputedStyle(n).visibility") == "hidden"
    assert number(playground, "meanSum") == loss  # of q's samples, which are still there
    assert all(abs(value) <= 4 for value in z(playground))
    part(playground, "back").click()
    wait_for_rest(playground)
    assert number(playground, "eps0") == 0
    expect(part(playground, "eps0")).to_be_visible()
    assert number(playground, "distortion") > 0


def test_dragging_moves_z_and_decodes(playground: Page) -> None:
    before = part(playground, "decoded").evaluate(INK)
    rate, distortion = number(playground, "rate"), number(playground, "distortion")
    playground.mouse.move(*point(playground, "plane", 0.3, 0.3))
    playground.mouse.down()
    playground.mouse.move(*point(playground, "plane", 0.75, 0.25), steps=4)
    playground.mouse.up()
    wait_for_rest(playground)
    assert z(playground) == pytest.approx((2, 2), abs=0.03)
    assert part(playground, "decoded").evaluate(INK) != before
    assert number(playground, "rate") == rate
    assert number(playground, "distortion") > distortion
    for j in (0, 1):
        epsilon = (z(playground)[j] - number(playground, f"mu{j}")) / number(
            playground, f"sigma{j}"
        )
        assert number(playground, f"eps{j}") == pytest.approx(epsilon, rel=0.05)


def test_a_close_up_shows_the_ellipse(playground: Page) -> None:
    part(playground, "close").check()
    wait_for_rest(playground, PLANE)  # the zoom
    playground.mouse.click(*point(playground, "plane", 0.9, 0.5))
    wait_for_rest(playground)
    sigma = max(number(playground, "sigma0"), number(playground, "sigma1"))
    assert z(playground)[0] == pytest.approx(number(playground, "mu0") + 4 * sigma, abs=0.01)


def test_nothing_is_drawn_over_the_numbers_of_an_axis(playground: Page) -> None:
    """In the close-up of a zero, with dots and a circle: below and on the left all is grey."""
    playground.get_by_role("button", name="Test digit 0, example 1").click()
    part(playground, "close").check()
    wait_for_rest(playground, PLANE)
    below, beside = part(playground, "plane").evaluate(
        """(canvas) => {
          const context = canvas.getContext("2d");
          const colourful = (...box) => {
            const { data } = context.getImageData(...box);
            return Array.from({ length: data.length / 4 }, (_, i) => data.slice(4 * i, 4 * i + 3))
              .filter((rgb) => Math.max(...rgb) - Math.min(...rgb) > 24).length;
          };
          const { width, height } = canvas;
          return [colourful(0, height - 18, width, 18), colourful(0, 0, 30, height)];
        }"""
    )
    assert (below, beside) == (0, 0)


def test_the_views_are_chosen_where_the_plane_is_seen(open_page: Open) -> None:
    """Above it: on a phone what is below is out of sight."""
    page = show(open_page("phone"))
    plane = part(page, "plane").bounding_box()
    for name in ("close", "digits"):
        box = part(page, name).bounding_box()
        assert 0 <= plane["y"] - (box["y"] + box["height"]) < 40
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_no_border_is_cut_off(open_page: Open, size: str) -> None:
    """Of the plane, the pad, and the images of encoder and decoder; at each of their sides."""
    page = show(open_page(size, reduced_motion="reduce", color_scheme="light"))
    for name in ("plane", "pad", "seen", "decoded"):
        part(page, name).scroll_into_view_if_needed()
        box = {key: round(value) for key, value in part(page, name).bounding_box().items()}
        x, y, width, height = (box[key] for key in ("x", "y", "width", "height"))
        clip = {"x": x - 2, "y": y - 2, "width": width + 4, "height": height + 4}
        picture = np.asarray(Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("L"))
        middle = picture[height // 4 : -height // 4], picture[:, width // 4 : -width // 4].T
        for lines in (*middle, *(side[:, ::-1] for side in middle)):
            darkest = np.median(lines[:, :4].min(axis=1))  # around an edge, of its middle half
            assert darkest < 245, f"{name}, {size}"


def test_the_whole_plane_can_be_decoded(playground: Page) -> None:
    before = part(playground, "plane").evaluate(TOTAL_INK)
    part(playground, "digits").check()
    now = f"({TOTAL_INK})(document.querySelector('.pg-plane'))"
    playground.wait_for_function(f"(before) => {now} > 1.5 * before", arg=before)  # bit by bit


def test_a_finger_draws_and_drags_and_the_page_stays(open_page: Open) -> None:
    page = show(open_page("phone", has_touch=True, is_mobile=True))
    touch = page.context.new_cdp_session(page)

    def swipe(name: str, shares: list[tuple[float, float]]) -> None:
        part(page, name).scroll_into_view_if_needed()
        top = page.evaluate("scrollY")
        for kind, share in zip(
            ["touchStart"] + ["touchMove"] * (len(shares) - 1), shares, strict=True
        ):
            x, y = point(page, name, *share)
            touch.send(
                "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]}
            )
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        wait_for_rest(page)
        assert page.evaluate("scrollY") == top

    swipe("pad", circle(0.5, 0.5, 0.35))
    expect(part(page, "pad")).to_have_attribute("aria-label", "Pad to draw on. Your drawing.")
    assert number(page, "mu0") < -1
    swipe("plane", [(0.3, 0.3), (0.4, 0.5), (0.5, 0.75)])
    assert z(page) == pytest.approx((0, -2), abs=0.03)


def test_the_keyboard_alone_does_everything(open_page: Open) -> None:
    page = show(open_page(reduced_motion="reduce"))
    press = page.keyboard.press

    page.locator("[data-digit='3']").focus()
    press("Enter")
    expect(part(page, "status")).to_contain_text("Test digit 3, example 1")
    press("Enter")
    expect(part(page, "status")).to_contain_text("Test digit 3, example 2")

    for name in ("close", "digits"):
        tab_to(page, name)
        press("Space")
        expect(part(page, name)).to_be_checked()
        press("Space")
        expect(part(page, name)).not_to_be_checked()

    tab_to(page, "plane")
    home = z(page)
    press("ArrowRight")
    press("ArrowUp")
    press("Shift+ArrowUp")
    wait_for_rest(page)
    assert z(page) == pytest.approx((home[0] + 0.1, home[1] + 0.12), abs=2e-3)
    press("Home")
    wait_for_rest(page)
    assert z(page) == home
    press("Space")
    expect(part(page, "count")).to_have_text("1 sample")
    assert z(page) != home

    tab_to(page, "many")
    press("Enter")
    expect(part(page, "count")).to_have_text("101 samples")
    tab_to(page, "back")
    press("Enter")
    wait_for_rest(page)
    assert z(page) == home
    tab_to(page, "prior")
    press("Enter")
    expect(part(page, "note")).to_contain_text("At a sample of the prior")
    tab_to(page, "slider0")
    press("Home")
    wait_for_rest(page)
    assert z(page)[0] == -4
    tab_to(page, "slider1")
    press("End")
    wait_for_rest(page)
    assert z(page) == (-4, 4)


def test_less_motion_means_no_walk(open_page: Open) -> None:
    page = show(open_page(reduced_motion="reduce"))
    places = page.evaluate(
        """() => new Promise((resolve) => {
          const text = () => document.querySelector('[data-pg="z0"]').textContent;
          const places = [text()];
          document.querySelector('[data-pg="one"]').click();
          let left = 20;  // frames, once it has moved
          const look = () => {
            places.push(text());
            left -= text() !== places[0];
            left && places.length < 600 ? requestAnimationFrame(look)
                                        : resolve([...new Set(places)]);
          };
          requestAnimationFrame(look);
        })"""
    )
    assert len(places) == 2


# Inside the draw


LIT = """[...document.querySelectorAll('[data-pg="lines"] li')]
  .findIndex((line) => line.getAttribute('aria-current') === 'step')"""


def inside(page: Page, *names: str) -> torch.Tensor:
    """Return the numbers of both coordinates, a row for each name."""
    return torch.tensor([[number(page, f"{name}{j}") for j in (0, 1)] for name in names])


def assert_consistent(page: Page) -> None:
    """Check that z = mu + exp(log_var / 2) * eps, as far as digits are shown."""
    mu, log_var, again, sigma, eps, code = inside(page, "qMu", "qLogVar", "mu", "sigma", "eps", "z")
    assert mu.tolist() == again.tolist()
    torch.testing.assert_close(sigma, (0.5 * log_var).exp(), rtol=0, atol=1e-4)
    # Each number is rounded: z and mu by 0.0005, sigma by 0.00005, and eps by 0.0005.
    rounding = 1e-3 + 5e-5 * eps.abs() + 5e-4 * sigma + 1e-6
    assert ((mu + sigma * eps - code).abs() <= rounding).all()


def test_the_numbers_inside_the_draw_belong_together(open_page: Open) -> None:
    page = show(open_page(reduced_motion="reduce"))
    for digit in (2, 5, 1):
        page.locator(f"[data-digit='{digit}']").click()
        for _ in range(3):
            part(page, "one").click()
            wait_for_rest(page)
            assert inside(page, "eps").abs().min() > 0
            assert_consistent(page)
    images, labels = vaetut.load_mnist("test")
    with exported() as model:
        _, log_var = model.encode(images[(labels == 1).nonzero()[:1, 0]])
    torch.testing.assert_close(inside(page, "qLogVar"), log_var, rtol=0, atol=1e-3)


def test_a_step_runs_one_line(open_page: Open) -> None:
    """The second draws: only it moves z."""
    page = show(open_page(reduced_motion="reduce"))
    assert page.evaluate(LIT) == -1
    heard = ["Line 1: μ is", "Line 2: σ is", "Line 3: the decoder"]
    for line in (0, 1, 2, 0, 1):
        before = z(page)
        part(page, "step").click()
        assert page.evaluate(LIT) == line
        expect(part(page, "status")).to_contain_text(heard[line])
        assert (z(page) != before) == (line == 1)
    assert_consistent(page)
    expect(part(page, "count")).to_have_text("2 samples")
    part(page, "back").click()  # no line has made this z
    wait_for_rest(page)
    assert page.evaluate(LIT) == -1


@pytest.mark.parametrize(("motion", "lit"), [("reduce", [-1, 2]), ("no-preference", [-1, 0, 1, 2])])
def test_a_sample_runs_all_lines(open_page: Open, motion: str, lit: list[int]) -> None:
    """One after the other, and z moves with the second; where less motion is asked for, at once."""
    page = show(open_page(reduced_motion=motion))
    seen = page.evaluate(
        f"""() => new Promise((resolve) => {{
          const z = () => document.querySelector('[data-pg="z0"]').textContent;
          const [home, seen] = [z(), []];
          const look = () => {{
            const lit = {LIT};
            if (seen.at(-1)?.[0] !== lit) seen.push([lit, null]);
            seen.at(-1)[1] = z() !== home;
            if (lit === 2 && z() !== home) resolve(seen);
            else requestAnimationFrame(look);
          }};
          look();
          document.querySelector('[data-pg="one"]').click();
        }})"""
    )
    assert [line for line, _ in seen] == lit
    assert all(moved == (line >= 1) for line, moved in seen)


# The tour


# What each question is about, once it is answered.
ABOUT = (
    *("plane", "plane", "plane", "lines", "plane"),
    *("distortion", "plane", "decoded", "plane", "plane"),
)


def begin(page: Page) -> None:
    """Begin the tour, by keyboard."""
    part(page, "begin").focus()
    page.keyboard.press("Enter")
    expect(part(page, "question")).to_be_focused()


def answer(page: Page) -> str:
    """Ask to be shown, by keyboard, and return the answer."""
    tab_to(page, "go")
    expect(part(page, "answer")).to_be_empty()
    page.keyboard.press("Enter")
    expect(part(page, "answer")).not_to_be_empty()
    return part(page, "answer").inner_text()


def answers(page: Page) -> Iterator[str]:
    """Take the tour, by keyboard, and give the answer of each step while the page shows it."""
    begin(page)
    for _ in ABOUT:
        yield answer(page)
        page.keyboard.press("Enter")


def numbers(text: str) -> list[float]:
    """Return the numbers of a text, each one of a pair as well."""
    return [float(each.replace("−", "-")) for each in re.findall(r"−?\d+(?:\.\d+)?", text)]


def test_the_tour_by_keyboard_alone(open_page: Open, size: str) -> None:
    """Every step asks and then answers; what it speaks of can be seen; the page is usable after."""
    page = show(open_page(size, reduced_motion="reduce"))
    for step, text in enumerate(answers(page), 1):
        expect(part(page, "progress")).to_have_text(f"{step} of {len(ABOUT)}")
        assert part(page, "words").inner_text().endswith("?")
        expect(part(page, "status")).to_have_text(text)  # it is heard once, in this place
        expect(part(page, "go")).to_be_focused()
        box, panel = part(page, ABOUT[step - 1]).bounding_box(), part(page, "tour").bounding_box()
        header = page.locator(".bd-header-article").bounding_box()
        assert box["y"] >= header["y"] + header["height"], step
        assert box["y"] + box["height"] <= panel["y"] + 1, step
        assert panel["y"] + panel["height"] <= SIZES[size][1] + 1, step
        assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size][0]
    expect(part(page, "tour")).to_be_hidden()
    expect(part(page, "begin")).to_be_focused()
    tab_to(page, "plane")
    before = z(page)
    page.keyboard.press("ArrowRight")
    wait_for_rest(page)
    assert z(page)[0] == pytest.approx(before[0] + 0.1, abs=2e-3)


def test_on_a_phone_held_sideways_the_tour_stands_beside_the_plane(open_page: Open) -> None:
    page = show(open_page(reduced_motion="reduce"))
    page.set_viewport_size({"width": 844, "height": 390})
    for text in answers(page):
        assert text
        panel, go = part(page, "tour").bounding_box(), part(page, "go").bounding_box()
        for name in ("plane", "pad", "lines", "made", "eps0", "eps1", "meanSum"):
            box = part(page, name).bounding_box()
            assert box["x"] + box["width"] <= panel["x"], name
        assert panel["x"] + panel["width"] <= 844
        assert panel["y"] >= 0
        assert go["y"] + go["height"] <= panel["y"] + panel["height"] <= 390 + 1
        said = part(page, "answer").bounding_box()
        assert panel["y"] <= said["y"] <= said["y"] + said["height"] <= go["y"] + 1


def test_on_a_narrow_phone_the_tour_leaves_the_plane_free(open_page: Open) -> None:
    page = show(open_page(reduced_motion="reduce"))
    page.set_viewport_size({"width": 320, "height": 640})
    for step, _ in enumerate(answers(page)):
        if ABOUT[step] == "plane":
            plane, panel = part(page, "plane").bounding_box(), part(page, "tour").bounding_box()
            assert plane["y"] + plane["height"] <= panel["y"] + 1, step
        said, go = part(page, "answer").bounding_box(), part(page, "go").bounding_box()
        assert said["y"] >= part(page, "tour").bounding_box()["y"], step
        assert said["y"] + said["height"] <= go["y"] + 1, step


def test_the_tour_may_be_asked_for_before_anything_is_loaded(open_page: Open) -> None:
    page = open_page()
    page.set_viewport_size({"width": 844, "height": 390})
    part(page, "begin").evaluate("button => button.click()")
    expect(part(page, "question")).to_be_focused()


def test_the_tours_answers_are_true(open_page: Open) -> None:
    """What they say of the page is what it shows, and what they count PyTorch counts as well."""
    page = show(open_page(reduced_motion="reduce"))
    tour = answers(page)
    points, labels, examples = (
        torch.tensor(page.evaluate(f"Array.from(pg.app.model.{name}, {as_list})"))
        for name, as_list in (
            ("points", "(p) => Array.from(p)"),
            ("labels", "Number"),
            ("examples", "(x) => Array.from(x)"),
        )
    )

    def near(digit: int) -> int:
        (at,) = inside(page, "qMu")
        order = (points - at).norm(dim=1).argsort()[:20]
        return int((labels[order] == digit).sum())

    def mean_code() -> list[float]:
        return pytest.approx(inside(page, "qMu")[0].tolist(), abs=6e-3)

    *mu, _, found, _ = numbers(next(tour))
    assert mu == mean_code()
    assert found == pytest.approx(near(0), abs=1)  # two may be as far away, as far as is shown
    assert found > 15

    *mu, u, v = numbers(next(tour))
    assert mu == mean_code()
    assert (u, v) == pytest.approx(z(page), abs=6e-3)
    assert math.hypot(u, v) == pytest.approx(2, abs=0.01)

    *mu, _, found, _ = numbers(next(tour))
    assert mu == mean_code()
    assert found == pytest.approx(near(7), abs=1)
    assert found > 10  # the drawing looks like a seven to the model, too

    found = torch.tensor(numbers(next(tour))).reshape(2, 2)
    sigma, eps = inside(page, "sigma", "eps")
    torch.testing.assert_close(found, torch.stack([eps, sigma * eps]), rtol=0, atol=6e-3)
    assert_consistent(page)

    least, most, count, mean, at_mean = numbers(next(tour))
    expect(part(page, "count")).to_have_text(f"{count:.0f} samples")
    assert count == 101
    assert mean == number(page, "meanDistortion")
    assert least <= mean <= most
    assert least <= number(page, "distortion") <= most
    expect(part(page, "close")).to_be_checked()

    before, now, rate = numbers(next(tour))
    assert before == at_mean
    assert now == number(page, "distortion") != before
    assert rate == number(page, "rate") == number(page, "meanRate")
    expect(part(page, "close")).not_to_be_checked()

    text = next(tour)
    distance, width = numbers(text)
    assert distance == pytest.approx(0.5 * inside(page, "qMu").square().sum().item(), abs=0.01)
    assert distance + width == pytest.approx(number(page, "rate"), abs=0.07)
    assert text.startswith("The width" if width > distance else "The distance")

    with exported() as model:
        q = model.posterior(examples)
        prices = -model.log_likelihood(examples, q.mu)

    price, among, each, cheaper, larger = numbers(next(tour))
    assert among == len(examples) == 10 * each
    assert price == number(page, "distortion")
    assert cheaper == (prices < price).sum()
    own = inside(page, "qLogVar").sum()
    assert larger == pytest.approx((q.log_var.sum(1) > own).sum(), abs=1)
    with exported() as model:  # what the chapter says of this star
        digits = vaetut.load_mnist("test")[0][::5]
        q = model.posterior(digits)
        assert (-model.log_likelihood(digits, q.mu) < price).double().mean() > 0.99
        assert (q.log_var.sum(1) > own).double().mean() > 0.5

    _, missing, radius, *centre, by_chance = numbers(next(tour))
    assert centre == pytest.approx(z(page), abs=6e-3)
    assert (points - torch.tensor(centre)).norm(dim=1).min() == pytest.approx(radius, abs=0.01)
    draws = torch.randn(500 * len(points), 2, generator=torch.Generator().manual_seed(0))
    hits = ((draws - torch.tensor(centre)).norm(dim=1) < radius).sum().item() / 500
    assert missing == pytest.approx(hits, rel=0.07)
    assert missing > 2 * by_chance > 0  # a hole indeed

    *code, away, digit = numbers(next(tour))
    assert code == pytest.approx(z(page), abs=6e-3)
    distances = (points - inside(page, "z")).norm(dim=1)
    assert away == pytest.approx(distances.min().item(), abs=6e-3)
    assert digit in labels[distances < distances.min() + 2e-3]
    assert list(tour) == []


@pytest.mark.parametrize("way", ["Escape", "Leave"])
def test_the_tour_can_be_left_at_any_time(open_page: Open, way: str) -> None:
    """Also while it acts, and then it is silent; what it has done can be gone on with."""
    page = show(open_page())
    tour = answers(page)
    for _ in range(3):
        next(tour)
    tab_to(page, "previous")
    page.keyboard.press("Enter")
    expect(part(page, "progress")).to_have_text(f"2 of {len(ABOUT)}")
    tab_to(page, "go")
    page.keyboard.press("Enter")  # z begins its walk
    if way == "Leave":
        tab_to(page, "leave")
    page.keyboard.press("Escape" if way == "Escape" else "Enter")
    expect(part(page, "tour")).to_be_hidden()
    expect(part(page, "begin")).to_be_focused()
    wait_for_rest(page)
    expect(part(page, "status")).to_contain_text("A drawing by the page. z is")
    expect(part(page, "note")).to_contain_text("At a z that was chosen")
    expect(part(page, "answer")).to_be_empty()
    part(page, "one").click()
    expect(part(page, "count")).to_have_text("1 sample")
    wait_for_rest(page)
    begin(page)
    expect(part(page, "progress")).to_have_text(f"1 of {len(ABOUT)}")


def test_the_tour_bears_with_a_reader_who_does_something_else(open_page: Open) -> None:
    """Whoever clears the pad while it acts may ask again, and a step finds an image to speak of."""
    page = show(open_page())
    begin(page)
    tab_to(page, "go")
    page.keyboard.press("Enter")
    part(page, "clear").click()
    expect(part(page, "status")).to_contain_text("The pad is empty")
    expect(part(page, "go")).to_have_text("Show me")
    expect(part(page, "answer")).to_be_empty()
    assert answer(page)
    part(page, "clear").click()
    page.locator("[data-pg='go']").focus()
    page.keyboard.press("Enter")
    assert answer(page)
    part(page, "go").dblclick()  # "Next", and no answer yet
    expect(part(page, "go")).to_have_text("Show me")
    part(page, "go").click()
    page.locator("[data-digit='1']").click()  # of which the question is not
    wait_for_rest(page)
    expect(part(page, "status")).to_contain_text("Test digit 1")
    expect(part(page, "go")).to_have_text("Show me")
    expect(part(page, "answer")).to_be_empty()
    assert answer(page)


def test_the_tour_has_no_barriers(open_page: Open, size: str, theme: str) -> None:
    page = show(open_page(size, color_scheme=theme, reduced_motion="reduce"))
    part(page, "step").click()
    for _, text in zip(range(2), answers(page), strict=False):
        assert text
        found = Axe().run(page, context={"include": [["#pg"]]}).response["violations"]
        assert [each["id"] for each in found] == []


# Elsewhere, and without


def test_it_works_from_a_folder(open_page: Open) -> None:
    page = show(open_page(address=HTML.as_uri()))
    assert number(page, "rate") > 0


def test_a_model_that_does_not_come_leaves_the_still_picture(browser: Browser, site: str) -> None:
    page = browser.new_page()
    page.route("**/model.js", lambda route: route.abort())
    page.goto(f"{site}/{PAGE}")
    page.locator("#pg").evaluate("(root) => root.scrollIntoView()")
    page.locator("#pg[data-state=failed]").wait_for(state="attached")
    assert_still(page)


def test_without_scripts_there_is_a_still_picture(open_page: Open) -> None:
    assert_still(open_page(java_script_enabled=False))


def test_paper_has_the_still_picture(playground: Page) -> None:
    playground.emulate_media(media="print")
    assert_still(playground)
    playground.emulate_media(media="screen")
    expect(part(playground, "plane")).to_be_visible()


def assert_still(page: Page) -> None:
    """Check that the picture stands where the app would be."""
    expect(page.locator(".app-body")).to_be_hidden()
    picture = page.locator(".app-still img")
    picture.scroll_into_view_if_needed()
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("complete", True)
    assert picture.bounding_box()["width"] > 300
