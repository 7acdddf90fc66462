"""Check that the stored outputs also hold on other machines: `make test-matrix`.

Run `python -m tests.notebooks.matrix` from the repository's root. Arguments choose settings by
their first letters; without any, all run, which takes an hour or more. The table at the end shows,
for every cell that needs more than the default tolerance, the least that would do in each setting.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

from numpy._core._multiarray_umath import __cpu_dispatch__ as numpy_features

from tests.notebooks.compare import DEFAULT_RTOL

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
SIDE_BY_SIDE = ["-n", "2", "--dist", "loadfile"]  # two chapters at a time, with a thread each
CELL_TIMEOUT = 1800  # seconds; some settings are several times slower


def _without(*features: str) -> str:
    return " ".join(name for name in numpy_features if name.startswith(features))


# Each library asks the processor for itself, so each is told: environment and further arguments.
SETTINGS: dict[str, tuple[dict[str, str], list[str]]] = {
    "two threads": ({"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}, []),
    "one thread": (ONE_THREAD, SIDE_BY_SIDE),
    "AVX2 only": (
        ONE_THREAD
        | {
            "ATEN_CPU_CAPABILITY": "avx2",
            "ONEDNN_MAX_CPU_ISA": "AVX2",
            "MKL_CBWR": "AVX2",
            "NPY_DISABLE_CPU_FEATURES": _without("AVX512", "X86_V4"),
            "OPENBLAS_CORETYPE": "Haswell",
        },
        SIDE_BY_SIDE,
    ),
    "no AVX": (
        ONE_THREAD
        | {
            "ATEN_CPU_CAPABILITY": "default",
            "ONEDNN_MAX_CPU_ISA": "SSE41",
            "MKL_CBWR": "COMPATIBLE",
            "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
            "NPY_DISABLE_CPU_FEATURES": _without("AVX", "FMA", "X86_V3", "X86_V4"),
            "OPENBLAS_CORETYPE": "Nehalem",
        },
        SIDE_BY_SIDE,
    ),
    **{
        f"other rounding, seed {seed}": (
            ONE_THREAD,
            [*SIDE_BY_SIDE, "--chapters-rounding", str(seed)],
        )
        for seed in (1, 2, 3)
    },
}

Needs = dict[tuple[str, str], float]  # from (cell, kind of tolerance) to the least that would do


def check(environment: dict[str, str], arguments: list[str]) -> tuple[bool, Needs]:
    """Run the chapters in a setting; say whether all hold, and what each cell needed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [
            *(sys.executable, "-m", "pytest", "--chapters", "book", "-q"),
            *("--chapters-cell-timeout", str(CELL_TIMEOUT), f"--junitxml={report}"),
        ]
        environment = {name: value for name, value in environment.items() if value}
        finished = subprocess.run([*command, *arguments], env=os.environ | environment, check=False)
        needs = _needs(report) if report.exists() else {}  # pytest itself may have failed
    return finished.returncode == 0, needs


def _needs(report: Path) -> Needs:
    """Read from pytest's report what each cell needed: no tolerance helps one that broke."""
    needs: Needs = {}
    for case in ElementTree.parse(report).iter("testcase"):
        cell = f"{case.get('classname')} {case.get('name')}"
        found = {each.get("name"): float(each.get("value")) for each in case.iter("property")}
        if not found and (case.find("failure") is not None or case.find("error") is not None):
            found = {"broke": math.inf}
        needs |= {(cell, kind): value for kind, value in found.items()}
    return needs


def table(needs: dict[str, Needs]) -> str:
    """Lay out what cells needed, those that the default serves left out."""
    rows: defaultdict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for setting, found in needs.items():
        for key, value in found.items():
            rows[key][setting] = value
    lines = [f"{'least tolerance that would do':<64}" + "".join(f"{s[-10:]:>12}" for s in needs)]
    for (cell, kind), found in sorted(rows.items()):
        if max(found.values()) > DEFAULT_RTOL:
            values = (f"{found.get(setting, float('nan')):>12g}" for setting in needs)
            lines.append(f"{f'{cell} {kind}':<64}" + "".join(values))
    return "\n".join(lines)


def main(chosen: list[str]) -> int:
    """Check the chapters in the settings; return the exit code."""
    settings = {
        name: setting
        for name, setting in SETTINGS.items()
        if not chosen or any(name.startswith(start) for start in chosen)
    }
    held, needs, minutes = {}, {}, {}
    for name, (environment, arguments) in settings.items():
        print(f"== {name}", flush=True)
        start = time.monotonic()
        held[name], needs[name] = check(environment, arguments)
        minutes[name] = (time.monotonic() - start) / 60
    print(table(needs))
    for name, passed in held.items():
        verdict = "the stored outputs hold" if passed else "FAILED"
        print(f"{name}: {verdict}, {minutes[name]:.1f} minutes")
    return 0 if held and all(held.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
