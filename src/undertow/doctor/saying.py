"""Words that rules share."""

from __future__ import annotations

from typing import Any

from undertow.doctor.seen.lines import Line
from undertow.doctor.seen.study import Layer
from undertow.doctor.verdict import Verdict, Where


def found(
    confidence: float, says: str, where: Where | None = None, *, severe: bool = True, **evidence: Any
) -> Verdict:
    """A verdict whose name its rule will write on it."""
    return Verdict("", "", confidence, says, where or Where(), dict(evidence), severe=severe)


def place_of(layer: Layer, line: bool = True) -> Where:
    """Of a weight."""
    at = layer.line if line else Line()
    return Where(
        module=layer.parameter.rpartition(".")[0], parameter=layer.parameter, file=at.file, line=at.line
    )


def at(line: Line, **others: Any) -> Where:
    """A line of the user's."""
    return Where(file=line.file, line=line.line, **others)


def listed(names: list[str], most: int = 4) -> str:
    """a, b, c and 5 more."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
