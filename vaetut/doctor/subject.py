"""The reader's own VAE, whatever its interface: one way to run it, and nothing of it changed."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from ..checks import brief
from .watch import Watch

ROLES = {  # what a parameter of a loss, or a key of an output, is called
    "recon": ("recon", "rec_", "x_rec", "hat", "pred", "logits", "out", "decoded", "x_tilde"),
    "head": ("var", "std", "sig", "scale", "lv"),
    "mu": ("mu", "mean", "loc"),
    "model": ("model", "net", "vae", "module"),
    "x": ("x", "input", "data", "target", "orig", "image", "batch", "true", "img", "y"),
}
STEPS, MANY = 5, 100  # from a function to the modules that it runs; of a container's contents
HELP = "leave out model=, and pass encode=, decode= and loss=, functions of x, of codes and of x"
# A loss, as a function of reconstruction, x, mu and the second head.
OfParts = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
# Layers whose work depends on the mode: they stay as in evaluation, while the model trains.
CALM = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)


class Outputs(NamedTuple):
    """What a pass through the model gives; the second head as it comes: log_var, sigma, ..."""

    recon: torch.Tensor
    mu: torch.Tensor
    head: torch.Tensor


@dataclass
class Pass:
    """One pass with known noise."""

    outputs: Outputs
    loss: torch.Tensor
    watch: Watch


@dataclass
class Subject:
    """A model under examination: its functions, each of the data, in the reader's own words.

    Attributes
    ----------
    x : Tensor, shape (B, ...)
    forward : Callable
        From x to `Outputs`, with fresh noise.
    loss : Callable
        From x to the loss, a number; it passes through the model itself.
    encode, decode : Callable
        From x to mu and the second head; from codes to reconstructions, None where unknown.
    formula : Callable, optional
        From reconstruction, x, mu and head to the loss, where the reader's loss is a function of
        these alone.
    sample : Callable, optional
        From a count to new examples.
    likelihood : Any, optional
        That of a model of this package.
    modules : list of Module
        All that may have to be put back.
    standard : bool
        Whether the prior is normal, as far as is known.
    trained : bool
        Whether the model looks trained; known at the end.
    """

    x: torch.Tensor
    forward: Callable[[torch.Tensor], Outputs]
    loss: Callable[[torch.Tensor], torch.Tensor]
    encode: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
    decode: Callable[[torch.Tensor], torch.Tensor] | None = None
    formula: OfParts | None = None
    sample: Callable[[int], Any] | None = None
    likelihood: Any = None
    modules: list[nn.Module] = field(default_factory=list)
    standard: bool = True
    trained: bool = False

    def set_mode(self, *, training: bool) -> None:
        """Set the mode, dropout and batch norm as in evaluation: so noise is the code's alone."""
        for root in self.modules:
            for module in root.modules():
                module.training = training and not isinstance(module, CALM)

    def to_double(self) -> None:
        """Go over to float64, where the model can: the difference of two sums is then exact."""
        single = self.x
        torch.set_default_dtype(torch.float64)
        for module in self.modules:
            module.double()
        try:
            self.x = self.x.double()
            self.run(1)
        except (RuntimeError, TypeError):  # a part insists on float32, or the device has no float64
            torch.set_default_dtype(torch.float32)
            for module in self.modules:
                module.float()
            self.x = single

    def wake(self) -> None:
        """Move matrices that are all zero a little: they pass nothing on, until they learn."""
        seed_all(5)
        with torch.no_grad():
            for p in self.parameters().values():
                if p.ndim > 1 and not p.any():
                    p.data = p.data + 0.05 * torch.randn_like(p)

    def run(self, seed: int, x: torch.Tensor | None = None) -> Pass:
        """Pass through the model with the noise of this seed."""
        x = self.x if x is None else x
        seed_all(seed)
        with torch.no_grad():
            mu, _ = self.encode(x)
        seed_all(seed)
        with Watch(largest=16 * mu.numel()) as watch:
            outputs = self.forward(x.clone())
        if self.formula is not None:
            loss = self.formula(outputs.recon, x, outputs.mu, outputs.head)
        else:
            seed_all(seed)
            loss = self.loss(x.clone())
        return Pass(outputs, loss, watch)

    def leave_out_idle(self) -> None:
        """Keep the modules that the loss runs: a function may refer to others, too."""
        called: set[nn.Module] = set()
        hook = register_module_forward_pre_hook(lambda module, _: called.add(module))
        try:
            self.loss(self.x.clone())
        except (RuntimeError, ValueError, AssertionError):  # the first check will say what is wrong
            return
        finally:
            hook.remove()
        used = [root for root in self.modules if called & set(root.modules())]
        self.modules = used or self.modules

    def parameters(self) -> dict[str, nn.Parameter]:
        """Return all parameters by name; where two modules have the same name, with a number."""
        found: dict[str, nn.Parameter] = {}
        for module in self.modules:
            for name, p in module.named_parameters():
                if any(p is other for other in found.values()):
                    continue
                again = sum(other.split(" ")[0] == name for other in found)
                found[f"{name} ({again + 1})" if again else name] = p
        return found


def seed_all(seed: int) -> None:
    """Seed every source of noise that a model may use."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)


@contextmanager
def untouched(modules: list[nn.Module]) -> Iterator[None]:
    """Lend the modules: weights, buffers, gradients, modes and random states come back."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    in_use = torch.cuda.is_initialized()
    cuda = torch.cuda.get_rng_state_all() if in_use else None
    every = {module for root in modules for module in root.modules()}
    parameters = {p for root in modules for p in root.parameters()}
    attributes = [(module, dict(vars(module))) for module in every]
    kept = [(p, p.data, p.grad) for p in parameters]
    buffers = [(module, dict(module._buffers)) for module in every]
    dtype = torch.get_default_dtype()
    try:
        for p in parameters:
            p.data, p.grad = p.data.clone(), None
        for module, held in buffers:
            module._buffers.update({k: None if b is None else b.clone() for k, b in held.items()})
        yield
    finally:
        torch.set_default_dtype(dtype)
        for p, data, grad in kept:
            p.data = data
            p.grad = grad
        for module, held in buffers:
            module._buffers.update(held)
        for module, own in attributes:  # counters, and what was kept of the last call
            for name in set(vars(module)) - set(own):
                del vars(module)[name]
            vars(module).update(own)
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        random.setstate(states[2])
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)


def total(value: Any) -> torch.Tensor:
    """Return the loss out of what a loss function returned."""
    if isinstance(value, dict):
        if "loss" not in value:
            raise TypeError(f'loss returns {sorted(map(str, value))}, and no "loss" among them')
        value = value["loss"]
    if isinstance(value, (tuple, list)) and len(value):
        value = value[0]
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        raise TypeError(f"loss must return a tensor of floats, not {brief(value)}")
    return value.mean() if value.ndim else value


def role_of(name: str) -> str:
    """Say what a parameter or a key of this name holds; "" for one that has no role."""
    name = name.lower()
    if name in ("z", "code", "codes"):
        return "z"
    for role, words in ROLES.items():
        if any(name.startswith(word) or word in name.split("_") for word in words) or (
            role != "x" and any(len(word) > 2 and word in name for word in words)
        ):
            return role
    return ""


def required(function: Callable[..., Any]) -> list[str] | None:
    """Return the names of the parameters that must be given; None where it takes any number."""
    if isinstance(function, nn.Module):
        function = function.forward
    names = []
    for p in inspect.signature(function).parameters.values():
        if p.kind is p.VAR_POSITIONAL:
            return None
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            names.append(p.name)
    return names


def modules_of(*things: Any) -> list[nn.Module]:
    """Return the modules that these are, belong to, or refer to, over a few steps."""
    found: dict[int, nn.Module] = {}
    seen: set[int] = set()
    near = list(things)
    for _ in range(STEPS):
        near = [thing for thing in near if id(thing) not in seen]
        seen |= {id(thing) for thing in near}
        found |= {id(thing): thing for thing in near if isinstance(thing, nn.Module)}
        near = [other for thing in near for other in _referred_to(thing)]
    return list(found.values())


def _referred_to(thing: Any) -> list[Any]:
    """Return what a function, a method or a container refers to."""
    if isinstance(thing, nn.Module | torch.Tensor | type | ModuleType):
        return []
    if isinstance(thing, partial):
        return [thing.func, *thing.args, *thing.keywords.values()]
    if inspect.ismethod(thing):
        return [thing.__self__, thing.__func__]
    if inspect.isfunction(thing):
        names = inspect.getclosurevars(thing)
        defaults = thing.__defaults__ or ()
        return [*names.nonlocals.values(), *names.globals.values(), *defaults]
    if isinstance(thing, dict):
        return list(thing.values())[:MANY]
    if isinstance(thing, list | tuple):
        return list(thing)[:MANY]
    return list(vars(thing).values()) if hasattr(thing, "__dict__") else []


def pick(raw: Any, again: Any, x: torch.Tensor) -> list[Any]:
    """Return where reconstruction, mu and second head are in an output: indices or keys.

    `again` is the output with other noise: what differs in the shape of mu is a code.
    """
    if isinstance(raw, dict):
        roles = [role_of(str(key)) for key in raw]
        places = dict(zip(roles, raw, strict=True))
        if all(roles.count(role) == 1 for role in ("recon", "mu", "head")):
            return [places["recon"], places["mu"], places["head"]]
        raise TypeError(
            f"the model returns {sorted(map(str, raw))}, and which of these are the "
            f"reconstruction, mu and log_var is not clear; {HELP}"
        )
    if not isinstance(raw, (tuple, list)):
        raise TypeError(f"the model returns {brief(raw)}, not reconstruction, mu, log_var; {HELP}")
    tensors = [
        (k, t)
        for k, t in enumerate(raw)
        if isinstance(t, torch.Tensor) and t.ndim and len(t) == len(x)
    ]
    tensors = [(k, t) for k, t in tensors if not (t.shape == x.shape and torch.equal(t, x))]
    recons = [k for k, t in tensors if t.numel() == x.numel()]
    if len(recons) > 1:  # as many codes as values: the reconstruction differs with the noise
        recons = [k for k in recons if not torch.equal(raw[k], again[k])] or recons
    recon = recons[0] if recons else None
    rest = [(k, t) for k, t in tensors if k != recon]
    if len(rest) > 2:  # one may be the code
        rest = [(k, t) for k, t in rest if torch.equal(t, again[k])]
        rest = [
            (k, t)
            for n, (k, t) in enumerate(rest)
            if not any(torch.equal(t, other) for _, other in rest[:n])
        ]
    if recon is None or len(rest) < 2 or rest[0][1].shape != rest[1][1].shape:
        shapes = ", ".join(str(tuple(t.shape)) for _, t in tensors)
        raise TypeError(
            f"among what the model returns, of shapes {shapes}, there are not one "
            f"reconstruction of {x[0].numel()} values and mu and log_var; {HELP}"
        )
    return [recon, rest[0][0], rest[1][0]]
