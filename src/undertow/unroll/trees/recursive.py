"""The plain recursive network: a parent is a map of its two children, bent.

    leaf    h = tanh(U x + b)
    node    h = tanh(W [h₁; h₂] + b)

A child that is not there counts as 0.
Source: Socher et al. 2013 ("RNN"). Axes: N nodes, I input features, H hidden units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, tanh
from torch.nn.functional import linear

from undertow.cells import init
from undertow.unroll.trees.tree_cell import TreeCell


@dataclass(frozen=True)
class Recursive(TreeCell):
    """Recursive network (Socher et al. 2013)."""

    class State(NamedTuple):
        h: Tensor  # [N, H]

    class Weights(NamedTuple):
        x: Tensor  # [H, I]
        h: Tensor  # [H, 2H]
        b: Tensor  # [H]

    def init(self) -> Weights:
        """The mean of two children is kept: W starts as [½ I, ½ I] with noise."""
        H = self.hidden_size
        half = 0.5 * torch.eye(H).repeat(1, 2) + torch.empty(H, 2 * H).uniform_(-0.1, 0.1) / H**0.5
        return self.Weights(init.glorot(H, self.input_size), half, torch.zeros(H))

    @property
    def most(self) -> int:
        return 2

    def node(self, x: Tensor | None, children: State | None, w: Weights) -> State:
        total = w.b
        if x is not None:
            total = total + linear(x, w.x)
        if children is not None:
            total = total + linear(children.h.flatten(1), w.h)
        return self.State(tanh(total))
