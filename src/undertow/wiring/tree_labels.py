"""A label for every node of a tree: from the words at its leaves upwards.

    embedding of the words → tree cell, children before parents → linear map to one score a class, at every node

Axes: L leaves, N nodes, I features of a word, H hidden units, C classes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from undertow.recurrent.dropout import dropout
from undertow.unroll.trees.forest import Forest
from undertow.unroll.trees.tree_cell import TreeCell
from undertow.unroll.trees.walk import walk_forest


class TreeLabels(nn.Module):
    """A classifier of phrases.

    Args:
        tokens: size of the vocabulary.
        cell: what a node makes of its children; its input size is that of the embedding.
        classes: C.
        dropout: share of the embedding and of the states before the readout that is dropped in training.
    """

    def __init__(self, tokens: int, cell: TreeCell, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, cell.input_size)
        self.cell = cell
        self.weights = nn.ParameterDict(dict(zip(cell.Weights._fields, cell.init(), strict=True)))
        self.readout = nn.Linear(cell.hidden_size, classes)
        self.dropout = dropout
        with torch.no_grad():
            self.readout.weight.mul_(0.1)  # an untrained net is to say "all classes alike": its loss is ln C
            self.readout.bias.zero_()

    def forward(self, words: Tensor, trees: Forest) -> Tensor:
        """Scores [N, C] of all nodes, in the trees' own order, from the words [L] of their leaves."""
        state = self.read(self.embedding(words), trees)
        scores: Tensor = self.readout(dropout(state.h, self.dropout, self.training))
        return scores

    def read(self, x: Tensor, trees: Forest) -> Any:
        """States of all nodes from the leaves' features [L, I]."""
        w = self.cell.Weights(*(self.weights[name] for name in self.cell.Weights._fields))
        return walk_forest(self.cell, w, trees, dropout(x, self.dropout, self.training))
