"""N-grams: how well does counting alone predict the next character? The least a network must beat.

Smoothing is Witten-Bell, interpolated down to the uniform distribution:

    p(w | h) = (c(h w) + n(h) · p(w | h')) / (c(h) + n(h))

with c counts in training, n(h) the number of distinct characters seen after h, and h' the context h
without its oldest character. Where h was never seen, p(w | h) = p(w | h').

Sources: Witten & Bell 1991; the interpolated form, Chen & Goodman 1999.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertow.errors import DataError, SettingError

Ids = Sequence[NDArray[Any]] | NDArray[Any]


def ngram_nats(train_ids: Ids, test_ids: Ids, order: int, size: int, end: bool) -> float:
    """How many nats a character does an n-gram model of this order need on the test?

    Args:
        train_ids: indices of strings (a list of arrays) or of one long text (one array).
        test_ids: likewise.
        order: characters in an n-gram: 0 is uniform, 1 looks at no context, 2 at one character.
        size: of the vocabulary, the end mark included.
        end: every string ends with the mark 0, which is predicted too, and begins after such marks.

    Returns:
        -Σ ln p over the characters (and end marks) of the test, by their number.

    Raises:
        SettingError: an order below 0.
        DataError: nothing to predict.
    """
    if order < 0:
        raise SettingError(f"the order of an n-gram must be 0 or more, got {order}.")
    train, train_age = _flat(train_ids, end)
    test, test_age = _flat(test_ids, end)
    if not len(test):
        raise DataError("there is no character to predict in the test strings.")
    p: NDArray[np.float64] = np.full(len(test), 1 / size)
    symbols = np.concatenate([train, test])
    age = np.concatenate([train_age, test_age])
    context = np.zeros(len(symbols), dtype=np.int64)
    border = 0 if end else size  # what stands before the beginning
    for back in range(order):
        if back:
            context = _ranks(context * (size + 1) + _shifted(symbols, age, back, border))
        p = _interpolate(context, _ranks(context * (size + 1) + symbols), len(train), p)
    return float(-np.log(p).mean())


def _flat(ids: Ids, end: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All sequences in one array, and how many symbols of its own sequence stand before each."""
    parts = [ids] if isinstance(ids, np.ndarray) else list(ids)
    if end:
        mark = np.zeros(1, dtype=np.int64)
        parts = [piece for part in parts for piece in (part, mark)]
    if not parts:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    lengths = np.array([len(part) for part in parts])
    if end:
        lengths = lengths.reshape(-1, 2).sum(axis=1)
    starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.concatenate(parts).astype(np.int64), np.arange(lengths.sum()) - starts


def _shifted(symbols: NDArray[np.int64], age: NDArray[np.int64], back: int, border: int) -> NDArray[np.int64]:
    """The symbol `back` places before each one, or the border where the sequence begins later."""
    shifted = np.full_like(symbols, border)
    shifted[back:] = symbols[:-back]
    return np.where(age >= back, shifted, border)


def _ranks(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Equal codes get equal numbers, from 0 without gaps, so that the next product cannot overflow."""
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)


def _interpolate(
    context: NDArray[np.int64], pair: NDArray[np.int64], trained: int, lower: NDArray[np.float64]
) -> NDArray[np.float64]:
    contexts, pairs = int(context.max()) + 1, int(pair.max()) + 1
    of_pair = np.bincount(pair[:trained], minlength=pairs)
    of_context = np.bincount(context[:trained], minlength=contexts)
    home = np.zeros(pairs, dtype=np.int64)
    home[pair] = context
    followers = np.bincount(home[of_pair > 0], minlength=contexts)
    h, hw = context[trained:], pair[trained:]
    total = of_context[h] + followers[h]
    return np.where(total > 0, (of_pair[hw] + followers[h] * lower) / np.maximum(total, 1), lower)
