"""Gradients add up until they are cleared: a step is to take those of its own batch."""

from __future__ import annotations

from undertow.doctor.hand import Hand, Stepped
from undertow.doctor.remedy import Remedy


def apply(hand: Hand, strength: float) -> None:
    """After every step."""

    def after_step(stepped: Stepped) -> None:
        for parameter in stepped.parameters:
            parameter.grad = None
        hand.did()

    hand.after_step(after_step)


REMEDY = Remedy("optimizer.zero_grad() before backward, once a step.", apply)
