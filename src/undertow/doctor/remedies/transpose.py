"""A network that walks along the rows of a batch mixes samples, and sees each of their steps by itself."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from undertow.doctor.hand import Arguments, Hand
from undertow.doctor.remedy import Remedy

LAYERS, INPUTS = 1.0, 2.0


def apply(hand: Hand, strength: float) -> None:
    """The other batch_first for torch's layers; or inputs with their first two axes changed."""

    def other(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def made(layer: Any, *given: Any, **named: Any) -> None:
            original(layer, *given, **named)
            layer.batch_first = not layer.batch_first
            hand.did()

        return made

    def at_call(network: nn.Module, given: Arguments) -> Arguments | None:
        arguments, named = given
        if not arguments or not isinstance(arguments[0], Tensor) or arguments[0].dim() < 2:
            return None
        hand.did()
        return (arguments[0].transpose(0, 1), *arguments[1:]), named

    if strength == LAYERS:
        hand.instead(nn.RNNBase, "__init__", other)
    else:
        hand.at_call(at_call)


REMEDY = Remedy(
    "batch_first=True, or x.transpose(0, 1), so that the network walks along time.",
    apply,
    (LAYERS, INPUTS),
    "{} (1: the layers, 2: the inputs)",
)
