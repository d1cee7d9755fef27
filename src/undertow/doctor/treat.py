"""Which remedy helps? Each is tried: the script from its start, in a process of its own, with it and without.

Control and remedies have the same draws of chance, the same data in the same order, and as many steps. Remedies are
those of the causes that the diagnosis names; what is a consequence is cured with its cause. What only an edit can do
is shown, and not tried.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from undertow.doctor.effect import Effect, beyond, effect_of
from undertow.doctor.plan import Plan
from undertow.doctor.remedy import Remedy, every_remedy
from undertow.doctor.score import score_of
from undertow.doctor.script import readable
from undertow.doctor.ward import Arm, Outcome, Tell, Ward, tried
from undertow.errors import DataError


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
    steps: int  # of the longest run
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
    ward = Ward(str(script), tuple(arguments), plan)
    tell("Diagnosing.")
    first = ward.outcome(Arm(), 0, None, judged=True)
    verdicts = first.result.verdicts if first.result else ()
    if first.result is None or not (first.result.steps or verdicts):
        raise DataError(f"{script}: no step of training was seen. {first.error}".rstrip())
    arms, edits = arms_for(verdicts, plan.most)
    if not first.result.crash:
        score_of(first, plan, str(script))  # is the metric there? Asked before hours of trials
    treated = tried(ward, first, arms, tell) if arms else [[first]]
    score = score_of(_living([first, *(o for own in treated for o in own)]), plan, str(script))
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
        max(o.result.steps for own in treated for o in own if o.result),
        time.perf_counter() - began,
        verdicts,
        tuple(numbers[0]),
        tuple(o.result.curve for o in treated[0] if o.result),
        tuple(sorted(trials, key=_rank)),
        edits,
    )


def _living(outcomes: Sequence[Outcome]) -> Outcome:
    """The first that lived: a script that crashes as it is does not tell what it would be judged by."""
    return next((o for o in outcomes if o.result and not o.result.crash), outcomes[0])


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
