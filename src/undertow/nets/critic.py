"""Critics: a point or a small image in, one number out; the larger, the more like the real ones.

    points   x → linear, LeakyReLU, ... three times → linear
    images   x → (4x4 convolution, stride 2, LeakyReLU) a stage → linear

No norm: a gradient penalty is one on the gradient at each row alone, and a norm over the batch would mix rows.
Sources: strided convolutions and LeakyReLU, Radford, Metz & Chintala 2016; no batch norm, Gulrajani et al. 2017.
Axes: B rows, F coordinates, C channels, Y and X places.
"""

from __future__ import annotations

from torch import Tensor, nn

from undertow.blocks.linear import linear
from undertow.nets.generator import stages_of

HIDDEN = 3  # layers between point and number
LEAK = 0.2


class PointCritic(nn.Module):
    """x [B, F] to a number a row [B].

    Args:
        features: F.
        width: units a layer.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number in range(HIDDEN):
            layers += [linear(width if number else features, width), nn.LeakyReLU(LEAK)]
        self.layers, self.readout = nn.Sequential(*layers), nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.readout(self.layers(x))
        return scores.squeeze(1)


class ImageCritic(nn.Module):
    """x [B, C, Y, X] to a number a row [B].

    Args:
        shape: C, Y, X.
        width: channels of the first stage; each stage behind has twice as many.

    Raises:
        SettingError: a side below 8.
    """

    def __init__(self, shape: tuple[int, int, int], width: int) -> None:
        super().__init__()
        channels, *sides = shape
        parts: list[nn.Module] = []
        for stage in range(stages_of(shape)):
            outputs = width << stage
            parts += [_halving(channels, outputs), nn.LeakyReLU(LEAK)]
            channels, sides = outputs, [side // 2 for side in sides]
        self.stages = nn.Sequential(*parts)
        self.readout = nn.Linear(channels * sides[0] * sides[1], 1)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.readout(self.stages(x).flatten(1))
        return scores.squeeze(1)


def _halving(inputs: int, outputs: int) -> nn.Conv2d:
    """From y x x places to half as many a side, rounded down."""
    layer = nn.Conv2d(inputs, outputs, 4, 2, 1)
    nn.init.kaiming_normal_(layer.weight, LEAK, nonlinearity="leaky_relu")
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
