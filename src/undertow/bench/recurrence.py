"""Is the compiled recurrence faster than what people use now, on this machine, forward and backward?

Correctness first: a peer is timed only where its outputs agree with ours. Paired runs in one process, medians of
ratios with their 5-95 % range; every row that is lost is shown first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from undertow.bench.machine import gemm_gflops
from undertow.bench.paired import paired
from undertow.bench.peers import PEERS, TORCH, Shape, ours
from undertow.cells import catalog
from undertow.cells.cell import Cell
from undertow.errors import SettingError
from undertow.recurrent.recurrent import Recurrent

GRID = [
    Shape(*sizes)
    for sizes in (
        (100, 1, 64, 64),
        (100, 4, 64, 64),
        (100, 16, 64, 128),
        (100, 32, 128, 128),
        (100, 32, 256, 256),
        (50, 64, 500, 500),
        (100, 64, 512, 512),
        (35, 20, 650, 650),
        (25, 32, 100, 100),
        (500, 8, 32, 32),
        (1000, 1, 16, 63),
        (100, 128, 1024, 1024),
    )
]


@dataclass(frozen=True)
class Row:
    """One cell, shape and peer, in one mode."""

    cell: str
    shape: str
    against: str
    mode: str  # infer or train
    base_ms: float
    ours_ms: float
    ratio: float
    low: float
    high: float
    gflops: float
    of_gemm: float  # share of the machine's measured product speed
    bar: float | None
    met: bool


def measure(
    cells: Iterable[str],
    against: Iterable[str],
    shapes: Iterable[Shape],
    seconds: float,
    tell: Callable[[str], None],
) -> list[Row]:
    """Every cell against every peer at every shape."""
    roof = gemm_gflops()
    tell(f"torch's product runs at {roof:.0f} GFLOP/s with {torch.get_num_threads()} threads")
    rows: list[Row] = []
    for name in cells:
        kind = catalog.find(name)
        for peer in against:
            if peer == "torch" and kind not in TORCH:
                continue
            for shape in shapes:
                found = _compare(name, kind, peer, shape, seconds, roof)
                rows += found
                tell(
                    "  ".join(
                        f"{r.cell} {r.shape} {r.mode} against {r.against}: {r.ratio:.2f}" for r in found
                    )
                )
    return sorted(rows, key=lambda row: (row.met, row.ratio / (row.bar or 1.0)))


def _compare(name: str, kind: type[Cell], peer: str, shape: Shape, seconds: float, roof: float) -> list[Row]:
    if peer not in PEERS:
        raise SettingError(f"There is no peer {peer!r}. Peers: {', '.join(PEERS)}.")
    torch.manual_seed(0)
    layer = Recurrent(kind(shape.inputs, shape.hidden), engine="numba")
    x = torch.randn(shape.steps, shape.batch, shape.inputs, requires_grad=True)
    along = torch.randn(shape.steps, shape.batch, shape.hidden)
    base, own = PEERS[peer](layer, x, along), ours(layer, x, along)
    torch.testing.assert_close(own.answer().detach(), base.answer().detach(), rtol=1e-3, atol=1e-4)
    rows = []
    for mode, factor in (("infer", 1), ("train", 3)):
        result = paired(getattr(base, mode), getattr(own, mode), seconds)
        flops = (
            factor * 2 * shape.steps * shape.batch * sum(w.numel() for w in layer.weights(0) if w.dim() > 1)
        )
        speed = flops / result.ours_ms / 1e6
        bar = bar_of(name, peer, mode, shape)
        share = speed / roof
        met = bar is None or result.ratio >= bar or share >= (0.6 if shape.hidden <= 128 else 0.75)
        kept = {k: v for k, v in asdict(result).items() if k != "pairs"}
        rows.append(Row(name, str(shape), peer, mode, **kept, gflops=speed, of_gemm=share, bar=bar, met=met))
    return rows


def bar_of(cell: str, peer: str, mode: str, shape: Shape) -> float | None:
    """The ratio to reach, or None where there is no bar."""
    hidden = shape.hidden
    if peer == "torch" and cell == "lstm":
        if mode == "train":
            return 1.3 if hidden <= 64 else 1.1 if hidden <= 512 else 1.0
        return 1.2 if hidden <= 128 else 1.05
    if peer == "torch":
        return None if mode == "infer" else 2.5 if hidden <= 128 else 1.3 if hidden <= 256 else 1.1
    if mode == "infer":
        return None
    if peer == "eager":
        return 10.0 if hidden <= 64 else 6.0 if hidden <= 128 else 3.0 if hidden <= 256 else None
    if peer == "torch-compile":
        return 2.5
    return 2.0 if hidden <= 128 else 1.3


def shown(row: Row) -> dict[str, Any]:
    """A row as a person reads it."""
    return {
        "cell": row.cell,
        "(T, B, I, H)": row.shape,
        "against": row.against,
        "mode": row.mode,
        "base ms": f"{row.base_ms:.2f}",
        "ours ms": f"{row.ours_ms:.2f}",
        "ratio": f"{row.ratio:.2f}",
        "5-95 %": f"{row.low:.2f}-{row.high:.2f}",
        "GFLOP/s": f"{row.gflops:.0f}",
        "of GEMM": f"{row.of_gemm:.0%}",
        "bar": "" if row.bar is None else f"{row.bar:g}",
        "met": "" if row.bar is None else "yes" if row.met else "NO",
    }
