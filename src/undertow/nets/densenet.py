"""Dense nets by depth and growth: DenseNet-BC for small images, and DenseNet-121 to -201 for large ones.

    small   3x3 to 2k channels; three blocks of (depth - 4) / 6 layers; two transitions to one half; mean; linear
    large   7x7 to 64, stride 2; 3x3 maximum, stride 2; four blocks; three transitions; mean; linear

Source: Huang, Liu, van der Maaten & Weinberger 2017. Axes: B rows, C channels, Y and X places; k is the growth.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from undertow.blocks.convolution import convolution, opening
from undertow.blocks.dense import DenseBlock, Transition
from undertow.blocks.norms import norm_of
from undertow.errors import SettingError

LARGE = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}


class DenseNet(nn.Module):
    """Dense blocks with transitions over images [B, C, Y, X]; gives a score a class [B, classes].

    Args:
        first: what stands before the blocks.
        channels: that it gives.
        blocks: layers of each.
        growth: k, channels that each layer adds.
        classes: scores.
        norm: batch, layer, instance, group or none.
        sharing: compute anew on the way back what is read, and keep less.
    """

    def __init__(
        self,
        first: nn.Module,
        channels: int,
        blocks: Sequence[int],
        growth: int,
        classes: int,
        *,
        norm: str = "batch",
        sharing: bool = False,
    ) -> None:
        super().__init__()
        self.first = first
        parts: list[nn.Module] = []
        for number, layers in enumerate(blocks):
            if number:
                parts.append(transition := Transition(channels, norm=norm))
                channels = transition.outputs
            parts.append(block := DenseBlock(channels, layers, growth, norm=norm, sharing=sharing))
            channels = block.outputs
        self.blocks, self.norm = nn.Sequential(*parts), norm_of(norm, channels)
        self.readout = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.norm(self.blocks(self.first(x))).relu()
        scores: Tensor = self.readout(features.mean((2, 3)))
        return scores


def small_densenet(
    depth: int,
    growth: int = 12,
    channels: int = 3,
    classes: int = 10,
    *,
    norm: str = "batch",
    sharing: bool = False,
) -> DenseNet:
    """A DenseNet-BC of 6 n + 4 layers for images of some thirty places a side.

    Args:
        depth: 40, 100, 190, 250, ...
        growth: k.
        channels: of the images.
        classes: scores.
        norm: batch, layer, instance, group or none.
        sharing: keep less in training, and compute it anew.

    Raises:
        SettingError: no such depth.
    """
    if depth < 10 or (depth - 4) % 6:
        near = max(10, 6 * round((depth - 4) / 6) + 4)
        raise SettingError(
            f"A small dense net has 6 n + 4 layers: 22, 40, 100, ...; got {depth}. {near} is near."
        )
    first = convolution(channels, 2 * growth)
    return DenseNet(first, 2 * growth, [(depth - 4) // 6] * 3, growth, classes, norm=norm, sharing=sharing)


def large_densenet(
    depth: int, channels: int = 3, classes: int = 1000, *, norm: str = "batch", sharing: bool = False
) -> DenseNet:
    """A dense net with growth 32 for images of some two hundred places a side.

    Args:
        depth: 121, 169 or 201.
        channels: of the images.
        classes: scores.
        norm: batch, layer, instance, group or none.
        sharing: keep less in training, and compute it anew.

    Raises:
        SettingError: no such depth.
    """
    if depth not in LARGE:
        raise SettingError(f"A large dense net has {', '.join(map(str, LARGE))} layers; got {depth}.")
    start = opening(channels, norm)
    return DenseNet(start, 64, LARGE[depth], 32, classes, norm=norm, sharing=sharing)
