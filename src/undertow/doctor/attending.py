"""The doctor beside our own training: verdicts as they arise, said once each, and kept in the run's verdicts.jsonl.

Asked when validation is looked at, at growing distances, so that judging stays within a hundredth of the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import msgspec

from undertow.doctor.case import Case
from undertow.doctor.diagnosis import finite
from undertow.doctor.examine import examine
from undertow.doctor.seen.bedside import Bedside
from undertow.doctor.verdict import Verdict
from undertow.flow.watch import Watch
from undertow.training.storage import read_lines, writing

FIRST = 200  # steps before anything is said
SHARE = 0.01  # of the time that judging may take
PROBING = 10.0  # seconds that it may take to ask the data how far back one must look
SURE = 0.9  # that a verdict must be, to be said, or to stop a run


@dataclass
class Attending:
    """Of one run."""

    path: Path  # verdicts.jsonl
    say: Callable[[str], None]
    stop_on: str = "never"
    seen: Bedside | None = None
    said: set[str] = field(default_factory=set)  # codes, those of a run that goes on among them
    _again: int = FIRST
    _free: float = 0.0  # when judging may take time again

    def begin(self, watch: Watch | None) -> None:
        """Listen from now on; `watch` measures gradients already."""
        self.seen = Bedside(watch=watch)
        self.seen.__enter__()

    def __enter__(self) -> Attending:
        self.said.update({told["code"] for told in read_lines(self.path)})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.seen is not None:
            self.seen.__exit__(kind, error, trace)

    def looked(self, step: int) -> bool:
        """Validation was looked at: judge, if it is time; should training stop?"""
        seen = self.seen
        if seen is None or len(seen.steps) < self._again or time.monotonic() < self._free:
            return False
        self._again = 2 * len(seen.steps)
        return self.judge(step)

    def judge(self, step: int) -> bool:
        """Say what is new."""
        assert self.seen is not None
        began = time.monotonic()
        probing = SHARE * self.seen.seconds > PROBING
        with self.seen.aside():
            found = [v for v in examine(Case(self.seen, probing=probing)) if v.confidence >= SURE]
        for verdict in found:
            if verdict.code not in self.said:
                self._tell(verdict, step)
        self._free = time.monotonic() + (time.monotonic() - began) / SHARE
        return self.stop_on == "severe" and any(v.severe for v in found)

    def _tell(self, verdict: Verdict, step: int) -> None:
        self.said.add(verdict.code)
        self.say(f"{verdict.code} {verdict.name}: {verdict.says} (undertow faults {verdict.code})")
        line = msgspec.json.encode({"step": step, **finite(verdict.document())})
        with writing(self.path), self.path.open("ab") as file:
            file.write(line + b"\n")
