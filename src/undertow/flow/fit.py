"""From gains to a rate and a horizon; plain numbers, without torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from undertow.flow.records import Horizon, Time

FLOOR = 0.01


def steps_felt(gain: Sequence[float], floor: float = FLOOR) -> int:
    """The horizon: the last lag whose gain reaches the floor; a gain that is no number counts as felt."""
    return max((k for k, value in enumerate(gain) if value >= floor or math.isnan(value)), default=0)


@dataclass(frozen=True)
class Line:
    """ln gain(k) ≈ offset + slope · k, between two lags."""

    slope: float
    offset: float
    first: int
    last: int

    @property
    def rate(self) -> float:
        """The factor a step."""
        return math.exp(self.slope)

    def at(self, lag: int) -> float:
        """The gain that it says."""
        return math.exp(min(self.offset + self.slope * lag, 700.0))


def fitted(gain: Sequence[float]) -> Line | None:
    """The line that fits best from the highest gain on, or over all where nothing follows that.

    None where fewer than two gains are numbers above 0.
    """
    points = [(k, math.log(g)) for k, g in enumerate(gain) if 0 < g < math.inf]
    first = max(points, key=lambda p: p[1], default=(0, 0.0))[0]
    falling = [p for p in points if p[0] >= first]
    points = falling if len(falling) > 1 else points
    if len(points) < 2:
        return None
    mean_k = sum(k for k, _ in points) / len(points)
    mean_g = sum(g for _, g in points) / len(points)
    spread = sum((k - mean_k) ** 2 for k, _ in points)
    slope = sum((k - mean_k) * (g - mean_g) for k, g in points) / spread
    return Line(slope, mean_g - slope * mean_k, points[0][0], points[-1][0])


def fitted_rate(gain: Sequence[float]) -> float:
    """The factor a step that fits best; nan where there is none."""
    line = fitted(gain)
    return math.nan if line is None else line.rate


def horizon_of(walk: Time, floor: float = FLOOR) -> Horizon | None:
    """The horizon of a walk that was watched; None where its gains were not measured."""
    if len(walk.gain) < 2:
        return None
    felt = steps_felt(walk.gain, floor)
    return Horizon(
        walk.module, walk.layer, walk.direction, walk.cell, floor, tuple(walk.gain), felt,
        beyond=felt == len(walk.gain) - 1, rate=fitted_rate(walk.gain),
    )  # fmt: skip
