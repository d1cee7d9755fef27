"""What happened in a run, one event a line, append-only.

Events carry `event` and `step`: start, step, validation, resume, end. A resume at step s takes back every event
after s, a start takes back all: the reader drops them, the file keeps them. A line cut short by a kill, that is
one at the end or right before a start or resume, is passed over.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from undertow.errors import RunError
from undertow.training.storage import writing


@dataclass(frozen=True)
class History:
    """The events that count, in order."""

    events: tuple[dict[str, Any], ...] = ()

    def of(self, kind: str) -> list[dict[str, Any]]:
        """All events of one kind, in order."""
        return [event for event in self.events if event["event"] == kind]


def read_history(path: Path) -> History:
    """Read `history.jsonl`; a missing file is an empty history.

    Raises:
        RunError: a line is damaged that no kill can have cut short.
    """
    if not path.exists():
        return History()
    events: list[dict[str, Any]] = []
    damaged = 0
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        event = _decode(line)
        if event is None:
            damaged = damaged or (number if line.strip() else 0)
            continue
        if event["event"] == "start":
            events = []
        elif event["event"] == "resume":
            events = [earlier for earlier in events if earlier["step"] <= event["step"]]
        elif damaged:
            raise RunError(
                f"{path}, line {damaged}, is damaged. Remove that line, or restore the file from a copy."
            )
        damaged = 0
        events.append(event)
    return History(tuple(events))


class HistoryWriter:
    """Appends events; every line is flushed, so a kill loses at most the line being written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with writing(path):
            ragged = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
            self._file = path.open("ab")
            if ragged:
                self._file.write(b"\n")

    def add(self, event: str, step: int, **values: Any) -> None:
        """Append one event."""
        line = msgspec.json.encode({"event": event, "step": step, **values})
        with writing(self.path):
            self._file.write(line + b"\n")
            self._file.flush()

    def close(self) -> None:
        """Sync and close."""
        with writing(self.path), self._file:
            os.fsync(self._file.fileno())


def _decode(line: bytes) -> dict[str, Any] | None:
    try:
        event = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    return event if isinstance(event, dict) and "event" in event and "step" in event else None
