"""minGRU: gates that see the input alone, so the state is a running average whose weights are known beforehand.

    z = σ(U x + b)     n = V x + d     h' = (1 − z)·h + z·n

No matrix multiplies the state. Parameters: 2H(I + 1). Source: Feng, Tung, Ahmed, Bengio & Hajimirsadeghi 2024.
Axes: B batch, I input features, H hidden units. Gates stack as z, n.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from torch import Tensor, sigmoid
from torch.nn.functional import linear

from undertow.cells import init
from undertow.cells.cell import Cell


@dataclass(frozen=True)
class MinGRU(Cell):
    """GRU whose gate sees the input alone (Feng et al. 2024)."""

    write_bias: float = 0.0  # of z; below 0 remembers longer
    recurrent: ClassVar[tuple[str, ...]] = ()

    gates: ClassVar[tuple[str, ...]] = ("update",)

    class State(NamedTuple):
        h: Tensor  # [B, H]

    class Weights(NamedTuple):
        x: Tensor  # [2H, I], gates stacked as z, n
        b: Tensor  # [2H]

    def init(self) -> Weights:
        return self.Weights(
            x=init.glorot(self.hidden_size, self.input_size, gates=2),
            b=init.gate_bias(self.hidden_size, 2, {0: self.write_bias}),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        z, n = linear(x, w.x, w.b).chunk(2, dim=-1)
        write = sigmoid(z)
        return self.State(h=(1 - write) * state.h + write * n)
