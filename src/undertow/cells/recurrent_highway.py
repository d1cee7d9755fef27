"""Recurrent highway network: several gated layers inside one step of time.

    s₀ = h;   for l = 1..depth:   g = tanh(R s + [l = 1] U x + b)     t = σ(R s + [l = 1] U x + b)
              s ← g·t + s·(1 − t);   h' = s

Transform and carry gates are coupled, t + carry = 1; a negative bias of t carries at first.
Parameters: 2H(I + depth·(H + 1)). Source: Zilly et al. 2017.
Axes: B batch, I input features, H hidden units. Gates stack as g, t.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, sigmoid, tanh
from torch.nn.functional import linear

from undertow.cells import init
from undertow.cells.cell import Cell
from undertow.shapes import check_size


@dataclass(frozen=True)
class RecurrentHighway(Cell):
    """Highway layers in the step from one time to the next (Zilly et al. 2017)."""

    depth: int = 3
    transform_bias: float = -2.0
    init_recurrent: str = "orthogonal"

    class State(NamedTuple):
        h: Tensor  # [B, H]

    class Weights(NamedTuple):
        x: Tensor  # [2H, I], gates stacked as g, t
        h: Tensor  # [depth, 2H, H]
        b: Tensor  # [depth, 2H]

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size(self.depth, "depth", "RecurrentHighway")

    def init(self) -> Weights:
        bias = init.gate_bias(self.hidden_size, 2, {1: self.transform_bias})
        layers = [init.recurrent(self.init_recurrent, self.hidden_size, gates=2) for _ in range(self.depth)]
        return self.Weights(
            x=init.glorot(self.hidden_size, self.input_size, gates=2),
            h=torch.stack(layers),
            b=bias.repeat(self.depth, 1),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        s = state.h
        for layer in range(self.depth):
            z = linear(s, w.h[layer], w.b[layer])
            if layer == 0:
                z = z + linear(x, w.x)
            g, t = z.chunk(2, dim=-1)
            s = tanh(g) * sigmoid(t) + s * (1 - sigmoid(t))
        return self.State(h=s)
