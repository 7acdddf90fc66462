/* Load the playground when it comes into view, and nothing of it before. */

(function () {
  "use strict";

  const PARTS = ["canvas.js", "vae.js", "ink.js", "plane.js", "app.js", "model.js"];
  const root = document.getElementById("pg");
  const here = document.currentScript.src;
  root.dataset.state = "waiting";

  const load = (name) =>
    new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL(name, here).href;
      script.async = false; // they run in this order
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${name} did not load`));
      document.head.append(script);
    });

  async function start() {
    try {
      await Promise.all(PARTS.map(load));
      globalThis.VAETUT_APP.start(root, globalThis.VAETUT_EXPORT);
      root.dataset.state = "ready";
    } catch (error) {
      root.dataset.state = "failed"; // the still picture takes its place
      throw error;
    }
  }

  // Not while it only peeps in at the lower edge: on a phone the page would be busy at once.
  const margin = { rootMargin: "0px 0px -30% 0px" };
  new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    start();
  }, margin).observe(root.querySelector(".pg-app"));
})();
