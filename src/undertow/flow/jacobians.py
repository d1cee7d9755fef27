"""jacobian: the derivative of each step's state by the one before it, and what bounds on its products promise.

    J_t = ∂state_t / ∂state_{t-1}         ∂state_T/∂state_t = J_T · … · J_{t+1}

For the vanilla RNN, h' = σ(W h + U x + b), J = diag(σ') W. Three bounds on ‖∂h_T/∂h_t‖ stand beside the truth:

    product       ∏ ‖J_k‖                       holds for every cell
    weights       ‖W‖^(T-t) · ∏ ‖diag σ'_k‖     holds for the vanilla RNN
    as taught     ‖W‖^(T-t) · ∏ ‖J_k‖           counts W twice: too low where ‖W‖ < 1, so no bound at all

Norms are spectral. Sources: Pascanu, Mikolov & Bengio 2013; the third is found in many lectures.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from undertow.cells.rnn import NONLINEARITIES, RNN
from undertow.errors import SettingError, ShapeError
from undertow.flow.gains import Walk
from undertow.flow.loops import Loop
from undertow.flow.records import Jacobians
from undertow.flow.walks import place_of, walks_of
from undertow.recurrent.stack import Passage
from undertow.unroll.steps import before

MOST = 1 << 24  # numbers of all Jacobians of a walk


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
    return [_looked_at(one, row) for one in walks_of(model, inputs)]


def _looked_at(one: Walk, row: int) -> Jacobians:
    matrices = step_jacobians(one, row)
    norms = torch.linalg.matrix_norm(matrices, 2)
    whole, truth = torch.eye(matrices.shape[1], dtype=torch.float64), []
    for matrix in matrices.flip(0):
        whole = whole @ matrix
        truth.append(float(torch.linalg.matrix_norm(whole, 2)))
    product = norms.flip(0).cumprod(0)
    weights = as_taught = None
    vanilla = _vanilla(one, row)
    if vanilla is not None:
        w = float(torch.linalg.matrix_norm(vanilla[0].detach().double(), 2).cpu())
        powers = w ** torch.arange(1, len(norms) + 1, dtype=torch.float64)
        slopes = vanilla[1].cpu().amax(1).flip(0).cumprod(0)
        weights, as_taught = _numbers(powers * slopes), _numbers(powers * product)
    return Jacobians(
        **place_of(one),
        radius=_numbers(torch.linalg.eigvals(matrices).abs().amax(1)),
        norm=_numbers(norms),
        lag=tuple(range(1, len(norms) + 1)),
        truth=tuple(truth),
        product=_numbers(product),
        weights=weights,
        as_taught=as_taught,
    )


def step_jacobians(one: Walk, row: int) -> Tensor:
    """[T, S, S] in float64, in the order of walking; S is the width of all fields of the state side by side.

    A loop's start state is not seen, so its first step has none.
    """
    return _of_loop(one, row) if isinstance(one, Loop) else _of_walk(one, row)


def _check_size(steps: int, size: int) -> None:
    if steps * size * size > MOST:
        raise ShapeError(
            f"The Jacobians of {steps} steps of a state of {size} numbers hold {steps * size * size:,}; at most "
            f"{MOST:,} are looked at. Give a shorter sequence."
        )


def _check_row(row: int, batch: int) -> None:
    if not 0 <= row < batch:
        raise SettingError(f"There is no row {row}: the batch has {batch}.")


def _of_loop(one: Loop, row: int) -> Tensor:
    fields = list(one.fields().values())
    if fields[0][0].dim() > 2:
        raise ShapeError(
            f"jacobian: a state of {one.module or 'the model'} has shape {tuple(fields[0][0].shape)}."
        )
    steps, size = len(one.states) - 1, sum(f[0].shape[-1] for f in fields)
    _check_size(steps, size)
    _check_row(row, _rows(fields[0][0]).shape[0])
    found = []
    for t in range(steps):
        now, old = torch.cat([_rows(f[t + 1])[row] for f in fields]), [f[t] for f in fields]
        side = torch.autograd.grad(
            now,
            old,
            torch.eye(size).to(now),
            retain_graph=True,
            is_grads_batched=True,
            allow_unused=True,
            materialize_grads=True,
        )
        found.append(torch.cat([g.view(size, -1, g.shape[-1])[:, row] for g in side], -1))
    return torch.stack(found).double().cpu()


def _rows(state: Tensor) -> Tensor:
    """[B, ·], of a state that may have no batch."""
    return state if state.dim() > 1 else state[None]


def _of_walk(one: Passage, row: int) -> Tensor:
    x, olds = _row(one, row)
    widths = [s.shape[-1] for s in olds]
    _check_size(x.shape[0], sum(widths))
    weights = type(one.weights)(*(w.detach().double() for w in one.weights))
    on_input, on_state = (
        None if m is None else m[row : row + 1].double()
        for m in (one.course.input_mask, one.course.state_mask)
    )

    def advance(x_t: Tensor, state: Tensor, zones: tuple[Tensor, ...]) -> Tensor:
        """As the eager loop does it, for one row."""
        old = [f[None] for f in torch.split(state, widths)]
        read = x_t[None] if on_input is None else x_t[None] * on_input
        seen = old if on_state is None else [old[0] * on_state, *old[1:]]
        new = one.cell.step(read, one.cell.State(*seen), weights)
        kept = [torch.lerp(n, o, z[None]) for n, o, z in zip(new, old, zones, strict=True)] if zones else new
        return torch.cat([f[0] for f in kept])

    slope = torch.func.vmap(torch.func.jacrev(advance, 1))
    found: Tensor = slope(x, torch.cat(olds, -1), _zones(one, row, len(x)))
    return found.detach().cpu()


def _zones(one: Passage, row: int, count: int) -> tuple[Tensor, ...]:
    """Zoneout of each step [T, ·] a field, in the order of walking."""
    zones = (z[:count, row].double() for z in one.course.zoneout or ())
    return tuple(z.flip(0) if one.course.reverse else z for z in zones)


def _row(one: Passage, row: int) -> tuple[Tensor, list[Tensor]]:
    """x [T, I] and the state before each step [T, ·] a field, in the order of walking, in float64."""
    _check_row(row, one.x.shape[1])
    count = one.x.shape[0] if one.course.lengths is None else int(one.course.lengths[row])
    pairs = zip(one.start, one.states, strict=True)
    reverse = one.course.reverse
    found = [one.x[:count, row], *(before(b[row], s[:count, row], reverse) for b, s in pairs)]
    x, *olds = (t.detach().double().flip(0) if reverse else t.detach().double() for t in found)
    return x, olds


def _vanilla(one: Walk, row: int) -> tuple[Tensor, Tensor] | None:
    """W and |σ'| [T, H] of a vanilla RNN; None for all else."""
    if isinstance(one, Loop):
        if not isinstance(one.kind, nn.RNNCell):
            return None
        h = torch.stack([_rows(s)[row] for s in one.fields()["h"][1:]]).detach().double()
        return one.kind.weight_hh, 1 - h * h if one.kind.nonlinearity == "tanh" else (h > 0).double()
    course = one.course
    bare = course.state_mask is None and course.input_mask is None and not course.zoneout
    if bare and isinstance(one.cell, RNN):
        return one.weights.h, _slopes(one, one.cell.nonlinearity, row)
    return None


def _slopes(one: Passage, nonlinearity: str, row: int) -> Tensor:
    """σ' of every step and unit of a vanilla RNN [T, H]."""
    x, (old,) = _row(one, row)
    w = one.weights
    z = (x @ w.x.detach().double().T + old @ w.h.detach().double().T + w.b.detach().double()).requires_grad_()
    with torch.enable_grad():
        out = NONLINEARITIES[nonlinearity](z)
        found: Tensor = torch.autograd.grad(out.sum(), z)[0].abs()
        return found


def _numbers(tensor: Tensor) -> tuple[float, ...]:
    return tuple(tensor.tolist())
