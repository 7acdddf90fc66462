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
  "pre, div.math, div.math > mjx-container, .pst-scrollable-table-container, .cell_output > .output, .drawing";
for (const box of document.querySelectorAll(scrollers)) markScrollable.observe(box);

// Copying. A formula is drawn by boxes without text: two clicks select it, a selection shades it, and
// what is copied has its TeX instead.
const formulas = document.querySelectorAll("[data-tex]");
document.addEventListener("dblclick", (event) => {
  const formula = event.target.closest("[data-tex]");
  if (formula) getSelection().selectAllChildren(formula);
});
document.addEventListener("selectionchange", () => {
  const selection = getSelection();
  for (const formula of formulas) {
    const selected = !selection.isCollapsed && selection.containsNode(formula, true);
    formula.classList.toggle("selected", selected);
  }
});
document.addEventListener("copy", (event) => {
  const selection = getSelection();
  if (selection.isCollapsed) return;
  const range = selection.getRangeAt(0).cloneRange();
  const formulaAt = (node) => (node.closest ? node : node.parentElement).closest("[data-tex]");
  const [first, last] = [formulaAt(range.startContainer), formulaAt(range.endContainer)];
  if (first) range.setStartBefore(first);
  if (last) range.setEndAfter(last);
  const copy = document.createElement("div");
  copy.append(range.cloneContents());
  const copied = copy.querySelectorAll("[data-tex]");
  if (copied.length === 0) return;
  for (const formula of copied) {
    const mark = formula.localName === "div" ? "$$" : "$";
    formula.textContent = mark + formula.dataset.tex + mark;
  }
  for (const link of copy.querySelectorAll("a[href]")) link.setAttribute("href", link.href); // now with the site
  for (const line of copy.querySelectorAll(":is(td, th) > p")) line.replaceWith(...line.childNodes);
  // A browser makes text, with tabs between a table's cells, from what is laid out alone.
  copy.style.cssText = "left: 100vw; position: fixed; top: 0; width: 50rem";
  document.querySelector(".bd-article").append(copy);
  event.clipboardData.setData("text/plain", copy.innerText);
  event.clipboardData.setData("text/html", copy.innerHTML);
  copy.remove();
  event.preventDefault();
});

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
