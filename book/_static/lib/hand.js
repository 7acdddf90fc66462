/* What a reader's hand does: it points, drags, and presses arrow keys. */

export const ARROWS = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1],
};

/** Where an event was, in shares of an element. */
export function place(target, event) {
  const { left, top } = target.getBoundingClientRect();
  return [
    (event.clientX - left - target.clientLeft) / target.clientWidth,
    (event.clientY - top - target.clientTop) / target.clientHeight,
  ];
}

/** Follow a mouse, pen or finger from where it touches an element until it lets go. */
export function onDrag(target, begin, move) {
  target.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    target.setPointerCapture(event.pointerId);
    begin(event);
  });
  target.addEventListener("pointermove", (event) => {
    // A finger's moves come to where it began, if need be before there was anybody to follow it.
    const finger = event.pointerType === "touch" && event.isPrimary;
    if (finger || target.hasPointerCapture(event.pointerId)) move(event);
  });
}
