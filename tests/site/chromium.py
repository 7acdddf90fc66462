"""Where this machine has a Chromium, and how it is started for tests and measurements."""

from __future__ import annotations

import os
import shutil

FLAGS = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
]
MISSING = "no Chromium: install one, or name it in the environment variable CHROMIUM"


def find() -> str | None:
    """Return the path of a browser: the one named in CHROMIUM, or one that is installed."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, (shutil.which(name) for name in names if name)), None)
