"""Pictures of images: those that were read wrongly, what the first layer looks for, what each pixel adds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from undertow.report import style, words

FOR_AND_AGAINST = LinearSegmentedColormap.from_list(
    "for and against", [style.ORANGE, style.PAPER, style.BLUE]
)
LONG = 16  # letters of a label under an image


def wrong_images(entries: Sequence[dict[str, Any]]) -> Figure:
    """Images that it was surest of, and wrong: what they are, and what was said."""
    short = words.cut([e[key] for e in entries for key in ("label", "said")], LONG)
    told = [(f"is {short[e['label']]}", f"said {short[e['said']]}, p = {e['p']:.2f}") for e in entries]
    widest = max(style.text_width(said, style.SMALL) for _, said in told)
    return _sheet(
        [of_record(e["image"]) for e in entries],
        told,
        ("Surely wrong", "it was surest here, and wrong"),
        widest + 0.15,
    )


def first_layer(record: dict[str, Any]) -> Figure:
    """The weights of the first layer as images: blue is above 0, orange below."""
    filters = np.array(record["pixels"], dtype=float).reshape(record["shape"]) / 127 - 1
    channels = filters.shape[1]
    shown = filters[:, 0] if channels != 3 else filters.transpose(0, 2, 3, 1) / 2 + 0.5
    note = (
        "blue: speaks for it, orange: against it"
        if channels != 3
        else "the colors that each one answers to most"
    )
    size = 0.52 if filters.shape[-1] <= 7 else 0.9
    return _sheet(
        list(shown), [], ("What the first layer looks for", f"{len(filters)} of its units; {note}"), size
    )


def contributions_of_pixels(pixels: NDArray[Any], nats: NDArray[np.float64], title: str) -> Figure:
    """An image [C, Y, X] and beside it what each pixel adds [Y, X]: blue speaks for the choice, orange against it."""
    figure = style.new_figure(7.2, 4.1)
    style.heading(figure, style.plain(title), "right: blue pixels speak for it, orange ones against it")
    largest = max(float(np.abs(nats).max()), 1e-12)
    left, right = (figure.add_axes((at, 0.04, 0.42, 0.74)) for at in (0.025, 0.49))
    _show(left, shown_as(pixels))
    drawn = right.imshow(nats, cmap=FOR_AND_AGAINST, vmin=-largest, vmax=largest, interpolation="nearest")
    bar = figure.colorbar(drawn, cax=figure.add_axes((0.925, 0.12, 0.014, 0.58)))
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=style.SMALL, colors=style.MUTED, length=0)
    bar.ax.set_title("nats", size=style.SMALL, color=style.MUTED, pad=6)
    _bare(right)
    return figure


def of_record(record: dict[str, Any]) -> NDArray[Any]:
    """An image of a score, as it is drawn."""
    return shown_as(np.array(record["pixels"], dtype=np.uint8).reshape(record["shape"]))


def shown_as(pixels: NDArray[Any]) -> NDArray[Any]:
    """[C, Y, X] as [Y, X] of grey, or [Y, X, 3]."""
    return pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)


def _sheet(
    images: Sequence[NDArray[Any]], told: Sequence[tuple[str, ...]], heads: tuple[str, str], field: float
) -> Figure:
    """Images in rows, with lines under each."""
    lines = max(map(len, told), default=0)
    field = max(field, 0.5)
    across = max(1, min(len(images), int(8.6 / field)))
    down = -(-len(images) // across)
    high = min(field - 0.12, 1.15) + 0.19 * lines + 0.14
    width, height = max(0.36 + across * field, 5.2), 0.85 + down * high
    figure = style.new_figure(width, height)
    style.heading(figure, *heads)
    picture = min(field - 0.12, 1.15)
    for number, image in enumerate(images):
        row, column = divmod(number, across)
        left = 0.18 + column * field
        bottom = height - 0.78 - row * high - picture
        axes = figure.add_axes((left / width, bottom / height, picture / width, picture / height))
        _show(axes, image)
        for line, text in enumerate(told[number] if told else ()):
            at = bottom - 0.06 - 0.165 * line
            color = style.INK if line == 0 else style.ORANGE
            figure.text(left / width, at / height, style.plain(text), size=style.SMALL, color=color, va="top")
    return figure


def _show(axes: Any, image: NDArray[Any]) -> None:
    if image.dtype == np.uint8:
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    elif image.ndim == 3:
        axes.imshow(np.clip(image, 0, 1), interpolation="nearest")
    else:
        axes.imshow(image, cmap=FOR_AND_AGAINST, vmin=-1, vmax=1, interpolation="nearest")
    _bare(axes)


def _bare(axes: Any) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color(style.FAINT)
