"""How much memory does training take at its peak, over what must be kept for backward?

The peak is of resident memory over three training steps, in a process of its own, less what was there before the
inputs were made. What must be kept is computed from the plan, see `undertow.bench.resident`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from undertow.bench import named
from undertow.bench.child import ChildError, ask
from undertow.bench.resident import CLEAR
from undertow.bench.shape import Shape
from undertow.errors import SettingError

CELLS = ("lstm", "gru", "rnn", "peephole_lstm")
SHAPES = (Shape(100, 32, 256, 256), Shape(100_000, 1, 16, 32))
BAR = 1.2
# Blocks of this size and above go back to the system when they are freed, so that the peak is of what is in use.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


@dataclass(frozen=True)
class Row:
    """One cell at one shape."""

    cell: str
    shape: str  # (T, B, I, H)
    peak_bytes: int | None = None
    kept_bytes: int | None = None  # that must be kept
    ratio: float | None = None  # peak / kept
    parts: dict[str, int] = field(default_factory=dict)  # of kept_bytes
    bar: float = BAR
    met: bool | None = None
    error: str = ""

    @property
    def lost(self) -> bool:
        """Is the bar missed?"""
        return self.met is False


def measure(cells: Sequence[str], shapes: Sequence[Shape], tell: Callable[[str], None]) -> Iterator[Row]:
    """Every cell at every shape.

    Raises:
        SettingError, CellError: no such cell; or the system does not tell a process its peak.
    """
    if not CLEAR.exists():
        raise SettingError(
            "bench memory reads /proc/self/status, which this system does not have: take Linux."
        )
    names = named.expand(cells or CELLS)
    for name in names:
        named.find(name)
    for name in names:
        for shape in shapes or SHAPES:
            row = _row(Row(name, str(shape)))
            tell(f"{name} {shape}: {row.error or f'peak over kept {row.ratio:.2f}'}")
            yield row


def tables(rows: Sequence[Row]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Titles and rows as a person reads them, the missed first."""
    ordered = sorted(rows, key=lambda row: (not row.lost, -(row.ratio or 0.0)))
    return [("Peak memory of training over what must be kept.", [_shown(row) for row in ordered])]


def _row(row: Row) -> Row:
    job = {"cell": row.cell, "shape": row.shape, "threads": torch.get_num_threads()}
    try:
        found = ask("undertow.bench.resident", job, **MALLOC)
    except ChildError as error:
        return replace(row, error=str(error), met=False)
    kept = sum(found["parts"].values())
    ratio = found["peak_bytes"] / kept
    return replace(row, **found, kept_bytes=kept, ratio=ratio, met=ratio <= row.bar)


def _shown(row: Row) -> dict[str, Any]:
    def megabytes(value: int | None) -> str:
        return "" if value is None else f"{value / 1e6:.1f}"

    return {
        "cell": row.cell,
        "(T, B, I, H)": row.shape,
        "peak MB": megabytes(row.peak_bytes),
        "must be kept MB": megabytes(row.kept_bytes),
        "ratio": "" if row.ratio is None else f"{row.ratio:.2f}",
        "bar": f"{row.bar:g}",
        "met": "" if row.met is None else "yes" if row.met else "NO",
        "of which": ", ".join(f"{name} {value / 1e6:.1f}" for name, value in row.parts.items()),
        "note": row.error,
    }
