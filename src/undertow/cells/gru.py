"""GRU, reset after the product: the form of torch, cuDNN and ONNX's `linear_before_reset=1`.

    r, z = σ(W h + U x + b)     n = tanh(U x + b + r·(W h + q))
    h' = (1 − z)·n + z·h

The candidate has its own recurrent bias q, because r stands between it and b.
Two conventions of the update gate are in use. Here, as in torch, z says how much is *kept*; Cho et al. 2014
write h' = (1 − z)·h + z·n, where z says how much is *written*. Negating the rows of z in U, W and b turns
the one into the other. Parameters: 3H(H + I + 1) + H.
Source: Cho et al. 2014; this form, cuDNN 2015.
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
class GRU(Cell):
    """Gated recurrent unit, reset after the product (Cho et al. 2014; torch's form)."""

    keep_bias: float = 0.0  # start of the update gate's bias; larger remembers longer
    init_recurrent: str = "orthogonal"

    gates: ClassVar[tuple[str, ...]] = ("reset", "update")

    class State(NamedTuple):
        h: Tensor  # [B, H]

    class Weights(NamedTuple):
        x: Tensor  # [3H, I], gates stacked as r, z, n
        h: Tensor  # [3H, H]
        b: Tensor  # [3H]
        q: Tensor  # [H], the candidate's recurrent bias

    def init(self) -> Weights:
        return self.Weights(
            x=init.glorot(self.hidden_size, self.input_size, gates=3),
            h=init.recurrent(self.init_recurrent, self.hidden_size, gates=3),
            b=init.gate_bias(self.hidden_size, 3, {1: self.keep_bias}),
            q=torch.zeros(self.hidden_size),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        from_x = linear(x, w.x, w.b).chunk(3, dim=-1)
        from_h = linear(state.h, w.h).chunk(3, dim=-1)
        r = sigmoid(from_x[0] + from_h[0])
        z = sigmoid(from_x[1] + from_h[1])
        n = tanh(from_x[2] + r * (from_h[2] + w.q))
        return self.State(h=(1 - z) * n + z * state.h)
