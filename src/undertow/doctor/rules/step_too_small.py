"""The weights hardly move: the learning rate is too small by orders of magnitude.

Sign: a step changes the weights by less than a ten-thousandth of their length, all layers have gradients, and the loss
is still where it began.
Harm: training would take thousands of times as long.
Looks like it: warming up from zero (the rate rises), a run that has converged (its loss is low), clipping that is too
tight, gradients that vanish.
Remedy: a learning rate ten to a thousand times as large.
Sources: Bengio 2012, "Practical recommendations".
Planted: the learning rate over 1,000.
"""

from __future__ import annotations

from statistics import median

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.seen.step import Step
from undertow.doctor.verdict import Verdict

SMALL = 1e-4
LITTLE = 0.2  # of the loss taken away
SLOW = 5e-4


def judge(case: Case) -> Verdict | None:
    """How far do steps go, once warmed up?"""
    measured = [s for s in case.looked_at if s.ratio is not None and not s.wiped]
    ratios = [s.ratio for s in measured[len(measured) // 2 :] if s.ratio is not None]
    if len(ratios) < 5 or max(ratios) == 0 or case.diverged:
        return None
    if measured[-1].rates and measured[0].rates and max(measured[-1].rates) > 2 * max(measured[0].rates):
        return None  # still warming up
    step, highest = median(ratios), max((s.ratio or 0.0) for s in measured)
    if case.baseline is not None and not case.stuck and not (highest <= SMALL and _unchanged(case, measured)):
        return None  # it has learned what there is to learn
    tiny = highest <= 5 * SMALL and step <= SMALL and case.fallen <= LITTLE
    if not tiny and not (highest <= 2 * SLOW and _unchanged(case, measured)):
        return None
    return found(
        0.9 if tiny else 0.7,
        f"A step changes the weights by {step:.0e} of their length (1e-3 is usual), and after {len(case.steps):,} "
        "of them the loss "
        f"has fallen by {max(case.fallen, 0):.1%}.",
        at(case.step_line),
        update_over_weight=step,
        learning_rate=case.rate,
        fallen=case.fallen,
    )


def _unchanged(case: Case, measured: list[Step]) -> bool:
    """Falling slowly and steadily, with gradients as long as at the beginning: the way down has only begun."""
    lengths = [s.gradient for s in measured if s.gradient]
    third = max(1, len(lengths) // 3)
    steady = 0.6 < median(lengths[-third:]) / median(lengths[:third]) < 1.6
    return steady and 0.02 < case.fallen < 0.6 and len(case.steps) >= 100


RULE = Rule("L104", "step too small", judge, ("raise_rate",), explains=("T101",))
