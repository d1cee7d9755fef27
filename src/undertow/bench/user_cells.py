"""Three cells as a user would write them, none of which any library fuses. Nothing here knows of the compiler.

Each has four gates and an LSTM's matrices, so that it can be timed against our own LSTM at equal work.
Axes: B batch rows, I input features, H hidden units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, sigmoid, tanh
from torch.nn.functional import linear

import undertow as ut


@dataclass(frozen=True)
class TurnedLSTM(ut.Cell):
    """An LSTM in another dialect: gates stack as o, f, g, i, matrices stand the other way, gates are slices."""

    class State(NamedTuple):
        h: Tensor  # [B, H]
        c: Tensor  # [B, H]

    class Weights(NamedTuple):
        x: Tensor  # [I, 4H]
        h: Tensor  # [H, 4H]
        b: Tensor  # [4H]

    def init(self) -> Weights:
        return self.Weights(
            x=ut.init.glorot(self.hidden_size, self.input_size, gates=4).T.contiguous(),
            h=ut.init.orthogonal(self.hidden_size, gates=4).T.contiguous(),
            b=torch.zeros(4 * self.hidden_size),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        H = self.hidden_size
        z = x @ w.x + state.h @ w.h + w.b
        out, keep, write = z[:, :H].sigmoid(), z[:, H : 2 * H].sigmoid(), z[:, 3 * H :].sigmoid()
        c = torch.addcmul(keep * state.c, write, z[:, 2 * H : 3 * H].tanh())
        return self.State(h=out * c.tanh(), c=c)


@dataclass(frozen=True)
class GatedOutputLSTM(ut.Cell):
    """What the output gate does not let out is the old output: h' = o·tanh(c') + (1 − o)·h."""

    class State(NamedTuple):
        h: Tensor  # [B, H]
        c: Tensor  # [B, H]

    class Weights(NamedTuple):
        x: Tensor  # [4H, I], gates stacked as i, f, g, o
        h: Tensor  # [4H, H]
        b: Tensor  # [4H]

    def init(self) -> Weights:
        return self.Weights(
            x=ut.init.glorot(self.hidden_size, self.input_size, gates=4),
            h=ut.init.orthogonal(self.hidden_size, gates=4),
            b=ut.init.gate_bias(self.hidden_size, 4, {1: 1.0}),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        i, f, g, o = (linear(x, w.x, w.b) + linear(state.h, w.h)).chunk(4, dim=-1)
        c = sigmoid(f) * state.c + sigmoid(i) * tanh(g)
        return self.State(h=torch.lerp(state.h, tanh(c), sigmoid(o)), c=c)


@dataclass(frozen=True)
class ProductLSTM(ut.Cell):
    """Input and state meet by product as well as by sum (Wu, Zhang, Zhang, Bengio & Salakhutdinov 2016)."""

    class State(NamedTuple):
        h: Tensor  # [B, H]
        c: Tensor  # [B, H]

    class Weights(NamedTuple):
        x: Tensor  # [4H, I], gates stacked as i, f, g, o
        h: Tensor  # [4H, H]
        b: Tensor  # [4H]
        mix: Tensor  # [3, 4H], the shares of product, state and input

    def init(self) -> Weights:
        return self.Weights(
            x=ut.init.glorot(self.hidden_size, self.input_size, gates=4),
            h=ut.init.orthogonal(self.hidden_size, gates=4),
            b=ut.init.gate_bias(self.hidden_size, 4, {1: 1.0}),
            mix=torch.full((3, 4 * self.hidden_size), 0.5),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        from_x, from_h = linear(x, w.x), linear(state.h, w.h)
        z = w.mix[0] * from_x * from_h + w.mix[1] * from_h + w.mix[2] * from_x + w.b
        i, f, g, o = z.chunk(4, dim=-1)
        c = sigmoid(f) * state.c + sigmoid(i) * tanh(g)
        return self.State(h=sigmoid(o) * tanh(c), c=c)
