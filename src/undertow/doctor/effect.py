"""Did it help? Scores with a remedy against scores without, draw by draw.

A remedy helped when it was worse in no draw, and better by a twentieth of the control's score in the mean, and when
chance alone would hardly give as much. That is so where the 95 % interval of the mean difference lies above 0
(Student's t; of the logarithms where all scores are positive and losses), or where the two stand clearly apart: the
worst score with it is better than the best without, by more than those with it differ among themselves. A score that is
no number counts as twice as bad as the worst that was seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

LEAST = 0.05  # of the control's score
TIE = 0.01  # of the largest score
QUANTILES = (
    0.0,
    12.706,
    4.303,
    3.182,
    2.776,
    2.571,
    2.447,
    2.365,
    2.306,
    2.262,
)  # of t at 97.5 %, by freedom


@dataclass(frozen=True)
class Effect:
    """Of one remedy; positive is better, whichever way the score goes."""

    mean: float
    low: float  # of the 95 % interval
    high: float
    helped: bool


def effect_of(
    control: Sequence[float], treated: Sequence[float], goal: str, worst: float | None = None
) -> Effect:
    """By pairs of scores, each pair of one draw; `worst` stands for what is no number."""
    worst = beyond([*control, *treated], goal) if worst is None else worst
    sign = 1.0 if goal == "lower" else -1.0
    before = [x if math.isfinite(x) else worst for x in control]
    after = [x if math.isfinite(x) else worst for x in treated]
    gains = [sign * (b - a) for b, a in zip(before, after, strict=True)]
    middle, low, high = interval(gains)
    sure = low > 0 or _apart(sign, before, after)
    if goal == "lower" and min(*before, *after) > 0:
        ratios = [math.log(b / a) for b, a in zip(before, after, strict=True)]
        sure = sure or interval(ratios)[1] > 0
    enough = middle >= LEAST * max(abs(mean(before)), 1e-12)
    tie = -TIE * max(map(abs, before))
    return Effect(middle, low, high, all(g >= tie for g in gains) and enough and sure)


def _apart(sign: float, before: Sequence[float], after: Sequence[float]) -> bool:
    gap = min(sign * b for b in before) - max(sign * a for a in after)
    return gap > max(after) - min(after)


def beyond(scores: Sequence[float], goal: str) -> float:
    """What stands for a score that is no number: as far again from 0 as the worst that is one."""
    known = [x for x in scores if math.isfinite(x)]
    if goal == "lower":
        return max(known, default=0.0) + max(map(abs, known), default=1.0)
    return min(known, default=0.0) - max(map(abs, known), default=1.0)


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, and the 95 % interval around it; of one value nothing is known but itself."""
    middle, count = mean(values), len(values)
    if count < 2:
        return middle, middle, middle
    quantile = QUANTILES[count - 1] if count <= len(QUANTILES) else 1.96 + 2.5 / (count - 1)
    half = quantile * stdev(values) / count**0.5
    return middle, middle - half, middle + half
