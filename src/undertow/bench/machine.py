"""What can this machine do at best? The two roofs: matrix products, and reading weights from the cache."""

from __future__ import annotations

import torch

from undertow.bench.paired import middle, timed


def gemm_gflops(seconds: float = 0.5) -> float:
    """Speed of torch's float32 product of two 1024 × 1024 matrices, GFLOP/s, with the threads torch has."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    out = torch.empty(1024, 1024)
    torch.mm(a, b, out=out)
    once = timed(lambda: torch.mm(a, b, out=out))
    times = [timed(lambda: torch.mm(a, b, out=out)) for _ in range(max(5, int(seconds / once)))]
    return 2 * 1024**3 / middle(times) / 1e9


def read_gbytes(size: int, seconds: float = 0.2) -> float:
    """How fast are `size` bytes of weights read again and again by one thread, GB/s? A matrix times a vector."""
    columns = 256
    matrix, vector = torch.randn(max(1, size // (4 * columns)), columns), torch.randn(columns)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        torch.mv(matrix, vector)
        once = timed(lambda: torch.mv(matrix, vector))
        times = [timed(lambda: torch.mv(matrix, vector)) for _ in range(max(5, int(seconds / once)))]
    finally:
        torch.set_num_threads(threads)
    return 4 * matrix.numel() / middle(times) / 1e9
