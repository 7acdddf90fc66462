"""The build joins modules into one script that does what they do."""

import pytest

pytest.importorskip("sphinx", reason="the scripts are joined by the book's extension")


@pytest.fixture
def run(tmp_path):
    """Return a function from sources to what their `app.js` exports, in V8."""
    racer = pytest.importorskip("py_mini_racer", reason="the scripts run in V8, of the extra book")
    from book._ext.scripts import join

    def run_sources(expression: str, **sources: str):
        for name, text in sources.items():
            (tmp_path / f"{name}.js").write_text(text, encoding="utf-8")
        with racer.MiniRacer() as engine:
            return engine.eval(f"(({{ found }}) => {expression})({join(tmp_path / 'app.js')})")

    return run_sources


def test_a_module_runs_once_for_all_that_import_it(run):
    app = """import { next } from "./count.js";
import { other as another } from "./other.js";
export const found = [next(), another(), next()];
"""
    other = 'import { next } from "./count.js";\nexport const other = () => 10 * next();\n'
    count = "let n = 0;\nexport function next() { n += 1; return n; }\n"
    assert run("found.join()", app=app, other=other, count=count) == "1,20,3"


def test_names_of_a_module_are_its_own(run):
    app = 'import { a } from "./other.js";\nconst secret = 1;\nexport const found = a + secret;\n'
    other = "const secret = 10;\nexport const a = secret;\n"
    assert run("found", app=app, other=other) == 11


def test_a_worker_is_a_text_that_runs(run):
    app = 'import text from "./worker.js?text";\nexport const found = text;\n'
    worker = 'import { a } from "./other.js";\nglobalThis.answer = `${a} "quoted"`;\n'
    source = "export const a = 7;\n"
    assert run("(eval(found), answer)", app=app, worker=worker, other=source) == '7 "quoted"'


@pytest.mark.parametrize(
    "line", ["export default 1;", 'import "./other.js";', "export { found };", "import * as a;"]
)
def test_what_is_not_understood_is_said(run, line):
    from sphinx.errors import SphinxError

    with pytest.raises(SphinxError, match=r"app\.js: this import or export is not understood"):
        run("found", app=f"{line}\nexport const found = 1;\n", other="")
