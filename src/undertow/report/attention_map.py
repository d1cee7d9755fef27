"""What was looked at for each word that was written: a row a word written, a column a word read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from undertow.report import style
from undertow.report.heatmap import DARK, Sides, fields

FIELD = 0.3  # inches
LONG = 24  # letters of a word
MOST = 60  # words of a side


def attention_map(told: dict[str, Any]) -> Figure:
    """Rows sum to 1: one bright field is one word for one, several grey ones are shared attention."""
    read = [_short(word) for word in told["read"][:MOST]]
    written = [_short(word) for word in told["written"][:MOST]]
    shares: Sequence[Sequence[float]] = [row[:MOST] for row in told["shares"][:MOST]]
    above = 0.75 + max(style.text_width(word, style.SMALL) for word in read)
    room = 0.35 + max(style.text_width(word, style.SMALL) for word in written)
    width = max(room + FIELD * len(read) + 0.25, 5.0)
    height = above + FIELD * len(written) + 0.15
    figure = style.new_figure(width, height)
    style.heading(figure, "What it looked at", "columns: words read; rows: words written, each sums to 1")
    axes = figure.add_axes(
        (room / width, 0.15 / height, FIELD * len(read) / width, FIELD * len(written) / height)
    )
    fields(axes, shares, Sides(written, read), DARK)
    return figure


def _short(word: str) -> str:
    return style.plain(word if len(word) <= LONG else word[: LONG - 1] + "…")
