"""lyapunov: at which rates do small differences of state grow or fade along a walk, direction by direction?

    λ_i = lim 1/n Σ ln |R_ii|,   Q_{t} R_{t} = J_t Q_{t-1}

The product of the steps' Jacobians is kept orthonormal by a QR at every step, or it would lose all but the fastest
direction. λ_1 > 0: chaos; λ_1 < 0: what was is forgotten at the rate e^{λ_1} a step.
Sources: Benettin et al. 1980; for recurrent networks Engelken, Wolf & Abbott 2023.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from undertow.errors import SettingError
from undertow.flow.gains import Walk
from undertow.flow.jacobians import step_jacobians
from undertow.flow.records import Spectrum
from undertow.flow.walks import place_of, walks_of


def lyapunov(model: nn.Module, *inputs: Any, row: int = 0, settle: int = 0) -> list[Spectrum]:
    """At which rates do differences of state grow or fade in each recurrent layer, on these inputs?

    Args:
        model: undertow's recurrent layers or torch.nn's, or any module that calls them.
        inputs: what the model is called with; long sequences give sharper exponents.
        row: which row of the batch is walked.
        settle: so many first steps turn the directions, and are not averaged.

    Raises:
        SettingError: no recurrent layer walked, or fewer steps than `settle`.
        ShapeError: the Jacobians of a walk would hold too many numbers.
    """
    return [_exponents(one, row, settle) for one in walks_of(model, inputs)]


def _exponents(one: Walk, row: int, settle: int) -> Spectrum:
    matrices = step_jacobians(one, row)
    if not 0 <= settle < len(matrices):
        raise SettingError(
            f"lyapunov: settle must be at least 0 and below the {len(matrices)} steps, got {settle}."
        )
    frame = torch.eye(matrices.shape[1], dtype=torch.float64)
    total = torch.zeros(matrices.shape[1], dtype=torch.float64)
    for number, matrix in enumerate(matrices):
        frame, upper = torch.linalg.qr(matrix @ frame)
        if number >= settle:
            total += upper.diagonal().abs().log()
    steps = len(matrices) - settle
    found = tuple(sorted((total / steps).tolist(), reverse=True))
    return Spectrum(**place_of(one), steps=steps, exponents=found)
