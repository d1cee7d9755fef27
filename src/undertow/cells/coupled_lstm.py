"""Coupled-gate LSTM (CIFG): what is forgotten is exactly what is written.

    f, o = σ(W h + U x + b)     g = tanh(W h + U x + b)
    c' = f·c + (1 − f)·g        h' = o·tanh(c')

Three gates instead of four: 3H(H + I + 1) parameters. ONNX's `LSTM` with `input_forget=1` couples the other
way, f = 1 − i: since 1 − σ(z) = σ(−z), negate that gate's W, R and B to compare.
Source: Greff et al. 2017. Axes: B batch, I input features, H hidden units. Gates stack as f, g, o.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, sigmoid, tanh
from torch.nn.functional import linear

from undertow.cells import init
from undertow.cells.cell import Cell


@dataclass(frozen=True)
class CoupledLSTM(Cell):
    """LSTM with input gate 1 − f (Greff et al. 2017)."""

    forget_bias: float = 1.0
    chrono: int = 0  # the longest dependency in steps; 0 keeps forget_bias
    init_recurrent: str = "orthogonal"

    gates: ClassVar[tuple[str, ...]] = ("forget", "output")

    class State(NamedTuple):
        h: Tensor  # [B, H] seen by the layer above
        c: Tensor  # [B, H] carried to the next step

    class Weights(NamedTuple):
        x: Tensor  # [3H, I], gates stacked as f, g, o
        h: Tensor  # [3H, H]
        b: Tensor  # [3H]

    def init(self) -> Weights:
        bias = init.gate_bias(self.hidden_size, 3, {0: self.forget_bias})
        if self.chrono:
            bias = torch.cat([init.chrono(self.hidden_size, self.chrono), bias[self.hidden_size :]])
        return self.Weights(
            x=init.glorot(self.hidden_size, self.input_size, gates=3),
            h=init.recurrent(self.init_recurrent, self.hidden_size, gates=3),
            b=bias,
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        f, g, o = (linear(x, w.x, w.b) + linear(state.h, w.h)).chunk(3, dim=-1)
        keep = sigmoid(f)
        c = keep * state.c + (1 - keep) * tanh(g)
        return self.State(h=sigmoid(o) * tanh(c), c=c)
