"""What each word of a text adds to a choice, by position."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from undertow.report import style

ROOM = 0.24  # inches a word
MOST = 60  # words in the picture: the last ones


def contributions(units: Sequence[str], values: Sequence[float], title: str, note: str) -> Figure:
    """Bars in nats, one a word, in the order of the text; against the choice in orange."""
    shown, heights = [style.plain(unit) for unit in units[-MOST:]], list(values[-MOST:])
    below = 0.3 + max(style.text_width(word, style.SMALL) for word in shown)
    width, height = max(1.0 + ROOM * len(shown), 5.2), 2.6 + below
    figure = style.new_figure(width, height)
    style.heading(figure, style.plain(title), note)
    axes = style.bare(
        figure.add_axes((0.75 / width, below / height, ROOM * len(shown) / width, 1.75 / height))
    )
    colors = [style.BLUE if value > 0 else style.ORANGE for value in heights]
    axes.bar(range(len(shown)), heights, color=colors, width=0.72)
    axes.axhline(0, color=style.MUTED, linewidth=0.8)
    axes.set_xticks(range(len(shown)), shown, rotation=90)
    axes.tick_params(axis="x", labelcolor=style.INK, length=0)
    axes.set_xlim(-0.6, len(shown) - 0.4)
    axes.set_ylabel("adds, nats", color=style.MUTED, size=style.SMALL)
    axes.spines["bottom"].set_visible(False)
    return figure
