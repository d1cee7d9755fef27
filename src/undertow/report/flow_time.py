"""Pictures of gradients in time: by layer and step, by lag, and the gates that let them through."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from undertow.flow.fit import fitted
from undertow.flow.records import Horizon, Jacobians, Time
from undertow.report import style, words

MAP = "cividis"  # even in lightness, and the same to every eye
ROW = 0.34  # inches of a layer


def place(one: Time | Horizon | Jacobians) -> str:
    """Which layer and direction, in few words."""
    told = [one.module] if one.module else []
    told.append(f"layer {one.layer + 1}")
    return " ".join(told + (["backward"] if one.direction else []))


def gradient_map(walks: Sequence[Time], step: int) -> Figure:
    """‖∂L/∂state_t‖ of every layer and step of the sequence, at one step of training."""
    rows = [(f"{place(w)}  {name}", values) for w in walks for name, values in w.gradient.items()]
    longest = max(len(values) for _, values in rows)
    height = 1.35 + ROW * len(rows)
    figure = style.new_figure(9.0, height)
    note = f"‖∂L/∂state‖ at every step of the sequence, training step {words.count(step)}"
    style.heading(figure, "Gradient in time", note)
    left = 0.2 / 9 + max(style.text_width(name, style.SMALL) for name, _ in rows) / 9 + 0.01
    axes = figure.add_axes((left, 0.62 / height, 0.9 - left, ROW * len(rows) / height))
    seen = [v for _, values in rows for v in values if 0 < v < math.inf]
    low, high = (min(seen), max(seen)) if seen else (1.0, 10.0)
    low, high = max(low, high * 1e-12), high if high > low else low * 10
    norm = LogNorm(low, high)
    cells = [_shown(values) + [math.nan] * (longest - len(values)) for _, values in rows]
    image = axes.imshow(cells, aspect="auto", cmap=MAP, norm=norm, interpolation="nearest")
    axes.set_facecolor(style.FAINT)
    _quiet(axes)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_xlabel("step of the sequence", color=style.MUTED, size=style.SMALL, labelpad=2)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    bar = figure.colorbar(image, cax=figure.add_axes((0.92, 0.62 / height, 0.014, ROW * len(rows) / height)))
    bar.ax.yaxis.set_major_locator(LogLocator(numticks=4) if high > 100 * low else LogLocator(subs=(1, 2, 5)))
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e"))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.ax.tick_params(colors=style.MUTED, labelsize=style.SMALL, length=2)
    bar.ax.tick_params(which="minor", length=0)
    bar.outline.set_visible(False)
    return figure


def _shown(values: Sequence[float]) -> list[float]:
    """What a logarithmic scale can show; the rest is left blank."""
    return [v if 0 < v < math.inf else math.nan for v in values]


def _quiet(axes: Any) -> None:
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(colors=style.INK, labelsize=style.SMALL, length=0, pad=5)
    axes.tick_params(axis="x", colors=style.MUTED)


def gains(horizons: Sequence[Horizon]) -> Figure:
    """How strongly the last state feels the one k steps before, with the fitted rate and the horizon."""
    figure = style.new_figure(9.0, 4.4)
    style.heading(figure, "What the last state feels", "‖∂h(T)/∂state(T-k)‖ / √H, against the lag k")
    axes = style.bare(figure.add_axes((0.075, 0.125, 0.665, 0.665)))
    axes.set_yscale("log")
    lags = max(len(h.gain) for h in horizons)
    shown = [g for h in horizons for g in h.gain if 0 < g < math.inf] or [1.0]
    floor = horizons[0].floor
    axes.set_xlim(0, lags - 1)
    axes.set_ylim(max(min(min(shown), floor) / 2, floor * 1e-4), max(max(shown), 1) * 2)
    axes.axhline(floor, color=style.MUTED, linewidth=0.9, dashes=(4, 3), zorder=1)
    small = {"color": style.MUTED, "size": style.SMALL}
    axes.annotate(
        f"floor {floor:g}", (lags - 1, floor), (-4, 3), textcoords="offset points", ha="right", **small
    )
    labels = []
    for one, color in zip(horizons, style.LAYERS * len(horizons), strict=False):
        axes.plot(range(len(one.gain)), one.gain, color=color, linewidth=1.8, zorder=3)
        _fitted(axes, one, color)
        if not one.beyond:
            axes.plot(one.steps, one.gain[one.steps], "o", color=color, markersize=7, zorder=5)
        labels.append((_told(one), one.gain[-1], color))
    _right(axes, labels)
    axes.yaxis.set_major_locator(LogLocator(numticks=7))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlabel("lag, steps before the last", color=style.MUTED, size=style.SMALL, labelpad=2)
    return figure


def _told(one: Horizon) -> str:
    steps = f"over {words.count(one.steps)}" if one.beyond else words.count(one.steps)
    rate = f", rate {one.rate:.3f}" if math.isfinite(one.rate) else ""
    return f"{place(one)}\nhorizon {steps}{rate}"


def _fitted(axes: Any, one: Horizon, color: str) -> None:
    """The rate as a straight line over what it was fitted to."""
    line = fitted(one.gain)
    if line is not None:
        ends = (line.first, line.last)
        axes.plot(ends, [line.at(k) for k in ends], color=color, linewidth=1.0, dashes=(2, 2), zorder=2)


def _right(axes: Any, labels: list[tuple[str, float, str]]) -> None:
    """Name every line at its right end, moved apart where they are close; two lines of text each."""
    low, high = (math.log10(v) for v in axes.get_ylim())
    inches = axes.get_position().height * axes.figure.get_figheight()
    wishes = [math.log10(min(max(v, 10**low), 10**high)) if v > 0 else low for _, v, _ in labels]
    gap = 0.36 * (high - low) / inches
    places = style.spread(wishes, gap)
    lift = max(0.0, low + gap / 2 - min(places))  # what lies below the axes is named beside them
    places = [place + lift * (place < (low + high) / 2) for place in places]
    for (name, _, color), at in zip(labels, places, strict=True):
        axes.annotate(
            name, (1.0, 10**at), (1.02, 10**at), xycoords=("axes fraction", "data"),
            textcoords=("axes fraction", "data"), color=color, size=style.SMALL, weight="bold", va="center",
            annotation_clip=False,
        )  # fmt: skip


def gates(walks: Sequence[Time], step: int) -> Figure:
    """How open each gate is at every step of the sequence, a panel a layer."""
    gated = [w for w in walks if w.gates]
    panel, row, height = 1.35, 1.85, 0.75 + 1.85 * len(gated)
    figure = style.new_figure(9.0, height)
    note = f"mean over units and a few rows; 0 shut, 1 open; training step {words.count(step)}"
    style.heading(figure, "Gates in time", note)
    for number, walk in enumerate(gated):
        bottom = (height - 0.75 - row * number - panel - 0.18) / height
        axes = style.bare(figure.add_axes((0.065, bottom, 0.72, panel / height)))
        axes.set_ylim(0, 1)
        axes.set_xlim(0, max(walk.steps - 1, 1))
        axes.yaxis.set_major_locator(MaxNLocator(2))
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        style.panel_title(axes, place(walk))
        ends = [values[-1] for values in walk.gates.values()]
        places = style.spread(ends, 0.17 / panel)
        for (name, values), color, at in zip(walk.gates.items(), style.LAYERS * 9, places, strict=False):
            axes.plot(range(len(values)), values, color=color, linewidth=1.6)
            axes.annotate(
                f"{name}  {values[-1]:.2f}", (1.0, at), (1.015, at), xycoords="axes fraction", color=color,
                size=style.SMALL, weight="bold", va="center", annotation_clip=False,
            )  # fmt: skip
    return figure
