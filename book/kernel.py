"""Start the kernel that a chapter runs in: IPython's own, which leaves a record of every figure.

`python book/kernel.py -f FILE` does what `python -m ipykernel_launcher -f FILE` does, and no more
than that meets the chapter's code.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import figure_record  # beside this file, where Python looks first
from ipykernel.kernelapp import IPKernelApp
from IPython.core.formatters import PNGFormatter
from matplotlib.figure import Figure


class RecordingFormatter(PNGFormatter):
    """Make PNGs; that of a matplotlib figure comes with metadata: what the figure shows."""

    def __call__(self, shown: Any) -> Any:
        """Return the picture in base64, with its metadata if there are some."""
        picture = super().__call__(shown)  # draws it, which settles limits and ticks
        if picture is None or not isinstance(shown, Figure):
            return picture
        # A picture for fine screens comes with its size.
        png, metadata = picture if isinstance(picture, tuple) else (picture, {})
        return png, metadata | {"figure": figure_record.describe(shown)}


def main() -> None:
    """Run the kernel until it is told to stop."""
    sys.path.remove(str(Path(__file__).resolve().parent))
    app = IPKernelApp.instance()
    app.initialize()
    display = app.shell.display_formatter
    display.formatters["image/png"] = RecordingFormatter(parent=display)
    app.start()


if __name__ == "__main__":
    main()
