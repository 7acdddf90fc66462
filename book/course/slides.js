const slides = [...document.querySelectorAll("section")];
const STEPS = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1 };

// The place of the slide that fills the screen.
const seen = () => slides.findIndex((slide) => slide.getBoundingClientRect().bottom > innerHeight / 2);

addEventListener("keydown", (event) => {
  const step = STEPS[event.key];
  if (!step || event.target.closest("a")) return;
  event.preventDefault();
  slides[Math.min(slides.length - 1, Math.max(0, seen() + step))].scrollIntoView();
});
