"""Bits: signs packed eight to a byte, a 32nd of float32, in memory and on disk.

A bit is 1 where a number is at least 0, which stands for +1, and 0 where it stands for -1. Rows are padded with 0 bits
to whole words of 64. Products of signs are counted, not multiplied: Σ a_i b_i = I - 2 · popcount(a xor b); padding is
the same in both, and counts nothing. Axes: N rows, I inputs.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

WORD = 64  # bits


def packed(x: Tensor) -> Tensor:
    """The signs of x [N, I] as bytes [N, 8 ⌈I / 64⌉]."""
    bits = np.packbits((x >= 0).cpu().numpy(), axis=1, bitorder="little")
    whole = -(-x.shape[1] // WORD) * (WORD // 8)
    return torch.from_numpy(np.pad(bits, ((0, 0), (0, whole - bits.shape[1]))))


def unpacked(bits: Tensor, inputs: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """±1 [N, I] out of bytes."""
    ones = np.unpackbits(bits.cpu().numpy(), axis=1, count=inputs, bitorder="little")
    return torch.from_numpy(ones).to(dtype).mul_(2).sub_(1)
