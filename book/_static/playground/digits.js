/* Test digits: a button for each class, which goes on to the next example when taken again. */

import { paint } from "../lib/pixels.js";

/** Make the buttons of a model's examples; `onClick` gets the digit of one that was clicked. */
export function create(root, { colors, examples, exampleLabels }, onClick) {
  const all = colors.digits.map((_, digit) => examples.filter((_, i) => exampleLabels[i] === digit));
  const shown = all.map(() => 0);
  const buttons = [...root.querySelectorAll("[data-digit]")];

  function label(digit) {
    const [button, k] = [buttons[digit], shown[digit]];
    const name = `Test digit ${digit}, example ${k + 1}`;
    button.setAttribute("aria-label", `${name} of ${all[digit].length}`);
    paint(button.querySelector("canvas"), all[digit][k], [colors.digits[digit]]);
    return name;
  }

  /** Let one button look pressed, or none. */
  function press(digit) {
    buttons.forEach((button, k) => button.setAttribute("aria-pressed", String(k === digit)));
  }

  buttons.forEach((button, digit) => {
    button.style.setProperty("--pg-class", colors.digits[digit]);
    button.addEventListener("click", () => onClick(digit));
    label(digit);
  });

  return {
    release: () => press(null),
    /** Press a digit's button; return the image and its name. */
    take(digit) {
      const again = buttons[digit].getAttribute("aria-pressed") === "true";
      if (again) shown[digit] = (shown[digit] + 1) % all[digit].length;
      press(digit);
      const name = label(digit);
      return [all[digit][shown[digit]], name];
    },
  };
}
