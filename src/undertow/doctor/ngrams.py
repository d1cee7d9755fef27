"""A reader of tokens that remembers which classes followed which last K tokens (Witten & Bell 1991).

    p_K(c) = (n(c) + d · p_{K-1}(c)) / (n + d)    n: how often the last K tokens were met, d: classes that followed

It sees what several near steps say together, which readers that add up what single steps say do not.

Axes: N samples, V classes, K tokens of context.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LONGEST = 12  # tokens of context
PRIME = 1_000_003
Numbers = NDArray[np.int64]


def errors(
    rows: Sequence[Tensor],
    classes: Sequence[Tensor],
    taught: Sequence[int],
    asked: tuple[Tensor, Tensor],
    many: int,
) -> list[Tensor]:
    """Squared errors of every asked sample [N], summed over classes, by tokens of context 0, 1, 2, …

    Args:
        rows: tokens [T] of every row.
        classes: the class of every step [T], from 0; `many` stands for those that are too rare.
        taught: rows that are counted.
        asked: row and step of every sample.
        many: V, how many classes there are.
    """
    row, step = (t.tolist() for t in asked)
    tokens = [r.numpy().astype(np.int64) for r in rows]
    followed = np.concatenate([classes[n].numpy() for n in taught]).astype(np.int64)
    right = np.array([int(classes[b][t]) for b, t in zip(row, step, strict=True)], np.int64)
    said = np.tile(_shares(np.bincount(followed, minlength=many + 1)[:many].astype(float)), (len(row), 1))
    found = [_squared(said, right)]
    contexts = [np.zeros_like(t) for t in tokens]
    for reach in range(LONGEST):
        contexts = [_longer(c, t, reach) for c, t in zip(contexts, tokens, strict=True)]
        known = np.concatenate([contexts[n] for n in taught])
        order = np.argsort(known, kind="stable")
        wanted = np.array([contexts[b][t] for b, t in zip(row, step, strict=True)], np.int64)
        said = _refined(said, known[order], followed[order], wanted)
        found.append(_squared(said, right))
    return found


def _longer(contexts: Numbers, tokens: Numbers, reach: int) -> Numbers:
    """One token more: a number for the last `reach` + 1 tokens at every step."""
    older = np.concatenate([np.full(min(reach, len(tokens)), -1), tokens[: max(0, len(tokens) - reach)]])
    with np.errstate(over="ignore"):
        longer: Numbers = contexts * PRIME + older + 2
    return longer


def _refined(
    said: NDArray[np.float64], known: Numbers, followed: Numbers, wanted: Numbers
) -> NDArray[np.float64]:
    """Shares of classes [N, V], by what followed the wanted contexts; by what was said before where that is little."""
    first, last = np.searchsorted(known, wanted, "left"), np.searchsorted(known, wanted, "right")
    many = said.shape[1]
    result = said.copy()
    for n in np.flatnonzero(last > first):
        counts = np.bincount(followed[first[n] : last[n]], minlength=many + 1)[:many]
        kinds = int((counts > 0).sum())
        if kinds:
            result[n] = (counts + kinds * said[n]) / (counts.sum() + kinds)
    return result


def _shares(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = counts / max(counts.sum(), 1.0)
    return shares


def _squared(said: NDArray[np.float64], right: Numbers) -> Tensor:
    wanted = np.zeros_like(said)
    inside = right < said.shape[1]
    wanted[np.flatnonzero(inside), right[inside]] = 1.0
    return torch.from_numpy(np.square(said - wanted).sum(1))
