"""Lengths of many tensors in one call: sums of squares of all their numbers, or of some lines of sixteen."""

from __future__ import annotations

from array import array

import torch
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


def can_measure(tensor: Tensor) -> bool:
    """Is it what the kernel reads: float32 on the CPU, without gaps?"""
    return tensor.dtype == torch.float32 and tensor.device.type == "cpu" and tensor.is_contiguous()


def squares_of(
    tensors: list[Tensor], lines: list[Tensor | None], less: list[int], copies: list[int]
) -> list[float]:
    """Sums of squares. `less` and `copies` are addresses of as many numbers as are looked at, or 0."""
    sums = array("f", bytes(4 * len(tensors)))
    call = array("q", [len(tensors), sums.buffer_info()[0]])
    for tensor, some, other, copy in zip(tensors, lines, less, copies, strict=True):
        place, many = (0, 0) if some is None else (some.data_ptr(), some.numel())
        call.extend((tensor.data_ptr(), tensor.numel(), place, many, other, copy))
    share_of(_LENGTHS).alone(call.buffer_info()[0])
    return sums.tolist()
