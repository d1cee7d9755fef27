"""The network walks over the rows of the batch as if they were time.

Sign: the walk has as many steps as the batch has rows; a row's answer changes when another row does.
Harm: samples influence one another, and nothing is seen of their order in time.
Looks like it: batch normalisation in training mode.
Remedy: batch_first=True, or a transpose.
Sources: torch's documentation of nn.RNN (batch_first); lightning issue #19985.
Planted: batch and time axes swapped.
"""

from __future__ import annotations

from collections.abc import Sequence

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.seating import batch_axis
from undertow.doctor.seen.batches import Call, by_network, first_tensor
from undertow.doctor.trials import Patient, differ, only, replaced, spread_of
from undertow.doctor.verdict import Verdict


def judge(case: Case) -> Verdict | None:
    """Walks against rows; then one row is replaced, and the others' answers are looked at."""
    walked = {walk.steps for walk in case.walks} | {time.steps for time in case.times}
    calls = [c for c in case.calls if (x := first_tensor(c.arguments)) is not None and x.dim() >= 2]
    verdicts = (_judge(case, own, walked) for own in by_network(calls)) if walked else ()
    return next((v for v in verdicts if v is not None), None)


def _judge(case: Case, calls: Sequence[Call], walked: set[int]) -> Verdict | None:
    axis = batch_axis(calls, case.batch_sizes)
    if axis is None:
        return None
    for call in calls[:8]:
        x = first_tensor(call.arguments)
        assert x is not None
        rows, steps = x.shape[axis], x.shape[1 - axis]
        if rows < 3 or rows not in walked or (steps in walked and rows != steps):
            continue
        influenced = _influences(call, axis)
        if influenced is False or (influenced is None and rows == steps):
            continue
        return found(
            0.95,
            f"The recurrence of {call.name} walks {rows} steps, which is the batch ({rows} rows of {steps} "
            "steps): a row's answer "
            "changes when another row is replaced.",
            at(call.line, module=call.name),
            walked=rows,
            rows=rows,
            steps=steps,
            shape=list(x.shape),
        )
    return None


def _influences(call: Call, axis: int) -> bool | None:
    """Do others' answers change with one row? None where the network cannot be asked."""
    patient = Patient.of(call)
    if patient is None:
        return None
    x = patient.x
    before, after = patient.answer(), patient.answer(only(replaced(x, axis, 0, 1)))
    if before is None or after is None or before.shape != after.shape:
        return None
    rows = x.shape[axis]
    if before.shape[0] == x.shape[0] * x.shape[1]:
        before, after = (t.reshape(x.shape[0], x.shape[1], -1) for t in (before, after))
    own = (
        axis
        if before.shape[:2] == x.shape[:2]
        else next((n for n, size in enumerate(before.shape) if size == rows), None)
    )
    if own is None:
        return None
    return differ(before.transpose(0, own)[2:], after.transpose(0, own)[2:], spread_of(before))


RULE = Rule(
    "T107",
    "axes swapped",
    judge,
    ("transpose",),
    explains=("T101", "T102", "T108", "T112", "L104", "L110", "T103", "D101", "T109"),
    wiring=True,
)
