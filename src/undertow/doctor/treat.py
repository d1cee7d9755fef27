"""Which remedy helps? Each is tried: the script from its start, in a process of its own, with it and without.

Control and remedies have the same draws of chance, the same data in the same order, and as many steps. Remedies are
those of the causes that the diagnosis names; what is a consequence is cured with its cause. What only an edit can do
is shown, and not tried.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from undertow.doctor.arm import Job, Result
from undertow.doctor.effect import Effect, beyond, effect_of
from undertow.doctor.remedy import Remedy, every_remedy
from undertow.doctor.script import readable
from undertow.errors import DataError, SettingError

PATIENCE = 5.0  # times as long as the slowest control, and a minute, before an arm is given up
GOALS = ("lower", "higher")


@dataclass(frozen=True)
class Trial:
    """One remedy at one strength."""

    code: str  # of the fault
    remedy: str
    strength: float
    called: str
    says: str
    scores: tuple[float, ...]  # a draw each; not a number where there was none
    effect: Effect | None  # None: it could not be tried
    note: str = ""
    curves: tuple[tuple[tuple[int, float], ...], ...] = ()

    @property
    def helped(self) -> bool:
        """Is it a remedy?"""
        return self.effect is not None and self.effect.helped


@dataclass(frozen=True)
class Treatment:
    """Of one script."""

    script: str
    score: str  # what is compared
    goal: str
    draws: int
    steps: int
    seconds: float
    verdicts: tuple[dict[str, Any], ...]
    control: tuple[float, ...]
    curves: tuple[tuple[tuple[int, float], ...], ...]
    trials: tuple[Trial, ...]  # the best first
    edits: tuple[tuple[str, str, str], ...]  # code, remedy, what to do

    @property
    def best(self) -> Trial | None:
        """What is recommended: the remedy that helped most."""
        return self.trials[0] if self.trials and self.trials[0].helped else None

    def document(self) -> dict[str, Any]:
        """For JSON."""
        rows = [asdict(replace(t, curves=())) | {"helped": t.helped} for t in self.trials]
        for row in rows:
            del row["curves"]
        return {
            "script": self.script,
            "score": self.score,
            "goal": self.goal,
            "draws": self.draws,
            "steps": self.steps,
            "seconds": round(self.seconds, 3),
            "verdicts": list(self.verdicts),
            "control": list(self.control),
            "trials": rows,
            "edits": [{"code": c, "remedy": name, "says": says} for c, name, says in self.edits],
            "recommended": self.best.called if self.best else None,
        }


@dataclass(frozen=True)
class Plan:
    """How it is tried."""

    metric: str | None = None  # a pattern whose last match in the output is the score
    goal: str = "lower"
    draws: int = 3
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


Tell = Callable[[str], None]


def treat(
    script: str | Path,
    arguments: Sequence[str] = (),
    plan: Plan | None = None,
    tell: Tell = lambda text: None,
) -> Treatment:
    """Diagnose a script, try the remedies, and say which helped and by how much.

    Args:
        script: a Python file that trains something with PyTorch.
        arguments: the script's own.
        plan: what is compared, and how often.
        tell: hears of progress.

    Raises:
        DataError: there is no such script, it trains nothing, or it never prints the metric.
        SettingError: the plan cannot be.
    """
    began, plan = time.perf_counter(), plan or Plan()
    plan.check()
    readable(Path(script))
    ward = _Ward(str(script), tuple(arguments), plan)
    tell("Diagnosing.")
    first = ward.outcome(Arm(), 0, None, judged=True)
    verdicts = first.result.verdicts if first.result else ()
    if first.result is None or not first.result.steps:
        raise DataError(f"{script}: no step of training was seen. {first.error}".rstrip())
    arms, edits = arms_for(verdicts, plan.most)
    score = _score_of(first, plan, str(script))
    treated = _tried(ward, [Arm(), *arms], tell) if arms else [[first]]
    numbers = [[score.read(o) for o in own] for own in treated]
    worst = beyond([x for row in numbers for x in row], plan.goal)
    trials = [
        _trial(arm, own, (numbers[0], marks, worst), plan)
        for arm, own, marks in zip(arms, treated[1:], numbers[1:], strict=True)
    ]
    return Treatment(
        str(script),
        score.words,
        plan.goal,
        plan.draws,
        first.result.steps,
        time.perf_counter() - began,
        verdicts,
        tuple(numbers[0]),
        tuple(o.result.curve for o in treated[0] if o.result),
        tuple(sorted(trials, key=_rank)),
        edits,
    )


def arms_for(
    verdicts: Sequence[dict[str, Any]], most: int
) -> tuple[list[Arm], tuple[tuple[str, str, str], ...]]:
    """What to try, and what only an edit can do; of causes before consequences."""
    known = every_remedy()
    causes = [v for v in verdicts if not v["because_of"]]
    arms, edits = _listed(causes, known)
    if not arms:
        arms = _listed([v for v in verdicts if v["because_of"]], known)[0]
    return arms[:most], edits


def _listed(
    verdicts: Sequence[dict[str, Any]], known: dict[str, Remedy]
) -> tuple[list[Arm], tuple[tuple[str, str, str], ...]]:
    arms: list[Arm] = []
    edits: list[tuple[str, str, str]] = []
    for fault in verdicts:
        for name in fault["remedies"]:
            remedy = known[name]
            if remedy.apply is None:
                edits.append((fault["code"], name, remedy.says))
            elif all(arm.remedy is not remedy for arm in arms):
                arms += [Arm(fault, remedy, strength) for strength in remedy.strengths]
    return arms, tuple(edits)


def _rank(trial: Trial) -> tuple[bool, float]:
    return not trial.helped, -(trial.effect.mean if trial.effect else -math.inf)


def _trial(
    arm: Arm, outcomes: Sequence[Outcome], numbers: tuple[Sequence[float], Sequence[float], float], plan: Plan
) -> Trial:
    assert arm.remedy is not None
    control, scores, worst = numbers
    results = [o.result for o in outcomes]
    note = next((o.error for o in outcomes if o.error), "")
    crash = next((r.crash for r in results if r is not None and r.crash), "")
    note = note or (f"the script fell over: {crash}" if crash else "")
    if not note and not any(r.changed for r in results if r is not None):
        note = "nothing to lay it on was found"
    return Trial(
        arm.fault["code"],
        arm.remedy.name,
        arm.strength,
        arm.remedy.called(arm.strength),
        arm.remedy.says,
        tuple(scores),
        None if note else effect_of(control, scores, plan.goal, worst),
        note,
        tuple(r.curve for r in results if r is not None),
    )


# ---- what is compared


@dataclass(frozen=True)
class _Score:
    words: str
    read: Callable[[Outcome], float]


def _score_of(first: Outcome, plan: Plan, script: str) -> _Score:
    """The metric where one is asked for; else the held-out loss, else the training loss."""
    if plan.metric is not None:
        pattern = re.compile(plan.metric)
        if not pattern.search(first.output):
            ended = f" It was stopped after {plan.steps:,} steps: give --steps 0." if plan.steps else ""
            raise DataError(f"{script}: --metric {plan.metric!r} is nowhere in what it prints.{ended}")
        return _Score(
            f"what {plan.metric!r} finds last in the output", lambda o: _last_match(pattern, o.output)
        )
    if first.result is not None and first.result.held_out is not None:
        return _Score("the last loss that was taken without gradients", lambda o: _value(o, "held_out"))
    return _Score("the training loss over the last tenth of the steps", lambda o: _value(o, "training"))


def _last_match(pattern: re.Pattern[str], output: str) -> float:
    found = [match.group(1) for match in pattern.finditer(output)]
    try:
        return float(found[-1].replace(",", ""))
    except (IndexError, ValueError):
        return math.nan


def _value(outcome: Outcome, name: str) -> float:
    found = getattr(outcome.result, name, None)
    return math.nan if found is None else float(found)


# ---- processes


@dataclass
class _Ward:
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
        job = Job(self.script, self.arguments, self.plan.steps, draw, name, arm.strength, arm.fault, judged)
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
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self._environment()
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

    def end(self) -> None:
        """Now."""
        self.over.set()
        for process in list(self.running):
            process.kill()


def _result(text: str) -> Result:
    told = json.loads(text)
    told["curve"] = tuple((int(n), float(x)) for n, x in told["curve"])
    return Result(**{**told, "verdicts": tuple(told["verdicts"])})


def _tried(ward: _Ward, arms: Sequence[Arm], tell: Tell) -> list[list[Outcome]]:
    """Every arm at every draw; the controls first, by which the others' patience goes."""
    draws = range(ward.plan.draws)
    try:
        with ThreadPoolExecutor(ward.plan.workers) as pool:
            done = list(
                _told(pool.map(lambda d: ward.outcome(arms[0], d, None), draws), "control", len(draws), tell)
            )
            slowest = max((o.result.seconds for o in done if o.result), default=60.0)
            limit = PATIENCE * slowest + 60.0
            first = list(
                _told(pool.map(lambda a: ward.outcome(a, 0, limit), arms[1:]), "remedy", len(arms) - 1, tell)
            )
            going = [(n, d) for n, o in enumerate(first) if _goes_on(o) for d in draws[1:]]
            more = pool.map(lambda job: ward.outcome(arms[1 + job[0]], job[1], limit), going)
            rest = list(_told(more, "further draw", len(going), tell))
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
