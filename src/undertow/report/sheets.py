"""Sheets of what a generator makes: images as tiles, points as dots.

Axes: N examples, C channels, Y and X places; images are [N, C, Y, X] from 0 to 255, points [N, 2].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from undertow.report import style

Made = NDArray[Any]
WIDE = 9.0  # inches
GAP = 1  # pixel between tiles
ABOVE = 0.98  # inches for the heading and what stands over the panels


def beside(sides: Sequence[tuple[str, Made]], title: str, note: str) -> Figure:
    """Two sheets side by side, each with its name."""
    wide = (WIDE - 0.18 * 2 - 0.3) / 2
    pictures = [_square(made) if made.ndim == 4 else made for _, made in sides]
    tall = max(_height(each, wide) for each in pictures)
    figure = _sheet(ABOVE + tall + 0.15, title, note)
    for number, ((name, made), shown) in enumerate(zip(sides, pictures, strict=True)):
        at = (0.18 + number * (wide + 0.3), 0.15 + tall - _height(shown, wide), wide, _height(shown, wide))
        axes = figure.add_axes(_share(at, figure))
        _drawn(axes, shown, made.ndim == 4, _reach([each for _, each in sides]))
        style.panel_title(axes, name)
    return figure


def rows_of_frames(frames: Made, names: Sequence[str], title: str, note: str) -> Figure:
    """Frame after frame from left to right: of images a column each, of points a panel each.

    Args:
        frames: [frames, N, ...].
        names: of the frames.
        title: above.
        note: under it.
    """
    images = frames.ndim == 5
    gap = 0.06 if images else 0.14
    wide = (WIDE - 0.36 - gap * (len(frames) - 1)) / len(frames)
    shown = [_tiled(frame, _columns(frame, len(frames))) if images else frame for frame in frames]
    tall = max(_height(each, wide) for each in shown)
    figure = _sheet(ABOVE + tall + 0.15, title, note)
    for number, (name, frame) in enumerate(zip(names, shown, strict=True)):
        axes = figure.add_axes(_share((0.18 + number * (wide + gap), 0.15, wide, tall), figure))
        _drawn(axes, frame, images, _reach(list(frames)))
        style.panel_title(axes, name)
    return figure


def _columns(frame: Made, panels: int) -> int:
    """Of many narrow panels one column each; of few, as many as rows."""
    return 1 if panels > 8 else max(1, round(len(frame) ** 0.5))


def _square(images: Made) -> Made:
    return _tiled(images, max(1, round(len(images) ** 0.5)))


def _tiled(images: Made, columns: int) -> Made:
    """Images in rows of so many, [Y, X, 3] with white between them."""
    count, _, height, width = images.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), 255, dtype=np.uint8)
    for number, image in enumerate(images):
        y, x = (number // columns) * (height + GAP), (number % columns) * (width + GAP)
        sheet[y : y + height, x : x + width] = np.broadcast_to(image.transpose(1, 2, 0), (height, width, 3))
    return sheet


def _height(shown: Made, wide: float) -> float:
    """Inches, so that places are square; a panel of points is as high as it is wide."""
    return wide * shown.shape[0] / shown.shape[1] if shown.ndim == 3 else wide


def _reach(made: Sequence[Made]) -> float:
    """How far points of real data or samples lie from 0, but for a few."""
    return 1.15 * max(float(np.quantile(np.abs(each), 0.999)) for each in made)


def _drawn(axes: Any, shown: Made, images: bool, reach: float) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(not images)
        spine.set_color(style.FAINT)
    if images:
        axes.imshow(shown, interpolation="nearest", aspect="auto")
        return
    axes.scatter(shown[:, 0], shown[:, 1], s=2.4, color=style.BLUE, alpha=0.45, linewidths=0)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)


def _sheet(height: float, title: str, note: str) -> Figure:
    figure = style.new_figure(WIDE, height)
    style.heading(figure, title, note)
    return figure


def _share(inches: tuple[float, float, float, float], figure: Figure) -> tuple[float, float, float, float]:
    width, height = figure.get_figwidth(), figure.get_figheight()
    return inches[0] / width, inches[1] / height, inches[2] / width, inches[3] / height
