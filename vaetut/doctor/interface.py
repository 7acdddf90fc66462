"""From the interfaces that people have to a `Subject`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ..checks import brief, check_finite
from ..model import VAE, unwrap, unwrap_and_check
from ..priors import StandardNormal
from .subject import (
    HELP,
    OfParts,
    Outputs,
    Subject,
    modules_of,
    pick,
    required,
    role_of,
    seed_all,
    total,
    untouched,
)

FORMULA = {"recon", "x", "mu", "head"}
FEWEST, MOST = 8, 512  # examples: with fewer nothing is seen, more would only take longer


def make_subject(
    x: torch.Tensor,
    model: Any,
    loss: Callable[..., Any] | None,
    encode: Callable[..., Any] | None,
    decode: Callable[..., Any] | None,
    sample: Callable[..., Any] | None,
    options: dict[str, Any],
) -> Subject:
    """Find out how the reader's model is run; errors say what is not clear."""
    functions = {"loss": loss, "encode": encode, "decode": decode, "sample": sample}
    if isinstance(getattr(model, "module", getattr(model, "_orig_mod", model)), VAE):
        model = unwrap(model)
        given = [name for name, value in (functions | options).items() if value is not None]
        if given:
            raise TypeError(
                f"a vaetut.VAE is examined with its own ELBO; leave out {', '.join(given)}, or "
                "hand over model=lambda x: (reconstruction, mu, log_var) with loss="
            )
        x = unwrap_and_check(model, x)[1]
        if len(x) < FEWEST:
            raise ValueError(f"x must hold {FEWEST} examples or more, got {len(x)}")
        return _ours(x[:MOST], model)
    _check_data(x)
    x = x[:MOST]
    for name, function in ({"model": model} | functions).items():
        if function is not None and not callable(function):
            raise TypeError(f"{name} must be a function or a module, got {brief(function)}")
    if isinstance(model, type):
        raise TypeError(f"model must be a model, got the class {model.__name__}")
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError("a traced or scripted model cannot be looked into; pass the original one")
    modules = modules_of(*(f for f in (model, loss, encode, decode, sample) if f is not None))
    _check_modules(modules, x)
    if loss is None:
        loss = getattr(model, "loss_function", None)
        if loss is None:
            raise TypeError(
                "loss is missing: pass loss=, a function of reconstruction, x, mu and "
                "log_var, or of x"
            )
    if model is None:
        return _of_functions(x, loss, encode, decode, sample, modules)
    raw = _caller(model)
    with untouched(modules):
        Subject(x, raw, loss, raw, modules=modules).set_mode(training=True)
        seed_all(1)
        try:
            first = raw(x)
        except NotImplementedError as error:  # what a Module without a forward raises
            raise TypeError(f"the model cannot be called with x alone ({error}); {HELP}") from error
        seed_all(2)
        places = pick(first, raw(x), x)
        decode = _working(decode, model, first, places)

    def forward(x: torch.Tensor) -> Outputs:
        given = raw(x)
        return Outputs(*(given[place] for place in places))

    def own_encode(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return forward(x)[1:]

    names = required(loss)
    if names is not None:
        names = [name for name in names if name not in options]
    formula: OfParts | None = None
    data = {
        k
        for k, part in enumerate(first)
        if isinstance(part, torch.Tensor) and part.shape == x.shape and torch.equal(part, x)
    }
    if names is None:  # loss_function(*outputs, **options)

        def formula(
            recon: torch.Tensor, x: torch.Tensor, mu: torch.Tensor, head: torch.Tensor
        ) -> torch.Tensor:
            held = [x if k in data else part for k, part in enumerate(first)]
            for place, value in zip(places, (recon, mu, head), strict=True):
                held[place] = value
            return total(_try(loss, *held, **options))
    elif len(names) > 1:
        roles = [role_of(name) for name in names]
        if len(names) == 4 and set(roles) != FORMULA and roles[0] != "x":
            roles = ["recon", "x", "mu", "head"]  # as in PyTorch's example
        if set(roles) <= FORMULA and len(set(roles)) == len(roles):

            def formula(
                recon: torch.Tensor, x: torch.Tensor, mu: torch.Tensor, head: torch.Tensor
            ) -> torch.Tensor:
                held = {"recon": recon, "x": x, "mu": mu, "head": head}
                return total(_try(loss, *(held[role] for role in roles), **options))
        elif sorted(roles) == ["model", "x"]:
            order = [role == "x" for role in roles]

            def whole(x: torch.Tensor) -> torch.Tensor:
                return total(_try(loss, *(x if is_x else model for is_x in order), **options))
        else:
            raise TypeError(
                f"loss wants {', '.join(names)}; give it reconstruction, x, mu and "
                "log_var, or x alone, and fill the others by functools.partial"
            )
    else:

        def whole(x: torch.Tensor) -> torch.Tensor:
            return total(_try(loss, x, **options))

    if formula is not None:

        def whole(x: torch.Tensor) -> torch.Tensor:
            out = forward(x)
            return formula(out.recon, x, out.mu, out.head)

    return Subject(
        x=x,
        forward=forward,
        loss=whole,
        encode=own_encode,
        decode=decode,
        formula=formula,
        sample=sample or _sampler(model),
        modules=modules,
    )


def _caller(model: Any) -> Callable[[torch.Tensor], Any]:
    """Return a function from x to what the model returns, as a list or a dict."""

    def raw(x: torch.Tensor) -> Any:
        given = model(x)
        if isinstance(given, dict):
            return given
        if not isinstance(given, (tuple, list)):
            return given
        flat: list[Any] = []
        for part in given:
            if isinstance(part, torch.distributions.Distribution):
                flat += [part.mean, part.stddev]
            else:
                flat += part if isinstance(part, (tuple, list)) else [part]
        return flat

    return raw


def _try(loss: Callable[..., Any], *args: Any, **options: Any) -> Any:
    try:
        return loss(*args, **options)
    except KeyError as error:
        raise TypeError(
            f"the loss found no {error}; if that is an option of the loss, pass it to diagnose, too"
        ) from error
    except (IndexError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"the loss fails: {type(error).__name__}: {error}") from error


def _check_data(x: Any) -> None:
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"x must be a tensor, got {type(x).__name__}")
    if x.layout is not torch.strided:
        raise TypeError(f"x must be dense, got {x.layout}; use x.to_dense()")
    if x.is_complex() or not x.is_floating_point():
        advice = "" if x.is_complex() else "; use x.float()"
        raise TypeError(f"x must hold floats, got {x.dtype}{advice}")
    if x.ndim < 2 or len(x) < FEWEST or not x[0].numel():
        raise ValueError(
            f"x must hold {FEWEST} examples or more, (B, ...); its shape is {tuple(x.shape)}"
        )
    check_finite(x[:MOST])
    if torch.equal(x[:MOST], x[:1].expand_as(x[:MOST])):
        raise ValueError("all examples are equal: nothing can be learned from them, or seen")


def _check_modules(modules: list[nn.Module], x: torch.Tensor) -> None:
    if not modules:
        raise TypeError("no torch.nn.Module was found behind what was given; pass the model itself")
    parameters = [p for module in modules for p in module.parameters()]
    if any(nn.parameter.is_lazy(p) or p.is_meta for p in parameters):
        raise ValueError("the model has weights without values; call it once, or load them")
    dtypes = {p.dtype for p in parameters}
    if dtypes and x.dtype not in dtypes:
        names = " and ".join(sorted(map(str, dtypes)))
        raise TypeError(f"x is {x.dtype}, and the model's weights are {names}; convert one of them")


def _working(
    decode: Callable[..., Any] | None, model: Any, first: Any, places: list[Any]
) -> Callable[..., Any] | None:
    """Return the reader's decoder; or the model's own, if it takes a code."""
    mu = first[places[1]].detach()
    if decode is None:
        names = [n for n in ("decode", "decoder") if callable(getattr(model, n, None))]
        for name in names:
            own: Callable[..., Any] = getattr(model, name)
            try:
                result = own(mu)
            except (RuntimeError, TypeError, ValueError, IndexError):
                continue
            if isinstance(result, torch.Tensor):
                return own
        return None
    try:
        decode(mu)
    except (RuntimeError, ValueError, IndexError) as error:
        raise TypeError(
            f"decode does not take codes of the shape of mu, {tuple(mu.shape)}: {error}"
        ) from error
    return decode


def _sampler(model: Any) -> Callable[..., Any] | None:
    """Return the model's own way to draw new examples: from their number."""
    for name in ("sample", "generate"):
        own: Callable[..., Any] | None = getattr(model, name, None)
        if not callable(own):
            continue
        names = required(own)
        if names is not None and len(names) == 1:
            return own
        if names is not None and len(names) == 2 and "device" in names[1]:
            return lambda n: own(n, torch.device("cpu"))
    return None


def _of_functions(
    x: torch.Tensor,
    loss: Callable[..., Any],
    encode: Callable[..., Any] | None,
    decode: Callable[..., Any] | None,
    sample: Callable[..., Any] | None,
    modules: list[nn.Module],
) -> Subject:
    """Listen to encode and decode while the reader's loss calls them."""
    if encode is None or decode is None:
        raise TypeError(f"without model=, {HELP}")
    names = required(loss)
    if names is not None and len(names) != 1:
        raise TypeError(
            f"without model=, loss must be a function of x alone, and this one wants "
            f"{', '.join(names) or 'nothing'}; write loss=lambda x: ..., which calls it"
        )

    def pair(given: Any) -> tuple[torch.Tensor, torch.Tensor]:
        if isinstance(given, torch.distributions.Distribution):
            return given.mean, given.stddev
        mu, head = tuple(given)[:2]
        return mu, head

    def forward(x: torch.Tensor) -> Outputs:
        with _listening(encode) as codes, _listening(decode) as recons:
            loss(x)
        if not (codes and recons):
            silent = "encode" if recons else "decode"
            raise TypeError(
                f"loss(x) does not call {silent} itself; pass the module or the bound method that "
                "it calls, or model="
            )
        return Outputs(recons[0], *pair(codes[0]))

    owner = getattr(decode, "__self__", None)
    return Subject(
        x=x,
        forward=forward,
        loss=lambda x: total(loss(x)),
        encode=lambda x: pair(encode(x)),
        decode=decode,
        sample=sample or _sampler(owner),
        modules=modules,
    )


@contextmanager
def _listening(function: Callable[..., Any]) -> Iterator[list[Any]]:
    """Collect what a module, a bound method or a function of a module returns to its callers."""
    heard: list[Any] = []
    if isinstance(function, nn.Module):
        handle = function.register_forward_hook(lambda _, __, result: heard.append(result))
        try:
            yield heard
        finally:
            handle.remove()
        return

    def wrapper(*args: Any, **options: Any) -> Any:
        heard.append(function(*args, **options))
        return heard[-1]

    name = getattr(function, "__name__", "")
    owner = getattr(function, "__self__", None)
    places = vars(owner) if owner is not None else getattr(function, "__globals__", {})
    before = places.get(name, None)
    if owner is None and before is not function:  # a function within another: nobody can listen
        yield heard
        return
    places[name] = wrapper
    try:
        yield heard
    finally:
        if before is None:
            del places[name]
        else:
            places[name] = before


def _ours(x: torch.Tensor, model: VAE) -> Subject:
    def encode(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        q = model.encode(x)
        return q.mu, q.log_var

    def draw(mu: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
        return mu + (0.5 * log_var).exp() * torch.randn_like(mu)

    def forward(x: torch.Tensor) -> Outputs:
        mu, log_var = encode(x)
        return Outputs(model.decode(draw(mu, log_var)), mu, log_var)

    def loss(x: torch.Tensor) -> torch.Tensor:
        q = model.encode(x)
        z = draw(*q)[None]  # (1, B, L)
        return (model.kl(q, z).sum(-1) - model.log_likelihood(x, z)[0]).mean()

    return Subject(
        x=x,
        forward=forward,
        loss=loss,
        encode=encode,
        decode=model.decode,
        likelihood=model.likelihood,
        sample=lambda n: model.decode(model.prior.sample(n)),
        modules=[model],
        standard=isinstance(model.prior, StandardNormal),
    )
