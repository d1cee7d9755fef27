"""A leaky rectifier has a gradient on both sides: a unit that is off can come back (Maas, Hannun & Ng 2013)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from undertow.doctor.hand import Hand
from undertow.doctor.remedy import Remedy

SLOPE = 0.01


def apply(hand: Hand, strength: float) -> None:
    """In the place of every rectifier."""

    def leaky(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def rectify(x: Tensor, *given: Any, **named: Any) -> Tensor:
            hand.did()
            return functional.leaky_relu(x, SLOPE)

        return rectify

    def from_below(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def clamp(x: Tensor, min: Any = None, max: Any = None) -> Tensor:
            if min == 0 and max is None and x.is_floating_point():
                hand.did()
                return functional.leaky_relu(x, SLOPE)
            return original(x, min, max)  # type: ignore[no-any-return]

        return clamp

    for owner in (torch, torch.Tensor, functional):
        hand.instead(owner, "relu", leaky)
    for owner in (torch, torch.Tensor):
        for name in ("clamp", "clamp_min"):
            hand.instead(owner, name, from_below)


REMEDY = Remedy("A leaky rectifier: nn.LeakyReLU(0.01).", apply)
