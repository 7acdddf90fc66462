"""Fit a VAE by stochastic gradient ascent on the ELBO (AEVB, algorithm 1).

A `Recipe` says how, `train` does it, a `History` is what came of it.
"""

from __future__ import annotations

import copy
import json
import math
import sys
import time
import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, fields, replace
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
from .checks import (
    NO_FLOAT64,
    brief,
    check_choice,
    check_count,
    check_flag,
    check_number,
    check_real,
    check_widths,
)
from .data import binarize
from .files import claimed, write_file
from .likelihoods import Bernoulli, Likelihood
from .model import VAE, unwrap_and_check
from .networks import ACTIVATIONS
from .noise import TRAINING, VALIDATION, WEIGHTS, Share, make_generator
from .objective import dreg_loss, elbo, importance_weighted_bound
from .parts import describe

# "-stl" (Roeder et al. 2017) and "-dreg" (Tucker et al. 2018): with less noise in the gradient.
OBJECTIVES = ("elbo", "elbo-stl", "iwae", "iwae-dreg")
OPTIMIZERS = ("adam", "muon")
# A cycle goes up, then down to zero (Smith & Topin 2017), in half waves of a cosine or in straight
# lines.
SCHEDULES = ("constant", "one-cycle", "one-cycle-linear")
PRECISIONS = ("float32", "bf16", "auto")
_CHOICES = {
    "activation": ACTIVATIONS,
    "binarize": (None, "dynamic"),
    "objective": OBJECTIVES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "precision": PRECISIONS,
}
# No healthy run ends with a cost so many times `_cost_of_ignorance`, for a model can learn to know
# nothing: with zeros for its last weights, q(z|x) is the prior, and the decoder's answer is 0.
FAR = 100


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train: every choice in one place, so that a result can name what made it.

    Raises
    ------
    TypeError, ValueError
        If a field is not what its comment says.
    """

    # The network that the recipe is tuned for; `train` takes any VAE.
    hidden_dims: tuple[int, ...] = (500, 500)
    activation: str = "softplus"
    center_output: bool = False  # start a fresh decoder's bias at the data's mean: saves an epoch

    # The data: the first `validation` images are held out, as the article's loader did.
    validation: int = 5000
    binarize: str | None = None  # None: grey values as they are; "dynamic": a new draw every time

    # The objective.
    objective: str = "elbo"  # or "iwae"; with less noise in the gradient "elbo-stl", "iwae-dreg"
    num_samples: int = 1  # K, draws of z per image; 1 is enough for a batch of 100 (AEVB, §2.3)
    beta: float = 1.0  # weight of the KL (Higgins et al. 2017); 1 is the ELBO
    kl_warmup_epochs: float = 0.0  # beta grows from 0 over these epochs (Bowman et al. 2015)
    free_bits: float = 0.0  # nats per coordinate that cost nothing (Kingma et al. 2016, eq. 15)

    # The optimiser.
    optimizer: str = "adam"  # "muon" moves the matrices by Muon (Jordan et al. 2024)
    epochs: int = 75
    batch_size: int = 100
    learning_rate: float = 1e-3  # the peak, where the schedule has one
    betas: tuple[float, float] = (0.9, 0.999)  # of Adam, as eps
    eps: float = 1e-8
    schedule: str = "constant"  # of the learning rate: one of SCHEDULES
    rise: float = 0.3  # the part of a cycle's steps that goes up

    precision: str = "float32"  # "bf16": autocast, on processors that have it; "auto": ask a probe

    def __post_init__(self) -> None:
        checked = {"validation": check_count(self.validation, "validation", minimum=0)}
        for name in ("epochs", "batch_size", "num_samples"):
            checked[name] = check_count(getattr(self, name), name)
        checked["center_output"] = check_flag(self.center_output, "center_output")
        checked["hidden_dims"] = check_widths(self.hidden_dims)
        for name, choices in _CHOICES.items():
            checked[name] = check_choice(getattr(self, name), name, choices)
        for name in ("beta", "kl_warmup_epochs", "free_bits"):
            checked[name] = check_number(getattr(self, name), name, zero=True)
        for name in ("learning_rate", "eps"):
            checked[name] = check_number(getattr(self, name), name)
        checked["rise"] = check_number(self.rise, "rise", below=1)
        if not isinstance(self.betas, tuple | list) or len(self.betas) != 2:
            raise TypeError(f"betas must be a pair of numbers in [0, 1), got {brief(self.betas)}")
        checked["betas"] = tuple(
            check_number(beta, "each of betas", zero=True, below=1) for beta in self.betas
        )
        vars(self).update(checked)  # it is frozen for everybody else
        kl_settings = (self.beta, self.kl_warmup_epochs, self.free_bits)
        if self.objective.startswith("iwae") and kl_settings != (1, 0, 0):
            raise ValueError("beta, kl_warmup_epochs and free_bits need objective elbo or elbo-stl")

    def build_model(
        self,
        input_dim: int = 784,
        latent_dim: int = 20,
        likelihood: str | Likelihood = "bernoulli",
        variance: float | str = 1.0,
        seed: int = 0,
    ) -> VAE:
        """Return a fresh VAE with the network that this recipe is tuned for."""
        network = (input_dim, latent_dim, self.hidden_dims, self.activation)
        return VAE(*network, likelihood, variance, make_generator(seed, WEIGHTS))


# Metzen 2015: the run that the article shows.
ARTICLE = Recipe()

# The same result in a fraction of the time; tuned on the validation images. In two dimensions,
# kl_warmup_epochs=4 does even better.
FAST = Recipe(
    activation="silu",
    center_output=True,
    objective="elbo-stl",
    epochs=8,
    batch_size=250,
    learning_rate=6e-3,
    betas=(0.9, 0.99),
    schedule="one-cycle-linear",
)

RECIPES = {"article": ARTICLE, "fast": FAST}


@dataclass
class History:
    """What a run has seen: one entry per finished epoch in each list; nats per image.

    The cost is -ELBO (or the recipe's objective), averaged over the epoch while the weights move;
    it is `distortion`, -E_q[log p(x|z)], plus `rate`, KL(q(z|x) || p(z)), for beta = 1.
    `validation_cost` is the -ELBO of the held-out images after the epoch, from one z per image and
    in the recipe's precision.
    """

    epoch: list[int] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    distortion: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    validation_cost: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    interrupted: bool = False

    def append(self, **values: float) -> None:
        """Add one epoch; every list needs a number."""
        curves = self.curves()
        if values.keys() != curves.keys():
            raise ValueError(f"an epoch needs {', '.join(curves)}; got {', '.join(values)}")
        checked = {name: check_real(value, name) for name, value in values.items()}
        for name, curve in curves.items():
            curve.append(checked[name])

    def curves(self) -> dict[str, list[float]]:
        """Return the lists by name, ready for a plot or a data frame."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "interrupted"}

    def save(self, path: str | Path) -> None:
        """Write the history as JSON; an OSError says why it cannot be written."""
        write_file(path, f"{json.dumps(asdict(self))}\n".encode())

    @classmethod
    def load(cls, path: str | Path) -> History:
        """Read what `save` wrote; a ValueError says that something else did."""
        try:
            saved = cls(**json.loads(Path(path).read_text()))
            for epoch in zip(*saved.curves().values(), strict=True):
                cls().append(**dict(zip(saved.curves(), epoch, strict=True)))
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"{path} is not a history that was saved ({error})") from error
        return saved


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
    from its weights: nothing but the optimiser starts anew. In every process of a group that
    `torch.distributed` has set up, the same call trains one model on shares of each batch, with
    the result of a single process.

    Parameters
    ----------
    model : VAE
        On the device where it shall be trained; or a wrapper of torch.compile or DataParallel
        around one, though the run itself is not compiled.
    images : Tensor, shape (N, D)
        All the images: the recipe holds the first `recipe.validation` out and trains on the rest.
    recipe : Recipe
    seed : int
        Of the shuffling and of all noise.
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
        schedules = [_make_schedule(o, recipe, self.steps_per_epoch) for o in self.optimizers]
        self.movers = (*self.optimizers, *schedules)  # each takes a step after every batch
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
            start_at = model.likelihood.start(self.images)
            if start_at is not None:
                model.decoder.begin(start_at)

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
        if self.rank == 0 and (nonsense := self._nonsense()):
            warnings.warn(nonsense, stacklevel=3)
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
            for mover in self.movers:
                mover.step()
            sums += len(own) * terms.to(sums.dtype)
            steps.append(terms)
            bar.update()
        if self.processes > 1:
            distributed.all_reduce(sums)
        cost, distortion, rate = (sums / len(self.images)).tolist()
        if not math.isfinite(cost):
            raise FloatingPointError(
                f"the cost became {cost} in epoch {epoch}{self._first_to_leave(steps)}; "
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

    def _first_to_leave(self, steps: list[torch.Tensor]) -> str:
        """Say in which step, and by which of its terms, the cost left the finite numbers."""
        for step, (cost, *terms) in enumerate(torch.stack(steps).isfinite().tolist(), start=1):
            if cost:
                continue
            if self.recipe.objective.startswith("iwae"):  # its cost does not fall into two terms
                return f", step {step}"
            names = {(False, True): "distortion first", (True, False): "rate first"}
            return f", step {step} ({names.get(tuple(terms), 'distortion and rate at once')})"
        return ""  # it was in another process

    def _nonsense(self) -> str | None:
        """Say so where the last epoch ended far above what a model without knowledge pays."""
        if not self.history.cost:
            return None
        cost, beta = self.history.cost[-1], self.recipe.beta
        charged = cost if beta == 1 else cost + (beta - 1) * self.history.rate[-1]
        ignorant = self.model.likelihood.cost_of_ignorance(self.images).item()
        if charged <= FAR * ignorant:
            return None
        return (
            f"the last epoch's cost, {cost:.3g}, makes no sense, since knowing nothing costs about "
            f"{ignorant:.3g}; {self._advice()}"
        )

    def _advice(self) -> str:
        """Say what may help against a cost that is no number, or a nonsensical one."""
        slower = f"try a smaller learning_rate (it is {self.recipe.learning_rate:g})"
        if not self.model.likelihood.density:  # its data have a range of their own
            return slower
        x, variance = self.images.cpu().double(), self.model.likelihood.config.get("variance")
        return (
            f"the data reach from {x.min():.4g} to {x.max():.4g}, the largest standard deviation "
            f"of a column is {x.std(0, correction=0).max():.4g}, and the likelihood's variance "
            f"is {variance}: standardise the columns; where they are, {slower}"
        )

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
        with torch.no_grad(), self.autocast:
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
            movers=[mover.state_dict() for mover in self.movers],
            generator=self.generator.get_state(),
            history=asdict(self.history),
        )
        self.saved = len(self.history.epoch)

    def _resume(self, state: dict) -> None:
        self.model.load_state_dict(state["model"])
        for mover, saved in zip(self.movers, state["movers"], strict=True):
            mover.load_state_dict(saved)
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
    sums = images.cpu().sum(1, dtype=torch.float64)  # (N,); weighted, they know their order
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
        if recipe.objective == "iwae-dreg":
            loss, bound = dreg_loss(model, x, recipe.num_samples, generator)
        else:
            bound = importance_weighted_bound(model, x, recipe.num_samples, generator)
            loss = -bound
        cost = -bound.detach().mean()
        nan = cost.new_tensor(math.nan)  # the bound does not fall into two terms
        return loss.mean(), torch.stack([cost, nan, nan])
    q = model.encode(x)  # (B, L)
    z = q.sample(recipe.num_samples, generator)  # (K, B, L)
    distortion = -model.log_likelihood(x, z).mean()  # over K and B
    kl = model.prior.kl(q, z).mean(0)  # (L,), or (1,)
    if recipe.objective == "elbo-stl":  # the same value, with the gradient of its estimate
        estimate = model.prior.log_ratio(q.detach(), z).mean((0, 1))
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
    if recipe.binarize and not isinstance(model.likelihood, Bernoulli):
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
        precision = "bf16" if _bf16_is_faster(device) else "float32"
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
