"""Projected LSTM: a wide memory behind a narrow output, so that the recurrent matrix stays small.

    i, f, o = σ(W h + U x + b)     g = tanh(W h + U x + b)
    c' = f·c + i·g                 h' = R (o·tanh(c'))        h is [B, P], P < H

Parameters: 4H(P + I + 1) + P·H. torch.nn.LSTM calls P `proj_size`.
Source: Sak, Senior & Beaufays 2014.
Axes: B batch, I input features, H memory units, P output units. Gates stack as i, f, g, o.
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
from undertow.errors import SettingError


@dataclass(frozen=True)
class ProjectedLSTM(Cell):
    """LSTM whose output is projected before it feeds back (Sak et al. 2014)."""

    projection: int = 0  # P; 0 means half of hidden_size
    forget_bias: float = 1.0
    chrono: int = 0  # the longest dependency in steps; 0 keeps forget_bias

    gates: ClassVar[tuple[str, ...]] = ("forget", "input", "output")

    class State(NamedTuple):
        h: Tensor  # [B, P] seen by the layer above
        c: Tensor  # [B, H] carried to the next step

    class Weights(NamedTuple):
        x: Tensor  # [4H, I], gates stacked as i, f, g, o
        h: Tensor  # [4H, P]
        b: Tensor  # [4H]
        r: Tensor  # [P, H]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.projection <= self.hidden_size:
            raise SettingError(
                f"ProjectedLSTM: projection must lie from 1 to hidden_size {self.hidden_size}, got {self.projection}."
            )

    @property
    def projected(self) -> int:
        """P, resolved."""
        return self.projection or max(1, self.hidden_size // 2)

    def start(self, batch: int) -> State:
        return self.State(h=torch.zeros(batch, self.projected), c=torch.zeros(batch, self.hidden_size))

    def init(self) -> Weights:
        return self.Weights(
            x=init.glorot(self.hidden_size, self.input_size, gates=4),
            h=init.glorot(self.hidden_size, self.projected, gates=4),
            b=lstm_bias(self.hidden_size, self.forget_bias, self.chrono),
            r=init.glorot(self.projected, self.hidden_size),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        i, f, g, o = (linear(x, w.x, w.b) + linear(state.h, w.h)).chunk(4, dim=-1)
        c = sigmoid(f) * state.c + sigmoid(i) * tanh(g)
        return self.State(h=linear(sigmoid(o) * tanh(c), w.r), c=c)
