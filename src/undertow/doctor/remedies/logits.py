"""Cross entropy takes the softmax itself; of probabilities it takes a second one, and its loss has a floor.

log p are logits whose softmax is p, so the loss of log p is the one that was meant.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from undertow.doctor.hand import Hand
from undertow.doctor.remedy import Remedy

LEAST = 1e-30


def apply(hand: Hand, strength: float) -> None:
    """Where a loss that wants logits is given probabilities."""

    def classes(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def loss(x: Tensor, *given: Any, **named: Any) -> Any:
            if _shares(x.detach()):
                hand.did()
                x = x.clamp(min=LEAST).log()
            return original(x, *given, **named)

        return loss

    def binary(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def loss(x: Tensor, *given: Any, **named: Any) -> Any:
            if bool(((x.detach() >= 0) & (x.detach() <= 1)).all()):
                hand.did()
                x = torch.logit(x, eps=1e-7)
            return original(x, *given, **named)

        return loss

    hand.instead(functional, "cross_entropy", classes)
    hand.instead(functional, "binary_cross_entropy_with_logits", binary)


def _shares(x: Tensor) -> bool:
    """Do the classes of each row add up to one?"""
    total = x.sum(1 if x.dim() > 1 else 0)
    return bool((x >= 0).all()) and torch.allclose(total, torch.ones_like(total), atol=1e-4)


REMEDY = Remedy("Give the loss what stands before the softmax (or sigmoid).", apply)
