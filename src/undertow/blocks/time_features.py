"""Time features: what a network is told of a number that says how far along it is, such as a step of noise.

    [sin(t ω_1), ..., cos(t ω_1), ...],  ω from 1 down to 1/10000;  then linear, SiLU, linear

Sources: the sines, Vaswani et al. 2017; of steps of noise, Ho, Jain & Abbeel 2020. Axes: N rows, F features.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

RANGE = 10_000.0
SCALE = 1000.0  # the last step, whatever its number: so that nets of few steps read as those of a thousand


class TimeFeatures(nn.Module):
    """t [N] from 1 to T as features [N, F].

    Args:
        features: F, an even number.
        steps: T.
    """

    rates: Tensor

    def __init__(self, features: int, steps: int) -> None:
        super().__init__()
        half = features // 2
        rates = torch.exp(-math.log(RANGE) * torch.arange(half, dtype=torch.double) / half)
        self.register_buffer("rates", (rates * SCALE / steps).float(), persistent=False)
        self.inner, self.outer = nn.Linear(2 * half, features), nn.Linear(features, features)

    def forward(self, t: Tensor) -> Tensor:
        """Features, of which blocks take what they need."""
        angles = t[:, None] * self.rates
        waves = torch.cat([angles.sin(), angles.cos()], 1)
        y: Tensor = self.outer(nn.functional.silu(self.inner(waves)))
        return y
