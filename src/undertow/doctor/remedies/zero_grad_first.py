"""Gradients that are cleared between backward and step are never used."""

from __future__ import annotations

from torch import Tensor

from undertow.doctor.hand import Hand, Stepped
from undertow.doctor.remedy import Remedy


def apply(hand: Hand, strength: float) -> None:
    """A step takes the gradients that the last backward pass gave, and clears them."""
    kept: dict[int, Tensor] = {}

    def after_backward(parameters: list[Tensor]) -> None:
        kept.update({id(p): p.grad.clone() for p in parameters if p.grad is not None})

    def before_step(stepped: Stepped) -> None:
        for parameter in stepped.parameters:
            if id(parameter) in kept:
                parameter.grad = kept.pop(id(parameter))
                hand.did()

    def after_step(stepped: Stepped) -> None:
        for parameter in stepped.parameters:
            parameter.grad = None

    hand.after_backward(after_backward)
    hand.before_step(before_step)
    hand.after_step(after_step)


REMEDY = Remedy(
    "Move optimizer.zero_grad() to before backward: behind it, it clears what the step needs.", apply
)
