"""One half of a plan, built and ready to be called: argument order, packing, shards."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor

from undertow.compiler.buffers import POOL
from undertow.compiler.build import build
from undertow.compiler.panels import (
    PACK,
    PACK_ROUNDED,
    PRODUCT,
    ROUNDED_PRODUCT,
    ROUNDING,
    packed_size,
    panel_width,
)
from undertow.compiler.plan import Plan
from undertow.compiler.shards import Share, share_of, team_is_whole
from undertow.compiler.signature import (
    arguments,
    functions,
    packed_name,
    rounded_depth,
    scratch_size,
    weight_names,
)
from undertow.compiler.stages import Half, Product
from undertow.compiler.tiles import SIDE, packed_bytes, rounded_room

LEAST_ROWS = 4  # of a shard: fewer rows are not worth a second thread
LINE = 16  # numbers: every shard's scratch begins at a cache line
SERIAL = 1 << 15  # numbers of a matrix that one thread packs as fast as two

TEAM_BYTES = 1 << 20  # of weights: more than a core keeps close at hand beside what it works on


class Kernel:
    """A compiled half with all that does not change from call to call."""

    def __init__(self, plan: Plan, half: str, bits: int) -> None:
        self.plan, self.half, self.bits = plan, half, bits
        self.names = arguments(plan, half)
        part: Half = getattr(plan, half)
        products = {packed_name(s): s for s in part.stages if isinstance(s, Product)}
        weights = weight_names(plan, half)  # k2, or k2n, k2t for a matrix as it is or transposed
        self.sources = [(n, int(n[1:].rstrip("nt")), products.get(n)) for n in weights]
        self.dtype = torch.float32 if bits == 32 else torch.float64
        self.built = build(plan, half, bits)  # its machine code goes when it goes
        self.share = Share(self.built.address)
        self.fixed = scratch_size(plan, half, 0)
        self.per_row = scratch_size(plan, half, 1) - self.fixed
        self.panel = panel_width(bits)
        self.weight_bytes = sum(self.packed_bytes(s.depth, s.width) for s in products.values())

    def run(self, values: dict[str, Any], steps: int, batch: int, back: bool) -> list[Tensor]:
        """Walk over time with these arrays and packed weights; gives the column sums of a backward walk.

        None is an address of 0.
        """
        places = array("q", [_address(values[name]) for name in self.names])
        threads = torch.get_num_threads()
        parts = threads if self.wants_team(batch, threads) else 1
        shards = [(0, batch)] * parts if parts > 1 else shards_of(batch, threads)
        room, rooms = self.rooms(shards, parts)
        meeting = array("q", [0] * 3 * LINE)  # the count in the middle has a cache line of its own
        middle = meeting.buffer_info()[0] + LINE * meeting.itemsize
        call = [0, len(shards), places.buffer_info()[0], steps, batch, int(back), parts, middle]
        base, width = room.data_ptr(), room.element_size()
        for (r0, r1), begin in zip(shards, rooms, strict=True):
            call += [base + begin * width, r0, r1]
        self.share.run(array("q", call), min(threads, len(shards)))
        return self.sums(room, shards, rooms, parts) if self.half == "backward" else []

    def wants_team(self, batch: int, threads: int) -> bool:
        """Is walking together faster than each for itself? Where one core's cache cannot hold the weights."""
        return 1 < threads <= batch and self.weight_bytes > TEAM_BYTES and team_is_whole(threads)

    def rooms(self, shards: Sequence[tuple[int, int]], parts: int) -> tuple[Tensor, list[int]]:
        """Scratch, and where each shard's begins; a team has one."""
        sizes = [self.per_row * (r1 - r0) + self.fixed * parts for r0, r1 in shards]
        if self.plan.rounded:
            depth = rounded_depth(self.plan, self.half)
            sizes = [
                size + rounded_room(r1 - r0, depth, parts)
                for size, (r0, r1) in zip(sizes, shards, strict=True)
            ]
        begins = [0, *accumulate(-(-size // LINE) * LINE for size in sizes)]
        if parts > 1:
            begins = [0] * parts + [begins[1]]
        return POOL.empty((begins[-1] + 1,), self.dtype), begins[:-1]

    def packed(self, derived: Sequence[Tensor]) -> dict[str, Any]:
        """Derived weights as the kernel wants them, matrices in panels, vectors in a row; and what multiplies them."""
        result: dict[str, Any] = {name: self.function(name) for name in functions(self.plan, self.half)}
        for name, number, product in self.sources:
            weight = derived[number]
            result[name] = weight.contiguous() if product is None else self.pack(weight, product.transposed)
        return result

    def function(self, name: str) -> int:
        """The address of a function that the kernel calls."""
        if not self.plan.rounded:
            return PRODUCT[self.bits].address
        return (ROUNDED_PRODUCT if name == "product" else ROUNDING).address

    def pack(self, matrix: Tensor, transposed: bool) -> Tensor:
        """Panels of a matrix of any strides, as it is or transposed."""
        depth, columns = matrix.shape
        strides = matrix.stride()
        if transposed:
            depth, columns, strides = columns, depth, (strides[1], strides[0])
        out = POOL.empty((self.packed_bytes(depth, columns),), torch.uint8)
        width = SIDE if self.plan.rounded else self.panel
        panels = -(-columns // width)
        call = [0, panels, matrix.data_ptr(), *strides, depth, columns, out.data_ptr(), width]
        threads = 1 if matrix.numel() < SERIAL else min(panels, torch.get_num_threads())
        share_of(PACK_ROUNDED if self.plan.rounded else PACK[self.bits]).run(array("q", call), threads)
        return out

    def packed_bytes(self, depth: int, columns: int) -> int:
        """Bytes that the panels of a matrix take."""
        if self.plan.rounded:
            return packed_bytes(depth, columns)
        return packed_size(depth, columns, self.panel) * self.dtype.itemsize

    def sums(self, room: Tensor, shards: list[tuple[int, int]], rooms: list[int], parts: int) -> list[Tensor]:
        """Column sums of all shards, in the order of the shards."""
        if not self.plan.accumulated:
            return []
        starts = [
            begin + self.per_row * (r1 - r0) + self.fixed * (n if parts > 1 else 0)
            for n, ((r0, r1), begin) in enumerate(zip(shards, rooms, strict=True))
        ]
        rows = [room[start : start + self.fixed] for start in starts]
        whole = rows[0]
        for row in rows[1:]:
            whole = whole + row
        return list(torch.split(whole, [sum(widths) for widths in self.plan.accumulated]))


def _address(value: Any) -> int:
    if isinstance(value, Tensor):
        return value.data_ptr()
    return 0 if value is None else int(value)


def shards_of(batch: int, threads: int) -> list[tuple[int, int]]:
    """Rows of each shard, as even as they come."""
    count = max(1, min(threads, batch // LEAST_ROWS))
    bounds = [batch * n // count for n in range(count + 1)]
    return list(pairwise(bounds))
