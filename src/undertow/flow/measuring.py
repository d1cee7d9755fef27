"""One step, while it is measured: what listens, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from undertow.flow.depth import Depth, leaves
from undertow.flow.guard import Guard
from undertow.flow.loops import Loops, loopable
from undertow.flow.nested import differentiable
from undertow.flow.records import Flow, NonFinite, Time
from undertow.flow.replay import Replays, replayable
from undertow.flow.time import GATED, ROWS, Walks, seen_of, watchable
from undertow.flow.weights import Weights


@dataclass(frozen=True)
class Parts:
    """What of a model is looked at, by name."""

    leaves: dict[nn.Module, str]
    walks: dict[nn.Module, str]
    replays: dict[nn.Module, str]
    loops: dict[nn.Module, str]

    @classmethod
    def of(cls, model: nn.Module) -> Parts:
        """All of it."""
        return cls(leaves(model), watchable(model), replayable(model), loopable(model))


class Measuring:
    """Listens from the step's first call of the model on.

    Args:
        parts: of the model.
        named: its parameters.
        again: with what takes a second pass.
        by_hand: perhaps no torch optimizer will say when the step is taken.
        exact: look at every number of large tensors.
        guard: around all that listens.
    """

    def __init__(
        self,
        parts: Parts,
        named: Mapping[str, Tensor],
        *,
        again: bool,
        by_hand: bool,
        exact: bool,
        guard: Guard,
    ) -> None:
        self.guard = guard
        keep = partial(seen_of, rows=ROWS if again else GATED)
        self.depth, self.walks = Depth(parts.leaves, exact, guard), Walks(parts.walks, keep)
        self.weights = Weights(named, exact)
        self.replays, self.loops = Replays(parts.replays if again else {}, guard), Loops(parts.loops, guard)
        self.again, self.by_hand = again, by_hand
        self.rows: tuple[Any, ...] = ()
        self.times: tuple[Time, ...] | None = None
        self.left: float | None = None
        self.waiting = False  # for the end of a backward pass
        self.spoilt: NonFinite | None = None
        self.listeners = (self.depth, self.walks, self.replays, self.loops)
        for listener in self.listeners:
            listener.listen()

    def came_out(self, output: Any) -> None:
        """The model gave this; its gradient will tell that backward has begun."""
        for tensor in differentiable(output):
            tensor.register_hook(self._backward_began)  # type: ignore[no-untyped-call]

    def _backward_began(self, _: Tensor) -> None:
        if not self.waiting:
            self.waiting = True
            torch.autograd.Variable._execution_engine.queue_callback(self.guard(self._backward_over))

    def _backward_over(self) -> None:
        self.waiting = False
        self.weights.backward_over()
        self.loops.backward_over()
        if self.by_hand:  # look now, while weights are those of the forward pass
            self.optimizer_begins(last=False)

    def optimizer_begins(self, last: bool = True) -> None:
        """Backward is over, weights are as they were; another backward pass may follow where this is not the last."""
        self.left = self.weights.optimizer_begins()
        if not (last and self.by_hand and self.times is not None):  # weights may have changed since
            self.times = self._times()
        if last:
            self._leave()

    def look(self) -> None:
        """Leave the model alone from here on: it is about to be called by others than its training."""
        if self.times is None:
            self.times = self._times()
        self._leave()

    def optimizer_ended(self, held: Set[int]) -> None:
        """A step is taken, of these parameters, by id."""
        self.rows = self.weights.optimizer_ended(held)

    def finish(self, step: int, seconds: float) -> Flow:
        """Its record."""
        self.look()
        rows = self.rows or self.weights.optimizer_ended()
        points = self.depth.points()
        for listener in self.listeners:  # outputs hold hooks that hold this: let go of them
            listener.forget()
        return Flow(step, seconds, points, rows, self.times or (), self.left, self.spoilt)

    def give_up(self) -> None:
        """Listen no more, and let go of what was seen."""
        self._leave()
        for listener in self.listeners:
            listener.forget()

    def _times(self) -> tuple[Time, ...]:
        return self.walks.times(self.again) + self.replays.times() + self.loops.times()

    def _leave(self) -> None:
        for listener in self.listeners:
            listener.leave()
