"""The state is carried from window to window with its whole history.

Sign: "Trying to backward through the graph a second time"; or, with retain_graph=True, steps that slow down and memory
that grows.
Harm: it stops at the second step, or becomes slower with every one.
Looks like it: two losses that share a part of one graph (retain_graph is right there, and the graph does not grow).
Remedy: detach the state once a window.
Sources: Williams & Peng 1990; lightning issue #17848.
Planted: the state never detached.
"""

from __future__ import annotations

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.verdict import Verdict


def judge(case: Case) -> Verdict | None:
    """A crash that says so, or graphs that reach back beyond the step and grow."""
    crash = case.crash
    second = crash is not None and "backward through the graph a second time" in crash.message
    changed = crash is not None and "modified by an inplace operation" in crash.message
    held = [s for s in case.studies if s.retained]
    grown = held and held[-1].operations > 1.5 * case.studies[0].operations
    if not second and not (held and (grown or changed)):
        return None
    line = crash.line if crash is not None else case.step_line
    sizes = [s.operations for s in case.studies]
    return found(
        0.97 if held or second else 0.8,
        "The loss still depends on what was computed before the last step: the state was carried on with its graph"
        + (f", which grew from {sizes[0]:,} to {sizes[-1]:,} operations." if grown else "."),
        at(line),
        operations=sizes[:16],
        crash=crash.message.splitlines()[0] if crash is not None else None,
    )


RULE = Rule(
    "T106",
    "graph retained",
    judge,
    ("detach_window",),
    explains=("L103", "L104", "T102", "T101", "T109"),
)
