"""Beam search: the likeliest sequence, as far as so many that are followed at once can tell.

    score of a sequence = Σ ln p of its tokens / length^α        (α 0: no norm; Wu et al. 2016 use 0.6)

Width 1 is greedy. As wide as there are sequences, it is exhaustive.
Axes: B batch rows, W width, V tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from undertow.errors import SettingError

Step = Callable[
    [Tensor, Any], tuple[Tensor, Any]
]  # tokens [N] and a state of N rows → ln p [N, V] and the next state
Pick = Callable[[Any, Tensor], Any]  # rows of a state, some of them several times


@dataclass(frozen=True)
class Beam:
    """How is searched."""

    width: int = 5
    """Sequences followed at once. 1: greedy."""
    norm: float = 0.6
    """How far length is made up for: 0 not at all, 1 by the mean of ln p."""
    longest: int = 100
    """Tokens a sequence, its end included."""

    def check(self) -> None:
        """Refuse what is out of range.

        Raises:
            SettingError: names the option.
        """
        if self.width < 1:
            raise SettingError(f"--beam must be at least 1, got {self.width}.")
        if self.longest < 1:
            raise SettingError(f"--longest must be at least 1, got {self.longest}.")
        if not 0 <= self.norm <= 10:
            raise SettingError(f"--length-norm must lie from 0 to 10, got {self.norm}.")


@dataclass(frozen=True)
class Found:
    """A sequence without its end, and its score."""

    tokens: tuple[int, ...]
    score: float


@torch.no_grad()
def search(step: Step, pick: Pick, state: Any, first: Tensor, end: int, how: Beam) -> list[list[Found]]:
    """For every row up to `width` sequences, the best first.

    Args:
        step: one more token for every row.
        pick: rows of a state.
        state: of B rows.
        first: the token that each begins with [B].
        end: the token that ends a sequence.
        how: width, norm, longest.

    Raises:
        SettingError: a setting is out of range.
    """
    how.check()
    rows = len(first)
    open_rows = torch.arange(rows)  # which row each followed sequence belongs to
    tokens, sums = first[:, None], torch.zeros(rows, dtype=torch.double)
    done: list[list[Found]] = [[] for _ in range(rows)]
    for length in range(1, how.longest + 1):
        told, state = step(tokens[:, -1], state)
        told = told.double()
        if length == how.longest:
            told = _only(told, end)  # what has not ended by now ends here
        kept = _best(sums[:, None] + told, open_rows, how.width)
        came, token, total = kept
        ended = token == end
        for n in ended.nonzero().flatten().tolist():
            words = tuple(tokens[came[n], 1:].tolist())
            done[int(open_rows[came[n]])].append(Found(words, float(total[n]) / length**how.norm))
        going = ~ended & ~_settled(done, open_rows[came], total, how)
        if not bool(going.any()):
            break
        came, token, sums = came[going], token[going], total[going]
        tokens = torch.cat([tokens[came], token[:, None]], 1)
        open_rows, state = open_rows[came], pick(state, came)
    return [sorted(found, key=lambda f: -f.score)[: how.width] for found in done]


def _only(told: Tensor, token: int) -> Tensor:
    found = torch.full_like(told, -torch.inf)
    found[:, token] = told[:, token]
    return found


def _best(totals: Tensor, rows: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of each row the `width` best continuations of all its sequences: where they came from, token, sum."""
    count, vocabulary = int(rows.max()) + 1, totals.shape[1]
    place = _places(rows)
    table = totals.new_full((count, int(place.max()) + 1, vocabulary), -torch.inf)
    source = torch.zeros(table.shape[:2], dtype=torch.long)
    table[rows, place] = totals
    source[rows, place] = torch.arange(len(rows))
    best = table.flatten(1).topk(min(width, table[0].numel()), dim=1)
    known = best.values > -torch.inf
    came = source.gather(1, best.indices // vocabulary)
    return came[known], (best.indices % vocabulary)[known], best.values[known]


def _places(rows: Tensor) -> Tensor:
    """Of each sequence its number among those of its row; sequences of a row stand together."""
    first = torch.ones_like(rows, dtype=torch.bool)
    first[1:] = rows[1:] != rows[:-1]
    numbers = torch.arange(len(rows))
    return numbers - torch.cummax(torch.where(first, numbers, 0), 0).values


def _settled(done: list[list[Found]], rows: Tensor, sums: Tensor, how: Beam) -> Tensor:
    """Can none that is still open become better than the `width`th that has ended? ln p only falls."""
    found = torch.zeros(len(rows), dtype=torch.bool)
    for n, (row, total) in enumerate(zip(rows.tolist(), sums.tolist(), strict=True)):
        if len(done[row]) >= how.width:
            worst = sorted((f.score for f in done[row]), reverse=True)[how.width - 1]
            found[n] = total / how.longest**how.norm <= worst
    return found
