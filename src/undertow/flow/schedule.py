"""Which steps of training are measured?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

EVERY = 20
SOON = 200  # steps, after which what takes a second pass is done a third as often
LATER = 60
SELDOM = 10  # an interval at which a measured step may cost what it likes, within reason
FIRST = 3  # steps that are measured whatever the interval


class Schedule(Protocol):
    """Asked at the first call of the model in a step."""

    def due(self, step: int) -> bool:
        """Is this one measured?"""

    def whole(self, step: int) -> bool:
        """If so, with what takes a second pass, too?"""

    @property
    def often(self) -> bool:
        """So often that large tensors are seen at some of their numbers only?"""


@dataclass(frozen=True)
class Every:
    """Each so many steps, and the first three."""

    steps: int

    def due(self, step: int) -> bool:
        """Is this one measured?"""
        return step < FIRST or step % self.steps == 0

    def whole(self, step: int) -> bool:
        """Second passes are made at the first step, and each time 20 more are over, later 60."""
        over = EVERY if step <= SOON else LATER
        return step == 0 or (step >= FIRST and step // over > (step - self.steps) // over)

    @property
    def often(self) -> bool:
        """So often that large tensors are seen at some of their numbers only?"""
        return self.steps < SELDOM
