"""Layer-norm LSTM: gates are normalised over the units of each row, so they neither saturate nor fade.

    i, f, g, o = LN(W h) + LN(U x) + b     c' = σ(f)·c + σ(i)·tanh(g)     h' = σ(o)·tanh(LN(c'))

LN(z) = γ·(z − mean z) / √(var z + ε), over the 4H pre-activations (γ of the gates; β is b) and over the H units of c'.
Parameters: 4H(H + I + 1) + 8H + 2H. Source: Ba, Kiros & Hinton 2016.
Axes: B batch, I input features, H hidden units. Gates stack as i, f, g, o.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, sigmoid, tanh
from torch.nn.functional import layer_norm, linear

from undertow.cells import init
from undertow.cells.cell import Cell
from undertow.cells.lstm import lstm_bias


@dataclass(frozen=True)
class LayerNormLSTM(Cell):
    """LSTM with normalised gates and cell (Ba et al. 2016)."""

    forget_bias: float = 1.0
    init_recurrent: str = "orthogonal"

    gates: ClassVar[tuple[str, ...]] = ("forget", "input", "output")

    class State(NamedTuple):
        h: Tensor  # [B, H] seen by the layer above
        c: Tensor  # [B, H] carried to the next step

    class Weights(NamedTuple):
        x: Tensor  # [4H, I], gates stacked as i, f, g, o
        h: Tensor  # [4H, H]
        b: Tensor  # [4H]
        gain_x: Tensor  # [4H]
        gain_h: Tensor  # [4H]
        gain_c: Tensor  # [H]
        bias_c: Tensor  # [H]

    def init(self) -> Weights:
        H = self.hidden_size
        return self.Weights(
            x=init.glorot(H, self.input_size, gates=4),
            h=init.recurrent(self.init_recurrent, H, gates=4),
            b=lstm_bias(H, self.forget_bias, 0),
            gain_x=torch.ones(4 * H),
            gain_h=torch.ones(4 * H),
            gain_c=torch.ones(H),
            bias_c=torch.zeros(H),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        H = self.hidden_size
        from_x = layer_norm(linear(x, w.x), (4 * H,), w.gain_x, w.b)
        from_h = layer_norm(linear(state.h, w.h), (4 * H,), w.gain_h)
        i, f, g, o = (from_x + from_h).chunk(4, dim=-1)
        c = sigmoid(f) * state.c + sigmoid(i) * tanh(g)
        return self.State(h=sigmoid(o) * tanh(layer_norm(c, (H,), w.gain_c, w.bias_c)), c=c)
