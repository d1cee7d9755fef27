"""A run's own watch: gradients in depth and time, measured evenly over the budget, one file a measured step."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from undertow.flow.records import Flow
from undertow.flow.store import keep
from undertow.flow.watch import Watch
from undertow.training.storage import writing


@dataclass
class Evenly:
    """So many measurements over the whole budget, the first at its first step."""

    count: int
    progress: Callable[[], float]  # share of the budget that is used
    taken: int = field(default=-1)

    def due(self, step: int) -> bool:
        """This step?"""
        number = int(self.progress() * self.count)
        if number <= self.taken:
            return False
        self.taken = number
        return True

    def whole(self, step: int) -> bool:
        """With what takes a second pass, too: always, they are few."""
        return True

    @property
    def often(self) -> bool:
        """They are few."""
        return False


def watching(
    model: nn.Module, folder: Path, count: int, step: int, progress: Callable[[], float]
) -> AbstractContextManager[Watch | None]:
    """Watch a run train from this step on, into its folder `flow`; not at all where count is 0."""
    if not count:
        return nullcontext()

    def write(record: Flow) -> None:
        path = folder / "flow"
        with writing(path):
            keep(path, record)

    watch = Watch(model, Evenly(count, progress), write)
    watch.step = step
    return watch
