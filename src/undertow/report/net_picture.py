"""A deep net as a picture: its blocks from left to right, as high as their images and as wide as their channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from undertow.nets.pieces import Piece
from undertow.report import style, words
from undertow.report.pen import Pen, shade

APART = 0.3  # inches between blocks
BELOW, ABOVE = 1.0, 1.3  # room for what is written
ROOM = 2.6  # height of the largest image
COLORS = {
    "through": style.SLATE,
    "past": style.BLUE,
    "projected": style.BLUE,
    "gated": style.GREEN,
    "joined": style.ORANGE,
}
DASHED = {"projected": (0, (2.5, 1.6))}
WAYS = {
    "past": "what enters is added to what leaves",
    "projected": "what enters is added, after a projection",
    "gated": "what enters passes as far as a gate says",
    "joined": "every layer reads all that came before it",
}


def net_picture(name: str, shape: tuple[int, ...], pieces: Sequence[Piece], parameters: int) -> Figure:
    """The blocks with their shapes and parameters; ways past a block are arcs.

    Args:
        name: of the net.
        shape: of an image, (C, Y, X).
        pieces: in the order that an image passes them.
        parameters: of the whole net.
    """
    whole = [Piece("image", shape, 0), *pieces]
    told = [_told(piece) for piece in whole]
    rooms = [
        max(_wide(p.shape), style.text_width(max(t, key=len), style.SMALL))
        for p, t in zip(whole, told, strict=True)
    ]
    width = max(0.6 + sum(rooms) + APART * (len(rooms) - 1), 7.4)
    ways = [way for way in WAYS if any(p.way == way for p in pieces)]
    pen = Pen(width, BELOW + ROOM + ABOVE)
    note = f"{words.count(parameters)} parameters; {_steps(pieces)}; under each: what leaves it, and its parameters"
    style.heading(pen.figure, style.plain(name), note)
    middle, left, last = BELOW + ROOM / 2, 0.3, 0.0
    for number, (piece, lines, room) in enumerate(zip(whole, told, rooms, strict=True)):
        center = left + room / 2
        edge = _block(pen, piece, center, middle)
        if number:
            pen.arrow((last + 0.03, middle), (center - edge - 0.03, middle), style.MUTED)
        for line, text in enumerate(lines):
            color = shade(COLORS[piece.way]) if line == 0 else style.MUTED
            pen.text((center, BELOW - 0.16 - 0.19 * line), text, size=style.SMALL, color=color)
        last, left = center + edge, left + room + APART
    for number, way in enumerate(ways):
        at = (0.22 + 3.4 * number, BELOW + ROOM + 0.5)
        pen.axes.plot(
            [at[0], at[0] + 0.28],
            [at[1]] * 2,
            color=COLORS[way],
            linewidth=1.8,
            linestyle=DASHED.get(way, "-"),
        )
        pen.text((at[0] + 0.36, at[1]), WAYS[way], size=style.SMALL, color=shade(COLORS[way]), ha="left")
    return pen.figure


def _told(piece: Piece) -> list[str]:
    times = f"{piece.times} × " if piece.times > 1 else ""
    lines = [times + piece.name, " × ".join(map(str, piece.shape))]
    return [*lines, f"{words.count(piece.parameters * piece.times)}"] if piece.parameters else lines


def _steps(pieces: Sequence[Piece]) -> str:
    return words.plural(sum(piece.times for piece in pieces), "block")


def _block(pen: Pen, piece: Piece, center: float, middle: float) -> float:
    """Draws it; gives half its width."""
    wide, high = _wide(piece.shape), _high(piece.shape)
    color = COLORS[piece.way]
    copies = min(piece.times, 3)
    for copy in reversed(range(copies)):
        shift = 0.05 * copy
        corner = (center - wide / 2 + shift, middle - high / 2 + shift)
        pen.box(corner, (wide, high), color, gid=f"{piece.name} {copy}")
    if piece.way != "through":
        _arc(
            pen,
            (center - wide / 2 - 0.08, middle + high / 2),
            (center + wide / 2 + 0.08, middle + high / 2),
            piece.way,
        )
    return wide / 2


def _arc(pen: Pen, start: tuple[float, float], end: tuple[float, float], way: str) -> None:
    drawn: Any = FancyArrowPatch(
        start, end, connectionstyle="arc3,rad=-0.75", arrowstyle="-|>,head_length=4,head_width=2.2",
        linewidth=1.5, color=COLORS[way], linestyle=DASHED.get(way, "-"), zorder=6,
    )  # fmt: skip
    pen.axes.add_patch(drawn)


def _wide(shape: tuple[int, ...]) -> float:
    """Channels, or units: by their logarithm."""
    return 0.14 + 0.055 * math.log2(shape[0] + 1)


def _high(shape: tuple[int, ...]) -> float:
    """Places: by their logarithm, so that 7 and 224 can stand side by side."""
    side = math.sqrt(math.prod(shape[1:])) if len(shape) > 1 else 1.0
    return 0.4 + min(ROOM - 0.6, 0.26 * math.log2(side + 1))
