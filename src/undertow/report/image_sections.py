"""The parts of a page that tell of a net of images: what it read wrongly, what it looks for first, what it weighs."""

from __future__ import annotations

from typing import Any

from undertow.report import words
from undertow.report.class_words import percent
from undertow.report.markup import Markup, join, picture, section, table


def image_sections(score: dict[str, Any] | None, figures: dict[str, bytes]) -> Markup:
    """Nothing where no images were told apart."""
    score = score or {}
    return join(
        [
            section(
                "Surely wrong",
                *_shown(figures, "wrong_images", "Images read wrongly: what they are, and what was said"),
                note="Where it was surest of something else: what it misreads, and labels that may be wrong.",
            ),
            section(
                "What the first layer looks for",
                *_shown(figures, "filters", "First layer: the weights of each unit as an image"),
                note="Each is scaled by its own largest weight.",
            ),
            section("What it weighs", table(weighed(score), ("", ""))),
        ]
    )


def weighed(score: dict[str, Any]) -> list[tuple[str, str]]:
    """Parameters and bytes; of a binary net also as bits."""
    sizes, bits = score.get("sizes") or {}, score.get("bits") or {}
    rows = []
    if sizes:
        rows += [("parameters", words.count(sizes["parameters"])), ("bytes", words.count(sizes["bytes"]))]
    if bits:
        smaller = sizes["bytes"] / bits["bytes"]
        rows += [
            ("bytes with its signs as bits", f"{words.count(bits['bytes'])}, {smaller:.1f} times less"),
            ("told rightly by the bits", percent(bits["accuracy"])),
            ("images of which both say the same", percent(bits["said_alike"])),
        ]
    return rows


def _shown(figures: dict[str, bytes], name: str, alt: str) -> list[Markup]:
    return [picture(figures[name], alt)] if name in figures else []
