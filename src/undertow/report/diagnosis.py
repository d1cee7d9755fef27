"""diagnosis.html: what is wrong with a script's training, with the numbers and pictures that say so."""

from __future__ import annotations

import math

from matplotlib.figure import Figure

from undertow.doctor.diagnosis import Diagnosis
from undertow.doctor.remedy import sentence
from undertow.doctor.verdict import Verdict
from undertow.report import style
from undertow.report.markup import Markup, document, section, table, tag
from undertow.report.save import embedded

SHOWN = 2000  # points of a curve


def diagnosis_page(told: Diagnosis) -> str:
    """One HTML file that needs no network and runs no script."""
    name = told.script.rpartition("/")[2]
    body = [
        tag(
            "header",
            tag("h1", name),
            tag("p", f"{told.steps:,} optimizer steps in {told.seconds:.1f} s", class_="facts"),
            tag("p", headline(told), class_="verdict"),
        ),
        *[_verdict(v) for v in told.verdicts],
        section("How the loss went", *embedded(loss_picture(told), "Loss by step")),
        section(
            "What its end feels of the past",
            *embedded(gain_picture(told), "Gain against lag"),
            note="‖∂h_T/∂h_(T-k)‖: where it falls below 0.01, nothing is felt any more.",
        ),
        section(
            "Where its gradients go",
            *embedded(layer_picture(told), "Gradient by layer"),
            note="Root mean square of the gradient at each weight's products, in the order of use.",
        ),
    ]
    return document(f"{name} · diagnosis · undertow", body)


def headline(told: Diagnosis) -> str:
    """The one sentence."""
    if not told.trained:
        return "No backward pass was seen: there is no training to judge."
    if not told.verdicts:
        return (
            f"Nothing was found. The script ended with {told.crash}" if told.crash else "Nothing was found."
        )
    first, rest = told.verdicts[0], len(told.verdicts) - 1
    more = f" {rest} more verdict{'s' if rest > 1 else ''} below." if rest else ""
    return f"{first.code}, {first.name}: {first.says}{more}"


def _verdict(one: Verdict) -> Markup:
    rows = [("Where", str(one.where) or "everywhere"), ("Sure", f"{one.confidence:.0%}")]
    rows += [(key.replace("_", " "), _shown(value)) for key, value in one.evidence.items()]
    rows += [("Because of", ", ".join(one.because_of))] if one.because_of else []
    advice = tag("ul", *(tag("li", sentence(r)) for r in one.remedies))
    return section(
        f"{one.rank}. {one.name} ({one.code})",
        tag("p", one.says),
        table(rows, ("evidence", "")),
        tag("p", "What to do:"),
        advice,
    )


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, list):
        return ", ".join(_shown(v) for v in value[:12]) + (" …" if len(value) > 12 else "")
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def loss_picture(told: Diagnosis) -> Figure | None:
    """Loss by step, with what always saying the same gives."""
    every = max(1, len(told.losses) // SHOWN)
    points = [(n, x) for n, x in enumerate(told.losses) if n % every == 0 and math.isfinite(x)]
    if len(points) < 2:
        return None
    figure = style.new_figure(9.0, 3.6)
    style.heading(figure, "Training loss", "every step" if every == 1 else f"one step in {every}")
    axes = style.bare(figure.add_axes((0.08, 0.14, 0.86, 0.64)))
    axes.plot(*zip(*points, strict=True), color=style.BLUE, linewidth=1.0, alpha=0.35)
    axes.plot(*zip(*style.smoothed(points), strict=True), color=style.BLUE, linewidth=1.6)
    values = [v for _, v in points]
    if min(values) > 0 and max(values) > 100 * min(values):
        axes.set_yscale("log")
    if told.baseline is not None and min(values) <= told.baseline <= 3 * max(values):
        axes.axhline(told.baseline, color=style.MUTED, linewidth=0.9, dashes=(4, 3))
        axes.text(points[-1][0], told.baseline, "always the same answer ", color=style.MUTED, size=style.SMALL,
                  ha="right", va="bottom")  # fmt: skip
    first = next((n for n, x in enumerate(told.losses) if not math.isfinite(x)), None)
    if first is not None:
        axes.axvline(first, color=style.ORANGE, linewidth=1.0)
        late = first > len(told.losses) / 2 or first > 0.6 * points[-1][0]
        words = f" no number from step {first:,} "
        axes.text(first, max(values), words, color=style.ORANGE, size=style.SMALL, va="top",
                  ha="right" if late else "left")  # fmt: skip
    axes.set_xlabel("step", color=style.MUTED, size=style.SMALL)
    return figure


def gain_picture(told: Diagnosis) -> Figure | None:
    """Gain against lag, first and last measurement, with horizon and needed lag."""
    drawn = [g for g in told.gains if len(g.gain) > 2 and any(v > 0 for v in g.gain)]
    if not drawn:
        return None
    figure = style.new_figure(9.0, 3.8)
    style.heading(figure, f"What the end of {drawn[-1].name} feels", "by lag, in steps of the sequence")
    axes = style.bare(figure.add_axes((0.08, 0.14, 0.86, 0.64)))
    axes.set_yscale("log")
    for gains, color in zip(drawn, (style.SKY, style.BLUE), strict=False):
        seen = [(k, v) for k, v in enumerate(gains.gain) if v > 0]
        label = f"step {gains.step:,}: horizon {gains.horizon}"
        axes.plot(*zip(*seen, strict=True), color=color, linewidth=1.8, label=label)
    axes.axhline(0.01, color=style.MUTED, linewidth=0.9, dashes=(4, 3))
    if told.needed_lag is not None:
        axes.axvline(
            told.needed_lag, color=style.ORANGE, linewidth=1.4, label=f"the data ask for {told.needed_lag}"
        )
    axes.legend(
        frameon=True, edgecolor="none", facecolor=style.PAPER, fontsize=style.SMALL, labelcolor=style.INK
    )
    axes.set_xlabel("steps back", color=style.MUTED, size=style.SMALL)
    return figure


def layer_picture(told: Diagnosis) -> Figure | None:
    """Gradient by weight."""
    rows = [(name, value) for name, value in told.layers if 0 < value < math.inf][:40]
    if len(rows) < 2:
        return None
    height = 1.1 + 0.24 * len(rows)
    figure = style.new_figure(9.0, height)
    style.heading(figure, "Gradient by layer", "the first layer above; logarithmic")
    axes = style.bare(figure.add_axes((0.30, 0.45 / height, 0.64, 1 - 1.15 / height)), grid=False)
    values = [value for _, value in rows]
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 3, max(values) * 3)
    axes.plot(values, range(len(rows)), "o-", color=style.BLUE, linewidth=1.4, markersize=5)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.invert_yaxis()
    return figure
