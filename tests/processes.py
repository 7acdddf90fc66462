"""Start processes of this copy of the package, installed or not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}

# What a process does at Ctrl-C is its parent's choice: a script's background jobs ignore it.
HEED_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"


def python(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run Python to its end, with `settings` in its environment."""
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, env=ENVIRONMENT | settings, capture_output=True, text=True, timeout=300
    )
