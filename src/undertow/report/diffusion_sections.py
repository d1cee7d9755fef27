"""The parts of a page that tell of a diffusion model: what it draws, the way there, and its bound term by term."""

from __future__ import annotations

from typing import Any

from undertow.report.diffusion_words import held_out_bound, signed, unit_of, value_of
from undertow.report.markup import Markup, join, picture, section, table

PICTURES = {
    "strip": "From noise to samples: frames of the way down",
}
TERMS = "Bound: nats of each step down, against the step"


def diffusion_sections(score: dict[str, Any] | None, figures: dict[str, bytes]) -> Markup:
    """Nothing where no bound was told."""
    found = held_out_bound(score)
    if found is None or score is None:
        return Markup("")
    how = score["samples"]
    way = f"Drawn in {how['steps']:,} steps, with η = {how['eta']:g}."
    entry = found[1]
    return join(
        [
            section("How it draws", *_shown(figures, PICTURES), note=way),
            section(
                "The bound, term by term",
                *_shown(figures, {"bound": TERMS}),
                table(term_rows(entry), ("term", f"{unit_of(entry)}, and nats an example")),
                note="-log p is at most the sum of what every step down is missed by.",
            ),
        ]
    )


def term_rows(entry: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and value of each kind of term, and of the sum."""
    bound = entry["bound"]
    scale = value_of(bound) / bound["nats"] if bound["nats"] else 1.0
    steps = len(bound["steps"]) + 1
    told = {
        f"L_{steps}: noise that is not noise enough": bound["prior"],
        f"L_1 to L_{steps - 1}: steps down": sum(bound["steps"]),
        "L_0: the last step, to the data itself": bound["last"],
        "all: -log p is at most": bound["nats"],
    }
    if entry["kind"] == "points":
        return [(name, signed(nats)) for name, nats in told.items()]
    return [(name, f"{signed(scale * nats)}, {signed(nats)}") for name, nats in told.items()]


def _shown(figures: dict[str, bytes], wanted: dict[str, str]) -> list[Markup]:
    return [picture(figures[name], alt) for name, alt in wanted.items() if name in figures]
