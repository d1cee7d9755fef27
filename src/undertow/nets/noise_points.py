"""A noise predictor for points: residual blocks over their features, each told of the step.

    h = W x,   h ← h + V silu(U norm(h) + S silu(e_t)),   ε = R silu(norm(h))

e_t are the step's features; V begins at 0, so that blocks begin as nothing. Source: Ho, Jain & Abbeel 2020, whose U-Net
this is without places. Axes: N rows, D numbers of a point, F features.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from undertow.blocks.time_features import TimeFeatures

BLOCKS = 4


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

    def __init__(self, numbers: int, steps: int, width: int = 128) -> None:
        super().__init__()
        self.time = TimeFeatures(width, steps)
        self.first = nn.Linear(numbers, width)
        self.blocks = nn.ModuleList(TimedBlock(width) for _ in range(BLOCKS))
        self.norm, self.readout = nn.LayerNorm(width), nn.Linear(width, numbers)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """The noise that it takes to be in them."""
        time, h = functional.silu(self.time(t)), self.first(x)
        for block in self.blocks:
            h = block(h, time)
        noise: Tensor = self.readout(functional.silu(self.norm(h)))
        return noise
