"""An optimizer goes downhill: what is to fall must be handed to it as it is."""

from __future__ import annotations

from torch import Tensor

from undertow.doctor.hand import Hand
from undertow.doctor.remedy import Remedy


def apply(hand: Hand, strength: float) -> None:
    """Before every backward pass."""

    def at_loss(root: Tensor) -> Tensor:
        hand.did()
        return -root

    hand.at_loss(at_loss)


REMEDY = Remedy("Take the minus away from the loss (or maximize=True from the optimizer).", apply)
