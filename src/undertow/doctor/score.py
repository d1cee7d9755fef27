"""What is compared between the arms of a trial. A script that crashed has no score, whatever it printed before."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from undertow.doctor.plan import Plan
from undertow.doctor.ward import Outcome
from undertow.errors import DataError


@dataclass(frozen=True)
class Score:
    words: str
    read: Callable[[Outcome], float]


def score_of(first: Outcome, plan: Plan, script: str) -> Score:
    """The metric where one is asked for; else the held-out loss, else the training loss."""
    if plan.metric is not None:
        pattern = re.compile(plan.metric)
        if not pattern.search(first.output):
            ended = f" It was stopped after {plan.steps:,} steps: give --steps 0." if plan.steps else ""
            raise DataError(f"{script}: --metric {plan.metric!r} is nowhere in what it prints.{ended}")
        return Score(f"what {plan.metric!r} finds last in the output", lambda o: _last_match(pattern, o))
    if first.result is not None and first.result.held_out is not None:
        return Score("the last loss that was taken without gradients", lambda o: _value(o, "held_out"))
    return Score("the training loss over the last tenth of the steps", lambda o: _value(o, "training"))


def _last_match(pattern: re.Pattern[str], outcome: Outcome) -> float:
    if _crashed(outcome):
        return math.nan
    found = [match.group(1) for match in pattern.finditer(outcome.output)]
    try:
        return float(found[-1].replace(",", ""))
    except (IndexError, ValueError):
        return math.nan


def _value(outcome: Outcome, name: str) -> float:
    found = None if _crashed(outcome) else getattr(outcome.result, name, None)
    return math.nan if found is None else float(found)


def _crashed(outcome: Outcome) -> bool:
    return outcome.result is None or bool(outcome.result.crash)
