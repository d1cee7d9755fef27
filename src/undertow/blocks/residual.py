"""Residual blocks: what is added to the way past, so that a gradient has a path without weights.

    y = relu(F(x) + S(x))        F: 3x3, 3x3 (basic) or 1x1, 3x3, 1x1 (bottleneck), a norm behind each
    y = F(relu(norm(x))) + S(x)  with norms before (He et al. 2016b): the way past has nothing on it at all

S is x itself, or where its shape changes a 1x1 convolution and a norm (a projection). The stride is on the 3x3.
∂y/∂x = F'(x) + 1, which may well be 0 where F' = -1: there is a path, not a floor.
Sources: He, Zhang, Ren & Sun 2016a, 2016b. Axes: B rows, C channels, Y and X places.
"""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from undertow.blocks.convolution import convolution
from undertow.blocks.norms import norm_of
from undertow.errors import SettingError

WIDER = 4  # channels out of a bottleneck, times those inside


class Residual(nn.Module):
    """A residual block over x [B, C, Y, X].

    Args:
        inputs: channels of x.
        width: channels of the 3x3 convolutions.
        stride: of the (first) 3x3.
        kind: basic, two 3x3; or bottleneck, 1x1, 3x3, 1x1 to four times the width.
        norm: batch, layer, instance, group or none.
        before: norm and ReLU stand before each convolution, and not behind the sum.

    Raises:
        SettingError: no such kind, or no such norm.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        stride: int = 1,
        *,
        kind: str = "basic",
        norm: str = "batch",
        before: bool = False,
    ) -> None:
        super().__init__()
        sizes = {"basic": (width, width), "bottleneck": (width, width, WIDER * width)}
        if kind not in sizes:
            raise SettingError(f"A residual block is basic or bottleneck, got {kind!r}.")
        kernels = {"basic": (3, 3), "bottleneck": (1, 3, 1)}[kind]
        channels = (inputs, *sizes[kind])
        self.outputs, self.before = channels[-1], before
        strided = kernels.index(3)
        bias = norm == "none"
        self.convolutions = nn.ModuleList(
            convolution(a, b, kernels[n], stride if n == strided else 1, bias)
            for n, (a, b) in enumerate(itertools.pairwise(channels))
        )
        self.norms = nn.ModuleList(norm_of(norm, c) for c in (channels[:-1] if before else channels[1:]))
        same = stride == 1 and inputs == self.outputs
        self.shortcut = nn.Identity() if same else _projection(inputs, self.outputs, stride, norm, before)

    def forward(self, x: Tensor) -> Tensor:
        """y [B, C', Y', X']."""
        past = self.shortcut(x)
        if self.before:
            for convolve, norm in zip(self.convolutions, self.norms, strict=True):
                x = convolve(norm(x).relu())
            added: Tensor = x + past
            return added
        last = len(self.norms) - 1
        for number, (convolve, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = norm(convolve(x))
            x = x.relu() if number < last else x
        y: Tensor = (x + past).relu()
        return y


def _projection(inputs: int, outputs: int, stride: int, norm: str, before: bool) -> nn.Module:
    layer = convolution(inputs, outputs, 1, stride, bias=norm == "none" or before)
    return layer if before else nn.Sequential(layer, norm_of(norm, outputs))
