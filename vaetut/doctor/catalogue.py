"""All that the doctor may say: what a finding means, what to change, and where the book tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Entry(NamedTuple):
    """A kind of finding."""

    means: str
    change: str
    section: str  # page#anchor of the book


@dataclass(frozen=True)
class Finding:
    """What the doctor found.

    Attributes
    ----------
    name : str
        Its key in `FAULTS`, `SYMPTOMS` or `NOTES`.
    seen : str
        What was measured, with its numbers.
    """

    name: str
    seen: str

    @property
    def entry(self) -> Entry:
        """Return what the catalogue says."""
        return (FAULTS | SYMPTOMS | NOTES)[self.name]

    @property
    def means(self) -> str:
        """Return what it means."""
        return self.entry.means

    @property
    def change(self) -> str:
        """Return what to do."""
        return self.entry.change

    @property
    def section(self) -> str:
        """Return where the book tells of it, as page#anchor."""
        return self.entry.section

    def __str__(self) -> str:
        """Say what was seen, what it means, what to do, and where to read on."""
        return f"{self.name}: {self.seen}.\n  {self.means}\n  {self.change}\n  See {self.section}"


TRICK = "05_the_reparameterization_trick"
LOSS = "06_the_loss"
WRONG = "10_what_goes_wrong"

FAULTS = {
    "noise-missing": Entry(
        "Without noise, the code is a point: an autoencoder, whose KL only shrinks its codes.",
        "In training, draw z = mu + (0.5 * log_var).exp() * torch.randn_like(mu).",
        TRICK,
    ),
    "noise-frozen": Entry(
        "The same noise every time is no noise: the network learns it by heart.",
        "Draw the noise anew in every call, without a fixed seed or a buffer.",
        TRICK,
    ),
    "noise-shared": Entry(
        "Shared noise is no sample of q(z|x): there, coordinates and examples are independent.",
        "Give the noise the shape of mu: torch.randn_like(mu).",
        TRICK,
    ),
    "sigma-confused": Entry(
        "The code is drawn with another width than the KL charges for.",
        "Let the head be log_var in both: std = (0.5 * log_var).exp(); in the KL, log_var.exp().",
        LOSS,
    ),
    "kl-sign": Entry(
        "The loss rewards codes far from the prior, and falls without end.",
        "Add +0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(1).",
        LOSS,
    ),
    "kl-batch-mean": Entry(
        "The KL of the batch's mean lets single codes lie anywhere, if only their mean is 0.",
        "Take the KL of each example first, and the mean over the batch last.",
        LOSS,
    ),
    "kl-formula": Entry(
        "What stands in the place of the KL is none, and its minimum may be elsewhere.",
        "Use 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(1).",
        LOSS,
    ),
    "kl-other-prior": Entry(
        "Samples are decoded from codes that the encoder was told not to use.",
        "Draw codes from the prior whose KL is in the loss.",
        LOSS,
    ),
    "distortion-sign": Entry(
        "The loss rewards bad reconstructions.",
        "The loss is the negative log-likelihood plus the KL.",
        LOSS,
    ),
    "sigmoid-twice": Entry(
        "Twice through a sigmoid, pixels lie between 0.5 and 0.73: none can be black or white.",
        "Return logits from the decoder, and keep binary_cross_entropy_with_logits.",
        LOSS,
    ),
    "sigmoid-missing": Entry(
        "The loss takes the decoder's outputs for probabilities, and they are not.",
        "Keep the decoder as it is, and use binary_cross_entropy_with_logits.",
        LOSS,
    ),
    "log-overflow": Entry(
        "One pixel that is certain and wrong makes the loss infinite, and then every weight NaN.",
        "Use binary_cross_entropy_with_logits on the decoder's outputs before the sigmoid.",
        LOSS,
    ),
    "input-range": Entry(
        "The likelihood is not one of such data.",
        "Divide by the largest value, or take a likelihood for data of this range.",
        "13_your_own_data",
    ),
    "no-gradient": Entry(
        "These parameters never move.",
        "Let the loss depend on them, or take them out.",
        LOSS,
    ),
    "path-detached": Entry(
        "The encoder cannot learn what the decoder needs; it only learns to be cheap.",
        "Look for detach, .data, .item, no_grad, or Normal(...).sample in place of rsample.",
        TRICK,
    ),
    "rows-depend": Entry(
        "The code of an example is no function of it.",
        "Sum over all axes but the first, and let batch norm use its running mean in evaluation.",
        "04_encoder_and_decoder",
    ),
    "code-unread": Entry(
        "The decoder answers the same to every code.",
        "Follow z through the decoder: a wrong variable, a slice, a factor of 0?",
        WRONG,
    ),
    "not-finite": Entry(
        "Nothing can be learned from such a number.",
        "Look at that operation's inputs: the scale of the data, the size of log_var.",
        LOSS,
    ),
}

SYMPTOMS = {
    "collapse": Entry(
        "The code is ignored.",
        "Ask first whether it pays to ignore it; then try KL warm-up or a weaker decoder.",
        WRONG,
    ),
    "dead-coordinates": Entry(
        "These coordinates say nothing. That costs nothing, either.",
        "Leave it, or take fewer latent dimensions.",
        WRONG,
    ),
    "far-codes": Entry(
        "Codes lie where the prior never draws.",
        "Is the KL's weight too small? Then raise it.",
        WRONG,
    ),
    "prior-misfit": Entry(
        "The codes of all data together do not look like the prior: samples will be bad.",
        "Raise the KL's weight, train longer, or fit a prior to the codes.",
        WRONG,
    ),
    "holes": Entry(
        "The prior draws codes that no example has.",
        "Fit a mixture to the codes, or train with a VampPrior.",
        WRONG,
    ),
    "variance-floor": Entry(
        "The decoder is certain of some column.",
        "Leave out columns that are computed from others; stop earlier.",
        "13_your_own_data",
    ),
}

NOTES = {
    "loss": Entry(
        "This is what your loss amounts to.",
        "If you meant it so, change nothing.",
        LOSS,
    ),
    "other-prior": Entry(
        "Codes are pulled towards this prior.",
        "Draw new codes from it; or was N(0, I) meant?",
        LOSS,
    ),
    "batch-weight": Entry(
        "One term is summed over the batch and the other averaged: with other batches, another β.",
        "Sum over each example's values, and average both terms over the batch.",
        LOSS,
    ),
    "prior-unknown": Entry(
        "The doctor knows the symptoms of codes for a normal prior only.",
        "`vaetut.aggregate_posterior` measures the misfit of any prior.",
        WRONG,
    ),
    "no-kl": Entry(
        "The loss does not depend on mu or the head but through the reconstruction: β = 0.",
        "If you meant it so, change nothing.",
        LOSS,
    ),
    "unknown-loss": Entry(
        "The loss has a part that the doctor does not know.",
        "Check by hand that it is what you meant.",
        LOSS,
    ),
}
