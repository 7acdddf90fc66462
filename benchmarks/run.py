"""Measure speed, in one run on one machine, and record it in benchmarks/results.json.

    python benchmarks/run.py

Seconds mean little elsewhere; the ratios are what to quote. Each is taken side by side, in turn.
"""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

import vaetut

RESULTS = Path(__file__).parent / "results.json"


class Images(Dataset):
    """MNIST as tutorials feed it: one picture at a time, turned into a tensor."""

    def __init__(self, images: torch.Tensor) -> None:
        self.pixels = (images * 255).byte().reshape(-1, 28, 28).numpy()
        self.to_tensor = ToTensor()

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.to_tensor(Image.fromarray(self.pixels[index])).flatten()


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def import_ratio(rounds: int = 5) -> dict:
    """Compare `import vaetut` with `import torch, torchvision`, in fresh processes."""
    ours, theirs = [], []
    for _ in range(rounds):
        for statement, times in (("vaetut", ours), ("torch, torchvision", theirs)):
            command = [sys.executable, "-c", f"import {statement}"]
            times.append(seconds(lambda c=command: subprocess.run(c, check=True)))
    return summary("import vaetut / import torch, torchvision", ours, theirs)


def epoch_ratio(images: torch.Tensor, rounds: int = 3) -> dict:
    """Compare an epoch of ARTICLE fed by DataLoader and ToTensor with one of `train`."""
    recipe = replace(vaetut.ARTICLE, epochs=1)
    loader = DataLoader(Images(images[recipe.validation :]), recipe.batch_size, shuffle=True)

    def with_loader() -> None:
        model = recipe.build_model()
        optimizer = torch.optim.Adam(model.parameters(), recipe.learning_rate)
        generator = torch.Generator().manual_seed(0)
        for x in loader:
            optimizer.zero_grad()
            (-vaetut.elbo(model, x, generator=generator).elbo.mean()).backward()
            optimizer.step()

    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(
            seconds(lambda: vaetut.train(recipe.build_model(), images, recipe, progress=False))
        )
        theirs.append(seconds(with_loader))
    return summary("an epoch by DataLoader and ToTensor / by vaetut.train", theirs, ours)


def recipe_ratio(images: torch.Tensor, rounds: int = 3) -> dict:
    """Compare the epochs of ARTICLE with the whole of FAST."""

    def run(recipe: vaetut.Recipe, epochs: int) -> float:
        plan = replace(recipe, epochs=epochs)
        return seconds(lambda: vaetut.train(plan.build_model(), images, plan, progress=False))

    article = [vaetut.ARTICLE.epochs * run(vaetut.ARTICLE, 1) for _ in range(rounds)]
    fast = [run(vaetut.FAST, vaetut.FAST.epochs) for _ in range(rounds)]
    return summary("all epochs of ARTICLE (one, times 75) / all of FAST", article, fast)


def evaluation_seconds(images: torch.Tensor) -> dict:
    """Time `evaluate` of article-20d with K = 100 on the 10,000 test images."""
    model = vaetut.load_pretrained("article-20d")
    took = seconds(lambda: vaetut.evaluate(model, images, num_samples=100))
    return {"what": "evaluate article-20d, K = 100, 10,000 images", "seconds": round(took, 1)}


def summary(what: str, numerator: list[float], denominator: list[float]) -> dict:
    """Put the medians and their ratio into a row."""
    a, b = statistics.median(numerator), statistics.median(denominator)
    return {"what": what, "seconds": [round(a, 2), round(b, 2)], "ratio": round(a / b, 2)}


def main() -> None:
    """Run all, print a table, write it down."""
    train_images, _ = vaetut.load_mnist("train")
    test_images, _ = vaetut.load_mnist("test")
    rows = []
    for measure in (
        import_ratio,
        lambda: evaluation_seconds(test_images),
        lambda: epoch_ratio(train_images),
        lambda: recipe_ratio(train_images),
    ):
        rows.append(measure())
        print(json.dumps(rows[-1], ensure_ascii=False), flush=True)
    machine = {
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    text = json.dumps({"machine": machine, "rows": rows}, indent=1, ensure_ascii=False)
    RESULTS.write_text(text + "\n", encoding="utf-8")


def processor() -> str:
    """Name the processor, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
