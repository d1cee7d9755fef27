"""Does the doctor name what is wrong? Programs with one planted fault each, their healthy twins, healthy controls.

Every program is a file of its own that knows nothing of undertow: it takes --fault NAME and --seed N, and names its
faults in FAULTS. Each run is `undertow diagnose` in a process of its own, on one thread. Thresholds were set on one
folder of programs; the other folder is what counts.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from undertow.doctor.rule import every_rule
from undertow.errors import DataError

FOLDERS = ("tests/sick", "benchmarks/sick")
SET = "tests/sick"  # the folder on which thresholds were set
LONGEST = 300.0  # seconds a run
DETECTED, FIRST = 0.95, 0.85  # bars
WITHIN = 2.0  # times the lag that was planted: the bar of the needed lag
CONTROLS = 8  # seeds of a healthy control; of the others as many as asked for


@dataclass(frozen=True)
class Row:
    """One run of one program."""

    folder: str
    program: str
    fault: str  # empty: healthy
    seed: int
    expected: str  # code; empty: healthy
    codes: tuple[str, ...]  # as said, the likeliest first
    seconds: float
    steps: int
    needed_lag: int | None
    error: str  # where it could not be diagnosed
    met: bool
    planted_lag: int | None = None  # None: not one that is known

    @property
    def detected(self) -> bool:
        """Is it among what was said?"""
        return self.expected in self.codes


@dataclass(frozen=True)
class _Run:
    folder: str
    path: Path
    fault: str
    seed: int


@dataclass(frozen=True)
class Wanted:
    """What is run: here, and where it is treated."""

    folders: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    seeds: int = 5
    workers: int = 2
    done: int = 0  # rows that are there from a run that was broken off


def measure(wanted: Wanted, tell: Callable[[str], None]) -> Iterator[Row]:
    """Every program with each of its faults, and without, at every seed.

    Raises:
        DataError: a folder holds no program.
    """
    folders = wanted.folders or FOLDERS
    runs = [run for folder in folders for run in _runs(folder, wanted.faults, wanted.seeds)][wanted.done :]
    codes = {rule.planted: rule.code for rule in every_rule()}
    with ThreadPoolExecutor(wanted.workers) as pool:
        for row in pool.map(lambda run: _row(run, codes), runs):
            told = ", ".join(row.codes) or row.error or "nothing"
            tell(f"{'ok  ' if row.met else 'MISS'} {row.program} {row.fault or 'healthy'} {row.seed}: {told}")
            yield row


def _runs(folder: str, faults: Sequence[str], seeds: int) -> Iterator[_Run]:
    for path in programs_in(folder):
        planted = constants(path).get("FAULTS", ())
        for fault in (*planted, ""):
            if faults and (fault or "healthy") not in faults:
                continue
            for seed in range(seeds if planted else max(seeds, CONTROLS)):
                yield _Run(folder, path, fault, seed)


def programs_in(folder: str) -> list[Path]:
    """In order.

    Raises:
        DataError: there are none.
    """
    paths = sorted(Path(folder).glob("*.py"))
    if not paths:
        raise DataError(
            f"{folder}: no programs there. Give a folder of sick programs, from a checkout of undertow."
        )
    return paths


def constants(path: Path) -> dict[str, Any]:
    """What a program says of itself, without running it: FAULTS, METRIC and, where it is known, LAGS by seed."""
    found = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign):
            names = {target.id for target in node.targets if isinstance(target, ast.Name)}
            found.update(
                {name: ast.literal_eval(node.value) for name in names & {"FAULTS", "METRIC", "LAGS"}}
            )
    return found


def _row(run: _Run, codes: dict[str, str]) -> Row:
    lags = constants(run.path).get("LAGS", ())
    own = ["--seed", str(run.seed), *(["--fault", run.fault] if run.fault else [])]
    told, error = _diagnosed(run.path, own)
    said = tuple(v["code"] for v in told.get("verdicts", ()))
    expected = codes[run.fault] if run.fault else ""
    met = not error and (said[:1] == (expected,) if expected else not said)
    return Row(
        run.folder,
        run.path.stem,
        run.fault,
        run.seed,
        expected,
        said,
        told.get("seconds", 0.0),
        told.get("steps", 0),
        told.get("needed_lag"),
        error,
        met,
        lags[run.seed % len(lags)] if lags else None,
    )


def _diagnosed(path: Path, own: list[str]) -> tuple[dict[str, Any], str]:
    with tempfile.TemporaryDirectory() as folder:
        page = str(Path(folder) / "page.html")
        words = ["-m", "undertow", "diagnose", "--json", "--out", page, str(path), *own]
        try:
            done = subprocess.run(
                [sys.executable, *words],
                capture_output=True,
                text=True,
                timeout=LONGEST,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        except subprocess.TimeoutExpired:
            return {}, f"longer than {LONGEST:.0f} s"
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {}, (done.stderr.strip().splitlines() or ["no answer"])[-1]
    return told, ""


def tables(rows: Sequence[Row]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Together, by fault, what was missed."""
    halves = sorted({row.folder for row in rows}, key=lambda folder: folder == SET)
    missed = [_missed(row) for row in rows if not row.met]
    return [
        (
            f"Together; bars: {DETECTED:.0%} detected, {FIRST:.0%} first, no false alarm",
            [_together(h, rows) for h in halves],
        ),
        (f"Needed lag, where it was planted and asked for; bar: within {WITHIN:.0f} times", _lags(rows)),
        ("What was missed", missed),
        *((f"By fault, {half}", _by_fault([r for r in rows if r.folder == half])) for half in halves),
    ]


def _together(half: str, rows: Sequence[Row]) -> dict[str, Any]:
    own = [row for row in rows if row.folder == half]
    sick, healthy = [r for r in own if r.expected], [r for r in own if not r.expected]
    return {
        "programs": half + (" (thresholds were set here)" if half == SET else ""),
        "sick": len(sick),
        "detected": _share([r.detected for r in sick]),
        "right first": _share([r.met for r in sick]),
        "healthy": len(healthy),
        "false alarms": sum(bool(r.codes) for r in healthy),
        "seconds a run": f"{sum(r.seconds for r in own) / max(len(own), 1):.1f}",
    }


def _share(found: Sequence[bool]) -> str:
    return f"{sum(found) / len(found):.1%}" if found else ""


def _by_fault(rows: Sequence[Row]) -> list[dict[str, Any]]:
    found = []
    for rule in every_rule():
        own = [row for row in rows if row.expected == rule.code]
        if own:
            said = sorted({row.codes[0] if row.codes else "nothing" for row in own if not row.met})
            found.append(
                {
                    "code": rule.code,
                    "fault": rule.name,
                    "runs": len(own),
                    "detected": _share([r.detected for r in own]),
                    "right first": _share([r.met for r in own]),
                    "else": ", ".join(said),
                }
            )
    return found


def _lags(rows: Sequence[Row]) -> list[dict[str, Any]]:
    found = []
    for program in sorted({row.program for row in rows}):
        own = [row for row in rows if row.program == program and row.planted_lag]
        planted = [row.planted_lag or 0 for row in own]
        told = [row.needed_lag for row in own]
        apart = [_apart(lag, wanted) for lag, wanted in zip(told, planted, strict=True) if lag is not None]
        if apart:
            found.append(
                {
                    "program": program,
                    "planted": f"{min(planted)} to {max(planted)}",
                    "runs": len(own),
                    "asked": len(apart),
                    "exact": _share([times == 1 for times in apart]),
                    "within": _share([times <= WITHIN for times in apart]),
                }
            )
    return found


def _apart(found: int, planted: int) -> float:
    """How many times one is the other: at least 1."""
    return max(found, planted) / max(1, min(found, planted))


def _missed(row: Row) -> dict[str, Any]:
    return {
        "program": row.program,
        "fault": row.fault or "healthy",
        "seed": row.seed,
        "expected": row.expected or "nothing",
        "said": ", ".join(row.codes) or row.error or "nothing",
    }
