"""Check that the stored outputs also hold on other machines: `make test-matrix`.

Run `python tests/notebooks/matrix.py` from the repository's root; further arguments go to pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys

ENVIRONMENTS = {
    "one thread": {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
    # Each library asks the processor for itself, so each is told.
    "AVX2 only": {
        "MKL_CBWR": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
    },
}


def check(settings: dict[str, str], arguments: list[str]) -> bool:
    """Run the chapters with these environment variables; say whether all hold."""
    command = [sys.executable, "-m", "pytest", "--chapters", "book", "-q", *arguments]
    return subprocess.run(command, env=os.environ | settings, check=False).returncode == 0


def main(arguments: list[str]) -> int:
    """Check the chapters in every environment; return the exit code."""
    held = {name: check(settings, arguments) for name, settings in ENVIRONMENTS.items()}
    for name, passed in held.items():
        print(f"{name}: {'the stored outputs hold' if passed else 'FAILED'}")
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
