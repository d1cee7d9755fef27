"""Minimal gated unit: one gate both resets and forgets.

    f = σ(W h + U x + b)     n = tanh(W (f·h) + U x + b)     h' = (1 − f)·h + f·n

Two thirds of a GRU: 2H(H + I + 1) parameters.
Source: Zhou, Wu, Zhang & Zhou 2016. Axes: B batch, I input features, H hidden units. Gates stack as f, n.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from torch import Tensor, sigmoid, tanh
from torch.nn.functional import linear

from undertow.cells import init
from undertow.cells.cell import Cell


@dataclass(frozen=True)
class MinimalGatedUnit(Cell):
    """One gate that resets and forgets (Zhou et al. 2016)."""

    forget_bias: float = 0.0  # of f, which says how much is written; below 0 remembers longer
    init_recurrent: str = "orthogonal"

    gates: ClassVar[tuple[str, ...]] = ("forget",)

    class State(NamedTuple):
        h: Tensor  # [B, H]

    class Weights(NamedTuple):
        x: Tensor  # [2H, I], gates stacked as f, n
        h: Tensor  # [2H, H]
        b: Tensor  # [2H]

    def init(self) -> Weights:
        return self.Weights(
            x=init.glorot(self.hidden_size, self.input_size, gates=2),
            h=init.recurrent(self.init_recurrent, self.hidden_size, gates=2),
            b=init.gate_bias(self.hidden_size, 2, {0: self.forget_bias}),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        x_f, x_n = linear(x, w.x, w.b).chunk(2, dim=-1)
        w_f, w_n = w.h.chunk(2)
        f = sigmoid(x_f + linear(state.h, w_f))
        n = tanh(x_n + linear(f * state.h, w_n))
        return self.State(h=(1 - f) * state.h + f * n)
