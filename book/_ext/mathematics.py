"""Typeset mathematics when the book is built, so that a page needs no script for it.

MathJax runs here in V8 (mini-racer) and gives boxes whose sizes are known before any font has
come: nothing jumps. Beside them stands MathML for screen readers; an e-book has MathML alone. The
formula's TeX is kept for whoever copies it (page.js).
MathJax and its fonts come from the pinned package sphinx-mathjax-offline; of the fonts, pages load
the glyphs that the book's formulas have.
"""

from __future__ import annotations

import atexit
import functools
import re
from html import escape
from importlib.util import find_spec
from pathlib import Path

import tinycss2
from docutils import nodes
from fontTools import subset
from py_mini_racer import JSEvalException, MiniRacer
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

LOGGER = logging.getLogger(__name__)
NAME = "typeset"
COMPONENTS = (
    "loader",
    "core",
    "adaptors/liteDOM",
    "input/tex-full",
    "output/chtml",
    "output/chtml/fonts/tex",
    "a11y/assistive-mml",
)


def mathjax_folder() -> Path:
    """Return where the pinned package keeps MathJax."""
    package = find_spec("sphinx-mathjax-offline")
    if package is None or package.origin is None:
        raise SphinxError("MathJax is missing: pip install -e '.[book]'")
    return Path(package.origin).parent / "static" / "mathjax"


@functools.cache
def engine() -> MiniRacer:
    """Return V8 with MathJax and our functions in it."""
    context, folder = MiniRacer(), mathjax_folder()
    atexit.register(context.close)  # else Python may hang while it shuts V8's threads down
    context.eval("globalThis.MathJax = { loader: {}, startup: { typeset: false } }; 0")
    sources = [folder / f"{name}.js" for name in COMPONENTS]
    for source in [*sources, Path(__file__).with_name("typeset.js")]:
        context.eval(source.read_text(encoding="utf-8") + "\n0")
    return context


@functools.cache
def typeset(form: str, source: str, display: bool) -> str:
    """Return a formula as `html` or `mathml`."""
    result = engine().call(form, source, display)
    # The number of an equation gets an id that repeats where the number does.
    return re.sub(r' id="mjx-eqn:[^"]*"| style="height: NaNem;"', "", result)


def render(translator: HTML5Translator, node: nodes.Element, display: bool) -> None:
    """Write a formula; what MathJax does not understand is a warning, hence an error with -W."""
    form = "html"
    source = node.astext().strip()
    if translator.builder.name == "epub":  # where the number must stand in the formula itself
        form, source = "mathml", re.sub(r"\\tag\{([^}]*)\}", r"\\qquad\\text{(\1)}", source)
    try:
        formula = typeset(form, source, display)
    except JSEvalException as error:
        reason = str(error).splitlines()[0]
        LOGGER.warning("cannot typeset %r: %s", source, reason, location=node)
        formula = f'<code class="tex-error">{escape(source)}</code>'
    tag = "div" if display else "span"
    number = f'<span class="eqno">({node["number"]})</span>' if node.get("number") else ""
    kept = {"data-tex": source} if form == "html" else {}
    translator.body.append(
        translator.starttag(node, tag, "", CLASS="math notranslate nohighlight", **kept)
    )
    translator.body.append(f"{number}{formula}</{tag}>" + ("\n" if display else ""))
    raise nodes.SkipNode


def render_inline(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula that stands in a line."""
    render(translator, node, display=False)


def render_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula that stands by itself."""
    render(translator, node, display=True)


def hold_points(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Tie the punctuation behind a formula to it: a browser may break the line between them."""
    if app.builder.format != "html":
        return
    for node in list(doctree.findall(nodes.math)):
        line, after = node.parent, node.next_node(descend=False, siblings=True)
        points = re.match(r"[,.;:!?)\]”’]+", after) if isinstance(after, nodes.Text) else None
        if points:
            place, rest = line.index(node), nodes.Text(after[points.end() :])
            held = nodes.inline("", "", node, nodes.Text(points[0]), classes=["held"])
            line[place : place + 2] = [held, rest]


def keep_tags(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """For LaTeX, write displayed formulas as they are: in Sphinx's own frame no tag may stand."""
    if app.builder.format == "latex":
        for node in doctree.findall(nodes.math_block):
            node["nowrap"] = node["no-wrap"] = True  # the name depends on Sphinx's version
            source = re.sub(r"\n\s*\n", "\n", node.astext().strip())
            node.children = [nodes.Text(f"\\begin{{equation*}}\n{source}\n\\end{{equation*}}\n")]


def characters(css: str) -> set[int]:
    """Return the characters that a style sheet puts before elements: MathJax writes them so."""
    return {
        ord(character)
        for rule in tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
        if rule.type == "qualified-rule"
        for declaration in tinycss2.parse_blocks_contents(rule.content)
        if declaration.type == "declaration" and declaration.name == "content"
        for token in declaration.value
        if token.type == "string"
        for character in token.value
    }


def write_subset(font: Path, glyphs: set[int], target: Path) -> None:
    """Write a font with no other characters than these, so far as it has them."""
    options = subset.Options(flavor="woff", notdef_outline=True, name_IDs=["*"])
    loaded = subset.load_font(font, options)
    subsetter = subset.Subsetter(options)
    known = set(loaded.getBestCmap())
    subsetter.populate(unicodes=known & glyphs or known)  # one without any says how tall a line is
    subsetter.subset(loaded)
    subset.save_font(loaded, target, options)


def write_styles(app: Sphinx, error: Exception | None) -> None:
    """Write the rules that the formulas need, with the fonts that the rules name."""
    if error is not None or app.builder.name != "html":
        return
    static = Path(app.outdir) / "_static"
    (static / "mathjax").mkdir(exist_ok=True)
    css = engine().call("css")
    (static / "mathjax.css").write_text(css, encoding="utf-8")
    glyphs = {ord(" ")} | characters(css)
    for name in set(re.findall(r'url\("mathjax/([\w.-]+)"\)', css)):
        font = mathjax_folder() / "output/chtml/fonts/woff-v2" / name
        write_subset(font, glyphs, static / "mathjax" / name)


def register(app: Sphinx) -> None:
    """Let Sphinx write its formulas with our functions."""
    app.add_html_math_renderer(NAME, (render_inline, None), (render_block, None))
    app.config.html_math_renderer = NAME
