"""What a training run has seen, epoch by epoch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from .checks import check_real
from .files import write_file


@dataclass
class History:
    """What a run has seen: one entry per finished epoch in each list; nats per image.

    The cost is -ELBO, averaged over the epoch while the weights move: `distortion`,
    -E_q[log p(x|z)], plus `rate`, KL(q(z|x) || p(z)), whatever weight the recipe gives the rate.
    For "iwae" it is the negative bound, which does not fall into the two; they are NaN.
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
