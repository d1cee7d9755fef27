"""Batches: what one training step sees, in torch tensors, time first.

Axes: T steps, B strings or streams side by side, K steps of a window.
The order of batches depends on (seed, epoch) alone, and any batch can be reached without making the
ones before it, so that a run goes on where it stopped.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from undertow.errors import DataError, SettingError

PADDING = -100  # the target that torch's cross entropy leaves out


@dataclass(frozen=True, eq=False)
class PaddedBatch:
    """Strings side by side, the shorter ones padded at their end."""

    inputs: Tensor  # [T, B] int64: the mark 0, then the characters; 0 where padded
    targets: Tensor  # [T, B] int64: the characters, then the mark 0; -100 where padded
    lengths: Tensor  # [B] int64: steps, characters and one mark


def count(n: int, batch: int) -> int:
    """How many batches do n strings make? The last one may be smaller."""
    return -(-n // batch)


def padded(encoded: Sequence[NDArray[Any]]) -> PaddedBatch:
    """What does a model read, and what should it say, for these strings?

    Args:
        encoded: of a vocabulary with an end mark; indices from 1, no marks.

    Returns:
        One batch in the order given.
    """
    lengths = np.array([len(ids) + 1 for ids in encoded])
    inputs = np.zeros((len(encoded), lengths.max()), dtype=np.int64)
    targets = np.full_like(inputs, PADDING)
    steps = np.arange(lengths.max())
    flat = np.concatenate(encoded)
    targets[np.arange(len(encoded)), lengths - 1] = 0
    targets[steps < lengths[:, None] - 1] = flat
    inputs[(steps > 0) & (steps < lengths[:, None])] = flat
    inputs, targets = np.ascontiguousarray(inputs.T), np.ascontiguousarray(targets.T)
    return PaddedBatch(torch.from_numpy(inputs), torch.from_numpy(targets), torch.from_numpy(lengths))


def bucketed(
    encoded: Sequence[NDArray[Any]], batch: int, *, seed: int, epoch: int, pool: int = 50, start: int = 0
) -> Iterator[PaddedBatch]:
    """In which batches are the strings trained on in this epoch?

    Shuffled, then sorted by length within pools of `pool` batches, so that little is padded; then the
    batches of the whole epoch are shuffled. Every string comes exactly once.

    Args:
        encoded: strings as indices from 1, no marks.
        batch: strings a batch; the last of the last pool may be smaller.
        seed: of the run.
        epoch: from 0; each has an order of its own.
        pool: batches sorted together; 1 does not sort by length at all.
        start: batches to pass over, for a run that goes on.

    Yields:
        `count(len(encoded), batch) - start` batches.

    Raises:
        SettingError: a batch or pool below 1.
    """
    _check(encoded, batch, pool)
    lengths = np.array([len(ids) for ids in encoded])
    for members in buckets(lengths, batch, np.random.default_rng([seed, epoch]), pool)[start:]:
        yield padded([encoded[member] for member in members])


def buckets(
    lengths: NDArray[Any], batch: int, rng: np.random.Generator, pool: int = 50
) -> list[NDArray[Any]]:
    """Which rows go together? Each exactly once, in groups of `batch` rows of nearly the same length, in random order.

    Shuffled, then sorted by length within pools of `pool` groups; then the groups are shuffled.
    """
    order = rng.permutation(len(lengths))
    groups = []
    for at in range(0, len(order), pool * batch):
        members = order[at : at + pool * batch]
        members = members[np.argsort(lengths[members], kind="stable")]
        groups += [members[first : first + batch] for first in range(0, len(members), batch)]
    return [groups[index] for index in rng.permutation(len(groups))]


def side_by_side(rows: Sequence[NDArray[Any]]) -> tuple[Tensor, Tensor]:
    """Rows of whole numbers as [T, B], 0 behind their ends, and their lengths [B]."""
    lengths = np.array([len(row) for row in rows])
    found = np.zeros((len(rows), max(1, lengths.max(initial=0))), dtype=np.int64)
    found[np.arange(found.shape[1]) < lengths[:, None]] = np.concatenate([*rows, np.empty(0, dtype=np.int64)])
    return torch.from_numpy(np.ascontiguousarray(found.T)), torch.from_numpy(lengths)


def ordered(encoded: Sequence[NDArray[Any]], batch: int) -> Iterator[PaddedBatch]:
    """In which batches are the strings scored? Sorted by length, nothing shuffled.

    Args:
        encoded: strings as indices from 1, no marks.
        batch: strings a batch; the last may be smaller.

    Yields:
        `count(len(encoded), batch)` batches.

    Raises:
        SettingError: a batch below 1.
    """
    _check(encoded, batch, 1)
    order = np.argsort(np.array([len(ids) for ids in encoded]), kind="stable")
    for at in range(0, len(order), batch):
        yield padded([encoded[member] for member in order[at : at + batch]])


def stream_steps(length: int, batch: int, *, offset: int = 0) -> int:
    """How many steps has each of `batch` streams over a text of `length` characters from `offset`?"""
    return (length - offset - 1) // batch


def stream_windows(length: int, batch: int, window: int, *, offset: int = 0) -> int:
    """How many windows does `streams` yield from the start?"""
    return count(stream_steps(length, batch, offset=offset), window)


def streams(
    ids: NDArray[Any], batch: int, window: int, *, offset: int = 0, start: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """In which windows is one long text read, so that a state can be carried from each to the next?

    From `offset` on the text is cut into `batch` stretches of equal length, side by side; what is left
    over at its end, fewer than `batch` characters, is not read. Stream b of a window goes on where
    stream b of the window before it ended. The targets are the inputs one character later; a
    stretch's last target is the next one's first input, so no step is lost between them. The last
    window is shorter where the steps do not divide; it is kept, even with a single step, so that
    every step is seen exactly once.

    Args:
        ids: of the text, any integer dtype; a memory map will do.
        batch: streams side by side.
        window: steps K of a window.
        offset: first character; another one each epoch moves the cuts.
        start: windows to pass over, for a run that goes on.

    Yields:
        Inputs and targets, [K, B] int64; `stream_windows(...) - start` pairs.

    Raises:
        SettingError: a batch or window below 1, or an offset below 0.
        DataError: a text that does not give each stream one step.
    """
    if batch < 1 or window < 1 or offset < 0:
        raise SettingError(
            f"streams need batch >= 1, window >= 1, offset >= 0, got {batch}, {window}, {offset}."
        )
    steps = stream_steps(len(ids), batch, offset=offset)
    if steps < 1:
        raise DataError(
            f"a text of {len(ids):,} characters from {offset:,} on is too short for {batch} streams. "
            "Take a smaller --batch, or a longer text."
        )
    inputs = ids[offset : offset + batch * steps].reshape(batch, steps).T
    targets = ids[offset + 1 : offset + 1 + batch * steps].reshape(batch, steps).T
    for first in range(start * window, steps, window):
        yield _tensor(inputs[first : first + window]), _tensor(targets[first : first + window])


def _check(encoded: Sequence[NDArray[Any]], batch: int, pool: int) -> None:
    if batch < 1 or pool < 1:
        raise SettingError(f"batch and pool must be at least 1, got {batch} and {pool}.")
    if not encoded:
        raise DataError("there is no string to make batches of.")


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(array.astype(np.int64, order="C"))
