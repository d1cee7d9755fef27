"""The contract of a cell: named state, named weights with their start, and a pure step.

From these three alone come the loop over time, the module with layers and directions, the counts and
the drawing. Axes: B batch rows, I input features, H hidden units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from undertow.errors import CellError
from undertow.shapes import check_size


@dataclass(frozen=True)
class Cell:
    """What does one step of the recurrence do?

    Subclass it as a frozen dataclass; a cell's own settings are further fields with defaults. Define

    - `State`, a NamedTuple of tensors [B, ...]; the first field is the output, what the layer above sees;
    - `Weights`, a NamedTuple of tensors;
    - `init() -> Weights`: fresh weights, drawn from torch's global generator;
    - `step(x, state, w) -> State`: pure, x is [B, I]. Dropout belongs to `Recurrent`, not in here;
    - `start(batch) -> State` only where a state is not zeros of [B, H];
    - `recurrent`: the names of the weights that multiply the state, where `("h",)` is not it.
    - `gates`: what the step's sigmoids are called, in the order in which they are taken, for those who watch them.
    """

    input_size: int
    hidden_size: int

    State: ClassVar[Any]
    Weights: ClassVar[Any]
    recurrent: ClassVar[tuple[str, ...]] = ("h",)
    gates: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        check_size(self.input_size, "input_size", type(self).__name__)
        check_size(self.hidden_size, "hidden_size", type(self).__name__)

    def init(self) -> Any:
        """Draw fresh weights from torch's global generator."""
        raise CellError(f"{type(self).__name__} has no init(): define it to return fresh Weights.")

    def start(self, batch: int) -> Any:
        """The state before the first step: zeros of [B, H] in every field."""
        return self.State(*(torch.zeros(batch, self.hidden_size) for _ in self.State._fields))

    def step(self, x: Tensor, state: Any, w: Any) -> Any:
        """Advance the state by one time step; x is [B, I]."""
        raise CellError(f"{type(self).__name__} has no step(): define step(self, x, state, w) -> State.")


def set_by_hand(cell: Cell) -> dict[str, Any]:
    """Attributes that are no fields: two cells that are equal may differ in them."""
    known = type(cell).__dataclass_fields__
    return {name: thing for name, thing in vars(cell).items() if name not in known}


def output_size(cell: Cell) -> int:
    """How many features does the layer above see? The width of the first field of the state."""
    return int(cell.start(1)[0].shape[-1])


def check_parts(cell: Cell) -> None:
    """Is this a cell, with a State and Weights whose fields have names?

    Raises:
        CellError: says what is missing.
    """
    if not isinstance(cell, Cell):
        made = cell if isinstance(cell, type) else type(cell)
        ready = made is cell and issubclass(made, Cell)
        mend = f"Build it: {made.__name__}(input_size, hidden_size)." if ready else "Subclass undertow.Cell."
        raise CellError(f"A cell is an object of a subclass of undertow.Cell, got {made.__name__}. {mend}")
    name = type(cell).__name__
    for part in ("State", "Weights"):
        if not hasattr(getattr(cell, part, None), "_fields"):
            raise CellError(
                f"{name}.{part} must be a NamedTuple of tensors. Write: class {part}(NamedTuple): ..."
            )


def check_contract(cell: Cell, weights: Any) -> None:
    """Does this cell keep the contract? One trial step on two rows of zeros tells.

    Raises:
        CellError: names the cell, the part that is wrong, and the mend.
    """
    check_parts(cell)
    name = type(cell).__name__
    if type(weights) is not cell.Weights:
        raise CellError(f"{name}.init() must return {name}.Weights, got {type(weights).__name__}.")
    for field, tensor in zip(weights._fields, weights, strict=True):
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            raise CellError(
                f"{name}.init(): weight {field!r} must be a floating point tensor, got {tensor!r}."
            )
    before = cell.start(2)
    if type(before) is not cell.State:
        raise CellError(f"{name}.start() must return {name}.State(...), got {type(before).__name__}.")
    x = torch.zeros(2, cell.input_size, dtype=weights[0].dtype if weights else None)
    with torch.no_grad():
        after = cell.step(x, cell.State(*(s.to(x) for s in before)), cell.Weights(*weights))
    if type(after) is not cell.State:
        raise CellError(f"{name}.step() must return {name}.State(...), got {type(after).__name__}.")
    for field, old, new in zip(cell.State._fields, before, after, strict=True):
        if not isinstance(new, Tensor):
            raise CellError(f"{name}.step(): state {field!r} must be a tensor, got {new!r}.")
        if old.shape != new.shape:
            raise CellError(
                f"{name}.step(): state {field!r} starts as {tuple(old.shape)} and comes out as "
                f"{tuple(new.shape)} for a batch of 2. A state keeps its shape: mend step(), or override start()."
            )
