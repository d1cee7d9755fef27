"""Binary layers: weights of +1 and -1, and if asked for inputs of +1 and -1, too.

    w_b = α sign(w), α = mean |w| of a unit's weights          x_b = sign(x), sign(0) = +1
    backward straight through: ∂sign(x)/∂x is taken as 1 where |x| ≤ 1, and 0 beyond

Real weights are kept for training and learn by small steps; what is used, and what is kept when training is over, is a
bit each: `undertow.nets.packed` gives a net whose weights really are bits (a 32nd of float32). Images are padded with
+1, so that every number that is multiplied is a sign.
Sources: BinaryConnect, Courbariaux et al. 2015; binarised inputs, Hubara et al. 2016; α, Rastegari et al. 2016.
Axes: B rows, I inputs, O outputs, C channels, Y and X places.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class _Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        signs = torch.where(x >= 0, 1.0, -1.0).to(x.dtype)
        return torch.where(x.isnan(), x, signs)  # what is no number must not pass for one

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        through: Tensor = gradient * (x.abs() <= 1)
        return through


def sign(x: Tensor) -> Tensor:
    """+1 where x ≥ 0, else -1; a gradient goes straight through where |x| ≤ 1."""
    y: Tensor = _Sign.apply(x)  # type: ignore[no-untyped-call]
    return y


def binarised(weight: Tensor) -> Tensor:
    """α sign(w), a mean |w| for each output."""
    return sign(weight) * scales(weight).view(-1, *(1 for _ in range(weight.dim() - 1)))


def scales(weight: Tensor) -> Tensor:
    """α of each output: mean |w|."""
    return weight.abs().flatten(1).mean(1)


def framed(x: Tensor, width: int, activations: bool) -> Tensor:
    """Images in a frame of +1 where signs are multiplied, else of 0."""
    return functional.pad(x, [width] * 4, value=float(activations))


class BinaryLinear(nn.Linear):
    """x [B, I] to y [B, O] by weights of ±α.

    Args:
        inputs: I.
        outputs: O.
        activations: the inputs are binarised as well.
    """

    def __init__(self, inputs: int, outputs: int, activations: bool = True) -> None:
        super().__init__(inputs, outputs)
        self.activations = activations

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(sign(x) if self.activations else x, binarised(self.weight), self.bias)


class BinaryConv2d(nn.Conv2d):
    """x [B, C, Y, X] to [B, C', Y', X'] by weights of ±α; p = ⌊k / 2⌋.

    Args:
        inputs: C.
        outputs: C'.
        kernel: k.
        stride: of the kernel.
        activations: the inputs are binarised as well, and padded with +1.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, activations: bool = True
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride)
        self.activations, self.around = activations, kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        given = framed(sign(x) if self.activations else x, self.around, self.activations)
        return functional.conv2d(given, binarised(self.weight), self.bias, self.stride)
