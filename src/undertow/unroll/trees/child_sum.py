"""Child-sum Tree-LSTM: any number of children, in no order.

    h̃ = Σ h_k            i, o = σ(U x + W h̃ + b)        u = tanh(U x + W h̃ + b)
    f_k = σ(U x + W h_k + b)      c = i·u + Σ f_k·c_k      h = o·tanh(c)

Source: Tai, Socher & Manning 2015. Axes: N nodes, A children, I input features, H hidden units.
Gates stack as i, o, u, f.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, sigmoid, tanh
from torch.nn.functional import linear

from undertow.cells import init
from undertow.unroll.trees.tree_cell import TreeCell


@dataclass(frozen=True)
class ChildSumTreeLSTM(TreeCell):
    """Child-sum Tree-LSTM (Tai et al. 2015)."""

    forget_bias: float = 1.0

    class State(NamedTuple):
        h: Tensor  # [N, H]
        c: Tensor  # [N, H]

    class Weights(NamedTuple):
        x: Tensor  # [4H, I]
        h: Tensor  # [3H, H], of the sum
        f: Tensor  # [H, H], of one child
        b: Tensor  # [4H]

    def init(self) -> Weights:
        H = self.hidden_size
        return self.Weights(
            x=init.glorot(H, self.input_size, gates=4),
            h=init.orthogonal(H, 3),
            f=init.orthogonal(H),
            b=init.gate_bias(H, 4, {3: self.forget_bias}),
        )

    def node(self, x: Tensor | None, children: State | None, w: Weights) -> State:
        own = w.b if x is None else linear(x, w.x, w.b)
        gates, forget = torch.split(own, [3 * self.hidden_size, self.hidden_size], dim=-1)
        if children is not None:
            gates = gates + linear(children.h.sum(1), w.h)
        i, o, u = gates.chunk(3, dim=-1)
        c = sigmoid(i) * tanh(u)
        if children is not None:
            kept = sigmoid(forget.unsqueeze(-2) + linear(children.h, w.f)) * children.c
            c = c + kept.sum(1)  # where no child is, its c is 0
        return self.State(sigmoid(o) * tanh(c), c)
