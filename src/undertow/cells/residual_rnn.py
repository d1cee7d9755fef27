"""Residual RNN: each step adds to the state, so the step Jacobian is the identity plus something small.

    h' = h + tanh(W h + U x + b)

The gradient has a path of factor 1 through time; the state may grow by 1 a step, and the sum of paths may
still explode or cancel. Parameters: H(H + I + 1).
Source: residual paths, He et al. 2016; in recurrent networks, Yue, Fu & Liang 2018.
Axes: B batch, I input features, H hidden units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, tanh
from torch.nn.functional import linear

from undertow.cells import init
from undertow.cells.cell import Cell


@dataclass(frozen=True)
class ResidualRNN(Cell):
    """Vanilla RNN that adds its step to the state."""

    init_recurrent: str = "uniform"  # small, so that I + J starts near the identity

    class State(NamedTuple):
        h: Tensor  # [B, H]

    class Weights(NamedTuple):
        x: Tensor  # [H, I]
        h: Tensor  # [H, H]
        b: Tensor  # [H]

    def init(self) -> Weights:
        return self.Weights(
            x=init.glorot(self.hidden_size, self.input_size),
            h=init.recurrent(self.init_recurrent, self.hidden_size),
            b=torch.zeros(self.hidden_size),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        return self.State(h=state.h + tanh(linear(x, w.x, w.b) + linear(state.h, w.h)))
