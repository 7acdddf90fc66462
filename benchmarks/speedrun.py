"""The speedrun: run a record's seeds, and print all records. SPEEDRUN.md has the rules.

python -m benchmarks.speedrun                     print the records
python -m benchmarks.speedrun FOLDER 0 1 2 …      train, clock and measure seeds of a record
"""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import torch
from scipy import stats

import vaetut
from benchmarks import record, timing
from benchmarks.seeds import NUM_SAMPLES
from vaetut.files import write_file

FOLDER = Path(__file__).parent / "speedrun"
SHAPES = vaetut.ARTICLE.build_model(latent_dim=20).state_dict()
MOST_P, FEWEST = 0.01, 10
WARM_UP = 1_000_000  # the seed of the run that is not counted


class Standing(NamedTuple):
    """What a record comes to."""

    name: str
    machine: str
    seconds: timing.Estimate
    costs: list[float]
    p: float

    @property
    def valid(self) -> bool:
        """Whether it passes the bar."""
        return len(self.costs) >= FEWEST and self.p < MOST_P


def article() -> list[float]:
    """Return the test -ELBO of seeds 0 to 12 of ARTICLE; later ones do not move the bar."""
    runs = [run for run in record.read("seeds") if run["name"] == "article-20d"]
    return [run["test"]["neg_elbo"] for run in runs if run["seed"] <= 12]


def standing(folder: Path) -> Standing:
    """Read a record's log."""
    runs = [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]
    costs = [run["test"]["neg_elbo"] for run in runs]
    test = stats.ttest_ind(costs, article(), equal_var=False, alternative="less")
    machines = {f"{run['made']['processor']}, {run['made']['threads']} threads" for run in runs}
    if len(machines) > 1:
        raise ValueError(f"{folder.name} mixes machines: {', '.join(sorted(machines))}")
    (machine,) = machines
    seconds = timing.mean([run["seconds"] for run in runs])
    return Standing(folder.name, runs[0]["gpu"] or machine, seconds, costs, float(test.pvalue))


def standings() -> list[Standing]:
    """Return all records, oldest first."""
    return [standing(path.parent) for path in sorted(FOLDER.glob("*/log.jsonl"))]


def table() -> str:
    """Return the records as Markdown."""
    rows = [
        "| record | seconds, and the interval of their mean | test −ELBO | seeds | p | machine |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for each in standings():
        clock = f"{each.seconds.value:.2f} ({each.seconds.low:.2f} to {each.seconds.high:.2f})"
        cells = each.name, clock, f"{mean(each.costs):.2f}", str(len(each.costs))
        rows.append(f"| {' | '.join(cells)} | {each.p:.2g} | {each.machine} |")
    return "\n".join(rows)


def collect() -> None:
    """Copy what the records come to into the package, where the book reads it."""
    lines = "".join(f"{record.as_line(each._asdict())}\n" for each in standings())
    write_file(record.COPIES / "speedrun.jsonl", lines.encode())


def run(folder: Path, seeds: list[int]) -> None:
    """Train, clock and measure each seed that is not in the log yet."""
    torch.set_flush_denormal(True)  # as the command line does
    train: Callable[[torch.Tensor, int], vaetut.VAE] = runpy.run_path(str(folder / "run.py"))[
        "train"
    ]
    log = folder / "log.jsonl"
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    done = {json.loads(line)["seed"] for line in lines}
    images, test = (vaetut.load_mnist(split)[0] for split in ("train", "test"))
    train(images, WARM_UP)
    for seed in seeds:
        if seed in done:
            print(f"seed {seed} is in the log; nothing is measured twice")
            continue
        made: list[vaetut.VAE] = []
        taken = timing.seconds(
            lambda seed=seed, made=made: made.append(finished(train(images, seed)))
        )
        model = made[0]
        check_network(model)
        device = next(model.parameters()).device
        gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
        report = vaetut.evaluate(model.cpu(), test, NUM_SAMPLES)
        result = {"seed": seed, "seconds": round(taken, 3), "gpu": gpu, "test": asdict(report)}
        lines.append(record.as_line(result | {"made": record.circumstances()}))
        write_file(log, "".join(f"{line}\n" for line in lines).encode())
        print(f"seed {seed}: {taken:.2f} s, test -ELBO {report.neg_elbo:.2f}", flush=True)


def finished(model: vaetut.VAE) -> vaetut.VAE:
    """Wait until a GPU has done what was asked of it."""
    if next(model.parameters()).device.type == "cuda":
        torch.cuda.synchronize()
    return model


def check_network(model: vaetut.VAE) -> None:
    """Raise a ValueError unless a model has the shapes that the rules fix."""
    own = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if own != {name: tuple(value.shape) for name, value in SHAPES.items()}:
        raise ValueError(f"the network must be ARTICLE's with 20 latent dimensions, got {own}")
    if type(model.prior) is not vaetut.StandardNormal or not model.likelihood.takes_coins:
        raise ValueError("the prior must be N(0, I), and the likelihood Bernoulli")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(Path(sys.argv[1]), [int(seed) for seed in sys.argv[2:]])
        collect()
    print(table())
