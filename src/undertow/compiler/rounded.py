"""Matrix products on the processor's tile unit (AMX): factors rounded to bfloat16, sums in float32.

    C[M, N] = bf16(A)[M, K] · bf16(B)[K, N]

A tile holds 16 rows of 64 bytes. B is packed once into panels of 16 columns, [N / 16][K / 32][16][16][2]: two rows of
B side by side, as the unit wants them, padded with zeros. A's rows are rounded before each product. Two tiles of A
times two of B keep four tiles of C busy.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from undertow.compiler.atomic import integers, take
from undertow.compiler.rounded_pack import BFloat, right_panel
from undertow.compiler.tiles import BLOCK, DEPTH, SIDE
from undertow.compiler.vector import at, load_part, pointer32, store_part
from undertow.compiler.vector_type import INT64, Vec

INT8, INT16, INT32 = ir.IntType(8), ir.IntType(16), ir.IntType(32)


def _call(builder: Any, name: str, *arguments: Any) -> None:
    kind = ir.FunctionType(ir.VoidType(), [a.type for a in arguments])
    builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.{name}"), arguments)


def _tile(number: int) -> ir.Constant:
    return ir.Constant(INT8, number)


@intrinsic
def tiles_begin(typing: Any) -> Any:
    """Lay out this thread's eight tiles: 16 rows of 64 bytes each."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        layout = bytearray(64)
        layout[0] = 1
        for tile in range(8):
            layout[16 + 2 * tile], layout[48 + tile] = 64, SIDE
        value = cgutils.global_constant(builder.module, "tiles", cgutils.make_bytearray(layout))
        _call(builder, "ldtilecfg", builder.bitcast(value, INT8.as_pointer()))
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def tiles_end(typing: Any) -> Any:
    """Let go of the tiles, so that the system need not save them."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _call(builder, "tilerelease")
        return context.get_dummy_value()

    return types.void(), generate


def _block(rows: int, columns: int) -> Any:
    """`rows` x `columns` tiles of C (+)= A·B; all arguments but `add` are addresses or numbers of bytes."""

    @intrinsic
    def block(typing: Any, a: Any, b: Any, panel: Any, c: Any, pitch_c: Any, blocks: Any, add: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _emit_block(builder, rows, columns, arguments)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 7), generate

    return block


def _emit_block(builder: Any, rows: int, columns: int, arguments: Any) -> None:
    a, b, panel, c, pitch_c, blocks, add = arguments
    sums = [(r, s, 2 * r + s) for r in range(rows) for s in range(columns)]

    def place(base: Any, *parts: Any) -> Any:
        for part in parts:
            base = builder.add(base, part)
        return builder.inttoptr(base, INT8.as_pointer())

    def spot(r: int, s: int) -> Any:
        return place(c, builder.mul(pitch_c, INT64(SIDE * r)), INT64(4 * SIDE * s))

    with builder.if_else(builder.icmp_signed("!=", add, INT64(0))) as (adding, fresh):
        with adding:
            for r, s, tile in sums:
                _call(builder, "tileloadd64", _tile(tile), spot(r, s), pitch_c)
        with fresh:
            for _, _, tile in sums:
                _call(builder, "tilezero", _tile(tile))
    entry = builder.block
    head, body, done = (builder.append_basic_block(name) for name in ("head", "body", "done"))
    builder.branch(head)
    builder.position_at_end(head)
    k = builder.phi(INT64)
    k.add_incoming(INT64(0), entry)
    builder.cbranch(builder.icmp_signed("<", k, blocks), body, done)
    builder.position_at_end(body)
    down = builder.mul(k, INT64(BLOCK))
    for s in range(columns):
        lines = place(b, down, builder.mul(panel, INT64(s)))
        _call(builder, "tileloadd64", _tile(6 + s), lines, INT64(2 * DEPTH))
    for r in range(rows):
        lines = place(a, down, builder.mul(panel, INT64(r)))
        _call(builder, "tileloadd64", _tile(4 + r), lines, INT64(2 * DEPTH))
        for s in range(columns):
            _call(builder, "tdpbf16ps", _tile(2 * r + s), _tile(4 + r), _tile(6 + s))
    k.add_incoming(builder.add(k, INT64(1)), builder.block)
    builder.branch(head)
    builder.position_at_end(done)
    for r, s, tile in sums:
        _call(builder, "tilestored64", _tile(tile), spot(r, s), pitch_c)


_block11, _block12, _block21, _block22 = (_block(rows, columns) for rows in (1, 2) for columns in (1, 2))


@intrinsic
def address(typing: Any, pointer: Any) -> Any:
    """A pointer as an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ptrtoint(arguments[0], INT64)

    return types.int64(pointer), generate


@intrinsic
def _store_rounded(typing: Any, place: Any, value: Any) -> Any:
    """A Vec of float32 to an address, as bfloat16."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        short = builder.fptrunc(arguments[1], ir.VectorType(BFloat(), value.lanes))
        plain = ir.VectorType(INT16, value.lanes)
        pointer = builder.inttoptr(arguments[0], plain.as_pointer())
        builder.store(builder.bitcast(short, plain), pointer, align=2)
        return context.get_dummy_value()

    return types.void(types.int64, Vec(types.float32)), generate


@njit(nogil=True, error_model="numpy")
def round_rows(a, pitch, out, first, last, depth):
    """Rows first to last of A, `pitch` numbers apart, as left tiles at `out`, padded with zeros along K."""
    blocks = (depth + DEPTH - 1) // DEPTH
    place = address(out)
    for r in range(first, last):
        line = at(a, r * pitch)
        spot = place + r // SIDE * blocks * BLOCK + r % SIDE * 2 * DEPTH
        for block in range(blocks):
            for j in range(block * DEPTH, block * DEPTH + DEPTH, SIDE):
                count = min(SIDE, max(0, depth - j))
                _store_rounded(spot + block * BLOCK + 2 * (j - block * DEPTH), load_part(at(line, j), count))


@njit(nogil=True, error_model="numpy")
def _blocks(high, wide, a, b, panel, c, pitch_c, blocks, add):
    if high and wide:
        _block22(a, b, panel, c, pitch_c, blocks, add)
    elif high:
        _block21(a, b, panel, c, pitch_c, blocks, add)
    elif wide:
        _block12(a, b, panel, c, pitch_c, blocks, add)
    else:
        _block11(a, b, panel, c, pitch_c, blocks, add)


@njit(nogil=True, error_model="numpy")
def columns_product(a, b, c, pitch, m, columns, blocks, edge, add):
    """Up to two panels of C (+)= A·B: left tiles at a, right panels at b; C and edge are pointers."""
    wide = columns > SIDE
    panel = blocks * BLOCK
    i = 0
    while i < m:
        high = m - i > SIDE
        tall = 2 * SIDE if high else SIDE
        out = at(c, i * pitch)
        if m - i >= tall and columns % SIDE == 0:
            _blocks(high, wide, a + i // SIDE * panel, b, panel, address(out), 4 * pitch, blocks, add)
        else:
            _blocks(high, wide, a + i // SIDE * panel, b, panel, address(edge), 8 * SIDE, blocks, 0)
            for r in range(min(tall, m - i)):
                for s in range(0, columns, SIDE):
                    count = min(SIDE, columns - s)
                    line = load_part(at(edge, r * 2 * SIDE + s), count)
                    if add:
                        line = line + load_part(at(out, r * pitch + s), count)
                    store_part(at(out, r * pitch + s), line, count)
        i += tall


@njit(nogil=True, error_model="numpy")
def rounded_part(rows, b, c, pitch, m, n, depth, spare, part, parts):
    """C = A·B of rounded rows of A and packed B, of which one of `parts` threads makes its part of the panels."""
    blocks = (depth + DEPTH - 1) // DEPTH
    panels = (n + SIDE - 1) // SIDE
    j, end = panels * part // parts, panels * (part + 1) // parts
    while j < end:
        count = min(2, end - j)
        columns = min(n - j * SIDE, count * SIDE)
        packed = address(b) + j * blocks * BLOCK
        columns_product(address(rows), packed, at(c, j * SIDE), pitch, m, columns, blocks, spare, 0)
        j += count


def _share(call_address):
    call = integers(call_address)  # next panel, panels, source, row, column, depth, columns, out
    while True:
        n = take(call_address)
        if n >= call[1]:
            break
        source = at(pointer32(call[2]), n * SIDE * call[4])
        size = (call[5] + DEPTH - 1) // DEPTH * BLOCK
        right_panel(source, call[3], call[4], call[5], min(SIDE, call[6] - n * SIDE), call[7] + n * size)


def _rounding(call_address):
    call = integers(call_address)  # A, distance of its rows, out, first row, last row, K
    round_rows(pointer32(call[0]), call[1], pointer32(call[2]), call[3], call[4], call[5])


def _rounded_product(call_address):
    call = integers(call_address)  # rounded rows, packed B, C, its pitch, M, N, K, spare, part, parts
    rows, b, c, spare = pointer32(call[0]), pointer32(call[1]), pointer32(call[2]), pointer32(call[7])
    rounded_part(rows, b, c, call[3], call[4], call[5], call[6], spare, call[8], call[9])


SHARES = {"pack_rounded": _share, "rounding": _rounding, "rounded_part": _rounded_product}  # see `panels`


__all__ = [
    "SHARES",
    "address",
    "columns_product",
    "round_rows",
    "rounded_part",
    "tiles_begin",
    "tiles_end",
]
