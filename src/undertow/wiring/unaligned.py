"""Many to many, unaligned: read a sequence whole, then write another; attention says what is looked at meanwhile.

    source tokens → embedding → encoder, both ways           → keys
    target tokens → embedding → first decoder layer          → queries
    [query; context of the keys] → upper decoder layers      → linear map to one score a token

The queries come from the first layer alone, so that in training every layer walks the whole target at once, at a
kernel's speed; what was looked at flows on through the recurrence above it.
Sources: Sutskever, Vinyals & Le 2014; Bahdanau, Cho & Bengio 2015; Luong, Pham & Manning 2015; attention from the
bottom layer, Wu et al. 2016.
Axes: S source steps, T target steps, B batch rows, K features of a key, V target tokens.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from undertow.errors import ShapeError
from undertow.recurrent.dropout import dropout
from undertow.recurrent.recurrent import Recurrent
from undertow.unroll.steps import alive
from undertow.wiring.attention import Additive, Memory, Multiplicative
from undertow.wiring.pooling import row_lengths


class Progress(NamedTuple):
    """How far the writing of a batch has come."""

    memory: Memory
    states: tuple[tuple[Any, ...], ...]  # of the first decoder layer, and of those above it


class Written(NamedTuple):
    """What is said of the next tokens, and what was looked at."""

    scores: Tensor  # [T, B, V]
    shares: Tensor  # [T, B, S]
    progress: Progress


class EncoderDecoder(nn.Module):
    """A translator of sequences into sequences.

    Args:
        source_tokens: size of the vocabulary that is read.
        target_tokens: V, of the one that is written.
        encoder: layers whose input size is that of the source embedding.
        query: the first decoder layer; its input size is that of the target embedding.
        upper: the decoder layers above; its input size is the first one's output and a key together.
        attention: Additive or Multiplicative between them.
        dropout: share of embeddings, keys and outputs that is dropped in training.

    Raises:
        ShapeError: the layers do not fit one another.
    """

    def __init__(
        self,
        source_tokens: int,
        target_tokens: int,
        encoder: Recurrent,
        query: Recurrent,
        upper: Recurrent,
        attention: Additive | Multiplicative,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _check(encoder, query, upper)
        self.source = nn.Embedding(source_tokens, encoder.cell.input_size)
        self.target = nn.Embedding(target_tokens, query.cell.input_size)
        self.encoder, self.query, self.upper, self.attention = encoder, query, upper, attention
        self.first = nn.Linear(encoder.output_size, query.output_size)
        self.narrow = nn.Linear(upper.output_size + encoder.output_size, query.cell.input_size)
        self.readout = nn.Linear(query.cell.input_size, target_tokens)
        self.readout.weight = (
            self.target.weight
        )  # what a token means and how it is chosen are one (Press & Wolf 2017)
        self.dropout = dropout
        with torch.no_grad():
            self.target.weight.normal_(0, query.cell.input_size**-0.5)
            self.readout.bias.zero_()

    def forward(self, source: Tensor, target: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Scores [T, B, V] for the token after each of `target` [T, B], and shares [T, B, S] of `source` [S, B]."""
        written = self.write(target, self.encode(source, lengths))
        return written.scores, written.shares

    def encode(self, source: Tensor, lengths: Tensor | None = None) -> Progress:
        """Read the source [S, B]; nothing is written yet."""
        sizes = row_lengths(lengths, *source.shape)
        keys, _ = self.encoder(self._dropped(self.source(source)), lengths=lengths)
        valid = alive(len(source), sizes)
        mean = keys.sum(0) / sizes.clamp(min=1).to(keys.dtype)[:, None]
        memory = self.attention.remember(self._dropped(keys), valid)
        return Progress(memory, (self._started(self.query, torch.tanh(self.first(mean))), ()))

    def write(self, target: Tensor, progress: Progress) -> Written:
        """Go on with `target` [T, B]."""
        below, above = progress.states
        queries, last = self.query(self._dropped(self.target(target)), start=below)
        context, shares = self.attention(queries, progress.memory)
        y, top = self.upper(self._dropped(torch.cat([queries, context], -1)), start=above or None)
        narrowed = torch.tanh(self.narrow(torch.cat([y, context], -1)))
        scores = self.readout(self._dropped(narrowed))
        return Written(scores, shares, Progress(progress.memory, (last, top)))

    def _started(self, layers: Recurrent, h: Tensor) -> tuple[Any, ...]:
        """What is seen of the state begins as the mean of what was read; what is kept within begins as ever."""
        cell = layers.stack.cells[0]
        fresh = cell.start(len(h))
        return (cell.State(h, *(field.to(h) for field in fresh[1:])),)

    def _dropped(self, x: Tensor) -> Tensor:
        return dropout(x, self.dropout, self.training)


def rows_of(progress: Progress, rows: Tensor) -> Progress:
    """Some rows of a batch, some of them perhaps several times."""
    memory = progress.memory
    picked = Memory(memory.keys[:, rows], memory.mapped[:, rows], memory.valid[:, rows])
    states = tuple(
        tuple(type(state)(*(field[rows] for field in state)) for state in layers)
        for layers in progress.states
    )
    return Progress(picked, states)


def _check(encoder: Recurrent, query: Recurrent, upper: Recurrent) -> None:
    layers = query.stack.layers * query.stack.directions
    if layers != 1 or query.projection:
        raise ShapeError("EncoderDecoder: query must be one layer, one way, without a projection.")
    if upper.stack.directions != 1:
        raise ShapeError("EncoderDecoder: upper must walk one way: what is written next is not known yet.")
    wanted = query.output_size + encoder.output_size
    if upper.cell.input_size != wanted:
        raise ShapeError(
            f"EncoderDecoder: upper reads query and context together, {query.output_size} + {encoder.output_size} = "
            f"{wanted} features; its cell has input_size {upper.cell.input_size}."
        )
