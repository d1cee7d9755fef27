"""Simple guessers of examples, in nats an example on a test part: what a generator's bound is to be held against.

    independent pixels    each pixel of each channel by its own histogram of training, and a count of 1 over all levels
    one Gaussian          mean and covariance of training
    the mixture itself    log p(x) = log Σ_k N(x; μ_k, σ²) / K: no model's mean can be below it, but by chance

Axes: N examples, D numbers of one, K modes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undertow.data.mixtures import Mixture

LEVELS = 256
Points = NDArray[np.float64]  # [N, D]


def histogram_nats(train: NDArray[np.uint8], test: NDArray[np.uint8]) -> float:
    """Of images [N, C, Y, X] from 0 to 255."""
    train, test = train.reshape(len(train), -1), test.reshape(len(test), -1)
    nats = 0.0
    for learned, held in zip(train.T, test.T, strict=True):
        counts = np.bincount(learned, minlength=LEVELS) + 1 / LEVELS
        nats -= float(np.log(counts / counts.sum())[held].mean())
    return nats


def gaussian_nats(train: Points, test: Points) -> float:
    """Of points [N, D]."""
    mean, covariance = train.mean(0), np.cov(train.T)
    off = test - mean
    squares = np.einsum("nd,de,ne->n", off, np.linalg.inv(covariance), off)
    volume = np.linalg.slogdet(2 * np.pi * covariance)[1]
    return float(0.5 * (squares + volume).mean())


def mixture_nats(mixture: Mixture, points: Points) -> float:
    """The mean -log density of points [N, D]."""
    away = ((points[:, None] - mixture.means) ** 2).sum(-1) / (2 * mixture.deviation**2)
    nearest = away.min(1)
    summed = np.log(np.exp(nearest[:, None] - away).mean(1)) - nearest
    volume = points.shape[1] * np.log(2 * np.pi * mixture.deviation**2) / 2
    return float((volume - summed).mean())
