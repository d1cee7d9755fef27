"""What can this machine do at best? The two roofs: matrix products, and reading weights from the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from undertow.bench.paired import middle, timed

SIDE = 1024  # of the square matrices whose product is the roof
CHUNK = 2e-4  # seconds: short reads are repeated until they take so long, so that the clock does not count


class Roof:
    """A speed measured beside a row: before it, after it, and between its pairs where these are long."""

    def __init__(self, measure: Callable[[], list[float]]) -> None:
        self.measure = measure
        self.before = measure()
        self.between: list[float] = []
        self.after: list[float] = []

    def once_more(self) -> None:
        """Between two pairs."""
        self.between += self.measure()

    @property
    def speed(self) -> float:
        """The best of the three medians: a neighbour that comes and goes must not lower the roof."""
        return max(middle(part) for part in (self.before, self.between, self.after) if part)


@contextmanager
def beside(measure: Callable[[], list[float]]) -> Iterator[Roof]:
    """Measure a roof before and after what the context holds."""
    roof = Roof(measure)
    yield roof
    roof.after += measure()


def gemm_gflops(seconds: float = 0.1) -> list[float]:
    """Speed of torch's float32 product of two 1024 × 1024 matrices, GFLOP/s, with the threads torch has, run by run."""
    a, b = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    out = torch.empty(SIDE, SIDE)

    def product() -> object:
        return torch.mm(a, b, out=out)

    product()
    once = timed(product)
    return [2 * SIDE**3 / timed(product) / 1e9 for _ in range(max(5, int(seconds / once)))]


def read_gbytes(size: int, seconds: float = 0.1) -> list[float]:
    """How fast are `size` bytes read again and again by one thread, GB/s, run by run? Each number is added to a sum."""
    numbers = torch.ones(max(64, size // 4)).numpy()  # torch lays it out from a cache line on
    read = _reader()
    read(numbers, 1)
    repeats = max(1, int(CHUNK / max(timed(lambda: read(numbers, 1)), 1e-7)))
    once = timed(lambda: read(numbers, repeats))
    runs = max(5, int(seconds / once))
    return [numbers.nbytes * repeats / timed(lambda: read(numbers, repeats)) / 1e9 for _ in range(runs)]


@lru_cache(1)
def _reader() -> Any:
    """Sums an array, again and again; compiled when it is first asked for."""
    import numba  # only where it is used

    def read(numbers: Any, repeats: int) -> Any:
        total: Any = np.float32(0)
        for _ in range(repeats):
            part = np.float32(0)
            for n in range(numbers.size):
                part += numbers[n]
            total = total * np.float32(0.5) + part  # depends on the sum before, so that no repeat is left out
        return total

    return numba.njit(fastmath=True)(read)
