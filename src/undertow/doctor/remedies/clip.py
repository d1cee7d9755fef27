"""A gradient that is longer than usual keeps its direction and loses its length (Pascanu, Mikolov & Bengio 2013)."""

from __future__ import annotations

import torch

from undertow.doctor.hand import Hand, Stepped
from undertow.doctor.remedy import Remedy


def apply(hand: Hand, strength: float) -> None:
    """Before every step."""

    def before_step(stepped: Stepped) -> None:
        with hand.seen.aside():
            torch.nn.utils.clip_grad_norm_(stepped.parameters, strength)
        hand.did()

    hand.before_step(before_step)


REMEDY = Remedy(
    "Clip the gradient's norm between backward and step: nn.utils.clip_grad_norm_(parameters, 1.0).",
    apply,
    (1.0, 0.1),
    "to a norm of {}",
)
