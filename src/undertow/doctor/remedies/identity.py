"""Rectifiers pass what is positive as it is: with the identity between them, a state stays until it is told otherwise.

A rotation does not do the same there, for the rectifiers cut off what turns negative.

Source: Le, Jaitly & Hinton 2015, "A Simple Way to Initialize Recurrent Networks of Rectified Linear Units".
"""

from __future__ import annotations

import torch
from torch import Tensor

from undertow.doctor.hand import Hand
from undertow.doctor.remedy import Remedy


def apply(hand: Hand, strength: float) -> None:
    """The recurrent matrices that are square, before the first step; those of gates are left."""

    def at_start(parameters: dict[str, Tensor]) -> None:
        for parameter in hand.recurrent(parameters):
            if parameter.dim() == 2 and parameter.shape[0] == parameter.shape[1]:
                parameter.copy_(torch.eye(len(parameter)))
                hand.did()

    hand.at_start(at_start)


REMEDY = Remedy(
    "The identity as the start of the recurrent weights, for rectifiers: nn.init.eye_(weight).", apply
)
