"""Some derivatives are infinite where the function is finite: of a root at 0, say. A little more than 0 is enough."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from undertow.doctor.hand import Hand
from undertow.doctor.remedy import Remedy
from undertow.doctor.seen.lines import Line, calling_past_us

LEAST = 1e-8
FROM_ZERO = ("sqrt", "rsqrt", "log", "log2", "log10", "reciprocal")
FROM_ENDS = ("acos", "asin", "arccos", "arcsin", "atanh", "arctanh")


def apply(hand: Hand, strength: float) -> None:
    """Where the line that made it calls such a function, keep its argument off the end."""
    place = hand.line

    def guarded(limits: tuple[float | None, float | None]) -> Callable[..., Any]:
        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(original)
            def function(x: Any, *given: Any, **named: Any) -> Any:
                if isinstance(x, Tensor) and x.is_floating_point() and place and calling_past_us() == place:
                    hand.did()
                    x = x.clamp(*limits)
                return original(x, *given, **named)

            return function

        return make

    for names, limits in ((FROM_ZERO, (LEAST, None)), (FROM_ENDS, (-1 + 1e-6, 1 - 1e-6))):
        for name in names:
            for owner in (torch, torch.Tensor):
                hand.instead(owner, name, guarded(limits))
    for name in ("pow", "__pow__"):
        hand.instead(torch.Tensor, name, _roots(hand, place))


def _roots(hand: Hand, place: Line) -> Callable[..., Any]:
    """x ** 0.5 is a root, too."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def power(x: Tensor, exponent: Any) -> Any:
            if isinstance(exponent, float) and exponent < 1 and place and calling_past_us() == place:
                hand.did()
                x = x.clamp(min=LEAST)
            return original(x, exponent)

        return power

    return make


REMEDY = Remedy("Add an epsilon, or mask with torch.where before the operation, not after it.", apply)
