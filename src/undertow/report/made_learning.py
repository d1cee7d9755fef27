"""How a generator learned: the distance of its samples to real ones, what its critic says, and the modes it covers."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from undertow.report import style, words
from undertow.report.learning import line
from undertow.training.history import History


def tells_distance(history: History) -> bool:
    """Was a distance looked at, in place of nats?"""
    return any(words.is_number(event.get("distance")) for event in history.of("validation"))


def distances(history: History, floor: float | None = None, modes: int | None = None) -> Figure:
    """Distance to the validation part against step; below it what else was looked at.

    Args:
        history: the run so far.
        floor: what as many real ones get.
        modes: that there are, where they are known.
    """
    looks = history.of("validation")
    figure = style.new_figure(9.0, 5.2)
    style.heading(figure, "Learning", "sliced Wasserstein distance of samples to real ones: lower is better")
    axes = style.bare(figure.add_axes((0.065, 0.42, 0.765, 0.41)))
    points = line(looks, "distance")
    axes.plot(*_sides(points), color=style.BLUE, linewidth=2.2, marker="o", markersize=3.6, zorder=4)
    axes.set_ylim(0, 1.08 * max(value for _, value in points))
    labels = [(f"samples  {points[-1][1]:.3g}", points[-1][1], style.BLUE)]
    if words.is_number(floor):
        axes.axhline(floor, color=style.MUTED, linewidth=0.9, dashes=(4, 3), zorder=1)
        labels.append((f"real ones  {floor:.3g}", floor, style.MUTED))
    _label_right(axes, labels)
    _best(axes, looks)
    _steps(axes, points[-1][0])
    below = [("critic", "what the critic sees between them")]
    below += [("covered", "modes covered"), ("good_share", "good samples")]
    _below(figure, [(key, title, line(looks, key)) for key, title in below], modes)
    return figure


def _sides(points: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [step for step, _ in points], [value for _, value in points]


def _label_right(axes: Any, labels: list[tuple[str, float, str]]) -> None:
    places = style.beside_lines(axes, [value for _, value, _ in labels])
    for (text, _, color), place in zip(labels, places, strict=True):
        axes.annotate(
            text, (1.015, place), xycoords=("axes fraction", "data"), color=color, size=style.SMALL + 0.4,
            weight="normal" if color == style.MUTED else "bold", va="center", annotation_clip=False,
        )  # fmt: skip


def _best(axes: Any, looks: list[dict[str, Any]]) -> None:
    best = line((event for event in looks if event.get("best")), "distance")
    if best:
        step, value = best[-1]
        axes.plot(
            step, value, "o", color=style.BLUE, markersize=11, markerfacecolor="none", clip_on=False, zorder=6
        )
        axes.annotate(
            f"kept  {value:.3g}  at step {words.count(step)}", (step, value), (0, 13), textcoords="offset points",
            ha="right" if step > 0.5 * axes.get_xlim()[1] else "left", color=style.BLUE, size=style.SMALL + 0.4,
            weight="bold", zorder=7,
        )  # fmt: skip


def _below(
    figure: Figure, panels: list[tuple[str, str, list[tuple[float, float]]]], modes: int | None
) -> None:
    panels = [panel for panel in panels if panel[2]]
    width = 0.915 / max(len(panels), 1)
    for number, (key, title, points) in enumerate(panels):
        axes = style.bare(figure.add_axes((0.065 + number * width, 0.085, width - 0.06, 0.2)))
        axes.plot(*_sides(points), color=style.SLATE, linewidth=1.4)
        axes.yaxis.set_major_locator(MaxNLocator(3))
        if key == "good_share":
            axes.set_ylim(0, 1.03)
            axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        elif key == "covered" and modes:
            axes.set_ylim(0, 1.03 * modes)
            title = f"{title}, of {modes}"
        _steps(axes, points[-1][0], 4)
        style.panel_title(axes, title)


def _steps(axes: Any, last: float, ticks: int = 7) -> None:
    axes.set_xlim(0, last)
    axes.xaxis.set_major_locator(MaxNLocator(ticks, integer=True))
    axes.xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")
