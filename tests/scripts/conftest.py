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


@pytest.fixture(scope="session")
def joined() -> Callable[[str], str]:
    """Return a function from a module's name to an expression of it and all that it imports."""
    pytest.importorskip("sphinx", reason="the scripts are joined by the book's extension")
    from book._ext.scripts import join

    return lambda name: join(STATIC / name)


@pytest.fixture(scope="module")
def load(joined: Callable[[str], str]) -> Iterator[Callable[[str], Run]]:
    """Return a function from a module's name to one that evaluates an expression in its names."""
    racer = pytest.importorskip("py_mini_racer", reason="the scripts run in V8, of the extra book")
    with racer.MiniRacer() as engine:
        engine.eval(HELPERS)

        def load_module(name: str) -> Run:
            engine.eval(f"globalThis.module = {joined(name)};")
            names = engine.eval("Object.keys(module).join()")

            def run(expression: str, **values: Any) -> Any:
                given = json.dumps(json.dumps(values))
                code = f"(({{{names}}}, {{{','.join(values)}}}) => write({expression}))"
                return json.loads(engine.eval(f"{code}(module, read({given}))"))

            return run

        yield load_module
