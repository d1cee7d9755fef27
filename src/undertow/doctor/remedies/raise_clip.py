"""A limit far below the usual gradient takes the length from every step, not from the odd one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from undertow.doctor.hand import Hand
from undertow.doctor.remedy import Remedy


def apply(hand: Hand, strength: float) -> None:
    """Where the script clips, by a limit of the size of the usual gradient."""
    told = [hand.fault.evidence.get(key) for key in ("limit", "norm_over_limit")]
    limit, over = (float(n) if isinstance(n, int | float) else 1.0 for n in told)

    def clipping(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def clip(parameters: Any, *given: Any, **named: Any) -> Any:
            hand.did()
            given, name = given[1:], "max_norm" if "norm" in original.__name__ else "clip_value"
            return original(parameters, *given, **{**named, name: limit * over * strength})

        return clip

    for name in ("clip_grad_norm_", "clip_grad_value_"):
        hand.instead(torch.nn.utils, name, clipping)


REMEDY = Remedy(
    "A limit of the size of the usual gradient.", apply, (1.0, 0.1, 0.01), "{} of its usual length"
)
