"""A training run: its epochs, its history, and the file that it goes on from.

A `Recipe` says how, `train` does it, a `History` is what came of it. (`rate` and `distortion`
here are `kl` and -`log_likelihood` there, averaged over a batch; the cost is -ELBO.)
"""

from __future__ import annotations

import copy
import math
import sys
import time
import warnings
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from tqdm import tqdm

from ..checkpoint import Checkpoint
from ..checks import NO_FLOAT64, brief, check_choice, check_count, check_flag
from ..data import draw_bits
from ..diagnosis import advice, first_to_leave, nonsense
from ..files import claimed
from ..history import History
from ..memory import short_of_memory
from ..model import VAE, evaluating, unwrap_and_check
from ..noise import NOISE, TRAINING, VALIDATION, make_generator
from ..objective import elbo_at, noise_for
from ..parts import describe
from ..recipe import ARTICLE, Recipe
from .groups import place_in_group
from .steps import Steps


def train(
    model: VAE,
    images: torch.Tensor,
    recipe: Recipe = ARTICLE,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    progress: bool = True,
    start: str | None = None,
    noise: str = "device",
    compile: bool = False,
) -> History:
    """Train `model` in place, by `recipe`.

    Ctrl-C ends the run early and keeps what was learned. A model that has learned already goes on
    from its weights; optimiser, schedule, warm-up and noise start anew. In every process of a group
    that `torch.distributed` has set up, the same call trains one model on shares of each batch,
    with the result of a single process.

    Parameters
    ----------
    model : VAE
        On the device where it shall be trained; or a wrapper of torch.compile or DataParallel
        around one, though it is `compile` that has the run itself compiled. On a GPU, a step is
        recorded once and then replayed: parts of your own must compute with tensors alone there,
        without a look at their values.
    images : Tensor, shape (N, D)
        All the images: the recipe holds the first `recipe.validation` out and trains on the rest.
    recipe : Recipe
    seed : int
        Of the shuffling and of all noise; but for that which parts of your own draw from PyTorch's
        global generator, as dropout does.
    checkpoint : path, optional
        Written after every epoch. Where the file exists already, the run goes on from it, bit for
        bit as if it had never stopped (on the same machine). With a constant schedule, it may go on
        for more epochs than were planned. No other process may have the file in use.
    progress : bool
        Show a progress bar, on stderr.
    start : str, optional
        Whatever tells the weights that `model` starts from apart from others, where they are not
        fresh: a checkpoint that started from others is refused.
    noise : str
        Where all random numbers of the run come from, the order of the images too: "device" draws
        them on the model's device (if it has a generator), with the same numbers in each run there;
        "cpu" on the CPU, with the same numbers for every device, and more slowly. Processes on
        GPUs of different models need "cpu", as such GPUs may make other draws of one seed.
    compile : bool
        Let torch.compile fuse the loss and its gradient. The first steps wait for that, seconds to
        a minute, and on a CPU it needs a C++ compiler.

    Returns
    -------
    History

    Raises
    ------
    TypeError, ValueError
        If the images don't fit the model or are too few for the recipe's split, the model is
        frozen, or the checkpoint comes from another run.
    OSError
        If the checkpoint cannot be read or written; before the first step, where that is clear by
        then, as it is when another process has it in use.
    FloatingPointError
        If the cost is no longer finite. One that is finite, and far above that of a model that
        has learned nothing, is a warning.
    RuntimeError
        If gradients are switched off, or the recipe asks for Muon and PyTorch is older than 2.9.
    MemoryError
        If a GPU has too little memory.
    """
    if start is not None and not isinstance(start, str):  # it stands in the checkpoint
        raise TypeError(f"start must be a str, got {brief(start)}")
    rank, _ = place_in_group()
    alone = claimed(checkpoint) if checkpoint is not None and rank == 0 else nullcontext()
    with alone, short_of_memory("try a smaller batch_size"):
        run = _Run(model, images, recipe, seed, checkpoint, start, None, noise, compile)
        return run.go(progress)


def train_pass(
    model: VAE,
    images: torch.Tensor,
    recipe: Recipe,
    seed: int,
    history: History,
    state: dict[str, Any] | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Make one pass over all of `images`, in place, and append it to `history`.

    For images that come in pieces, call by call. Nobody knows how many will come, so nothing is
    held out, and the learning rate stays at the recipe's.

    Parameters
    ----------
    model, images, recipe, seed, progress
        As for `train`.
    history : History
        Of what the model has been through so far.
    state : dict, optional
        What the pass before returned; without it, the optimiser and the noise start afresh.

    Returns
    -------
    dict
        The optimiser's moments and the state of the noise, for the next pass.

    Raises
    ------
    TypeError, ValueError, FloatingPointError, RuntimeError
        As `train` does. After a FloatingPointError, model and state are as they were.
    """
    recipe = replace(recipe, epochs=len(history.epoch) + 1, validation=0, schedule="constant")
    run = _Run(model, images, recipe, seed, history=history)
    if state:
        state = copy.deepcopy(state)  # the caller's stays, for when this pass fails
        for optimizer, moments in zip(run.optimizers, state["moments"], strict=True):
            _load_moments(optimizer, moments)
        if state.get("drawn_on", "cpu") == run.generator.device.type:
            run.generator.set_state(state["noise"])
        else:  # the model has moved to a device with other noise
            run.generator.manual_seed(run.generator.initial_seed() + len(history.epoch))
    before = copy.deepcopy(run.model.state_dict())
    try:
        run.go(progress)
    except FloatingPointError:
        run.model.load_state_dict(before)  # one bad piece spoils nothing
        raise
    moments = [optimizer.state_dict()["state"] for optimizer in run.optimizers]
    noise, device = run.generator.get_state(), run.generator.device
    return {"moments": moments, "noise": noise, "drawn_on": device.type}


class _Run:
    """One training run: the model, the optimiser, and where it stands."""

    def __init__(
        self,
        model: VAE,
        images: torch.Tensor,
        recipe: Recipe,
        seed: int,
        checkpoint: str | Path | None = None,
        start: str | None = None,
        history: History | None = None,
        noise: str = "device",
        compile: bool = False,
    ) -> None:
        self.rank, self.processes = place_in_group()
        model, images = unwrap_and_check(model, images, name="images")
        _check_run(model, images, recipe, self.processes)
        seed = check_count(seed, "seed", minimum=0, maximum=math.inf)
        self.model, self.recipe, self.seed = model, recipe, seed
        self.device = next(model.parameters()).device
        rows = images.detach().to(self.device)
        self.held_out, self.images = rows.tensor_split([recipe.validation])
        self.drawn_on = self.device if check_choice(noise, "noise", NOISE) == "device" else "cpu"
        self.generator = make_generator(seed, TRAINING, self.drawn_on)
        self.history = history or History()
        self.checkpoint, self.saved, state = None, 0, None  # saved: epochs
        if checkpoint is not None:
            identity = _identity(model, images, recipe, seed, start, self.generator.device)
            self.checkpoint = Checkpoint(checkpoint, identity)
            state = self.checkpoint.load()
        if state:
            self.history = History(**state["history"])
        elif recipe.center_output and (begin := getattr(model.decoder, "begin", None)):
            params = model.likelihood.start(self.images)
            if params is not None:
                begin(params)
        done = len(self.history.epoch)
        compile = check_flag(compile, "compile")
        self.steps = Steps(model, self.images, recipe, self.generator, done, compile)
        self.optimizers = self.steps.optimizers
        if state:
            self._resume(state)

    def go(self, progress: bool) -> History:
        done, total = len(self.history.epoch), self.recipe.epochs
        with tqdm(
            total=total * self.steps.per_epoch,
            initial=done * self.steps.per_epoch,
            disable=not progress or self.rank > 0 or sys.stderr is None,
            unit="step",
            mininterval=0.5,
        ) as bar:
            try:
                self.history.interrupted = False
                for epoch in range(done + 1, total + 1):
                    bar.set_description(f"epoch {epoch}/{total}", refresh=False)
                    self._epoch(epoch, bar)
                    bar.set_postfix(cost=f"{self.history.cost[-1]:.2f}", refresh=False)
                    self._save()
            except KeyboardInterrupt:
                self._save()  # in case that it came while an epoch was being saved
                self.history.interrupted = True
                done = len(self.history.epoch)
                epoch = min(done + 1, total)
                kept = f"stopped in epoch {epoch} of {total}; the model keeps all it learned so far"
                if self.checkpoint and done:
                    kept += f", and {self.checkpoint.path} continues after epoch {done}"
                warnings.warn(kept, stacklevel=3)
        if self.rank == 0 and (doubt := self._doubt()):
            warnings.warn(doubt, stacklevel=3)
        return self.history

    def _epoch(self, epoch: int, bar: tqdm[Any]) -> None:
        started = time.perf_counter()
        for _ in self.steps.epoch():
            bar.update()
        sums = self.steps.sums(_sum_dtype(self.device))
        if self.processes > 1:
            distributed.all_reduce(sums)
        cost, distortion, rate = (sums / len(self.images)).tolist()
        if not math.isfinite(cost):
            raise FloatingPointError(
                f"the cost became {cost} in epoch {epoch}"
                f"{first_to_leave(self.steps.terms, self.recipe.objective.startswith('elbo'))}; "
                f"{self._advice()}"
            )
        self.history.append(
            epoch=epoch,
            cost=cost,
            distortion=distortion,
            rate=rate,
            validation_cost=self._validate(),
            seconds=time.perf_counter() - started,
        )

    def _doubt(self) -> str | None:
        """Return what to say of the last epoch's cost, where it makes no sense."""
        if not self.history.cost:
            return None
        cost, rate, beta = self.history.cost[-1], self.history.rate[-1], self.recipe.beta
        charged = cost if beta == 1 else cost + (beta - 1) * rate
        return nonsense(self.model.likelihood, self.images, cost, charged, self._advice)

    def _advice(self) -> str:
        helps = advice(self.model.likelihood, self.images, self.recipe.learning_rate)
        return f"{helps}; vaetut.diagnose examines a model"

    def _validate(self) -> float:
        """Return the held-out -ELBO: the same noise, and binarization, after every epoch."""
        if not len(self.held_out):
            return math.nan
        generator = make_generator(self.seed, VALIDATION, self.drawn_on)
        x = draw_bits(self.held_out, generator) if self.recipe.binarize else self.held_out
        total = torch.zeros((), dtype=_sum_dtype(x.device), device=x.device)
        with torch.no_grad(), self.steps.autocast, evaluating(self.model):
            for part in torch.split(x, 1000):
                eps = noise_for(self.model, part, 1, generator)
                total += elbo_at(self.model, part, eps).elbo.sum(dtype=total.dtype)
        return -(total / len(x)).item()

    def _save(self) -> None:
        """Save what the checkpoint does not hold yet."""
        if not self.checkpoint or self.rank > 0 or self.saved == len(self.history.epoch):
            return
        self.checkpoint.save(
            model=self.model.state_dict(),
            optimizers=[optimizer.state_dict() for optimizer in self.optimizers],
            generator=self.generator.get_state(),
            history=asdict(self.history),
        )
        self.saved = len(self.history.epoch)

    def _resume(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            _load_moments(optimizer, saved["state"])
        self.generator.set_state(state["generator"])
        self.saved = len(self.history.epoch)


def _load_moments(optimizer: torch.optim.Optimizer, moments: dict[str, Any]) -> None:
    """Let an optimiser go on from another's moments, with its own settings."""
    optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})


def _identity(
    model: VAE,
    images: torch.Tensor,
    recipe: Recipe,
    seed: int,
    start: str | None,
    drawn_on: torch.device,
) -> dict[str, Any]:
    """Return what must agree for a run to go on from a checkpoint."""
    values = images.cpu().nan_to_num(nan=math.pi)  # a gap counts like a value that nobody has
    sums = values.sum(1, dtype=torch.float64)  # (N,); weighted, they know their order
    weights = torch.linspace(1, 2, len(sums), dtype=torch.float64, device="cpu")
    frozen = [name for name, weight in model.named_parameters() if not weight.requires_grad]
    noise = {} if drawn_on.type == "cpu" else {"noise": drawn_on.type}
    own_start = {} if start is None else {"start": start}
    return {
        "recipe": repr(replace(recipe, precision="float32")),
        "seed": seed,
        "model": repr(describe(model)),
        "dtype": str(next(model.parameters()).dtype),
        "frozen": frozen,
        "images": [list(images.shape), (sums @ weights).item()],
        **noise,
        **own_start,
    }


def _sum_dtype(device: torch.device) -> torch.dtype:
    """Return the dtype for sums over an epoch; Apple's devices know no float64."""
    return torch.float32 if device.type in NO_FLOAT64 else torch.float64


def _check_run(model: VAE, images: torch.Tensor, recipe: Recipe, processes: int) -> None:
    """Raise unless model, images and recipe go together."""
    if not isinstance(recipe, Recipe):
        raise TypeError(f"recipe must be a Recipe, e.g. vaetut.FAST, got {brief(recipe)}")
    if not torch.is_grad_enabled():
        raise RuntimeError(
            "training needs gradients, and here they are switched off; train outside of "
            "torch.no_grad() and torch.inference_mode()"
        )
    if not any(weight.requires_grad for weight in model.parameters()):
        raise ValueError("the whole model is frozen; model.requires_grad_() lets it learn again")
    if recipe.binarize and not model.likelihood.takes_coins:
        raise ValueError("binarize='dynamic' needs likelihood='bernoulli'")
    if len(images) <= recipe.validation:
        raise ValueError(
            f"the recipe holds out {recipe.validation} images for validation, but there are only "
            f"{len(images)}; pass more, or set a smaller validation"
        )
    if processes > 1 and recipe.free_bits:
        raise ValueError("free_bits needs the KL of the whole batch: train in a single process")
    last_batch = (len(images) - recipe.validation - 1) % recipe.batch_size + 1
    if last_batch < processes:
        raise ValueError(
            f"the last batch has {last_batch} image(s), too few for {processes} processes; "
            "choose another batch_size"
        )
