"""One measured row, judged, and how rows are shown: what is lost comes first, the bars are counted at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from undertow.bench.bars import BARS, NEVER_BELOW, bar_of, reached, share_limit
from undertow.bench.shape import parse_shape


@dataclass(frozen=True)
class Row:
    """One cell, shape and peer, in one mode. What was not measured is None."""

    cell: str
    shape: str  # (T, B, I, H)
    against: str
    mode: str  # infer, train or compile
    way: str = ""  # how ours was called, where there is more than one way
    base_ms: float | None = None
    ours_ms: float | None = None
    ratio: float | None = None  # base / ours, the median of pairs
    low: float | None = None  # of its 5-95 % range
    high: float | None = None
    pairs: int | None = None
    gflops: float | None = None  # of our matrix products
    gemm_gflops: float | None = None  # torch's product beside this row
    of_gemm: float | None = None
    gbytes: float | None = None  # of recurrent weights read a second, at batch 1
    read_gbytes: float | None = None  # reading as many bytes beside this row
    of_bandwidth: float | None = None
    bar: float | None = None  # ratio to reach
    met: bool | None = None  # None: not judged
    met_by: str = ""  # ratio, GEMM speed or bandwidth
    share_bar: float | None = None  # share of the product speed to reach
    share_met: bool | None = None
    error: str = ""  # why there are no figures

    @property
    def lost(self) -> bool:
        """Is a bar missed?"""
        return self.met is False or self.share_met is False


def judged(row: Row) -> dict[str, Any]:
    """The fields of a measured row that say whether its bars are met."""
    hidden = parse_shape(row.shape).hidden
    bar = bar_of(row.cell, row.against, row.mode)
    limit = None if bar is None else bar.limit(hidden)
    found: dict[str, Any] = {}
    if limit is not None and row.ratio is not None:
        by = reached(row.ratio, limit, row.of_gemm, row.of_bandwidth, hidden)
        found |= {"bar": limit, "met": bool(by), "met_by": by}
    share = share_limit(row.against, row.mode, hidden)
    if share is not None and row.of_gemm is not None:
        found |= {"share_bar": share, "share_met": row.of_gemm >= share}
    return found


def tables(rows: Sequence[Row]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Titles and rows as a person reads them: the lost first, then the rest, then the bars."""
    ordered = sorted(rows, key=_how_bad)
    return [
        (
            "A ratio above 1: the kernel is faster. What is lost comes first.",
            [_shown(row) for row in ordered],
        ),
        ("Bars", _summary(rows)),
    ]


def told(row: Row) -> str:
    """A row as one line of progress."""
    name = f"{row.cell} {row.shape} {row.mode} against {row.against}{f' ({row.way})' if row.way else ''}"
    if row.error:
        return f"{name}: {row.error}"
    bar = "" if row.bar is None else f", bar {row.bar:.3g} {'met' if row.met else 'MISSED'}"
    return f"{name}: {row.ratio:.2f}{bar}"


def _how_bad(row: Row) -> tuple[bool, bool, bool, float]:
    ratio = 0.0 if row.ratio is None else row.ratio / (row.bar or 1.0)
    return not row.lost, not row.error, row.met is None, ratio


def _shown(row: Row) -> dict[str, Any]:
    bandwidth = f" ({row.of_bandwidth:.0%} of reading)" if row.of_bandwidth is not None else ""
    return {
        "cell": row.cell.rpartition("/")[2],
        "(T, B, I, H)": row.shape,
        "against": f"{row.against}: {row.way}" if row.way else row.against,
        "mode": row.mode,
        "base ms": _number(row.base_ms, ".2f"),
        "ours ms": _number(row.ours_ms, ".2f"),
        "ratio": _number(row.ratio, ".2f"),
        "5-95 %": "" if row.low is None else f"{row.low:.2f}-{row.high:.2f}",
        "bar": _number(row.bar, ".3g"),
        "met": _yes(row.met) + (f", by {row.met_by}" if row.met and row.met_by != "ratio" else ""),
        "of GEMM": _number(row.of_gemm, ".0%") + bandwidth,
        "its bar": "" if row.share_bar is None else f"{row.share_bar:.0%} {_yes(row.share_met)}",
        "note": row.error,
    }


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _yes(met: bool | None) -> str:
    return "" if met is None else "yes" if met else "NO"


def _summary(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """How many rows met each bar, a line of the table a line."""
    lines = [
        _counted(bar.text, [r.met for r in rows if bar_of(r.cell, r.against, r.mode) is bar]) for bar in BARS
    ]
    lines.append(_counted(f"torch.nn.LSTM, never below {NEVER_BELOW}", [_above_floor(r) for r in rows]))
    lines.append(_counted("share of the measured GEMM speed, training", [r.share_met for r in rows]))
    return [line for line in lines if line["met"] or line["missed"]]


def _above_floor(row: Row) -> bool | None:
    if (row.cell, row.against) != ("lstm", "torch") or row.ratio is None:
        return None
    return row.ratio >= NEVER_BELOW or row.met_by in ("GEMM speed", "bandwidth")


def _counted(text: str, answers: Sequence[bool | None]) -> dict[str, Any]:
    return {"bar": text, "met": answers.count(True), "missed": answers.count(False)}
