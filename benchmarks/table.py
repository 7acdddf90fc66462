"""From what was measured to what is worth quoting: ratios, nats, and the goals that were set."""

from __future__ import annotations

import statistics

from benchmarks.timing import ratio

ARTICLE_EPOCHS = 75
TIMES = {"float32": 10, "bf16": 20}  # how much faster FAST should be there
ARTICLE_TEST = {20: 97.75, 2: 142.8}  # test −ELBO of 75 epochs of a plain loop
FAST = {20: "FAST, 20-D", 2: "FAST with a warm-up, 2-D"}


def table(results: dict) -> list[dict]:
    """Return rows of `what`, `value`, and the `goal` (or None) with whether it is `met`."""
    return [
        *_speed_rows(results),
        *_fast_rows(results),
        *_long_rows(results),
        *_evaluation_rows(results),
        *_scale_rows(results),
    ]


def _row(what: str, value: float, digits: int = 2, goal: str | None = None) -> dict:
    """Return a row, with the value as it is quoted; a goal is written "≥ 3" or "≤ 4"."""
    met = None
    if goal:
        sign, limit = goal.split()
        met = value >= float(limit) if sign == "≥" else value <= float(limit)
    return {"what": what, "value": f"{value:.{digits}f}", "goal": goal, "met": met}


def _speed_rows(results: dict) -> list[dict]:
    times, peak = results["epoch"]["seconds"], results["peak"]
    ours, gflop = times["vaetut, float32"], results["epoch"]["gflop"]
    reached = gflop / statistics.median(ours)
    imports = results["import"]
    rows = [
        _row(
            "`import torch, torchvision` / `import vaetut`",
            ratio(imports["torch, torchvision"], imports["vaetut"]),
            0,
        ),
        _row("ARTICLE, one epoch: `DataLoader` and `ToTensor` / vaetut",
             ratio(times["loader"], ours), goal="≥ 3"),
        _row("ARTICLE, one epoch: pythae's trainer / vaetut",
             ratio(times["pythae"], ours), goal="≥ 1"),
        _row("ARTICLE, one epoch: vaetut / its bare matrix products",
             ratio(ours, times["products alone"])),
        _row("ARTICLE, one epoch: `DataLoader` and `ToTensor` / bare matrix products",
             ratio(times["loader"], times["products alone"])),
        _row("share of the peak of matrix products that an epoch of ARTICLE reaches, float32",
             reached / peak["float32"]),
    ]  # fmt: skip
    if "bf16" in peak:
        rows += [
            _row("peak of matrix products: bf16 / float32", peak["bf16"] / peak["float32"]),
            _row("ARTICLE, one epoch: float32 / bf16", ratio(ours, times["vaetut, bf16"])),
        ]
    return rows


def select(rows: list[dict], latent_dim: int, precision: str) -> list[dict]:
    """Return the runs of FAST in one size and precision, one for each seed."""
    return [r for r in rows if (r["latent_dim"], r["precision"]) == (latent_dim, precision)]


def _fast_rows(results: dict) -> list[dict]:
    rows = []
    for latent_dim, target in ARTICLE_TEST.items():
        costs = {}
        for precision, times in TIMES.items():
            if not (runs := select(results["fast"], latent_dim, precision)):
                continue
            costs[precision] = [run["test"] for run in runs]
            article = [ARTICLE_EPOCHS * run["article_epoch"] for run in runs]
            name = f"{FAST[latent_dim]}, {precision}"
            rows += [
                _row(f"{name}: test −ELBO, mean of three seeds",
                     statistics.mean(costs[precision]), goal=f"≤ {target}"),
                _row(f"{name}: time of ARTICLE / time of FAST",
                     ratio(article, [run["seconds"] for run in runs]), 1, f"≥ {times}"),
            ]  # fmt: skip
        if "bf16" in costs:
            single = costs["float32"]
            change = abs(statistics.mean(costs["bf16"]) - statistics.mean(single))
            rows.append(
                _row(f"{FAST[latent_dim]}: bf16 moves the seeds' mean by (goal: their range)",
                     change, goal=f"≤ {max(single) - min(single):.2f}")
            )  # fmt: skip
    return rows


def _long_rows(results: dict) -> list[dict]:
    run = results["long"]
    name = f"FAST with {run['epochs']} epochs, 20-D, {run['precision']}"
    return [
        _row(f"{name}: test −ELBO", run["test"]),
        _row(f"{name}: time / time of ARTICLE",
             run["seconds"] / (ARTICLE_EPOCHS * run["article_epoch"]), goal="≤ 1"),
    ]  # fmt: skip


def _evaluation_rows(results: dict) -> list[dict]:
    run, command = results["evaluate"], results["command"]
    return [
        _row("NLL with 5,000 samples: pythae's `get_nll` / `vaetut evaluate`",
             ratio(run["seconds"]["pythae"], run["seconds"]["vaetut"]), goal="≥ 4"),
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
            rows.append(_row(what, ratio(times[one], times[name])))
    return rows
