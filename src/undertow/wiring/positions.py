"""Positions: what a step is told of its place in the sequence, added to its features.

    sines      P[t, 2k] = sin(t / 10000^(2k/F))    P[t, 2k+1] = cos(t / 10000^(2k/F))
    learned    a row a place; places beyond the last one learned share its row

Self-attention alone cannot tell one order of its inputs from another; a recurrence can.
Sources: Vaswani et al. 2017; learned rows, Gehring et al. 2017. Axes: T steps, B rows, F features.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from undertow.errors import SettingError

KINDS = ("none", "sines", "learned")
LONGEST = 512  # places that are learned


class Positions(nn.Module):
    """Adds them to features [T, B, F].

    Args:
        how: none, sines or learned.
        size: F.

    Raises:
        SettingError: no such kind.
    """

    def __init__(self, how: str, size: int) -> None:
        super().__init__()
        if how not in KINDS:
            raise SettingError(f"positions must be one of {', '.join(KINDS)}, got {how!r}.")
        self.how, self.size = how, size
        if how == "learned":
            self.rows = nn.Parameter(torch.randn(LONGEST, size) * 0.1)

    def forward(self, x: Tensor) -> Tensor:
        """As many as there are steps."""
        if self.how == "none":
            return x
        steps = torch.arange(len(x), device=x.device)
        if self.how == "learned":
            return x + self.rows[steps.clamp(max=LONGEST - 1)][:, None]
        return x + sines(len(x), self.size).to(x)[:, None]

    def extra_repr(self) -> str:
        return self.how


def sines(steps: int, size: int) -> Tensor:
    """[T, F]."""
    pairs = torch.arange(0, size, 2, dtype=torch.double)
    angles = torch.arange(steps)[:, None] * torch.exp(-math.log(10_000) * pairs / size)
    found = torch.zeros(steps, size, dtype=torch.double)
    found[:, 0::2] = angles.sin()
    found[:, 1::2] = angles.cos()[:, : size // 2]
    return found
