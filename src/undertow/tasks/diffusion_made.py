"""What a diffusion model makes: samples, and frames of the way from noise to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from undertow.tasks.diffusion_options import Known
from undertow.wiring.denoising import Way, descend, draw
from undertow.wiring.diffusion import Diffusion

TOGETHER = {"points": 4096, "images": 64}  # that are drawn side by side


def drawn(model: Diffusion, known: Known, count: int, way: Way, seed: int) -> NDArray[np.float32]:
    """So many samples in the network's own scale [N, ...]; nothing is drawn from the global generator.

    Args:
        model: in eval mode.
        known: of its run.
        count: N.
        way: from noise to them.
        seed: same seed, same samples.
    """
    chance = torch.Generator().manual_seed(seed)
    together = TOGETHER[known.kind]
    sizes = [min(together, count - at) for at in range(0, count, together)]
    parts = [draw(model.denoiser(), (size, *known.shape), way, chance) for size in sizes]
    whole = torch.cat(parts) if parts else torch.empty(0, *known.shape)
    return whole.float().numpy()


def frames(
    model: Diffusion, known: Known, count: int, way: Way, shown: int
) -> tuple[list[int], NDArray[Any]]:
    """The way from noise to some samples, at a few steps: these steps, and [frames, N, ...] as data looks."""
    chance, process = torch.Generator().manual_seed(0), model.noising
    x = torch.randn((count, *known.shape), generator=chance)
    told = [(process.steps, x)]
    told += [(reached.t, reached.x) for reached in descend(model.denoiser(), x, way, chance)]
    left = np.linspace(1, 0, min(shown, len(told))) ** 2  # of the way; most is decided near its end
    wanted = np.unique(((len(told) - 1) * (1 - left)).round().astype(int))
    return [told[n][0] for n in wanted], np.stack([known.restored(told[n][1].numpy()) for n in wanted])
