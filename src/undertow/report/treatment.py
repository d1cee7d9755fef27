"""treatment.html: which remedies were tried on a script, and which helped."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from undertow.doctor.treat import Treatment, Trial
from undertow.report import style
from undertow.report.markup import document, section, table, tag
from undertow.report.save import embedded
from undertow.report.words import plural

DRAWN = 12  # remedies in the picture


def treatment_page(told: Treatment) -> str:
    """One HTML file that needs no network and runs no script."""
    name = told.script.rpartition("/")[2]
    draws = f"{plural(told.draws, 'draw')} of chance"
    remedies = f"{len(told.trials)} {'remedy' if len(told.trials) == 1 else 'remedies'}"
    facts = f"{remedies}, {draws}, {told.steps:,} steps at most, {told.seconds:.0f} s in all"
    tried = [t for t in told.trials if t.effect is not None]
    rows = [(t.called, outcome(t, told)) for t in told.trials]
    body = [
        tag(
            "header",
            tag("h1", name),
            tag("p", facts, class_="facts"),
            tag("p", headline(told), class_="verdict"),
        ),
        section("What is wrong", *[tag("p", f"{v['code']} {v['name']}: {v['says']}") for v in told.verdicts]),
        section(
            "With each remedy, and without",
            *embedded(score_picture(told, tried), "Score by remedy"),
            table(rows, ("remedy", "what came of it")),
            note=f"A dot a draw. Score: {told.score}; {told.goal} is better.",
        ),
        section("How the loss went", *embedded(curves_picture(told), "Loss by step, without and with")),
        section(
            "Edits that only you can make",
            *(
                [tag("ul", *(tag("li", f"{code}: {says}") for code, _, says in told.edits))]
                if told.edits
                else []
            ),
        ),
    ]
    return document(f"{name} · treatment · undertow", body)


def headline(told: Treatment) -> str:
    """The one sentence."""
    if not told.verdicts:
        return "Nothing was found to be wrong, and nothing was tried."
    if not told.trials:
        return "What is wrong takes an edit of the code; nothing could be tried from outside."
    if told.best is None:
        return "None of the remedies that were tried helped."
    assert told.best.effect is not None
    return f"{told.best.says} It was tried, and {outcome(told.best, told)}."


def outcome(trial: Trial, told: Treatment) -> str:
    """From what to what, and how sure."""
    if trial.effect is None:
        return f"not tried: {trial.note}"
    effect = trial.effect
    word = "helped" if effect.helped else "did not help"
    if not any(map(math.isfinite, told.control)):  # then a difference would be made up
        return f"{word}: no score without it, {_mean(trial.scores)} with it"
    spread = f", 95 % interval {effect.low:.3g} to {effect.high:.3g}" if told.draws > 1 else ", one draw"
    return f"{word}: {_mean(told.control)} → {_mean(trial.scores)} (better by {effect.mean:.3g}{spread})"


def _mean(scores: Sequence[float]) -> str:
    known = [x for x in scores if math.isfinite(x)]
    if len(known) < len(scores):
        return f"no number in {len(scores) - len(known)} of {len(scores)}"
    return f"{sum(known) / len(known):.4g}"


def score_picture(told: Treatment, tried: Sequence[Trial]) -> Figure | None:
    """A row an arm, a dot a draw; the control on top."""
    rows = [("as it is", told.control, style.MUTED)]
    rows += [(t.called, t.scores, style.BLUE if t.helped else style.ORANGE) for t in tried[:DRAWN]]
    values = [x for _, scores, _ in rows for x in scores if math.isfinite(x)]
    if len(rows) < 2 or not values:
        return None
    height = 1.2 + 0.34 * len(rows)
    figure = style.new_figure(9.0, height)
    style.heading(figure, "Score by remedy", "a dot a draw; a bar at their mean; blue helped")
    axes = style.bare(figure.add_axes((0.30, 0.42 / height, 0.64, 1 - 1.2 / height)))
    if min(values) > 0 and max(values) > 30 * min(values):
        axes.set_xscale("log")
    for place, (_, scores, color) in enumerate(rows):
        known = [x for x in scores if math.isfinite(x)]
        axes.plot(known, [place] * len(known), "o", color=color, markersize=6, alpha=0.75)
        if known:
            axes.plot([sum(known) / len(known)], [place], "|", color=color, markersize=18, markeredgewidth=2)
        if len(known) < len(scores):
            axes.text(1.0, place, "no number", transform=axes.get_yaxis_transform(), color=style.MUTED,
                      size=style.SMALL, ha="right", va="center")  # fmt: skip
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    return figure


def curves_picture(told: Treatment) -> Figure | None:
    """The control's loss, and that of the best."""
    shown = next((t for t in told.trials if t.effect is not None), None)
    groups = [("as it is", told.curves, style.MUTED)]
    groups += [(shown.called, shown.curves, style.BLUE)] if shown is not None else []
    lines = [[(n, x) for n, x in curve if math.isfinite(x)] for _, curves, _ in groups for curve in curves]
    values = [x for line in lines for _, x in line]
    if len(groups) < 2 or len(values) < 4:
        return None
    figure = style.new_figure(9.0, 3.6)
    style.heading(figure, "Training loss", "a line a draw, smoothed; a cross: no number from there on")
    axes = style.bare(figure.add_axes((0.08, 0.14, 0.86, 0.64)))
    for name, curves, color in groups:
        for number, curve in enumerate(curves):
            known = [(n, x) for n, x in curve if math.isfinite(x)]
            if known:
                label = name if number == 0 else None
                smooth = style.smoothed(known)
                axes.plot(*zip(*known, strict=True), color=color, linewidth=0.8, alpha=0.12, zorder=1)
                axes.plot(*zip(*smooth, strict=True), color=color, linewidth=1.6, alpha=0.9, label=label)
            if known and len(known) < len(curve):
                axes.plot(*known[-1], "x", color=color, markersize=8, markeredgewidth=2, zorder=4)
    if min(values) > 0 and max(values) > 30 * min(values):
        axes.set_yscale("log")
    axes.legend(
        frameon=True, edgecolor="none", facecolor=style.PAPER, fontsize=style.SMALL, labelcolor=style.INK
    )
    axes.set_xlabel("step", color=style.MUTED, size=style.SMALL)
    return figure
