"""What the doctor says: a fault, where it is, how sure, and the numbers that it rests on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

Evidence = dict[str, float | int | str | list[Any] | None]


@dataclass(frozen=True)
class Where:
    """As closely as it is known."""

    module: str = ""
    parameter: str = ""
    file: str = ""
    line: int = 0
    steps: tuple[int, int] | None = None  # of the sequence, the first and the last

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.file else ""
        steps = f"steps {self.steps[0]} to {self.steps[1]}" if self.steps else ""
        return ", ".join(part for part in (self.parameter or self.module, steps, place) if part)


@dataclass(frozen=True)
class Verdict:
    """One fault."""

    code: str
    name: str
    confidence: float  # 0 to 1
    says: str  # one sentence, with the numbers
    where: Where = Where()
    evidence: Evidence = field(default_factory=dict)
    remedies: tuple[str, ...] = ()
    severe: bool = True
    rank: int = 0  # 1 is the likeliest cause
    because_of: tuple[str, ...] = ()  # codes of verdicts that explain this one

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
