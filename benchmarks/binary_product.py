"""Products of signs against float32: bytes of the weights, and the time of a square product on the same cores.

Both in one process, in turns; medians of the runs and of their paired ratios. The roofline: a vector of 512 bits needs
one xor, one popcount and one sum, on two ports of which one alone can count (Intel, AVX-512): 1.5 cycles for 512
products, where float32 needs 16, with two units that multiply and add 16 numbers a cycle. That is 10.7 times.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch
from _record import keep

from undertow.blocks.bits import packed
from undertow.blocks.popcount import panels, sign_product
from undertow.report.table import print_table

SIZES = (1024, 4096)
RUNS = 15


def main() -> None:
    """Measure, print, keep."""
    rows = [_row(size, threads) for size in SIZES for threads in (1, torch.get_num_threads())]
    print_table(rows, list(rows[0]), __doc__.splitlines()[0], sys.stdout)
    keep(__doc__.splitlines()[0], rows)


def _row(size: int, threads: int) -> dict[str, Any]:
    torch.manual_seed(size)
    x, w = torch.randn(size, size), torch.randn(size, size)
    words, laid = packed(x).numpy().view(np.uint64), panels(packed(w).numpy().view(np.uint64))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    a, b = torch.where(x >= 0, 1.0, -1.0), torch.where(w >= 0, 1.0, -1.0).T.contiguous()
    if not np.array_equal(sign_product(words, laid, size, threads), (a @ b).numpy()):
        raise AssertionError("The two products differ.")
    arms: tuple[Callable[[], object], ...] = (
        lambda: a @ b,
        lambda: sign_product(words, laid, size, threads),
        lambda: sign_product(packed(x).numpy().view(np.uint64), laid, size, threads),
    )
    times = [[_seconds(arm) for arm in arms] for _ in range(RUNS)]
    torch.set_num_threads(before)
    return {
        "size": size,
        "threads": threads,
        "float32_ms": round(1e3 * median(t[0] for t in times), 3),
        "binary_ms": round(1e3 * median(t[1] for t in times), 3),
        "times": round(median(t[0] / t[1] for t in times), 2),
        "with_packing_times": round(median(t[0] / t[2] for t in times), 2),
        "billion_products_a_second": round(size**3 / median(t[1] for t in times) / 1e9, 1),
        "weight_bytes": {"float32": 4 * size * size, "binary": laid.nbytes},
    }


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
