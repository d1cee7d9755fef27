"""Pictures of what a generator makes: images side by side, points with the places of the modes.

    image_sheet, scatter    samples alone
    strip                   at some moments of training, the first ones closer together
    beside                  real ones and samples
    by_class                share of good samples of each class or mode, beside the fair share

Axes: N samples, C channels, Y and X places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from undertow.data.mixtures import Mixture
from undertow.data.mode_figures import NEAR, met
from undertow.report import style, words
from undertow.report.made_words import GOOD, kind_of

MOMENTS = 6
OVER_TRAINING = ("What it made while it learned", "of the same noise each time")
GAP = 2  # places between images
WIDTH = 9.0  # inches
MOST = 1024  # images on a sheet
EDGE = 0.12  # inches around panels
LABEL, ACROSS, TICKS = (
    12,
    100,
    60,
)  # letters of a class's name, of all that fit beside each other, classes named
ROOM = 1.25  # of the widest mode, around points


def image_sheet(images: NDArray[np.uint8]) -> Figure:
    """Images [N, C, Y, X] side by side, in nearly a square."""
    shown = images[:MOST]
    columns = math.ceil(math.sqrt(len(shown)))
    rows = -(-len(shown) // columns)
    figure = style.new_figure(WIDTH, WIDTH * rows * images.shape[2] / (columns * images.shape[3]))
    _tiles(figure.add_axes((0.0, 0.0, 1.0, 1.0)), shown, columns)
    return figure


def scatter(points: NDArray[np.floating], modes: Mixture | None) -> Figure:
    """Points [N, 2], with the places of the modes where they are known."""
    figure = style.new_figure(6.0, 6.0)
    _cloud(figure.add_axes((0.02, 0.02, 0.96, 0.96)), points, modes)
    return figure


def moments(steps: Sequence[int]) -> list[int]:
    """Some of the steps, the first ones closer together: a generator changes most at first."""
    if len(steps) <= MOMENTS:
        return list(steps)
    places = np.geomspace(1, len(steps), MOMENTS)
    taken: list[int] = []
    for place in places:
        taken.append(max(round(place) - 1, taken[-1] + 1 if taken else 0))
    return [steps[n] for n in taken]


def strip(
    made: dict[str, NDArray[Any]], modes: Mixture | None, heads: tuple[str, str] = OVER_TRAINING
) -> Figure:
    """The same samples at several moments, side by side.

    Args:
        made: by the name of the moment, in order, [N, 2] or [N, C, Y, X].
        modes: that the points are of, where they are known.
        heads: title and note.
    """
    count = len(made)
    side = (WIDTH - EDGE * (MOMENTS + 1)) / MOMENTS
    width = EDGE + count * (side + EDGE)
    height = side + 1.05
    figure = style.new_figure(max(width, 5.0), height)
    circles = "" if modes is None else "; circles are 4 σ around each mode"
    style.heading(figure, heads[0], heads[1] + circles)
    for number, (name, samples) in enumerate(made.items()):
        left = (EDGE + number * (side + EDGE)) / figure.get_figwidth()
        axes = figure.add_axes((left, EDGE / height, side / figure.get_figwidth(), side / height))
        _panel(axes, samples, modes, few=True)
        style.panel_title(axes, name)
    return figure


def beside(real: NDArray[Any], made: NDArray[Any], modes: Mixture | None) -> Figure:
    """Real ones that it never saw on the left, what it makes on the right."""
    side = (WIDTH - 3 * EDGE) / 2
    height = side + 1.05
    figure = style.new_figure(WIDTH, height)
    style.heading(
        figure, "Real, and made", "on the left real ones that it never saw, on the right its samples"
    )
    for number, (name, rows) in enumerate((("real", real), ("made", made))):
        left = (EDGE + number * (side + EDGE)) / WIDTH
        axes = figure.add_axes((left, EDGE / height, side / WIDTH, side / height))
        _panel(axes, rows[: len(made)], modes, few=False)
        style.panel_title(axes, name)
    return figure


def by_class(names: Sequence[str], samples: dict[str, Any], fair: Sequence[float]) -> Figure:
    """The share of good samples of each class among all, as bars, and what would be fair, as marks.

    Args:
        names: of the classes.
        samples: their figures: how many there are, and good ones of each class or mode.
        fair: share of each class.
    """
    figure = style.new_figure(WIDTH, 3.9)
    kind, several = kind_of(samples)
    made, count = samples["by_class"], samples["count"]
    own, wanted = np.array(made) / max(count, 1), np.array(fair)
    told = f"of all samples, those of each {kind} that lie {GOOD[several]}; a dash is the fair share"
    style.heading(figure, f"Samples by {kind}", told)
    crowded = sum(len(name[:LABEL]) + 2 for name in names) > ACROSS
    bottom = 0.3 if crowded else 0.125
    axes = style.bare(figure.add_axes((0.065, bottom, 0.915, 0.725 - bottom)))
    places = np.arange(len(names))
    few = ~np.array(met(made, count, fair))
    axes.bar(places, own, width=0.72, color=[style.ORANGE if one else style.SKY for one in few], zorder=2)
    axes.hlines(wanted, places - 0.44, places + 0.44, color=style.INK, linewidth=1.8, zorder=3)
    axes.set_xlim(-0.7, len(names) - 0.3)
    axes.set_ylim(0, 1.12 * max(own.max(), wanted.max(), 1e-9))
    every = -(-len(names) // TICKS)
    short = words.cut(names, LABEL)
    axes.set_xticks(places[::every], [style.plain(short[name]) for name in names[::every]])
    axes.tick_params("x", rotation=90 if crowded else 0)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    if few.any():
        told = f"■  less than a tenth of the fair share: {words.plural(int(few.sum()), kind)}".replace(
            "classs", "classes"
        )
        axes.text(
            0.995, 1.09, told, transform=axes.transAxes, ha="right", color=style.ORANGE, size=style.BODY, weight="bold",
        )  # fmt: skip
    return figure


def _good(modes: Mixture, axes: Any) -> EllipseCollection:
    """Around each mode a circle of 4 σ, within which a point is good."""
    across = np.full(len(modes.means), 2 * NEAR * modes.deviation)
    return EllipseCollection(
        across, across, 0 * across, units="xy", offsets=modes.means, offset_transform=axes.transData,
        facecolors="none", edgecolors=style.ORANGE, linewidths=0.9, zorder=2,
    )  # fmt: skip


def _panel(axes: Any, rows: NDArray[Any], modes: Mixture | None, few: bool) -> None:
    if rows.ndim == 2:
        _cloud(axes, rows, modes, size=1.2 if few else 2.5)
    else:
        columns = min(5 if few else 8, math.isqrt(len(rows)) or 1)  # a whole square: none is left alone
        _tiles(axes, rows[: columns**2], columns)


def _tiles(axes: Any, images: NDArray[np.uint8], columns: int) -> None:
    """Images on a sheet of paper, their own pixels as squares."""
    _, channels, tall, broad = images.shape
    rows = -(-len(images) // columns)
    sheet = np.full((rows * (tall + GAP) - GAP, columns * (broad + GAP) - GAP, 3), 255, dtype=np.uint8)
    for number, image in enumerate(images):
        y, x = (number // columns) * (tall + GAP), (number % columns) * (broad + GAP)
        sheet[y : y + tall, x : x + broad] = (
            np.moveaxis(image, 0, -1) if channels == 3 else image[0][..., None]
        )
    axes.imshow(sheet, interpolation="nearest", aspect="auto")
    axes.set_axis_off()


def _cloud(axes: Any, points: NDArray[np.floating], modes: Mixture | None, size: float = 2.5) -> None:
    axes.set_facecolor("#f6f8fa")
    around = points if modes is None else modes.means
    reach = ROOM * float(np.abs(around).max())
    if modes is not None:
        axes.add_collection(_good(modes, axes))
    axes.scatter(*points.T, s=size, color=style.BLUE, alpha=0.45, linewidths=0, zorder=3)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(style.FAINT)
