"""From a step to a recurrence: trace, differentiate, read, plan."""

from __future__ import annotations

import torch

from undertow.cells.cell import Cell
from undertow.compiler.differentiate import differentiate
from undertow.compiler.guard import check
from undertow.compiler.hoist import only
from undertow.compiler.outside import around
from undertow.compiler.plan import plan
from undertow.compiler.read import read
from undertow.compiler.recurrence import Recurrence
from undertow.compiler.trace import trace
from undertow.compiler.variation import Variation


def traced(cell: Cell, shapes: tuple[tuple[int, ...], ...], bits: int, how: Variation) -> Recurrence:
    """Compile a step, but for its machine code.

    Raises:
        NoRowError: the step holds an op that no kernel can.
    """
    dtype = torch.float32 if bits == 32 else torch.float64
    weights = [torch.zeros(s, dtype=dtype) for s in shapes]
    found = trace(cell, weights, how, dtype)
    roles = [("u", found.sequences), ("m", found.masks), ("s", found.states), ("k", found.derived)]
    both = differentiate(found)
    joint = read(both, [*roles, ("d", found.states)], found.batch)
    check(cell, found, both, weights, how)
    moves = ([False] if how.state_mask else []) + [True] * (found.masks - how.state_mask)
    assert joint.epilogue is not None
    outer = around(found, weights)
    return Recurrence(
        cell, outer, plan(joint, tuple(moves), how.rounded), only(joint.epilogue, outer.inner), bits
    )
