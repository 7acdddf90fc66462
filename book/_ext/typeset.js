// MathJax without a browser: what mathematics.py calls in V8 to turn TeX into HTML and MathML.
const { adaptors, handlers, a11y, input, output, core, mathjax } = MathJax._;

const adaptor = adaptors.liteAdaptor.liteAdaptor();
a11y["assistive-mml"].AssistiveMmlHandler(handlers.html_ts.RegisterHTMLHandler(adaptor));

const tex = new input.tex_ts.TeX({
  packages: ["base", "ams", "boldsymbol"],
  formatError: (jax, error) => { throw Error(error.message); },
});
const font = new output.chtml.fonts.tex_ts.TeXFont({ fontURL: "mathjax" });
const chtml = new output.chtml_ts.CHTML({ font });
const page = mathjax.mathjax.document("", { InputJax: tex, OutputJax: chtml });
const serializer = new core.MmlTree.SerializedMmlVisitor.SerializedMmlVisitor();

// Boxes that do not depend on the reader's fonts, and MathML beside them for screen readers.
function html(source, display) {
  tex.reset();
  return adaptor.outerHTML(page.convert(source, { display, em: 16, ex: 8 }));
}

// MathML alone, for an e-book.
function mathml(source, display) {
  tex.reset();
  return serializer.visitTree(page.convert(source, { display, end: 20 }));  // 20: STATE.CONVERT
}

// The rules that everything typeset so far needs.
function css() {
  return adaptor.textContent(chtml.styleSheet(page));
}
