"""How well labels are told, in words: a sentence, and figures to be shown large."""

from __future__ import annotations

from typing import Any

from undertow.report import words
from undertow.report.parts import PARTS, part_to_judge_by


def held_out_classes(score: dict[str, Any] | None) -> tuple[str, dict[str, Any]] | None:
    """The part to judge by, test or validation, and its figures; None where no labels were told."""
    return part_to_judge_by(
        score, lambda entry: words.is_number(entry.get("accuracy")) and bool(entry.get("confusion"))
    )


def class_verdict(score: dict[str, Any] | None) -> str:
    """How many are right, of what, and beside what; "" where no labels were told."""
    found = held_out_classes(score)
    if found is None or score is None:
        return ""
    part, entry = found
    unit = unit_of(entry)
    told = [
        f"{percent(entry['accuracy'])} of {words.count(entry[f'{unit}s'])} {unit}s {PARTS[part]} are told rightly"
    ]
    beside = [
        f"{name} {percent(other['accuracy'])}"
        for name, other in (score.get("baselines") or {}).items()
        if words.is_number(other.get("accuracy"))
    ]
    best = max((o["accuracy"] for o in (score.get("baselines") or {}).values()), default=0.0)
    if beside:
        told.append(f"{', '.join(beside)}{', which beats this network' if best > entry['accuracy'] else ''}")
    mixed = score.get("word_order") or {}
    if words.is_number(mixed.get("accuracy")):
        told.append(f"with the words of each text in random order it gets {percent(mixed['accuracy'])}")
    return "; ".join(told) + "."


def class_tiles(score: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Value, label and note of each."""
    found = held_out_classes(score)
    if found is None:
        return []
    part, entry = found
    low, high = entry["accuracy_interval"]
    between = f"{percent(low)} to {percent(high)} by chance of the {unit_of(entry)}s, {part}"
    return [
        (percent(entry["accuracy"]), "told rightly", between),
        (f"{entry['macro_f1']:.3f}", "macro-F1", "mean of classes that were there or said, each alike"),
        (
            percent(entry["calibration_error"]),
            "calibration error",
            "how far its p is from how often it is right",
        ),
    ]


def unit_of(entry: dict[str, Any]) -> str:
    """What was told the label of: text or image."""
    return "image" if "images" in entry else "text"


def percent(share: float | None) -> str:
    """0.98536 -> 98.5 %; a share of nothing is "–"."""
    return "–" if share is None else f"{100 * share:.1f} %"


def f1(of: dict[str, Any]) -> str:
    """Of one class; "–" where it was neither there nor said."""
    return "–" if of["f1"] is None else f"{of['f1']:.3f}"
