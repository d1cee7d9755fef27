"""What each step of a walk starts from, and which steps lie within a row. T time steps, B batch rows."""

from __future__ import annotations

import torch
from torch import Tensor


def alive(steps: int, lengths: Tensor) -> Tensor:
    """[T, B]: does step t lie within row b?"""
    return torch.arange(steps, device=lengths.device)[:, None] < lengths


def before(start: Tensor, states: Tensor, reverse: bool) -> Tensor:
    """[T, B, ·], one field of the state: what every step starts from."""
    return torch.cat([states[1:], start[None]] if reverse else [start[None], states[:-1]])
