"""What no optimizer holds stays as it began; it is given to the first one."""

from __future__ import annotations

from torch import Tensor

from undertow.doctor.hand import Hand, Stepped
from undertow.doctor.remedy import Remedy


def apply(hand: Hand, strength: float) -> None:
    """Before the first step, when every optimizer is made."""
    wanted = hand.fault.evidence.get("parameters")
    names = set(wanted) if isinstance(wanted, list) else set()

    def before_step(stepped: Stepped) -> None:
        if hand.changed or stepped.optimizer is None:
            return
        missing: list[Tensor] = [
            p
            for name, p in hand.seen.books.parameters().items()
            if name in names and p.requires_grad and id(p) not in hand.seen.books.held
        ]
        stepped.optimizer.param_groups[0]["params"].extend(missing)
        hand.did(len(missing))

    hand.before_step(before_step)


REMEDY = Remedy("Give the optimizer these parameters, too: make it after the last module is made.", apply)
