"""A pytest plugin: write down how each test ended, and by which error."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

FILE = "MUTANTS_VERDICTS"  # names, in the environment, the file with a line for each verdict


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo
) -> Iterator[pytest.TestReport | None]:
    """Add a line for each test that ran, and for all that went wrong around it."""
    report = yield
    if call.when == "call" or report.failed:
        error = call.excinfo.value if call.excinfo else None
        verdict = {
            "test": item.nodeid,
            "when": call.when,
            "outcome": report.outcome,
            "errors": [kind.__name__ for kind in type(error).__mro__] if error else [],
            "message": str(error)[:300] if error else "",
        }
        with Path(os.environ[FILE]).open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(verdict)}\n")
    return report
