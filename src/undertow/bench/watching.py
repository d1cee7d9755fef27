"""What does watching cost? Training with `undertow.watch` and without, in turn, in one process; and its memory.

A pair is a block of steps of two copies of one network, one watched. Blocks hold whole intervals, so that the steps
that are measured have their share. Memory is the peak of a process of its own over a few steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from undertow.bench.child import ask
from undertow.bench.memory import MALLOC
from undertow.bench.paired import paired
from undertow.bench.resident import CLEAR
from undertow.bench.small_networks import NETWORKS, Trainer
from undertow.errors import SettingError
from undertow.flow.schedule import EVERY
from undertow.flow.watch import watch

BLOCK = 10  # steps, where every step is measured
BARS = {EVERY: 0.03, 1: 0.10}  # of the time of training, by interval
MEMORY_BAR = 0.05


@dataclass(frozen=True)
class Row:
    """One network at one interval."""

    network: str
    text: str
    every: int
    plain_ms: float  # a step
    watched_ms: float
    overhead: float  # of the time, median of pairs
    low: float
    high: float
    pairs: int
    bar: float
    memory_overhead: float | None  # of the peak; None where the system does not tell it
    met: bool


def measure(networks: Sequence[str], seconds: float, tell: Callable[[str], None]) -> Iterator[Row]:
    """Every network at the default interval and at every step.

    Raises:
        SettingError: no such network.
    """
    for name in networks:
        if name not in NETWORKS:
            raise SettingError(f"There is no network {name!r}. Networks: {', '.join(NETWORKS)}.")
    for name in networks or NETWORKS:
        for every, bar in BARS.items():
            row = _row(name, every, bar, seconds)
            memory = "" if row.memory_overhead is None else f", memory {row.memory_overhead:+.1%}"
            verdict = "met" if row.met else "MISSED"
            tell(
                f"{name} every {every}: {row.overhead:+.1%} of {row.plain_ms:.1f} ms, bar {bar:.0%} {verdict}{memory}"
            )
            yield row


def _row(name: str, every: int, bar: float, seconds: float) -> Row:
    plain, seen = Trainer(NETWORKS[name]), Trainer(NETWORKS[name])
    watching = watch(seen.model, every)
    steps = max(every, BLOCK)

    def watched() -> None:
        with watching:  # its hook on optimizers would else slow the other side, too
            _steps(seen, steps)

    found = paired(watched, lambda: _steps(plain, steps), seconds)
    memory = _memory(name, every)
    overhead = found.ratio - 1
    met = overhead <= bar and (memory is None or memory <= MEMORY_BAR)
    return Row(
        name, NETWORKS[name].text, every, found.ours_ms / steps, found.base_ms / steps, overhead,
        found.low - 1, found.high - 1, found.pairs, bar, memory, met,
    )  # fmt: skip


def _steps(trainer: Trainer, steps: int) -> None:
    for _ in range(steps):
        trainer.step()


def _memory(name: str, every: int) -> float | None:
    if not CLEAR.exists():
        return None
    job: dict[str, Any] = {"network": name, "threads": torch.get_num_threads()}
    plain, watched = (
        ask("undertow.bench.watched_memory", job | {"every": interval}, **MALLOC)["peak_bytes"]
        for interval in (0, every)
    )
    return float(watched / plain - 1)


def tables(rows: Sequence[Row]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Titles and rows as a person reads them, the missed first."""
    ordered = sorted(rows, key=lambda row: (row.met, -row.overhead / row.bar))
    return [("What undertow.watch costs in training.", [_shown(row) for row in ordered])]


def _shown(row: Row) -> dict[str, Any]:
    return {
        "network": row.network,
        "measured": "every step" if row.every == 1 else f"every {row.every} steps",
        "a step, ms": f"{row.plain_ms:.2f}",
        "watched, ms": f"{row.watched_ms:.2f}",
        "more time": f"{row.overhead:+.1%}",
        "5-95 %": f"{row.low:+.1%} to {row.high:+.1%}",
        "bar": f"{row.bar:.0%}",
        "more memory": "" if row.memory_overhead is None else f"{row.memory_overhead:+.1%}",
        "met": "yes" if row.met else "NO",
        "what": row.text,
    }
