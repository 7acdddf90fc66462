"""The kernel that the checker runs chapters in: started as the builder starts its own."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path
from queue import Empty

from jupyter_client.manager import KernelManager
from nbval.kernel import RunningKernel

from book.build import ChapterKernels

STARTUP_TIMEOUT = 120  # seconds
OTHER_ROUNDING = Path(__file__).with_name("rounding.py")
GLANCE = 1.0  # seconds between two looks at whether the kernel still lives


class KernelDied(Exception):
    """The kernel's process ended while a cell was running."""


class ChapterKernel(RunningKernel):
    """nbval's kernel, in an empty folder of its own and quick to notice that it died."""

    failed = False  # whether the last cell did not run to its end

    def __init__(self, rounding: int | None = None) -> None:
        self.home = tempfile.TemporaryDirectory(prefix="vaetut-")
        home, environment = Path(self.home.name), dict(os.environ)
        if rounding is None:
            kernels = ChapterKernels(home)
        else:
            kernels = ChapterKernels(home, OTHER_ROUNDING)
            environment["ROUNDING_SEED"] = str(rounding)
        self.km = KernelManager(kernel_spec_manager=kernels)
        self.km.start_kernel(cwd=str(kernels.work), env=environment, stderr=subprocess.DEVNULL)
        self.kc = self.km.client()
        self.kc.start_channels()
        self.kc.wait_for_ready(timeout=STARTUP_TIMEOUT)
        self._ensure_iopub_up()

    def execute_cell_input(self, cell_input: str, allow_stdin: bool | None = None) -> str:
        """Run a cell as a notebook does: counted, and with `;` suppressing its result."""
        return self.kc.execute(
            cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False
        )

    def get_message(self, stream: str, timeout: float | None = None) -> dict:
        """Wait for a message; nbval alone would notice a dead kernel at the time-out only.

        Raises
        ------
        queue.Empty
            If none came within `timeout` seconds.
        KernelDied
            If none can come any more.
        """
        deadline = time.monotonic() + (float("inf") if timeout is None else timeout)
        while True:
            remaining = max(deadline - time.monotonic(), 0.0)
            try:
                message = super().get_message(stream, timeout=min(GLANCE, remaining))
            except Empty:
                if not self.is_alive():
                    raise KernelDied from None
                if remaining <= GLANCE:
                    raise
            else:
                if message["msg_type"] == "execute_reply":
                    self.failed = message["content"]["status"] == "error"
                return message

    def stop(self) -> None:
        """End the kernel, dead or alive, and remove its folder."""
        if hasattr(self, "km"):
            super().stop()
            self.home.cleanup()
