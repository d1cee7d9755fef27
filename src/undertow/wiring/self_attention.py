"""A small self-attention encoder, to compare recurrences with: every step looks at every other.

    x + attention(norm(x)),  then  x + W₂ gelu(W₁ norm(x))        so many blocks; a norm at the end

Sources: Vaswani et al. 2017; norm before each part, Xiong et al. 2020. Axes: T steps, B rows, F features, A heads.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from undertow.errors import SettingError
from undertow.recurrent.dropout import dropout
from undertow.unroll.steps import alive

WIDER = 2  # hidden units of a block's map, times F


class SelfAttention(nn.Module):
    """Blocks of self-attention over [T, B, F]; padding is not looked at.

    Args:
        size: F, of input and output.
        layers: blocks.
        heads: A, which must divide F.
        dropout: share of what each part adds that is dropped in training.

    Raises:
        SettingError: the heads do not divide the features.
    """

    def __init__(self, size: int, layers: int = 2, heads: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        if heads < 1 or size % heads:
            raise SettingError(
                f"SelfAttention: {heads} heads do not divide {size} features. Take another --heads."
            )
        self.input_size = self.output_size = size
        self.blocks = nn.Sequential(*(Block(size, heads, dropout) for _ in range(layers)))
        self.norm = nn.LayerNorm(size)

    def forward(self, x: Tensor, lengths: Any = None) -> tuple[Tensor, None]:
        """y [T, B, F], and no state to go on from."""
        steps, rows = x.shape[:2]
        sizes = torch.full((rows,), steps) if lengths is None else torch.as_tensor(lengths)
        seen = alive(steps, sizes.clamp(min=1)).T[:, None, None]  # [B, 1, 1, T]
        for block in self.blocks:
            x = block(x, seen)
        return self.norm(x), None


class Block(nn.Module):
    """What every step makes of all steps, and then of itself."""

    def __init__(self, size: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.first, self.second = nn.LayerNorm(size), nn.LayerNorm(size)
        self.look, self.join = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.widen, self.narrow = nn.Linear(size, WIDER * size), nn.Linear(WIDER * size, size)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """Of x [T, B, F], of which `seen` [B, 1, 1, T] says what is there."""
        x = x + dropout(self._looked(self.first(x), seen), self.dropout, self.training)
        bent = functional.gelu(self.widen(self.second(x)))
        return x + dropout(self.narrow(bent), self.dropout, self.training)

    def _looked(self, x: Tensor, seen: Tensor) -> Tensor:
        steps, rows, size = x.shape
        q, k, v = self.look(x).view(steps, rows, 3, self.heads, -1).permute(2, 1, 3, 0, 4)  # [B, A, T, F/A]
        found = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        joined: Tensor = self.join(found.permute(2, 0, 1, 3).reshape(steps, rows, size))
        return joined
