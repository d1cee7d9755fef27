"""jacobian: the derivative of each step's state by the one before it, and what bounds on its products promise.

    J_t = ∂state_t / ∂state_{t-1}         ∂state_T/∂state_t = J_T · … · J_{t+1}

For the vanilla RNN, h' = σ(W h + U x + b), J = diag(σ') W. Three bounds on ‖∂h_T/∂h_t‖ stand beside the truth:

    product       ∏ ‖J_k‖                       holds for every cell
    weights       ‖W‖^(T-t) · ∏ ‖diag σ'_k‖     holds for the vanilla RNN
    as taught     ‖W‖^(T-t) · ∏ ‖J_k‖           counts W twice: too low where ‖W‖ < 1, so no bound at all

Norms are spectral. Sources: Pascanu, Mikolov & Bengio 2013; the third is found in many lectures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from undertow.cells.catalog import snake
from undertow.cells.rnn import NONLINEARITIES, RNN
from undertow.errors import SettingError, ShapeError
from undertow.flow.walks import Walk, walks_of

MOST = 1 << 24  # numbers of all Jacobians of a walk


@dataclass(frozen=True)
class Jacobians:
    """One row's walk through one layer and direction, step by step in the order of walking."""

    module: str
    layer: int
    direction: int
    cell: str
    radius: tuple[float, ...]  # spectral radius of each J_t
    norm: tuple[float, ...]  # its spectral norm
    lag: tuple[int, ...]  # 1, 2, … of what follows
    truth: tuple[float, ...]  # ‖∂state_T/∂state_{T-lag}‖
    product: tuple[float, ...]
    weights: tuple[float, ...] | None  # None for all but the vanilla RNN
    as_taught: tuple[float, ...] | None


def jacobian(model: nn.Module, *inputs: Any, row: int = 0) -> list[Jacobians]:
    """How does each step's state depend on the one before it, and how well do bounds on that hold?

    Args:
        model: undertow's recurrent layers or torch.nn's, or any module that calls them.
        inputs: what the model is called with.
        row: which row of the batch is walked.

    Raises:
        SettingError: no recurrent layer walked, or there is no such row.
        ShapeError: the Jacobians of a walk would hold too many numbers.
    """
    walks = walks_of(model, inputs)
    if not walks:
        raise SettingError(f"jacobian: no recurrent layer of {type(model).__name__} walked.")
    return [_looked_at(one, row) for one in walks]


def _looked_at(one: Walk, row: int) -> Jacobians:
    matrices = step_jacobians(one, row)
    norms = torch.linalg.matrix_norm(matrices, 2)
    whole, truth = torch.eye(matrices.shape[1], dtype=torch.float64), []
    for matrix in matrices.flip(0):
        whole = whole @ matrix
        truth.append(float(torch.linalg.matrix_norm(whole, 2)))
    product = norms.flip(0).cumprod(0)
    weights = as_taught = None
    if isinstance(one.cell, RNN):
        w = float(torch.linalg.matrix_norm(one.weights.h.detach().double(), 2))
        powers = w ** torch.arange(1, len(norms) + 1, dtype=torch.float64)
        slopes = _slopes(one, row).amax(1).flip(0).cumprod(0)
        weights, as_taught = _numbers(powers * slopes), _numbers(powers * product)
    return Jacobians(
        module=one.module,
        layer=one.layer,
        direction=one.direction,
        cell=snake(type(one.cell).__name__),
        radius=_numbers(torch.linalg.eigvals(matrices).abs().amax(1)),
        norm=_numbers(norms),
        lag=tuple(range(1, len(norms) + 1)),
        truth=tuple(truth),
        product=_numbers(product),
        weights=weights,
        as_taught=as_taught,
    )


def step_jacobians(one: Walk, row: int) -> Tensor:
    """[T, S, S] in float64, in the order of walking; S is the width of all fields of the state side by side."""
    x, before = _row(one, row)
    widths = [s.shape[-1] for s in before]
    steps, size = x.shape[0], sum(widths)
    if steps * size * size > MOST:
        raise ShapeError(
            f"The Jacobians of {steps} steps of a state of {size} numbers hold {steps * size * size:,}; at most "
            f"{MOST:,} are looked at. Give a shorter sequence."
        )
    weights = type(one.weights)(*(w.detach().double() for w in one.weights))

    def advance(x_t: Tensor, state: Tensor) -> Tensor:
        fields = one.cell.State(*(f[None] for f in torch.split(state, widths)))
        return torch.cat([f[0] for f in one.cell.step(x_t[None], fields, weights)])

    found: Tensor = torch.func.vmap(torch.func.jacrev(advance, 1))(x, torch.cat(before, -1))
    return found.detach()


def _row(one: Walk, row: int) -> tuple[Tensor, list[Tensor]]:
    """x [T, I] and the state before each step [T, ·] a field, in the order of walking, in float64."""
    batch = one.x.shape[1]
    if not 0 <= row < batch:
        raise SettingError(f"There is no row {row}: the batch has {batch}.")
    count = one.x.shape[0] if one.course.lengths is None else int(one.course.lengths[row])
    x = one.x[:count, row].detach().double()
    states = [s[:count, row].detach().double() for s in one.states]
    start = [s[row].detach().double() for s in one.start]
    if one.course.reverse:
        x, states = x.flip(0), [s.flip(0) for s in states]
    return x, [torch.cat([b[None], s[:-1]]) for b, s in zip(start, states, strict=True)]


def _slopes(one: Any, row: int) -> Tensor:
    """σ' of every step and unit of a vanilla RNN [T, H], from its output."""
    x, (before,) = _row(one, row)
    w = one.weights
    z = (
        x @ w.x.detach().double().T + before @ w.h.detach().double().T + w.b.detach().double()
    ).requires_grad_()
    with torch.enable_grad():
        out = NONLINEARITIES[one.cell.nonlinearity](z)
        found: Tensor = torch.autograd.grad(out.sum(), z)[0].abs()
        return found


def _numbers(tensor: Tensor) -> tuple[float, ...]:
    return tuple(tensor.tolist())
