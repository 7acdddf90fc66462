"""From what was measured to what is worth quoting: ratios, nats, and the goals that were set."""

from __future__ import annotations

from benchmarks.timing import Estimate, interval, verdict

GOALS = {"loader": "≥ 3", "pythae": "≥ 1"}  # of what others take, divided by what vaetut takes


def table(results: dict) -> list[dict]:
    """Return rows of `what`, `value` and its `interval`, and the `goal` with its `verdict`.

    What was measured once has no interval; without interval or goal there is no verdict.
    """
    return [
        *_speed_rows(results),
        *_example_rows(results),
        *_evaluation_rows(results),
        *_scale_rows(results),
    ]


def _row(what: str, found: Estimate | float, digits: int = 2, goal: str | None = None) -> dict:
    """Return a row, with numbers as they are quoted; a goal is written "≥ 3" or "≤ 4"."""
    several = isinstance(found, Estimate)
    value, *ends = [f"{number:.{digits}f}" for number in (found if several else (found,))]
    return {
        "what": what,
        "value": value,
        "interval": " to ".join(ends) if several else None,
        "goal": goal,
        "verdict": verdict(found, goal) if several and goal else None,
    }


def _speed_rows(results: dict) -> list[dict]:
    times, rivals = results["epoch"]["seconds"], results["epoch"]["rivals"]
    ours, products = times["vaetut, float32"], times["products alone"]
    rows = [
        *(
            _row(f"ARTICLE, one epoch: {rival['name']} / vaetut",
                 interval(times[module], ours), goal=GOALS.get(module))
            for module, rival in rivals.items()
        ),
        _row("ARTICLE, one epoch: vaetut / its bare matrix products", interval(ours, products),
             goal="≤ 1.6"),
        _row(f"ARTICLE, one epoch: {rivals['loader']['name']} / bare matrix products",
             interval(times["loader"], products)),
    ]  # fmt: skip
    if half := times.get("vaetut, bf16"):
        rows.append(_row("ARTICLE, one epoch: float32 / bf16", interval(ours, half)))
    return rows


def _example_rows(results: dict) -> list[dict]:
    if not (run := results["example"]):
        return []
    times = run["seconds"]
    what = f"{run['rival']['name']}, one epoch: as it stands / vaetut"
    return [_row(what, interval(times["example"], times["vaetut"]))]


def _evaluation_rows(results: dict) -> list[dict]:
    run, command = results["evaluate"], results["command"]
    return [
        _row("NLL with 5,000 samples: pythae's `get_nll` / `vaetut evaluate`",
             interval(run["seconds"]["pythae"], run["seconds"]["vaetut"]), goal="≥ 4"),
        _row("difference of the two estimates, nats",
             abs(run["nll"]["pythae"] - run["nll"]["vaetut"])),
        _row("`vaetut evaluate`: memory at most, GiB", command["memory_gib"], goal="≤ 4"),
    ]  # fmt: skip


def _scale_rows(results: dict) -> list[dict]:
    rows = []
    for batch, times in results["scale"].items():
        one, *others = times
        for name in others:
            what = f"ARTICLE with batches of {int(batch):,}: {one} / {name}"
            rows.append(_row(what, interval(times[one], times[name])))
    return rows
