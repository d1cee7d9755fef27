"""GRU, reset before the product: the form of the first paper and of most textbooks.

    r, z = σ(W h + U x + b)     n = tanh(W (r·h) + U x + b)
    h' = (1 − z)·n + z·h

Its two matrix products follow one another, so a step takes longer than in the reset-after form.
The update gate keeps torch's convention (z is what is kept); Cho et al. 2014 and many books write
h' = (1 − z)·h + z·n: negate the rows of z in U, W and b to turn the one into the other.
Parameters: 3H(H + I + 1), a bias a gate included, though books often write the equations without.
Source: Cho et al. 2014; ONNX `GRU` with `linear_before_reset=0`.
Axes: B batch, I input features, H hidden units. Gates stack as r, z, n.
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
class ResetBeforeGRU(Cell):
    """Gated recurrent unit, reset before the product (Cho et al. 2014)."""

    keep_bias: float = 0.0  # start of the update gate's bias; larger remembers longer
    init_recurrent: str = "orthogonal"

    gates: ClassVar[tuple[str, ...]] = ("reset", "update")

    class State(NamedTuple):
        h: Tensor  # [B, H]

    class Weights(NamedTuple):
        x: Tensor  # [3H, I], gates stacked as r, z, n
        h: Tensor  # [3H, H]
        b: Tensor  # [3H]

    def init(self) -> Weights:
        return self.Weights(
            x=init.glorot(self.hidden_size, self.input_size, gates=3),
            h=init.recurrent(self.init_recurrent, self.hidden_size, gates=3),
            b=init.gate_bias(self.hidden_size, 3, {1: self.keep_bias}),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        gates, candidate = torch.split(w.h, [2 * self.hidden_size, self.hidden_size])
        x_r, x_z, x_n = linear(x, w.x, w.b).chunk(3, dim=-1)
        h_r, h_z = linear(state.h, gates).chunk(2, dim=-1)
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        n = tanh(x_n + linear(r * state.h, candidate))
        return self.State(h=(1 - z) * n + z * state.h)
