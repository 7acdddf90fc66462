"""Join the modules of each app of the book into one script, which works in a folder as well.

The sources under `_static` are ES modules; but a page that was opened as a file may load none, and
no worker either. So an app, which is a module that exports `start`, comes into the built book with
all that it imports, and sets `globalThis.VAETUT["live/kl"]` to what it exports. A worker is joined
in the same way, and imported as a text: `import text from "./worker.js?text"`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import SphinxError

IMPORT = re.compile(r'^import (?:\{([^}]*)\}|(\w+)) from "(\.[^"?]*)(\?text)?";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class) (\w+))", re.MULTILINE)
STATEMENT = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def join(path: Path) -> str:
    """Return an expression: a module with all that it imports, whose value is what it exports."""
    parts: dict[Path, str] = {}
    last = _add(path.resolve(), parts)
    return "\n".join(["(() => {", '"use strict";', *parts.values(), f"return {last};", "})()"])


def _add(path: Path, parts: dict[Path, str]) -> str:
    """Add a module after those that it imports, unless it is there; return its name."""
    name = re.sub(r"\W", "_", f"{path.parent.name}_{path.stem}")
    if path in parts:
        return name

    def take(statement: re.Match[str]) -> str:
        names, text, target, as_text = statement.groups()
        source = (path.parent / target).resolve()
        if as_text:
            return f"const {text} = {json.dumps(join(source), ensure_ascii=False)};\n"
        return f"const {{{names.replace(' as ', ': ')}}} = {_add(source, parts)};\n"

    source = IMPORT.sub(take, path.read_text(encoding="utf-8"))
    exported = ", ".join(EXPORT.findall(source))
    source = EXPORT.sub("", source)
    if left := STATEMENT.search(source):
        raise SphinxError(f"{path.name}: this import or export is not understood: {left[0]}")
    parts[path] = f"const {name} = (() => {{\n{source}return {{ {exported} }};\n}})();"
    return name


def write_scripts(app: Sphinx, error: Exception | None) -> None:
    """Replace the modules in the built book by the joined apps."""
    if error is not None or app.builder.name != "html":
        return
    built = Path(app.outdir) / "_static"
    for folder in app.config.html_static_path:
        static = Path(app.srcdir) / folder
        for path in sorted(static.glob("*/*.js")):
            source = path.read_text(encoding="utf-8")
            if not STATEMENT.search(source):  # a plain script
                continue
            name = path.relative_to(static).with_suffix("")
            target = built / f"{name}.js"
            target.unlink(missing_ok=True)
            if "start" in EXPORT.findall(source):
                script = f'(globalThis.VAETUT ??= {{}})["{name.as_posix()}"] = {join(path)};\n'
                target.write_text(script, encoding="utf-8")
