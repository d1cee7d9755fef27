"""Matrix products on packed weights: a tile of C is held in registers over the whole of K.

    C[M, N] (+)= A[M, K] · B[K, N]

B is packed once into panels of `WIDTH` columns, [N / WIDTH][K][WIDTH], the last one padded with zeros. A is read
through two strides, so a transposed A needs no copy. Compiled once a process, for all sizes.
With AVX-512 a tile is 8 rows x 3 registers (24 accumulators of 32); else 6 rows x 16 numbers.
"""

from __future__ import annotations

from typing import Any

from numba import int64, njit, types
from numba.extending import intrinsic

from undertow.compiler.atomic import integers, take
from undertow.compiler.panels import REGISTERS, ROWS
from undertow.compiler.vector import at, get, pointer32, pointer64, put
from undertow.compiler.vector_memory import first_lanes, masked_load, masked_store
from undertow.compiler.vector_type import INT64, Vec, broadcast, call_intrinsic, constant, llvm_type, suffix

EVEN = (9, 10, 12)  # rows left that two middle tiles take better than one high and one low


def _tile(rows: int, registers: int) -> Any:
    """One tile: `rows` x `registers` Vecs of C; the last Vec has `last` columns."""
    unroll = max(1, 8 // (rows * registers))  # enough independent sums to hide the latency of one

    @intrinsic
    def tile(
        typing: Any, a: Any, row: Any, step: Any, b: Any, width: Any,
        c: Any, pitch: Any, depth: Any, last: Any, add: Any,
    ) -> Any:  # fmt: skip
        kind = Vec(a.dtype)
        integer = types.intp

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _Tile(builder, kind, rows, registers, unroll).emit(*arguments)
            return context.get_dummy_value()

        signature = types.void(a, integer, integer, b, integer, c, integer, integer, integer, integer)
        return signature, generate

    return tile


class _Tile:
    """Emits the LLVM of one tile."""

    def __init__(self, builder: Any, kind: Vec, rows: int, registers: int, unroll: int) -> None:
        self.b, self.kind, self.rows, self.registers, self.unroll = builder, kind, rows, registers, unroll

    def emit(
        self, a: Any, row: Any, step: Any, b: Any, width: Any, c: Any, pitch: Any, depth: Any, last: Any, add: Any,
    ) -> None:  # fmt: skip
        builder, unroll = self.b, self.unroll
        starts = [builder.gep(a, [builder.mul(INT64(r), row)]) for r in range(self.rows)]
        zero = [constant(self.kind, 0.0)] * (self.rows * self.registers)
        whole = builder.sdiv(depth, INT64(unroll))
        sums = self.loop(INT64(0), whole, [zero] * unroll, starts, step, b, width, unroll)
        joined = [self.join(list(column)) for column in zip(*sums, strict=True)]
        if unroll > 1:
            joined = self.loop(builder.mul(whole, INT64(unroll)), depth, [joined], starts, step, b, width, 1)[
                0
            ]
        self.finish(joined, c, pitch, last, add)

    def loop(
        self, begin: Any, end: Any, sums: Any, starts: Any, step: Any, b: Any, width: Any, unroll: int
    ) -> Any:
        """sums[u] += A[:, k·unroll + u] ⊗ B[k·unroll + u, :] for k from begin to end; zero turns are allowed."""
        builder = self.b
        entry = builder.block
        head, body, done = (builder.append_basic_block(name) for name in ("head", "body", "done"))
        builder.branch(head)
        builder.position_at_end(head)
        k = builder.phi(INT64)
        k.add_incoming(begin, entry)
        held = []
        for group in sums:
            held.append([builder.phi(llvm_type(self.kind)) for _ in group])
            for phi, value in zip(held[-1], group, strict=True):
                phi.add_incoming(value, entry)
        builder.cbranch(builder.icmp_signed("<", k, end), body, done)
        builder.position_at_end(body)
        new = []
        for u in range(unroll):
            place = builder.add(builder.mul(k, INT64(unroll)), INT64(u))
            line = builder.gep(b, [builder.mul(place, width)])
            new.append(self.turn(held[u], starts, builder.mul(place, step), line))
        k.add_incoming(builder.add(k, INT64(1)), builder.block)
        for phis, values in zip(held, new, strict=True):
            for phi, value in zip(phis, values, strict=True):
                phi.add_incoming(value, builder.block)
        builder.branch(head)
        builder.position_at_end(done)
        return held

    def turn(self, sums: Any, starts: Any, offset: Any, b: Any) -> Any:
        builder, kind = self.b, self.kind
        size = kind.scalar.bitwidth // 8
        columns = []
        for register in range(self.registers):
            place = builder.gep(b, [INT64(register * kind.lanes)])
            columns.append(builder.load(builder.bitcast(place, llvm_type(kind).as_pointer()), align=size))
        new = []
        for r in range(self.rows):
            wide = broadcast(builder, kind, builder.load(builder.gep(starts[r], [offset])))
            for register, column in enumerate(columns):
                inputs = [wide, column, sums[r * self.registers + register]]
                new.append(call_intrinsic(builder, f"llvm.fma.{suffix(kind)}", llvm_type(kind), inputs))
        return new

    def join(self, parts: list[Any]) -> Any:
        result = parts[0]
        for part in parts[1:]:
            result = self.b.fadd(result, part)
        return result

    def finish(self, sums: Any, c: Any, pitch: Any, last: Any, add: Any) -> None:
        builder, kind = self.b, self.kind
        size = kind.scalar.bitwidth // 8
        mask = first_lanes(builder, kind.lanes, last)
        accumulate = builder.icmp_signed("!=", add, INT64(0))
        for adding in (True, False):
            with builder.if_then(accumulate if adding else builder.not_(accumulate)):
                for r in range(self.rows):
                    for register in range(self.registers):
                        offset = builder.add(builder.mul(INT64(r), pitch), INT64(register * kind.lanes))
                        place = builder.gep(c, [offset])
                        value = sums[r * self.registers + register]
                        vector = builder.bitcast(place, llvm_type(kind).as_pointer())
                        if register + 1 == self.registers:
                            if adding:
                                value = builder.fadd(masked_load(builder, kind, place, mask), value)
                            masked_store(builder, kind, value, place, mask)
                        else:
                            if adding:
                                value = builder.fadd(builder.load(vector, align=size), value)
                            builder.store(value, vector, align=size)


def _row_block(registers: int) -> Any:
    """All rows of one panel, in tiles of falling height."""
    t0, t1, t2, t3, t4 = (_tile(rows, registers) for rows in ROWS)
    r0, r1, r2, r3, r4 = ROWS

    def panel(a, row, step, b, width, c, pitch, m, depth, last, add):
        i = 0
        while i < m:
            left = m - i
            source, place = at(a, i * row), at(c, i * pitch)
            if left >= r0 and left not in EVEN:
                t0(source, row, step, b, width, place, pitch, depth, last, add)
                i += r0
            elif left >= r1:
                t1(source, row, step, b, width, place, pitch, depth, last, add)
                i += r1
            elif left >= r2:
                t2(source, row, step, b, width, place, pitch, depth, last, add)
                i += r2
            elif left >= r3:
                t3(source, row, step, b, width, place, pitch, depth, last, add)
                i += r3
            else:
                t4(source, row, step, b, width, place, pitch, depth, last, add)
                i += r4

    # Machine code of many processes meets in one, where a name must mean one thing.
    panel.__qualname__ = f"panel{registers}"
    return njit(nogil=True, error_model="numpy")(panel)


_panels = tuple(_row_block(registers) for registers in range(1, REGISTERS + 1))
_one, _two, _three = _panels[0], _panels[min(1, REGISTERS - 1)], _panels[REGISTERS - 1]


@njit(nogil=True, error_model="numpy", inline="always")
def gemm(a, row, step, b, c, pitch, m, n, depth, add, lanes):
    """C (+)= A·B; A[i, k] at a + i·row + k·step, B packed, C[i, j] at c + i·pitch + j; `lanes` of a Vec."""
    # To Numba a number that stands in the source is a type of its own: as plain integers, one copy serves all sizes.
    row, step, pitch, m, n = int64(row), int64(step), int64(pitch), int64(m), int64(n)
    _gemm(a, row, step, b, c, pitch, m, n, int64(depth), int64(add), int64(lanes))


@njit(nogil=True, error_model="numpy")
def _gemm(a, row, step, b, c, pitch, m, n, depth, add, lanes):
    width = REGISTERS * lanes
    j = 0
    while j + width <= n:
        _three(a, row, step, at(b, j * depth), width, at(c, j), pitch, m, depth, lanes, add)
        j += width
    left = n - j
    if left > 0:
        last = (left - 1) % lanes + 1
        used = (left + lanes - 1) // lanes
        if used == 1:
            _one(a, row, step, at(b, j * depth), width, at(c, j), pitch, m, depth, last, add)
        elif used == 2:
            _two(a, row, step, at(b, j * depth), width, at(c, j), pitch, m, depth, last, add)
        else:
            _three(a, row, step, at(b, j * depth), width, at(c, j), pitch, m, depth, last, add)


def _product(bits: int, pointer: Any) -> Any:
    lanes = 512 // bits

    def share(address):
        call = integers(address)  # A, distance of its rows, packed B, C, its pitch, M, N, K, part, parts
        n, depth = call[6], call[7]
        width = REGISTERS * lanes
        panels = (n + width - 1) // width
        j = panels * call[8] // call[9] * width
        end = min(n, panels * (call[8] + 1) // call[9] * width)
        b, c = at(pointer(call[2]), j * depth), at(pointer(call[3]), j)
        gemm(pointer(call[0]), call[1], 1, b, c, call[4], call[5], end - j, depth, 0, lanes)

    return share


@njit(nogil=True, error_model="numpy")
def pack_panel(source, row, column, depth, count, out, width):
    """One panel of `count` columns of B[k, j] at source + k·row + j·column, padded with zeros to `width`."""
    for k in range(depth):
        for j in range(count):
            put(at(out, k * width + j), get(at(source, k * row + j * column)))
        for j in range(count, width):
            put(at(out, k * width + j), 0.0)


def _packer(pointer: Any) -> Any:
    def share(address):
        call = integers(address)  # next panel, panels, source, row, column, depth, columns, out, width
        while True:
            n = take(address)
            if n >= call[1]:
                break
            width = call[8]
            source = at(pointer(call[2]), n * width * call[4])
            out = at(pointer(call[7]), n * width * call[5])
            pack_panel(source, call[3], call[4], call[5], min(width, call[6] - n * width), out, width)

    return share


SHARES = {
    "product32": _product(32, pointer32),
    "product64": _product(64, pointer64),
    "pack32": _packer(pointer32),
    "pack64": _packer(pointer64),
}
