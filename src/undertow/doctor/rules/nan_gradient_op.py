"""An operation made the first number that is none, out of numbers that were.

Sign: a square root, norm, logarithm or quotient at zero: its value is finite, its slope is not; masking the result
afterwards does not help, for 0 times infinity is NaN.
Harm: all weights are NaN after the step.
Looks like it: a bad row of data; weights that were thrown to infinity by steps too large.
Remedy: an epsilon inside the root; choose by torch.where before, not after, the operation.
Sources: torch issues #46209 and #8938.
Planted: the square root of a masked zero.
"""

from __future__ import annotations

import math
from statistics import median

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.verdict import Verdict, Where

FEW, FAR = 3, 0.2  # steps, and what share of the weights' length they change


def judge(case: Case) -> Verdict | None:
    """By the graph's own edges first; else by the search for the origin in the network."""
    if case.seen.bad_data is not None or not case.spoilt:
        return None
    singular = case.seen.singular
    if (
        singular is not None
        and case.first_bad is not None
        and singular.step <= case.first_bad <= singular.step + 2
        and not _thrown(case, singular.step)
    ):
        return found(
            0.95,
            f"At step {singular.step} {singular.op} was asked for its slope at {singular.value:g}, which is infinite: "
            f"{singular.count} of its numbers stand there.",
            at(singular.line, module=singular.module),
            op=singular.op,
            step=singular.step,
            numbers=singular.count,
        )
    origin = case.non_finite
    if origin is None or origin.phase in ("input", "update", "unknown") or _grew(case):
        return None
    file, _, line = origin.where.rpartition(":")
    return found(
        0.85 if origin.op else 0.5,
        f"At step {origin.step} {origin.op or 'the loss'} made the first number that is none ({origin.phase}"
        f"{', in ' + origin.module if origin.module else ''}).",
        Where(module=origin.module, file=file, line=int(line or 0)),
        op=origin.op,
        step=origin.step,
        phase=origin.phase,
    )


def _thrown(case: Case, step: int) -> bool:
    """Did the steps before throw the weights far away? Then they came to a place that is no one's fault."""
    ratios = [s.ratio or 0.0 for s in case.looked_at if s.number < step]
    return len(ratios) >= FEW and median(ratios) > FAR


def _grew(case: Case) -> bool:
    """Were weights or losses on their way to infinity already?"""
    finite = [x for x in case.losses if math.isfinite(x)]
    return len(finite) > 3 and (abs(finite[-1]) > 1e3 * max(abs(finite[0]), 1e-6) or case.gradient_grew)


RULE = Rule(
    "L109",
    "operation made NaN",
    judge,
    ("epsilon",),
    explains=("L103", "D102", "T102", "D103"),
)
