"""What was planted against what was said first, as a picture."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from undertow.bench.patients import SET, Row
from undertow.doctor.rule import every_rule
from undertow.report.heatmap import Sides, heatmap

NOTHING = "—"


def confusion(rows: Sequence[Row]) -> Figure | None:
    """A row a fault, a column what was said first; of the programs that set no threshold, where there are any."""
    counted = [row for row in rows if row.folder != SET] or list(rows)
    if not counted:
        return None
    names = {rule.code: rule.name for rule in every_rule()}
    planted = [code for code in names if any(row.expected == code for row in counted)]
    planted += [""] if any(not row.expected for row in counted) else []
    said = [*names, NOTHING]
    shares = [_shares([row for row in counted if row.expected == code], said) for code in planted]
    runs = sum(bool(row.expected) for row in counted)
    labels = [f"{names[code]}  {code}" if code else "healthy" for code in planted]
    return heatmap(
        shares,
        Sides(labels, said),
        "What was planted, and what was said first",
        f"share of runs; {runs:,} sick, {len(counted) - runs:,} healthy; {NOTHING} nothing was said",
    )


def _shares(rows: Sequence[Row], said: Sequence[str]) -> list[float]:
    first = [row.codes[0] if row.codes else NOTHING for row in rows]
    return [first.count(code) / max(len(first), 1) for code in said]
