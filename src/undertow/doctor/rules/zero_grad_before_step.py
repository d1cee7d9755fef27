"""Gradients are cleared after backward and before the step, so that the step has none.

Sign: backward gives gradients, the optimizer meets none; no weight changes.
Harm: there is no training.
Looks like it: frozen parameters (there no gradient comes); clearing after the step, which is right.
Remedy: zero_grad first, then backward, then step.
Sources: torch's documentation of Optimizer.zero_grad.
Planted: zero_grad between backward and step.
"""

from __future__ import annotations

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.verdict import Verdict

LEAST = 3


def judge(case: Case) -> Verdict | None:
    """Of the steps looked at, how many met no gradient though one had come?"""
    known = [s for s in case.steps if s.wiped is not None]
    wiped = [s for s in known if s.wiped]
    if len(known) < LEAST or len(wiped) < 0.8 * len(known):
        return None
    return found(
        0.97,
        f"In {len(wiped)} of {len(known)} steps looked at, backward gave gradients and the optimizer met none: "
        "they were cleared in between.",
        at(case.step_line),
        steps_without=len(wiped),
        steps_looked_at=len(known),
    )


RULE = Rule(
    "L102", "gradients cleared before the step", judge, ("zero_grad_first",), explains=("D108", "L104")
)
