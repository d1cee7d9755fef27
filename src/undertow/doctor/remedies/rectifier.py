"""A sigmoid's slope is at most a quarter, a rectifier's is 1: twenty of them leave the gradient as it is.

With He's start (He et al. 2015).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from undertow.doctor.hand import Hand
from undertow.doctor.remedies.initialisation import draw
from undertow.doctor.remedies.norm import NARROW
from undertow.doctor.remedy import Remedy

HE = 2.0  # its gain, squared


def apply(hand: Hand, strength: float) -> None:
    """In the place of sigmoids and hyperbolic tangents of wide layers."""

    def rectified(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def bend(x: Tensor, *given: Any, **named: Any) -> Any:
            if x.dim() < 2 or x.shape[-1] < NARROW:
                return original(x, *given, **named)
            hand.did()
            return x.clamp(min=0)

        return bend

    for name in ("sigmoid", "tanh"):
        for owner in (torch, torch.Tensor, functional):
            hand.instead(owner, name, rectified)
    hand.at_start(lambda parameters: draw(hand, parameters, HE))


REMEDY = Remedy("Rectifiers in the place of sigmoids, with He's start (nn.init.kaiming_normal_).", apply)
