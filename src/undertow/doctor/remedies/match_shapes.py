"""(N, 1) against (N,) makes a table of N x N differences: every guess is compared with every answer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from undertow.doctor.hand import Hand
from undertow.doctor.remedy import Remedy
from undertow.doctor.seen.lines import calling_past_us
from undertow.doctor.seen.looks import PLAIN_LOSSES


def apply(hand: Hand, strength: float) -> None:
    """Targets take the shape of outputs, where they hold as many numbers."""
    place = hand.line

    def losses(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def loss(x: Tensor, y: Tensor, *given: Any, **named: Any) -> Any:
            return original(x, _like(hand, x, y), *given, **named)

        return loss

    def differences(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def difference(x: Tensor, y: Any, *given: Any, **named: Any) -> Any:
            if isinstance(y, Tensor) and place and calling_past_us() == place:
                y = _like(hand, x, y)
            return original(x, y, *given, **named)

        return difference

    for name in PLAIN_LOSSES:
        if name not in ("cross_entropy", "nll_loss"):
            hand.instead(functional, name, losses)
    for owner, name in ((torch.Tensor, "__sub__"), (torch.Tensor, "sub"), (torch, "sub")):
        hand.instead(owner, name, differences)


def _like(hand: Hand, x: Tensor, y: Tensor) -> Tensor:
    if x.shape == y.shape or x.numel() != y.numel():
        return y
    hand.did()
    return y.reshape(x.shape)


REMEDY = Remedy("Bring outputs and targets to one shape before the loss.", apply)
