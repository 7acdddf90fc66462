/* Numbers as the pages write them. */

/** A number with a true minus sign, and none before a nought; a dash where there is no number. */
export const signed = (value, digits) =>
  (Number.isFinite(value)
    ? value.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", "−")
    : "–");

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
