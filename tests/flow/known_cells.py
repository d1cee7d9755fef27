"""Recurrences whose answers can be written down."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

import undertow as ut


class Linear(ut.Cell):
    """h' = W h + x, whose gradients are powers of W."""

    class State(NamedTuple):
        h: Tensor

    class Weights(NamedTuple):
        h: Tensor

    def init(self) -> Any:
        return self.Weights(torch.eye(self.hidden_size))

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        return self.State(linear(state.h, w.h) + x)


def with_matrix(matrix: Tensor, engine: str = "auto") -> ut.Recurrent:
    """One linear layer with this matrix."""
    size = len(matrix)
    layer = ut.Recurrent(Linear(size, size), engine=engine).to(matrix.dtype)
    with torch.no_grad():
        layer.h_l0.copy_(matrix)
    return layer


def orthogonal(size: int) -> Tensor:
    return torch.linalg.qr(torch.randn(size, size, dtype=torch.float64))[0]
