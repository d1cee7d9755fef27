"""Peephole LSTM: the gates see the memory itself, so they can count and time.

    i, f = σ(W h + U x + p·c + b)     c' = f·c + i·tanh(g)
    o = σ(W h + U x + p·c' + b)       h' = o·tanh(c')

The peepholes are diagonal: one number a unit and gate. Parameters: 4H(H + I + 1) + 3H.
Source: Gers & Schmidhuber 2000. Agrees with ONNX `LSTM` given P (whose gates are stacked i, o, f, g and
whose peepholes are i, o, f).
Axes: B batch, I input features, H hidden units. Gates stack as i, f, g, o.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, sigmoid, tanh
from torch.nn.functional import linear

from undertow.cells import init
from undertow.cells.cell import Cell
from undertow.cells.lstm import lstm_bias


@dataclass(frozen=True)
class PeepholeLSTM(Cell):
    """LSTM whose gates see the cell state (Gers & Schmidhuber 2000)."""

    forget_bias: float = 1.0
    chrono: int = 0  # the longest dependency in steps; 0 keeps forget_bias
    init_recurrent: str = "orthogonal"

    gates: ClassVar[tuple[str, ...]] = ("forget", "input", "output")

    class State(NamedTuple):
        h: Tensor  # [B, H] seen by the layer above
        c: Tensor  # [B, H] carried to the next step

    class Weights(NamedTuple):
        x: Tensor  # [4H, I], gates stacked as i, f, g, o
        h: Tensor  # [4H, H]
        b: Tensor  # [4H]
        p: Tensor  # [3, H], peepholes of i, f, o

    def init(self) -> Weights:
        return self.Weights(
            x=init.glorot(self.hidden_size, self.input_size, gates=4),
            h=init.recurrent(self.init_recurrent, self.hidden_size, gates=4),
            b=lstm_bias(self.hidden_size, self.forget_bias, self.chrono),
            p=torch.zeros(3, self.hidden_size),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        i, f, g, o = (linear(x, w.x, w.b) + linear(state.h, w.h)).chunk(4, dim=-1)
        c = sigmoid(f + w.p[1] * state.c) * state.c + sigmoid(i + w.p[0] * state.c) * tanh(g)
        return self.State(h=sigmoid(o + w.p[2] * c) * tanh(c), c=c)
