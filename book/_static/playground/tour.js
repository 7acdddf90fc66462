/* The tour: it asks a question, operates the page, and answers. The reader may go on, go back, or
   leave at any time, and may use the page in between. */

import { calm } from "../lib/motion.js";
import { STEPS } from "./steps.js";

/** Make the tour of a page { model, state, actions, atRest }. */
export function create(root, part, page) {
  const [panel, question, go] = [part("tour"), part("question"), part("go")];
  let at = 0; // the step
  let phase = "asked"; // then "acting", then "answered"

  const last = () => at === STEPS.length - 1;

  function lookAt(place) {
    const behavior = calm() ? "auto" : "smooth";
    root.querySelector(place).scrollIntoView({ block: "start", behavior });
  }

  /** Wait for the reader, whatever the page was about to do. */
  function rest() {
    page.actions.halt();
    page.atRest(null);
    phase = "asked";
    go.textContent = "Show me";
  }

  function ask(step) {
    rest();
    page.actions.view({});
    at = step;
    panel.hidden = false;
    part("progress").textContent = `${at + 1} of ${STEPS.length}`;
    part("words").textContent = STEPS[at].question;
    part("answer").textContent = "";
    part("previous").disabled = at === 0;
    question.focus({ preventScroll: true });
    lookAt(STEPS[at].where);
  }

  function showAnswer() {
    const { act, answer, view, see } = STEPS[at];
    phase = "acting";
    go.textContent = "Wait";
    if (!page.state.q) page.actions.choose(2); // some image, of which the step may speak
    page.actions.view(view ?? {});
    const before = act(page);
    page.atRest(() => {
      const text = answer(page, before);
      phase = "answered";
      if (see) lookAt(see);
      part("answer").textContent = text;
      panel.scrollTop = part("answer").offsetTop; // where it has too little room for both
      go.textContent = last() ? "End the tour" : "Next";
      return text;
    });
  }

  function leave() {
    rest();
    panel.hidden = true;
    part("begin").focus();
  }

  part("begin").addEventListener("click", () => ask(0));
  part("previous").addEventListener("click", () => ask(at - 1));
  part("leave").addEventListener("click", leave);
  go.addEventListener("click", (event) => {
    if (event.detail > 1) return; // the second of a double click, which would skip a question
    if (phase === "asked") showAnswer();
    else if (phase === "answered" && last()) leave();
    else if (phase === "answered") ask(at + 1);
  });
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !panel.hidden) leave();
  });
  // An answer is about what the tour did: if the reader's hand comes between, it is asked again.
  for (const name of ["pointerdown", "keydown", "input", "click"]) {
    root.addEventListener(name, (event) => {
      if (phase !== "acting" || panel.contains(event.target) || event.key === "Tab") return;
      rest();
    }, { capture: true });
  }
}
