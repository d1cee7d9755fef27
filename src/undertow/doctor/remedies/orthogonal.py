"""An orthogonal matrix neither shrinks nor stretches what passes it, however often.

Sources: Saxe, McClelland & Ganguli 2014; Le, Jaitly & Hinton 2015 (the identity, for rectifiers).
"""

from __future__ import annotations

import torch
from torch import Tensor

from undertow.doctor.hand import Hand
from undertow.doctor.remedy import Remedy


def apply(hand: Hand, strength: float) -> None:
    """The recurrent matrices, before the first step."""

    def at_start(parameters: dict[str, Tensor]) -> None:
        for parameter in hand.recurrent(parameters):
            make_orthogonal(parameter)
            hand.did()

    hand.at_start(at_start)


def make_orthogonal(weight: Tensor) -> None:
    """Every square block; gates stand one after another along the longer axis. A vector of rates is left at 1."""
    if weight.dim() < 2:
        weight.fill_(1.0)
        return
    axis = 0 if weight.shape[0] >= weight.shape[1] else 1
    for block in torch.split(weight, min(weight.shape[:2]), dim=axis):
        block.copy_(torch.nn.init.orthogonal_(torch.empty_like(block)))


REMEDY = Remedy("An orthogonal start of the recurrent weights: nn.init.orthogonal_(weight).", apply)
