"""Picture of gradients in depth: what comes out of every module, and what comes back to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from undertow.flow.records import Point
from undertow.report import style, words

ROW = 0.27  # inches of a module
MOST = 60  # modules that are drawn


def depth_profile(points: Sequence[Point], step: int) -> Figure:
    """Root mean square of outputs and of their gradients, module by module from the input down."""
    shown = [p for p in points if p.call == 0][:MOST]
    height = 1.45 + ROW * len(shown)
    figure = style.new_figure(9.0, height)
    note = f"root mean square of what each module gives, and of the gradient that comes back; step {words.count(step)}"
    style.heading(figure, "Gradient in depth", note)
    names = [f"{p.module or 'the model'}  {p.kind}" for p in shown]
    left = 0.2 / 9 + max(style.text_width(name, style.SMALL) for name in names) / 9 + 0.01
    axes = style.bare(
        figure.add_axes((left, 0.45 / height, 0.86 - left, ROW * len(shown) / height)), grid=False
    )
    axes.grid(axis="x", color=style.FAINT, linewidth=0.8)
    axes.set_xscale("log")
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_yticks(range(len(shown)), names)
    axes.tick_params(axis="y", colors=style.INK)
    _line(axes, [p.norm / p.size**0.5 for p in shown], style.SKY, "o", "output")
    _line(axes, [(p.gradient_norm or 0.0) / p.size**0.5 for p in shown], style.ORANGE, "D", "gradient")
    axes.xaxis.set_major_locator(LogLocator(numticks=8))
    axes.xaxis.set_minor_formatter(NullFormatter())
    for number, point in enumerate(shown):
        told = [
            f"{words.share(share)} {name}"
            for name, share in (("dead", point.dead), ("saturated", point.saturated))
            if share
        ]
        axes.annotate(
            ", ".join(told), (1.0, number), (1.01, number), xycoords=("axes fraction", "data"), color=style.PINK,
            size=style.SMALL, va="center", annotation_clip=False,
        )  # fmt: skip
    return figure


def _line(axes: Any, values: list[float], color: str, mark: str, name: str) -> None:
    """One quantity down the modules; where it is 0, nothing."""
    told = [(value, number) for number, value in enumerate(values) if value > 0]
    if not told:
        return
    axes.plot(*zip(*told, strict=True), color=color, marker=mark, markersize=5, linewidth=1.4)
    axes.annotate(
        name, told[0], (0, 9), textcoords="offset points", color=color, size=style.SMALL, weight="bold",
        ha="center", annotation_clip=False,
    )  # fmt: skip
