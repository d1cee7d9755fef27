"""What suits a text depends on how often it can be read: settings that were left open, by the number of passes.

    few passes     one wide layer learns most in the time there is, and hardly learns by heart
    many passes    two layers, and all that keeps them from learning by heart: dropout, dropped connections, decay

Both ends are measured on tinyshakespeare, 3 and 60 minutes on two cores; in between nothing was.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TypeVar

from undertow.training.options import Training

MANY = 25.0  # passes
SPEED = 25_000.0  # characters a second on two cores: from minutes to passes, before anything is measured
STEPS = 3000  # windows where no budget is given

T = TypeVar("T", bound=Training)


@dataclass(frozen=True)
class Regime:
    """Values of the settings that depend on it."""

    hidden: int
    layers: int
    dropout: float
    weight_drop: float
    weight_decay: float
    learning_rate: float
    average: float


QUICK = Regime(
    hidden=640,
    layers=1,
    dropout=0.2,
    weight_drop=0.2,
    weight_decay=0.0,
    learning_rate=6e-3,
    average=0.998,
)
LONG = Regime(
    hidden=512,
    layers=2,
    dropout=0.4,
    weight_drop=0.4,
    weight_decay=0.2,
    learning_rate=3e-3,
    average=0.999,
)


def passes(options: Training, window_batch: int, characters: int) -> float:
    """About how often the text of so many characters will be read; a step reads `window_batch` of them."""
    if options.epochs is not None:
        return options.epochs
    if options.minutes is not None:
        return 60 * options.minutes * SPEED / max(characters, 1)
    return (options.steps or STEPS) * window_batch / max(characters, 1)


def filled(options: T, regime: Regime) -> T:
    """With the regime's value for whatever is None."""
    open_ones = [f.name for f in fields(regime) if getattr(options, f.name) is None]
    return replace(options, **{name: getattr(regime, name) for name in open_ones})
