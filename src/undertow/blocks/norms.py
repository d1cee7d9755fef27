"""Norms: what leaves a layer, brought to mean 0 and variance 1, then scaled and shifted by what is learned.

    x̂ = (x - μ) / √(σ² + ε)        y = γ x̂ + β        σ² is the mean of (x - μ)²

They differ in what μ and σ² are taken over, of x [B, C, ...]:

    batch       B and ...       of each channel; while it is used, running means of training    (Ioffe & Szegedy 2015)
    layer       C and ...       of each row; of features last, over those                       (Ba et al. 2016)
    instance    ...             of each row and channel                                         (Ulyanov et al. 2016)
    group       C/G and ...     of each row and group of channels                               (Wu & He 2018)
    weight      normalises not what leaves but what weighs: w = g v/‖v‖                         (Salimans & Kingma 2016)

Running means go as r ← (1 - m) r + m μ; the running variance is the unbiased one, with n/(n - 1), as everywhere.
Each module calls torch's own operation, and is tested against the formula in `normalised`.
Axes: B batch rows, C channels, G groups.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from undertow.errors import SettingError

EPSILON = 1e-5
GROUPS = 8  # of group norm, or as many as divide the channels


def normalised(x: Tensor, over: Sequence[int], epsilon: float = EPSILON) -> Tensor:
    """x̂ = (x - μ) / √(σ² + ε), with μ and σ² over these axes: the formula itself.

    Args:
        x: of any shape.
        over: axes that the mean is taken over.
        epsilon: keeps the root away from 0.

    Returns:
        x̂, of the shape of x.
    """
    mean = x.mean(tuple(over), keepdim=True)
    variance = (x - mean).square().mean(tuple(over), keepdim=True)
    return (x - mean) / (variance + epsilon).sqrt()


class _Affine(nn.Module):
    """γ and β, a number a channel."""

    def __init__(self, channels: int, epsilon: float = EPSILON) -> None:
        super().__init__()
        if channels < 1:
            raise SettingError(f"{type(self).__name__}: channels must be at least 1, got {channels}.")
        self.channels, self.epsilon = channels, epsilon
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def extra_repr(self) -> str:
        return str(self.channels)


class BatchNorm(_Affine):
    """Of x [B, C, ...]: over the batch and all places; by running means where it is not trained.

    Args:
        channels: C.
        epsilon: added to the variance.
        momentum: m of the running means.

    Raises:
        SettingError: channels below 1.
    """

    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, channels: int, epsilon: float = EPSILON, momentum: float = 0.1) -> None:
        super().__init__(channels, epsilon)
        self.momentum = momentum
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_variance", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return functional.batch_norm(
            x,
            self.running_mean,
            self.running_variance,
            self.weight,
            self.bias,
            self.training,
            self.momentum,
            self.epsilon,
        )


class LayerNorm(_Affine):
    """Of x [B, C, ...]: over all channels and places of a row. Of features last, give torch.nn.LayerNorm."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.group_norm(x, 1, self.weight, self.bias, self.epsilon)


class InstanceNorm(_Affine):
    """Of x [B, C, ...]: over the places of each row and channel."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.epsilon)


class GroupNorm(_Affine):
    """Of x [B, C, ...]: over the channels of a group and all places, row by row.

    Args:
        channels: C.
        epsilon: added to the variance.
        groups: G; None: 8, or as many below that as divide the channels.

    Raises:
        SettingError: the groups do not divide the channels.
    """

    def __init__(self, channels: int, epsilon: float = EPSILON, groups: int | None = None) -> None:
        super().__init__(channels, epsilon)
        fitting = next(g for g in range(min(GROUPS, channels), 0, -1) if channels % g == 0)
        self.groups = fitting if groups is None else groups
        if self.groups < 1 or channels % self.groups:
            raise SettingError(f"GroupNorm: {self.groups} groups do not divide {channels} channels.")

    def forward(self, x: Tensor) -> Tensor:
        return functional.group_norm(x, self.groups, self.weight, self.bias, self.epsilon)

    def extra_repr(self) -> str:
        return f"{self.channels}, groups={self.groups}"


class WeightNorm(nn.Module):
    """w = g v/‖v‖, a length g for each unit that is computed, for `nn.utils.parametrize`.

    It begins where the weight stands: `weight_normed(layer)`.
    """

    def forward(self, length: Tensor, direction: Tensor) -> Tensor:
        norm = direction.flatten(1).norm(dim=1)
        shape = (-1, *(1 for _ in range(direction.dim() - 1)))
        weight: Tensor = direction * (length / norm).view(shape)
        return weight

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """g and v of a weight: its lengths, and itself."""
        return weight.flatten(1).norm(dim=1), weight


def weight_normed(layer: nn.Module) -> nn.Module:
    """The same layer, its weight as a length and a direction; it computes what it did."""
    nn.utils.parametrize.register_parametrization(layer, "weight", WeightNorm())
    return layer


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": BatchNorm,
    "layer": LayerNorm,
    "instance": InstanceNorm,
    "group": GroupNorm,
    "none": lambda channels: nn.Identity(),
}


def norm_of(kind: str, channels: int) -> nn.Module:
    """A norm by its name.

    Raises:
        SettingError: no such norm.
    """
    if kind not in NORMS:
        raise SettingError(f"norm must be one of {', '.join(NORMS)}, got {kind!r}.")
    return NORMS[kind](channels)
