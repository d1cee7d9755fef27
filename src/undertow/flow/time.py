"""Time: what every walk over a sequence shows of itself, once its gradient has come back.

‖∂L/∂state_t‖ comes from the backward walk itself, which holds it anyway. Gates are seen by one call of the cell's step
on a few rows, all steps at once, for the states between which it steps are known by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from undertow.cells.catalog import snake
from undertow.cells.cell import Cell
from undertow.flow.records import Time
from undertow.recurrent import torch_like
from undertow.recurrent.recurrent import Recurrent
from undertow.recurrent.stack import Passage

ROWS = 4  # of a batch, whose gates are looked at
OPENERS = frozenset(
    {torch.sigmoid, Tensor.sigmoid, torch.special.expit, nn.functional.sigmoid, Tensor.sigmoid_}
)


@dataclass
class Walks:
    """Watches every recurrent layer of one model through one step."""

    layers: dict[nn.Module, str]
    seen: list[tuple[str, Passage]] = field(default_factory=list)

    def listen(self) -> None:
        """Let every layer tell of its walks."""
        for layer, name in self.layers.items():
            layer.watcher = lambda passage, name=name: self.seen.append((name, passage))  # type: ignore[assignment]

    def leave(self) -> None:
        """Let them be."""
        for layer in self.layers:
            layer.watcher = None  # type: ignore[assignment]

    def times(self) -> tuple[Time, ...]:
        """What was seen; a walk whose gradient never came back is left out."""
        return tuple(
            time_of(name, passage)
            for name, passage in self.seen
            if passage.course.gauges is not None and not passage.course.gauges[0].isnan().all()
        )


def watchable(model: nn.Module) -> dict[nn.Module, str]:
    """Recurrent layers on our own engines, by name."""
    kinds = (Recurrent, torch_like.RNN, torch_like.LSTM, torch_like.GRU)
    return {m: name for name, m in model.named_modules() if isinstance(m, kinds)}


def time_of(name: str, passage: Passage) -> Time:
    """One walk in numbers."""
    course, cell = passage.course, passage.cell
    fields = cell.State._fields
    steps, batch = passage.x.shape[:2]
    alive = _alive(passage)
    assert course.gauges is not None
    squares = {
        f: g.nan_to_num(0.0, torch.inf, torch.inf) * alive for f, g in zip(fields, course.gauges, strict=True)
    }
    states = zip(fields, passage.states, strict=True)
    return Time(
        module=name,
        layer=passage.layer,
        direction=passage.direction,
        cell=snake(type(cell).__name__),
        steps=steps,
        batch=batch,
        gradient={f: _numbers(s.double().sum(1).sqrt()) for f, s in squares.items()},
        state={
            f: _numbers((s.detach().flatten(2).double().square().sum(2) * alive).sum(1).sqrt())
            for f, s in states
        },
        gates=openness(passage, alive),
    )


def _alive(passage: Passage) -> Tensor:
    """[T, B]: 1 within a row's length."""
    steps, batch = passage.x.shape[:2]
    if passage.course.lengths is None:
        return passage.x.new_ones(steps, batch)
    return (torch.arange(steps, device=passage.x.device)[:, None] < passage.course.lengths).to(
        passage.x.dtype
    )


def _numbers(tensor: Tensor) -> list[float]:
    found: list[float] = tensor.tolist()
    return found


class _Openers(TorchFunctionMode):
    """Keeps what every sigmoid of a step gives."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Tensor] = []

    def __torch_function__(
        self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        if function in OPENERS:
            self.found.append(result)
        return result


def openness(passage: Passage, alive: Tensor) -> dict[str, list[float]]:
    """How open is each gate of the step in the mean, step by step? A gate is what a sigmoid gives."""
    cell, course = passage.cell, passage.course
    rows = slice(0, ROWS)
    steps = passage.x.shape[0]
    with torch.no_grad():
        before = [
            _before(start[rows], states[:, rows], course.reverse)
            for start, states in zip(passage.start, passage.states, strict=True)
        ]
        if course.state_mask is not None:
            before[0] = before[0] * course.state_mask[rows]
        x = passage.x[:, rows] if course.input_mask is None else passage.x[:, rows] * course.input_mask[rows]
        watching = _Openers()
        with watching:
            cell.step(x.flatten(0, 1), cell.State(*(b.flatten(0, 1) for b in before)), passage.weights)
    weight = alive[:, rows]
    means = [_mean_open(gate, steps, weight) for gate in watching.found]
    return dict(zip(gate_names(cell, len(means)), means, strict=True))


def _before(start: Tensor, states: Tensor, reverse: bool) -> Tensor:
    """The state before each step."""
    if reverse:
        return torch.cat([states[1:], start[None]])
    return torch.cat([start[None], states[:-1]])


def _mean_open(gate: Tensor, steps: int, weight: Tensor) -> list[float]:
    by_row = gate.detach().reshape(steps, -1, gate.shape[-1]).mean(2)
    return _numbers(((by_row * weight).sum(1) / weight.sum(1).clamp(min=1)).double())


def gate_names(cell: Cell, count: int) -> list[str]:
    """The cell's own names for its gates, or gate 1, gate 2, …"""
    own = cell.gates
    return list(own) if len(own) == count else [f"gate {n + 1}" for n in range(count)]
