"""Recurrent: any cell as a module with layers, directions, lengths, carried state and dropout in time.

Axes: T time steps, B batch rows, I input features, H output features of the cell, D directions, P projected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, overload

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from undertow.cells.cell import Cell, check_contract, check_parts, output_size
from undertow.compiler.engine import check_engine
from undertow.errors import CellError, SettingError, ShapeError
from undertow.recurrent.packed import pack_like, unpack
from undertow.recurrent.stack import Call, Outcome, Passage, Stack, run
from undertow.recurrent.weight_drop import recurrent_weights
from undertow.shapes import check_lengths, check_sequence, check_share, check_size


class Recurrent(nn.Module):
    """Run any cell over sequences.

    Args:
        cell: says what one step does; its input_size is that of the first layer.
        layers: how many are stacked; each reads the output of the one below.
        bidirectional: a second cell a layer walks from the end; outputs are joined to D·H features.
        dropout: share dropped between layers, in training.
        variational: share dropped with one mask for all steps, on input and state (Gal & Ghahramani 2016).
        weight_drop: share of the weights that multiply the state dropped for a whole walk (Merity et al. 2018).
        zoneout: share of units that keep their old state, one number for every field of the state or one a
            field (Krueger et al. 2017).
        projection: if not 0, each layer's output passes a linear map to P features. The recurrence itself is
            not narrowed; for that use the cell ProjectedLSTM.
        batch_first: x and y are [B, T, ·]. Every other tensor stays as it is.
        engine: "auto" takes a kernel where the step has one and says once where it has not; "numba" takes a kernel
            or raises; "eager" is the plain loop over steps.

    Raises:
        SettingError: a setting is out of range.
        CellError: the cell breaks the contract of `undertow.Cell`, or weight_drop finds no weight that it names.
    """

    def __init__(
        self,
        cell: Cell,
        layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        *,
        variational: float = 0.0,
        weight_drop: float = 0.0,
        zoneout: float | Sequence[float] = 0.0,
        projection: int = 0,
        batch_first: bool = False,
        engine: str = "auto",
    ) -> None:
        super().__init__()
        check_parts(cell)
        where = f"Recurrent({type(cell).__name__})"
        check_size(layers, "layers", where)
        check_share(dropout, "dropout", where)
        check_share(variational, "variational", where)
        check_share(weight_drop, "weight_drop", where)
        if projection:
            check_size(projection, "projection", where)
            if "projection" in cell.Weights._fields:
                raise CellError(
                    f"{where}: projection needs the name of the cell's weight 'projection'. Rename it."
                )
        check_engine(engine, f"{where}: ")
        self.cell, self.batch_first, self.projection = cell, batch_first, projection
        directions = 2 if bidirectional else 1
        self.stack = Stack(
            cells=_stacked(cell, layers, directions, projection),
            directions=directions,
            dropout=dropout,
            variational=variational,
            weight_drop=weight_drop,
            zoneout=_zoneout(cell, zoneout, where),
            engine=engine,
        )
        self.passages: list[Passage] | None = None
        self.watcher: Callable[[Passage], None] | None = None  # told of every walk while somebody watches
        self.reset_parameters(check=True)

    def reset_parameters(self, check: bool = False) -> None:
        """Draw fresh weights for every layer and direction from torch's global generator."""
        for number, cell in enumerate(self.stack.cells):
            weights = cell.init()
            if check:
                check_contract(cell, weights)
                if self.stack.weight_drop:
                    recurrent_weights(cell, weights)
            for field, tensor in zip(weights._fields, weights, strict=True):
                self._set(field + self._suffix(number), tensor)
        if self.projection:
            wide = self.stack.directions * output_size(self.cell)
            for layer in range(self.stack.layers):
                bound = (6 / (wide + self.projection)) ** 0.5
                self._set(f"projection_l{layer}", torch.empty(self.projection, wide).uniform_(-bound, bound))

    @property
    def engine(self) -> str:
        """Which engine walks: auto, numba or eager."""
        return self.stack.engine

    def set_engine(self, engine: str) -> None:
        """Change which engine walks: auto, numba or eager.

        Raises:
            SettingError: no such engine.
        """
        check_engine(engine)
        self.stack = replace(self.stack, engine=engine)

    def weights(self, number: int) -> Any:
        """The Weights of one layer and direction, counted layer by layer, forward before backward."""
        kind = self.stack.cells[number].Weights
        return kind(*(getattr(self, field + self._suffix(number)) for field in kind._fields))

    def projection_of(self, layer: int) -> Tensor | None:
        """The linear map [P, D·H] on the output of a layer, or None."""
        found: Tensor | None = getattr(self, f"projection_l{layer}") if self.projection else None
        return found

    @property
    def output_size(self) -> int:
        """Features of y: D·H, or P with a projection."""
        return self.projection or self.stack.directions * output_size(self.cell)

    @overload
    def forward(self, x: PackedSequence, start: Any = None) -> tuple[PackedSequence, tuple[Any, ...]]: ...
    @overload
    def forward(
        self, x: Tensor, start: Any = None, lengths: Any = None
    ) -> tuple[Tensor, tuple[Any, ...]]: ...
    @overload
    def forward(
        self, x: Tensor, start: Any = None, lengths: Any = None, keep_states: bool = ...
    ) -> tuple[Any, ...]: ...

    def forward(
        self, x: Any, start: Any = None, lengths: Any = None, keep_states: bool = False
    ) -> tuple[Any, ...]:
        """Walk a batch.

        Args:
            x: [T, B, I], or [B, T, I] with batch_first, or a PackedSequence.
            start: a State per layer and direction (what an earlier call gave as `last`), or None for the cell's
                own start; for one layer and direction the State itself will do.
            lengths: [B] whole numbers of valid steps, or None. Padding changes nothing.
            keep_states: also give every state of every step.

        Returns:
            y, [T, B, D·H] of the top layer, zero past each row's end (a PackedSequence if x was one);
            last, a State per layer and direction, each row's at its own end;
            with keep_states, a State of [T, B, ·] per layer and direction; past its end a row holds its state.

        Raises:
            ShapeError: x, start or lengths do not fit the cell.
        """
        if isinstance(x, PackedSequence):
            if lengths is not None:
                where = f"Recurrent({type(self.cell).__name__})"
                raise ShapeError(f"{where}: a PackedSequence brings its own lengths. Leave lengths out.")
            padded, sizes = unpack(x)
            outcome = self._walk(padded, start, sizes)
            y: Any = pack_like(outcome.y, sizes, x)
        else:
            outcome = self._walk(
                x.transpose(0, 1) if self.batch_first and x.dim() == 3 else x, start, lengths
            )
            y = outcome.y.transpose(0, 1) if self.batch_first else outcome.y
        return (y, outcome.last, outcome.states) if keep_states else (y, outcome.last)

    def _walk(self, x: Tensor, start: Any, lengths: Any) -> Outcome:
        where = f"Recurrent({type(self.cell).__name__})"
        check_sequence(x, self.cell.input_size, where)
        if lengths is not None:
            lengths = torch.as_tensor(lengths, device=x.device)
            check_lengths(lengths, x.shape[0], x.shape[1], where)
        count = len(self.stack.cells)
        call = Call(self._start(x, start, where), lengths, self.training, self.passages, self.watcher)
        weights = [self.weights(number) for number in range(count)]
        projections = [self.projection_of(layer) for layer in range(self.stack.layers)]
        return run(self.stack, weights, projections, x, call)

    def _start(self, x: Tensor, start: Any, where: str) -> list[Any]:
        batch, cells = x.shape[1], self.stack.cells
        fresh = [cell.State(*(s.to(x) for s in cell.start(batch))) for cell in cells]
        if start is None:
            return fresh
        given = [start] if len(cells) == 1 and isinstance(start, cells[0].State) else list(start)
        if len(given) != len(cells):
            raise ShapeError(
                f"{where}: start must hold {len(cells)} states, one a layer and direction, got {len(given)}. "
                f"Hand back what an earlier call gave as `last`."
            )
        for number, (own, theirs) in enumerate(zip(fresh, given, strict=True)):
            if not isinstance(theirs, tuple) or len(theirs) != len(own):
                fields = f" of {', '.join(theirs._fields)}" if hasattr(theirs, "_fields") else ""
                raise ShapeError(
                    f"{where}: start state {number} must be a State of {', '.join(own._fields)}, "
                    f"got {type(theirs).__name__}{fields}. Hand back what an earlier call gave as `last`."
                )
            for field, wanted, got in zip(own._fields, own, theirs, strict=True):
                if wanted.shape != got.shape:
                    raise ShapeError(
                        f"{where}: start state {number}, field {field!r}, must be {tuple(wanted.shape)}, "
                        f"got {tuple(got.shape)}. The batch of x is {batch}."
                    )
        return [cell.State(*state) for cell, state in zip(cells, given, strict=True)]

    def _suffix(self, number: int) -> str:
        layer, direction = divmod(number, self.stack.directions)
        return f"_l{layer}" + ("_reverse" if direction else "")

    def _set(self, name: str, tensor: Tensor) -> None:
        if name not in self._parameters:
            self.register_parameter(name, nn.Parameter(tensor))
            return
        with torch.no_grad():
            getattr(self, name).copy_(tensor)

    def extra_repr(self) -> str:
        stack = self.stack
        shown = {
            "layers": stack.layers,
            "bidirectional": stack.directions == 2,
            "dropout": stack.dropout,
            "variational": stack.variational,
            "weight_drop": stack.weight_drop,
            "zoneout": stack.zoneout if any(stack.zoneout) else 0,
            "projection": self.projection,
            "batch_first": self.batch_first,
        }
        return ", ".join([repr(self.cell), *(f"{name}={value}" for name, value in shown.items() if value)])


@contextmanager
def listening(module: nn.Module) -> Iterator[list[Passage]]:
    """Collect the passages of every Recurrent inside `module` while the context lasts.

    Each passage carries taps: after `torch.autograd.grad(loss, taps)` one has ∂L/∂state at every step.
    """
    passages: list[Passage] = []
    layers = [m for m in module.modules() if isinstance(m, Recurrent)]
    for layer in layers:
        layer.passages = passages
    try:
        yield passages
    finally:
        for layer in layers:
            layer.passages = None


def _stacked(cell: Cell, layers: int, directions: int, projection: int) -> tuple[Cell, ...]:
    above = projection or directions * output_size(cell)
    sizes = [cell.input_size] + [above] * (layers - 1)
    return tuple(replace(cell, input_size=size) for size in sizes for _ in range(directions))


def _zoneout(cell: Cell, zoneout: float | Sequence[float], where: str) -> tuple[float, ...]:
    fields = cell.State._fields
    shares = (float(zoneout),) * len(fields) if isinstance(zoneout, int | float) else tuple(zoneout)
    if len(shares) != len(fields):
        raise SettingError(
            f"{where}: zoneout must be one number or {len(fields)}, one for each of {', '.join(fields)}, "
            f"got {len(shares)}."
        )
    for share in shares:
        check_share(share, "zoneout", where)
    return shares
