"""A script's diagnosis as one record: what was seen, what is wrong; for people, for programs, for pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from undertow.doctor.again import looked_again, wanted
from undertow.doctor.case import Case
from undertow.doctor.examine import examine as verdicts_of
from undertow.doctor.remedy import sentence
from undertow.doctor.script import run
from undertow.doctor.seen.bedside import EVERY, Bedside
from undertow.doctor.verdict import Verdict
from undertow.errors import SettingError

CERTAIN = 0.95
LOOK = (300, 600, 1200, 2400)  # steps after which it is asked whether enough was seen
STRUCTURAL = ("L101", "L102", "L105", "L106", "D105", "D106", "D107", "T105")  # do not change with more steps


@dataclass(frozen=True)
class Gains:
    """What the end of a recurrence feels of the past, for a picture."""

    name: str
    step: int
    gain: tuple[float, ...]
    horizon: int


@dataclass(frozen=True)
class Diagnosis:
    """Of one run of one script."""

    script: str
    seconds: float
    steps: int
    verdicts: tuple[Verdict, ...]
    losses: tuple[float, ...] = ()
    baseline: float | None = None
    gains: tuple[Gains, ...] = ()
    needed_lag: int | None = None
    layers: tuple[tuple[str, float], ...] = ()  # gradients by weight, in the order of use
    crash: str = ""
    stopped: bool = False  # by Ctrl-C
    trained: bool = True  # was any backward pass seen, or a step that moved weights?
    children: int = 0  # processes that the script started, which nobody listens to
    arguments: tuple[str, ...] = ()  # the script's own

    @property
    def healthy(self) -> bool:
        """Was there a training, and nothing found?"""
        return self.trained and not self.verdicts and not self.crash

    @property
    def severe(self) -> bool:
        """Is something found that must be mended?"""
        return any(v.severe for v in self.verdicts)

    def treat(self, **plan: Any) -> Any:
        """Try the remedies on the script that was diagnosed: see `undertow.treat`, whose plan the options make.

        Raises:
            DataError: there is no such script: what was watched from within belongs to `sys.argv[0]`.
        """
        from undertow.doctor.plan import Plan
        from undertow.doctor.treat import treat  # its arms diagnose

        return treat(self.script, self.arguments, Plan(**plan))

    def document(self) -> dict[str, Any]:
        """For JSON; remedies are sentences."""
        rows = [{**v.document(), "remedies": [sentence(r) for r in v.remedies]} for v in self.verdicts]
        return {
            "script": self.script,
            "seconds": round(self.seconds, 3),
            "steps": self.steps,
            "verdicts": [finite(row) for row in rows],
            "healthy": self.healthy,
            "needed_lag": self.needed_lag,
            "crash": self.crash or None,
        }


def diagnose(
    script: str | Path, arguments: Sequence[str] = (), steps: int | None = 2000, every: int = EVERY
) -> Diagnosis:
    """Run a script, unedited, and say what is wrong with its training.

    Args:
        script: a Python file that trains something with PyTorch.
        arguments: the script's own.
        steps: optimizer steps after which it is stopped; None lets it run to its end, whatever is seen.
        every: measure gradients in depth and in time each so many steps.

    Raises:
        DataError: there is no such script.
        SettingError: `every` is below 1.
    """
    if every < 1:
        raise SettingError(f"--every must be at least 1, got {every}.")
    case = run(Path(script), arguments, None if steps is None else _Enough(steps), every=every)
    told = of(case, str(script), arguments)
    step = wanted(case, told.verdicts)
    if step is None:
        return told
    return replace(told, verdicts=looked_again(str(script), arguments, step, told.verdicts))


examine = diagnose  # by this name in Python: undertow.examine("train.py")


def of(case: Case, script: str, arguments: Sequence[str] = ()) -> Diagnosis:
    """Judge a case."""
    verdicts = tuple(verdicts_of(case))
    study = next((s for s in case.finite_studies if s.layers), None)
    layers = [(x.parameter, x.gradient) for x in study.layers if x.gradient] if study else []
    need = case.needed if any(v.code.startswith("T") for v in verdicts) else None
    return Diagnosis(
        script=script,
        arguments=tuple(arguments),
        seconds=case.seen.seconds,
        steps=len(case.steps),
        verdicts=verdicts,
        losses=tuple(case.losses),
        baseline=case.baseline,
        gains=tuple(Gains(w.name, w.step, w.gain, w.horizon) for w in _first_and_last(case)),
        needed_lag=need.steps if need is not None else None,
        layers=tuple((name, float(gradient)) for name, gradient in layers if gradient),
        stopped=case.stopped,
        trained=case.seen.backwards > 0 or any(step.update for step in case.steps),
        children=case.seen.children,
        crash=str(case.crash or ""),
    )


def _first_and_last(case: Case) -> list[Any]:
    if case.feels is None:
        return []
    own = [w for w in case.walks if w.name == case.feels.name]
    return own[:1] + own[-1:] if len(own) > 1 else own


@dataclass
class _Enough:
    """Stops a script when its steps are over, or a fault is certain that more steps would not change."""

    steps: int

    def __call__(self, seen: Bedside) -> bool:
        taken = len(seen.steps)
        if taken >= self.steps:
            return True
        if taken not in LOOK:
            return False
        with seen.aside():
            found = verdicts_of(Case(seen))
        return any(v.code in STRUCTURAL and v.confidence >= CERTAIN and v.rank == 1 for v in found)


def finite(value: Any) -> Any:
    """JSON knows no NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return value
