"""Paired timing: two things in turn, many times, so that a machine that drifts cannot favour one.

A ratio is base time / our time, pair by pair: above 1 we are faster. The median is quoted, with its 5-95 % range.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

LEAST_PAIRS = 7
MOST_PAIRS = 1000
LONG = 0.5  # seconds, of a pair
WARM_UP_RUNS = 3
WARM_UP_SECONDS = 1.0  # of each side: what takes longer than that is warm after one run


@dataclass(frozen=True)
class Paired:
    """Times in milliseconds and the ratio base / ours."""

    base_ms: float
    ours_ms: float
    ratio: float
    low: float
    high: float
    pairs: int


def paired(
    base: Callable[[], object],
    ours: Callable[[], object],
    seconds: float = 1.0,
    between: Callable[[], object] = lambda: None,
) -> Paired:
    """Run both in turn for about so many seconds, after a warm-up; who goes first changes from pair to pair.

    Args:
        base: what is compared with.
        ours: what is measured.
        seconds: for all pairs together; at least 7 pairs are run.
        between: run after each pair that is long, and so does not feel what it leaves in the caches.

    Returns:
        Medians, and the range of the ratios of pairs.
    """
    for action in (base, ours):
        _warm(action)
    pairs: list[tuple[float, float]] = []
    end = time.perf_counter() + seconds
    while len(pairs) < LEAST_PAIRS or (time.perf_counter() < end and len(pairs) < MOST_PAIRS):
        if len(pairs) % 2:
            own = timed(ours)
            pairs.append((timed(base), own))
        else:
            pairs.append((timed(base), timed(ours)))
        if sum(pairs[-1]) > LONG:
            between()
    return summed_up(pairs)


def summed_up(pairs: list[tuple[float, float]]) -> Paired:
    """Medians of pairs of seconds (base, ours), and the range of their ratios."""
    ratios = sorted(b / o for b, o in pairs)
    return Paired(
        base_ms=1e3 * middle([b for b, _ in pairs]),
        ours_ms=1e3 * middle([o for _, o in pairs]),
        ratio=middle(ratios),
        low=ratios[int(0.05 * len(ratios))],
        high=ratios[min(len(ratios) - 1, int(0.95 * len(ratios)))],
        pairs=len(pairs),
    )


def timed(action: Callable[[], object]) -> float:
    """Seconds of one run."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def middle(values: list[float]) -> float:
    """The median."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _warm(action: Callable[[], object]) -> None:
    spent = 0.0
    for _ in range(WARM_UP_RUNS):
        spent += timed(action)
        if spent > WARM_UP_SECONDS:
            return
