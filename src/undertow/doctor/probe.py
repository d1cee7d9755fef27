"""What the probe of needed lag reads of a sequence: numbers for each step, and sums of them over spans of steps.

    expand      one step's input as features: tokens one-hot, numbers with their squares, products and random ramps
    Samples     what was read at a lag, or summed over a span of lags; Paired: each times what is read now
    spans       of the past: [0], [1], [2, 3], [4 .. 7], … steps back
    ridge       least squares with a penalty, chosen by leave-one-out error

Axes: N samples, T steps, F features, O outputs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

MOST_TOKENS = 64  # classes that get a column of their own; rarer ones share
MOST_PRODUCTS = 8  # inputs whose pairwise products are features
KEPT = 1 << 26  # numbers of all lags together that are read once and kept
RAMPS = 16  # random ramps beside them, for what is neither linear nor a product
PENALTIES = 10.0 ** torch.arange(-3, 5, dtype=torch.float64)  # of the mean square of a feature


def expand(x: Tensor, tokens: bool) -> Tensor:
    """Inputs [..., I], or tokens [...], as features [..., F] of mean 0 and length 1 over all steps."""
    raw = one_hot(x) if tokens else _numbers(x.double())
    flat = raw.flatten(0, -2)
    centred = raw - flat.mean(0)
    scale = flat.std(0, correction=0)
    told = scale > 1e-9 * scale.max().clamp(min=1e-300)
    return centred[..., told] / scale[told]


def one_hot(tokens: Tensor) -> Tensor:
    """The commonest tokens, a column each."""
    found: Tensor = (tokens.unsqueeze(-1) == commonest(tokens, MOST_TOKENS)).double()
    return found


def commonest(values: Tensor, most: int) -> Tensor:
    """The values that occur most often."""
    found, counts = torch.unique(values, return_counts=True)
    chosen: Tensor = found[counts.argsort(descending=True)[:most]]
    return chosen


def _numbers(x: Tensor) -> Tensor:
    centre = x.flatten(0, -2).mean(0)
    scale = x.flatten(0, -2).std(0, correction=0).clamp(min=1e-12)
    z = ((x - centre) / scale).clamp(-10, 10)
    size = z.shape[-1]
    parts = [z]
    if size <= MOST_PRODUCTS:
        rows, columns = torch.triu_indices(size, size)
        parts.append(z[..., rows] * z[..., columns])
    generator = torch.Generator().manual_seed(size)
    turn = torch.randn(size, RAMPS, generator=generator, dtype=torch.float64) / math.sqrt(size)
    shift = torch.randn(RAMPS, generator=generator, dtype=torch.float64)
    parts.append(torch.relu(z @ turn + shift))
    return torch.cat(parts, -1)


def spans(longest: int) -> list[tuple[int, int]]:
    """Spans of the past, first and last lag, each twice as long as the one before: (0, 0), (1, 1), (2, 3), (4, 7), …"""
    found, first, size = [(0, 0)], 1, 1
    while first <= longest:
        found.append((first, min(first + size - 1, longest)))
        first, size = first + size, 2 * size
    return found


@dataclass(frozen=True)
class Samples:
    """Where something is to be said: a row of a batch and a step, whose past is the steps before."""

    features: Tensor  # [rows, T, F], zeros before a row's begin
    row: Tensor  # [N]
    step: Tensor  # [N]

    def at(self, lag: int) -> Tensor:
        """What was read `lag` steps before [N, F]; zeros before the begin."""
        step = self.step - lag
        found = self.features[self.row, step.clamp(min=0)]
        return torch.where((step >= 0)[:, None], found, 0.0)

    def over(self, sums: Tensor, first: int, last: int) -> Tensor:
        """The sum over lags from first to last [N, F], by running sums [rows, T + 1, F]."""
        begin, end = (self.step - last).clamp(min=0), (self.step - first + 1).clamp(min=0)
        return sums[self.row, end] - sums[self.row, begin]

    def running_sums(self) -> Tensor:
        """[rows, T + 1, F]: of all steps before."""
        rows, _, size = self.features.shape
        return torch.cat([self.features.new_zeros(rows, 1, size), self.features.cumsum(1)], 1)


@dataclass(frozen=True)
class Paired(Samples):
    """The same, and each number times what is read now: a target may compare the two."""

    now: int = 4  # numbers of the present step that are taken,
    then: int = 24  # and of a step before

    def at(self, lag: int) -> Tensor:
        """[N, then · (1 + now)]"""
        then, present = super().at(lag)[:, : self.then], super().at(0)[:, : self.now]
        return torch.cat([then, (then[:, :, None] * present[:, None, :]).flatten(1)], 1)


@dataclass(frozen=True)
class Fit:
    """Least squares with a penalty, on samples that taught it."""

    mean: Tensor
    scale: Tensor
    weights: Tensor
    offset: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """What it says [N, O]."""
        return ((features - self.mean) / self.scale) @ self.weights + self.offset


def ridge(features: Tensor, targets: Tensor) -> Fit:
    """Fit targets [N, O] by features [N, F]; the penalty is the one of least leave-one-out error."""
    mean, offset = features.mean(0), targets.mean(0)
    scale = features.std(0, correction=0).clamp(min=1e-9)
    z, y = (features - mean) / scale, targets - offset
    values, turn = torch.linalg.eigh(z.T @ z)
    values, turned = values.clamp(min=0), z @ turn  # columns of lengths √values, at right angles
    seen = turned.T @ y
    best, chosen = math.inf, torch.zeros_like(seen)
    for penalty in PENALTIES * len(z):
        weights = seen / (values + penalty)[:, None]
        leverage = (turned**2 @ (1 / (values + penalty)) + 1 / len(z)).clamp(max=0.999)
        error = float(((y - turned @ weights) / (1 - leverage)[:, None]).square().mean())
        if error < best:
            best, chosen = error, weights
    return Fit(mean, scale, turn @ chosen, offset)


class Shares:
    """How much of something does what was read at one lag explain, for every lag?

    Of features at right angles to a constant; of each lag the inverse of their products is kept.
    """

    def __init__(self, samples: Samples, longest: int) -> None:
        self.samples, self.lags = samples, range(longest + 1)
        self.inverse: list[tuple[Tensor, int]] = []
        self.kept: Tensor | None = None  # [lags, N, F]: read once, where it fits
        for lag in self.lags:
            self._take(samples.at(lag), lag)

    def _take(self, features: Tensor, lag: int) -> None:
        self.inverse.append(self._inverse(features))
        if lag == 0 and len(self.lags) * features.numel() <= KEPT:
            self.kept = torch.empty(len(self.lags), *features.shape)
        if self.kept is not None:
            self.kept[lag] = features

    def of(self, rest: Tensor) -> list[float]:
        """Share of the squares of `rest` [N, O], of mean 0, by lag, less what chance would explain."""
        total = max(float(rest.square().sum()), 1e-300)
        found = []
        for met, (inverse, freedom) in zip(self._met(rest), self.inverse, strict=True):
            share = float((met * (inverse @ met)).sum()) / total
            found.append(share - (1 - share) * freedom / max(1, len(rest) - freedom - 1))
        return found

    def _met(self, rest: Tensor) -> Iterator[Tensor]:
        """Products of every lag's features with it [F, O]."""
        if self.kept is None:
            yield from (self.samples.at(lag).T @ rest for lag in self.lags)
        else:
            yield from (self.kept.mT @ rest.float()).double()

    @staticmethod
    def _inverse(features: Tensor) -> tuple[Tensor, int]:
        z = features - features.mean(0)
        values, turn = torch.linalg.eigh(z.T @ z)
        told = values > 1e-9 * values.max().clamp(min=1e-300)
        return (turn[:, told] / values[told]) @ turn[:, told].T, int(told.sum())


def joined(parts: Sequence[Tensor], count: int) -> Tensor:
    """Features side by side [N, F]; none is one column of zeros."""
    return torch.cat(list(parts), 1) if parts else torch.zeros(count, 1, dtype=torch.float64)
