/* Inside the draw: three lines of code, and the numbers that each makes. The line that runs is lit,
   and its numbers come from where they were before. */

import { calm } from "../lib/motion.js";
import { signed } from "../lib/numbers.js";

export const PAUSE = 350; // ms from the first line to the second
const LAST = 900; // ms from the first line to the third
const FLOW = 600; // ms

const both = (to, from) => [0, 1].map((j) => [to + j, from && from + j]);

// What each line makes, and which number further up it comes from, if it does.
const FLOWS = [
  [...both("qMu"), ...both("qLogVar")],
  [...both("mu", "qMu"), ...both("sigma", "qLogVar"), ...both("eps"), ...both("z")],
  [["made"]],
];

/** The ε that leads to z. */
export const noise = ({ q, z }) => z.map((value, j) => (value - q.mu[j]) / q.sigma[j]);

/** Make the view, of parts that are found by name. */
export function create(part) {
  const lines = [...part("lines").children];
  let lit = -1;
  let timers = [];

  function flow(name, from) {
    const element = part(name);
    const frames = { opacity: [0, 1] };
    if (from) {
      const [here, there] = [element, part(from)].map((each) => each.getBoundingClientRect());
      const way = `translate(${there.left - here.left}px, ${there.top - here.top}px)`;
      frames.transform = [way, "none"];
    }
    element.animate(frames, { duration: FLOW, easing: "ease-in-out" });
  }

  function mark(line) {
    lit = line;
    lines.forEach((each, k) => {
      if (k === line) each.setAttribute("aria-current", "step");
      else each.removeAttribute("aria-current");
    });
    if (calm()) return;
    for (const [to, from] of FLOWS[line] ?? []) flow(to, from);
  }

  /** Light a line by its number, or none. */
  function light(line) {
    timers.forEach(clearTimeout);
    timers = [];
    if (line !== lit) mark(line);
  }

  return {
    none: () => light(-1),
    /** Light the next line, and return its number. */
    next() {
      light((lit + 1) % lines.length);
      return lit;
    },
    /** Light all lines in turn; the last stays lit. */
    run() {
      light(calm() ? 2 : 0);
      if (calm()) return;
      timers = [setTimeout(mark, PAUSE, 1), setTimeout(mark, LAST, 2)];
    },
    /** What a line has made, in words. */
    say(line, { q, z }) {
      const pair = (values, digits) => [0, 1].map((j) => signed(values[j], digits)).join(", ");
      return [
        () => `Line 1: μ is ${pair(q.mu, 3)}; log σ² is ${pair(q.logVar, 3)}.`,
        () => `Line 2: σ is ${pair(q.sigma, 4)}; ε is ${pair(noise({ q, z }), 3)}; `
          + `z is ${pair(z, 3)}.`,
        () => "Line 3: the decoder has made the picture of this z.",
      ][line]();
    },
    /** Write the numbers of q(z|x) and z. */
    show({ q, z }, setText) {
      const eps = q ? noise({ q, z }) : [];
      for (const j of [0, 1]) {
        setText(`qMu${j}`, signed(q?.mu[j], 3));
        setText(`qLogVar${j}`, signed(q?.logVar[j], 3));
        setText(`z${j}`, signed(z[j], 3));
        setText(`mu${j}`, signed(q?.mu[j], 3));
        setText(`sigma${j}`, signed(q?.sigma[j], 4));
        setText(`eps${j}`, signed(eps[j], 3));
      }
    },
  };
}
