"""A second run, for what the first saw too late: which operation made the first number that is none?

The first run finds that a loss is no number when it is; by then the operation whose slope was infinite lies a step
back. A second one, up to that step, looks closely there.
"""

from __future__ import annotations

from collections.abc import Sequence

from undertow.doctor.arm import Job, fault_of
from undertow.doctor.case import Case
from undertow.doctor.examine import ordered
from undertow.doctor.plan import Plan
from undertow.doctor.rule import every_rule
from undertow.doctor.verdict import Verdict
from undertow.doctor.ward import Ward

SOUGHT = ("L108", "L109")  # what makes the first number that is none


def wanted(case: Case, verdicts: Sequence[Verdict]) -> int | None:
    """The step to look at closely; None where the first run has said what there is to say."""
    if not case.spoilt or case.first_bad is None or case.crash is not None or case.stopped:
        return None
    return None if any(v.code in SOUGHT for v in verdicts) else case.first_bad


def looked_again(
    script: str, arguments: Sequence[str], step: int, verdicts: Sequence[Verdict]
) -> tuple[Verdict, ...]:
    """The verdicts, and what a second run adds to them."""
    near = tuple(range(max(0, step - 2), step + 2))
    job = Job(script, tuple(arguments), step + 3, judged=True, closely=near)
    outcome = Ward(script, tuple(arguments), Plan()).run(job, None)
    told = outcome.result.verdicts if outcome.result is not None else ()
    new = [fault_of(v) for v in told if v["code"] in SOUGHT]
    return tuple(ordered([*verdicts, *new], every_rule())) if new else tuple(verdicts)
