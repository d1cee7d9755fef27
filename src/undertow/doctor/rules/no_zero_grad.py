"""Gradients of all steps so far are added up: nobody clears them.

Sign: when backward begins, the gradients of the step before are still there.
Harm: every step follows the sum of all old gradients; training swings and gets nowhere.
Looks like it: accumulation on purpose (several backward passes, one step, then cleared).
Remedy: optimizer.zero_grad() before each backward pass.
Sources: torch's documentation of Optimizer.zero_grad.
Planted: no zero_grad.
"""

from __future__ import annotations

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.verdict import Verdict

LEAST = 3


def judge(case: Case) -> Verdict | None:
    """Of the steps looked at, how many met the old gradients?"""
    known = [s for s in case.steps if s.carried is not None]
    carried = [s for s in known if s.carried]
    if len(known) < LEAST or len(carried) < 0.8 * len(known):
        return None
    return found(
        0.97,
        f"In {len(carried)} of {len(known)} steps looked at, the gradients of the step before were still there "
        "when backward "
        "began, and were added to.",
        at(case.step_line),
        steps_with_old_gradients=len(carried),
        steps_looked_at=len(known),
    )


RULE = Rule(
    "L101",
    "gradients accumulate",
    judge,
    ("zero_grad",),
    explains=("L103", "T102", "D103", "T111", "D102", "T106", "L109"),
)
