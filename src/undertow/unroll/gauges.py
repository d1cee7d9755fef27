"""Gauges: ‖∂L/∂state_t‖² of every step and row, filled by the backward pass itself."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

UNSEEN = -1.0  # no square; what a gauge holds until a gradient comes, which may be NaN


def blank(x: Tensor, start: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """One gauge [T, B] a field of the state, for a walk over x [T, B, ·]."""
    return tuple(s.new_full(x.shape[:2], UNSEEN) for s in start)


def filled(gauge: Tensor) -> bool:
    """Did a gradient come to any step?"""
    return bool((gauge != UNSEEN).any())


def squares(gauge: Tensor) -> Tensor:
    """The gauge, with 0 where no gradient came."""
    return torch.where(gauge == UNSEEN, 0.0, gauge)
