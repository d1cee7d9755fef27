"""Normalised sums keep every layer where its units have a slope (Ba, Kiros & Hinton 2016)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from undertow.doctor.hand import Hand
from undertow.doctor.remedy import Remedy

NARROW = 8  # what has fewer features is an answer, and no layer


def apply(hand: Hand, strength: float) -> None:
    """Of what every wide linear map gives, over its features, but for the last one's; nothing is learned in it.

    Which is the last is seen in the first batch, that is left as it is.
    """
    called: list[int] = []
    answers: set[int] = set()

    def at_loss(root: Tensor) -> Tensor:
        if called and not answers:
            answers.add(called[-1])
        return root

    def normed(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def linear(x: Any, weight: Any, *given: Any, **named: Any) -> Tensor:
            y: Tensor = original(x, weight, *given, **named)
            if not answers and torch.is_grad_enabled():
                called.append(id(weight))
            if not answers or id(weight) in answers or y.shape[-1] < NARROW:
                return y
            hand.did()
            return functional.layer_norm(y, y.shape[-1:])

        return linear

    hand.at_loss(at_loss)
    hand.instead(functional, "linear", normed)


REMEDY = Remedy("Normalisation between the layers: nn.LayerNorm or nn.BatchNorm.", apply)
