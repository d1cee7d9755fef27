"""What was planted against what was said first, as a picture."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from undertow.bench.patients import SET, Row
from undertow.doctor.rule import every_rule
from undertow.report import style

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
    size = 0.245
    width, height = 3.3 + size * len(said), 1.4 + size * len(planted)
    figure = style.new_figure(width, height)
    runs = sum(bool(row.expected) for row in counted)
    style.heading(
        figure,
        "What was planted, and what was said first",
        f"share of runs; {runs:,} sick, {len(counted) - runs:,} healthy; {NOTHING} nothing was said",
    )
    box = (2.95 / width, 0.12 / height, size * len(said) / width, size * len(planted) / height)
    axes = figure.add_axes(box)
    shades = LinearSegmentedColormap.from_list("shares", [style.PAPER, style.SKY, style.BLUE])
    axes.pcolormesh(shares, cmap=shades, vmin=0, vmax=1, edgecolors=style.FAINT, linewidth=0.5)
    for y, row in enumerate(shares):
        for x, share in enumerate(row):
            if 0 < share < 0.995:
                color = style.PAPER if share > 0.6 else style.INK
                axes.text(
                    x + 0.5, y + 0.5, f"{100 * share:.0f}", color=color, size=6, ha="center", va="center"
                )
    labels = [f"{names[code]}  {code}" if code else "healthy" for code in planted]
    axes.set_yticks([n + 0.5 for n in range(len(planted))], labels)
    axes.set_xticks([n + 0.5 for n in range(len(said))], said, rotation=90)
    axes.tick_params(length=0, labelsize=style.SMALL, labelcolor=style.INK, top=False, bottom=False)
    axes.tick_params(axis="x", labeltop=True, labelbottom=False)
    axes.set_ylim(len(planted), 0)
    for side in axes.spines.values():
        side.set_visible(False)
    return figure


def _shares(rows: Sequence[Row], said: Sequence[str]) -> list[float]:
    first = [row.codes[0] if row.codes else NOTHING for row in rows]
    return [first.count(code) / max(len(first), 1) for code in said]
