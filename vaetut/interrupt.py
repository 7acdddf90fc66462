"""Ctrl-C while a program is loading: no traceback, but one line and exit code 130.

An exception is not enough there: PyTorch and NumPy swallow some of those that come while they load.
"""

import os
import signal


def end_at_once() -> None:
    """Let Ctrl-C end the process, unless it does something else than usual, or is ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def raise_again() -> None:
    """Let Ctrl-C raise KeyboardInterrupt as usual, once there is something to tidy up."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(*_: object) -> None:
    try:
        os.write(2, b"vaetut: interrupted\n")
    finally:
        os._exit(130)
