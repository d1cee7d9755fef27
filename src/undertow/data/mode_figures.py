"""Modes found: of a mixture whose modes are known, which does a set of points reach, and how many points are good?

    good       a point within 4 σ of the mode nearest to it (of a Gaussian in the plane all but e⁻⁸ = 0.03 %)
    covered    a mode with at least a tenth of its fair share of the good points, that is of (their number) / K

The 4 σ are those of Arora & Zhang 2017 and Azadi et al. 2019 (others take 3); a mode that is met a few times in ten
thousand points is not called covered. Axes: N points, K modes.
"""

from __future__ import annotations

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
        return covered(self.by_mode)


def modes_found(points: NDArray[np.floating], mixture: Mixture) -> Found:
    """Which modes do points [N, 2] reach? They stand in the mixture's own scale."""
    squares = ((points[:, None].astype(np.float64) - mixture.means) ** 2).sum(-1)
    good = squares.min(1) <= (NEAR * mixture.deviation) ** 2
    counts = np.bincount(squares.argmin(1)[good], minlength=len(mixture.means))
    return Found(tuple(map(int, counts)), len(points))


def covered(counts: tuple[int, ...] | list[int], shares: list[float] | None = None) -> int:
    """How many kinds have at least a tenth of their fair share of what was counted?

    Args:
        counts: of each kind.
        shares: that would be fair, of sum 1; None: the same for all.
    """
    whole = sum(counts)
    fair = shares or [1 / len(counts)] * len(counts)
    return sum(
        count > 0 and count >= LEAST * share * whole for count, share in zip(counts, fair, strict=True)
    )
