"""A tree of phrases, each with its label: the root on top, words at the bottom, colours by label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from undertow.report import style

LOW, HIGH = style.ORANGE, style.BLUE  # the first and the last of the classes
ROW = 0.46  # inches between levels
GAP = 0.16  # inches between words


def tree_picture(phrases: Sequence[dict[str, Any]], classes: Sequence[str]) -> Figure:
    """Of phrases, {"text", "label", "p", "children"} each, children before their parents."""
    depth = _depths(phrases)
    leaves = _leaves(phrases, len(phrases) - 1)
    places, width = _places(phrases, leaves)
    height = 1.05 + ROW * (max(depth) + 1)
    figure = style.new_figure(max(width + 0.5, 5.2), height)
    style.heading(figure, "What is read into each phrase", "fill: the label, stronger where it is surer")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, figure.get_figwidth())
    axes.set_ylim(0, height)
    levels = [height - 0.95 - ROW * d for d in depth]
    for n, phrase in enumerate(phrases):
        for child in phrase["children"]:
            axes.plot(
                [places[n], places[child]],
                [levels[n], levels[child]],
                color=style.MUTED,
                linewidth=0.8,
                zorder=1,
            )
    for n, phrase in enumerate(phrases):
        _node(axes, places[n], levels[n], phrase, classes)
        if not phrase["children"]:
            axes.text(
                places[n],
                levels[n] - 0.2,
                style.plain(phrase["text"]),
                ha="center",
                va="top",
                size=style.SMALL,
                color=style.INK,
            )
    return figure


def _node(axes: Any, x: float, y: float, phrase: dict[str, Any], classes: Sequence[str]) -> None:
    shades = LinearSegmentedColormap.from_list("classes", [LOW, style.FAINT, HIGH])
    strong = shades(classes.index(phrase["label"]) / max(len(classes) - 1, 1))
    share = 0.25 + 0.75 * phrase["p"]
    color = tuple(1 - share * (1 - part) for part in strong[:3])  # opaque, so that no line shows through
    told = style.plain(phrase["label"][:3])
    axes.text(
        x, y, told, ha="center", va="center", size=7.5, color=style.INK, zorder=3,
        bbox={
            "boxstyle": "round,pad=0.28", "facecolor": color,
            "edgecolor": style.MUTED, "linewidth": 0.6,
        },
    )  # fmt: skip


def _depths(phrases: Sequence[dict[str, Any]]) -> list[int]:
    """Steps from the root."""
    depth = [0] * len(phrases)
    for n in reversed(range(len(phrases))):
        for child in phrases[n]["children"]:
            depth[child] = depth[n] + 1
    return depth


def _leaves(phrases: Sequence[dict[str, Any]], root: int) -> list[int]:
    waiting, found = [root], []
    while waiting:
        node = waiting.pop()
        if not phrases[node]["children"]:
            found.append(node)
        waiting += reversed(phrases[node]["children"])
    return found


def _places(phrases: Sequence[dict[str, Any]], leaves: Sequence[int]) -> tuple[list[float], float]:
    """Words side by side, a phrase over the middle of its parts."""
    places, x = [0.0] * len(phrases), 0.25
    for leaf in leaves:
        wide = max(style.text_width(style.plain(phrases[leaf]["text"]), style.SMALL), 0.3)
        places[leaf] = x + wide / 2
        x += wide + GAP
    for n, phrase in enumerate(phrases):
        if phrase["children"]:
            places[n] = sum(places[child] for child in phrase["children"]) / len(phrase["children"])
    return places, x
