"""Bag of words: how well do words and pairs of words tell the classes, without a network? The least to beat.

Features are the words of `split_words` in lower case and their neighbouring pairs, weighted and scaled:

    (1 + ln tf) · (1 + ln((1 + n) / (1 + df)))        and then each text's row is divided by its length

with tf counts in the text, df texts of the training set that hold the feature, and n such texts. On them
stands a multinomial logistic regression, fitted to convergence with L-BFGS; with W the weights,

    minimise  Σ -ln p(class | text) + |W|² / (2 · strength)        the intercepts go free

Strength is the C of scikit-learn's LogisticRegression; of two classes, which that fits with one row of
weights, half its C.

Sources: Wang & Manning 2012, for pairs as a baseline; L-BFGS, Liu & Nocedal 1989.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike, NDArray

from undertow.data.split import unit_hash
from undertow.data.tokens import split_words
from undertow.errors import DataError, SettingError

STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0)
CHOOSERS = 20_000  # training texts, at most, that take part in choosing the strength
HELD_OUT = 0.1  # share of these that score it
NEAR = 1e-6  # nats a text that a fit may still be above its minimum, by the estimate of the curvature
MEMORY = 10  # steps that tell the curvature
TRIES = 30  # lengths of one step

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def bag_of_words(
    train_texts: Sequence[str],
    train_labels: ArrayLike,
    texts: Sequence[str],
    classes: int | None = None,
    strengths: Sequence[float] = STRENGTHS,
) -> Floats:
    """How probable is each class for these texts, judged by their words and pairs of words?

    The strength is the one of the smallest -ln p on a tenth of the training texts, which a hash picks; then
    all of them are fitted. The texts to be judged take no part in it.

    Args:
        train_texts: to be learnt from.
        train_labels: the class of each, from 0.
        texts: to be judged.
        classes: how many there are; without it, the largest label and one.
        strengths: to choose from; the larger, the freer the weights.

    Returns:
        [N, C], rows that sum to 1. A class without a training text has probability 0.

    Raises:
        SettingError: no strength, or one that is not above 0.
        DataError: no training text, labels that do not fit the texts or the classes.
    """
    labels = _checked(train_labels, len(train_texts), classes)
    if not strengths or min(strengths) <= 0:
        raise SettingError(f"a strength must be above 0, and one is needed; got {tuple(strengths)}.")
    present, truth = np.unique(labels, return_inverse=True)
    numbers: dict[str, int] = {}
    train = _Rows.of(train_texts, numbers, learn=True)
    if not numbers:
        raise DataError("the training texts hold no word to count.")
    strength = float(strengths[0])
    if len(strengths) > 1:
        hashes = np.array([unit_hash(f"bag of words\n{text}") for text in train_texts])
        strength = _chosen(train, truth, hashes, sorted(strengths))
    problem = _Problem.of(train, truth, len(present))
    weights = _fit(problem, strength, problem.zeros())
    judged = problem.features.table(_Rows.of(texts, numbers, learn=False))
    result = np.zeros((len(texts), classes or int(labels.max()) + 1))
    result[:, present] = np.exp(_judge(judged, weights)).T
    return result


def majority(train_labels: ArrayLike, n: int, classes: int | None = None) -> Floats:
    """How probable is each class for a text that nobody has read? Its share of the training texts.

    The most probable class is the most frequent one, the first of them if there are many.

    Args:
        train_labels: the class of each training text, from 0.
        n: texts to be judged.
        classes: how many there are; without it, the largest label and one.

    Returns:
        [n, C], all rows the same.

    Raises:
        DataError: no label, or labels that do not fit the classes.
    """
    labels = _checked(train_labels, None, classes)
    shares = np.bincount(labels, minlength=classes or 0) / len(labels)
    return np.tile(shares, (n, 1))


@dataclass(frozen=True, eq=False)
class _Rows:
    """The numbers of the texts' words, one text after the other, and how many each has; -1 is not known."""

    words: Ints
    lengths: Ints

    @classmethod
    def of(cls, texts: Sequence[str], numbers: dict[str, int], learn: bool) -> "_Rows":
        """Which words do these texts hold? New ones get the next numbers if they are to be learnt."""
        cut = [split_words(text, lower=True) for text in texts]
        if learn:
            numbers.update(
                (word, index) for index, word in enumerate(dict.fromkeys(chain.from_iterable(cut)))
            )
        found = [numbers.get(word, -1) for word in chain.from_iterable(cut)]
        return cls(np.array(found, dtype=np.int64), np.array([len(words) for words in cut], dtype=np.int64))

    def part(self, kept: NDArray[np.bool_]) -> "_Rows":
        """What is left of it when only these texts are kept?"""
        return _Rows(self.words[np.repeat(kept, self.lengths)], self.lengths[kept])

    def grams(self) -> tuple[Ints, Ints]:
        """Which words and pairs stand in which text? Text numbers, and a number for each word or pair."""
        row = np.repeat(np.arange(len(self.lengths)), self.lengths)
        left, right = self.words[:-1], self.words[1:]
        pairs = (row[:-1] == row[1:]) & (left >= 0) & (right >= 0)
        single = self.words >= 0
        code = np.concatenate([self.words[single], (((left + 1) << 32) + right)[pairs]])
        return np.concatenate([row[single], row[:-1][pairs]]), code


@dataclass(frozen=True, eq=False)
class _Table:
    """A sparse table: the row, the column and the value of each entry, sorted by row.

    Its products sum in this order, so that they do not depend on the number of threads.
    """

    row: Ints
    column: Ints
    values: Floats
    shape: tuple[int, int]

    def times(self, weights: Floats) -> Floats:
        """What is [C, rows], the product with the weights [C, columns]?"""
        filled, starts = self._filled
        found = np.zeros((len(weights), self.shape[0]))
        for one, into in zip(weights, found, strict=True):
            into[filled] = np.add.reduceat(one.take(self.column) * self.values, starts)
        return found

    @cached_property
    def _filled(self) -> tuple[Ints, Ints]:
        """The rows that have entries, and where these start."""
        starts = np.flatnonzero(np.diff(self.row, prepend=-1))
        return self.row[starts], starts

    def turned_times(self, errors: Floats) -> Floats:
        """What is [C, columns], the product of the errors [C, rows] with it?"""
        parts = (one.take(self.row) * self.values for one in errors)
        return np.array([np.bincount(self.column, part, self.shape[1]) for part in parts])


@dataclass(frozen=True, eq=False)
class _Features:
    """The words and pairs of the training texts, sorted, and the weight of each."""

    codes: Ints
    weights: Floats

    @classmethod
    def of(cls, rows: _Rows) -> "_Features":
        """Which features have these texts?"""
        row, code = rows.grams()
        codes, column = np.unique(code, return_inverse=True)
        texts = len(rows.lengths)
        places = np.sort(column * texts + row)
        once = places[np.diff(places, prepend=-1) > 0] // texts
        return cls(codes, 1 + np.log((1 + texts) / (1 + np.bincount(once, minlength=len(codes)))))

    def table(self, rows: _Rows) -> _Table:
        """How much of each feature has each of these texts? Others are left out."""
        row, code = rows.grams()
        column = np.searchsorted(self.codes, code)
        known = self.codes[np.minimum(column, len(self.codes) - 1)] == code
        shape = (len(rows.lengths), len(self.codes))
        places, count = np.unique(row[known] * shape[1] + column[known], return_counts=True)
        row, column = np.divmod(places, shape[1])
        value = (1 + np.log(count)) * self.weights[column]
        length = np.sqrt(np.bincount(row, value**2, shape[0]))
        return _Table(row, column, value / length[row], shape)


@dataclass(frozen=True, eq=False)
class _Point:
    """Weights, their loss, and how the loss changes with them."""

    weights: Floats
    loss: float
    slope: Floats


@dataclass(frozen=True, eq=False)
class _Problem:
    """What is to be fitted: texts as rows of features, the true class of each, how many classes there are.

    Weights are [C, features and the intercept].
    """

    features: _Features
    table: _Table
    truth: Ints
    classes: int

    @classmethod
    def of(cls, rows: _Rows, truth: Ints, classes: int) -> "_Problem":
        """Which problem do these texts pose?"""
        features = _Features.of(rows)
        return cls(features, features.table(rows), truth, classes)

    def zeros(self) -> Floats:
        """Which weights know nothing?"""
        return np.zeros((self.classes, self.table.shape[1] + 1))

    def curvature(self, ridge: float) -> Floats:
        """How does the slope bend with each weight, were the classes as probable as they are frequent?"""
        share = 1 + np.bincount(self.truth, minlength=self.classes)  # one more each: 0 would bend nothing
        share = share / share.sum()
        squares = np.bincount(self.table.column, self.table.values**2, self.table.shape[1]) / len(self.truth)
        return np.outer(share * (1 - share), np.append(squares, 1.0)) + ridge

    def at(self, weights: Floats, ridge: float) -> _Point:
        """How high is the mean of -ln p with the penalty, and how does it change with the weights?"""
        logs = _judge(self.table, weights)
        right = (self.truth, np.arange(len(self.truth)))
        loss = ridge / 2 * _dot(weights[:, :-1], weights[:, :-1]) - float(logs[right].mean())
        error = np.exp(logs)
        error[right] -= 1
        error /= len(self.truth)
        slope = ridge * weights
        slope[:, :-1] += self.table.turned_times(error)
        slope[:, -1] = error.sum(axis=1)
        return _Point(weights, loss, slope)


def _dot(left: Floats, right: Floats) -> float:
    return float(np.einsum("ij,ij->", left, right))  # the sum of np.vdot depends on the number of threads


def _judge(table: _Table, weights: Floats) -> Floats:
    """The logarithms of the probabilities, [C, rows]; the last column of the weights are the intercepts."""
    scores = table.times(weights[:, :-1]) + weights[:, -1:]
    scores -= scores.max(axis=0)
    scores -= np.log(np.exp(scores).sum(axis=0))
    return scores


def _chosen(rows: _Rows, truth: Ints, hashes: Floats, strengths: Sequence[float]) -> float:
    """The strength of the smallest -ln p on texts held out; the first that is worse ends the search."""
    share = min(1.0, CHOOSERS / len(truth))
    held, fitted = hashes < HELD_OUT * share, (hashes >= HELD_OUT * share) & (hashes < share)
    best, least = strengths[len(strengths) // 2], math.inf
    learnt = rows.part(fitted)
    if not held.any() or not learnt.words.size:
        return best
    problem = _Problem.of(learnt, truth[fitted], int(truth.max()) + 1)
    table, right = problem.features.table(rows.part(held)), (truth[held], np.arange(held.sum()))
    weights = problem.zeros()
    for strength in strengths:
        weights = _fit(problem, strength, weights)
        nats = -float(_judge(table, weights)[right].mean())
        if nats > least:
            break
        best, least = strength, nats
    return best


def _fit(problem: _Problem, strength: float, start: Floats) -> Floats:
    """The weights of the smallest loss, by L-BFGS."""
    ridge = 1 / (strength * len(problem.truth))
    at, curvature = partial(problem.at, ridge=ridge), problem.curvature(ridge)
    bends: deque[tuple[Floats, Floats]] = deque(maxlen=MEMORY)
    here = at(start)
    while _dot(here.slope, here.slope / curvature) / 2 > NEAR:
        there = _next(at, here, -_bent(here.slope, bends, curvature))
        if there is None:
            break  # as low as the numbers' precision lets it see
        bends.append((there.weights - here.weights, there.slope - here.slope))
        here = there
    return here.weights


def _bent(slope: Floats, bends: Sequence[tuple[Floats, Floats]], curvature: Floats) -> Floats:
    """The slope by the inverse of the curvature, as an estimate and the last steps tell it."""
    way, shares = slope.copy(), []
    for step, change in reversed(bends):
        shares.append(_dot(step, way) / _dot(step, change))
        way -= shares[-1] * change
    way /= curvature
    if bends:
        step, change = bends[-1]
        way *= _dot(step, change) / _dot(change, change / curvature)
    for (step, change), share in zip(bends, reversed(shares), strict=True):
        way += (share - _dot(change, way) / _dot(step, change)) * step
    return way


def _next(at: Callable[[Floats], _Point], here: _Point, way: Floats) -> _Point | None:
    """A point on the way that is low enough and flatter, by doubling and halving; none if nothing is lower.

    Source: Lewis & Overton 2013.
    """
    fall = _dot(here.slope, way)
    near, far, step = 0.0, math.inf, 1.0
    for _ in range(TRIES):
        there = at(here.weights + step * way)
        if there.loss > here.loss + 1e-4 * step * fall:
            far = step
        elif _dot(there.slope, way) < 0.9 * fall:
            near = step
        else:
            return there
        step = 2 * step if far == math.inf else (near + far) / 2
    return None


def _checked(labels: ArrayLike, texts: int | None, classes: int | None) -> Ints:
    found = np.asarray(labels)
    if found.ndim != 1 or not found.size or not np.issubdtype(found.dtype, np.integer):
        raise DataError(
            f"the labels of the training texts must be one list of whole numbers, at least one; "
            f"got {found.dtype} of shape {found.shape}."
        )
    if texts is not None and texts != len(found):
        raise DataError(f"each training text needs one label: got {texts} texts and {len(found)} labels.")
    if found.min() < 0 or (classes is not None and found.max() >= classes):
        limit = "0 or more" if classes is None else f"0 to {classes - 1}"
        raise DataError(f"labels must be {limit}, got {found.min()} to {found.max()}.")
    return found.astype(np.int64)
