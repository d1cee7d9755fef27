"""Near an eigenvalue of 1 the loss is steep in the recurrent weights alone: only their steps must be shorter."""

from __future__ import annotations

from torch import Tensor

from undertow.doctor.hand import Hand, Stepped
from undertow.doctor.remedy import Remedy


def apply(hand: Hand, strength: float) -> None:
    """Recurrent weights go only a part of each step."""
    recurrent: list[Tensor] = []
    before: list[Tensor] = []

    def at_start(parameters: dict[str, Tensor]) -> None:
        recurrent.extend(hand.recurrent(parameters))

    def begins(stepped: Stepped) -> None:
        if stepped.optimizer is None:
            for parameter in recurrent:
                if parameter.grad is not None:
                    parameter.grad.mul_(strength)
                    hand.did()
            return
        before[:] = [parameter.detach().clone() for parameter in recurrent]

    def ended(stepped: Stepped) -> None:
        if stepped.optimizer is None:
            return
        for parameter, old in zip(recurrent, before, strict=True):
            parameter.data.lerp_(old, 1 - strength)
            hand.did()

    hand.at_start(at_start)
    hand.before_step(begins)
    hand.after_step(ended)


REMEDY = Remedy(
    "A lower learning rate for the recurrent weights, or the logarithm of the decay as parameter.",
    apply,
    (0.1, 0.01),
    "x {}",
)
