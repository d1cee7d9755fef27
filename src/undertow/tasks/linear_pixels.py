"""A linear map of the pixels, without a network: the least to beat of images.

    minimise  mean of -ln p(class | W x + b) + |W|² / (2 · strength · n)        x: pixels, mean 0, deviation 1 overall

Fitted by L-BFGS (Liu & Nocedal 1989). Axes: N images, D pixels, C classes.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from undertow.errors import DataError

MOST = 20_000  # images that it learns from
NUMBERS = 1 << 26  # pixels of all of them together: four bytes each, and three times that while it is fitted
LEAST = 100  # images, however large they are
ROUNDS = 100  # of L-BFGS
STRENGTH = 0.01


def linear_pixels(
    train: tuple[NDArray[np.uint8], NDArray[np.int64]], pixels: NDArray[np.uint8], classes: int
) -> NDArray[np.float64]:
    """How probable is each class for these images, judged by a weight for each pixel?

    Args:
        train: images [N, ...] and the class of each [N]; of very many, or very large ones, evenly chosen ones
            are learned from.
        pixels: images to be judged.
        classes: C.

    Returns:
        [N, C], rows that sum to 1.

    Raises:
        DataError: no training image.
    """
    if not len(train[0]):
        raise DataError("A linear map of pixels learns from images, and there is none.")
    most = min(len(train[0]), MOST, max(LEAST, NUMBERS // train[0][0].size))
    chosen = np.unique(np.linspace(0, len(train[0]) - 1, most).astype(int))
    x, labels = _flat(train[0][chosen]), torch.from_numpy(train[1][chosen])
    mean, deviation = x.mean(0), x.std() + 1e-6
    weights = torch.zeros(x.shape[1], classes, requires_grad=True)
    offsets = torch.zeros(classes, requires_grad=True)
    x = x.sub_(mean).div_(deviation)
    search = torch.optim.LBFGS([weights, offsets], max_iter=ROUNDS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        penalty = weights.square().sum() / (2 * STRENGTH * len(x))
        value = functional.cross_entropy(x @ weights + offsets, labels) + penalty
        value.backward()  # type: ignore[no-untyped-call]
        return value

    with torch.enable_grad():
        search.step(loss)  # type: ignore[no-untyped-call]
    rows = max(1, NUMBERS // 4 // max(1, train[0][0].size))
    with torch.no_grad():
        parts = [
            ((_flat(pixels[at : at + rows]) - mean) / deviation) @ weights + offsets
            for at in range(0, max(len(pixels), 1), rows)
        ]
    return torch.softmax(torch.cat(parts).double(), -1).numpy()


def _flat(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(pixels.reshape(len(pixels), -1).astype(np.float32)) / 255
