"""Pooling: one vector for a sequence, from the states of its steps.

    last         the state at each row's own end (of both walks, where there are two)
    mean, max    over the steps that are there
    attention    a weighted mean; the weights are learned    (Yang et al. 2016)

Axes: T steps, B batch rows, F features.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from undertow.errors import SettingError
from undertow.recurrent.recurrent import Recurrent
from undertow.unroll.steps import alive
from undertow.wiring.attention import shares_of
from undertow.wiring.self_attention import SelfAttention

POOLINGS = ("last", "mean", "max", "attention")


class Pooling(nn.Module):
    """Of the outputs of recurrent layers.

    Args:
        how: last, mean, max or attention.
        recurrent: the layers, or self-attention, whose outputs are pooled.

    Raises:
        SettingError: no such pooling.
    """

    def __init__(self, how: str, recurrent: Recurrent | SelfAttention) -> None:
        super().__init__()
        if how not in POOLINGS:
            raise SettingError(f"pooling must be one of {', '.join(POOLINGS)}, got {how!r}.")
        self.how = how
        both_ways = isinstance(recurrent, Recurrent) and recurrent.stack.directions == 2
        self.halves = both_ways and not recurrent.projection
        size = recurrent.output_size
        if how == "attention":
            self.map, self.score = nn.Linear(size, size), nn.Linear(size, 1, bias=False)

    def forward(self, y: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """One vector a row [B, F] from y [T, B, F], and each step's share of it [T, B].

        Shares are weights for mean and attention, how many of the features come from a step for max, and 1 at the end
        for last. A row of no steps gives zeros.
        """
        pooled: tuple[Tensor, Tensor] = getattr(self, f"_{self.how}")(y, lengths, alive(len(y), lengths))
        return pooled

    def _last(self, y: Tensor, lengths: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        rows, ends = torch.arange(y.shape[1]), (lengths - 1).clamp(min=0)
        found, half = y[ends, rows], y.shape[-1] // 2
        if self.halves:  # the walk from the end has read all of the row at its first step
            found = torch.cat([found[:, :half], y[0, :, half:]], -1)
        shares = torch.zeros_like(valid, dtype=y.dtype)
        shares[ends, rows] = 1
        there = (lengths > 0).to(y.dtype)
        return found * there[:, None], shares * there

    def _mean(self, y: Tensor, lengths: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        shares = valid.to(y.dtype) / lengths.clamp(min=1).to(y.dtype)
        return (y * shares[..., None]).sum(0), shares

    def _max(self, y: Tensor, lengths: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        highest, at = y.masked_fill(~valid[..., None], -torch.inf).max(0)
        shares = torch.zeros(y.shape[:2], dtype=y.dtype).scatter_add(
            0, at.T, torch.full_like(at.T, 1 / y.shape[-1], dtype=y.dtype)
        )
        there = (lengths > 0)[:, None]
        return torch.where(there, highest, 0.0), shares * there.T

    def _attention(self, y: Tensor, lengths: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.score(torch.tanh(self.map(y)))[..., 0]
        shares = shares_of(scores.T, valid.T).T
        return (y * shares[..., None]).sum(0), shares

    def extra_repr(self) -> str:
        return self.how


def row_lengths(lengths: Any, steps: int, rows: int) -> Tensor:
    """[B]; all steps where none are given."""
    return torch.full((rows,), steps) if lengths is None else torch.as_tensor(lengths)
