"""What was said of each class, and whether a probability may be believed."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from undertow.report import style, words
from undertow.report.class_words import held_out_classes, percent, unit_of
from undertow.report.heatmap import Sides, heatmap

LONG = 28  # letters of a class's name that are shown
MOST = 40  # classes in the picture


def confusion(score: dict[str, Any]) -> Figure:
    """A row a class, a column what was said; shares of the row. Of many classes, those with most texts."""
    part, entry = held_out_classes(score) or ("", {})
    counts, names = entry["confusion"], [_short(name) for name in score["classes"]]
    sums = [sum(row) for row in counts]
    shown = sorted(sorted(range(len(sums)), key=lambda n: -sums[n])[:MOST])
    shares = [[counts[row][column] / (sums[row] or 1) for column in shown] for row in shown]
    rows = [f"{names[n]}  {words.count(sums[n])}" for n in shown]
    columns = [names[n] for n in shown]
    widest = max(style.text_width(name, style.SMALL) for name in columns)
    room = 0.4 + max(style.text_width(name, style.SMALL) for name in rows)
    field = 0.62 if len(shown) <= 8 else 0.4
    sides = Sides(rows, columns, max(room, 3.6 - field * len(shown)), field, 9.0, 1.0 + widest)
    return heatmap(
        shares, sides, "What was said of each class", f"share of its {unit_of(entry)}s in per cent, {part}"
    )


def calibration(score: dict[str, Any]) -> Figure:
    """How often is it right when it says p? On the diagonal, as often as it says."""
    part, entry = held_out_classes(score) or ("", {})
    bins = [b for b in entry["reliability"] if b["count"]]
    figure = style.new_figure(5.2, 4.6)
    style.heading(figure, "When it says p, how often is it right?", f"on the line: p may be believed; {part}")
    axes = style.bare(figure.add_axes((0.12, 0.12, 0.81, 0.66)))
    axes.plot([0, 1], [0, 1], color=style.MUTED, linewidth=0.9, dashes=(4, 3))
    most = max(b["count"] for b in bins)
    axes.scatter(
        [b["confidence"] for b in bins],
        [b["accuracy"] for b in bins],
        s=[16 + 300 * b["count"] / most for b in bins],
        color=style.BLUE,
        alpha=0.85,
        clip_on=False,
        zorder=3,
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("probability that it gives what it says", color=style.MUTED, size=style.SMALL)
    axes.text(
        0.02, 0.97, f"calibration error {percent(entry['calibration_error'])}\na larger dot: more {unit_of(entry)}s",
        color=style.SLATE, size=style.SMALL + 0.4, va="top",
    )  # fmt: skip
    return figure


def _short(name: str) -> str:
    return style.plain(name if len(name) <= LONG else name[: LONG - 1] + "…")
