"""Where a tensor is detached, nothing before it learns."""

from __future__ import annotations

from undertow.doctor.detaching import keep_where
from undertow.doctor.hand import Hand
from undertow.doctor.remedy import Remedy
from undertow.doctor.seen.lines import calling_past_us


def apply(hand: Hand, strength: float) -> None:
    """The line that was named detaches nothing any more."""
    place = hand.line
    keep_where(hand, lambda tensor: bool(place) and calling_past_us() == place)


REMEDY = Remedy("Take out the detach (or .data, .item(), no_grad) between this part and the loss.", apply)
