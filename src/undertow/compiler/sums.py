"""What one step and its derivative come to: rows, and sums over all rows."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx

from undertow.compiler.graph import Graph


@dataclass(frozen=True)
class Columns:
    """Some columns of a sequence."""

    name: str
    first: int
    width: int


@dataclass(frozen=True)
class Outer:
    """Σ over steps and rows of aᵀ·b, [width of a, width of b]."""

    a: str
    b: str | tuple[Columns, ...]  # one value, or columns of several sequences side by side

    @property
    def names(self) -> tuple[str, ...]:
        """What it is made of."""
        return (self.a, self.b) if isinstance(self.b, str) else (self.a, *(c.name for c in self.b))


@dataclass(frozen=True)
class Sum:
    """Σ over steps and rows of a value."""

    value: str
    shape: tuple[int, ...]  # as torch gave it: [width] or [1, width]


@dataclass(frozen=True)
class Joint:
    """Forward and backward of one step, and what is done with the sums afterwards."""

    graph: Graph  # outputs: new states, gradients of sequences, gradients of states, values to be summed
    states: tuple[str, ...]
    sequence_gradients: tuple[str, ...]
    state_gradients: tuple[str, ...]
    sums: tuple[Outer | Sum, ...]
    epilogue: fx.GraphModule | None  # (*sums, *derived) → gradients of derived
