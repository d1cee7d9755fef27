"""A step that is longer than the valley is wide climbs its other side."""

from __future__ import annotations

from undertow.doctor.hand import Hand
from undertow.doctor.rates import scale_rate
from undertow.doctor.remedy import Remedy


def apply(hand: Hand, strength: float) -> None:
    """At every step, whatever a schedule does."""
    scale_rate(hand, strength)


REMEDY = Remedy("A learning rate of a tenth, or of a hundredth.", apply, (0.1, 0.01), "x {}")
