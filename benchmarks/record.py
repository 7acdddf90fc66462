"""The records: files to which runs are added, one line each, and from which none is taken away.

A folder of benchmarks/records/ belongs to one day and one commit of the code. In it, each line of
KIND.jsonl is one run, with what made it and what came out. The book reads copies in the package:

    python -m benchmarks.record     writes them anew
"""

from __future__ import annotations

import json
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from vaetut.files import write_file

RECORDS = Path(__file__).parent / "records"
COPIES = Path(__file__).parents[1] / "vaetut" / "assets" / "benchmarks"
KINDS = ("speed", "whole", "burda", "draws", "ais", "seeds", "variants", "gpu")
UNITS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


def add(kind: str, run: dict) -> None:
    """Add a run, with its circumstances, to today's record of that kind."""
    made = circumstances()
    path = RECORDS / f"{made['date'][:10]}-{made['commit']}" / f"{kind}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_bytes() if path.exists() else b""
    write_file(path, before + f"{as_line(run | {'made': made})}\n".encode())


def read(kind: str) -> list[dict]:
    """Return all runs of a kind, oldest first."""
    paths = RECORDS.glob(f"*/{kind}.jsonl")
    runs = [json.loads(line) for path in paths for line in path.read_text("utf-8").splitlines()]
    return sorted(runs, key=lambda run: run["made"]["date"])


def collect() -> None:
    """Copy all runs into the package, where the book reads them."""
    for kind in KINDS:
        lines = "".join(f"{as_line(run)}\n" for run in read(kind))
        write_file(COPIES / f"{kind}.jsonl", lines.encode())


def as_line(run: dict) -> str:
    return json.dumps(run, ensure_ascii=False)


def circumstances() -> dict:
    """Say when, with which code and on what a run is made."""
    describe = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    here = {"cwd": Path(__file__).parent, "capture_output": True, "text": True}
    processor, units = describe_processor()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.run(describe, **here).stdout.strip() or "unknown",
        "python": platform.python_version(),
        "torch": version("torch"),
        "processor": processor,
        "units": units,
        "threads": torch.get_num_threads(),
    }


def describe_processor() -> tuple[str, list[str]]:
    """Name the processor and its vector units, as far as the system tells."""
    facts = {}
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        facts = {key.strip(): value.strip() for key, _, value in (s.partition(":") for s in lines)}
    flags = facts.get("flags", "").split()
    name = facts.get("model name") or platform.processor() or platform.machine()
    return name, [unit for unit in UNITS if unit in flags]


if __name__ == "__main__":
    collect()
