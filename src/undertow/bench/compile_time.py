"""How long until a cell's kernels are there: with an empty cache, with a filled one, and does it grow with T?

Each figure comes from a process of its own: importing torch and undertow is left out, whatever the first call loads
beside them, Numba among it, is in. What a later call of the same walk takes is taken off the first call.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from undertow.bench import named
from undertow.bench.child import ChildError, ask
from undertow.bench.shape import Shape

CELLS = (
    "lstm",
    "gru",
    "rnn",
    "peephole_lstm",
    "layer_norm_lstm",
    "recurrent_highway",
    "product_lstm",
)
STEPS = (10, 10_000, 100_000)
SIZES = (1, 16, 64)  # B, I, H: a long walk must fit into memory
BARS = {"empty": 5.0, "filled": 0.3}  # seconds, by the state of the cache


@dataclass(frozen=True)
class Row:
    """One cell at one length, with an empty or a filled cache. Times in seconds."""

    cell: str
    shape: str  # (T, B, I, H)
    cache: str  # empty or filled
    seconds: float | None = None  # forward, backward and inference, and Numba where it is loaded for them
    numba_loaded: bool | None = None
    import_torch_s: float | None = None  # not counted
    import_undertow_s: float | None = None  # not counted
    walk_s: float | None = None  # a later call, forward with backward and inference; not counted
    bar: float = 0.0
    met: bool | None = None
    error: str = ""

    @property
    def lost(self) -> bool:
        """Is the bar missed?"""
        return self.met is False


def measure(cells: Sequence[str], steps: Sequence[int], tell: Callable[[str], None]) -> Iterator[Row]:
    """Every cell at every length, first with an empty cache, then with what that left.

    Raises:
        SettingError, CellError: no such cell.
    """
    names = named.expand(cells or CELLS)
    for name in names:
        named.find(name)
    for name in names:
        for count in steps or STEPS:
            with tempfile.TemporaryDirectory(prefix="undertow-bench-") as folder:
                for cache in BARS:
                    row = _row(Row(name, str(Shape(count, *SIZES)), cache, bar=BARS[cache]), folder)
                    tell(f"{name} T = {count}, cache {cache}: {row.error or f'{row.seconds:.2f} s'}")
                    yield row


def cold(cell: str, shape: str) -> float:
    """Seconds that Numba's import and compiling a cell take where the cache is empty.

    Raises:
        ChildError: the process failed.
    """
    with tempfile.TemporaryDirectory(prefix="undertow-bench-") as folder:
        found = _asked(cell, shape, folder)
    return float(found["seconds"])


def tables(rows: Sequence[Row]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Titles and rows as a person reads them, the missed first."""
    ordered = sorted(rows, key=lambda row: (not row.lost, -(row.seconds or 0.0) / row.bar))
    return [
        ("Seconds until the kernels are there. What is missed comes first.", [_shown(r) for r in ordered])
    ]


def _row(row: Row, folder: str) -> Row:
    try:
        found = _asked(row.cell, row.shape, folder)
    except ChildError as error:
        return replace(row, error=str(error), met=False)
    return replace(row, **found, met=found["seconds"] <= row.bar)


def _asked(cell: str, shape: str, folder: str) -> dict[str, Any]:
    job = {"cell": cell, "shape": shape, "threads": torch.get_num_threads()}
    return ask("undertow.bench.cold", job, UNDERTOW_CACHE=folder, NUMBA_CACHE_DIR=f"{folder}/numba")


def _shown(row: Row) -> dict[str, Any]:
    def number(value: float | None) -> str:
        return "" if value is None else f"{value:.2f}"

    return {
        "cell": row.cell,
        "(T, B, I, H)": row.shape,
        "cache": row.cache,
        "seconds": number(row.seconds),
        "bar": f"{row.bar:g}",
        "met": "" if row.met is None else "yes" if row.met else "NO",
        "loads Numba": "" if row.numba_loaded is None else "yes" if row.numba_loaded else "no",
        "a later call": number(row.walk_s),
        "not counted: torch": number(row.import_torch_s),
        "undertow": number(row.import_undertow_s),
        "note": row.error,
    }
