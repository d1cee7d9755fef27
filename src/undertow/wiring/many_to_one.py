"""Many to one: read a sequence, then say one thing of it.

    embedding (and position) → recurrent layers, or self-attention → pooling → linear map to one score a class

Axes: T time steps, B batch rows, V tokens, C classes.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from undertow.recurrent.dropout import dropout
from undertow.recurrent.recurrent import Recurrent
from undertow.wiring.pooling import Pooling, row_lengths
from undertow.wiring.positions import Positions
from undertow.wiring.self_attention import SelfAttention


class Read(NamedTuple):
    """What was said of a batch, and from where."""

    scores: Tensor  # [B, C]
    shares: Tensor  # [T, B] of each step in what was pooled


class ManyToOne(nn.Module):
    """A classifier of sequences.

    Args:
        tokens: V, size of the vocabulary.
        recurrent: layers whose input size is that of the embedding; or self-attention in their place.
        classes: C; 1 for a number.
        pooling: last, mean, max or attention.
        dropout: share of embedding and of the pooled vector that is dropped in training.
        positions: none, sines or learned, added to the embedding.

    Raises:
        SettingError: no such pooling, or no such positions.
    """

    def __init__(
        self,
        tokens: int,
        recurrent: Recurrent | SelfAttention,
        classes: int,
        pooling: str = "last",
        dropout: float = 0.0,
        positions: str = "none",
    ) -> None:
        super().__init__()
        size = recurrent.cell.input_size if isinstance(recurrent, Recurrent) else recurrent.input_size
        self.embedding = nn.Embedding(tokens, size)
        self.positions = Positions(positions, size)
        self.recurrent = recurrent
        self.pooling = Pooling(pooling, recurrent)
        self.readout = nn.Linear(recurrent.output_size, classes)
        self.dropout = dropout
        with torch.no_grad():
            self.readout.weight.mul_(0.1)  # an untrained net is to say "all classes alike": its loss is ln C
            self.readout.bias.zero_()

    def forward(self, tokens: Tensor, lengths: Tensor | None = None) -> Read:
        """Of tokens [T, B], of which each row's first `lengths` are there."""
        return self.read(self.embedding(tokens), lengths)

    def read(self, x: Tensor, lengths: Tensor | None = None) -> Read:
        """Of embedded tokens [T, B, I]."""
        sizes = row_lengths(lengths, *x.shape[:2])
        y, _ = self.recurrent(dropout(self.positions(x), self.dropout, self.training), lengths=lengths)
        pooled, shares = self.pooling(y, sizes)
        return Read(self.readout(dropout(pooled, self.dropout, self.training)), shares)
