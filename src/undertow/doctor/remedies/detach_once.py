"""A state that is detached at every step takes no gradient back; detached once a window it does."""

from __future__ import annotations

from torch import Tensor

from undertow.doctor.detaching import keep_where
from undertow.doctor.hand import Hand
from undertow.doctor.remedy import Remedy
from undertow.doctor.seen.lines import calling_past_us


def apply(hand: Hand, strength: float) -> None:
    """What was made since the last step keeps its graph."""

    def fresh(tensor: Tensor) -> bool:
        made_now = tensor.grad_fn is not None and tensor.grad_fn._sequence_nr() >= hand.seen.books.since
        return made_now and tensor.dim() > 0 and bool(calling_past_us())

    keep_where(hand, fresh)


REMEDY = Remedy("Detach the state once a window, not at every step.", apply)
