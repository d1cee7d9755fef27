"""Attention: which of the states that were kept matter now?

    additive          score = v · tanh(W query + U key)      (Bahdanau, Cho & Bengio 2015)
    multiplicative    score = query · W key                  (Luong, Pham & Manning 2015, "general")

    shares = softmax over the steps that are there,  context = Σ shares · keys

Axes: S steps that are looked at, T steps that look, B batch rows, K key features, Q query features, U units.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Memory(NamedTuple):
    """What is looked at, with what of it needs working out once only."""

    keys: Tensor  # [S, B, K]
    mapped: Tensor  # [S, B, ·]
    valid: Tensor  # [S, B] bool


def shares_of(scores: Tensor, valid: Tensor) -> Tensor:
    """softmax over the last axis of [..., S] where `valid` [..., S] is true; the rest is 0, all of it where none is."""
    lowest = torch.finfo(scores.dtype).min
    found = torch.softmax(scores.masked_fill(~valid, lowest), dim=-1)
    return found.masked_fill(~valid, 0.0)


class Additive(nn.Module):
    """A small network scores every pair."""

    def __init__(self, query_size: int, key_size: int, units: int) -> None:
        super().__init__()
        self.query = nn.Linear(query_size, units, bias=False)
        self.key = nn.Linear(key_size, units)
        self.score = nn.Linear(units, 1, bias=False)

    def remember(self, keys: Tensor, valid: Tensor) -> Memory:
        """Prepare keys [S, B, K] of which `valid` [S, B] says what is there."""
        return Memory(keys, self.key(keys), valid)

    def forward(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Contexts [T, B, K] and shares [T, B, S] for queries [T, B, Q]."""
        pairs = torch.tanh(self.query(query)[:, None] + memory.mapped)  # [T, S, B, U]
        return _read(self.score(pairs)[..., 0].transpose(1, 2), memory)


class Multiplicative(nn.Module):
    """A bilinear form scores every pair: a matrix product, so that it is fast."""

    def __init__(self, query_size: int, key_size: int) -> None:
        super().__init__()
        self.key = nn.Linear(key_size, query_size, bias=False)

    def remember(self, keys: Tensor, valid: Tensor) -> Memory:
        """Prepare keys [S, B, K] of which `valid` [S, B] says what is there."""
        return Memory(keys, self.key(keys), valid)

    def forward(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Contexts [T, B, K] and shares [T, B, S] for queries [T, B, Q]."""
        scores = torch.bmm(query.transpose(0, 1), memory.mapped.permute(1, 2, 0))  # [B, T, S]
        return _read(scores.transpose(0, 1), memory)


def _read(scores: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
    shares = shares_of(scores, memory.valid.T)
    context = torch.bmm(shares.transpose(0, 1), memory.keys.transpose(0, 1))  # [B, T, K]
    return context.transpose(0, 1), shares
