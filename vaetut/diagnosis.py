"""What went wrong with a run whose cost is no number, or makes no sense."""

from __future__ import annotations

import torch

from .history import History
from .likelihoods import Likelihood
from .recipe import Recipe

# No healthy run ends with a cost so many times that of ignorance, for a model can learn to know
# nothing: with zeros for its last weights, q(z|x) is the prior, and the decoder's answer is 0.
FAR = 100


def first_to_leave(steps: list[torch.Tensor], recipe: Recipe) -> str:
    """Say in which step, and by which of its terms, the cost left the finite numbers.

    Parameters
    ----------
    steps : list of Tensor, shape (3,)
        Cost, distortion and rate of every step of an epoch.
    recipe : Recipe

    Returns
    -------
    str
        Empty, where all are finite: it was in another process.
    """
    for step, (cost, *terms) in enumerate(torch.stack(steps).isfinite().tolist(), start=1):
        if cost:
            continue
        if recipe.objective.startswith("iwae"):  # its cost does not fall into two terms
            return f", step {step}"
        names = {(False, True): "distortion first", (True, False): "rate first"}
        return f", step {step} ({names.get(tuple(terms), 'distortion and rate at once')})"
    return ""


def nonsense(
    likelihood: Likelihood, images: torch.Tensor, recipe: Recipe, history: History
) -> str | None:
    """Say so where the last epoch ended far above what a model without knowledge pays."""
    if not history.cost:
        return None
    cost, beta = history.cost[-1], recipe.beta
    charged = cost if beta == 1 else cost + (beta - 1) * history.rate[-1]
    ignorant = likelihood.cost_of_ignorance(images).item()
    if charged <= FAR * ignorant:
        return None
    return (
        f"the last epoch's cost, {cost:.3g}, makes no sense, since knowing nothing costs about "
        f"{ignorant:.3g}; {advice(likelihood, images, recipe)}"
    )


def advice(likelihood: Likelihood, images: torch.Tensor, recipe: Recipe) -> str:
    """Say what may help against such a cost."""
    slower = f"try a smaller learning_rate (it is {recipe.learning_rate:g})"
    if not likelihood.density:  # its data have a range of their own
        return slower
    x, variance = images.cpu().double(), likelihood.config.get("variance", "its own")
    spread = x.nan_to_num().std(0, correction=0).max()
    low, high = x[x.isfinite()].aminmax()
    return (
        f"the data reach from {low:.4g} to {high:.4g}, the largest standard deviation "
        f"of a column is {spread:.4g}, and the likelihood's variance "
        f"is {variance}: standardise the columns; where they are, {slower}"
    )
