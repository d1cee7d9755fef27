"""Residual nets by depth: those for small images (20 to 1,202 layers) and those for large ones (18 to 152).

    small   3x3 to 16 channels; three stages of n basic blocks of 16, 32, 64 channels; mean; linear     6 n + 2 layers
    large   7x7 to 64, stride 2; 3x3 maximum, stride 2; four stages of 64, 128, 256, 512; mean; linear

Where a shape changes, the way past is a projection. Small nets with other than 6 n + 2 layers there are none.
Sources: He, Zhang, Ren & Sun 2016a, 2016b. Axes: B rows, C channels, Y and X places.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from undertow.blocks.convolution import Convolved, opening
from undertow.blocks.norms import norm_of
from undertow.blocks.residual import Residual
from undertow.errors import SettingError

LARGE = {
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
}


class ResNet(nn.Module):
    """Stages of residual blocks over images [B, C, Y, X]; gives a score a class [B, classes].

    Args:
        first: what stands before the stages, and gives `width` channels.
        stages: blocks of each stage; from the second on each halves the places and doubles the width.
        classes: scores.
        width: channels of the first stage.
        kind: basic or bottleneck.
        norm: batch, layer, instance, group or none.
        before: norms and ReLUs before convolutions.

    Raises:
        SettingError: no such kind or norm.
    """

    def __init__(
        self,
        first: nn.Module,
        stages: Sequence[int],
        classes: int,
        *,
        width: int,
        kind: str = "basic",
        norm: str = "batch",
        before: bool = False,
    ) -> None:
        super().__init__()
        self.first = first
        blocks: list[nn.Module] = []
        channels = width
        for stage, count in enumerate(stages):
            for number in range(count):
                stride = 2 if stage and not number else 1
                block = Residual(channels, width << stage, stride, kind=kind, norm=norm, before=before)
                blocks.append(block)
                channels = block.outputs
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Sequential(norm_of(norm, channels), nn.ReLU()) if before else nn.Identity()
        self.readout = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.last(self.blocks(self.first(x)))
        scores: Tensor = self.readout(features.mean((2, 3)))
        return scores


def small_resnet(
    depth: int,
    channels: int = 3,
    classes: int = 10,
    *,
    width: int = 16,
    norm: str = "batch",
    before: bool = False,
) -> ResNet:
    """A net of 6 n + 2 layers for images of some thirty places a side.

    Args:
        depth: 20, 32, 44, 56, 110, ... 1202.
        channels: of the images.
        classes: scores.
        width: channels of the first stage.
        norm: batch, layer, instance, group or none.
        before: norms and ReLUs before convolutions, as very deep ones want.

    Raises:
        SettingError: no such depth.
    """
    if depth < 8 or (depth - 2) % 6:
        near = max(8, 6 * round((depth - 2) / 6) + 2)
        raise SettingError(
            f"A small residual net has 6 n + 2 layers: 20, 32, 44, 56, 110, ...; got {depth}. {near} is near."
        )
    first: nn.Module = Convolved(channels, width, norm=norm)
    return ResNet(first, [(depth - 2) // 6] * 3, classes, width=width, norm=norm, before=before)


def large_resnet(depth: int, channels: int = 3, classes: int = 1000, *, norm: str = "batch") -> ResNet:
    """A net for images of some two hundred places a side.

    Args:
        depth: 18, 34, 50, 101 or 152.
        channels: of the images.
        classes: scores.
        norm: batch, layer, instance, group or none.

    Raises:
        SettingError: no such depth.
    """
    if depth not in LARGE:
        raise SettingError(f"A large residual net has {', '.join(map(str, LARGE))} layers; got {depth}.")
    kind, stages = LARGE[depth]
    return ResNet(opening(channels, norm), stages, classes, width=64, kind=kind, norm=norm)
