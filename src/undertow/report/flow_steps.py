"""Pictures of a walk's Jacobians: norm and radius of each, exponents of their product, and what bounds promise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from undertow.flow.records import Jacobians, Spectrum
from undertow.report import style
from undertow.report.flow_time import place


def jacobian_steps(walk: Jacobians, spectrum: Spectrum | None = None) -> Figure:
    """Spectral norm and radius of ∂state_t/∂state_{t-1} at every step; beside them the Lyapunov exponents."""
    figure = style.new_figure(9.0, 3.6)
    style.heading(
        figure, f"One step's Jacobian: {place(walk)}", "∂state(t)/∂state(t-1): 1 neither shrinks nor grows"
    )
    wide = 0.46 if spectrum else 0.78
    axes = style.bare(figure.add_axes((0.065, 0.14, wide, 0.60)))
    axes.axhline(1, color=style.MUTED, linewidth=0.9, dashes=(4, 3), zorder=1)
    for values, color, name in ((walk.norm, style.BLUE, "norm"), (walk.radius, style.ORANGE, "radius")):
        axes.plot(range(1, len(values) + 1), values, color=color, linewidth=1.6)
        _end(axes, f"{name}  {values[-1]:.2f}", values[-1], color)
    axes.set_ylim(bottom=0)
    axes.set_xlim(1, max(len(walk.norm), 2))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("step of the sequence", color=style.MUTED, size=style.SMALL, labelpad=2)
    if spectrum:
        side = style.bare(figure.add_axes((0.70, 0.14, 0.28, 0.60)))
        finite = [e for e in spectrum.exponents if math.isfinite(e)]
        side.axhline(0, color=style.MUTED, linewidth=0.9, dashes=(4, 3), zorder=1)
        side.plot(range(1, len(finite) + 1), finite, "o", color=style.GREEN, markersize=3.6)
        style.panel_title(side, "Lyapunov exponents, nats a step")
        side.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return figure


def bounds(walk: Jacobians) -> Figure:
    """‖∂state_T/∂state_{T-k}‖ against the lag, with the three bounds on it."""
    figure = style.new_figure(9.0, 4.2)
    style.heading(figure, f"Bounds and the truth: {place(walk)}", "‖∂state(T)/∂state(T-k)‖ against the lag k")
    axes = style.bare(figure.add_axes((0.085, 0.13, 0.70, 0.66)))
    axes.set_yscale("log")
    lines: list[tuple[str, Sequence[float] | None, str, Any]] = [
        ("truth", walk.truth, style.INK, "-"),
        ("product of norms", walk.product, style.BLUE, "-"),
        ("‖W‖ and slopes", walk.weights, style.GREEN, "-"),
        ("as taught", walk.as_taught, style.ORANGE, (0, (3, 2))),
    ]
    drawn = [(name, values, color, dash) for name, values, color, dash in lines if values]
    for name, values, color, dash in drawn:
        width = 2.2 if name == "truth" else 1.6
        shown = [v if 0 < v < math.inf else math.nan for v in values]
        axes.plot(walk.lag, shown, color=color, linestyle=dash, linewidth=width)
    axes.yaxis.set_major_locator(LogLocator(numticks=7))
    axes.yaxis.set_minor_formatter(NullFormatter())
    low, high = (math.log10(v) for v in axes.get_ylim())
    inches = axes.get_position().height * figure.get_figheight()
    wishes = [math.log10(min(max(values[-1], 10**low), 10**high)) for _, values, _, _ in drawn]
    for (name, _, color, _), at in zip(
        drawn, style.spread(wishes, 0.19 * (high - low) / inches), strict=True
    ):
        _end(axes, name, 10**at, color)
    axes.set_xlim(1, max(len(walk.lag), 2))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlabel("lag, steps before the last", color=style.MUTED, size=style.SMALL, labelpad=2)
    return figure


def _end(axes: Any, text: str, value: float, color: str) -> None:
    axes.annotate(
        text, (1.0, value), (1.02, value), xycoords=("axes fraction", "data"),
        textcoords=("axes fraction", "data"), color=color, size=style.SMALL, weight="bold", va="center",
        annotation_clip=False,
    )  # fmt: skip
