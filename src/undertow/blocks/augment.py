"""Augmentation: images moved a little, so that a net learns what does not change what they show.

    each image of a batch by a draw of its own: turned, scaled, shifted, mirrored; then a square of it wiped out

What comes in from outside is what stands at the rim. All chance is from torch's global generator.
Sources: shifts and mirrors, Krizhevsky et al. 2012; erasing, DeVries & Taylor 2017 (cutout).
Axes: B rows, C channels, Y and X places.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from undertow.errors import SettingError


@dataclass(frozen=True)
class Augment:
    """How far an image may be moved; each draw is even between these bounds.

    Args:
        shift: places, both ways.
        rotate: degrees, both ways.
        scale: share by which it grows or shrinks.
        flip: mirrored left to right, every second time.
        erase: places of the side of a square that is set to the mean of the image.

    Raises:
        SettingError: a bound is negative, or scale is not below 1.
    """

    shift: float = 0.0
    rotate: float = 0.0
    scale: float = 0.0
    flip: bool = False
    erase: int = 0

    def __post_init__(self) -> None:
        for name in ("shift", "rotate", "scale", "erase"):
            if not 0 <= getattr(self, name) < math.inf:
                raise SettingError(f"--{name} must not be negative, got {getattr(self, name)}.")
        if self.scale >= 1:
            raise SettingError(f"--scale must be below 1, got {self.scale}.")

    def __call__(self, images: Tensor) -> Tensor:
        """Images [B, C, Y, X], moved."""
        moved = self.shift or self.rotate or self.scale or self.flip
        images = _sampled(images, self._places(images)) if moved else images
        return self._erased(images) if self.erase else images

    def _places(self, images: Tensor) -> Tensor:
        """[B, 2, 3]: from where in the image each place is taken, in half sides from its middle."""
        rows, (high, wide) = len(images), images.shape[2:]
        angle, size, across, down = (2 * torch.rand(4, rows) - 1).unbind()
        angle, size = angle * math.radians(self.rotate), 1 + size * self.scale
        mirror = 1 - 2 * (torch.rand(rows) < 0.5).float() if self.flip else torch.ones(rows)
        cosine, sine = angle.cos() * size, angle.sin() * size
        top = [mirror * cosine, -sine * high / wide, across * 2 * self.shift / wide]
        bottom = [mirror * sine * wide / high, cosine, down * 2 * self.shift / high]
        return torch.stack([torch.stack(top, 1), torch.stack(bottom, 1)], 1)

    def _erased(self, images: Tensor) -> Tensor:
        rows, _, high, wide = images.shape
        top = (torch.rand(rows, 1) * (high + 1 - min(self.erase, high))).floor()
        left = (torch.rand(rows, 1) * (wide + 1 - min(self.erase, wide))).floor()
        down, across = torch.arange(high), torch.arange(wide)
        inside = ((down >= top) & (down < top + self.erase))[:, None, :, None]
        inside = inside & ((across >= left) & (across < left + self.erase))[:, None, None, :]
        return torch.where(inside, images.mean((1, 2, 3), keepdim=True), images)


def _sampled(images: Tensor, places: Tensor) -> Tensor:
    grid = functional.affine_grid(places, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
