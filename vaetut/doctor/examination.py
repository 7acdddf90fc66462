"""One examination, from the first pass to the list of what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from . import faults, symptoms
from .catalogue import FAULTS, NOTES, SYMPTOMS, Finding
from .formula import describe, find_formula
from .interface import make_subject
from .subject import Subject, untouched


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found.

    Attributes
    ----------
    faults : list of Finding
        What is wrong, whether the model is trained or not.
    symptoms : list of Finding
        What a trained model has come to; none for a fresh one.
    notes : list of Finding
        What the loss amounts to, and what was not examined: of a model that looks untrained, the
        symptoms.
    trained : bool
        Whether the model looks trained, by its gradients and its reconstructions.
    """

    faults: list[Finding]
    symptoms: list[Finding]
    notes: list[Finding]
    trained: bool

    def __str__(self) -> str:
        """Lay all findings out, the worst first."""
        kinds = {"Fault": self.faults, "Symptom": self.symptoms, "Note": self.notes}
        found = [f"{kind}: {finding}" for kind, several in kinds.items() for finding in several]
        unknown = {note.name for note in self.notes} & {"unknown-loss", "draw-unseen"}
        none = "No fault was found" + (" in what could be examined." if unknown else ".")
        first = [] if self.faults else [none]
        return "\n\n".join(first + found)


def diagnose(
    x: torch.Tensor,
    *,
    model: Any = None,
    loss: Callable[..., Any] | None = None,
    encode: Callable[..., Any] | None = None,
    decode: Callable[..., Any] | None = None,
    sample: Callable[..., Any] | None = None,
    **options: Any,
) -> Diagnosis:
    """Look for the usual faults of a VAE, and say what its loss amounts to.

    Nothing is trained, and nothing is changed: weights, buffers, gradients, modes and the random
    states of PyTorch, NumPy and Python are as before. (A generator that is a model's own goes on.)
    It takes about a second for a small model.

    Parameters
    ----------
    x : Tensor, shape (B, ...)
        A batch of training examples, as the model gets them: 8 at least, and a few hundred for the
        symptoms of a trained model. Of more than 512, the first 512 are used.
    model : VAE, or Module or function that returns reconstruction, mu and log_var
        As a tuple, list or dict, with or without the code and the data; from x alone. Their order
        is found out, mu before log_var: that a loss takes the two for each other goes unnoticed.
    loss : Callable, optional
        A function of (reconstruction, x, mu, log_var), as in PyTorch's example; of (x, model) or
        (model, x); or of x. Without it, `model.loss_function(*outputs, **options)`. It returns a
        tensor, or a dict with "loss", or a tuple that begins with it. A `vaetut.VAE` has its own,
        and takes none.
    encode, decode : Callable, optional
        From x to mu and log_var, and from codes to reconstructions. Without `model` both are
        needed; with it, `model.decode` or `model.decoder` serves, if there is one.
    sample : Callable, optional
        From n to n new examples. Without it, the model's own `sample` or `generate`.
    **options
        Handed to `loss`.

    Returns
    -------
    Diagnosis

    Raises
    ------
    TypeError, ValueError
        If it is not clear how the model is run, or its loss fails for another reason than those
        that are looked for.
    """
    subject = make_subject(x, model, loss, encode, decode, sample, options)
    if torch.is_inference_mode_enabled():
        raise ValueError("under torch.inference_mode() there are no gradients; call it outside")
    with untouched(subject.modules), torch.enable_grad():
        subject.leave_out_idle()
        found = list(_examine(subject))
    kinds = {"faults": FAULTS, "symptoms": SYMPTOMS, "notes": NOTES}
    lists = {kind: [f for f in found if f.name in known] for kind, known in kinds.items()}
    return Diagnosis(**lists, trained=subject.trained)


def _examine(subject: Subject) -> Iterator[Finding]:
    subject.set_mode(training=True)
    broken = faults.of_numbers(subject)
    if broken:
        yield broken
        return
    subject.wake()
    subject.to_double()
    one, two = faults.two_passes(subject)
    formula = find_formula(subject)
    noise = list(faults.of_code(subject, one)) or list(faults.of_noise(subject, one, two))
    if not noise:
        drawn = list(faults.of_sigma(one, two, formula))
        noise = [finding for finding in drawn if finding.name in FAULTS]
        yield from (finding for finding in drawn if finding.name in NOTES)
    yield from noise
    yield from faults.of_formula(subject, formula, one)
    if not any(finding.name == "code-unread" for finding in noise):
        yield from faults.of_range(subject, formula, one)
    # Without a code that is drawn as it should be, the second head learns nothing: said already.
    if not noise:
        yield from faults.of_gradients(subject, one)
    yield from faults.of_rows(subject)
    subject.set_mode(training=True)
    subject.trained = symptoms.is_trained(subject, one, formula)
    if not subject.trained:
        yield symptoms.untrained(subject, one)
    elif not noise:
        yield from symptoms.of_codes(subject, one, formula)
        yield from symptoms.of_variance(subject)
    if subject.likelihood is None:
        yield from describe(formula, subject.x)
    else:
        yield Finding("own-loss", f"the {formula.distortion}, plus the KL to its prior")
