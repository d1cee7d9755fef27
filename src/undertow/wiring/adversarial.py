"""Adversarial losses: a critic D learns to tell real from made, a generator G to make what is taken for real.

    gan       D: -E ln σ(D(x)) - E ln(1 - σ(D(x̃)))        G: -E ln σ(D(x̃)), or as D's loss has it E ln(1 - σ(D(x̃)))
    wgan      D: E D(x̃) - E D(x)                          G: -E D(x̃)          D's weights are clipped to ±c
    wgan-gp   D: E D(x̃) - E D(x) + λ E(‖∇D(x̂)‖₂ - 1)²     G: -E D(x̃)          x̂ = ε x + (1 - ε) x̃, ε uniform a row

x is real, x̃ made. At its best a gan's D says twice the Jensen-Shannon divergence less ln 4: its game is worth -ln 4
where both distributions are one. A wgan's D that is 1-Lipschitz says the Wasserstein-1 distance (Kantorovich &
Rubinstein). Sources: Goodfellow et al. 2014; Arjovsky, Chintala & Bottou 2017; Gulrajani et al. 2017.
Axes: B rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

Scores = Tensor  # D of each row [B]


def game_value(real: Scores, made: Scores) -> Tensor:
    """V = E ln σ(D(x)) + E ln(1 - σ(D(x̃))): what D makes as large, and G as small, as it can."""
    return -softplus(-real).mean() - softplus(made).mean()


def divergence(real: Scores, made: Scores) -> Tensor:
    """The Jensen-Shannon divergence that D can show, (V + ln 4) / 2: from 0 to ln 2 at its best, never too large."""
    return (game_value(real, made) + math.log(4)) / 2


def fooling(made: Scores) -> Tensor:
    """-E ln σ(D(x̃)): the generator's loss that has a gradient also where D is sure."""
    return softplus(-made).mean()


def saturating(made: Scores) -> Tensor:
    """E ln(1 - σ(D(x̃))): the generator's side of the game itself; flat where D is sure."""
    return -softplus(made).mean()


def distance(real: Scores, made: Scores) -> Tensor:
    """E D(x) - E D(x̃): the Wasserstein-1 distance that D can show, times D's Lipschitz constant."""
    return real.mean() - made.mean()


def between(real: Tensor, made: Tensor) -> Tensor:
    """x̂ = ε x + (1 - ε) x̃, one ε a row, uniform from torch's global generator; [B, ...] as both."""
    share = torch.rand(len(real), *(1 for _ in real.shape[1:]), dtype=real.dtype)
    return torch.lerp(made, real, share)


def gradient_penalty(critic: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """E(‖∇D(x̂)‖₂ - 1)², differentiable in the critic's weights.

    Args:
        critic: rows to a number each; it may not mix rows.
        points: x̂ [B, ...].

    Source: Gulrajani et al. 2017.
    """
    at = points.detach().requires_grad_()
    [slope] = torch.autograd.grad(critic(at).sum(), at, create_graph=True)
    away: Tensor = slope.flatten(1).norm(dim=1) - 1
    return away.square().mean()


@torch.no_grad()
def clip_weights(module: nn.Module, limit: float) -> None:
    """Cut every weight to ±limit: a crude way to keep a critic Lipschitz. Source: Arjovsky et al. 2017."""
    for weight in module.parameters():
        weight.clamp_(-limit, limit)
