"""The parts of a page that tell of translations: BLEU, some of them, and what was looked at."""

from __future__ import annotations

from typing import Any

from undertow.report.markup import Markup, join, picture, section, tag
from undertow.report.parts import PARTS, part_to_judge_by


def held_out_pairs(score: dict[str, Any] | None) -> tuple[str, dict[str, Any]] | None:
    """The part with BLEU, and its figures; None where nothing was translated."""
    return part_to_judge_by(score, lambda entry: "beam" in entry)


def translation_verdict(score: dict[str, Any] | None) -> str:
    """BLEU in a sentence; "" where nothing was translated."""
    found = held_out_pairs(score)
    if found is None:
        return ""
    part, of = found
    return (
        f"BLEU {of['beam']['cased']:.1f} on {of['pairs']:,} sentences {PARTS[part]}, following {of['beam_width']} "
        f"at once; {of['greedy']['cased']:.1f} greedily; lower-cased {of['beam']['lower_cased']:.1f} and "
        f"{of['greedy']['lower_cased']:.1f}."
    )


def translation_tiles(score: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Value, label and note of each."""
    found = held_out_pairs(score)
    if found is None:
        return []
    part, of = found
    return [
        (f"{of['beam']['cased']:.1f}", "BLEU", f"{part}, following {of['beam_width']} at once"),
        (f"{of['greedy']['cased']:.1f}", "BLEU, greedy", "the likeliest word each time"),
        (f"{of['beam']['lower_cased']:.1f}", "BLEU, lower-cased", "capital letters do not count"),
    ]


def translation_sections(score: dict[str, Any] | None, figures: dict[str, bytes]) -> Markup:
    """Nothing where nothing was translated."""
    if held_out_pairs(score) is None or score is None:
        return Markup("")
    told = score.get("translations") or []
    parts = [
        tag(
            "dl",
            *(
                tag("div", tag("dt", name), tag("dd", one[key]))
                for name, key in (("read", "source"), ("written", "text"), ("reference", "reference"))
            ),
            class_="pair",
        )
        + _map(figures, n)
        for n, one in enumerate(told, start=1)
    ]
    return section(
        "Translations",
        *(Markup(part) for part in parts),
        note="Under each: which words were looked at for each word that was written. Rows sum to 1.",
    )


def _map(figures: dict[str, bytes], number: int) -> Markup:
    name = f"attention_{number}"
    return join([picture(figures[name], f"Attention: sentence {number}")]) if name in figures else Markup("")
