"""The example of appendix E runs alone, in an empty folder, and prints what the page shows."""

from pathlib import Path

from tests.notebooks.compare import compare_text
from tests.processes import python

BOOK = Path(__file__).parents[1] / "book"


def test_the_example_prints_what_the_page_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = python(str(BOOK / "own_parts.py"))
    assert run.returncode == 0, run.stderr
    assert compare_text((BOOK / "own_parts.txt").read_text(), run.stdout, rtol=1e-2) == []
    assert [path.name for path in tmp_path.iterdir()] == ["own.safetensors"]
