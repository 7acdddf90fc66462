/* A mouse, pen or finger on a canvas. */

/** Where an event was, in shares of a canvas. */
export function place(target, event) {
  const { left, top } = target.getBoundingClientRect();
  return [
    (event.clientX - left - target.clientLeft) / target.clientWidth,
    (event.clientY - top - target.clientTop) / target.clientHeight,
  ];
}

/** Follow a mouse, pen or finger from where it touches a canvas until it lets go. */
export function onDrag(target, begin, move) {
  target.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    target.setPointerCapture(event.pointerId);
    begin(event);
  });
  target.addEventListener("pointermove", (event) => {
    if (target.hasPointerCapture(event.pointerId)) move(event);
  });
}
