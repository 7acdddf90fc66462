/* Start an app (the playground, the trainer, a live figure) when it comes into view, and load
   nothing of it before. Its element says what it is: `data-app` names the script, `data-with` what
   that script needs, and `data-margin` how far from view it may begin; with `data-begin="touch"` it
   waits until a pointer or the focus comes to it. `data-state` says how it went: "ready", with what
   the app's `start` returned as `element.app`; or "failed", and then app.css puts the still picture
   in its place. */

(function () {
  "use strict";

  const scripts = new URL("..", document.currentScript.src);
  // Not while it only peeps in at the lower edge: on a phone the page would be busy at once.
  const INSIDE = "0px 0px -30% 0px";

  const load = (name) =>
    new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL(`${name}.js`, scripts).href;
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${name}.js did not load`));
      document.head.append(script);
    });

  /** Load and start an app; it may ask for the latest event of the hand for which it waited. */
  async function start(root, latest) {
    const { app, with: needs } = root.dataset;
    root.querySelector(":scope > img")?.setAttribute("loading", "eager"); // wanted on paper
    try {
      await Promise.all([app, needs].filter(Boolean).map(load));
      root.app = globalThis.VAETUT[app].start(root, latest);
      root.dataset.state = "ready";
    } catch (error) {
      root.dataset.state = "failed";
      throw error;
    }
  }

  function whenSeen(root) {
    let started = null;
    const begin = () => (started ??= start(root));
    new IntersectionObserver((entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      begin();
    }, { rootMargin: root.dataset.margin ?? INSIDE }).observe(root);
    // A button that is pressed before there is anybody to hear it is pressed again.
    root.addEventListener("click", async ({ target }) => {
      if (root.dataset.state) return;
      await begin();
      target.closest("button")?.click();
    }, { once: true });
  }

  function whenTouched(root) {
    const waiting = new AbortController();
    for (const name of ["pointerover", "focusin"]) {
      root.addEventListener(name, (event) => {
        waiting.abort();
        let latest = event;
        root.addEventListener("pointermove", (next) => { latest = next; });
        start(root, () => latest);
      }, { signal: waiting.signal });
    }
  }

  document.querySelectorAll("[data-app]").forEach((root) =>
    (root.dataset.begin === "touch" ? whenTouched : whenSeen)(root));
})();
