"""What was generated, beside what was learned from: novelty and lengths.

`loss_curves` is here too, so that all pictures of a run can be had from one place.
"""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from undertow.report import style, words
from undertow.report.learning import loss_curves

__all__ = ["lengths", "loss_curves", "novelty"]


def novelty(score: dict[str, Any]) -> Figure:
    """How much of what was generated is new, and how far is it from the training strings?

    Distance is the least number of edits (insert, delete, replace) to any training string; 0 is a copy.
    """
    samples = score.get("samples") or {}
    figure = style.new_figure(9.0, 4.3)
    number = samples.get("count")
    style.heading(figure, "Novelty", f"{words.count(number)} samples" if words.is_number(number) else "")
    _shares(figure.add_axes((0.02, 0.665, 0.96, 0.165)), samples)
    bars = _counts(samples.get("histogram"))
    if bars:
        axes = style.bare(figure.add_axes((0.045, 0.125, 0.935, 0.40)), grid=False)
        _distances(axes, bars)
        _means(axes, samples.get("nearest_distance"), (score.get("test") or {}).get("nearest_distance"))
    return figure


def lengths(score: dict[str, Any]) -> Figure:
    """Are the samples as long as the strings they were learned from?"""
    told = (score.get("samples") or {}).get("lengths") or {}
    samples, training = _counts(told.get("samples")), _counts(told.get("training"))
    figure = style.new_figure(9.0, 3.3)
    style.heading(figure, "Length", "characters in a string, share of strings")
    axes = style.bare(figure.add_axes((0.065, 0.115, 0.915, 0.60)))
    _bars(axes, samples)
    _outline(axes, training)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    rows = [("■  samples" + _mean(samples), style.SKY), ("▬  training" + _mean(training), style.INK)]
    for index, (text, color) in enumerate(rows):
        axes.text(
            0.995, 1.0 - 0.105 * index, text, transform=axes.transAxes, ha="right", va="top",
            color=color if color == style.INK else style.BLUE, size=style.BODY, weight="bold",
        )  # fmt: skip
    return figure


def _shares(axes: Any, samples: dict[str, Any]) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    parts, note = share_parts(samples)
    left, at = 0.0, 0.0
    total = max(sum(value for _, value, _ in parts), 1.0)
    for name, value, color in parts:
        width = value / total
        axes.add_patch(Rectangle((left, 0.5), width, 0.5, facecolor=color, edgecolor=style.PAPER))
        left += width
        text = f"{words.share(value)} {name}"
        axes.text(at, 0.27, "■", color=color, size=style.BODY, va="center")
        axes.text(at + 0.02, 0.27, text, color=style.INK, size=style.BODY, va="center")
        at += 0.06 + style.text_width(text, style.BODY) / (0.96 * axes.figure.get_figwidth())
    axes.text(at, 0.27, note, color=style.MUTED, size=style.BODY, va="center")


def share_parts(samples: dict[str, Any]) -> tuple[list[tuple[str, float, str]], str]:
    """New and copied make a whole; repeats of an earlier sample may be either, so they are a note."""
    kinds = (("new_share", "new", style.BLUE), ("copied_share", "copied from training", style.ORANGE))
    parts = [(name, samples[key], color) for key, name, color in kinds if words.is_number(samples.get(key))]
    repeats = samples.get("duplicate_share")
    return parts, f"{words.share(repeats)} repeat an earlier sample" if words.is_number(repeats) else ""


def _counts(told: Any) -> dict[str, float]:
    """A histogram in order of its keys, as shares of its total."""
    if not isinstance(told, dict):
        return {}
    whole = sum(value for value in told.values() if words.is_number(value))
    keys = sorted((key for key in told if _place(key) is not None), key=lambda key: _place(key) or 0)
    return {key: told[key] / whole for key in keys if words.is_number(told[key])} if whole else {}


def _place(key: str) -> int | None:
    digits = key.rstrip("+")
    return int(digits) if digits.isdecimal() else None


def _distances(axes: Any, bars: dict[str, float]) -> None:
    axes.set_xlim(-0.6, max(_place(key) or 0 for key in bars) + 0.6)
    axes.tick_params(axis="x", labelsize=style.BODY, labelcolor=style.INK)
    axes.set_ylim(0, 1.45 * max(bars.values()))
    axes.set_yticks([])
    for key, value in bars.items():
        place = _place(key) or 0
        color = style.BLUE if place else style.ORANGE
        axes.bar(place, value, width=0.74, color=color, alpha=0.9)
        axes.annotate(
            words.share(value), (place, value), (0, 3), textcoords="offset points", ha="center", va="bottom",
            color=style.INK, size=style.BODY,
        )  # fmt: skip
    axes.set_xticks([_place(key) or 0 for key in bars])
    axes.set_xticklabels([f"{key}\na copy" if key == "0" else key for key in bars])
    axes.set_title(
        "edits to the nearest training string", loc="left", color=style.MUTED, size=style.BODY, pad=8
    )


def _means(axes: Any, samples: Any, test: Any) -> None:
    """Mark the two means at the top, the text leaning away from the other mean."""
    marks = [("samples, mean", samples, style.BLUE), ("unseen real ones, mean", test, style.GREEN)]
    marks = [mark for mark in marks if words.is_number(mark[1])]
    top = axes.get_ylim()[1]
    for name, value, color in marks:
        first = len(marks) > 1 and (value, name) == min((mark[1], mark[0]) for mark in marks)
        axes.plot([value, value], [0.84 * top, top], color=color, linewidth=1.6)
        axes.plot(value, 0.84 * top, "v", color=color, markersize=6)
        axes.annotate(
            f"{name} {value:.1f}", (value, top), (-6 if first else 6, 0), textcoords="offset points",
            ha="right" if first else "left", va="top", color=color, size=style.BODY, weight="bold",
        )  # fmt: skip


def _bars(axes: Any, counts: dict[str, float]) -> None:
    places = [_place(key) or 0 for key in counts]
    axes.bar(places, list(counts.values()), width=0.86, color=style.SKY, alpha=0.75, zorder=2)


def _outline(axes: Any, counts: dict[str, float]) -> None:
    if not counts:
        return
    found = {_place(key) or 0: value for key, value in counts.items()}
    places = range(min(found), max(found) + 1)
    edges = [place - 0.5 for place in places] + [max(found) + 0.5]
    axes.stairs([found.get(place, 0.0) for place in places], edges, color=style.INK, linewidth=1.6, zorder=3)


def _mean(counts: dict[str, float]) -> str:
    if not counts:
        return ""
    return f", mean {sum((_place(key) or 0) * value for key, value in counts.items()):.1f}"
