/* The playground's page: a pad, the latent plane, what the decoder returns, and the numbers.
   One state; few functions that change it; one that shows it, once a frame. */

import { fit } from "../lib/canvas.js";
import { normal } from "../lib/chance.js";
import { ARROWS, onDrag, place } from "../lib/hand.js";
import { afterFrames, animate, calm } from "../lib/motion.js";
import { clamp, signed } from "../lib/numbers.js";
import { paint } from "../lib/pixels.js";
import { create as createDigits } from "./digits.js";
import { toImage, trace } from "./ink.js";
import { PAUSE, create as createInside } from "./inside.js";
import { LIMIT, create as createPlane, whole } from "./plane.js";
import { create as createTour } from "./tour.js";
import { load } from "./vae.js";

const MANY = 100; // samples
const AT_ONCE = 4; // of them in a frame

const SUMS = {
  mean: "At μ, which is the mean of q and no sample of it: for most digits this sum is less than the loss, −ℒ.",
  sample: "At a sample of q(z|x): the sum estimates the loss, −ℒ. The mean of many does so better.",
  prior: "At a sample of the prior. It belongs to no image, so nothing is priced at this z.",
  hand: "At a z that was chosen, and not drawn from q: this sum is no estimate of the loss, −ℒ.",
  way: "z is on its way.",
};

export function start(root) {
  const model = load(globalThis.VAETUT_EXPORT);
  const { colors } = model;
  const part = (name) => root.querySelector(`[data-pg="${name}"]`);
  const pad = part("pad");
  const canvas = part("plane");
  const plane = createPlane(canvas, model);
  const digits = createDigits(root, model, choose);
  const inside = createInside(part);

  const state = {
    x: null, // the image, or null
    source: "", // where it comes from, in words
    strokes: [], // on the pad, in shares of its side
    q: null, // { mu, logVar, sigma, rate } of the image
    z: [0, 0],
    logits: null, // decoded from z
    how: "hand", // how z was chosen, or where it is going: a key of SUMS
    samples: [], // { z, distortion }, all from one q(z|x)
    close: false, // whether the plane shows q(z|x) alone
  };

  // ---------------------------------------------------------------- changing the state

  function setZ(z, how) {
    // A hand stays on the plane; a draw may lie beyond, and is priced where it lies.
    state.z = Array.from(z, (value) => (how === "hand" ? clamp(value, -LIMIT, LIMIT) : value));
    state.how = how;
    state.logits = model.decode(state.z);
    if (how !== "sample") inside.none();
    refresh();
  }

  let stopMoving = () => {};
  let walking = false;
  /** Put z somewhere, at once. */
  function jump(z, how) {
    stopMoving();
    walking = false;
    setZ(z, how);
  }

  /** Let z walk somewhere, after a while or at once. */
  function walk(target, how, { lasts = 280, after = 0 } = {}) {
    stopMoving();
    const from = state.z;
    walking = true;
    stopMoving = animate(lasts, (share) => {
      walking = share < 1;
      setZ(from.map((value, j) => value + share * (target[j] - value)), how);
    }, after);
  }

  function setImage(x, source) {
    state.x = x;
    state.source = source;
    state.samples = [];
    state.q = null;
    stale = true;
    if (x) {
      const { mu, logVar } = model.encode(x);
      const sigma = logVar.map((value) => Math.exp(0.5 * value));
      state.q = { mu, logVar, sigma, rate: model.rate({ mu, logVar }) };
    }
    if (state.close) setClose(true);
    if (x) jump(state.q.mu, "mean");
    else jump(state.z, "hand");
  }

  function sampleOne() {
    const { mu, sigma } = state.q;
    const z = Array.from(mu, (mean, j) => mean + sigma[j] * normal());
    state.samples.push({ z, distortion: model.distortion(state.x, model.decode(z)) });
    return z;
  }

  /** Let samples fall into the ellipse, a few in each frame; z walks to the last. */
  function sampleMany() {
    stopMoving();
    inside.none();
    let [left, frame] = [MANY, 0];
    stopMoving = () => cancelAnimationFrame(frame);
    (function fall() {
      let z = null;
      const count = calm() ? left : Math.min(left, AT_ONCE);
      for (let k = 0; k < count; k += 1) z = sampleOne();
      left -= count;
      refresh();
      if (left) frame = requestAnimationFrame(fall);
      else walk(z, "sample");
    })();
  }

  /** Let the background be decoded digits, or codes. */
  function setDecoded(decoded) {
    part("digits").checked = decoded;
    plane.decoded = decoded;
    const background = decoded ? "what the decoder makes of each place" : "codes of test digits";
    canvas.setAttribute("aria-label", `Latent plane: ${background}, contours of the prior, `
      + "q(z|x), and z, which the arrow keys move");
    refresh();
  }

  let stopZoom = () => {};
  /** Show q(z|x) alone, or the whole plane. */
  function setClose(close) {
    state.close = close && Boolean(state.q);
    part("close").checked = state.close;
    const from = plane.view;
    const to = state.close
      ? { x: state.q.mu[0], y: state.q.mu[1], half: 5 * Math.max(...state.q.sigma) }
      : whole;
    stopZoom();
    stopZoom = animate(350, (share) => {
      const half = from.half * (to.half / from.half) ** share;
      // The centre keeps pace with the scale, so that the target stays in sight.
      const moved = to.half === from.half ? share : (half - from.half) / (to.half - from.half);
      const [x, y] = ["x", "y"].map((axis) => from[axis] + moved * (to[axis] - from[axis]));
      plane.view = { x, y, half };
      refresh();
    });
  }

  // ---------------------------------------------------------------- showing it

  let pending = false;
  function refresh() {
    if (pending) return;
    pending = true;
    requestAnimationFrame(show);
  }

  function show() {
    pending = false;
    if (!canvas.clientWidth) return; // on paper the still picture is shown
    if (stale) showImage();
    const picture = model.mean(state.logits);
    for (const name of ["decoded", "made"]) paint(part(name), picture, [colors.data]);
    const more = plane.draw({ ...state, picture: part("decoded") });
    showNumbers();
    if (more) refresh();
  }

  let stale = true; // what belongs to the image, and does not change with z
  function showImage() {
    stale = false;
    paint(part("seen"), state.x ?? new Float32Array(model.size), [colors.data]);
    drawPad();
    pad.setAttribute("aria-label", `Pad to draw on. ${state.source || "It is empty"}.`);
    for (const name of ["one", "many", "back", "close", "step"]) part(name).disabled = !state.q;
  }

  function drawPad() {
    const { context, width: side } = fit(pad);
    if (state.strokes.length) {
      context.lineWidth = side / 13;
      context.lineCap = context.lineJoin = "round";
      context.strokeStyle = colors.data;
      trace(context, state.strokes.map((s) => s.map(([x, y]) => [x * side, y * side])));
    } else {
      context.drawImage(part("seen"), 0, 0, side, side);
    }
  }

  function setText(name, text) {
    const element = part(name);
    if (element.textContent !== text) element.textContent = text;
  }

  const nats = (value) => signed(value, 1);

  function showNumbers() {
    const { x, q, how, samples } = state;
    const fromPrior = how === "prior"; // then z has nothing to do with the image and its q
    const priced = q && !fromPrior;
    const rate = priced ? q.rate : NaN;
    const distortion = priced ? model.distortion(x, state.logits) : NaN;
    part("code").classList.toggle("pg-unmade", fromPrior);
    inside.show(state, setText);
    const mean = samples.reduce((sum, each) => sum + each.distortion, 0) / samples.length;
    setText("distortion", nats(distortion));
    setText("rate", nats(rate));
    setText("sum", nats(distortion + rate));
    setText("meanDistortion", nats(mean));
    setText("meanRate", nats(samples.length ? q.rate : NaN));
    setText("meanSum", nats(mean + q?.rate));
    setText("count", `${samples.length || ""} sample${samples.length === 1 ? "" : "s"}`.trim());
    setText("note", x ? SUMS[walking ? "way" : how] : "Without an image there is nothing to price.");
    for (const j of [0, 1]) {
      const slider = part(`slider${j}`);
      // Its own step is coarser than z: leave it alone while it says the same.
      if (Math.abs(slider.value - state.z[j]) > 0.005) slider.value = state.z[j].toFixed(2);
    }
    tell(distortion, rate);
  }

  function describe(distortion, rate) {
    const place = `z is ${state.z.map((value) => signed(value, 2)).join(", ")}.`;
    if (state.how === "prior") return `A sample of the prior. ${place}`;
    if (!state.x) return `The pad is empty. ${place}`;
    return `${state.source}. ${place} Distortion ${nats(distortion)}, rate ${nats(rate)}, `
      + `sum ${nats(distortion + rate)} nats.`;
  }

  let resting = 0;
  let speak = null; // says something else, once
  /** Tell those who listen, once things have come to rest. */
  function tell(distortion, rate) {
    clearTimeout(resting);
    const waiting = resting = setTimeout(() => afterFrames(2, () => {
      if (waiting !== resting) return; // a page out of sight has no frames: then things go on first
      const words = speak?.() ?? describe(distortion, rate);
      speak = null;
      setText("status", words);
    }), 600);
  }

  /** Once things have come to rest, tell what `words` returns; or, for null, what is told as a rule. */
  function atRest(words) {
    speak = words;
    refresh();
  }

  // ---------------------------------------------------------------- what the reader does

  let reading = 0;
  let stopDrawing = () => {};
  /** Let nothing more come from the pad. */
  function leavePad() {
    stopDrawing();
    cancelAnimationFrame(reading);
    reading = 0;
  }

  function readPad(source) {
    reading ||= requestAnimationFrame(() => {
      reading = 0;
      setImage(toImage(state.strokes), source);
    });
  }

  onDrag(pad, (event) => {
    digits.release();
    leavePad();
    state.strokes.push([place(pad, event)]);
    readPad("Your drawing");
  }, (event) => {
    const all = event.getCoalescedEvents?.() ?? [];
    const points = (all.length ? all : [event]).map((each) => place(pad, each));
    state.strokes.at(-1)?.push(...points); // none are left if the pad was cleared meanwhile
    readPad("Your drawing");
  });

  function clear() {
    digits.release();
    leavePad();
    state.strokes = [];
    setImage(null, "");
  }

  /** Draw a stroke, point by point. */
  function draw(stroke) {
    clear();
    stopDrawing = animate(1500, (share) => {
      state.strokes = [stroke.slice(0, 1 + Math.round(share * (stroke.length - 1)))];
      readPad("A drawing by the page");
    });
  }

  function choose(digit) {
    leavePad();
    state.strokes = [];
    setImage(...digits.take(digit));
  }

  const moveTo = (event) => {
    const at = place(canvas, event).map((share) => clamp(share, 0, 1) * canvas.clientWidth);
    jump(plane.toPlane(at), "hand");
  };
  onDrag(canvas, moveTo, moveTo);

  // What buttons, keys and the tour do.
  const actions = {
    clear,
    choose,
    draw,
    one() {
      const z = sampleOne();
      inside.run();
      walk(z, "sample", { after: PAUSE });
    },
    many: sampleMany,
    back: () => walk(state.q.mu, "mean"),
    prior: () => walk([normal(), normal()], "prior"),
    go: (z) => walk(z, "hand", { lasts: 1500 }),
    halt() {
      leavePad();
      stopMoving();
      if (walking) jump(state.z, "hand"); // half-way it is no sample of anything
    },
    /** Run the next line of those inside the draw: the second one draws. */
    step() {
      const line = inside.next();
      if (line === 1) walk(sampleOne(), "sample");
      atRest(() => state.q && inside.say(line, state)); // unless the pad is empty by then
    },
    view({ close = false, decoded = false }) {
      setClose(close);
      setDecoded(decoded);
    },
  };
  for (const name of ["clear", "one", "many", "back", "prior", "step"]) {
    part(name).addEventListener("click", () => actions[name]());
  }

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    const step = (plane.view.half / LIMIT) * (event.shiftKey ? 0.02 : 0.1);
    if (arrow) jump(state.z.map((value, j) => value + step * arrow[j]), "hand");
    else if (event.key === " " && state.q) actions.one();
    else if (event.key === "Home" && state.q) actions.back();
    else return;
    event.preventDefault();
  });

  for (const j of [0, 1]) {
    part(`slider${j}`).addEventListener("input", (event) => {
      jump(state.z.map((value, k) => (k === j ? Number(event.target.value) : value)), "hand");
    });
  }

  part("close").addEventListener("change", (event) => setClose(event.target.checked));
  part("digits").addEventListener("change", (event) => setDecoded(event.target.checked));
  new ResizeObserver(() => {
    stale = true;
    refresh();
  }).observe(canvas);

  setText("typicalDistortion", nats(model.typical.distortion));
  setText("typicalRate", nats(model.typical.rate));
  setText("typicalSum", nats(model.typical.distortion + model.typical.rate));
  choose(2);
  createTour(root, part, { model, state, actions, atRest });
  return { model };
}
