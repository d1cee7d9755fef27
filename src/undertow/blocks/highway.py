"""Highway: gates in depth, as an LSTM has in time.

    y = T·H + (1 - T)·x        T = σ(W_T x + b_T)        H = relu(W_H x + b_H)

b_T begins below 0, so that at first x passes: a net of a hundred such layers trains where a plain one does not.
Source: Srivastava, Greff & Schmidhuber 2015. Axes: B rows, F features; or B rows, C channels, Y and X places.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from undertow.blocks.convolution import convolution
from undertow.blocks.linear import linear

SHUT = -2.0


class Highway(nn.Module):
    """Of x [B, F], or of images [B, C, Y, X] with a kernel; the shape stays.

    Args:
        features: F, or C.
        kernel: side of the convolutions; None: linear maps.
        gate_bias: where the gates' bias begins; the lower, the more passes at first.
    """

    def __init__(self, features: int, kernel: int | None = None, gate_bias: float = SHUT) -> None:
        super().__init__()
        self.change, self.gate = (_map(features, kernel) for _ in range(2))
        assert self.gate.bias is not None
        nn.init.constant_(self.gate.bias, gate_bias)

    def forward(self, x: Tensor) -> Tensor:
        """y, of the shape of x."""
        open_ = torch.sigmoid(self.gate(x))
        return torch.lerp(x, self.change(x).relu(), open_)


def _map(features: int, kernel: int | None) -> nn.Linear | nn.Conv2d:
    if kernel is not None:
        return convolution(features, features, kernel, bias=True)
    return linear(features, features)
