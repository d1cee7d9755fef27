"""Modes found: of a mixture whose modes are known, which does a set of points reach, and how many points are good?

    good       a point within 4 σ of the mode nearest to it (of a Gaussian in the plane all but e⁻⁸ = 0.03 %)
    covered    a mode that got at least a tenth of its fair share, N / K of all points, in good ones

The 4 σ are those of Arora & Zhang 2017 and Azadi et al. 2019 (others take 3). The share is one of all points, not of
the good ones: of points that are strewn evenly few are good, and of these every mode has its share. Axes: N points,
K modes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undertow.data.mixtures import Mixture

NEAR = 4.0  # σ
LEAST = 0.1  # of a fair share


@dataclass(frozen=True)
class Found:
    """What points reach of a mixture.

    Args:
        by_mode: good points of each mode [K].
        points: N.
    """

    by_mode: tuple[int, ...]
    points: int

    @property
    def good_share(self) -> float:
        """Good points of all."""
        return sum(self.by_mode) / self.points

    @property
    def covered(self) -> int:
        """Modes with their tenth of a fair share."""
        return covered(self.by_mode, self.points)


def modes_found(points: NDArray[np.floating], mixture: Mixture) -> Found:
    """Which modes do points [N, 2] reach? They stand in the mixture's own scale."""
    squares = ((points[:, None].astype(np.float64) - mixture.means) ** 2).sum(-1)
    good = squares.min(1) <= (NEAR * mixture.deviation) ** 2
    counts = np.bincount(squares.argmin(1)[good], minlength=len(mixture.means))
    return Found(tuple(map(int, counts)), len(points))


def covered(counts: Sequence[int], points: int, shares: Sequence[float] | None = None) -> int:
    """How many kinds have at least a tenth of their fair share of all points?

    Args:
        counts: good points of each kind.
        points: all, good or not.
        shares: that would be fair, of sum 1; None: the same for all.
    """
    return sum(met(counts, points, shares))


def met(counts: Sequence[int], points: int, shares: Sequence[float] | None = None) -> list[bool]:
    """Of which kinds is that so? Args as of `covered`."""
    fair = shares or [1 / len(counts)] * len(counts)
    return [count > 0 and count >= LEAST * share * points for count, share in zip(counts, fair, strict=True)]
