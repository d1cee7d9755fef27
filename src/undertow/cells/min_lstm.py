"""minLSTM: forget and input gates that see the input alone, normalised to sum to 1.

    f, i = σ(U x + b)     n = V x + d     h' = (f·h + i·n) / (f + i)

No matrix multiplies the state. Parameters: 3H(I + 1). Source: Feng, Tung, Ahmed, Bengio & Hajimirsadeghi 2024.
Axes: B batch, I input features, H hidden units. Gates stack as f, i, n.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from torch import Tensor, sigmoid
from torch.nn.functional import linear

from undertow.cells import init
from undertow.cells.cell import Cell


@dataclass(frozen=True)
class MinLSTM(Cell):
    """LSTM whose gates see the input alone (Feng et al. 2024)."""

    forget_bias: float = 1.0
    recurrent: ClassVar[tuple[str, ...]] = ()

    gates: ClassVar[tuple[str, ...]] = ("forget", "input")

    class State(NamedTuple):
        h: Tensor  # [B, H]

    class Weights(NamedTuple):
        x: Tensor  # [3H, I], gates stacked as f, i, n
        b: Tensor  # [3H]

    def init(self) -> Weights:
        return self.Weights(
            x=init.glorot(self.hidden_size, self.input_size, gates=3),
            b=init.gate_bias(self.hidden_size, 3, {0: self.forget_bias}),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        f, i, n = linear(x, w.x, w.b).chunk(3, dim=-1)
        forget, write = sigmoid(f), sigmoid(i)
        return self.State(h=(forget * state.h + write * n) / (forget + write))
