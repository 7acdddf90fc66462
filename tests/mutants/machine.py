"""Let mutmut change the package, one place at a time: `make mutmut`.

    python -m tests.mutants.machine                 all modules that [tool.mutmut] names
    python -m tests.mutants.machine vaetut/noise.py vaetut/priors.py

mutmut makes every small change that it knows (a sign, a number, an argument left out), and runs
the tests that reach the changed function. A change that no test notices is killed by a new test,
or stands in `equivalent.toml`, alone or with its kind, with the reason why it changes nothing that
matters. With `--record`, the rows that are printed are written to `machine.md`. Results stay in
build/mutmut, so a run that was broken off goes on, and a later one tries again what was not
noticed. The exit code is 1 if a change survived without a reason.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

from mutmut.stats import status_by_exit_code

from tests.mutants.undecorate import undecorated
from tests.mutants.workshop import ROOT, tracked

COPY = ROOT / "build" / "mutmut"
HERE = Path(__file__).parent
RECORD, REASONS = HERE / "machine.md", HERE / "equivalent.toml"
MUTMUT = str(Path(sys.executable).with_name("mutmut"))
# What every process does first. The lock of tqdm's bars is one for all processes: whoever is
# stopped with it stops all others. And where a test starts a process in a folder of its own, mutmut
# finds no settings to count that process's calls by.
AT_FIRST = """import os, threading, tqdm
tqdm.tqdm.set_lock(threading.RLock())
if os.environ.get("MUTANT_UNDER_TEST") == "stats" and not os.path.exists("pyproject.toml"):
    del os.environ["MUTANT_UNDER_TEST"]
"""
NOTICED = {"killed", "timeout", "segfault", "suspicious"}


def update_copy() -> None:
    """Bring the copy of the working tree up to date; what did not change keeps its time."""
    for name in tracked():
        data = (ROOT / name).read_bytes()
        if name.startswith("vaetut/") and name.endswith(".py"):
            data = undecorated(data.decode()).encode()
        target = COPY / name
        if not target.is_file() or target.read_bytes() != data:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


def forget_survivors(modules: list[str]) -> None:
    """Let mutmut try again what no test has noticed: there may be new tests."""
    changed = COPY / "mutants"
    for module in modules:
        path = changed / f"{module}.meta"
        if not (path.is_file() and is_changed(changed / module)):
            # It is new to the list, or was off it for a while: mutmut would take it for done.
            for name in (module, f"{module}.meta", "mutmut-stats.json"):
                (changed / name).unlink(missing_ok=True)
            continue
        meta = json.loads(path.read_text(encoding="utf-8"))
        codes = meta["exit_code_by_key"]
        for name, code in codes.items():
            codes[name] = code if status_by_exit_code[code] in NOTICED else None
        path.write_text(json.dumps(meta, indent=4), encoding="utf-8")


def is_changed(module: Path) -> bool:
    """Return whether there is a module with mutmut's changes in it."""
    return module.is_file() and "__mutmut_" in module.read_text(encoding="utf-8")


def results(modules: list[str]) -> dict[str, dict[str, str]]:
    """Return what became of each change, by module and mutmut's name for it."""
    found = {}
    for module in modules:
        meta = json.loads((COPY / "mutants" / f"{module}.meta").read_text(encoding="utf-8"))
        codes = meta["exit_code_by_key"]
        found[module] = {name: status_by_exit_code[code] for name, code in codes.items()}
    return found


def change(name: str) -> str:
    """Return what a mutant changes: the lines that go, and those that come."""
    command = [MUTMUT, "show", name]
    shown = subprocess.run(command, cwd=COPY, check=True, capture_output=True, text=True).stdout
    lines = [
        line for line in shown.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    return "\n".join(f"{line[0]} {line[1:].strip()}" for line in lines)


def function(name: str) -> str:
    """Return the function that a mutant changes, e.g. `vaetut.objective.elbo`."""
    module, _, rest = name.rpartition("__mutmut_")[0].rpartition(".")
    return f"{module}.{rest.removeprefix('x_').removeprefix('xǁ').replace('ǁ', '.')}"


def unexplained(names: list[str], reasons: dict[str, list[dict[str, str]]]) -> list[str]:
    """Return those of the mutants that have no reason, each as function and change."""
    known = {(each["function"], each["change"].strip()) for each in reasons["equivalent"]}
    told = [(function(name), change(name)) for name in names]
    return [
        f"{where}\n{what}"
        for where, what in told
        if (where, what) not in known
        and not any(is_of_kind(kind, where, what) for kind in reasons["kind"])
    ]


def is_of_kind(kind: dict[str, str], where: str, what: str) -> bool:
    """Return whether a change in the function `where` is one of a kind that needs no test."""
    return bool(re.fullmatch(kind["function"], where) and re.fullmatch(kind["change"], what))


def counts(found: dict[str, dict[str, str]]) -> dict[str, list[int]]:
    """Return for each module how many changes there are, and how many have each fate."""
    rows = {}
    for module, fates in found.items():
        count = Counter("noticed" if fate in NOTICED else fate for fate in fates.values())
        rows[module] = [
            count.total(),
            *(count[fate] for fate in ("noticed", "survived", "no tests")),
        ]
    return rows


def table(rows: dict[str, list[int]]) -> str:
    """Return a row for each module, and one for all, in Markdown."""
    lines = [
        "| module | changes | noticed | survived | reached by no test |",
        "|---|---|---|---|---|",
    ]
    whole = [sum(column) for column in zip(*rows.values(), strict=True)]
    for name, row in [*((f"`{module}`", row) for module, row in rows.items()), ("all", whole)]:
        lines.append(f"| {name} | {' | '.join(map(str, row))} |")
    return "\n".join(lines)


def recorded() -> dict[str, list[int]]:
    """Return what the record says of each module."""
    found = re.findall(r"^\| `(.+?)` \| (.+) \|$", RECORD.read_text(encoding="utf-8"), re.MULTILINE)
    return {module: [int(each) for each in row.split(" | ")] for module, row in found}


def main() -> int:
    """Run mutmut on the chosen modules, and print the table and what has no reason."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.machine")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="e.g. vaetut/noise.py")
    parser.add_argument("--record", action="store_true", help=f"write the table to {RECORD.name}")
    asked = parser.parse_args()
    update_copy()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "mutmut"
    ]
    modules = asked.modules or settings["only_mutate"]
    forget_survivors(modules)
    # What is named is tried again in any case, so name nothing when all are meant.
    patterns = [f"{module.removesuffix('.py').replace('/', '.')}.*" for module in asked.modules]
    changed = COPY / "mutants"
    changed.mkdir(exist_ok=True)  # Python remembers that a folder of its path was not there
    (changed / "sitecustomize.py").write_text(AT_FIRST, encoding="utf-8")
    own = {"PYTHONPATH": str(changed), "OMP_NUM_THREADS": "1"}
    command = [MUTMUT, "run", "--max-children", "2", *patterns]
    subprocess.run(command, cwd=COPY, env=os.environ | own, check=True)
    found = results(modules)
    print(table(counts(found)))
    if asked.record:
        known = recorded() | counts(found)
        rows = {module: known[module] for module in settings["only_mutate"] if module in known}
        RECORD.write_text(table(rows) + "\n", encoding="utf-8", newline="\n")
    left = [name for fates in found.values() for name, fate in fates.items() if fate == "survived"]
    reasons = tomllib.loads(REASONS.read_text(encoding="utf-8"))
    without = unexplained(left, reasons)
    print("\n".join(["", f"{len(without)} changes survived without a reason:", *without]))
    return int(bool(without))


if __name__ == "__main__":
    sys.exit(main())
