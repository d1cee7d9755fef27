"""TreeCell: what one node of a tree does, from which the walk over a whole forest comes.

Axes: N nodes, A children a node at most, I input features, H hidden units.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor


@dataclass(frozen=True)
class TreeCell(ABC):
    """A frozen record of settings with named state, named weights and a pure `node`."""

    input_size: int
    hidden_size: int

    State: ClassVar[Any]
    Weights: ClassVar[Any]

    @abstractmethod
    def init(self) -> Any:
        """Fresh weights, from torch's global generator."""

    @property
    def most(self) -> int:
        """Children that a node may have; 0: any number."""
        return 0

    @abstractmethod
    def node(self, x: Tensor | None, children: Any, w: Any) -> Any:
        """States of N nodes.

        Args:
            x: [N, I], or None where these nodes have no input of their own.
            children: a State of [N, A, H], or None at leaves; zeros where a child is not there. Where a cell has
                places for so many children, A is `most`.
            w: the weights.
        """
