"""Slow twins of the penalties: one sequence at a time, one step at a time, whole Jacobians, no taps.

Letters: T time steps, B batch rows, I input features, H hidden units, s a whole state, its fields joined.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from undertow.recurrent.recurrent import Recurrent


@dataclass
class Walk:
    """One layer and direction, walked by hand; every state is a leaf of its own where it is read next."""

    cell: Any
    weights: Any
    x: Tensor  # [T, B, I]
    states: list[Any]  # after each step, in order of t
    before: list[Any]  # what each step started from


def walk(layer: Recurrent, x: Tensor, lengths: Tensor | None = None, number: int = 0) -> Walk:
    """A loop over time with the gradient of every state kept."""
    cell, weights, reverse = (
        layer.stack.cells[number],
        layer.weights(number),
        bool(number % layer.stack.directions),
    )
    steps, batch = x.shape[:2]
    state = cell.State(*(s.to(x) for s in cell.start(batch)))
    states, before = [None] * steps, [None] * steps
    for t in reversed(range(steps)) if reverse else range(steps):
        before[t] = state
        new = cell.step(x[t], state, weights)
        if lengths is not None:
            alive = (t < lengths)[:, None]
            new = cell.State(*(torch.where(alive, n, o) for n, o in zip(new, state, strict=True)))
        state = cell.State(*(field + 0 for field in new))
        for field in state:
            field.retain_grad()
        states[t] = state
    return Walk(cell, weights, x, states, before)


def deltas(walked: Walk, loss: Tensor) -> list[list[Tensor]]:
    """∂L/∂s_t, [T][B] of joined fields, by torch's own backward pass."""
    loss.backward(retain_graph=True)
    grads = [
        [torch.zeros_like(field) if field.grad is None else field.grad for field in state]
        for state in walked.states
    ]
    return [
        [torch.cat([field[b].flatten() for field in fields]) for b in range(walked.x.shape[1])]
        for fields in grads
    ]


def step_jacobian(walked: Walk, t: int, row: int, weights: Any = None) -> Tensor:
    """∂s_t/∂s_{t−1} of one row, whole."""
    cell, state = walked.cell, walked.before[t]
    shapes = [field[row].shape for field in state]
    sizes = [shape.numel() for shape in shapes]
    joined = torch.cat([field[row].detach().flatten() for field in state])

    def step(s: Tensor) -> Tensor:
        fields = [part.view(1, *shape) for part, shape in zip(s.split(sizes), shapes, strict=True)]
        after = cell.step(
            walked.x[t, row : row + 1].detach(),
            cell.State(*fields),
            walked.weights if weights is None else weights,
        )
        return torch.cat([field.flatten() for field in after])

    return torch.autograd.functional.jacobian(step, joined, create_graph=True)


def alive(walked: Walk, lengths: Tensor | None) -> list[tuple[int, int]]:
    """Every step and row that is not padding."""
    steps, batch = walked.x.shape[:2]
    return [(t, b) for t in range(steps) for b in range(batch) if lengths is None or t < int(lengths[b])]


def slow_jacobian(walked: Walk, lengths: Tensor | None = None, weights: Any = None) -> Tensor:
    """Mean over steps and rows of ‖∂s_t/∂s_{t−1}‖²_F."""
    squares = [step_jacobian(walked, t, b, weights).square().sum() for t, b in alive(walked, lengths)]
    return torch.stack(squares).mean()


def slow_omega(
    walked: Walk, given: list[list[Tensor]], lengths: Tensor | None = None, weights: Any = None
) -> Tensor:
    """Σ_t (‖δ_t · ∂s_t/∂s_{t−1}‖ / ‖δ_t‖ − 1)², as a mean over rows (Pascanu, Mikolov & Bengio 2013, eq. 9)."""
    terms = []
    for t, b in alive(walked, lengths):
        delta = given[t][b].detach()
        if delta.norm() > 0:
            terms.append(((delta @ step_jacobian(walked, t, b, weights)).norm() / delta.norm() - 1).square())
    return torch.stack(terms).sum() / walked.x.shape[1]
