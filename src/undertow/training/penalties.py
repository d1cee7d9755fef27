"""Four penalties on a recurrence, each added to the loss with a weight of its own.

    Jacobian   mean over t of ‖∂s_t/∂s_{t−1}‖²_F     often taught against vanishing, yet it shrinks the Jacobian
    omega      Σ_t (‖δ_t · ∂s_t/∂s_{t−1}‖ / ‖δ_t‖ − 1)²     δ_t = ∂L/∂s_t, as a mean over rows of the batch
    identity   Σ ‖W − I‖²_F over the recurrent matrices
    spectral   Σ (ρ(W) − 1)² over the recurrent matrices, ρ the largest |eigenvalue|

s is the whole state, all its fields joined. In the first two the states are held constant: only the direct
dependence of a step's Jacobian on the weights is followed, as Pascanu et al. do, so they cost one more step and
its backward pass, over all times at once. Dropout's masks are left out of them.
Source: omega, Pascanu, Mikolov & Bengio 2013. Axes: T time steps, B batch rows, H hidden units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from undertow.errors import SettingError
from undertow.recurrent.recurrent import Recurrent
from undertow.recurrent.stack import Passage
from undertow.recurrent.weight_drop import recurrent_weights
from undertow.training.options import Training
from undertow.unroll.steps import alive, before


def needs_passages(options: Training) -> bool:
    """Do the penalties asked for look at single steps?"""
    return bool(options.jacobian_penalty or options.omega_penalty)


def penalty(options: Training, model: nn.Module, loss: Tensor, passages: Sequence[Passage]) -> Tensor:
    """The weighted sum of the penalties asked for; a zero where none is."""
    total = loss.new_zeros(())
    if needs_passages(options) and not passages:
        raise SettingError(
            "--omega-penalty and --jacobian-penalty look at the steps of a recurrence, and this network has none. "
            "Leave them out."
        )
    if options.omega_penalty:
        total = total + options.omega_penalty * omega(loss, passages)
    if options.jacobian_penalty:
        total = total + options.jacobian_penalty * jacobian(passages)
    if options.identity_penalty or options.spectral_penalty:
        matrices = recurrent_matrices(model)
        if not matrices:
            raise SettingError(
                "--identity-penalty and --spectral-penalty need a square recurrent matrix, and this cell has none. "
                "Leave them out."
            )
        total = total + options.identity_penalty * identity(matrices)
        if options.spectral_penalty:
            total = total + options.spectral_penalty * spectral(matrices)
    return total


def recurrent_matrices(model: nn.Module) -> list[Tensor]:
    """Every square block [H, H] of every weight that multiplies a state.

    Raises:
        CellError: the cell's `recurrent` names a weight that it does not have.
    """
    blocks: list[Tensor] = []
    for module in model.modules():
        if isinstance(module, Recurrent):
            for number, cell in enumerate(module.stack.cells):
                matrix: Any
                for matrix in recurrent_weights(cell, module.weights(number)).values():
                    width = matrix.shape[-1]
                    flat = matrix.reshape(-1, width)
                    if flat.shape[0] % width == 0:
                        blocks.extend(flat.split(width))
    return blocks


def identity(matrices: Sequence[Tensor]) -> Tensor:
    """Σ ‖W − I‖²_F."""
    terms = [(w - torch.eye(w.shape[0], dtype=w.dtype, device=w.device)).square().sum() for w in matrices]
    return torch.stack(terms).sum()


def spectral(matrices: Sequence[Tensor]) -> Tensor:
    """Σ (ρ(W) − 1)². Takes all eigenvalues, O(H³) a matrix and step."""
    terms = [(torch.linalg.eigvals(w).abs().amax() - 1).square() for w in matrices]
    return torch.stack(terms).sum()


def jacobian(passages: Sequence[Passage]) -> Tensor:
    """Mean over steps and rows of ‖∂s_t/∂s_{t−1}‖²_F, by one random sign vector a row (Hutchinson 1990)."""
    terms = []
    for passage in passages:
        signs = tuple(torch.randint_like(s.flatten(0, 1), 2) * 2 - 1 for s in passage.states)
        back, alive = _pull_back(passage, signs)
        terms.append(_mean(_square(back), alive))
    return torch.stack(terms).sum()


def omega(loss: Tensor, passages: Sequence[Passage]) -> Tensor:
    """Pascanu's Ω, summed over steps, as a mean over the rows of the batch."""
    terms = []
    for passage in passages:
        deltas = torch.autograd.grad(loss, passage.taps, retain_graph=True, materialize_grads=True)
        directions, felt = _directions([delta.flatten(0, 1) for delta in deltas])
        back, alive = _pull_back(passage, directions)
        squares = _square(back)[alive & felt]
        ratio = (squares + torch.finfo(squares.dtype).tiny).sqrt()
        terms.append((ratio - 1).square().sum() / passage.x.shape[1])
    return torch.stack(terms).sum()


def _pull_back(passage: Passage, cotangent: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], Tensor]:
    """cotangent · ∂s_t/∂s_{t−1} for every t and row at once, differentiable in the weights."""
    cell = passage.cell
    olds = tuple(_shifted(passage, field).detach().requires_grad_() for field in range(len(passage.states)))
    after: Any = cell.step(passage.x.detach().flatten(0, 1), cell.State(*olds), passage.weights)
    back = torch.autograd.grad(tuple(after), olds, cotangent, create_graph=True, materialize_grads=True)
    steps, batch = passage.x.shape[:2]
    lengths = passage.course.lengths
    if lengths is None:
        lengths = torch.full((batch,), steps)
    return tuple(back), alive(steps, lengths).flatten().to(passage.x.device)


def _shifted(passage: Passage, field: int) -> Tensor:
    """[T·B, ·]: the state that each step started from."""
    return before(passage.start[field], passage.states[field], passage.course.reverse).flatten(0, 1)


def _square(fields: Sequence[Tensor]) -> Tensor:
    """[T·B]: the squared norm of the whole state."""
    return torch.stack([f.flatten(1).square().sum(1) for f in fields]).sum(0)


def _directions(fields: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], Tensor]:
    """Each row's whole state at length 1, and which rows had a length, however small: [T·B, ·] a field, and [T·B]."""
    largest = torch.stack([f.flatten(1).abs().amax(1) for f in fields]).amax(0)
    felt = largest > 0
    near_one = _over(fields, torch.where(felt, largest, 1))  # the square of a vanishing gradient would be 0
    return _over(near_one, torch.where(felt, _square(near_one).sqrt(), 1)), felt


def _over(fields: Sequence[Tensor], divisor: Tensor) -> tuple[Tensor, ...]:
    return tuple(f / divisor.view(-1, *[1] * (f.dim() - 1)) for f in fields)


def _mean(values: Tensor, alive: Tensor) -> Tensor:
    return values[alive].sum() / alive.sum().clamp(min=1)
