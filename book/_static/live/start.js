/* Load a live figure's scripts when it is nearly in view, and nothing of them before. */

(function () {
  "use strict";

  const here = document.currentScript.src;

  const load = (name) =>
    new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL(name, here).href;
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${name} did not load`));
      document.head.append(script);
    });

  async function start(root) {
    root.querySelector("img").loading = "eager"; // hidden on the screen, but wanted on paper
    try {
      await load("plot.js");
      await load(`${root.dataset.live}.js`);
      root.live = globalThis.VAETUT_LIVE[root.dataset.live](root);
      root.dataset.state = "ready";
    } catch (error) {
      root.dataset.state = "failed";
      root.classList.remove("live-on");
      root.classList.add("live-off"); // the picture takes its place
      throw error;
    }
  }

  const observer = new IntersectionObserver(
    (entries) =>
      entries.filter((entry) => entry.isIntersecting).forEach(({ target }) => {
        observer.unobserve(target);
        start(target);
      }),
    { rootMargin: "600px 0px" },
  );
  document.querySelectorAll("figure.live").forEach((root) => {
    root.classList.add("live-on");
    observer.observe(root);
  });
})();
