"""Binary nets, and their twin with real numbers: the same layers in the same order, so that only the bits differ.

    real 3x3, norm; [map, norm] so many times, a 2x2 maximum in every second; map to hidden units, norm; real readout

    both      a map takes signs and has weights ±α; norms alone stand between signs      (Hubara et al. 2016)
    weights   a map has weights ±α, and takes what a ReLU gives                          (Courbariaux et al. 2015)
    none      the twin: a map has real weights, and takes what a ReLU gives

The first and the last layer are real, and the maximum stands before the norm (Rastegari et al. 2016).
Axes: B rows, C channels.
"""

from __future__ import annotations

from torch import Tensor, nn

from undertow.blocks.binary import BinaryConv2d, BinaryLinear
from undertow.blocks.convolution import convolution
from undertow.blocks.norms import BatchNorm
from undertow.errors import SettingError

KINDS = ("both", "weights", "none")


class BinaryCNN(nn.Module):
    """Over images [B, C, side, side]; gives a score a class [B, classes].

    Args:
        channels: C.
        side: places a side.
        classes: scores.
        kind: what is binary: both, weights or none.
        width: channels of the first stage; each stage doubles them and halves the places.
        stages: pairs of maps.
        hidden: units before the scores.

    Raises:
        SettingError: no such kind, or more stages than the image can be halved.
    """

    def __init__(
        self,
        channels: int,
        side: int,
        classes: int,
        *,
        kind: str = "both",
        width: int = 32,
        stages: int = 2,
        hidden: int = 256,
    ) -> None:
        super().__init__()
        check_kind(kind)
        if stages < 1 or side >> stages < 1:
            raise SettingError(
                f"BinaryCNN: an image of {side} places a side cannot be halved {stages} times."
            )
        self.first = nn.Sequential(convolution(channels, width), BatchNorm(width))
        parts: list[nn.Module] = []
        inputs = width
        for stage in range(stages):
            outputs = width << stage
            parts += [_before(kind), _convolution(inputs, outputs, kind), BatchNorm(outputs)]
            parts += [
                _before(kind),
                _convolution(outputs, outputs, kind),
                nn.MaxPool2d(2),
                BatchNorm(outputs),
            ]
            inputs = outputs
        self.features = nn.Sequential(*parts)
        flat = inputs * (side >> stages) ** 2
        self.hidden = nn.Sequential(_before(kind), _linear(flat, hidden, kind), BatchNorm(hidden), nn.ReLU())
        self.readout = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.readout(self.hidden(self.features(self.first(x)).flatten(1)))
        return scores


class BinaryMLP(nn.Module):
    """Over x [B, ...], laid flat: a real map, binary ones, a real readout; gives a score a class [B, classes].

    Args:
        inputs: numbers of a row.
        width: units of a hidden layer.
        depth: hidden layers, the real one among them.
        classes: scores.
        kind: what is binary: both, weights or none.

    Raises:
        SettingError: no such kind, or no layer.
    """

    def __init__(self, inputs: int, width: int, depth: int, classes: int, *, kind: str = "both") -> None:
        super().__init__()
        check_kind(kind)
        if depth < 1:
            raise SettingError(f"BinaryMLP: at least 1 hidden layer is needed, got {depth}.")
        parts: list[nn.Module] = [nn.Linear(inputs, width), BatchNorm(width)]
        for _ in range(depth - 1):
            parts += [_before(kind), _linear(width, width, kind), BatchNorm(width)]
        self.hidden, self.readout = nn.Sequential(*parts, nn.ReLU()), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.readout(self.hidden(x.flatten(1)))
        return scores


def check_kind(kind: str) -> None:
    """Refuse what is not one of the three.

    Raises:
        SettingError: names them.
    """
    if kind not in KINDS:
        raise SettingError(f"A binary net is {', '.join(KINDS)}; got {kind!r}.")


def _before(kind: str) -> nn.Module:
    """What stands before a map: it takes signs itself."""
    return nn.Identity() if kind == "both" else nn.ReLU()


def _convolution(inputs: int, outputs: int, kind: str) -> nn.Module:
    if kind == "none":
        return convolution(inputs, outputs)
    return BinaryConv2d(inputs, outputs, activations=kind == "both")


def _linear(inputs: int, outputs: int, kind: str) -> nn.Module:
    if kind == "none":
        return nn.Linear(inputs, outputs)
    return BinaryLinear(inputs, outputs, activations=kind == "both")
