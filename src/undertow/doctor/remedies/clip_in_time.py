"""A gradient that is clipped after the step was taken with its full length."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from undertow.doctor.hand import Hand, Stepped
from undertow.doctor.remedy import Remedy


def apply(hand: Hand, strength: float) -> None:
    """Clip before every step as the script clips after it; its first call says how, the diagnosis until then."""
    how: dict[str, Any] = _as_told(hand)

    def noting(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def clip(parameters: Any, *given: Any, **named: Any) -> Any:
            how["clip"] = lambda own: original(own, *given, **named)
            return original(parameters, *given, **named)

        return clip

    def before_step(stepped: Stepped) -> None:
        if how:
            with hand.seen.aside():
                how["clip"](stepped.parameters)
            hand.did()

    for name in ("clip_grad_norm_", "clip_grad_value_"):
        hand.instead(torch.nn.utils, name, noting)
    hand.before_step(before_step)


def _as_told(hand: Hand) -> dict[str, Any]:
    """The first step of all is taken before the script has called."""
    ways = {"limit": torch.nn.utils.clip_grad_norm_, "limit_of_each": torch.nn.utils.clip_grad_value_}
    for key, clip in ways.items():
        limit = hand.fault.evidence.get(key)
        if isinstance(limit, int | float) and limit > 0:
            return {"clip": lambda own, clip=clip, limit=limit: clip(own, limit)}
    return {}


REMEDY = Remedy("Move the call that clips between backward and step.", apply)
