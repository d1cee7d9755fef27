"""Where a run that is listened to stands: its steps so far, and whether what happens is the script's or ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from undertow.doctor.seen.step import Step

CLOSELY = 4  # steps at the start
AGAIN = (10, 25, 50, 100, 200, 400, 800, 1600, 3200, 6400, 12800)


@dataclass
class Now:
    """All listeners share it."""

    steps: list[Step] = field(default_factory=list)
    also: frozenset[int] = frozenset()  # further steps that are looked at closely
    ours: bool = False  # one of our own passes

    @property
    def number(self) -> int:
        """Steps that were taken."""
        return len(self.steps)

    @property
    def closely(self) -> bool:
        """Is this step looked at closely?"""
        return self.number < CLOSELY or self.number in AGAIN or self.number in self.also

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What is done meanwhile is ours, and not listened to."""
        self.ours = True
        try:
            yield
        finally:
            self.ours = False
