"""LSTM: memory is carried by adding, so its gradient need not shrink.

    i, f, o = σ(W h + U x + b)     g = tanh(W h + U x + b)
    c' = f·c + i·g                 h' = o·tanh(c')

Parameters: 4H(H + I + 1). torch.nn.LSTM keeps two biases a gate that only ever act as their sum, so it
counts 4H more; `undertow.LSTM` keeps torch's two, this cell keeps one.
Sources: Hochreiter & Schmidhuber 1997; forget gate, Gers et al. 2000.
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


@dataclass(frozen=True)
class LSTM(Cell):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; Gers et al. 2000)."""

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

    def init(self) -> Weights:
        return self.Weights(
            x=init.glorot(self.hidden_size, self.input_size, gates=4),
            h=init.recurrent(self.init_recurrent, self.hidden_size, gates=4),
            b=lstm_bias(self.hidden_size, self.forget_bias, self.chrono),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        i, f, g, o = (linear(x, w.x, w.b) + linear(state.h, w.h)).chunk(4, dim=-1)
        c = sigmoid(f) * state.c + sigmoid(i) * tanh(g)
        return self.State(h=sigmoid(o) * tanh(c), c=c)


def lstm_bias(hidden: int, forget_bias: float, chrono: int) -> Tensor:
    """[4H] for gates i, f, g, o: the forget gate starts open, or spread over scales of time."""
    if not chrono:
        return init.gate_bias(hidden, 4, {1: forget_bias})
    forget = init.chrono(hidden, chrono)
    return torch.cat([-forget, forget, torch.zeros(2 * hidden)])
