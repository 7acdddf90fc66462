"""Recipes: how to train, every choice in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .checks import brief, check_choice, check_count, check_flag, check_number, check_widths
from .likelihoods import Likelihood
from .model import VAE
from .networks import ACTIVATIONS
from .noise import WEIGHTS, make_generator
from .priors import Prior

# "-stl" (Roeder et al. 2017) and "-dreg" (Tucker et al. 2019): with less noise in the gradient
# once q is near the posterior; before, "-stl" may have more.
OBJECTIVES = ("elbo", "elbo-stl", "iwae", "iwae-dreg")
OPTIMIZERS = ("adam", "muon")
# A cycle goes up from a 25th of the peak, then down towards zero (Smith & Topin 2017), in half
# waves of a cosine or in straight lines.
SCHEDULES = ("constant", "one-cycle", "one-cycle-linear")
PRECISIONS = ("float32", "bf16", "auto")
_CHOICES: dict[str, tuple[str | None, ...] | dict[str, Any]] = {
    "activation": ACTIVATIONS,
    "binarize": (None, "dynamic"),
    "objective": OBJECTIVES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "precision": PRECISIONS,
}


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
    # Start a fresh decoder's bias where it fits the data well without a code, as at their mean:
    # where the likelihood has a `start` (the Gaussian has none) and the decoder a `begin`.
    center_output: bool = False

    # The data: the first `validation` images are held out, as the article's loader did.
    validation: int = 5000
    binarize: str | None = None  # None: grey values as they are; "dynamic": a new draw every time

    # The objective.
    objective: str = "elbo"  # or "iwae"; with another gradient "elbo-stl", "iwae-dreg"
    num_samples: int = 1  # K, draws of z per image; 1 is enough for a batch of 100 (AEVB, §2.3)
    beta: float = 1.0  # weight of the KL (Higgins et al. 2017); 1 is the ELBO
    kl_warmup_epochs: float = 0.0  # beta grows from 0 over these epochs (Bowman et al. 2016)
    # Nats per coordinate that cost nothing (Kingma et al. 2016, eq. 15); of the whole KL, where a
    # prior's does not split by coordinate.
    free_bits: float = 0.0

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
        checked: dict[str, Any] = {}
        checked["validation"] = check_count(self.validation, "validation", minimum=0)
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
        prior: Prior | None = None,
    ) -> VAE:
        """Return a fresh VAE with the network that this recipe is tuned for."""
        network = (input_dim, latent_dim, self.hidden_dims, self.activation)
        generator = make_generator(seed, WEIGHTS)
        return VAE(*network, likelihood, variance, generator, prior=prior)


# Metzen's tutorial, whose training the article repeats.
ARTICLE = Recipe()

# About the same -ELBO in a fraction of the time, in 20 dimensions, but a higher NLL (appendix H);
# tuned on the validation images.
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
