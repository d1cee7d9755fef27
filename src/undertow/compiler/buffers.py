"""Memory that is used again: what a walk over time writes.

Fresh memory costs a page fault every 4 KiB, more than a kernel needs to fill it. A tensor made here gives its memory
back when torch lets go of it, and what lies idle is bounded.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from typing import Any

import numpy as np
import torch
from torch import Tensor

IDLE_BYTES = 1 << 30  # at most so much memory lies idle
SMALL = 1 << 22  # bytes; below that, the allocator of torch keeps memory itself
LINE = 64  # bytes of a cache line

Block = np.ndarray[Any, np.dtype[np.uint8]]


class Pool:
    """Idle blocks of memory by size."""

    def __init__(self) -> None:
        self._idle: OrderedDict[int, list[Block]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.RLock()  # a block may come back while one is taken, when garbage is collected

    def empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """An uninitialised tensor, as torch.empty gives it."""
        count = math.prod(shape)
        size = count * dtype.itemsize
        if size < SMALL:
            return torch.empty(shape, dtype=dtype)
        return torch.from_numpy(np.asarray(_Loan(self, self._take(size)))).view(dtype).view(shape)

    def _take(self, size: int) -> Block:
        with self._lock:
            idle = self._idle.get(size)
            if idle:
                self._bytes -= size
                return idle.pop()  # lists change in place only: a block may come back between any two lines
        return _aligned(size)

    def give(self, block: Block) -> None:
        """Take a block back; the sizes that were not asked for longest go when too much lies idle."""
        with self._lock:
            self._idle.setdefault(block.size, []).append(block)
            self._idle.move_to_end(block.size)
            self._bytes += block.size
            while self._bytes > IDLE_BYTES and self._idle:
                size = next(iter(self._idle))
                blocks = self._idle[size]
                if blocks:
                    self._bytes -= blocks.pop().size
                else:
                    del self._idle[size]


class _Loan:
    """A block in use. The tensor made from it holds it, by numpy's array protocol, and it goes when the tensor goes."""

    def __init__(self, pool: Pool, block: Block) -> None:
        self._pool, self._block = pool, block
        self.__array_interface__ = block.__array_interface__

    def __del__(self) -> None:
        self._pool.give(self._block)


def _aligned(size: int) -> Block:
    """Fresh memory that begins at a cache line."""
    raw = np.empty(size + LINE, np.uint8)
    first = -raw.ctypes.data % LINE
    return raw[first : first + size]


POOL = Pool()
