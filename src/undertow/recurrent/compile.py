"""undertow.compile: build a cell's kernels now, and look at what was planned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from undertow.cells.cell import Cell
from undertow.compiler.engine import numba_missing
from undertow.errors import CellError, MissingExtraError, SettingError
from undertow.recurrent.recurrent import Recurrent


@dataclass(frozen=True, eq=False)
class Compiled:
    """A compiled step; print it to read its plan."""

    cell: Cell
    made: Any  # undertow.compiler.function.Recurrence

    def __str__(self) -> str:
        from undertow.compiler.show import describe

        return describe(self.made)

    @property
    def sources(self) -> dict[str, str]:
        """The generated source: forward, infer (nothing kept) and backward."""
        from undertow.compiler.show import sources

        return sources(self.made)


def compile(
    cell_or_layer: Cell | Recurrent, *, dtype: torch.dtype = torch.float32, build: bool = True
) -> Any:
    """Build kernels before they are needed.

    Args:
        cell_or_layer: a cell, or a Recurrent whose layers shall run by kernel or not at all.
        dtype: float32 or float64; a Recurrent's own weights decide for it.
        build: False plans only.

    Returns:
        For a cell a `Compiled`, which prints its plan; for a Recurrent the same module, its engine "numba".

    Raises:
        SettingError: the step holds an op that no kernel can; names it and its line.
        MissingExtraError: Numba is missing or too old.
    """
    if numba_missing():
        raise MissingExtraError(numba_missing())
    if isinstance(cell_or_layer, Recurrent):
        layer = cell_or_layer
        for number, cell in enumerate(layer.stack.cells):
            _compiled(cell, layer.weights(number), build)
        layer.set_engine("numba")
        return layer
    if not isinstance(cell_or_layer, Cell):
        raise CellError(f"undertow.compile takes a cell or a Recurrent, got {type(cell_or_layer).__name__}.")
    with torch.random.fork_rng(devices=[]):
        weights = cell_or_layer.Weights(*(w.to(dtype) for w in cell_or_layer.init()))
    return _compiled(cell_or_layer, weights, build)


def _compiled(cell: Cell, weights: Any, build: bool) -> Compiled:
    from undertow.compiler.graph import NoRowError
    from undertow.compiler.recurrence import BITS, compile_step
    from undertow.compiler.variation import Variation

    dtype = weights[0].dtype if len(weights) else torch.float32
    if dtype not in BITS:
        raise SettingError(f"Kernels hold float32 or float64, got {dtype}.")
    try:
        made = compile_step(cell, tuple(tuple(w.shape) for w in weights), BITS[dtype], Variation())
    except NoRowError as error:
        raise SettingError(f"{type(cell).__name__} has no kernel: {error}.") from error
    for half in ("forward", "infer", "backward") if build else ():
        made.kernel(half)
    return Compiled(cell, made)
