"""The part of a score to judge by: the test where there is one, else validation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

PARTS = {"test": "it never saw", "validation": "held out for validation"}  # how each is told


def part_to_judge_by(
    score: dict[str, Any] | None, is_such: Callable[[dict[str, Any]], bool]
) -> tuple[str, dict[str, Any]] | None:
    """The first part whose figures are such as are asked for, and these; None where there is none."""
    for part in PARTS:
        entry = (score or {}).get(part)
        if isinstance(entry, dict) and is_such(entry):
            return part, entry
    return None
