"""The recurrent walks of one call of a model: every layer and direction with what it read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from undertow.cells.cell import Cell
from undertow.flow.replay import Replays, replayable
from undertow.flow.time import Walks, watchable
from undertow.recurrent.stack import Passage
from undertow.unroll.chain import Course


@dataclass(frozen=True)
class Walk:
    """One layer and direction over one batch: x [T, B, I], start, weights, and every state."""

    module: str
    layer: int
    direction: int
    cell: Cell
    weights: Any
    x: Tensor
    start: Any
    states: Any
    course: Course


def walks_of(model: nn.Module, inputs: Sequence[Any]) -> list[Walk]:
    """Call the model once, as it stands, and give every recurrent walk on the way, in order.

    Modes, buffers and torch's generator are as before afterwards, but for what the model's own forward does to itself.
    """
    own, theirs = Walks(watchable(model)), Replays(replayable(model))
    listeners = (own, theirs)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        for listener in listeners:
            listener.listen()
        try:
            model(*inputs)
        finally:
            for listener in listeners:
                listener.leave()
        passages = [*own.seen, *theirs.passages()]
    return [_walk(name, passage) for name, passage in passages]


def _walk(name: str, passage: Passage) -> Walk:
    course = passage.course
    bare = Course(course.lengths, course.reverse, course.input_mask, course.state_mask, course.zoneout)
    return Walk(
        name, passage.layer, passage.direction, passage.cell, passage.weights, passage.x, passage.start,
        passage.states, bare,
    )  # fmt: skip
