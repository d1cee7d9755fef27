"""horizon: how many steps back does the last state of a recurrence still feel?

    gain(k) = ‖∂h_T / ∂state_{T-k}‖_F / √H      horizon = the last k with gain(k) ≥ floor

h is the first field of the state, what the layer above sees; state is all its fields side by side. The norm is measured
with random directions v of length 1 sent into h_T: the mean of ‖vᵀ ∂h_T/∂state‖² over directions and rows is gain². One
backward walk sends a direction a row of the batch, through a kernel where the cell has one.

A network's horizon says what it can feel, not what the data asks for; that is its needed lag.
Sources: Hochreiter 1991; Bengio, Simard & Frasconi 1994; Pascanu, Mikolov & Bengio 2013.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from undertow.errors import SettingError, ShapeError
from undertow.flow.fit import FLOOR, fitted_rate, steps_felt
from undertow.flow.gains import Walk, squared_gains
from undertow.flow.records import Horizon
from undertow.flow.walks import place_of, walks_of

PROBES = 4  # backward walks, each with a direction of its own for every row


def horizon(
    model: nn.Module, *inputs: Any, floor: float = FLOOR, probes: int = PROBES, seed: int = 0
) -> list[Horizon]:
    """How far back does each recurrent layer of a model feel, on these inputs?

    Args:
        model: undertow's recurrent layers or torch.nn's, or any module that calls them.
        inputs: what the model is called with; every recurrent walk on the way is measured by itself.
        floor: the gain below which a step counts as forgotten; at its own step the gain of h is 1.
        probes: random directions a row.
        seed: of the directions; torch's own generator is left as it is.

    Returns:
        A `Horizon` for every layer and direction that walked, in the order of the walks.

    Raises:
        SettingError: floor or probes is out of range, or no recurrent layer walked.
        ShapeError: a walk had fewer than two steps.
    """
    if not 0 < floor < 1:
        raise SettingError(f"horizon: floor must lie between 0 and 1, got {floor}.")
    if probes < 1:
        raise SettingError(f"horizon: probes must be at least 1, got {probes}.")
    generator = torch.Generator().manual_seed(seed)
    return [_measure(one, floor, probes, generator) for one in walks_of(model, inputs)]


def _measure(one: Walk, floor: float, probes: int, generator: torch.Generator) -> Horizon:
    squares = torch.stack([squared_gains(one, generator) for _ in range(probes)]).mean(0)
    if len(squares) < 2:
        raise ShapeError("horizon: a walk of one step has no past. Give a longer sequence.")
    gain = tuple(squares.sqrt().tolist())
    felt = steps_felt(gain, floor)
    return Horizon(
        **place_of(one),
        floor=floor,
        gain=gain,
        steps=felt,
        beyond=felt == len(gain) - 1,
        rate=fitted_rate(gain),
    )
