"""Steps that are longer or shorter than the script would take them."""

from __future__ import annotations

from typing import Any

from undertow.doctor.hand import Hand, Stepped


def scale_rate(hand: Hand, factor: float) -> None:
    """Every learning rate while a step is taken; where the script steps its weights itself, every gradient."""
    before: list[Any] = []

    def begins(stepped: Stepped) -> None:
        hand.did()
        if stepped.optimizer is None:
            for parameter in stepped.parameters:
                if parameter.grad is not None:
                    parameter.grad.mul_(factor)
            return
        before[:] = [group["lr"] for group in stepped.optimizer.param_groups]
        for group in stepped.optimizer.param_groups:
            group["lr"] = group["lr"] * factor

    def ended(stepped: Stepped) -> None:
        if stepped.optimizer is not None:
            for group, rate in zip(stepped.optimizer.param_groups, before, strict=True):
                group["lr"] = rate

    hand.before_step(begins)
    hand.after_step(ended)
