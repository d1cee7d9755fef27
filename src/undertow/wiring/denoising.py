"""Denoising: from noise to data, step by step, by a network that says which noise is in what it is given.

    x̂_0 = x_0 of x_t and ε_θ(x_t, t), within limits where the data has such

    ancestral    x_{t-1} ~ N(m(x̂_0, x_t), σ_t²), every step                                    (Ho et al. 2020)
    few steps    x_s = √ᾱ_s x̂_0 + √(1 - ᾱ_s - σ²) ε̂ + σ z, of steps s < t that are chosen      (Song et al. 2021)
                 σ = η √((1 - ᾱ_s) / (1 - ᾱ_t)) √(1 - ᾱ_t / ᾱ_s);  η = 0 draws nothing on the way (DDIM)

σ_t² is β̃_t (posterior: least, if the data were one point) or β_t (noise: most, if it were normal); the best lies
between. With every step and η = 1 both ways are one, where σ_t² is β̃_t.
Axes: N rows, T steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from undertow.errors import SettingError
from undertow.wiring.noising import Noising, Predictor

VARIANCES = ("posterior", "noise")


@dataclass(frozen=True, eq=False)
class Denoiser:
    """A network beside its process: p_θ(x_{t-1} | x_t).

    Args:
        process: of the noise.
        predict: ε_θ.
        variance: posterior (β̃_t) or noise (β_t).
        limit: data lies from -limit to limit; None: anywhere.

    Raises:
        SettingError: no such variance.
    """

    process: Noising
    predict: Predictor
    variance: str = "posterior"
    limit: float | None = None

    def __post_init__(self) -> None:
        if self.variance not in VARIANCES:
            raise SettingError(f"variance must be one of {', '.join(VARIANCES)}, got {self.variance!r}.")

    def start(self, x: Tensor, t: Tensor) -> Tensor:
        """x̂_0 of x_t [N, ...] and t [N]."""
        guessed = self.process.start(x, t, self.predict(x, t).to(x.dtype))
        return guessed if self.limit is None else guessed.clamp(-self.limit, self.limit)

    def variance_at(self, t: Tensor) -> Tensor:
        """σ_t² [N]. Where β̃ is 0, at step 1, that of step 2 is taken, as in the code of Ho et al. 2020."""
        if self.variance == "noise":
            return self.process.beta(t)
        return self.process.posterior_variance(t.clamp(min=2))


class Reached(NamedTuple):
    """Where the way down stands."""

    t: int
    x: Tensor  # x_t [N, ...]
    start: Tensor  # x̂_0 of the step before


@dataclass(frozen=True)
class Way:
    """How to come down from noise.

    Args:
        steps: that are taken, evenly from T on; 0: every step, ancestrally.
        eta: η, of fewer steps: 0 draws nothing on the way, 1 as much as the ancestral.
    """

    steps: int = 0
    eta: float = 0.0


def descend(model: Denoiser, x: Tensor, way: Way, chance: torch.Generator) -> Iterator[Reached]:
    """Every x_t on the way from noise to a sample; the last, at t = 0, is the sample.

    Args:
        model: in eval mode.
        x: standard normal [N, ...].
        way: of every step, or of fewer.
        chance: what is drawn on the way.

    Raises:
        SettingError: more steps than there are.
    """
    times = chosen_steps(model.process.steps, way.steps)
    with torch.no_grad():
        for t, to in zip(times, [*times[1:], 0], strict=True):
            at = torch.full((len(x),), t)
            start = model.start(x, at)
            x = (
                _one_down(model, x, start, t, chance)
                if not way.steps
                else _jump(model, x, start, (t, to), way.eta, chance)
            )
            yield Reached(to, x, start)


def draw(model: Denoiser, shape: tuple[int, ...], way: Way, chance: torch.Generator) -> Tensor:
    """Samples [N, ...] out of nothing but noise.

    Args:
        model: in eval mode.
        shape: [N, ...].
        way: of every step, or of fewer.
        chance: all that is drawn.
    """
    x = torch.randn(shape, generator=chance)
    for reached in descend(model, x, way, chance):
        x = reached.x
    return x


def chosen_steps(steps: int, count: int) -> list[int]:
    """So many steps from T down to 1, evenly; 0: all.

    Raises:
        SettingError: more than there are.
    """
    if not 0 <= count <= steps:
        raise SettingError(f"Of {steps} steps of noise, from 1 to {steps} are taken (0: all), got {count}.")
    count = count or steps
    return [steps - n * steps // count for n in range(count)]


def _one_down(model: Denoiser, x: Tensor, start: Tensor, t: int, chance: torch.Generator) -> Tensor:
    at = torch.full((len(x),), t)
    mean = model.process.posterior(start, x, at)
    if t == 1:
        return mean
    drawn = torch.randn(x.shape, generator=chance, dtype=x.dtype)
    return mean + float(model.variance_at(at[:1]).sqrt()) * drawn


def _jump(
    model: Denoiser, x: Tensor, start: Tensor, leap: tuple[int, int], eta: float, chance: torch.Generator
) -> Tensor:
    t, to = leap
    kept, less = float(model.process.kept[t]), float(model.process.kept[to])
    noise = model.process.noise_in(x, torch.full((len(x),), t), start)
    deviation = eta * math.sqrt((1 - less) / (1 - kept) * (1 - kept / less))
    moved = math.sqrt(less) * start + math.sqrt(max(1 - less - deviation**2, 0.0)) * noise
    if not deviation:
        return moved
    return moved + deviation * torch.randn(x.shape, generator=chance, dtype=x.dtype)
