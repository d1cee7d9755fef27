"""Gradients are clipped after the step, when it is too late.

Sign: the call that clips comes after optimizer.step and before the next backward pass.
Harm: nothing is clipped.
Looks like it: clipping between backward and step, which is right.
Remedy: move it before the step.
Sources: torch's documentation of clip_grad_norm_.
Planted: clip after the step.
"""

from __future__ import annotations

from dataclasses import replace

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.verdict import Verdict

LEAST = 3


def judge(case: Case) -> Verdict | None:
    """By the order of calls."""
    clips = case.clips
    late = [c for c in clips if c.late]
    if len(late) < LEAST or len(late) < 0.9 * len(clips):
        return None
    limit = {"limit" if late[0].kind == "norm" else "limit_of_each": late[0].limit}
    told = found(
        0.95,
        f"Gradients are clipped after the step in {len(late)} of {len(clips)} calls: no step was ever clipped.",
        at(late[0].line),
        calls=len(clips),
        late=len(late),
    )
    return replace(told, evidence={**told.evidence, **limit})


RULE = Rule(
    "L112", "clip after the step", judge, ("clip_in_time",), explains=("T102", "L103", "D102", "L109", "D103")
)
