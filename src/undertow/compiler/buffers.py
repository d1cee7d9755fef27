"""Memory that is used again: what a forward walk keeps for its backward walk.

Fresh memory costs a page fault every 4 KiB, more than the kernel needs to fill it. A buffer comes back when nobody
holds its lease any more; what lies idle is bounded.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import torch
from torch import Tensor

IDLE_BYTES = 1 << 30  # at most so much memory lies idle
SMALL = 1 << 16  # numbers; below that, the allocator is as fast


class Pool:
    """Idle buffers by size and type."""

    def __init__(self) -> None:
        self._idle: dict[tuple[int, torch.dtype], list[Tensor]] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def lease(self, shapes: Sequence[tuple[int, ...]], dtype: torch.dtype) -> Lease:
        """Uninitialised tensors of these shapes, until the lease is dropped."""
        return Lease(self, [self._take(shape, dtype) for shape in shapes])

    def _take(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        size = 1
        for axis in shape:
            size *= axis
        with self._lock:
            idle = self._idle.get((size, dtype))
            if idle:
                found = idle.pop()
                self._bytes -= found.numel() * found.element_size()
                return found.view(shape)
        return torch.empty(size, dtype=dtype).view(shape)

    def give(self, tensors: Sequence[Tensor]) -> None:
        """Take buffers back, the smallest and those beyond the bound excepted."""
        with self._lock:
            for tensor in tensors:
                size = tensor.numel() * tensor.element_size()
                if tensor.numel() >= SMALL and self._bytes + size <= IDLE_BYTES:
                    self._idle.setdefault((tensor.numel(), tensor.dtype), []).append(tensor.view(-1))
                    self._bytes += size


class Lease:
    """Some buffers, given back when this object goes."""

    def __init__(self, pool: Pool, tensors: list[Tensor]) -> None:
        self._pool, self.tensors = pool, tensors

    def __del__(self) -> None:
        self._pool.give(self.tensors)


POOL = Pool()
