"""Lengths of many tensors in one call: sums of squares of all their numbers, or of some lines of sixteen."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from torch import Tensor

from undertow.compiler.atomic import integers
from undertow.compiler.machine_code import Stored
from undertow.compiler.shards import share_of
from undertow.compiler.vector import at, load, load_part, pointer32, put, spread32, store, store_part, total

LINE = 16  # numbers of a line
ITEM = 6  # whole numbers that describe one tensor


def _share(address):
    # items, where the sums go; then of each: numbers, how many, lines (0: all numbers), how many, less these, copy to
    call = integers(address)
    sums = pointer32(call[1])
    for n in range(call[0]):
        base = 2 + ITEM * n
        x, less, copy = pointer32(call[base]), pointer32(call[base + 4]), pointer32(call[base + 5])
        lines = integers(call[base + 2])
        whole = call[base + 2] == 0
        squares = spread32(0.0)
        count = (call[base + 1] + LINE - 1) // LINE if whole else call[base + 3]
        for i in range(count):
            place = i * LINE if whole else lines[i] * LINE
            there = min(LINE, call[base + 1] - i * LINE) if whole else LINE
            numbers = load(at(x, place)) if there == LINE else load_part(at(x, place), there)
            if call[base + 5] != 0:
                if there == LINE:
                    store(at(copy, i * LINE), numbers)
                else:
                    store_part(at(copy, i * LINE), numbers, there)
            if call[base + 4] != 0:
                numbers = numbers - (
                    load(at(less, i * LINE)) if there == LINE else load_part(at(less, i * LINE), there)
                )
            squares = squares + numbers * numbers
        put(at(sums, n), total(squares))


_LENGTHS = Stored.of(_share, "lengths")


class Laid:
    """A call for float32 tensors on the CPU, without gaps, of fixed sizes; made again and again.

    It is laid out once, but for where the tensors are.
    """

    def __init__(self, counts: Sequence[int], lines: Sequence[Tensor | None]) -> None:
        self._size = len(counts)
        self._lines = lines  # held, for the call says where they are
        self._call = array("q", [self._size, 0])
        for count, some in zip(counts, lines, strict=True):
            place, many = (0, 0) if some is None else (some.data_ptr(), some.numel())
            self._call.extend((0, count, place, many, 0, 0))

    def squares(
        self, tensors: Sequence[Tensor], less: Sequence[Tensor], copies: Sequence[Tensor]
    ) -> list[float]:
        """Sums of squares, of what is left when `less` is taken off; what is looked at goes to `copies`, too."""
        sums = array("f", bytes(4 * self._size))
        call = self._call[:]  # two threads may measure at once
        call[1] = sums.buffer_info()[0]
        for place, given in ((2, tensors), (6, less), (7, copies)):
            if given:
                call[place::ITEM] = array("q", [t.data_ptr() for t in given])
        share_of(_LENGTHS).alone(call.buffer_info()[0])
        return sums.tolist()
