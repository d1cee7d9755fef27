"""What does `undertow diagnose` cost a script? The same script by itself and diagnosed, in turn, each a whole process.

Two figures: while it trains, which is what a long script feels, and end to end, with loading, judging and the page.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from undertow.errors import DataError

FOLDER = "benchmarks/long"
BARS = {20: 1.03, 1: 1.10}  # by steps between two measurements
TRAINED = re.compile(r"trained in ([\d.]+) s")


@dataclass(frozen=True)
class Row:
    """One script, measured so often."""

    script: str
    every: int
    pairs: int
    plain_s: float  # of the whole process, medians
    diagnosed_s: float
    training: float  # diagnosed over plain while it trains, the median over pairs
    low: float
    high: float
    end_to_end: float
    bar: float

    @property
    def met(self) -> bool:
        """Of what a long script feels."""
        return self.training <= self.bar

    @property
    def met_whole(self) -> bool:
        """With loading, judging and the page, too."""
        return self.end_to_end <= self.bar


@dataclass(frozen=True)
class _Took:
    whole: float
    training: float


def measure(folder: str, pairs: int, tell: Callable[[str], None]) -> Iterator[Row]:
    """Every script of a folder; one run of each to begin with does not count.

    Raises:
        DataError: no scripts there, or one does not say how long it trained.
    """
    paths = sorted(Path(folder or FOLDER).glob("*.py"))
    if not paths:
        raise DataError(
            f"{folder or FOLDER}: no scripts there. Give a folder of scripts, of a checkout of undertow."
        )
    for path in paths:
        _run(path, 0)
        turns = []
        for number in range(pairs):
            turns.append({every: _run(path, every) for every in (0, *BARS)})
            tell(f"{path.stem}: pair {number + 1} of {pairs}")
        for every in BARS:
            yield _row(path, every, turns)


def _row(path: Path, every: int, turns: Sequence[dict[int, _Took]]) -> Row:
    ratios = sorted(turn[every].training / turn[0].training for turn in turns)
    return Row(
        path.stem,
        every,
        len(turns),
        median(turn[0].whole for turn in turns),
        median(turn[every].whole for turn in turns),
        median(ratios),
        ratios[0],
        ratios[-1],
        median(turn[every].whole / turn[0].whole for turn in turns),
        BARS[every],
    )


def _run(path: Path, every: int) -> _Took:
    """By itself where `every` is 0."""
    with tempfile.TemporaryDirectory() as folder:
        own = ["-m", "undertow", "diagnose", "--steps", "0", "--every", str(every)]
        words = [*own, "--out", str(Path(folder) / "page.html")] if every else []
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *words, str(path)],
            capture_output=True,
            text=True,
            env=dict(os.environ),
            check=False,
        )
        whole = time.perf_counter() - began
    found = TRAINED.search(done.stdout)
    if found is None:
        last = (done.stderr.strip().splitlines() or ["nothing was printed"])[-1]
        raise DataError(f"{path} does not say 'trained in N s': {last}")
    return _Took(whole, float(found[1]))


def tables(rows: Sequence[Row]) -> list[tuple[str, list[dict[str, Any]]]]:
    """What is over its bar first."""
    ordered = sorted(rows, key=lambda row: row.bar - row.training)
    return [("What undertow diagnose costs a script", [_shown(row) for row in ordered])]


def _shown(row: Row) -> dict[str, Any]:
    return {
        "script": row.script,
        "measured": "every step" if row.every == 1 else f"every {row.every} steps",
        "while it trains": f"{row.training - 1:+.1%}",
        "from": f"{row.low - 1:+.1%}",
        "to": f"{row.high - 1:+.1%}",
        "bar": f"{row.bar - 1:.0%}",
        "end to end": f"{row.end_to_end - 1:+.1%}",
        "by itself, s": round(row.plain_s, 1),
        "diagnosed, s": round(row.diagnosed_s, 1),
        "pairs": row.pairs,
        "": "" if row.met else "MISSED",
    }
