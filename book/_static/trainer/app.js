/* The trainer's page. A worker trains and reports; the page draws the last report, and lets the dots
   glide from the one before. The worker comes as a text, because a page that was opened from a folder
   may load no worker from a file. */

import { calm } from "../lib/motion.js";
import { signed } from "../lib/numbers.js";
import { paint } from "../lib/pixels.js";
import { byClass, namePlaces } from "../lib/plane.js";
import { drawCurves } from "./curves.js";
import { makeGrid } from "./grid.js";
import { drawPlane } from "./plane.js";
import workerText from "./worker.js?text";

const GRID = 10; // decoded codes in a row and a column
const HISTORY = 600; // entries; beyond that, every other one goes
const REST = 300; // epochs; then the page pauses, until it is started again
const EVERY = { lively: 150, calm: 700 }; // ms between reports
const HALF = 4; // of the plane, at least

const mix = (a, b, t) => (t >= 1 ? b : a.map((value, i) => value + t * (b[i] - value)));

/** Grey values in [0, 1] from figures, one for each pixel. */
function readPixels(text, levels) {
  const pixels = new Float32Array(text.length);
  for (let i = 0; i < text.length; i += 1) pixels[i] = text[i] / levels;
  return pixels;
}

function makeWorker() {
  const address = URL.createObjectURL(new Blob([workerText], { type: "text/javascript" }));
  const made = new Worker(address);
  URL.revokeObjectURL(address);
  return made;
}

/** Pairs of numbers that follow each other. */
const pairs = (numbers) =>
  Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i], numbers[2 * i + 1]]);

export function start(root) {
  const data = globalThis.VAETUT_DIGITS;
  const { colors } = data;
  const pixels = data.side ** 2;
  const labels = Array.from(data.labels, Number);
  const digits = {
    pixels,
    train: readPixels(data.train, data.levels),
    heldOut: readPixels(data.heldOut, data.levels),
    examples: colors.digits.map((_, digit) => labels.indexOf(digit)),
    grid: makeGrid(GRID),
  };
  const part = (name) => root.querySelector(`[data-tr="${name}"]`);
  const [plane, curves] = [part("plane"), part("curves")];
  const worker = makeWorker();

  const state = {
    running: false,
    beta: 1,
    activation: "silu",
    seed: 1,
    run: 0, // counts the trainings, so that a late report of an old one is dropped
    history: [],
    report: null,
    until: REST,
  };

  // ---------------------------------------------------------------- telling the worker

  const tell = (what, more = {}) => worker.postMessage({ do: what, ...more });

  function setRunning(running) {
    if (running !== state.running) announce(running ? "Training." : "Paused.", 400);
    state.running = running;
    if (running) state.until = (state.report?.epochs ?? 0) + REST;
    tell(running ? "run" : "pause");
    part("run").textContent = running ? "Pause" : "Start";
  }

  function reset(running, more = {}) {
    state.run += 1;
    state.history = [];
    state.report = null;
    const { run, beta, seed, activation } = state;
    tell("reset", { run, beta, seed, activation, every: calm() ? EVERY.calm : EVERY.lively, ...more });
    setRunning(running);
  }

  function setBeta(beta) {
    if (beta !== state.beta) announce(`β is ${beta}.`, 3000);
    state.beta = beta;
    part("beta").value = beta;
    part("betaValue").textContent = `β = ${beta}`;
    root.querySelectorAll("[data-beta]").forEach((button) => {
      button.setAttribute("aria-pressed", String(Number(button.dataset.beta) === beta));
    });
    tell("beta", { value: beta });
  }

  // ---------------------------------------------------------------- what the worker reports

  worker.onmessage = ({ data: report }) => {
    if (report.run !== state.run) return;
    const { images, beta, training, heldOut } = report;
    state.report = report;
    state.history.push({ images, beta, training, heldOut });
    if (state.history.length > HISTORY) state.history = state.history.filter((_, i) => i % 2 === 0);
    glideTo(report);
    showReport(report);
    if (state.running && report.epochs >= state.until) setRunning(false);
  };
  worker.onerror = (event) => {
    setRunning(false);
    throw new Error(`the worker failed: ${event.message}`);
  };

  let [from, target, shown] = [null, null, null];
  let [began, lasts] = [0, 0];

  /** Let the dots walk to where the report has them, in the time until the next one. */
  function glideTo({ z, mu, sigma }) {
    const spread = Array.from(z, Math.abs).sort((a, b) => a - b)[Math.floor(0.985 * z.length)];
    const half = Math.max(HALF, 1.12 * spread);
    const names = namePlaces(byClass(pairs(z), labels), 0.13 * half).flat();
    const now = performance.now();
    lasts = state.running && shown && !calm() ? Math.min(500, now - began) : 0;
    began = now;
    target = { z, mu, sigma, names, half: [half] };
    from = shown ?? target;
    refresh();
  }

  function showPlane(now) {
    const t = lasts ? Math.max(0, (now - began) / lasts) : 1;
    shown = Object.fromEntries(Object.keys(target).map((key) => [key, mix(from[key], target[key], t)]));
    const [mu, sigma] = [pairs(shown.mu), pairs(shown.sigma)];
    drawPlane(plane, {
      classes: byClass(pairs(shown.z), labels),
      names: pairs(shown.names),
      posteriors: mu.map((mean, i) => ({ mu: mean, sigma: sigma[i] })),
      half: shown.half[0],
    }, colors);
    return t < 1;
  }

  const ink = colors.data;
  const nth = (rows, n) => rows.subarray(n * pixels, (n + 1) * pixels);

  /** Ten held-out digits, five in a row, each above what the decoder returns for its mean. */
  function showPairs(report) {
    const cells = new Float32Array(20 * pixels);
    const inks = [];
    [0, 5].forEach((first) => [true, false].forEach((isInput) => {
      for (let digit = first; digit < first + 5; digit += 1) {
        const image = isInput
          ? nth(digits.heldOut, digits.examples[digit]) : nth(report.returned, digit);
        cells.set(image, inks.length * pixels);
        inks.push(isInput ? colors.digits[digit] : ink);
      }
    }));
    paint(part("pairs"), cells, inks, { columns: 5, gap: 1 });
  }

  function showReport(report) {
    const { training, heldOut, images, epochs, steps, seconds } = report;
    paint(part("grid"), report.grid, Array(GRID ** 2).fill(ink), { columns: GRID });
    showPairs(report);
    drawCurves(curves, state.history, colors);
    for (const [name, cost] of Object.entries({ training, heldOut })) {
      const nats = (value) => signed(value, 1);
      part(`${name}Distortion`).textContent = nats(cost?.distortion);
      part(`${name}Rate`).textContent = nats(cost?.rate);
      part(`${name}Sum`).textContent = nats(cost?.distortion + cost?.rate);
      part(`${name}Loss`).textContent = nats(cost?.distortion + report.beta * cost?.rate);
    }
    part("lossName").textContent = `Distortion + ${report.beta} · rate`;
    const speed = seconds > 0 ? Math.round(images / seconds / 100) * 100 : 0;
    part("speed").textContent = `${images.toLocaleString("en")} images seen, `
      + `${steps.toLocaleString("en")} steps, epoch ${epochs.toFixed(1)}`
      + (speed ? ` · ${speed.toLocaleString("en")} images per second` : "");
  }

  let spoken = 0;
  /** Tell those who listen: at once what was done, and later what came of it. */
  function announce(text, delay) {
    clearTimeout(spoken);
    spoken = setTimeout(() => {
      const { report } = state;
      const { distortion, rate } = report?.heldOut ?? {};
      part("status").textContent = text + (report
        ? ` ${report.images} images seen. Held out: distortion ${signed(distortion, 1)}, rate `
          + `${signed(rate, 1)}, sum ${signed(distortion + rate, 1)} nats.` : "");
    }, delay);
  }

  let pending = false;
  function refresh() {
    if (pending || !target) return;
    pending = true;
    requestAnimationFrame((now) => {
      pending = false;
      if (showPlane(now)) refresh();
    });
  }

  // ---------------------------------------------------------------- what the reader does

  part("run").addEventListener("click", () => setRunning(!state.running));
  part("step").addEventListener("click", () => {
    if (state.running) setRunning(false);
    tell("step");
  });
  part("reset").addEventListener("click", () => reset(true));
  part("seed").addEventListener("click", () => {
    state.seed += 1;
    reset(true);
  });
  part("activation").addEventListener("change", (event) => {
    state.activation = event.target.value;
    reset(true);
  });
  part("beta").addEventListener("input", (event) => setBeta(Number(event.target.value)));
  root.querySelectorAll("[data-beta]").forEach((button) => {
    button.addEventListener("click", () => setBeta(Number(button.dataset.beta)));
  });
  document.addEventListener("visibilitychange", () => {
    if (state.running) tell(document.hidden ? "pause" : "run");
  });
  new ResizeObserver(() => {
    refresh();
    if (state.report) drawCurves(curves, state.history, colors);
  }).observe(root);

  for (const name of ["prior", "posterior", "likelihood", "model"]) {
    root.style.setProperty(`--tr-${name}`, colors[name]);
  }
  part("activation").value = state.activation; // a browser may remember another
  root.querySelectorAll(":is(button, input, select):disabled").forEach((control) => {
    control.disabled = false;
  });
  setBeta(state.beta);
  reset(false, { digits });

  // Whoever asked for less motion presses Start; for others it begins when the plane is seen.
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    if (!calm() && !state.running && !state.report?.steps) setRunning(true);
  }, { threshold: 0.25 });
  observer.observe(plane);

  return { state, digits }; // for tests
}
