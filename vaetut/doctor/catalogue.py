"""All that the doctor may say: what a finding means, what to change, and where the book tells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

ENOUGH = 50  # examples, below which the codes' distribution is not known well enough
IDLE = 0.01  # nats: a coordinate with less says nothing
FAR = 3.0  # root mean square of a coordinate of the codes; 1 under N(0, I)
APART = 1.5  # factor between the variance of the codes and that of the prior
HOLE = 5.0  # in a hole, the prior is denser than the codes by this factor or more
MORE = 0.25  # share of the prior's draws in holes, beyond that of new codes
FLOOR = 1e-4  # of a variance of columns in units of about 1


class Entry(NamedTuple):
    """A kind of finding."""

    means: str
    change: str
    section: str  # page#anchor of the book
    measured: str = ""  # of a symptom: what is measured, and from where on it is one


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


ENCODER = "04_encoder_and_decoder"
TRICK = "05_the_reparameterization_trick"
LOSS = "06_the_loss"
WRONG = "10_what_goes_wrong"
DATA = "13_your_own_data"
PRICE = f"{LOSS}#the-price-of-a-code"
PIXELS = f"{LOSS}#black-or-white-bernoulli"

FAULTS = {
    "noise-missing": Entry(
        "Without noise, the code is a point: an autoencoder, whose KL only shrinks its codes.",
        "In training, draw z = mu + (0.5 * log_var).exp() * torch.randn_like(mu).",
        f"{TRICK}#one-line-of-code",
    ),
    "noise-frozen": Entry(
        "The same noise every time is no noise: the network learns it by heart.",
        "Draw the noise anew in every call, without a fixed seed or a buffer.",
        f"{TRICK}#one-draw-or-many",
    ),
    "noise-shared": Entry(
        "Shared noise is no sample of q(z|x): there, coordinates and examples are independent.",
        "Give the noise the shape of mu: torch.randn_like(mu).",
        f"{TRICK}#in-many-dimensions",
    ),
    "noise-other": Entry(
        "The KL is that of normal noise, and this is another.",
        "Draw it with torch.randn_like(mu); torch.rand_like is uniform between 0 and 1.",
        f"{TRICK}#one-line-of-code",
    ),
    "sigma-confused": Entry(
        "The code is drawn with another width than the KL charges for.",
        "Let the head be log_var in both: std = (0.5 * log_var).exp(); in the KL, log_var.exp().",
        f"{TRICK}#why-the-log-variance",
    ),
    "kl-sign": Entry(
        "The loss rewards codes far from the prior, and falls without end.",
        "In its place, add 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(1).",
        PRICE,
    ),
    "kl-batch-mean": Entry(
        "The KL of the batch's mean lets single codes lie anywhere, if only their mean is 0.",
        "Take the KL of each example first, and the mean over the batch last.",
        PRICE,
    ),
    "kl-formula": Entry(
        "What stands in the place of the KL is none, and its minimum may be elsewhere.",
        "Use 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(1).",
        PRICE,
    ),
    "kl-other-prior": Entry(
        "Samples are decoded from codes that the encoder was told not to use.",
        "Draw codes from the prior whose KL is in the loss.",
        f"{ENCODER}#prior-and-posterior",
    ),
    "distortion-sign": Entry(
        "The loss rewards bad reconstructions.",
        "The loss is the negative log-likelihood plus the KL.",
        f"{LOSS}#why-their-sum",
    ),
    "sigmoid-twice": Entry(
        "Twice through a sigmoid, pixels lie between 0.5 and 0.73: none can be black or white.",
        "Return logits from the decoder, and keep binary_cross_entropy_with_logits.",
        PIXELS,
    ),
    "sigmoid-missing": Entry(
        "The loss takes the decoder's outputs for probabilities, and they are not.",
        "Keep the decoder as it is, and use binary_cross_entropy_with_logits.",
        PIXELS,
    ),
    "log-overflow": Entry(
        "One pixel that is certain and wrong makes the loss infinite, and then every weight NaN.",
        "Use binary_cross_entropy_with_logits on the decoder's outputs before the sigmoid.",
        PIXELS,
    ),
    "input-range": Entry(
        "The likelihood is not one of such data.",
        "Divide by the largest value, or take a likelihood for data of this range.",
        f"{DATA}#which-likelihood",
    ),
    "no-gradient": Entry(
        "These parameters never move.",
        "Let the loss depend on them, or take them out.",
        f"{TRICK}#where-the-gradient-stops",
    ),
    "zero-gradient": Entry(
        "On these examples nothing comes through: units are dead or saturated, or a factor is 0.",
        "If training brought it about, begin anew: data of scale 1, a lower learning rate.",
        f"{TRICK}#where-the-gradient-stops",
    ),
    "path-detached": Entry(
        "The encoder cannot learn what the decoder needs; it only learns to be cheap.",
        "Look for detach, .data, .item, no_grad, or Normal(...).sample in place of rsample.",
        f"{TRICK}#where-the-gradient-stops",
    ),
    "rows-depend": Entry(
        "The code of an example is no function of it.",
        "Sum over all axes but the first, and let batch norm use its running mean in evaluation.",
        f"{ENCODER}#an-encoder-one-function-for-all-images",
    ),
    "code-unread": Entry(
        "The decoder answers the same to every code.",
        "Follow z through the decoder: a wrong variable, a slice, a factor of 0?",
        f"{WRONG}#when-the-code-is-ignored",
    ),
    "not-finite": Entry(
        "Nothing can be learned from such a number.",
        "Look at that operation's inputs: the scale of the data, the size of log_var.",
        PIXELS,
    ),
}

SYMPTOMS = {
    "collapse": Entry(
        "The code is ignored.",
        "Ask first whether it pays to ignore it; then try KL warm-up or a weaker decoder.",
        f"{WRONG}#when-the-code-is-ignored",
        f"The KL of each coordinate, averaged over the examples: each below {IDLE} nats.",
    ),
    "dead-coordinates": Entry(
        "These coordinates say nothing, and cost no rate.",
        "Train with KL warm-up. If -ELBO is then lower and fewer are dead, the first training was "
        "not the best; if not, that proves nothing.",
        f"{WRONG}#how-many-latent-dimensions",
        f"The same: some below {IDLE} nats, others not.",
    ),
    "far-codes": Entry(
        "Some codes, or many, lie where the prior hardly ever draws.",
        "Train longer. Is the KL's weight zero, or so small that it hardly pulls? Then raise it.",
        f"{WRONG}#one-plane-for-all-models",
        f"The root mean square of a coordinate of z ~ q(z|x): beyond {FAR:g}; the prior's is 1.",
    ),
    "prior-misfit": Entry(
        "The codes of all data together do not look like the prior: samples may be bad.",
        "Train longer, or fit a prior to the codes. A small weight of the KL pulls weakly, and "
        "takes longer.",
        f"{WRONG}#a-prior-that-follows-the-codes",
        f"The variance of a coordinate of z ~ q(z|x): over {APART:g} times the prior's, or under "
        f"1/{APART:g}.",
    ),
    "holes": Entry(
        "The prior draws codes where those of examples are rare.",
        "Fit a mixture to the codes, or train with a VampPrior.",
        f"{WRONG}#where-the-prior-has-holes",
        f"The share of the prior's draws where q(z) has less than 1/{HOLE:g} of its density: over "
        f"{MORE:g} more than the share of new codes there.",
    ),
    "variance-floor": Entry(
        "The decoder is certain of some column.",
        "Leave out columns that are computed from others; stop earlier.",
        f"{DATA}#what-to-look-at-first-when-it-fails",
        f"A learned log-variance of the decoder: below {math.log(FLOOR):.1f}.",
    ),
}

NOTES = {
    "loss": Entry(
        "This is what your loss amounts to.",
        "If you meant it so, change nothing.",
        f"{LOSS}#sum-or-mean",
    ),
    "own-loss": Entry(
        "A β that such a model was trained with is part of the recipe, and not of the model.",
        "Compare models by this loss, whatever β they were trained with.",
        f"{LOSS}#all-of-it",
    ),
    "draw-unseen": Entry(
        "Whether the code is drawn as the KL takes it to be was not examined.",
        "Draw its noise by PyTorch, and let z have the shape of mu.",
        f"{TRICK}#one-line-of-code",
    ),
    "untrained": Entry(
        "The model looks as if it had not been trained: symptoms were not looked for.",
        "If it was trained, it has learned next to nothing: is the code ignored?",
        f"{WRONG}#when-the-code-is-ignored",
    ),
    "other-prior": Entry(
        "Codes are pulled towards this prior.",
        "Draw new codes from it; or was N(0, I) meant?",
        f"{ENCODER}#prior-and-posterior",
    ),
    "batch-weight": Entry(
        "One term is summed over the batch and the other averaged: with other batches, another β.",
        "Sum over each example's values, and average both terms over the batch.",
        f"{LOSS}#sum-or-mean",
    ),
    "prior-unknown": Entry(
        "The doctor knows the symptoms of codes for a normal prior only.",
        "`vaetut.aggregate_posterior` measures the misfit of any prior.",
        f"{WRONG}#where-the-prior-has-holes",
    ),
    "no-kl": Entry(
        "The loss does not depend on mu or the head but through the reconstruction: β = 0.",
        "If you meant it so, change nothing.",
        f"{WRONG}#one-plane-for-all-models",
    ),
    "unknown-loss": Entry(
        "The loss has a part that the doctor does not know.",
        "Check by hand that it is what you meant.",
        f"{LOSS}#all-of-it",
    ),
}
