"""A noise predictor for points: residual blocks over their features, each told of the step.

    h = W [x, sin(ω x), cos(ω x)],   h ← h + V silu(U norm(h) + S silu(e_t)),   ε = R silu(norm(h))

ω is π/2 times 1, 2, 4, 8: of coordinates alone, what lies close together would be told apart late. e_t are the step's
features; V begins at 0, so that blocks begin as nothing. Sources: Ho, Jain & Abbeel 2020, whose U-Net this is without
places; waves of coordinates, Tancik et al. 2020. Axes: N rows, D numbers of a point, F features.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from undertow.blocks.time_features import TimeFeatures

BLOCKS = 4
OCTAVES = 4  # of waves


class TimedBlock(nn.Module):
    """h ← h + V silu(U norm(h) + S silu(e_t)), of h [N, F].

    Args:
        width: F.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner, self.time = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.outer = nn.Linear(width, width)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, h: Tensor, time: Tensor) -> Tensor:
        y: Tensor = h + self.outer(functional.silu(self.inner(self.norm(h)) + self.time(time)))
        return y


class PointNoise(nn.Module):
    """ε_θ [N, D] of points x [N, D] and steps t [N].

    Args:
        numbers: D.
        steps: T.
        width: F.
    """

    rates: Tensor

    def __init__(self, numbers: int, steps: int, width: int = 128) -> None:
        super().__init__()
        self.time = TimeFeatures(width, steps)
        self.register_buffer("rates", math.pi / 2 * 2.0 ** torch.arange(OCTAVES), persistent=False)
        self.first = nn.Linear((1 + 2 * OCTAVES) * numbers, width)
        self.blocks = nn.ModuleList(TimedBlock(width) for _ in range(BLOCKS))
        self.norm, self.readout = nn.LayerNorm(width), nn.Linear(width, numbers)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """The noise that it takes to be in them."""
        angles = (x[:, :, None] * self.rates).flatten(1)
        time, h = functional.silu(self.time(t)), self.first(torch.cat([x, angles.sin(), angles.cos()], 1))
        for block in self.blocks:
            h = block(h, time)
        noise: Tensor = self.readout(functional.silu(self.norm(h)))
        return noise
