"""Generators: noise in, a point or a small image out.

    points   z → linear, ReLU, ... three times → linear                            any number of coordinates
    images   z → linear to a small image → (norm, ReLU, 4x4 transposed, stride 2) a stage → tanh

A stage doubles the places and the last stage gives the image's channels; what is beyond the image's side is cut off.
A kernel of 4 with a stride of 2 falls on every place equally often, so that no chessboard is left. Sources: transposed
convolutions, Radford, Metz & Chintala 2016; chessboards, Odena, Dumoulin & Olah 2016.
Axes: B rows, Z numbers of noise, F coordinates, C channels, Y and X places.
"""

from __future__ import annotations

from torch import Tensor, nn

from undertow.blocks.linear import linear
from undertow.blocks.norms import norm_of
from undertow.errors import SettingError

HIDDEN = 3  # layers between noise and point
LEAST_SIDE = 8
START = 8  # places a side of the small image, at most


class PointGenerator(nn.Module):
    """z [B, Z] to points [B, F].

    Args:
        latent: Z.
        features: F.
        width: units a layer.
    """

    def __init__(self, latent: int, features: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number in range(HIDDEN):
            layers += [linear(width if number else latent, width), nn.ReLU()]
        self.layers = nn.Sequential(*layers, linear(width, features))

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.layers(z)
        return x


class ImageGenerator(nn.Module):
    """z [B, Z] to images [B, C, Y, X] from -1 to 1.

    Args:
        latent: Z.
        shape: C, Y, X.
        width: channels before the last stage; each stage before that has twice as many.
        norm: batch, layer, instance, group or none, before each stage.

    Raises:
        SettingError: a side below 8, or no such norm.
    """

    def __init__(self, latent: int, shape: tuple[int, int, int], width: int, norm: str = "batch") -> None:
        super().__init__()
        channels, *sides = shape
        stages = stages_of(shape)
        self.start = tuple(-(-side >> stages) for side in sides)
        self.sides = tuple(sides)
        wide = [width << (stages - 1 - stage) for stage in range(stages)]
        self.wide = wide[0]
        self.first = linear(latent, wide[0] * self.start[0] * self.start[1])
        parts: list[nn.Module] = []
        for inputs, outputs in zip(wide, [*wide[1:], channels], strict=True):
            parts += [norm_of(norm, inputs), nn.ReLU(), _doubling(inputs, outputs)]
        self.stages = nn.Sequential(*parts)

    def forward(self, z: Tensor) -> Tensor:
        small = self.first(z).view(len(z), self.wide, *self.start)
        tall, broad = self.sides
        x: Tensor = self.stages(small)[:, :, :tall, :broad].tanh()
        return x


def stages_of(shape: tuple[int, int, int]) -> int:
    """Halvings from an image [C, Y, X] to at most 8 places a side, two at least.

    Raises:
        SettingError: a side below 8.
    """
    _, *sides = shape
    if min(sides) < LEAST_SIDE:
        raise SettingError(
            f"Images of {sides[0]}x{sides[1]} places are too small for these networks: each side needs {LEAST_SIDE}."
        )
    stages = 2
    while -(-max(sides) >> stages) > START:
        stages += 1
    return stages


def _doubling(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """From y x x places to 2y x 2x; each place of the output is reached by 4 of the kernel's 16."""
    layer = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)
    nn.init.normal_(layer.weight, std=(2 / (4 * inputs)) ** 0.5)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
