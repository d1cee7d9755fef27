"""Of images: pixels as they are kept, brought to mean 0 and deviation 1, then a net; a score a class.

    x = (pixel / 255 - μ) / σ        μ and σ of each channel over the training images

Axes: B rows, C channels, Y and X places.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class OfImages(nn.Module):
    """A net over images [B, C, Y, X] of bytes, or of numbers from 0 to 1; gives a score a class [B, classes].

    Args:
        net: takes what has been brought to mean 0 and deviation 1.
        channels: C.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, net: nn.Module, channels: int) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("mean", torch.zeros(channels, 1, 1))
        self.register_buffer("deviation", torch.ones(channels, 1, 1))

    def learn_scale(self, pixels: NDArray[np.uint8]) -> None:
        """μ and σ of these images [N, C, Y, X]; a channel that is one color keeps σ = 1."""
        counts = np.stack([np.bincount(pixels[:, n].ravel(), minlength=256) for n in range(pixels.shape[1])])
        shares, values = counts / counts.sum(1, keepdims=True), np.arange(256) / 255
        mean = shares @ values
        deviation = np.sqrt(np.maximum(shares @ values**2 - mean**2, 0))
        self.mean.copy_(torch.from_numpy(mean).view(-1, 1, 1))
        self.deviation.copy_(torch.from_numpy(np.where(deviation > 0, deviation, 1)).view(-1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        x = images / 255 if images.dtype == torch.uint8 else images
        scores: Tensor = self.net((x - self.mean) / self.deviation)
        return scores
