"""Next token: read a sequence, and at every step say what comes next.

    embedding → recurrent layers → linear map to one score a token

Axes: T time steps, B batch rows, V tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from undertow.data.batches import PADDING
from undertow.recurrent.dropout import dropout
from undertow.recurrent.recurrent import Recurrent


class NextToken(nn.Module):
    """A language model over a small vocabulary.

    Args:
        tokens: V, size of the vocabulary.
        recurrent: layers whose input size is that of the embedding.
        dropout: share of the last layer's output that is dropped in training.
        input_dropout: share of the embedding; None is `dropout`.
    """

    def __init__(
        self, tokens: int, recurrent: Recurrent, dropout: float = 0.0, input_dropout: float | None = None
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, recurrent.cell.input_size)
        self.recurrent = recurrent
        self.readout = nn.Linear(recurrent.output_size, tokens)
        self.dropout = dropout
        self.input_dropout = dropout if input_dropout is None else input_dropout
        with torch.no_grad():
            self.readout.weight.mul_(0.1)  # an untrained net is to say "all tokens alike": its loss is ln V
            self.readout.bias.zero_()

    def forward(
        self, tokens: Tensor, start: Sequence[Any] | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """Scores [T, B, V] for the token after each of `tokens` [T, B], and the last states."""
        x = dropout(self.embedding(tokens), self.input_dropout, self.training)
        y, last = self.recurrent(x, start=start, lengths=lengths)
        return self.readout(dropout(y, self.dropout, self.training)), last


def cross_entropy(scores: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
    """−ln p of the targets [T, B] in nats; padding is not counted."""
    return functional.cross_entropy(
        scores.flatten(0, 1), targets.flatten(), ignore_index=PADDING, reduction=reduction
    )
