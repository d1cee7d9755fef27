"""Products of signs, by counting bits: y[m, o] = α_o · (I - 2 · Σ_w popcount(a[m, w] xor b[o, w])) + β_o.

Lanes of a vector are outputs, so that nothing is summed across lanes: b lies in panels of 8 outputs, [O' / 8, W, 8],
and a tile of 4 rows and 4 panels holds its sixteen sums in registers. A word of a row is xored with eight outputs at
once; per 512 bits that is one xor, one popcount and one sum, where float32 multiplies and adds 16 numbers.
Source: Rastegari et al. 2016. Axes: M rows, O outputs, O' the next multiple of 32 of them, I inputs, W words of 64.
"""

from __future__ import annotations

from array import array
from typing import Any

import torch
from llvmlite import ir
from numba import carray, types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic
from torch import Tensor

from undertow.compiler.atomic import integers, take
from undertow.compiler.buffers import POOL
from undertow.compiler.machine_code import Stored
from undertow.compiler.shards import share_of
from undertow.compiler.vector import pointer32

WORD = 64  # inputs
LANES = 8  # outputs in a vector
ROWS, PANELS = 4, 4  # of a tile
OUTPUTS = LANES * PANELS
PIECE = 256  # rows that a thread takes at a time, at most: they stay in a core's own cache
WORTH = 1 << 17  # words that are xored, for which another thread is worth waking
NUMBERS = 1 << 16  # that are packed, for which it is

INT32, INT64, FLOAT = ir.IntType(32), ir.IntType(64), ir.FloatType()
SUMS, FLOATS = ir.VectorType(INT64, LANES), ir.VectorType(FLOAT, LANES)


def packed_signs(x: Tensor) -> Tensor:
    """The signs of float32 x [M, I] as words [M, W]: bit i % 64 of word i // 64 is 1 where a number is at least 0."""
    x = x.contiguous()
    rows, inputs = x.shape
    words = torch.empty(rows, -(-inputs // WORD), dtype=torch.int64)
    threads = max(1, min(torch.get_num_threads(), x.numel() // NUMBERS))
    each = max(1, min(PIECE, -(-rows // threads)))
    pieces = -(-rows // each)
    call = array("q", [0, pieces, each, rows, inputs, x.data_ptr(), words.data_ptr()])
    share_of(_PACK).run(call, min(threads, max(1, pieces)))
    return words


def panels(words: Tensor) -> Tensor:
    """Rows of words [O, W] as panels [O' / 8, W, 8]."""
    outputs, width = words.shape
    whole = torch.zeros(-(-outputs // OUTPUTS) * OUTPUTS, width, dtype=torch.int64)
    whole[:outputs] = words
    return whole.view(-1, LANES, width).transpose(1, 2).contiguous()


def sign_product(a: Tensor, b: Tensor, inputs: int, scale: Tensor, shift: Tensor) -> Tensor:
    """What is said at the top of the file.

    Args:
        a: rows of words [M, W], contiguous.
        b: panels [O' / 8, W, 8].
        inputs: I, without the padding, whose bits are 0 in both.
        scale: α [O'], float32.
        shift: β [O'], float32.

    Returns:
        [M, O'], float32.
    """
    rows, words = a.shape
    groups = len(b) // PANELS
    out = POOL.empty((rows, groups * OUTPUTS), torch.float32)
    threads = max(1, min(torch.get_num_threads(), rows * words * groups * OUTPUTS // WORTH))
    each = max(ROWS, min(PIECE, -(-rows // (2 * threads)) // ROWS * ROWS))
    across = -(-rows // each)
    down = min(groups, max(1, 2 * threads // max(1, across)))  # few rows: outputs are cut, too
    sizes = [rows, words, groups, inputs, each, down]
    places = [t.data_ptr() for t in (a, b, out, scale, shift)]
    call = array("q", [0, across * down, *sizes, *places])
    share_of(_PRODUCT).run(call, min(threads, max(1, across * down)))
    return out


# ---- packing


@intrinsic
def _word(typing: Any, address: Any) -> Any:
    """The signs of 64 float32 numbers."""

    def generate(context: Any, build: Any, signature: Any, arguments: Any) -> Any:
        many = ir.VectorType(FLOAT, WORD)
        x = build.load(build.inttoptr(arguments[0], many.as_pointer()))
        x.align = 4
        positive = build.fcmp_ordered(">=", x, ir.Constant(many, [0.0] * WORD))
        return build.bitcast(positive, INT64)

    return types.int64(address), generate


def _pack(address):
    call = integers(address)  # next piece, pieces, rows a piece, rows, inputs, x, words
    inputs = call[4]
    whole, width = inputs // WORD, (inputs + WORD - 1) // WORD
    while True:
        piece = take(address)
        if piece >= call[1]:
            break
        for row in range(piece * call[2], min((piece + 1) * call[2], call[3])):
            x, out = call[5] + 4 * row * inputs, carray(integers(call[6] + 8 * row * width), width)
            for w in range(whole):
                out[w] = _word(x + 4 * WORD * w)
            if whole < width:
                rest, word = carray(pointer32(x + 4 * WORD * whole), inputs - whole * WORD), 0
                for i in range(inputs - whole * WORD):
                    word |= (1 if rest[i] >= 0 else 0) << i
                out[whole] = word


# ---- the product


def _same(build: Any, word: Any) -> Any:
    """One number in all lanes."""
    nothing = ir.Constant(SUMS, ir.Undefined)
    one = build.insert_element(nothing, word, INT32(0))
    return build.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(INT32, LANES), [0] * LANES))


def _at(build: Any, base: Any, number: int, pitch: Any) -> Any:
    return build.add(base, build.mul(pitch, INT64(number)))


def _loaded(build: Any, place: Any, kind: Any, align: int) -> Any:
    found = build.load(build.inttoptr(place, kind.as_pointer()))
    found.align = align
    return found


def _fetched(build: Any, rows: int, out: Any, line: Any) -> None:
    """The lines that the next rows' sums will be written to are asked for now: that wait hides behind the counting."""
    byte = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte, INT32, INT32, INT32])
    fetch = get_or_insert_function(build.module, kind, "llvm.prefetch.p0")
    for number in range(rows):
        for ahead in range(0, 4 * OUTPUTS, 64):
            place = build.add(_at(build, out, number + rows, line), INT64(ahead))
            build.call(fetch, [build.inttoptr(place, byte), INT32(1), INT32(3), INT32(1)])


def _counted(build: Any, rows: int, given: Any) -> list[list[Any]]:
    """How many bits differ, by row and panel: a loop over words whose sums stay in registers."""
    a, row, b, panel, words = given
    count = get_or_insert_function(build.module, ir.FunctionType(SUMS, [SUMS]), "llvm.ctpop.v8i64")
    before, loop = build.block, build.append_basic_block("words")
    behind = build.append_basic_block("sums")
    build.branch(loop)
    build.position_at_end(loop)
    at = build.phi(INT64)
    at.add_incoming(INT64(0), before)
    sums = [[build.phi(SUMS) for _ in range(PANELS)] for _ in range(rows)]
    line = build.add(b, build.shl(at, INT64(6)))
    weights = [_loaded(build, _at(build, line, n, panel), SUMS, 8) for n in range(PANELS)]
    counted = []
    for number, own in enumerate(sums):
        place = build.add(_at(build, a, number, row), build.shl(at, INT64(3)))
        word = _same(build, _loaded(build, place, INT64, 8))
        counted.append(
            [
                build.add(total, build.call(count, [build.xor(word, weight)]))
                for total, weight in zip(own, weights, strict=True)
            ]
        )
        for total, told in zip(own, counted[-1], strict=True):
            total.add_incoming(ir.Constant(SUMS, [0] * LANES), before)
            total.add_incoming(told, loop)
    following = build.add(at, INT64(1))
    at.add_incoming(following, loop)
    build.cbranch(build.icmp_signed("<", following, words), loop, behind)
    build.position_at_end(behind)
    return counted


def _told(build: Any, counted: list[list[Any]], given: Any) -> None:
    """Each sum's number, scaled and shifted, to its place."""
    out, line, inputs, scale, shift = given
    whole, ones = _same(build, inputs), ir.Constant(SUMS, [1] * LANES)
    for panel in range(PANELS):
        factor, offset = (
            _loaded(build, build.add(base, INT64(32 * panel)), FLOATS, 4) for base in (scale, shift)
        )
        for number, own in enumerate(counted):
            signs = build.sitofp(build.sub(whole, build.shl(own[panel], ones)), FLOATS)
            y = build.fadd(build.fmul(signs, factor, flags=["contract"]), offset, flags=["contract"])
            place = build.add(_at(build, out, number, line), INT64(32 * panel))
            build.store(y, build.inttoptr(place, FLOATS.as_pointer())).align = 4


def _tile(rows: int) -> Any:
    """So many rows by PANELS panels."""

    def generate(context: Any, build: Any, _: Any, given: Any) -> Any:
        _fetched(build, rows, given[5], given[6])
        _told(build, _counted(build, rows, given[:5]), given[5:])
        return context.get_dummy_value()

    @intrinsic
    def tile(
        typing: Any,
        a: Any,
        row: Any,
        b: Any,
        panel: Any,
        words: Any,
        out: Any,
        line: Any,
        inputs: Any,
        scale: Any,
        shift: Any,
    ) -> Any:
        return types.void(*(types.int64 for _ in range(10))), generate

    return tile


_wide, _single = _tile(ROWS), _tile(1)


def _share(address):
    # next piece, pieces; rows, words, groups of panels, inputs, rows a piece, cuts of the groups; places of a, b, out,
    # scale, shift
    call = integers(address)
    rows, words, groups, inputs, down = call[2], call[3], call[4], call[5], call[7]
    row, panel, line = 8 * words, 8 * LANES * words, 4 * OUTPUTS * groups
    while True:
        piece = take(address)
        if piece >= call[1]:
            break
        first = piece // down * call[6]
        last, cut = min(first + call[6], rows), piece % down
        for group in range(groups * cut // down, groups * (cut + 1) // down):
            b, out = call[9] + group * PANELS * panel, call[10] + 4 * OUTPUTS * group
            scale, shift = call[11] + 4 * OUTPUTS * group, call[12] + 4 * OUTPUTS * group
            m = first
            while m + ROWS <= last:
                _wide(call[8] + m * row, row, b, panel, words, out + m * line, line, inputs, scale, shift)
                m += ROWS
            while m < last:
                _single(call[8] + m * row, row, b, panel, words, out + m * line, line, inputs, scale, shift)
                m += 1


_PACK = Stored.of(_pack, "pack_signs")
_PRODUCT = Stored.of(_share, "sign_product")

__all__ = ["packed_signs", "panels", "sign_product"]
