"""N-ary Tree-LSTM: every place among the children has weights of its own.

    i, o = σ(U x + Σ W_j h_j + b)       u = tanh(U x + Σ W_j h_j + b)
    f_k = σ(U x + Σ W_kj h_j + b)       c = i·u + Σ f_k·c_k       h = o·tanh(c)

With two children, for binarised constituency trees. Source: Tai, Socher & Manning 2015.
Axes: N nodes, A children, I input features, H hidden units. Gates stack as i, o, u, and then f of each place.
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
class NaryTreeLSTM(TreeCell):
    """N-ary Tree-LSTM (Tai et al. 2015)."""

    arity: int = 2
    forget_bias: float = 1.0

    class State(NamedTuple):
        h: Tensor  # [N, H]
        c: Tensor  # [N, H]

    class Weights(NamedTuple):
        x: Tensor  # [4H, I]
        h: Tensor  # [(3 + A)H, A·H]
        b: Tensor  # [4H]

    def init(self) -> Weights:
        H, A = self.hidden_size, self.arity
        blocks = [torch.cat([init.orthogonal(H) for _ in range(A)], 1) / A**0.5 for _ in range(3 + A)]
        return self.Weights(
            x=init.glorot(H, self.input_size, gates=4),
            h=torch.cat(blocks),
            b=init.gate_bias(H, 4, {3: self.forget_bias}),
        )

    @property
    def most(self) -> int:
        return self.arity

    def node(self, x: Tensor | None, children: State | None, w: Weights) -> State:
        H = self.hidden_size
        own = w.b if x is None else linear(x, w.x, w.b)
        gates, forget = torch.split(own, [3 * H, H], dim=-1)
        kept: Tensor | float = 0.0
        if children is not None:
            pulled = linear(children.h.flatten(1), w.h)
            gates = gates + pulled[:, : 3 * H]
            f = sigmoid(forget.unsqueeze(-2) + pulled[:, 3 * H :].view(-1, self.arity, H))
            kept = (f * children.c).sum(1)
        i, o, u = gates.chunk(3, dim=-1)
        c = sigmoid(i) * tanh(u) + kept
        return self.State(sigmoid(o) * tanh(c), c)
