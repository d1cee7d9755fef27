"""Runs the arms of a trial, each in a process of its own, some at a time; and ends them all when it is interrupted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from undertow.doctor.arm import Job, Result
from undertow.doctor.plan import Plan
from undertow.doctor.remedy import Remedy

PATIENCE = 5.0  # times as long as the slowest control, and a minute, before an arm is given up

LONGEST = 600.0  # seconds of an arm whose control nobody waited for

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Arm:
    """A remedy for a fault, at a strength; of the control, nothing."""

    fault: dict[str, Any] = field(default_factory=dict)
    remedy: Remedy | None = None
    strength: float = 1.0


@dataclass(frozen=True)
class Outcome:
    """Of one arm at one draw."""

    result: Result | None
    output: str
    error: str = ""


@dataclass
class Ward:
    """Runs arms, and ends them all when it is interrupted."""

    script: str
    arguments: tuple[str, ...]
    plan: Plan
    running: set[subprocess.Popen[str]] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)

    def outcome(self, arm: Arm, draw: int, limit: float | None, *, judged: bool = False) -> Outcome:
        """Run one."""
        if self.over.is_set():
            return Outcome(None, "", "it was stopped")
        name = arm.remedy.name if arm.remedy else ""
        option, own = self.plan.seed_option, self.arguments
        if option is not None:
            own, draw = (*own, option, str(draw)), 0
        return self.run(
            Job(self.script, own, self.plan.steps, draw, name, arm.strength, arm.fault, judged), limit
        )

    def run(self, job: Job, limit: float | None) -> Outcome:
        """A job in a process of its own."""
        with tempfile.TemporaryDirectory() as folder:
            given, told = Path(folder) / "job.json", Path(folder) / "result.json"
            given.write_text(json.dumps(asdict(job)), encoding="utf-8")
            words = [sys.executable, "-m", "undertow.doctor.arm", str(given), str(told)]
            output, error = self._run(words, limit)
            if not told.is_file():
                return Outcome(None, output, error)
            result = _result(told.read_text(encoding="utf-8"))
        if result.stopped:
            raise KeyboardInterrupt
        return Outcome(result, output, "")

    def _run(self, words: list[str], limit: float | None) -> tuple[str, str]:
        process = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=self._environment(),
        )
        self.running.add(process)
        try:
            output, errors = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return "", f"it was given up after {limit:.0f} s"
        finally:
            self.running.discard(process)
        return output, (errors.strip().splitlines() or [f"it ended with status {process.returncode}"])[-1]

    def _environment(self) -> dict[str, str]:
        if self.plan.workers == 1:
            return dict(os.environ)
        threads = max(1, (os.cpu_count() or 1) // self.plan.workers)
        return {**os.environ, "OMP_NUM_THREADS": str(threads)}

    def together(self, jobs: Sequence[tuple[Ward, Arm, int]]) -> list[Outcome]:
        """Arms of this and other wards at their draws, some at a time."""
        with ThreadPoolExecutor(self.plan.workers) as pool:
            try:
                return list(pool.map(lambda job: job[0].outcome(job[1], job[2], LONGEST), jobs))
            except BaseException:  # Ctrl-C: leaving the pool would wait for what runs
                for ward, _, _ in jobs:
                    ward.end()
                raise

    def end(self) -> None:
        """Now."""
        self.over.set()
        for process in list(self.running):
            process.kill()


def _result(text: str) -> Result:
    told = json.loads(text)
    told["curve"] = tuple((int(n), float(x)) for n, x in told["curve"])
    return Result(**{**told, "verdicts": tuple(told["verdicts"])})


def tried(ward: Ward, control: Outcome, arms: Sequence[Arm], tell: Tell) -> list[list[Outcome]]:
    """Control and arms at every draw; `control` is that of draw 0. By the controls the others' patience goes."""
    more = range(1, ward.plan.draws)
    try:
        with ThreadPoolExecutor(ward.plan.workers) as pool:
            alike = pool.map(lambda d: ward.outcome(Arm(), d, None), more)
            done = [control, *_told(alike, "further control", len(more), tell)]
            slowest = max((o.result.seconds for o in done if o.result), default=60.0)
            limit = PATIENCE * slowest + 60.0
            treated = pool.map(lambda arm: ward.outcome(arm, 0, limit), arms)
            first = list(_told(treated, "remedy", len(arms), tell))
            going = [(n, d) for n, o in enumerate(first) if _goes_on(o) for d in more]
            again = pool.map(lambda job: ward.outcome(arms[job[0]], job[1], limit), going)
            rest = list(_told(again, "further draw", len(going), tell))
    except BaseException:
        ward.end()
        raise
    others = [[o, *(r for (m, _), r in zip(going, rest, strict=True) if m == n)] for n, o in enumerate(first)]
    return [done, *others]


def _goes_on(first: Outcome) -> bool:
    """Is a remedy worth its other draws: did it change something, and did the script live?"""
    return first.result is not None and first.result.changed > 0 and not first.result.crash


def _told(outcomes: Iterator[Outcome], what: str, total: int, tell: Tell) -> Iterator[Outcome]:
    for number, outcome in enumerate(outcomes, 1):
        tell(f"{what} {number} of {total}")
        yield outcome
