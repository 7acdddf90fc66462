// What every page does by script: menus, what a keyboard can scroll, old links, and printing.

// A page that was opened as a file may not read the others, so results come without extracts.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

const closeMenus = (except) => {
  for (const button of document.querySelectorAll(".dropdown-toggle[aria-expanded=true]")) {
    if (button === except) continue;
    button.setAttribute("aria-expanded", "false");
    button.nextElementSibling.classList.remove("show");
  }
};

document.addEventListener("click", (event) => {
  const button = event.target.closest(".dropdown-toggle");
  closeMenus(button);
  if (button === null) return;
  const shown = button.nextElementSibling.classList.toggle("show");
  button.setAttribute("aria-expanded", String(shown));
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  document.activeElement.closest(".dropdown")?.querySelector(".dropdown-toggle").focus();
  closeMenus();
});

// When all is loaded, the theme would measure every block of code, and so have every section laid out
// (vaetut.css). What is done here instead asks nothing of a section that nobody has come near.
addEventListener("load", (event) => event.stopImmediatePropagation());

// What scrolls sideways can be reached by keyboard. An observer is called for what is laid out.
const markScrollable = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
const scrollers =
  "pre, div.math, mjx-container, .pst-scrollable-table-container, .cell_output > .output, .drawing";
for (const box of document.querySelectorAll(scrollers)) markScrollable.observe(box);

// A section that is marked "Deeper" now is still found under the name that it had before. The browser
// goes there itself, and keeps to it while the formulas above are set.
const findMoved = () => {
  const name = decodeURIComponent(location.hash.slice(1));
  if (name && !document.getElementById(name) && document.getElementById(`deeper-${name}`)) {
    location.replace(`#deeper-${name}`);
  }
};
addEventListener("hashchange", findMoved);
findMoved();

// On paper there is nothing to unfold, and every picture is in view.
addEventListener("beforeprint", () => {
  for (const answer of document.querySelectorAll("details:not([open])")) {
    answer.open = true;
    answer.dataset.closeAgain = "";
  }
  for (const image of document.images) image.loading = "eager";
});
addEventListener("afterprint", () => {
  for (const answer of document.querySelectorAll("details[data-close-again]")) {
    answer.open = false;
    delete answer.dataset.closeAgain;
  }
});
