"""How a run learned: its losses beside what simple tables of counts reach."""

from collections.abc import Iterable
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from undertow.report import style, words
from undertow.training.history import History

Point = tuple[float, float]


def loss_curves(
    history: History, baselines: dict[str, Any], score: dict[str, Any] | None, unit: str = "character"
) -> Figure:
    """Training and validation nats a unit against step, with what they are to be measured by.

    Args:
        history: the run so far.
        baselines: of `score.json`; a name and its nats a unit each.
        score: `score.json`, or None before the run was scored.
        unit: what nats are counted by: character, text, ...
    """
    figure = style.new_figure(9.0, 5.6)
    key = words.nats_key(unit)
    style.heading(figure, "Learning", words.loss_note(unit))
    axes = style.bare(figure.add_axes((0.065, 0.385, 0.735, 0.455)))
    training = line(history.of("step"), "loss")
    validation = line(history.of("validation"), key)
    tables = {name: entry[key] for name, entry in baselines.items() if _has(entry, key)}
    test = (score or {}).get("test") or {}
    labels = [("training", training[-1][1], style.GREEN)] if training else []
    if validation:
        labels.append(("validation", validation[-1][1], style.BLUE))
    if _has(test, key):
        labels.append(("test", test[key], style.ORANGE))

    last = max((step for step, _ in training + validation), default=1.0) or 1.0
    low, high = _range(training, validation, [value for _, value, _ in labels], tables)
    axes.set_xlim(0, last)
    axes.set_ylim(low, high)
    for name, value in tables.items():
        if low < value < high:
            axes.axhline(value, color=style.MUTED, linewidth=0.9, dashes=(4, 3), zorder=1)
            labels.append((words.baseline(name, unit), value, style.MUTED))
    _draw_lines(axes, training, validation)
    if _has(test, key):
        axes.plot(last, test[key], "D", color=style.ORANGE, markersize=7, clip_on=False, zorder=5)
    _label_right(axes, labels)
    _best(axes, history, key)
    _clock(axes, history, last)
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    axes.xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")
    axes.set_xlabel("step", color=style.MUTED, size=style.SMALL, labelpad=2)
    _small_panels(figure, history, last)
    return figure


def line(events: Iterable[dict[str, Any]], key: str) -> list[Point]:
    """The points of one quantity in order of step; what was not a finite number is left out."""
    told = {event["step"]: event[key] for event in events if words.is_number(event.get(key))}
    return sorted(told.items())


def _has(entry: Any, key: str) -> bool:
    return isinstance(entry, dict) and words.is_number(entry.get(key))


def _range(
    training: list[Point], validation: list[Point], marks: list[float], tables: dict[str, float]
) -> Point:
    """Room for everything but the first moments, which would press the rest flat."""
    values = [value for _, value in validation] or [value for _, value in training]
    low = min([*values, *marks, *(value for _, value in training)], default=0.0)
    near = [value for name, value in tables.items() if name != "uniform"]
    high = max([*values[:1], *near, *marks], default=low + 1)
    low = min([low, *near])
    room = 0.07 * (high - low) or 0.1
    return low - room, high + room


def _draw_lines(axes: Any, training: list[Point], validation: list[Point]) -> None:
    steps, losses = _sides(training)
    window = len(losses) // 60
    if window > 1:  # many noisy points: the points faint, their moving mean drawn
        axes.plot(steps, losses, color=style.GREEN, linewidth=0.8, alpha=0.35, zorder=2)
        starts = range(len(losses) - window + 1)
        losses = [sum(losses[start : start + window]) / window for start in starts]
        steps = [steps[start + window // 2] for start in starts]
    axes.plot(steps, losses, color=style.GREEN, linewidth=1.6, zorder=3)
    dots = "o" if len(validation) <= 60 else None
    axes.plot(*_sides(validation), color=style.BLUE, linewidth=2.2, marker=dots, markersize=3.6, zorder=4)


def _sides(points: list[Point]) -> tuple[list[float], list[float]]:
    return [step for step, _ in points], [value for _, value in points]


def _label_right(axes: Any, labels: list[tuple[str, float, str]]) -> None:
    """Name every line at its right end, moved apart where they are close."""
    places = style.beside_lines(axes, [value for _, value, _ in labels])
    for (name, value, color), place in zip(labels, places, strict=True):
        weight = "normal" if color == style.MUTED else "bold"
        axes.annotate(
            f"{name}  {words.loss(value)}", (1.0, value), (1.028, place),
            xycoords=("axes fraction", "data"), textcoords=("axes fraction", "data"),
            color=color, size=style.SMALL + 0.4, weight=weight, va="center", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 3},
        )  # fmt: skip


def _best(axes: Any, history: History, key: str) -> None:
    best = line((event for event in history.of("validation") if event.get("best")), key)
    if not best:
        return
    step, value = best[-1]
    ring = {"markersize": 11, "markerfacecolor": "none", "clip_on": False, "zorder": 6}
    axes.plot(step, value, "o", color=style.BLUE, **ring)
    late = step > 0.5 * axes.get_xlim()[1]
    axes.annotate(
        f"best  {words.loss(value)}  at step {words.count(step)}", (step, value), (0, 34),
        textcoords="offset points", ha="right" if late else "left", color=style.BLUE, size=style.SMALL + 0.4,
        weight="bold", zorder=7, bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 1.5},
        arrowprops={
            "arrowstyle": "-", "color": style.BLUE, "linewidth": 0.9, "shrinkB": 6, "relpos": (1.0 * late, 0),
        },
    )  # fmt: skip


def _clock(axes: Any, history: History, last: float) -> None:
    """Say along the top how long it took."""
    clock = line((event for event in history.events if event["event"] in ("step", "validation")), "seconds")
    if len(clock) < 2 or clock[-1][1] <= 0:
        return
    unit, name = (60.0, "min") if clock[-1][1] >= 120 else (1.0, "s")
    whole = clock[-1][1] / unit
    stride = next((size for size in (1, 2, 5, 10, 15, 30, 60, 120, 240, 600) if whole / size <= 7), whole / 6)
    top = axes.twiny()
    style.bare(top, grid=False)
    top.spines["bottom"].set_visible(False)
    top.set_xlim(0, last)
    ticks = [stride * index for index in range(1, int(whole / stride) + 1)]
    top.set_xticks([_interpolate(clock, tick * unit) for tick in ticks])
    top.set_xticklabels([f"{tick:g} {name}" for tick in ticks])
    top.tick_params(axis="x", pad=1)


def _interpolate(clock: list[Point], seconds: float) -> float:
    before = (0.0, 0.0)
    for step, at in clock:
        if at >= seconds:
            return before[0] + (step - before[0]) * (seconds - before[1]) / ((at - before[1]) or 1.0)
        before = (step, at)
    return clock[-1][0]


def _small_panels(figure: Figure, history: History, last: float) -> None:
    for index, key in enumerate(("learning_rate", "gradient_norm")):
        axes = style.bare(figure.add_axes((0.065 + 0.495 * index, 0.075, 0.415, 0.15)))
        points = line(history.of("step"), key)
        axes.plot(*_sides(points), color=style.SLATE, linewidth=1.2)
        if key == "learning_rate":
            axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(3))
        _decades(axes, [value for _, value in points])
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_xlim(0, last)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        style.panel_title(axes, key.replace("_", " "))
        axes.xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")


def _decades(axes: Any, values: list[float]) -> None:
    """A logarithmic scale where the values span more than a factor of 20, as exploding gradients do."""
    if values and 0 < 20 * min(values) < max(values) and axes.get_ylim()[0] != 0:
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(which="minor", length=0)
        axes.yaxis.set_major_locator(LogLocator(numticks=4))
