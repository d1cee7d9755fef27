"""How remedies are tried: what is compared, how often, for how long."""

from __future__ import annotations

import re
from dataclasses import dataclass

from undertow.errors import SettingError

GOALS = ("lower", "higher")


@dataclass(frozen=True)
class Plan:
    """How it is tried."""

    metric: str | None = None  # a pattern whose last match in the output is the score
    goal: str = "lower"
    draws: int = 3
    seed_option: str | None = (
        None  # of the script: draws are its seeds 0, 1, 2; without it the seeds that it sets move
    )
    steps: int = 2000  # of an arm; 0: to the script's end
    workers: int = 1
    most: int = 16  # arms

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            SettingError: names the option.
        """
        if self.goal not in GOALS:
            raise SettingError(f"--goal must be lower or higher, got {self.goal!r}.")
        for name in ("draws", "workers", "most"):
            if getattr(self, name) < 1:
                raise SettingError(f"--{name} must be at least 1, got {getattr(self, name)}.")
        if self.steps < 0:
            raise SettingError(f"--steps must be at least 0, got {self.steps}.")
        try:
            groups = re.compile(self.metric or "()").groups
        except re.error as error:
            raise SettingError(f"--metric {self.metric!r} is no regular expression: {error}.") from None
        if groups < 1:
            raise SettingError(
                f"--metric {self.metric!r} must hold a group around the number: 'loss ([0-9.]+)'."
            )
