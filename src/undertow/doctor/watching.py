"""A model's own training, measured and judged from Python.

with undertow.watch(model, examine=True) as flow:
    train(model)
for verdict in flow.examine().verdicts:
    print(verdict.code, verdict.says)
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from torch import nn

from undertow.doctor.case import Case
from undertow.doctor.diagnosis import Diagnosis, of
from undertow.doctor.seen.bedside import Bedside
from undertow.flow.records import Flow
from undertow.flow.schedule import EVERY
from undertow.flow.watch import Watch
from undertow.flow.watch import watch as plain


def watch(
    model: nn.Module,
    every: int = EVERY,
    *,
    on_record: Callable[[Flow], None] | None = None,
    examine: bool = False,
) -> Watch:
    """Watch a model train: a context manager whose `records` hold a `Flow` for every measured step.

    Args:
        model: any module; its leaves are watched in depth, its recurrent layers in time.
        every: measure each so many optimizer steps, and the first three.
        on_record: called with every `Flow` as it is made.
        examine: listen to losses, optimizers and calls of the whole process, too, so that `examine()` of what is
            given back can say what is wrong.

    Raises:
        SettingError: `every` is not a whole number above 0.
    """
    found = plain(model, every, on_record=on_record)
    return Examined(found) if examine else found


class Examined(Watch):
    """A watch, and what the doctor hears beside it."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(watch.model, watch.schedule, watch.on_record)
        self.seen = Bedside(watch=self)
        self._listening = False

    def __enter__(self) -> Examined:
        super().__enter__()
        self.seen.__enter__()
        self._listening = True
        return self

    def leave(self) -> None:
        """Take every hook off without a word."""
        if self._listening:
            self._listening = False
            self.seen.__exit__(None, None, None)
        super().leave()

    def examine(self) -> Diagnosis:
        """What is wrong with what was seen so far, the likeliest cause first."""
        with self.seen.aside():
            return of(Case(self.seen), sys.argv[0], sys.argv[1:])
