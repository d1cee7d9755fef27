"""Precision and recall of samples: do they look real, and is everything real among them?

    precision   share of made rows that lie in a ball around some real row; its radius reaches the k-th nearest real one
    recall      the same with real and made in each other's place

Both are near 1 for two sets of one distribution, though not 1: the balls leave gaps. Source: Kynkäänniemi, Karras,
Laine, Lehtinen & Aila 2019, who take features of a network and k = 3. Axes: N rows, F features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undertow.errors import DataError

NEIGHBOURS = 3
TOGETHER = 512  # rows whose distances are held at once

Rows = NDArray[np.floating]  # [N, F]


def precision_recall(real: Rows, made: Rows, k: int = NEIGHBOURS) -> tuple[float, float]:
    """Precision and recall of made rows [N, F] beside real ones [N', F].

    Args:
        real: features of what is real.
        made: features of what was made.
        k: neighbours that a ball reaches to.

    Raises:
        DataError: too few rows for so many neighbours.
    """
    if min(len(real), len(made)) <= k:
        raise DataError(
            f"Precision and recall need more than {k} rows of each, got {len(real)} real and {len(made)} made."
        )
    return float(among(made, real, k).mean()), float(among(real, made, k).mean())


def among(rows: Rows, others: Rows, k: int = NEIGHBOURS) -> NDArray[np.bool_]:
    """Which rows [N, F] lie in a ball around some row of the others [N', F]? [N]"""
    reach = radii(others, k)
    return np.concatenate([(part <= reach).any(1) for part in _distances(rows, others)])


def radii(rows: Rows, k: int = NEIGHBOURS) -> NDArray[np.float64]:
    """The squared distance of each row [N, F] to its k-th nearest other one [N]."""
    return np.concatenate([np.partition(part, k, axis=1)[:, k] for part in _distances(rows, rows)])


def _distances(rows: Rows, others: Rows) -> list[NDArray[np.float64]]:
    """Squared distances, some rows at a time."""
    middle = others.mean(0, dtype=np.float64)  # far from 0, squares would cancel
    others = others.astype(np.float64) - middle
    squares = (others**2).sum(1)
    found = []
    for first in range(0, len(rows), TOGETHER):
        part = rows[first : first + TOGETHER].astype(np.float64) - middle
        found.append(np.maximum((part**2).sum(1)[:, None] + squares - 2 * part @ others.T, 0))
    return found
