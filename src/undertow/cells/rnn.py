"""Vanilla RNN: the state is squashed and multiplied by the same matrix at every step.

    h' = σ(W h + U x + b)        σ = tanh or ReLU

Its step Jacobian is diag(σ'(z)) W: over k steps the gradient shrinks or grows like a k-th power.
Parameters: H(H + I + 1). Source: Elman 1990; the identity start for ReLU, Le, Jaitly & Hinton 2015.
Axes: B batch, I input features, H hidden units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from undertow.cells import init
from undertow.cells.cell import Cell
from undertow.errors import SettingError

NONLINEARITIES = {"tanh": torch.tanh, "relu": torch.relu}


@dataclass(frozen=True)
class RNN(Cell):
    """Vanilla recurrent network with tanh or ReLU (Elman 1990)."""

    nonlinearity: str = "tanh"
    init_recurrent: str = "orthogonal"

    class State(NamedTuple):
        h: Tensor  # [B, H]

    class Weights(NamedTuple):
        x: Tensor  # [H, I]
        h: Tensor  # [H, H]
        b: Tensor  # [H]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nonlinearity not in NONLINEARITIES:
            raise SettingError(f"RNN: nonlinearity must be tanh or relu, got {self.nonlinearity!r}.")

    def init(self) -> Weights:
        return self.Weights(
            x=init.glorot(self.hidden_size, self.input_size),
            h=init.recurrent(self.init_recurrent, self.hidden_size),
            b=torch.zeros(self.hidden_size),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        squash = NONLINEARITIES[self.nonlinearity]
        return self.State(h=squash(linear(x, w.x, w.b) + linear(state.h, w.h)))
