"""From what was measured to what is worth quoting: ratios, nats, and the goals that were set."""

from __future__ import annotations

from benchmarks.timing import Estimate, interval, mean, verdict

ARTICLE_EPOCHS = 75
TIMES = {"float32": 10, "bf16": 20}  # how much faster FAST should be there
ARTICLE_TEST = {20: 97.75, 2: 142.8}  # test −ELBO of 75 epochs of a plain loop
GOALS = {"loader": "≥ 3", "pythae": "≥ 1"}  # of what others take, divided by what vaetut takes
FAST = {20: "FAST, 20-D", 2: "FAST with a warm-up, 2-D"}


def table(results: dict) -> list[dict]:
    """Return rows of `what`, `value` and its `interval`, and the `goal` with its `verdict`.

    What was measured once has no interval; without interval or goal there is no verdict.
    """
    return [
        *_speed_rows(results),
        *_example_rows(results),
        *_fast_rows(results),
        *_long_rows(results),
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
    times, peak = results["epoch"]["seconds"], results["peak"]
    rivals = results["epoch"]["rivals"]
    ours, products = times["vaetut, float32"], times["products alone"]
    at_peak = [results["epoch"]["gflop"] / peak["float32"]] * len(ours)
    rows = [
        *(
            _row(f"ARTICLE, one epoch: {rival['name']} / vaetut",
                 interval(times[module], ours), goal=GOALS.get(module))
            for module, rival in rivals.items()
        ),
        _row("ARTICLE, one epoch: vaetut / its bare matrix products", interval(ours, products)),
        _row(f"ARTICLE, one epoch: {rivals['loader']['name']} / bare matrix products",
             interval(times["loader"], products)),
        _row("share of the peak of matrix products that an epoch of ARTICLE reaches, float32",
             interval(at_peak, ours)),
    ]  # fmt: skip
    if "bf16" in peak:
        rows += [
            _row("peak of matrix products: bf16 / float32", peak["bf16"] / peak["float32"]),
            _row("ARTICLE, one epoch: float32 / bf16", interval(ours, times["vaetut, bf16"])),
        ]
    return rows


def _example_rows(results: dict) -> list[dict]:
    if not (run := results["example"]):
        return []
    times = run["seconds"]
    what = f"{run['rival']['name']}, one epoch: as it stands / vaetut"
    return [_row(what, interval(times["example"], times["vaetut"]))]


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
                     mean(costs[precision]), goal=f"≤ {target}"),
                _row(f"{name}: time of ARTICLE / time of FAST",
                     interval(article, [run["seconds"] for run in runs]), 1, f"≥ {times}"),
            ]  # fmt: skip
        if "bf16" in costs:
            pairs = zip(costs["bf16"], costs["float32"], strict=True)
            what = f"{FAST[latent_dim]}: test −ELBO in bf16, minus that in float32"
            rows.append(_row(what, mean([half - single for half, single in pairs])))
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
