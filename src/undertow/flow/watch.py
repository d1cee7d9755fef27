"""watch: see where a network's gradients go while it trains, in depth and in time, without an edit to it.

    with undertow.watch(model, every=20) as flow:
        for x, y in data:
            ...
            optimizer.step()
    flow.records[-1].time[0].gradient["h"]     # ‖∂L/∂h_t‖, step by step of the sequence

A step is what lies between two calls of an optimizer that holds a parameter of the model. Hooks lie on the model only
while a step is measured; between such steps one hook decides that nothing is to be done. Watching draws no random
number and changes none: a network ends with the same weights with it and without.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.utils.hooks import RemovableHandle

from undertow.errors import SettingError
from undertow.flow.depth import Depth, leaves
from undertow.flow.records import Flow, Time
from undertow.flow.replay import Replays, replayable
from undertow.flow.time import Walks, watchable
from undertow.flow.weights import Weights

EVERY = 20
FIRST = 3  # steps that are measured whatever the interval


class Watch:
    """What is seen of one model; made by `watch`."""

    def __init__(self, model: nn.Module, every: int, on_record: Callable[[Flow], None] | None = None) -> None:
        self.model, self.every, self.on_record = model, every, on_record
        self.records: list[Flow] = []
        self.step = 0
        self._began = time.monotonic()
        self._named = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._own = {id(p) for p in self._named.values()}
        self._open: _Measuring | None = None
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> Watch:
        self._handles = [
            self.model.register_forward_pre_hook(self._begins),
            register_optimizer_step_pre_hook(self._optimizer_begins),
            register_optimizer_step_post_hook(self._optimizer_ended),
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take every hook off; a step that is half measured is kept as far as it was seen."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        if self._open is not None:
            self._finish()

    def _due(self) -> bool:
        return self.step < FIRST or self.step % self.every == 0

    def _begins(self, model: nn.Module, arguments: Any) -> None:
        if self._open is None and torch.is_grad_enabled() and model.training and self._due():
            self._open = _Measuring(model, self._named, again=self.step % max(self.every, EVERY) == 0)

    def _optimizer_begins(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if self._open is not None and self._holds(optimizer):
            self._open.optimizer_begins()

    def _optimizer_ended(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not self._holds(optimizer):
            return
        if self._open is not None:
            self._open.optimizer_ended()
            self._finish()
        self.step += 1

    def _holds(self, optimizer: Optimizer) -> bool:
        return any(id(p) in self._own for group in optimizer.param_groups for p in group["params"])

    def _finish(self) -> None:
        measured, self._open = self._open, None
        assert measured is not None
        record = measured.finish(self.step, time.monotonic() - self._began)
        self.records.append(record)
        if self.on_record is not None:
            self.on_record(record)


class _Measuring:
    """One step, while it is measured."""

    def __init__(self, model: nn.Module, named: Mapping[str, Tensor], again: bool) -> None:
        self.depth, self.walks, self.weights = Depth(leaves(model)), Walks(watchable(model)), Weights(named)
        self.replays = Replays(replayable(model) if again else {})
        self.rows: tuple[Any, ...] = ()
        self.times: tuple[Time, ...] | None = None
        self.left: float | None = None
        self.arrivals = [
            p.register_post_accumulate_grad_hook(self._arrival(name))  # type: ignore[no-untyped-call]
            for name, p in named.items()
            if p.is_leaf
        ]
        self.listeners = (self.depth, self.walks, self.replays)
        for listener in self.listeners:
            listener.listen()

    def _arrival(self, name: str) -> Callable[[Tensor], None]:
        return lambda _: self.weights.gradients_arrived([name])

    def optimizer_begins(self) -> None:
        self.left = self.weights.optimizer_begins()
        self.look_back()

    def look_back(self) -> None:
        """Time is looked at while the weights are still those of the forward pass."""
        if self.times is None:
            for listener in self.listeners:
                listener.leave()
            self.times = self.walks.times() + self.replays.times()

    def optimizer_ended(self) -> None:
        self.rows = self.weights.optimizer_ended()

    def finish(self, step: int, seconds: float) -> Flow:
        self.look_back()
        for handle in self.arrivals:
            handle.remove()
        return Flow(step, seconds, self.depth.points(), self.rows, self.times or (), self.left)


def watch(model: nn.Module, every: int = EVERY, *, on_record: Callable[[Flow], None] | None = None) -> Watch:
    """Watch a model train: a context manager whose `records` hold a `Flow` for every measured step.

    Args:
        model: any module; its leaves are watched in depth, its recurrent layers in time.
        every: measure each so many optimizer steps, and the first three.
        on_record: called with every `Flow` as it is made.

    Raises:
        SettingError: `every` is not a whole number above 0.
    """
    if not isinstance(every, int) or isinstance(every, bool) or every < 1:
        raise SettingError(f"watch: every must be a whole number of steps above 0, got {every!r}.")
    return Watch(model, every, on_record)
