"""The eager loop over time: one call of the cell's step after another, and nothing else.

It is the slow twin of every kernel: outputs and all gradients must agree with it.
Axes: T time steps, B batch rows, I input features, H hidden units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from undertow.cells.cell import Cell


@dataclass(frozen=True)
class Course:
    """How is a sequence walked? Direction, lengths, and all randomness, drawn outside.

    `zoneout` holds one tensor a field of the state, [T, B, ·]: the share of the old value that is kept, 0 or 1
    in training and the probability itself afterwards (Krueger et al. 2017).
    `taps` are zeros of each state's shape, added to it: their gradient is the whole ∂L/∂state at each step.
    `gauges` are filled in the backward pass with ‖∂L/∂state‖² of every step and row, which costs next to nothing.
    """

    lengths: Tensor | None = None  # [B], whole numbers: row b holds its state from step lengths[b] on
    reverse: bool = False
    input_mask: Tensor | None = None  # [B, I], the same at every step (Gal & Ghahramani 2016)
    state_mask: Tensor | None = None  # [B, H], on the first field where a step reads it
    zoneout: tuple[Tensor, ...] | None = None
    taps: tuple[Tensor, ...] | None = None  # [T, B, ·] a field
    gauges: tuple[Tensor, ...] | None = None  # [T, B] a field


def chain(cell: Cell, x: Tensor, start: Any, weights: Any, course: Course = Course()) -> tuple[Any, Any]:
    """What are the states after every step?

    Args:
        cell: its `step` is called T times.
        x: [T, B, I].
        start: the cell's State before the first step, [B, ·] a field.
        weights: the cell's Weights.
        course: direction, lengths, masks.

    Returns:
        The State of every step, [T, B, ·] a field, and the State after the last step walked. Past the end of a
        short row its state is held (in reverse: not yet left the start), so the last state is the row's own.
    """
    steps = x.shape[0]
    walked: list[Any] = [None] * steps
    state = start
    for t in reversed(range(steps)) if course.reverse else range(steps):
        state = _advance(cell, x[t], state, weights, course, t)
        walked[t] = state
    return cell.State(*(torch.stack(field) for field in zip(*walked, strict=True))), state


def _advance(cell: Cell, x: Tensor, state: Any, weights: Any, course: Course, t: int) -> Any:
    seen = state
    if course.input_mask is not None:
        x = x * course.input_mask
    if course.state_mask is not None:
        seen = state._replace(**{state._fields[0]: state[0] * course.state_mask})
    new = cell.step(x, seen, weights)
    if course.zoneout is not None:
        new = cell.State(
            *(torch.lerp(n, o, z[t]) for n, o, z in zip(new, state, course.zoneout, strict=True))
        )
    if course.lengths is not None:
        alive = t < course.lengths
        new = cell.State(*(torch.where(_like(alive, n), n, o) for n, o in zip(new, state, strict=True)))
    if course.taps is not None:
        new = cell.State(*(n + tap[t] for n, tap in zip(new, course.taps, strict=True)))
    if course.gauges is not None:
        new = cell.State(*(_gauged(n, gauge[t]) for n, gauge in zip(new, course.gauges, strict=True)))
    return new


def _gauged(state: Tensor, squares: Tensor) -> Tensor:
    """The same state, whose gradient's squared length [B] will be noted."""
    if not state.requires_grad:
        return state
    seen = state.view_as(
        state
    )  # a step may hand one tensor on as two fields, or its old state as its new one

    def note(gradient: Tensor) -> None:
        squares.copy_(gradient.detach().square().flatten(1).sum(1))

    seen.register_hook(note)  # type: ignore[no-untyped-call]
    return seen


def _like(alive: Tensor, state: Tensor) -> Tensor:
    return alive.view(-1, *[1] * (state.dim() - 1))
