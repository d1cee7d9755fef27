"""Dropout in one pass over memory: y = x · scale where a number's 16 random bits are high enough, else x · 0."""

from __future__ import annotations

from array import array

import numpy as np
import torch
from numba import carray
from torch import Tensor

from undertow.compiler.atomic import integers, take
from undertow.compiler.buffers import POOL
from undertow.compiler.machine_code import Stored
from undertow.compiler.shards import share_of
from undertow.compiler.vector import pointer16, pointer32

PIECE = 1 << 16  # numbers that a thread takes at a time


def _share(address):
    call = integers(address)  # next piece, pieces, x, bits, y, count, least bits, scale's place
    scale = carray(pointer32(call[7]), 1)[0]
    least, zero = np.int16(call[6]), np.float32(0.0)
    while True:
        n = take(address)
        if n >= call[1]:
            break
        begin = n * PIECE
        count = min(PIECE, call[5] - begin)
        x = carray(pointer32(call[2] + 4 * begin), count)
        bits = carray(pointer16(call[3] + 2 * begin), count)
        y = carray(pointer32(call[4] + 4 * begin), count)
        for i in range(count):
            y[i] = x[i] * (scale if bits[i] >= least else zero)  # 0 · NaN stays NaN, as in torch


_DROP = Stored.of(_share, "drop")


def drop(x: Tensor, bits: Tensor, least: int, scale: float) -> Tensor:
    """Of float32 x and as many int16 random bits, both contiguous."""
    y = POOL.empty(tuple(x.shape), x.dtype)
    factor = array("f", [scale])
    count = x.numel()
    pieces = -(-count // PIECE)
    places = [x.data_ptr(), bits.data_ptr(), y.data_ptr()]
    call = array("q", [0, pieces, *places, count, least, factor.buffer_info()[0]])
    share_of(_DROP).run(call, min(pieces, torch.get_num_threads()))
    return y
