"""What drawing sequences takes and gives, as records. Light to load: `undertow.compiler.sampling` does the work.

Axes: V tokens, I input features, H features of the topmost layer, B sequences, N tokens of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from undertow.cells.cell import Cell
from undertow.errors import DivergedError

DRAWN = -1  # in place of a token: this one is to be drawn


class Manner(Protocol):
    """How tokens are drawn: what `undertow.wiring.generate.Sampling` says."""

    @property
    def temperature(self) -> float: ...
    @property
    def top_k(self) -> int: ...
    @property
    def top_p(self) -> float: ...
    @property
    def seed(self) -> int: ...


@dataclass(frozen=True)
class Net:
    """A network that says what comes next, as tensors of one dtype on the CPU."""

    embedding: Tensor  # [V, I]
    cells: tuple[Cell, ...]  # one a layer
    weights: tuple[Any, ...]  # the Weights of each
    projections: tuple[Tensor | None, ...]  # [P, ·], on the output of a layer
    readout: Tensor  # [V, H]
    bias: Tensor  # [V]
    zones: tuple[float, ...] = ()  # share of each field of the state that stays (zoneout)

    @property
    def tensors(self) -> list[Tensor]:
        """All weights."""
        of_cells = [w for weights in self.weights for w in weights]
        maps = [p for p in self.projections if p is not None]
        return [self.embedding, *of_cells, *maps, self.readout, self.bias]


@dataclass(frozen=True)
class Begin:
    """Where sequences go on from, and how they are drawn.

    The random number of a token depends on `how.seed`, on the number of its sequence and on that of its step alone.
    """

    tokens: Tensor  # [P, B], the first row read first; a later one is drawn where it is DRAWN, and else read
    states: Sequence[Any]  # before them: a State [B, ·] a layer
    how: Manner
    stop: int | None = None  # a sequence ends when it draws this token
    skip: int = 0  # sequences that were drawn before these
    step: int = 0  # tokens that each of them has drawn before


@dataclass(frozen=True)
class Drawn:
    """What came of it."""

    tokens: Tensor  # [N, B], all that follow the first row read; after the one that ends a sequence, only that one
    states: tuple[Any, ...]  # before the last token of each sequence is read: a State [B, ·] a layer


def no_numbers(sequence: int, step: int) -> DivergedError:
    """What is said where there is nothing to draw from."""
    return DivergedError(
        f"Nothing can be drawn: token {step} of sequence {sequence} has scores that are no numbers (NaN), because "
        f"weights of the network are none, or its state ran off to infinity. Train anew with a smaller "
        f"--learning-rate or --clip-norm."
    )
