"""A whole matrix product on the tile unit: C[M, N] = bf16(A) · bf16(B) in float32, factors of any strides.

K is cut so that a block of A stays in a core's own cache; panels of B are packed just before they are used. A thread
has its own rows or its own columns of C, whichever are more.
"""

from __future__ import annotations

from array import array

import torch
from numba import njit
from torch import Tensor

from undertow.compiler.atomic import integers, take
from undertow.compiler.buffers import POOL, SMALL
from undertow.compiler.machine_code import Stored
from undertow.compiler.rounded import columns_product, tiles_begin, tiles_end
from undertow.compiler.rounded_pack import left_tile, right_panel
from undertow.compiler.shards import share_of
from undertow.compiler.tiles import BLOCK, DEPTH, SIDE, SPARE
from undertow.compiler.vector import at, pointer32

LEFT = 1 << 20  # bytes of a block of A: half a core's own cache
LONGEST = 1024  # of K in a block; a pair of panels of B beside it is 64 KiB
ROOM = LEFT + 4 * BLOCK * (LONGEST // DEPTH) + 4 * SPARE  # bytes a thread
LEAST = 1 << 18  # multiplications: below that, torch is as fast


@njit(nogil=True, error_model="numpy")
def _left(a, along, across, depth, rows, room):
    """A block of A as left tiles; memory is read in the order it lies in."""
    blocks = (depth + DEPTH - 1) // DEPTH
    squares = (rows + SIDE - 1) // SIDE
    for n in range(blocks * squares):
        r, block = (n % squares, n // squares) if across == 1 else (n // blocks, n % blocks)
        source = at(a, block * DEPTH * along + r * SIDE * across)
        place = room + (r * blocks + block) * BLOCK
        left_tile(source, along, across, depth - block * DEPTH, rows - r * SIDE, place)


@njit(nogil=True, error_model="numpy")
def _region(a, a_along, a_across, b, b_along, b_across, c, pitch, m, n, depth, room):
    panels = room + LEFT
    edge = pointer32(room + LEFT + 4 * BLOCK * (LONGEST // DEPTH))
    for k in range(0, depth, LONGEST):
        deep = min(LONGEST, depth - k)
        blocks = (deep + DEPTH - 1) // DEPTH
        tall = LEFT // (2 * blocks * BLOCK) * 2 * SIDE
        for i in range(0, m, tall):
            rows = min(tall, m - i)
            _left(at(a, k * a_along + i * a_across), a_along, a_across, deep, rows, room)
            for j in range(0, n, 2 * SIDE):
                columns = min(2 * SIDE, n - j)
                for s in range(0, columns, SIDE):
                    source = at(b, k * b_along + (j + s) * b_across)
                    out = panels + s // SIDE * blocks * BLOCK
                    right_panel(source, b_along, b_across, deep, min(SIDE, columns - s), out)
                columns_product(room, panels, at(c, i * pitch + j), pitch, rows, columns, blocks, edge, k)


def _share(call_address):
    # next part, parts, A, its strides along K and across, B, the same, C, its pitch, M, N, K, room, cut columns
    call = integers(call_address)
    tiles_begin()
    while True:
        part = take(call_address)
        if part >= call[1]:
            break
        a, b, c = pointer32(call[2]), pointer32(call[5]), pointer32(call[8])
        m, n, room = call[10], call[11], call[13] + part * ROOM
        size = n if call[14] else m
        squares = (size + 2 * SIDE - 1) // (2 * SIDE)
        first = squares * part // call[1] * 2 * SIDE
        last = min(size, squares * (part + 1) // call[1] * 2 * SIDE)
        if call[14]:
            right, out = at(b, first * call[7]), at(c, first)
            _region(
                a, call[3], call[4], right, call[6], call[7], out, call[9], m, last - first, call[12], room
            )
        else:
            left, out = at(a, first * call[4]), at(c, first * call[9])
            _region(
                left, call[3], call[4], b, call[6], call[7], out, call[9], last - first, n, call[12], room
            )
    tiles_end()


_PRODUCT = Stored.of(_share, "rounded_product")


def rounded_product(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    """C = A·B into `out`, whose rows are contiguous."""
    (m, depth), n = a.shape, b.shape[1]
    threads = max(1, min(torch.get_num_threads(), -(-max(m, n) // (2 * SIDE))))
    room = POOL.empty((max(SMALL, threads * ROOM),), torch.uint8)
    sides = [a.data_ptr(), a.stride(1), a.stride(0), b.data_ptr(), b.stride(0), b.stride(1)]
    sizes = [out.data_ptr(), out.stride(0), m, n, depth, room.data_ptr(), int(n > m)]
    share_of(_PRODUCT).run(array("q", [0, threads, *sides, *sizes]), threads)
    return out


def worth_rounding(a: Tensor, b: Tensor) -> bool:
    """Is it a product of float32 that the tile unit is faster at?"""
    plain = a.dtype == torch.float32 and b.dtype == torch.float32
    return plain and a.shape[1] > 0 and a.shape[0] * a.shape[1] * b.shape[1] >= LEAST


__all__ = ["rounded_product", "worth_rounding"]
