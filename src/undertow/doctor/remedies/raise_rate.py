"""Steps that are too short get nowhere in the time there is."""

from __future__ import annotations

from undertow.doctor.hand import Hand
from undertow.doctor.rates import scale_rate
from undertow.doctor.remedy import Remedy


def apply(hand: Hand, strength: float) -> None:
    """At every step, whatever a schedule does."""
    scale_rate(hand, strength)


REMEDY = Remedy("A learning rate ten to a thousand times as large.", apply, (10.0, 100.0, 1000.0), "x {}")
