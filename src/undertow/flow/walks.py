"""The recurrent walks of one call of a model: every layer and direction with what it read, every loop over a cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from undertow.cells.catalog import snake
from undertow.errors import SettingError
from undertow.flow.gains import Walk
from undertow.flow.loops import Loop, Loops, loopable
from undertow.flow.replay import Replays, replayable
from undertow.flow.time import Walks, watchable
from undertow.flow.undisturbed import undisturbed


def walks_of(model: nn.Module, inputs: Sequence[Any]) -> list[Walk]:
    """Call the model once, as it stands, and give every recurrent walk on the way: ours, then torch.nn's, then loops.

    Modes, buffers and random generators are as before afterwards.

    Raises:
        SettingError: no recurrent layer walked.
    """
    own, theirs, loops = (
        Walks(watchable(model), keep=lambda passage: passage),
        Replays(replayable(model)),
        Loops(loopable(model), noting=False),
    )
    with undisturbed(model), torch.enable_grad():
        for listener in (own, theirs, loops):
            listener.listen()
        try:
            model(*inputs)
        finally:
            for listener in (own, theirs, loops):
                listener.leave()
        found: list[Walk] = [*own.seen, *theirs.passages(), *loops.found()]
    if not found:
        raise SettingError(
            f"No recurrent layer of {type(model).__name__} walked. Looked at are undertow.Recurrent, RNN, LSTM and "
            f"GRU, torch.nn's, and modules that are called again with what they gave."
        )
    return found


def place_of(one: Walk) -> dict[str, Any]:
    """Where a walk is and what walks there, as records name it."""
    if isinstance(one, Loop):
        return {"module": one.module, "layer": 0, "direction": 0, "cell": one.cell}
    cell = snake(type(one.cell).__name__)
    return {"module": one.module, "layer": one.layer, "direction": one.direction, "cell": cell}
