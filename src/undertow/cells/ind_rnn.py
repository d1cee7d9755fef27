"""IndRNN: every unit remembers for itself, so its gradient is a power of one number.

    h' = relu(u·h + U x + b)

The recurrent weight is a vector: over k steps a unit's gradient is u^k (where ReLU lets it through), and keeping
|u| near 1 keeps it alive for thousands of steps; units mix only through the next layer.
Parameters: H(I + 2). Source: Li, Li, Cook, Zhu & Gao 2018.
Axes: B batch, I input features, H hidden units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from undertow.cells import init
from undertow.cells.cell import Cell


@dataclass(frozen=True)
class IndRNN(Cell):
    """Independent units, each with one recurrent weight (Li et al. 2018)."""

    recurrent: ClassVar[tuple[str, ...]] = ()  # a vector, no matrix

    class State(NamedTuple):
        h: Tensor  # [B, H]

    class Weights(NamedTuple):
        x: Tensor  # [H, I]
        u: Tensor  # [H]
        b: Tensor  # [H]

    def init(self) -> Weights:
        return self.Weights(
            x=init.glorot(self.hidden_size, self.input_size),
            u=torch.empty(self.hidden_size).uniform_(0, 1),
            b=torch.zeros(self.hidden_size),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        return self.State(h=torch.relu(w.u * state.h + linear(x, w.x, w.b)))
