"""From float32 to tiles of bfloat16: 32 numbers along K by 16 of another axis, sixteen lines of 64 bytes.

    left     line i holds row i of A, k by k
    right    line r holds rows 2r and 2r + 1 of B, side by side: the pairs that the tile unit multiplies

The one is the other turned, in steps of a pair. A source whose numbers lie close along K gives left tiles as they are
and right ones turned; one whose numbers lie close along the other axis, the other way round.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from undertow.compiler.tiles import BLOCK, DEPTH, SIDE
from undertow.compiler.vector import at, get
from undertow.compiler.vector_type import INT64

INT16, INT32 = ir.IntType(16), ir.IntType(32)
FLOATS = ir.VectorType(ir.FloatType(), SIDE)
PAIRS = ir.VectorType(INT32, SIDE)
STEPS = (1, 2, 4, 8)  # of the network that turns a square of 16 × 16


class BFloat(ir.Type):
    """LLVM's bfloat, which llvmlite has no name for."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BFloat)

    def __hash__(self) -> int:
        return hash(BFloat)


def _load(builder: Any, source: Any, offset: Any) -> Any:
    place = builder.gep(source, [offset])
    return builder.load(builder.bitcast(place, FLOATS.as_pointer()), align=4)


def _short(builder: Any, floats: Any) -> Any:
    """Sixteen float32 as sixteen bfloat16, in lanes of 16 bits."""
    made = builder.fptrunc(floats, ir.VectorType(BFloat(), SIDE))
    return builder.bitcast(made, ir.VectorType(INT16, SIDE))


def _along(builder: Any, source: Any, pitch: Any) -> list[Any]:
    """Sixteen lines of 32 numbers that lie close: each a vector of pairs."""
    lines = []
    for line in range(SIDE):
        begin = builder.mul(pitch, INT64(line))
        halves = [
            _short(builder, _load(builder, source, builder.add(begin, INT64(SIDE * n)))) for n in (0, 1)
        ]
        order = ir.Constant(ir.VectorType(INT32, DEPTH), list(range(DEPTH)))
        lines.append(builder.bitcast(builder.shuffle_vector(*halves, order), PAIRS))
    return lines


def _across(builder: Any, source: Any, pitch: Any) -> list[Any]:
    """32 lines of sixteen numbers that lie close: two lines give a vector of pairs."""
    lines = []
    for line in range(0, DEPTH, 2):
        low, high = (
            _short(builder, _load(builder, source, builder.mul(pitch, INT64(line + n)))) for n in (0, 1)
        )
        order = [n // 2 + SIDE * (n % 2) for n in range(DEPTH)]
        mixed = builder.shuffle_vector(low, high, ir.Constant(ir.VectorType(INT32, DEPTH), order))
        lines.append(builder.bitcast(mixed, PAIRS))
    return lines


def _turn(builder: Any, lines: list[Any]) -> list[Any]:
    """The square of lines, turned: line and lane change places, one bit of their numbers at a time."""
    for step in STEPS:
        made = list(lines)
        for line in range(SIDE):
            if line & step:
                continue
            a, b = lines[line], lines[line + step]
            low = [n if not n & step else SIDE + n - step for n in range(SIDE)]
            high = [n + step if not n & step else SIDE + n for n in range(SIDE)]
            made[line], made[line + step] = (
                builder.shuffle_vector(a, b, ir.Constant(PAIRS, order)) for order in (low, high)
            )
        lines = made
    return lines


def _tile(read: Any, turned: bool) -> Any:
    """A whole tile from `source`, lines `pitch` numbers apart, to an address."""

    @intrinsic
    def tile(typing: Any, source: Any, pitch: Any, out: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer, step, place = arguments
            lines = read(builder, pointer, step)
            for number, line in enumerate(_turn(builder, lines) if turned else lines):
                spot = builder.add(place, INT64(number * 2 * DEPTH))
                builder.store(line, builder.inttoptr(spot, PAIRS.as_pointer()), align=2)
            return context.get_dummy_value()

        return types.void(source, types.int64, types.int64), generate

    return tile


_along_left, _along_right = _tile(_along, False), _tile(_along, True)
_across_left, _across_right = _tile(_across, True), _tile(_across, False)


@intrinsic
def _put_rounded(typing: Any, place: Any, value: Any) -> Any:
    """One float32 to an address, as bfloat16."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        short = builder.bitcast(builder.fptrunc(arguments[1], BFloat()), INT16)
        builder.store(short, builder.inttoptr(arguments[0], INT16.as_pointer()), align=2)
        return context.get_dummy_value()

    return types.void(types.int64, types.float32), generate


@njit(nogil=True, error_model="numpy")
def _edge(source, along, across, depth, count, out, line, pair, within):
    """A tile at the edge, padded with zeros, number by number.

    Number (k, n) goes to out + n·line + (k / 2)·pair + (k % 2)·within.
    """
    for n in range(SIDE):
        for k in range(DEPTH):
            inside = k < depth and n < count
            value = get(at(source, k * along + n * across)) if inside else types.float32(0.0)
            _put_rounded(out + n * line + k // 2 * pair + k % 2 * within, value)


def _side(close, far, line, pair):
    """A tile from (k, n) at source + k·along + n·across: whole ones fast where either axis lies close."""

    @njit(nogil=True, error_model="numpy")
    def tile(source, along, across, depth, count, out):
        if depth >= DEPTH and count >= SIDE and along == 1:
            close(source, across, out)
        elif depth >= DEPTH and count >= SIDE and across == 1:
            far(source, along, out)
        else:
            _edge(source, along, across, depth, count, out, line, pair, 2)

    return tile


left_tile = _side(_along_left, _across_left, 2 * DEPTH, 4)  # `count` rows and `depth` columns of A
right_tile = _side(_along_right, _across_right, 4, 2 * DEPTH)  # `depth` rows and `count` columns of B


@njit(nogil=True, error_model="numpy")
def right_panel(source, along, across, depth, count, out):
    """One panel: sixteen columns of B over all of K."""
    for block in range((depth + DEPTH - 1) // DEPTH):
        k = block * DEPTH
        right_tile(at(source, k * along), along, across, depth - k, count, out + block * BLOCK)


__all__ = ["BFloat", "left_tile", "right_panel", "right_tile"]
