"""Every step throws the weights far beyond where the gradient still holds.

Sign: a step changes the weights by a large part of their own size; the loss jumps about, climbs or ends in NaN. Or the
very first steps do, and the loss leaps to twice what it was, or what saying always the same would cost: it may come
down again, and what the start was worth is lost.
Harm: nothing is found, or what was found is lost.
Looks like it: exploding gradients (in depth, in time), gradients that add up, unscaled inputs: they make steps large
at an ordinary learning rate, and outrank this.
Remedy: a learning rate of a tenth or a hundredth.
Sources: LeCun et al. 1998, "Efficient BackProp"; Bengio 2012, "Practical recommendations".
Planted: the learning rate times 100.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from undertow.doctor.case import Case
from undertow.doctor.course import early, late
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.seen.step import Step
from undertow.doctor.verdict import Verdict

FAR = 0.2  # of the weights' length, in one step
MUCH = 0.03
WIDE = 20  # steps that are measured one after another
NO_BETTER = 0.98  # than always saying the same
LEAP, ABOVE = 12, 2.0  # losses at the start, of which one is so many times what it was; of unknown targets,
USUALLY = 1.5  # the middle one
AWAY, MADE_GOOD = 100, 0.1  # after so many steps, a loss that is a tenth of the first has recovered
HALF, FAR_ABOVE = 0.5, 4.0  # so has one of half, where noise may be the rest, if it was not thrown so far
FIRST = 5  # losses; where they differ among themselves by more than the end lies above them, that is no climb


def judge(case: Case) -> Verdict | None:
    """How far do the first steps go, and does it end well?"""
    measured = [s for s in case.looked_at if (r := s.ratio) is not None and math.isfinite(r)]
    if not measured or len(case.losses) < 5:
        return None
    pieces = [measured[n : n + WIDE] for n in range(0, len(measured), WIDE)]
    whole = [p for p in pieces if 2 * len(p) > WIDE] or pieces[:1]  # after a warm-up, too
    first = max(whole, key=lambda piece: median([s.ratio or 0.0 for s in piece]))
    step = median([s.ratio or 0.0 for s in first])
    finite = [x for x in case.losses if x == x and abs(x) != float("inf")]
    climbs = late(finite) > 1.2 * early(finite) > 0 and late(finite) > max(finite[:FIRST])
    rose = len(finite) < len(case.losses) or climbs
    doubled = climbs and late(finite) > 2 * early(finite)
    if not (case.diverged or rose):  # weights that began near zero have a length of their own later
        usual = median([s.weight or 0.0 for s in first])
        step = min(step, median([s.update or 0.0 for s in first]) / max(usual, 1e-12))
    nothing = case.stuck and (
        case.baseline is None or _while_large(case, measured) > NO_BETTER * case.baseline
    )
    bad = case.diverged or rose or nothing
    lost = case.spoilt and step > 0.003
    leaps = _leaps(case, measured[0])
    if not (bad and step > MUCH) and not lost:
        if not leaps:
            return None
        step = measured[0].ratio or 0.0
    does = "leaps" if leaps and not bad else "finds nothing"
    return found(
        0.9 if step > FAR or case.diverged or doubled else 0.75,
        f"A step changes the weights by {step:.0%} of their length (0.1 % is usual), and the loss "
        f"{'leaves all bounds' if case.diverged else 'climbs' if rose else does}.",
        at(case.step_line),
        update_over_weight=step,
        learning_rate=case.rate,
        first_loss=early(finite) if finite else None,
        last_loss=late(finite) if finite else None,
    )


def _leaps(case: Case, step: Step) -> bool:
    """Does the loss rise far above where it began, right after a first step that threw the weights, and is it not made
    good?"""
    first, *later = case.losses[: LEAP + 1]
    if step.number > 0 or (step.ratio or 0.0) <= FAR or case.players > 1 or first <= 0:
        return False
    least, end = max(first, case.baseline or 0.0), late(case.losses)
    if len(case.losses) < AWAY or end < MADE_GOOD * least:
        return False
    if end < HALF * least:  # one layer has no start to lose: any way down is as good
        deep = any(len(study.layers) > 1 for study in case.finite_studies[:1])
        return deep and case.baseline is not None and max(later) > FAR_ABOVE * least
    return median(later) > USUALLY * first if case.baseline is None else _above(later, ABOVE * least)


def _above(losses: Sequence[float], bar: float) -> bool:
    """More than once: a single batch may be wild."""
    return sum(loss > bar for loss in losses) > 1


def _while_large(case: Case, measured: Sequence[Step]) -> float:
    """The loss at the end of the steps that were so large; they may become smaller with the learning rate."""
    large = [s.number for s in measured if (s.ratio or 0.0) > MUCH]
    until = large[-1] + 1 if large else 0
    return late(case.losses[:until]) if until >= WIDE else late(case.losses)


RULE = Rule(
    "L103",
    "step too large",
    judge,
    ("lower_rate",),
    explains=("D103", "L109", "T110", "D101", "T102", "T101"),
)
