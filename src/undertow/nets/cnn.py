"""A plain convolutional net for small images: pairs of 3x3, a 2x2 maximum behind each, and a hidden layer.

    [3x3, 3x3, max 2x2] of width, 2 width, ...; flat; linear, norm, ReLU; dropout; linear

In the manner of Simonyan & Zisserman 2015, with batch norm. Axes: B rows, C channels, Y and X places.
"""

from __future__ import annotations

from torch import Tensor, nn

from undertow.blocks.convolution import Convolved
from undertow.blocks.norms import BatchNorm
from undertow.errors import SettingError


class CNN(nn.Module):
    """Over images [B, C, side, side]; gives a score a class [B, classes].

    Args:
        channels: C.
        side: places a side.
        classes: scores.
        width: channels of the first pair.
        stages: pairs; each doubles the channels and halves the places.
        hidden: units before the scores.
        dropout: share of them dropped.
        norm: batch, layer, instance, group or none, behind each convolution.

    Raises:
        SettingError: more stages than the image can be halved.
    """

    def __init__(
        self,
        channels: int,
        side: int,
        classes: int,
        *,
        width: int = 32,
        stages: int = 2,
        hidden: int = 128,
        dropout: float = 0.5,
        norm: str = "batch",
    ) -> None:
        super().__init__()
        if stages < 1 or side >> stages < 1:
            raise SettingError(f"CNN: an image of {side} places a side cannot be halved {stages} times.")
        parts: list[nn.Module] = []
        for stage in range(stages):
            outputs = width << stage
            parts += [Convolved(channels, outputs, norm=norm), Convolved(outputs, outputs, norm=norm)]
            parts.append(nn.MaxPool2d(2))
            channels = outputs
        self.features = nn.Sequential(*parts)
        flat = channels * (side >> stages) ** 2
        self.hidden = nn.Sequential(nn.Linear(flat, hidden, bias=False), BatchNorm(hidden), nn.ReLU())
        self.dropout, self.readout = nn.Dropout(dropout), nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.readout(self.dropout(self.hidden(self.features(x).flatten(1))))
        return scores
