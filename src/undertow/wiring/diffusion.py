"""A diffusion model: a net that says which noise is in its input, and the process that put it there.

Only the net has weights; schedule, variance and limit are settings of the run. Source: Ho, Jain & Abbeel 2020.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from undertow.wiring.denoising import Denoiser
from undertow.wiring.noising import noising


@dataclass(frozen=True)
class Process:
    """How data is drowned, and how it is brought back.

    Args:
        schedule: linear or cosine.
        steps: T.
        variance: of a step back, posterior or noise.
        limit: data lies from -limit to limit.
    """

    schedule: str = "cosine"
    steps: int = 1000
    variance: str = "posterior"
    limit: float | None = None


class Diffusion(nn.Module):
    """ε_θ [N, ...] of x_t [N, ...] and t [N], beside its process.

    Args:
        net: of the shapes of the data.
        process: that it was trained in.

    Raises:
        SettingError: no such schedule or variance, or too few steps.
    """

    def __init__(self, net: nn.Module, process: Process) -> None:
        super().__init__()
        self.net, self.limit = net, process.limit
        self.noising, self.variance = noising(process.schedule, process.steps), process.variance
        self.denoiser()  # refuses now what it could not use later

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """The noise that it takes to be in them."""
        noise: Tensor = self.net(x, t)
        return noise

    def denoiser(self) -> Denoiser:
        """p_θ(x_{t-1} | x_t)."""
        return Denoiser(self.noising, self, self.variance, self.limit)
