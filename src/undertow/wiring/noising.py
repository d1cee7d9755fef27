"""Noising: data is drowned in noise step by step, and a network learns to say which noise it was.

    q(x_t | x_{t-1}) = N(√(1 - β_t) x_{t-1}, β_t)          q(x_t | x_0) = N(√ᾱ_t x_0, 1 - ᾱ_t),   ᾱ_t = Π (1 - β_s)
    q(x_{t-1} | x_t, x_0) = N(m, β̃_t)
        m = √ᾱ_{t-1} β_t / (1 - ᾱ_t) x_0 + √(1 - β_t) (1 - ᾱ_{t-1}) / (1 - ᾱ_t) x_t
        β̃_t = (1 - ᾱ_{t-1}) / (1 - ᾱ_t) β_t
    x_0 = (x_t - √(1 - ᾱ_t) ε) / √ᾱ_t                      simple loss: mean (ε - ε_θ(x_t, t))²

    linear    β_t from 0.1 / T to 20 / T, which are Ho's 0.0001 to 0.02 at T = 1000
    cosine    ᾱ_t = f(t) / f(0), f(t) = cos²((t / T + 0.008) / 1.008 · π / 2), β_t at most 0.999

Sources: Sohl-Dickstein et al. 2015; Ho, Jain & Abbeel 2020; cosine, Nichol & Dhariwal 2021.
Axes: N rows, T steps; step 0 is the data, and tables have T + 1 entries.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from undertow.errors import SettingError

Predictor = Callable[[Tensor, Tensor], Tensor]  # ε_θ of x_t [N, ...] and t [N]

SCHEDULES = ("linear", "cosine")
FIRST, LAST = 0.1, 20.0  # β of the linear schedule, times T
OFFSET = 0.008  # of the cosine
MOST = 0.999  # β


@dataclass(frozen=True, eq=False)
class Noising:
    """The process, as tables in float64.

    Args:
        kept: ᾱ_t [T + 1], the share of the data's variance that is left; 1 at step 0.
    """

    kept: Tensor

    def __post_init__(self) -> None:
        falling = bool((self.kept.diff() < 0).all() and self.kept[-1] > 0)
        if len(self.kept) < 3 or self.kept[0] != 1 or not falling:
            raise SettingError("Noising: kept must fall from 1 in at least 2 steps, and stay above 0.")

    @property
    def steps(self) -> int:
        """T."""
        return len(self.kept) - 1

    def beta(self, t: Tensor) -> Tensor:
        """β_t of steps [N] from 1 on."""
        return 1 - self.kept[t] / self.kept[t - 1]

    def noised(self, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """x_t of q(x_t | x_0).

        Args:
            x: x_0 [N, ...].
            t: [N], from 0 to T.
            noise: standard normal, of the shape of x.
        """
        kept = self.kept[t]
        return _along(kept.sqrt(), x) * x + _along((1 - kept).sqrt(), x) * noise

    def start(self, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """x_0, if this is the noise that is in x_t."""
        kept = self.kept[t]
        return _along(kept.rsqrt(), x) * x - _along((1 / kept - 1).sqrt(), x) * noise

    def noise_in(self, x: Tensor, t: Tensor, start: Tensor) -> Tensor:
        """The noise that is in x_t, if this is x_0."""
        kept = self.kept[t]
        return (x - _along(kept.sqrt(), x) * start) / _along((1 - kept).sqrt(), x)

    def posterior(self, start: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """The mean of q(x_{t-1} | x_t, x_0); its variance is `posterior_variance`.

        Args:
            start: x_0 [N, ...].
            x: x_t [N, ...].
            t: [N], from 1 to T.
        """
        kept, before, beta = self.kept[t], self.kept[t - 1], self.beta(t)
        of_start = before.sqrt() * beta / (1 - kept)
        of_x = (1 - beta).sqrt() * (1 - before) / (1 - kept)
        return _along(of_start, x) * start + _along(of_x, x) * x

    def posterior_variance(self, t: Tensor) -> Tensor:
        """β̃_t [N]; 0 at step 1."""
        return (1 - self.kept[t - 1]) / (1 - self.kept[t]) * self.beta(t)

    def to(self, device: torch.device | str) -> Noising:
        """The same process beside tensors of another device."""
        return Noising(self.kept.to(device))


def noising(schedule: str, steps: int) -> Noising:
    """The process of a schedule.

    Args:
        schedule: linear or cosine.
        steps: T.

    Raises:
        SettingError: no such schedule, or fewer steps than it can be cut into.
    """
    least = math.ceil(LAST / MOST) if schedule == "linear" else 2
    if schedule not in SCHEDULES:
        raise SettingError(f"schedule must be one of {', '.join(SCHEDULES)}, got {schedule!r}.")
    if steps < least:
        raise SettingError(f"A {schedule} schedule needs at least {least} steps, got {steps}.")
    if schedule == "linear":
        betas = torch.linspace(FIRST / steps, LAST / steps, steps, dtype=torch.float64)
    else:
        share = torch.arange(steps + 1, dtype=torch.float64) / steps
        level = torch.cos((share + OFFSET) / (1 + OFFSET) * math.pi / 2).square()
        betas = (1 - level[1:] / level[:-1]).clamp(max=MOST)
    return Noising(torch.cat([torch.ones(1, dtype=torch.float64), (1 - betas).cumprod(0)]))


def simple_loss(process: Noising, predict: Predictor, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """Mean (ε - ε_θ)² of each row [N]; 1 of a network that says nothing.

    Args:
        process: of the noise.
        predict: ε_θ.
        x: x_0 [N, ...].
        t: [N], from 1 to T.
        noise: ε, of the shape of x.

    Source: Ho, Jain & Abbeel 2020, equation 14.
    """
    missed = predict(process.noised(x, t, noise), t).to(noise.dtype) - noise
    return missed.square().flatten(1).mean(1)


def _along(values: Tensor, x: Tensor) -> Tensor:
    """Numbers [N] to be multiplied with rows [N, ...], in the precision of these."""
    return values.to(x.dtype).view(-1, *(1 for _ in range(x.dim() - 1)))
