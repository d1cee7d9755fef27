"""Picture of gradients in a very deep net: a line for each kind of module, from the first layer to the last."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, NullFormatter

from undertow.flow.records import Point
from undertow.report import style, words

LINES = 4  # kinds of module that are drawn, those met most often
SMALLEST, LARGEST = 1e-200, 1e200  # that an axis may end at: its ticks would run over beyond
LEAST = 1e-38  # what is smaller is no number of float32 any more


def deep_profile(points: Sequence[Point], step: int) -> Figure:
    """Root mean square of gradients and of outputs against depth.

    Args:
        points: of one step, in the order in which the modules ran; of several calls the first is drawn.
        step: at which they were measured.
    """
    groups = alike([p for p in points if p.call == 0])
    figure = style.new_figure(9.0, 5.9)
    note = f"root mean square at every module of a kind, from the input on; step {words.count(step)}"
    style.heading(figure, "Gradient in depth", note)
    panels = {
        "gradient that comes back": (0.52, lambda p: p.gradient_norm or 0.0),
        "what each module gives": (0.09, lambda p: p.norm),
    }
    for title, (bottom, norm) in panels.items():
        axes = style.bare(figure.add_axes((0.085, bottom, 0.66, 0.3)))
        style.panel_title(axes, title)
        _lines(axes, groups, norm)
    axes.set_xlabel("layer", color=style.MUTED, size=style.SMALL, labelpad=2)
    return figure


def alike(points: Sequence[Point]) -> dict[str, list[tuple[int, Point]]]:
    """Modules by their name without its numbers, those met most often first; each with the number of its layer."""
    found: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        found[f"{re.sub(r'[0-9]+', '·', point.module)}  {point.kind}"].append(point)
    most = sorted(found, key=lambda name: -len(found[name]))[:LINES]
    return {name: list(enumerate(found[name], start=1)) for name in most if len(found[name]) > 2}


def _lines(axes: Any, groups: dict[str, list[tuple[int, Point]]], norm: Callable[[Point], float]) -> None:
    axes.set_yscale("log")
    axes.set_autoscaley_on(False)
    ends, drawn = [], []
    for (name, members), color in zip(groups.items(), style.LAYERS, strict=False):
        told = [(n, value) for n, p in members if LEAST < (value := norm(p) / p.size**0.5) < math.inf]
        if told:
            axes.plot(*zip(*told, strict=True), color=color, linewidth=1.5)
            ends.append((name, told[-1][1], color))
            drawn += [value for _, value in told]
    axes.set_ylim(max(min(drawn, default=1.0) / 2, SMALLEST), min(2 * max(drawn, default=1.0), LARGEST))
    low, high = axes.get_ylim()
    near = high < 300 * low  # powers of ten alone would leave one tick
    axes.yaxis.set_major_locator(LogLocator(numticks=7, subs=(1, 2, 5) if near else (1,)))
    axes.yaxis.set_major_formatter(LogFormatterSciNotation(minor_thresholds=(9, 9)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    name_ends(axes, ends, 0.1)


def name_ends(axes: Any, ends: Sequence[tuple[str, float, str]], gap: float) -> None:
    """Names beside the ends of their lines, moved apart where they would touch."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    heights = [
        axes.transAxes.inverted().transform(axes.transData.transform((1, value)))[1] for _, value, _ in ends
    ]
    for (name, _, color), height in zip(ends, style.spread(heights, gap), strict=True):
        axes.text(1.015, height, name, transform=axes.transAxes, color=color, size=style.SMALL, va="center")
