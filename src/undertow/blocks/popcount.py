"""Popcount: the product of two matrices of signs, by counting bits.

    out[m, o] = I - 2 · Σ_w popcount(a[m, w] xor b[o, w])

Lanes of a vector are outputs, so that nothing is summed across lanes: b lies in panels of 8 outputs, [O / 8, W, 8], and
a tile of 4 rows and 4 panels holds its sixteen sums in registers. A word of a row is xored with eight outputs at once;
per 512 bits that is one xor, one popcount and one sum, where float32 multiplies and adds 16 numbers.
Source: Rastegari et al. 2016. Axes: M rows, O outputs, I inputs, W words of 64 of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

LANES = 8  # outputs in a vector
ROWS, PANELS = 4, 4  # of a tile
OUTPUTS = LANES * PANELS
WORTH = 1 << 21  # words of both that are xored, for which another thread is worth waking

Words = NDArray[np.uint64]


def panels(bits: Words) -> Words:
    """Rows of words [O, W] as panels [O' / 8, W, 8]; O' is the next multiple of a tile's outputs."""
    outputs, words = bits.shape
    whole = -(-outputs // OUTPUTS) * OUTPUTS
    padded = np.zeros((whole, words), dtype=np.uint64)
    padded[:outputs] = bits
    return np.ascontiguousarray(padded.reshape(-1, LANES, words).transpose(0, 2, 1))


def sign_product(a: Words, b: Words, inputs: int, threads: int = 1) -> NDArray[np.float32]:
    """Sums of products of signs.

    Args:
        a: rows of words [M, W].
        b: panels [O' / 8, W, 8].
        inputs: I, without the padding.
        threads: that share the rows, where there is work for them.

    Returns:
        [M, O'], whole numbers from -I to I of the parity of I.
    """
    rows, words = a.shape
    out = np.empty((rows, LANES * len(b)), dtype=np.float32)
    if not rows:
        return out
    a, kernel = np.ascontiguousarray(a), _kernel()
    threads = min(threads, max(1, rows * words * len(b) * LANES // WORTH), -(-rows // ROWS))
    cuts = [rows * n // threads // ROWS * ROWS for n in range(threads)] + [rows]
    if threads == 1:
        kernel(a, b, out, inputs)
        return out
    with ThreadPoolExecutor(threads) as pool:
        shares = itertools.pairwise(cuts)
        list(pool.map(lambda cut: kernel(a[cut[0] : cut[1]], b, out[cut[0] : cut[1]], inputs), shares))
    return out


@cache
def _kernel() -> Callable[..., None]:
    """Compiled when it is first wanted."""
    from numba import njit

    wide, single = _tile(ROWS), _tile(1)

    def product(a: Any, b: Any, out: Any, inputs: Any) -> None:
        rows, words = a.shape
        row, panel, line = words * 8, words * 64, out.shape[1] * 4
        for p in range(0, b.shape[0], PANELS):
            weights, sums = b.ctypes.data + p * panel, out.ctypes.data + p * 32
            for m in range(0, rows - ROWS + 1, ROWS):
                wide(a.ctypes.data + m * row, row, weights, panel, words, sums + m * line, line, inputs)
            for m in range(rows - rows % ROWS, rows):
                single(a.ctypes.data + m * row, row, weights, panel, words, sums + m * line, line, inputs)

    compiled: Callable[..., None] = njit(nogil=True)(product)
    return compiled


def _tile(rows: int) -> Any:
    """So many rows by PANELS panels, as LLVM's vectors: the sums stay in registers over all words."""
    from llvmlite import ir
    from numba import types
    from numba.core.cgutils import get_or_insert_function
    from numba.extending import intrinsic

    i32, i64 = ir.IntType(32), ir.IntType(64)
    vector, floats = ir.VectorType(i64, LANES), ir.VectorType(ir.FloatType(), LANES)
    signature = types.void(
        types.uintp,
        types.intp,
        types.uintp,
        types.intp,
        types.intp,
        types.uintp,
        types.intp,
        types.int64,
    )

    def same(build: Any, word: Any) -> Any:
        """One number in all lanes."""
        nothing = ir.Constant(vector, ir.Undefined)
        one = build.insert_element(nothing, word, i32(0))
        return build.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(i32, LANES), [0] * LANES))

    def generate(context: Any, build: Any, _: Any, given: Any) -> Any:
        a, row, b, panel, words, out, line, inputs = given
        count = get_or_insert_function(build.module, ir.FunctionType(vector, [vector]), "llvm.ctpop.v8i64")
        before, loop = build.block, build.append_basic_block("words")
        behind = build.append_basic_block("sums")
        build.branch(loop)
        build.position_at_end(loop)
        at = build.phi(i64)
        at.add_incoming(i64(0), before)
        sums = [[build.phi(vector) for _ in range(PANELS)] for _ in range(rows)]
        weights = []
        for number in range(PANELS):
            place = build.add(build.add(b, build.mul(panel, i64(number))), build.shl(at, i64(6)))
            loaded = build.load(build.inttoptr(place, vector.as_pointer()))
            loaded.align = 8
            weights.append(loaded)
        for number, own in enumerate(sums):
            place = build.add(build.add(a, build.mul(row, i64(number))), build.shl(at, i64(3)))
            word = same(build, build.load(build.inttoptr(place, i64.as_pointer())))
            for total, weight in zip(own, weights, strict=True):
                total.add_incoming(ir.Constant(vector, [0] * LANES), before)
                total.add_incoming(build.add(total, build.call(count, [build.xor(word, weight)])), loop)
        following = build.add(at, i64(1))
        at.add_incoming(following, loop)
        build.cbranch(build.icmp_signed("<", following, words), loop, behind)
        build.position_at_end(behind)
        whole = same(build, inputs)
        for number, own in enumerate(sums):
            for other, total in enumerate(own):
                differing = total.incomings[1][0]
                told = build.sitofp(
                    build.sub(whole, build.shl(differing, ir.Constant(vector, [1] * LANES))), floats
                )
                place = build.add(build.add(out, build.mul(line, i64(number))), i64(32 * other))
                build.store(told, build.inttoptr(place, floats.as_pointer())).align = 4
        return context.get_dummy_value()

    @intrinsic
    def tile(
        typing: Any, a: Any, row: Any, b: Any, panel: Any, words: Any, out: Any, line: Any, inputs: Any
    ) -> Any:
        return signature, generate

    return tile
