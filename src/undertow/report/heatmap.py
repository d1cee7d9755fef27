"""A table of shares as a picture: darker is more, with the share in per cent where it is not all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from undertow.report import style

CERTAIN = 0.995


@dataclass(frozen=True)
class Shades:
    """Colours from 0 to 1, and of the lines between fields."""

    colors: tuple[str, ...]
    edge: str
    width: float


LIGHT = Shades((style.PAPER, style.SKY, style.BLUE), style.FAINT, 0.5)
DARK = Shades((style.INK, style.SLATE, style.PAPER), style.MUTED, 0.3)  # a bright field is a large share


@dataclass(frozen=True)
class Sides:
    """Names along both sides, the room that those of the rows take, and the size of a field, in inches."""

    rows: Sequence[str]
    columns: Sequence[str]
    room: float = 2.95
    field: float = 0.245
    letters: float = 6.0
    above: float = 1.28  # for the heading and the columns' names


def heatmap(shares: Sequence[Sequence[float]], sides: Sides, title: str, note: str) -> Figure:
    """Rows of shares from 0 to 1, the first row on top."""
    size, rows, columns = sides.field, len(sides.rows), len(sides.columns)
    width, height = sides.room + 0.35 + size * columns, sides.above + 0.12 + size * rows
    figure = style.new_figure(width, height)
    style.heading(figure, title, note)
    axes = figure.add_axes((sides.room / width, 0.12 / height, size * columns / width, size * rows / height))
    fields(axes, shares, sides, LIGHT)
    for y, row in enumerate(shares):
        for x, share in enumerate(row):
            if 0 < share < CERTAIN:
                color = style.PAPER if share > 0.6 else style.INK
                told = f"{100 * share:.0f}"
                axes.text(x + 0.5, y + 0.5, told, color=color, size=sides.letters, ha="center", va="center")
    return figure


def fields(axes: Any, shares: Sequence[Sequence[float]], sides: Sides, shades: Shades) -> None:
    """A field a share, the names of rows on the left and of columns above, and nothing else."""
    colors = LinearSegmentedColormap.from_list("shares", list(shades.colors))
    axes.pcolormesh(shares, cmap=colors, vmin=0, vmax=1, edgecolors=shades.edge, linewidth=shades.width)
    axes.set_yticks([n + 0.5 for n in range(len(sides.rows))], sides.rows)
    axes.set_xticks([n + 0.5 for n in range(len(sides.columns))], sides.columns, rotation=90)
    axes.tick_params(length=0, labelsize=style.SMALL, labelcolor=style.INK, top=False, bottom=False)
    axes.tick_params(axis="x", labeltop=True, labelbottom=False)
    axes.set_ylim(len(sides.rows), 0)
    for side in axes.spines.values():
        side.set_visible(False)
