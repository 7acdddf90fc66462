"""What went wrong with a run whose cost is no number, or makes no sense."""

from __future__ import annotations

from collections.abc import Callable

import torch

from .likelihoods import Likelihood

# No healthy run ends with a cost so many times that of ignorance, for a model can learn to know
# nothing: with zeros for its last weights, the decoder gives one answer, and q(z|x) is N(0, I),
# which costs little under most priors.
FAR = 100


def first_to_leave(steps: torch.Tensor, two_terms: bool) -> str:
    """Say in which step, and by which of its terms, the cost left the finite numbers.

    Parameters
    ----------
    steps : Tensor, shape (S, 3)
        Cost, distortion and rate of every step of an epoch.
    two_terms : bool
        Whether the cost falls into the other two, as the importance-weighted bound does not.

    Returns
    -------
    str
        Empty, where all are finite: it was in another process.
    """
    for step, (cost, *terms) in enumerate(steps.isfinite().tolist(), start=1):
        if cost:
            continue
        if not two_terms:
            return f", step {step}"
        names = {(False, True): "distortion first", (True, False): "rate first"}
        return f", step {step} ({names.get(tuple(terms), 'distortion and rate at once')})"
    return ""


def nonsense(
    likelihood: Likelihood,
    images: torch.Tensor,
    cost: float,
    charged: float,
    advice: Callable[[], str],
) -> str | None:
    """Say so where an epoch's cost, as charged, is far above that of a model without knowledge."""
    ignorant = likelihood.cost_of_ignorance(images).item()
    far = ignorant + (FAR - 1) * max(abs(ignorant), 1)  # a density's cost may be negative
    if charged <= far:
        return None
    return (
        f"the last epoch's cost, {cost:.3g}, makes no sense, since knowing nothing costs about "
        f"{ignorant:.3g}; {advice()}"
    )


def advice(likelihood: Likelihood, images: torch.Tensor, learning_rate: float) -> str:
    """Say what may help against such a cost."""
    slower = f"try a smaller learning_rate (it is {learning_rate:g})"
    if likelihood.kind(images) == "discrete":
        slower += "; with center_output=True, a model of counts begins near them"
    if not likelihood.density:  # its data have a range of their own
        return slower
    x, variance = images.cpu().double(), likelihood.config.get("variance")
    spread = x.nan_to_num().std(0, correction=0).max()
    low, high = x[x.isfinite()].aminmax()
    facts = (
        f"the data reach from {low:.4g} to {high:.4g}, the largest standard deviation "
        f"of a column is {spread:.4g}"
    )
    if variance is None:  # who knows what it takes
        return f"{facts}; {slower}"
    return (
        f"{facts}, and the likelihood's variance is {variance}: standardise the columns; "
        f"where they are, {slower}"
    )
