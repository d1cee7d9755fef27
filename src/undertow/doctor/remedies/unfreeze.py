"""What requires no gradient does not learn."""

from __future__ import annotations

from torch import Tensor

from undertow.doctor.hand import Hand, Stepped
from undertow.doctor.remedy import Remedy


def apply(hand: Hand, strength: float) -> None:
    """Every parameter of every network learns, from the first step on."""

    def thaw(parameters: list[Tensor]) -> None:
        for parameter in parameters:
            if not parameter.requires_grad and parameter.is_floating_point():
                parameter.requires_grad_(True)
                hand.did()

    def before_step(stepped: Stepped) -> None:
        own = list(hand.seen.books.parameters().values())
        thaw(own)
        held = {id(p) for p in stepped.parameters} | set(hand.seen.books.held)
        if stepped.optimizer is not None:
            stepped.optimizer.param_groups[0]["params"].extend(p for p in own if id(p) not in held)
            hand.seen.books.held.update({id(p): p for p in own})

    hand.at_start(lambda parameters: thaw([*parameters.values(), *hand.seen.books.parameters().values()]))
    hand.before_step(before_step)


REMEDY = Remedy("requires_grad_(True) on what is to be trained, before the optimizer is made.", apply)
