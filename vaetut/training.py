"""Fit a VAE by stochastic gradient ascent on the ELBO (AEVB, algorithm 1).

A `Recipe` says how, `train` does it, a `History` is what came of it. (`rate` and `distortion`
here are `kl` and -`log_likelihood` there, averaged over a batch; the cost is -ELBO.)
"""

from __future__ import annotations

import copy
import math
import sys
import time
import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from timeit import repeat

import torch
from torch import distributed, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.optim import lr_scheduler
from tqdm import tqdm

from .checkpoint import Checkpoint
from .checks import NO_FLOAT64, brief, check_count
from .data import binarize
from .diagnosis import advice, first_to_leave, nonsense
from .files import claimed
from .history import History
from .model import VAE, evaluating, unwrap_and_check
from .noise import TRAINING, VALIDATION, Share, make_generator
from .objective import dreg_loss, elbo, iwae_loss
from .parts import describe
from .recipe import ARTICLE, Recipe


def train(
    model: VAE,
    images: torch.Tensor,
    recipe: Recipe = ARTICLE,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    progress: bool = True,
    start: str | None = None,
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
        around one, though the run itself is not compiled.
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
    """
    if start is not None and not isinstance(start, str):  # it stands in the checkpoint
        raise TypeError(f"start must be a str, got {brief(start)}")
    rank, _ = _place_in_group()
    with claimed(checkpoint) if checkpoint is not None and rank == 0 else nullcontext():
        return _Run(model, images, recipe, seed, checkpoint, start).go(progress)


def train_pass(
    model: VAE,
    images: torch.Tensor,
    recipe: Recipe,
    seed: int,
    history: History,
    state: dict | None = None,
    progress: bool = False,
) -> dict:
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
            optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})
        run.generator.set_state(state["noise"])
    before = copy.deepcopy(run.model.state_dict())
    try:
        run.go(progress)
    except FloatingPointError:
        run.model.load_state_dict(before)  # one bad piece spoils nothing
        raise
    moments = [optimizer.state_dict()["state"] for optimizer in run.optimizers]
    return {"moments": moments, "noise": run.generator.get_state()}


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
    ) -> None:
        self.rank, self.processes = _place_in_group()
        model, images = unwrap_and_check(model, images, name="images")
        _check_run(model, images, recipe, self.processes)
        seed = check_count(seed, "seed", minimum=0, maximum=math.inf)
        self.model, self.recipe, self.seed = model, recipe, seed
        device = next(model.parameters()).device
        rows = images.detach().to(device)
        self.held_out, self.images = rows.tensor_split([recipe.validation])
        self.steps_per_epoch = math.ceil(len(self.images) / recipe.batch_size)
        self.generator = make_generator(seed, TRAINING)
        self.history = history or History()
        self.optimizers = _make_optimizers(model, recipe)
        self.schedules = [_make_schedule(o, recipe, self.steps_per_epoch) for o in self.optimizers]
        self.loss = _BatchLoss(model, recipe)
        if self.processes > 1:
            self.loss = DistributedDataParallel(self.loss)
        self.autocast = _autocast(recipe.precision, device)
        self.checkpoint, self.saved, state = None, 0, None  # saved: epochs
        if checkpoint is not None:
            self.checkpoint = Checkpoint(checkpoint, _identity(model, images, recipe, seed, start))
            state = self.checkpoint.load()
        if state:
            self._resume(state)
        elif recipe.center_output and hasattr(model.decoder, "begin"):
            params = model.likelihood.start(self.images)
            if params is not None:
                model.decoder.begin(params)

    def go(self, progress: bool) -> History:
        done, total = len(self.history.epoch), self.recipe.epochs
        with tqdm(
            total=total * self.steps_per_epoch,
            initial=done * self.steps_per_epoch,
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

    def _epoch(self, epoch: int, bar: tqdm) -> None:
        started = time.perf_counter()
        order = torch.randperm(len(self.images), generator=self.generator, device="cpu")
        order = order.to(self.images.device)
        sums = torch.zeros(3, dtype=_sum_dtype(self.images.device), device=self.images.device)
        steps = []
        for step, rows in enumerate(order.split(self.recipe.batch_size)):
            x = self.images.index_select(0, rows)  # twice as fast as images[rows]
            if self.recipe.binarize:
                x = binarize(x, self.generator)
            beta = self.recipe.beta * self._warmup((epoch - 1) + step / self.steps_per_epoch)
            share = Share(self.generator, self._rows(len(x)), len(x))
            own = x[share.rows]
            with self.autocast:
                loss, terms = self.loss(own, beta, share)
            self.model.zero_grad(set_to_none=True)
            # Gradients are averaged over the processes, each weighted here by its share of images.
            (loss * (self.processes * len(own) / len(x))).backward()
            for part in (*self.optimizers, *self.schedules):
                part.step()
            sums += len(own) * terms.to(sums.dtype)
            steps.append(terms)
            bar.update()
        if self.processes > 1:
            distributed.all_reduce(sums)
        cost, distortion, rate = (sums / len(self.images)).tolist()
        if not math.isfinite(cost):
            raise FloatingPointError(
                f"the cost became {cost} in epoch {epoch}"
                f"{first_to_leave(steps, self.recipe.objective.startswith('elbo'))}; "
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
        return nonsense(self.model.likelihood, self.images, cost, charged, self._advice())

    def _advice(self) -> str:
        helps = advice(self.model.likelihood, self.images, self.recipe.learning_rate)
        return f"{helps}; vaetut.diagnose examines a model"

    def _rows(self, count: int) -> slice:
        """Return this process's part of a batch of `count` images."""
        return slice(*(count * i // self.processes for i in (self.rank, self.rank + 1)))

    def _warmup(self, epochs_done: float) -> float:
        length = self.recipe.kl_warmup_epochs
        return min(1.0, epochs_done / length) if length else 1.0

    def _validate(self) -> float:
        """Return the held-out -ELBO: the same noise, and binarization, after every epoch."""
        if not len(self.held_out):
            return math.nan
        generator = make_generator(self.seed, VALIDATION)
        x = binarize(self.held_out, generator) if self.recipe.binarize else self.held_out
        with torch.no_grad(), self.autocast, evaluating(self.model):
            total = sum(
                elbo(self.model, part, generator=generator).elbo.sum(dtype=_sum_dtype(x.device))
                for part in x.split(1000)
            )
        return -(total / len(x)).item()

    def _save(self) -> None:
        """Save what the checkpoint does not hold yet."""
        if not self.checkpoint or self.rank > 0 or self.saved == len(self.history.epoch):
            return
        self.checkpoint.save(
            model=self.model.state_dict(),
            optimizers=[optimizer.state_dict() for optimizer in self.optimizers],
            schedules=[schedule.state_dict() for schedule in self.schedules],
            generator=self.generator.get_state(),
            history=asdict(self.history),
        )
        self.saved = len(self.history.epoch)

    def _resume(self, state: dict) -> None:
        self.model.load_state_dict(state["model"])
        for name in ("optimizers", "schedules"):
            for own, saved in zip(getattr(self, name), state[name], strict=True):
                own.load_state_dict(saved)
        self.generator.set_state(state["generator"])
        self.history = History(**state["history"])
        self.saved = len(self.history.epoch)


class _BatchLoss(nn.Module):
    """`batch_loss` as a module, so that PyTorch can average its gradients over processes."""

    def __init__(self, model: VAE, recipe: Recipe) -> None:
        super().__init__()
        self.model, self.recipe = model, recipe

    def forward(
        self, x: torch.Tensor, beta: float, generator: torch.Generator | Share
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return batch_loss(self.model, x, self.recipe, beta, generator)


def _identity(
    model: VAE, images: torch.Tensor, recipe: Recipe, seed: int, start: str | None
) -> dict:
    """Return what must agree for a run to go on from a checkpoint."""
    values = images.cpu().nan_to_num(nan=math.pi)  # a gap counts like a value that nobody has
    sums = values.sum(1, dtype=torch.float64)  # (N,); weighted, they know their order
    weights = torch.linspace(1, 2, len(sums), dtype=torch.float64, device="cpu")
    frozen = [name for name, weight in model.named_parameters() if not weight.requires_grad]
    return {
        "recipe": repr(replace(recipe, precision="float32")),
        "seed": seed,
        "model": repr(describe(model)),
        "dtype": str(next(model.parameters()).dtype),
        "frozen": frozen,
        "images": [list(images.shape), (sums @ weights).item()],
    } | ({} if start is None else {"start": start})


def _place_in_group() -> tuple[int, int]:
    """Return this process's rank and the number of processes."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def _sum_dtype(device: torch.device) -> torch.dtype:
    """Return the dtype for sums over an epoch; Apple's devices know no float64."""
    return torch.float32 if device.type in NO_FLOAT64 else torch.float64


def batch_loss(
    model: VAE, x: torch.Tensor, recipe: Recipe, beta: float, generator: torch.Generator | Share
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the number to minimise for one batch, and (cost, distortion, rate), detached.

    This is the one place where nats per example, (B,), become one number: their mean.
    """
    if recipe.objective.startswith("iwae"):
        loss_of = dreg_loss if recipe.objective == "iwae-dreg" else iwae_loss
        loss, bound = loss_of(model, x, recipe.num_samples, generator)
        cost = -bound.mean()
        nan = cost.new_tensor(math.nan)  # the bound does not fall into two terms
        return loss.mean(), torch.stack([cost, nan, nan])
    q = model.encode(x)  # (B, L)
    z = q.sample(recipe.num_samples, generator)  # (K, B, L)
    distortion = -model.log_likelihood(x, z).mean()  # over K and B
    kl = model.kl(q, z).mean(0)  # (L,), or (1,)
    if recipe.objective == "elbo-stl":  # the same value, with the gradient of its estimate
        estimate = model.prior.log_ratio(q.detach(), z).mean((0, 1))  # (L,), or (1,)
        if len(kl) != len(estimate):  # only one of them splits by coordinate
            kl, estimate = kl.sum(0, keepdim=True), estimate.sum(0, keepdim=True)
        kl = kl.detach() + estimate - estimate.detach()
    rate = kl.sum()
    loss = distortion + beta * (kl.clamp(min=recipe.free_bits).sum() if recipe.free_bits else rate)
    terms = torch.stack([distortion + rate, distortion, rate])
    return loss, terms.detach()


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


def _make_optimizers(model: VAE, recipe: Recipe) -> list[torch.optim.Optimizer]:
    rate, weights = recipe.learning_rate, list(model.parameters())
    fused = True if weights[0].device.type in ("cpu", "cuda") else None
    adam = partial(torch.optim.Adam, lr=rate, betas=recipe.betas, eps=recipe.eps, fused=fused)
    if recipe.optimizer == "adam":
        return [adam(weights)]
    if not hasattr(torch.optim, "Muon"):
        raise RuntimeError("optimizer='muon' needs PyTorch 2.9 or later; use 'adam'")
    # Scaled so that a step is as long as one of Adam's, and one rate serves both.
    muon = partial(torch.optim.Muon, lr=rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    return [muon([w for w in weights if w.ndim == 2]), adam([w for w in weights if w.ndim != 2])]


def _make_schedule(
    optimizer: torch.optim.Optimizer, recipe: Recipe, steps_per_epoch: int
) -> lr_scheduler.LRScheduler:
    if recipe.schedule == "constant":
        return lr_scheduler.ConstantLR(optimizer, factor=1.0)
    steps = recipe.epochs * steps_per_epoch + 1  # it counts one more than it is stepped
    if recipe.rise * steps == 1:  # then it would divide by the length of the rise, 0
        raise ValueError(
            f"rise={recipe.rise} leaves no step to rise in a run of {steps - 1}; change it a "
            "little, or choose another batch_size"
        )
    return lr_scheduler.OneCycleLR(
        optimizer,
        recipe.learning_rate,
        total_steps=steps,
        anneal_strategy="linear" if recipe.schedule == "one-cycle-linear" else "cos",
        pct_start=recipe.rise,
        cycle_momentum=False,
    )


def _autocast(precision: str, device: torch.device) -> AbstractContextManager:
    if precision == "auto":
        rank, processes = _place_in_group()
        faster = torch.tensor(int(rank == 0 and _bf16_is_faster(device)), device=device)
        if processes > 1:
            distributed.broadcast(faster, src=0)  # all do as the first one finds
        precision = "bf16" if faster else "float32"
        if rank == 0:
            tqdm.write(f"precision: {precision}", file=sys.stderr)
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def _bf16_is_faster(device: torch.device) -> bool:
    """Time a layer both ways, casts and all; without bf16 units it is ten times slower."""
    x, weight = torch.ones(2, 512, 512, device=device)

    def layer(precision: str) -> None:
        with torch.no_grad(), _autocast(precision, device):
            F.linear(x, weight).sum().item()  # .item() waits for the device

    # The best of some: a machine does other things, too.
    times = {p: min(repeat(partial(layer, p), number=1)) for p in ("float32", "bf16")}
    return times["bf16"] < times["float32"]
