"""Binary nets for use: weights that really are bits, a 32nd of float32, in memory and on disk.

Where inputs are signs as well, their products are counted (xor, popcount) and not multiplied; the fast path is
`undertow.compiler.sign_product`, its plain twin a product of ±1 (`undertow.blocks.bits`).
Source: Rastegari et al. 2016. Axes: B rows, I inputs, O outputs, C channels, Y and X places.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from undertow.blocks import bits
from undertow.blocks.binary import BinaryConv2d, BinaryLinear, framed, scales


class _Laid(NamedTuple):
    """As the kernel reads it, laid out once for as long as nothing changes."""

    bits: Tensor
    versions: tuple[int, ...]
    panels: Tensor
    scale: Tensor
    shift: Tensor


class Packed(nn.Module):
    """A binary layer for use: its weights as bits [O, bytes], α and bias as numbers; exactly what it was trained to be.

    Args:
        layer: BinaryLinear or BinaryConv2d.
    """

    bits: Tensor
    scale: Tensor
    bias: Tensor

    def __init__(self, layer: BinaryLinear | BinaryConv2d) -> None:
        super().__init__()
        weight = layer.weight.detach().flatten(1)
        self.inputs, self.activations = weight.shape[1], layer.activations
        self.kernel = tuple(layer.kernel_size) if isinstance(layer, BinaryConv2d) else ()
        self.stride = tuple(layer.stride) if isinstance(layer, BinaryConv2d) else ()
        self.around = layer.around if isinstance(layer, BinaryConv2d) else 0
        assert layer.bias is not None
        self.register_buffer("bits", bits.packed(weight))
        self.register_buffer("scale", scales(weight))
        self.register_buffer("bias", layer.bias.detach().clone())
        self._laid: _Laid | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.kernel:
            return self._applied(x.reshape(-1, self.inputs)).view(*x.shape[:-1], -1)
        given = framed(x, self.around, self.activations)
        sides = [(n - k) // s + 1 for n, k, s in zip(given.shape[2:], self.kernel, self.stride, strict=True)]
        places = functional.unfold(given, self.kernel, stride=self.stride).transpose(1, 2)
        y = self._applied(places.reshape(-1, self.inputs))
        return y.view(len(x), -1, len(y.T)).transpose(1, 2).reshape(len(x), -1, *sides)

    def _applied(self, x: Tensor) -> Tensor:
        """Of rows [B, I]."""
        if not self.activations:
            signs = bits.unpacked(self.bits, self.inputs, x.dtype)
            return x @ signs.T * self.scale + self.bias
        from undertow.compiler.sign_product import packed_signs, sign_product  # brings Numba along

        laid = self._as_read()
        single = x if x.dtype == torch.float32 else torch.where(x >= 0, 1.0, -1.0)
        y = sign_product(packed_signs(single.float()), laid.panels, self.inputs, laid.scale, laid.shift)
        return y[:, : len(self.scale)].to(x.dtype)

    def _as_read(self) -> _Laid:
        held = (self.bits, self.scale, self.bias)
        versions = tuple(t._version for t in held)
        if self._laid is None or self._laid.versions != versions or self._laid.bits is not self.bits:
            from undertow.compiler.sign_product import panels

            laid = panels(self.bits.view(torch.int64))
            room = len(laid) * laid.shape[2]
            numbers = [functional.pad(t.float(), (0, room - len(t))) for t in (self.scale, self.bias)]
            self._laid = _Laid(self.bits, versions, laid, *numbers)
        return self._laid

    def extra_repr(self) -> str:
        return f"{self.inputs}, {len(self.scale)}, {self.bits.numel():,} bytes of bits"


def packed_net(net: nn.Module) -> nn.Module:
    """A copy of a net in eval mode in which every binary layer is bits."""
    net = copy.deepcopy(net).eval()
    if isinstance(net, BinaryLinear | BinaryConv2d):
        return Packed(net)
    made: dict[nn.Module, Packed] = {}  # a layer that is used in two places stays one
    for name, layer in list(net.named_modules(remove_duplicate=False)):
        if isinstance(layer, BinaryLinear | BinaryConv2d):
            made[layer] = made.get(layer) or Packed(layer)
            net.set_submodule(name, made[layer])
    return net
