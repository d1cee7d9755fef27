"""One half of a plan, built and ready to be called: argument order, packing, shards, threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undertow.compiler.build import build
from undertow.compiler.emit_numba import arguments, packed_name, scratch_size, weight_names
from undertow.compiler.plan import Half, Plan, Product
from undertow.compiler.tile import pack, packed_size, panel_width

LEAST_ROWS = 4  # of a shard: fewer rows are not worth a second thread


class Kernel:
    """A compiled half with all that does not change from call to call."""

    def __init__(self, plan: Plan, half: str, bits: int) -> None:
        self.plan, self.half, self.bits = plan, half, bits
        self.names = arguments(plan, half)
        self.weights = weight_names(plan, half)
        part: Half = getattr(plan, half)
        self.products = {packed_name(s): s for s in part.stages if isinstance(s, Product)}
        self.numbers = np.float32 if bits == 32 else np.float64
        self.dtype = torch.float32 if bits == 32 else torch.float64
        self.call: Callable[..., None] = build(plan, half, bits)
        self.fixed = scratch_size(plan, half, 0)
        self.per_row = scratch_size(plan, half, 1) - self.fixed

    def run(
        self, named: dict[str, Any], derived: Sequence[Tensor], steps: int, batch: int, back: bool
    ) -> list[Tensor]:
        """Walk over time with these arrays; gives the column sums of a backward walk."""
        values = named | self.packed(derived)
        given = [values[name] for name in self.names]
        p = np.array([v.data_ptr() if isinstance(v, Tensor) else v for v in given], np.int64)
        shards = shards_of(batch, torch.get_num_threads())
        rooms = [np.empty(self.fixed + self.per_row * (r1 - r0) + 1, self.numbers) for r0, r1 in shards]
        calls = [
            (p, m.ctypes.data, steps, batch, *rows, int(back)) for m, rows in zip(rooms, shards, strict=True)
        ]
        waiting: list[Future[None]] = [workers(len(calls) - 1).submit(self.call, *c) for c in calls[1:]]
        self.call(*calls[0])
        for one in waiting:
            one.result()
        return self.sums(rooms, shards) if self.half == "backward" else []

    def packed(self, derived: Sequence[Tensor]) -> dict[str, Tensor]:
        """Derived weights as the kernel wants them: matrices in panels, vectors in a row."""
        width = panel_width(self.bits)
        result: dict[str, Tensor] = {}
        for name in self.weights:
            product = self.products.get(name)
            if product is None:
                result[name] = derived[int(name[1:])].detach().contiguous()
                continue
            matrix = derived[int(product.matrix[1:])].detach()
            result[name] = pack_matrix(matrix.T if product.transposed else matrix, width)
        return result

    def sums(self, rooms: list[np.ndarray[Any, Any]], shards: list[tuple[int, int]]) -> list[Tensor]:
        """Column sums of all shards, in the order of the shards."""
        if not self.plan.accumulated:
            return []
        parts = [m[self.per_row * (r1 - r0) : -1] for m, (r0, r1) in zip(rooms, shards, strict=True)]
        return list(torch.split(torch.from_numpy(np.sum(parts, axis=0)), list(self.plan.accumulated)))


def pack_matrix(matrix: Tensor, width: int) -> Tensor:
    """Panels of a [K, N] matrix of any strides."""
    depth, columns = matrix.shape
    row, column = matrix.stride()
    out = torch.empty(packed_size(depth, columns, width), dtype=matrix.dtype)
    extent = 1 + (depth - 1) * row + (columns - 1) * column
    flat = torch.as_strided(matrix, (extent,), (1,)).numpy()
    pack(flat, row, column, depth, columns, out.numpy(), width)
    return out


def shards_of(batch: int, threads: int) -> list[tuple[int, int]]:
    """Rows of each thread, as even as they come."""
    count = max(1, min(threads, batch // LEAST_ROWS))
    bounds = [batch * n // count for n in range(count + 1)]
    return list(pairwise(bounds))


_POOLS: dict[tuple[int, int], ThreadPoolExecutor] = {}
_LOCK = threading.Lock()


def workers(count: int) -> ThreadPoolExecutor:
    """Threads that sleep until they are needed; a forked child makes its own."""
    key = (os.getpid(), count)
    with _LOCK:
        if key not in _POOLS:
            _POOLS[key] = ThreadPoolExecutor(count, thread_name_prefix="undertow")
        return _POOLS[key]
