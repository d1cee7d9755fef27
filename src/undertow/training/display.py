"""What a person sees while it trains: loss, speed, time left. On stderr, so stdout stays clean."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn


@dataclass(frozen=True)
class Moment:
    """One look at a running training."""

    progress: float
    step: int
    seconds: float
    loss: float
    per_second: float
    validation: float | None
    best: float | None
    called: str = ""  # what validation measures, where it is not the loss


class Display(Protocol):
    """Where progress goes."""

    def show(self, moment: Moment) -> None:
        """Bring the picture up to date."""

    def say(self, text: str) -> None:
        """One sentence that stays."""

    def close(self) -> None:
        """The training is over."""


class Silent:
    """Shows nothing."""

    def show(self, moment: Moment) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


@dataclass
class Lines:
    """A line every few seconds, for logs and pipes."""

    unit: str = "characters"
    every: float = 5.0
    _last: float = field(default_factory=time.monotonic)

    def show(self, moment: Moment) -> None:
        """Print a line if the last one is old enough."""
        now = time.monotonic()
        if now - self._last >= self.every:
            self._last = now
            self.say(f"{moment.progress:4.0%}  step {moment.step}  {_words(moment, self.unit)}")

    def say(self, text: str) -> None:
        """Print it."""
        print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing is open."""


class Bar:
    """A live bar in a terminal."""

    def __init__(self, unit: str = "characters") -> None:
        self.unit = unit
        columns: list[Any] = [
            TextColumn("{task.percentage:3.0f}%"),
            BarColumn(30),
            TextColumn("{task.description}"),
        ]
        self._bar = Progress(*columns, console=Console(stderr=True))
        self._task: TaskID = self._bar.add_task("starting", total=1.0)
        self._bar.start()

    def show(self, moment: Moment) -> None:
        """Redraw."""
        self._bar.update(self._task, completed=moment.progress, description=_words(moment, self.unit))

    def say(self, text: str) -> None:
        """Print above the bar."""
        self._bar.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        """Take the bar down."""
        self._bar.stop()


def display_for(quiet: bool = False, unit: str = "characters") -> Display:
    """A bar in a terminal, lines elsewhere, nothing when quiet."""
    if quiet:
        return Silent()
    return Bar(unit) if sys.stderr.isatty() else Lines(unit)


def _words(moment: Moment, unit: str) -> str:
    parts = [f"loss {moment.loss:.3f}"]
    if moment.validation is not None:
        parts.append(f"validation {moment.called + ' ' if moment.called else ''}{moment.validation:.4f}")
    if moment.best is not None:
        parts.append(f"best {moment.best:.4f}")
    parts.append(f"{_short(moment.per_second)} {unit}/s")
    if moment.progress > 0:
        left = moment.seconds * (1 - moment.progress) / moment.progress
        parts.append(f"{_clock(left)} left")
    return "  ".join(parts)


def _short(number: float) -> str:
    return (
        f"{number / 1e6:.1f}M"
        if number >= 1e6
        else f"{number / 1e3:.1f}k"
        if number >= 1e3
        else f"{number:.0f}"
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
