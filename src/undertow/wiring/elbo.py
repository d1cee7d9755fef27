"""The bound of a diffusion model, term by term, in nats: what it would cost to send data through every step.

    -log p_θ(x_0) ≤ L_T + Σ_{t=2..T} L_{t-1} + L_0, in the mean over the noise

    L_T      KL(q(x_T | x_0) ‖ N(0, 1))                          no parameter: the noise that is not noise enough
    L_{t-1}  KL(q(x_{t-1} | x_t, x_0) ‖ p_θ(x_{t-1} | x_t))      what a step down is missed by
    L_0      -log p_θ(x_0 | x_1)                                 points: the density of a Gaussian
                                                                 images: what it gives to a level of 256, the first
                                                                 and the last of which reach to infinity

    KL(N(a, u) ‖ N(b, v)) = ½ (log v/u + u/v - 1 + (a - b)²/v), a number at a time

Bits a number: nats / (numbers of a row) / log 2. Sources: Ho, Jain & Abbeel 2020, equations 5 and 13;
Sohl-Dickstein et al. 2015. Axes: N rows.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from undertow.wiring.denoising import Denoiser
from undertow.wiring.noising import Noising

LEVELS = 256
HALF = 1 / (LEVELS - 1)  # of the width of a level, where levels lie from -1 to 1


def gaussian_kl(mean: Tensor, variance: Tensor, other_mean: Tensor, other_variance: Tensor) -> Tensor:
    """KL(N(a, u) ‖ N(b, v)) of each number, in nats."""
    ratio = variance / other_variance
    return 0.5 * (ratio - 1 - ratio.log() + (mean - other_mean).square() / other_variance)


def prior_term(process: Noising, x: Tensor) -> Tensor:
    """L_T of each row [N], exactly.

    Args:
        process: of the noise.
        x: x_0 [N, ...].
    """
    kept, x = process.kept[-1], x.double()
    nothing = torch.zeros_like(x)
    return _summed(gaussian_kl(kept.sqrt() * x, nothing + (1 - kept), nothing, nothing + 1))


def step_term(model: Denoiser, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """L_{t-1} of each row [N], where this was the noise; its mean over the noise is the term.

    Args:
        model: in eval mode.
        x: x_0 [N, ...].
        t: [N], from 2 to T.
        noise: standard normal, of the shape of x.
    """
    at = model.process.noised(x, t, noise)
    guessed = model.start(at, t).double()
    x, at = x.double(), at.double()
    mean, own = model.process.posterior(x, at, t), model.process.posterior(guessed, at, t)
    shape = (-1, *(1 for _ in range(x.dim() - 1)))
    variance = model.process.posterior_variance(t).view(shape)
    return _summed(gaussian_kl(mean, variance, own, model.variance_at(t).view(shape)))


def last_term(model: Denoiser, x: Tensor, noise: Tensor, *, levels: bool) -> Tensor:
    """L_0 of each row [N], where this was the noise of the first step.

    Args:
        model: in eval mode.
        x: x_0 [N, ...]; with `levels`, each number one of 256 from -1 to 1.
        noise: standard normal, of the shape of x.
        levels: of images.
    """
    t = torch.ones(len(x), dtype=torch.long)
    guessed = model.start(model.process.noised(x, t, noise), t).double()
    variance, x = model.variance_at(t[:1]), x.double()
    if levels:
        return -_summed(log_level(x, guessed, variance.sqrt()))
    return _summed(0.5 * ((x - guessed).square() / variance + (2 * math.pi * variance).log()))


def log_level(x: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """log of what N(mean, deviation²) gives to the level around each number of x; all 256 together have 1.

    Args:
        x: levels from -1 to 1, in float64.
        mean: of the shape of x.
        deviation: one number.

    Source: Ho, Jain & Abbeel 2020, equation 13.
    """
    below = torch.where(x <= -1 + HALF, -torch.inf, (x - HALF - mean) / deviation)
    above = torch.where(x >= 1 - HALF, torch.inf, (x + HALF - mean) / deviation)
    flip = below > 0  # on the right both Φ are near 1, and their difference would be lost
    low, high = torch.where(flip, -above, below), torch.where(flip, -below, above)
    under, over = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    told: Tensor = over + torch.log1p(-(under - over).exp())
    return told


def bits_a_number(nats: float, numbers: int) -> float:
    """Nats of a row as bits of each of its numbers."""
    return nats / numbers / math.log(2)


def _summed(x: Tensor) -> Tensor:
    return x.flatten(1).sum(1)
