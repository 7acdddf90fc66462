"""The modules that run in the browser, run in V8 alone: functions of numbers need no page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

STATIC = Path(__file__).parents[2] / "book" / "_static"

# Lists of numbers become the arrays that the functions take, and back.
HELPERS = """
const read = (text) => JSON.parse(text, (_, value) =>
  Array.isArray(value) && typeof value[0] === "number" ? Float32Array.from(value) : value);
const write = (found) => JSON.stringify(found, (_, value) =>
  ArrayBuffer.isView(value) ? Array.from(value) : value);
"""

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def load() -> Iterator[Callable[[str], Run]]:
    """Return a function from a module's name to one that evaluates an expression in its names."""
    racer = pytest.importorskip("py_mini_racer", reason="the scripts run in V8, of the extra book")
    pytest.importorskip("sphinx", reason="the scripts are joined by the book's extension")
    from book._ext.scripts import join

    with racer.MiniRacer() as engine:
        engine.eval(HELPERS)

        def load_module(name: str) -> Run:
            engine.eval(f"globalThis.module = {join(STATIC / name)};")
            names = engine.eval("Object.keys(module).join()")

            def run(expression: str, **values: Any) -> Any:
                given = json.dumps(json.dumps(values))
                code = f"(({{{names}}}, {{{','.join(values)}}}) => write({expression}))"
                return json.loads(engine.eval(f"{code}(module, read({given}))"))

            return run

        yield load_module
