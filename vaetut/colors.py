"""The colours of the whole book: in figures, drawings and pages."""

# One colour per digit. Lightness varies with hue, so that the ten differ for colour-blind eyes too:
# any two are 33 apart in CIE Lab, and 21 in the worst simulated deficiency, where common palettes
# fall below 8. Digits that meet in latent space (4 and 9, 3 and 5) are among the furthest apart.
PALETTE = (
    "#0080aa",
    "#b87171",
    "#806300",
    "#47c6c6",
    "#8eb863",
    "#4747aa",
    "#47552a",
    "#c68eff",
    "#b8b81c",
    "#9c0063",
)

# One colour per distribution, the same in every chapter, each at least 3:1 against white.
COLORS = {
    "data": "#222222",
    "prior": "#3d8bd4",  # p(z)
    "posterior": "#d55e00",  # q(z|x)
    "likelihood": "#00664b",  # p(x|z)
    "model": "#7b2d8e",  # p(x), and what is measured on the model as a whole
}
