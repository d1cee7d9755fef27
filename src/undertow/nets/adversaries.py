"""Adversaries: a generator, and a critic that learns to tell what it makes from what is real.

One module, so that one optimizer and one checkpoint hold both; which of them learns at a step is the task's to say.
Axes: B rows, Z numbers of noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from undertow.nets.critic import ImageCritic, PointCritic
from undertow.nets.generator import ImageGenerator, PointGenerator


class Adversaries(nn.Module):
    """Both of them, for what has this shape.

    Args:
        shape: (F,) of points, (C, Y, X) of images.
        latent: Z.
        width: units a layer of points; of images, channels at the places next to the image.
        norm: in the generator of images.

    Raises:
        SettingError: images too small, or no such norm.
    """

    def __init__(self, shape: tuple[int, ...], latent: int, width: int, norm: str = "batch") -> None:
        super().__init__()
        self.latent = latent
        self.generator: nn.Module
        self.critic: nn.Module
        if len(shape) == 1:
            self.generator, self.critic = (
                PointGenerator(latent, shape[0], width),
                PointCritic(shape[0], width),
            )
        else:
            image = (shape[0], shape[1], shape[2])
            self.generator, self.critic = (
                ImageGenerator(latent, image, width, norm),
                ImageCritic(image, width),
            )

    def forward(self, z: Tensor) -> Tensor:
        """What is made of noise [B, Z]."""
        made: Tensor = self.generator(z)
        return made

    def noise(self, rows: int, generator: torch.Generator | None = None) -> Tensor:
        """z [B, Z], normal; from torch's global generator where none is given."""
        return torch.randn(rows, self.latent, generator=generator)


@contextmanager
def still(module: nn.Module) -> Iterator[None]:
    """Gradients pass through it and do not stay: its weights need none meanwhile."""
    held = [p for p in module.parameters() if p.requires_grad]
    for p in held:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in held:
            p.requires_grad_(True)
