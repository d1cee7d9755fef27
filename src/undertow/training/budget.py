"""How much is left? A budget of steps or of wall time, and the learning rate along it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from undertow.training.options import Training


@dataclass(frozen=True)
class Budget:
    """Steps, or seconds of wall time; exactly one is given."""

    steps: int | None = None
    seconds: float | None = None

    def progress(self, step: int, seconds: float) -> float:
        """Share of the budget that is used, from 0 to 1."""
        used = step / self.steps if self.steps else seconds / (self.seconds or math.inf)
        return min(1.0, used)


def budget_of(options: Training, steps_per_epoch: int, default_epochs: float) -> Budget:
    """What was asked for, or else the recipe's own number of epochs."""
    if options.minutes is not None:
        return Budget(seconds=60 * options.minutes)
    if options.steps is not None:
        return Budget(steps=options.steps)
    epochs = default_epochs if options.epochs is None else options.epochs
    return Budget(steps=max(1, round(epochs * steps_per_epoch)))


def rate(options: Training, progress: float) -> float:
    """The learning rate at this share of the budget: linear warm-up, then decay to final_rate."""
    peak = options.learning_rate
    if progress < options.warmup:
        return peak * max(progress, 1e-3 * options.warmup) / options.warmup
    if options.decay == "none":
        return peak
    after = (progress - options.warmup) / (1 - options.warmup)
    share = (1 + math.cos(math.pi * after)) / 2 if options.decay == "cosine" else 1 - after
    return peak * (options.final_rate + (1 - options.final_rate) * share)
