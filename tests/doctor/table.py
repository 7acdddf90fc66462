"""What the doctor says of every patient: `python -m tests.doctor.table` prints it and keeps it.

Appendix H shows the record.
"""

import json
from collections import Counter
from pathlib import Path

import vaetut

from .patients import FAULTY, HEALTHY

RECORD = Path(vaetut.__file__).parent / "assets" / "doctor.json"


def examine() -> dict[str, dict[str, int]]:
    """Return, for each planted fault and for "none", how often which faults were found."""
    table: dict[str, Counter] = {}
    for fault, make in [*FAULTY.values(), *(("none", make) for make in HEALTHY.values())]:
        found = [finding.name for finding in vaetut.diagnose(**make()).faults]
        table.setdefault(fault, Counter())[", ".join(found) or "none"] += 1
    return {fault: dict(found) for fault, found in table.items()}


def main() -> None:
    """Print the table, and keep it."""
    table = examine()
    for fault, found in table.items():
        print(f"{fault:<18}", ", ".join(f"{name}: {count}" for name, count in found.items()))
    RECORD.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
