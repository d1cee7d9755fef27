"""Convolutions that start as deep nets need them, and a stack of them.

    out = ⌊(in + 2p - k) / s⌋ + 1        parameters: k k C_in C_out (+ C_out)

A weight begins normal with variance 2 / (k k C_out), so that a gradient keeps its size through a ReLU on the way
down (He et al. 2015). Axes: B rows, C channels, Y and X places.
"""

from __future__ import annotations

from torch import Tensor, nn

from undertow.blocks.norms import norm_of


def convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    """A convolution that keeps places where its stride is 1: p = ⌊k / 2⌋. Its bias is left to the norm behind it.

    Args:
        inputs: C_in.
        outputs: C_out.
        kernel: k.
        stride: s.
        bias: a number a channel.
    """
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def opening(channels: int, norm: str = "batch") -> nn.Sequential:
    """How nets for large images begin: 7x7 to 64 channels and a 3x3 maximum, each with stride 2."""
    return nn.Sequential(Convolved(channels, 64, 7, 2, norm=norm), nn.MaxPool2d(3, 2, 1))


class Convolved(nn.Module):
    """Convolution, norm, ReLU, of x [B, C, Y, X].

    Args:
        inputs: channels.
        outputs: channels.
        kernel: side of the kernel.
        stride: step of it.
        norm: batch, layer, instance, group or none; with none the convolution has a bias.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, norm: str = "batch"
    ) -> None:
        super().__init__()
        self.convolution = convolution(inputs, outputs, kernel, stride, bias=norm == "none")
        self.norm = norm_of(norm, outputs)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.convolution(x)).relu()
        return y
