"""The look that every picture shares: colours, letter sizes, bare axes.

Colours are Okabe & Ito's, which stay apart for every common form of colour blindness; labels stand
next to what they name, so that no picture is read by colour alone. Lengths are inches, and the
letters are meant for a picture shown about 900 pixels wide.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath

INK = "#17242f"
MUTED = "#5d6b78"
FAINT = "#dfe5ea"
PAPER = "#ffffff"

BLUE = "#0072b2"
ORANGE = "#d55e00"
GREEN = "#009e73"
PINK = "#b8578c"
SKY = "#56b4e9"
GOLD = "#c98a00"
VIOLET = "#6a51a3"
SLATE = "#4d5b66"
LAYERS = (BLUE, ORANGE, GREEN, PINK, GOLD, VIOLET, SKY, SLATE)

TITLE, BODY, SMALL = 13.0, 10.0, 8.8
POINTS_AN_INCH = 72.0


def new_figure(width: float, height: float) -> Figure:
    """An empty sheet on its own canvas; no pyplot, so nothing is shared or kept."""
    figure = Figure(figsize=(width, height), facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def heading(figure: Figure, title: str, note: str = "") -> None:
    """Title and one muted line in the upper left corner."""
    height = figure.get_figheight()
    left = 0.18 / figure.get_figwidth()
    figure.text(left, 1 - 0.14 / height, title, size=TITLE, weight="bold", color=INK, va="top")
    figure.text(left, 1 - 0.41 / height, note, size=BODY, color=MUTED, va="top")


def bare(axes: Any, *, grid: bool = True) -> Any:
    """Axes with a base line, a faint horizontal grid and nothing else."""
    axes.set_facecolor(PAPER)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(MUTED)
        spine.set_linewidth(0.8)
    axes.tick_params(colors=MUTED, labelsize=SMALL, length=0, pad=5)
    axes.tick_params(axis="x", length=3, width=0.8)
    axes.tick_params(which="minor", length=0)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis="y", color=FAINT, linewidth=0.8)
    return axes


def panel_title(axes: Any, text: str) -> None:
    """What a small panel shows, above its left corner."""
    axes.set_title(text, loc="left", color=SLATE, size=SMALL + 0.4, weight="bold", pad=4)


def plain(text: str) -> str:
    """A user's text as it is to be drawn: a dollar sign begins no maths."""
    return text.replace("$", r"\$")


def text_width(text: str, size: float) -> float:
    """Inches that the longest line of a text takes; `$...$` is read as maths."""
    lines = [line for line in text.split("\n") if line.strip()]
    widths = (TextPath((0, 0), line, size=size).get_extents().width for line in lines)
    return float(max(widths, default=0.0)) / POINTS_AN_INCH


def smoothed(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """The mean of each fiftieth of the way."""
    wide = max(1, len(points) // 50)
    pieces = [points[n : n + wide] for n in range(0, len(points), wide)]
    return [(sum(n for n, _ in p) // len(p), sum(x for _, x in p) / len(p)) for p in pieces]


def beside_lines(axes: Any, values: Sequence[float]) -> list[float]:
    """Heights for names at the right ends of lines, in data: near the values, apart enough to be read."""
    low, high = axes.get_ylim()
    inches = axes.get_position().height * axes.figure.get_figheight()
    return spread(values, 0.185 * (high - low) / inches)


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Positions near the wanted ones that keep `gap` apart, in the same order.

    Neighbours that are too close are merged into a block centred on their mean wish.
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    blocks: list[list[int]] = []
    for index in order:
        blocks.append([index])
        while len(blocks) > 1 and _top(blocks[-2], wanted, gap) + gap > _bottom(blocks[-1], wanted, gap):
            last = blocks.pop()
            blocks[-1].extend(last)
    placed = [0.0] * len(wanted)
    for block in blocks:
        for offset, index in enumerate(block):
            placed[index] = _bottom(block, wanted, gap) + offset * gap
    return placed


def _bottom(block: list[int], wanted: Sequence[float], gap: float) -> float:
    return sum(wanted[index] for index in block) / len(block) - gap * (len(block) - 1) / 2


def _top(block: list[int], wanted: Sequence[float], gap: float) -> float:
    return _bottom(block, wanted, gap) + gap * (len(block) - 1)
