"""Normalised sums keep every layer where its units have a slope (Ba, Kiros & Hinton 2016)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.nn import functional

from undertow.doctor.hand import Hand
from undertow.doctor.remedy import Remedy

NARROW = 8  # what has fewer features is an answer, and no layer


def apply(hand: Hand, strength: float) -> None:
    """Of what every wide linear map gives, over its features; nothing is learned in it."""

    def normed(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def linear(*given: Any, **named: Any) -> Tensor:
            y: Tensor = original(*given, **named)
            if y.shape[-1] < NARROW:
                return y
            hand.did()
            return functional.layer_norm(y, y.shape[-1:])

        return linear

    hand.instead(functional, "linear", normed)


REMEDY = Remedy("Normalisation between the layers: nn.LayerNorm or nn.BatchNorm.", apply)
