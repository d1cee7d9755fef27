"""Mixtures of Gaussians in the plane: how many of the modes does a generator find? Here they are known.

    ring   8 modes evenly on a circle of radius 2, σ = 0.02      grid   25 modes on 5 x 5 places 2 apart, σ = 0.05

Sources: Metz et al. 2017 (the ring), Dumoulin et al. 2017 (the grid). Axes: K modes, N points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Mixture:
    """Equal parts of Gaussians of one width.

    Args:
        means: [K, 2].
        deviation: σ of each, in both directions.
    """

    means: NDArray[np.float64]
    deviation: float

    def draw(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Points [N, 2], and the mode of each [N]."""
        modes = rng.integers(len(self.means), size=count)
        points = self.means[modes] + self.deviation * rng.standard_normal((count, 2))
        return points.astype(np.float32), modes


def _ring(modes: int, radius: float) -> NDArray[np.float64]:
    angles = 2 * np.pi * np.arange(modes) / modes
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _grid(side: int, apart: float) -> NDArray[np.float64]:
    places = apart * (np.arange(side) - (side - 1) / 2)
    return np.stack(np.meshgrid(places, places, indexing="ij"), axis=-1).reshape(-1, 2)


MIXTURES = {"ring": Mixture(_ring(8, 2.0), 0.02), "grid": Mixture(_grid(5, 2.0), 0.05)}
