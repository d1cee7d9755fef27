"""Weights that multiply the state: which they are, and thinning them for one walk.

    U' = U · m / (1 − p),   m = 0 with probability p, else 1, one draw for all steps of a walk

Unlike dropout of states this costs nothing a step, and the state keeps its memory: only the connections are dropped
(Wan et al. 2013, "DropConnect"; on recurrent weights, Merity, Keskar & Socher 2018).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from undertow.cells.cell import Cell
from undertow.errors import CellError
from undertow.recurrent.dropout import dropout


def recurrent_weights(cell: Cell, weights: Any) -> dict[str, Tensor]:
    """The weights that multiply the state, by name.

    Raises:
        CellError: the cell's `recurrent` names a weight that it does not have.
    """
    return {name: _named(weights, name, type(cell).__name__) for name in cell.recurrent}


def thinned(cell: Cell, weights: Any, share: float) -> Any:
    """The weights, with a share of those that multiply the state dropped."""
    matrices = recurrent_weights(cell, weights)
    return weights._replace(**{name: dropout(matrix, share) for name, matrix in matrices.items()})


def _named(weights: Any, name: str, cell: str) -> Any:
    if name not in weights._fields:
        raise CellError(
            f"{cell} has no weight {name!r}, which its `recurrent` names. Let `recurrent` name the weights that "
            f"multiply the state; it has {', '.join(weights._fields)}."
        )
    return getattr(weights, name)
