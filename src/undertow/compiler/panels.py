"""Products on packed weights, seen from outside: sizes of panels and tiles, and the functions that all kernels call.

The functions themselves stand in `tile` and `rounded`, which are loaded only where they have to be compiled.
"""

from __future__ import annotations

from undertow.compiler.machine_code import Stored, of_module
from undertow.compiler.processor import has_avx512

REGISTERS = 3 if has_avx512() else 1  # Vecs across a panel
ROWS = (8, 6, 4, 2, 1) if has_avx512() else (6, 5, 4, 2, 1)
TILE, ROUNDED = "undertow.compiler.tile", "undertow.compiler.rounded"

# C = A·B, of which one of a team's threads makes its part of the panels; see `calls.call_at`.
PRODUCT = {bits: of_module(TILE, f"product{bits}") for bits in (32, 64)}
PACK = {bits: of_module(TILE, f"pack{bits}") for bits in (32, 64)}
PACK_ROUNDED, ROUNDING, ROUNDED_PRODUCT = (
    of_module(ROUNDED, name) for name in ("pack_rounded", "rounding", "rounded_part")
)


def panel_width(bits: int) -> int:
    """Columns of a panel for float32 (32) or float64 (64)."""
    return REGISTERS * 512 // bits


def packed_size(depth: int, n: int, width: int) -> int:
    """Numbers that the panels of a [K, N] matrix take."""
    return -(-n // width) * depth * width


def shared_functions(bits: int, rounded: bool) -> list[Stored]:
    """What every kernel with matrices calls."""
    return [PACK_ROUNDED, ROUNDING, ROUNDED_PRODUCT] if rounded else [PACK[bits], PRODUCT[bits]]
