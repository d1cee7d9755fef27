"""The sliced Wasserstein distance: two sets of rows, looked at along many lines, on each of which sorting is all.

    SW = mean over directions θ of ∫ |F⁻¹_θx(u) - F⁻¹_θy(u)| du

On a line the best way to carry one set into another is in order. Of two sets in the plane that differ by a shift d it
is 2 ‖d‖ / π; of two round Gaussians with one mean √(2/π) |σ - σ'|. Of order 1, not 2: a mode with some rows too many
would else outweigh all that is unsharp. The directions come from a seed, so that two calls can be compared.
Sources: Rabin, Peyré, Delon & Bernot 2012; Bonneel, Rabin, Peyré & Pfister 2015.
Axes: N rows, F features, P directions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DIRECTIONS = 128

Rows = NDArray[np.floating]  # [N, ...]


def directions(features: int, count: int = DIRECTIONS, seed: int = 0) -> NDArray[np.float32]:
    """θ [F, P], each of length 1; in the plane they are even, else drawn by the seed."""
    if features == 2:
        angles = np.pi * (np.arange(count) + 0.5) / count
        return np.stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    drawn = np.random.default_rng(seed).standard_normal((features, count))
    along: NDArray[np.float32] = (drawn / np.linalg.norm(drawn, axis=0)).astype(np.float32)
    return along


def sliced_wasserstein(one: Rows, other: Rows, count: int = DIRECTIONS, seed: int = 0) -> float:
    """SW of order 1 between rows [N, ...] and [N', ...]; what is behind the first axis is laid flat.

    Args:
        one: a set.
        other: another; of another size, both are read at as many even quantiles as the larger has rows.
        count: directions.
        seed: of them.
    """
    flat = [rows.reshape(len(rows), -1) for rows in (one, other)]
    along = directions(flat[0].shape[1], count, seed)
    most = max(map(len, flat))
    sides = [_quantiles(np.sort(rows @ along, axis=0), most) for rows in flat]
    return float(np.abs(sides[0] - sides[1]).mean(dtype=np.float64))


def _quantiles(ordered: Rows, count: int) -> Rows:
    """The inverse of the distribution of each column at the middles of so many equal steps."""
    places = ((np.arange(count) + 0.5) * len(ordered) / count).astype(np.int64)
    return ordered[places]
