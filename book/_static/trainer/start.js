/* Load the trainer when it comes into view, and nothing of it before. */

(function () {
  "use strict";

  const root = document.getElementById("tr");
  const here = document.currentScript.src;
  if (!root) return;
  root.classList.add("tr-on");

  const load = (name) =>
    new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL(name, here).href;
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${name} did not load`));
      document.head.append(script);
    });

  async function start() {
    try {
      await Promise.all(["digits.js", "vae.js", "worker.js", "draw.js", "app.js"].map(load));
      globalThis.VAETUT_TRAINER = globalThis.VAETUT_TRAINER_APP.start(root, globalThis.VAETUT_DIGITS);
      root.dataset.state = "ready";
    } catch (error) {
      root.dataset.state = "failed";
      root.classList.remove("tr-on");
      root.classList.add("tr-off"); // the still picture takes its place
      throw error;
    }
  }

  // Not while it only peeps in at the lower edge: on a phone the page would be busy at once.
  const margin = { rootMargin: "0px 0px -30% 0px" };
  new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    start();
  }, margin).observe(root.querySelector(".tr-app"));
})();
