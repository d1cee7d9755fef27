"""How well a diffusion model knows its data, in words: a sentence, and figures to be shown large."""

from __future__ import annotations

from typing import Any

from undertow.report import words
from undertow.report.parts import PARTS, part_to_judge_by


def held_out_bound(score: dict[str, Any] | None) -> tuple[str, dict[str, Any]] | None:
    """The part to judge by and its figures; None where no bound was told."""
    return part_to_judge_by(score, lambda entry: isinstance(entry.get("bound"), dict))


def unit_of(entry: dict[str, Any]) -> str:
    """What a bound is told in."""
    if entry["kind"] == "points":
        return "nats a point"
    return "bits a pixel" if entry["shape"][0] == 1 else "bits a number"


def value_of(figures: dict[str, Any]) -> float:
    """Bits of images, nats of points."""
    return float(figures.get("bits_a_number", figures["nats"]))


def diffusion_verdict(score: dict[str, Any] | None) -> str:
    """At most how much, on what, beside what; "" where no bound was told."""
    found = held_out_bound(score)
    if found is None or score is None:
        return ""
    part, entry = found
    own = value_of(entry["bound"])
    told = [
        f"At most {signed(own)} {unit_of(entry)} on {words.count(entry['examples'])} {entry['kind']} {PARTS[part]}"
    ]
    for name, other in (score.get("baselines") or {}).items():
        value = value_of(other)
        beaten = ", which beats this bound" if value < own and name != "the mixture itself" else ""
        told.append(f"{name}: {signed(value)}{beaten}")
    return "; ".join(told) + "."


def diffusion_tiles(score: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Value, label and note of each."""
    found = held_out_bound(score)
    if found is None:
        return []
    part, entry = found
    bound, unit = entry["bound"], unit_of(entry)
    scale = value_of(bound) / bound["nats"] if bound["nats"] else 1.0
    told = [
        (
            signed(value_of(bound)),
            unit,
            f"at most, ± {scale * bound['standard_error']:.2g} by chance, {part}",
        ),
        (signed(scale * bound["last"]), "of it in the last step", "from almost no noise to none"),
    ]
    return told + [(signed(value_of(of)), name, unit) for name, of in (score.get("baselines") or {}).items()]


def signed(value: float) -> str:
    """-2.312 -> −2.31"""
    return words.nats(value).replace("-", "−")
