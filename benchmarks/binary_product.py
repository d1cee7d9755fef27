"""Products of signs against float32: bytes of the weights, and the time of a square product on the same cores.

Both in one process, in turns; medians of the runs and of their paired ratios, each run behind five of its own kind;
`times_cold` is right behind one of the other kind, whose numbers fill the caches. The roofline: a vector of 512 bits
needs one xor, one popcount and one sum, on two ports of which one alone can count (Intel, AVX-512): 1.5 cycles for 512
products, where float32 needs 16, with two units that multiply and add 16 numbers a cycle. That is 10.7 times; the clock
at which 1.5 cycles would be what was measured stands beside it (`roofline_ghz`): as far as it is below the processor's
own, so far from the roofline.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from _record import keep

from undertow.compiler.sign_product import packed_signs, panels, sign_product
from undertow.report.table import print_table

SIZES = (1024, 4096)
RUNS, WARM = 15, 5
CYCLES = 1.5  # a vector of 512 bits


def main() -> None:
    """Measure, print, keep."""
    rows = [_row(size, threads) for size in SIZES for threads in (1, torch.get_num_threads())]
    print_table(rows, list(rows[0]), __doc__.splitlines()[0], sys.stdout)
    keep(__doc__.splitlines()[0], rows)


def _row(size: int, threads: int) -> dict[str, Any]:
    torch.manual_seed(size)
    x, w = torch.randn(size, size), torch.randn(size, size)
    words, laid = packed_signs(x), panels(packed_signs(w))
    ones, none = torch.ones(size), torch.zeros(size)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    a, b = torch.where(x >= 0, 1.0, -1.0), torch.where(w >= 0, 1.0, -1.0).T.contiguous()
    if not torch.equal(sign_product(words, laid, size, ones, none), a @ b):
        raise AssertionError("The two products differ.")
    arms: tuple[Callable[[], object], ...] = (
        lambda: a @ b,
        lambda: sign_product(words, laid, size, ones, none),
        lambda: sign_product(packed_signs(x), laid, size, ones, none),
    )
    warm = [[_seconds(arm, warm=True) for arm in arms] for _ in range(RUNS)]
    cold = [
        [_seconds(arm) for arm in arms] for _ in range(RUNS)
    ]  # behind another one, whose numbers fill the caches
    torch.set_num_threads(before)
    products = size**3 / median(t[1] for t in warm)
    return {
        "size": size,
        "threads": threads,
        "float32_ms": round(1e3 * median(t[0] for t in warm), 3),
        "binary_ms": round(1e3 * median(t[1] for t in warm), 3),
        "times": round(median(t[0] / t[1] for t in warm), 2),
        "times_cold": round(median(t[0] / t[1] for t in cold), 2),
        "with_packing_times": round(median(t[0] / t[2] for t in warm), 2),
        "billion_products_a_second": round(products / 1e9, 1),
        "roofline_ghz": round(products / 512 * CYCLES / threads / 1e9, 2),
        "weight_bytes": {"float32": 4 * size * size, "binary": 8 * laid.numel()},
    }


def _seconds(work: Callable[[], object], warm: bool = False) -> float:
    for _ in range(WARM if warm else 0):
        work()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
