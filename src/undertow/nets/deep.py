"""Nets of one width and any depth, over vectors: what becomes of a gradient in a hundred or ten thousand layers.

    plain      x ← relu(W x + b)                        weights normal with variance 2 / F (He et al. 2015)
    normed     x ← relu(norm(W x))                  batch norm behind every map: tame on the way up, not on the way down
    residual   x ← x + V relu(W norm(x)) / √depth       the norm inside the branch, the way past bare
    highway    x ← T·H + (1 - T)·x                      gates that begin shut
    orthogonal x ← tanh(Q x)                            Q orthogonal at the start: every factor of a gradient near 1

Before the layers stands a map from the inputs, behind them one to the scores.
Sources: He et al. 2015, 2016; Srivastava et al. 2015; explosion, Yang et al. 2019; orthogonal starts, Saxe et al. 2014,
Xiao et al. 2018; 1 / √depth, Zhang et al. 2019. Axes: B rows, I inputs, F features.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from undertow.blocks.highway import Highway
from undertow.blocks.linear import linear
from undertow.blocks.norms import BatchNorm
from undertow.errors import SettingError


class DeepNet(nn.Module):
    """So many layers of one kind over x [B, ...], laid flat; gives a score a class [B, classes].

    Args:
        inputs: I, numbers of a row.
        width: F.
        depth: layers between the first map and the last.
        classes: scores.
        kind: plain, normed, residual, highway or orthogonal.

    Raises:
        SettingError: no such kind, or a depth below 1.
    """

    def __init__(self, inputs: int, width: int, depth: int, classes: int, kind: str = "plain") -> None:
        super().__init__()
        if kind not in LAYERS:
            raise SettingError(f"A deep net is {', '.join(LAYERS)}; got {kind!r}.")
        if depth < 1:
            raise SettingError(f"A deep net needs at least 1 layer, got {depth}.")
        self.first = linear(inputs, width)
        self.layers = nn.ModuleList(LAYERS[kind](width, depth) for _ in range(depth))
        self.norm = BatchNorm(width) if kind == "residual" else nn.Identity()
        self.readout = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x.flatten(1))
        for layer in self.layers:
            x = layer(x)
        scores: Tensor = self.readout(self.norm(x))
        return scores


class Plain(nn.Module):
    """x ← relu(W x + b)."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.map = linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.map(x).relu()
        return y


class Normed(nn.Module):
    """x ← relu(norm(W x))."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.map, self.norm = linear(width, width, bias=False), BatchNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.map(x)).relu()
        return y


class ResidualLayer(nn.Module):
    """x ← x + V relu(W norm(x)) / √depth."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.norm, self.scale = BatchNorm(width), depth**-0.5
        self.inner, self.outer = linear(width, width), linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.scale * self.outer(self.inner(self.norm(x)).relu())
        return y


class Orthogonal(nn.Module):
    """x ← tanh(Q x + b)."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.map = nn.Linear(width, width)
        nn.init.orthogonal_(self.map.weight)
        nn.init.zeros_(self.map.bias)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.map(x))


def _highway(width: int, depth: int) -> Highway:
    """The deeper, the further shut: each of so many gates may let through a share of the whole."""
    return Highway(width, gate_bias=-2.0 if depth <= 100 else -4.0)


LAYERS: dict[str, Callable[[int, int], nn.Module]] = {
    "plain": Plain,
    "normed": Normed,
    "residual": ResidualLayer,
    "highway": _highway,
    "orthogonal": Orthogonal,
}
