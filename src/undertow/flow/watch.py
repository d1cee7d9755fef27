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

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

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
from undertow.flow.loops import Loops, loopable
from undertow.flow.origin import Origin
from undertow.flow.records import Flow, NonFinite, Time
from undertow.flow.replay import Replays, replayable
from undertow.flow.time import Walks, watchable
from undertow.flow.weights import Weights

EVERY = 20
FIRST = 3  # steps that are measured whatever the interval
SMALL = 1 << 16  # numbers of a parameter whose gradient is looked at in every step


class Schedule(Protocol):
    """Which optimizer steps are measured?"""

    def due(self, step: int) -> bool:
        """This one?"""

    def whole(self, step: int) -> bool:
        """With what takes a second pass, too?"""


@dataclass(frozen=True)
class Every:
    """Each so many steps, and the first three."""

    steps: int

    def due(self, step: int) -> bool:
        """This one?"""
        return step < FIRST or step % self.steps == 0

    def whole(self, step: int) -> bool:
        """Second passes are made at the default interval at most."""
        return step % max(self.steps, EVERY) == 0


class Watch:
    """What is seen of one model; made by `watch`."""

    def __init__(
        self, model: nn.Module, schedule: Schedule, on_record: Callable[[Flow], None] | None = None
    ) -> None:
        self.model, self.schedule, self.on_record = model, schedule, on_record
        self.records: list[Flow] = []
        self.step = 0
        self._began = time.monotonic()
        self._named = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._own = {id(p) for p in self._named.values()}
        self._open: _Measuring | None = None
        self._handles: list[RemovableHandle] = []
        self._origin = Origin(model)
        self._spoilt: NonFinite | None = None  # the first; afterwards nothing is looked for
        self._by_hand = ByHand(self._named)
        self._within = False  # an optimizer's step, which may call the model itself

    def __enter__(self) -> Watch:
        self._handles = [
            self.model.register_forward_pre_hook(self._begins, with_kwargs=True),
            self.model.register_forward_hook(self._ended),
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
        self._origin.forget()
        if self._open is not None:
            self._finish()

    def _trains(self) -> bool:
        return torch.is_grad_enabled() and self.model.training

    def _begins(self, model: nn.Module, arguments: Any, named: Any) -> None:
        if not self._trains():
            return
        if self._by_hand.stepped():
            self._ended_step()
        if self._spoilt is None:
            self._origin.begins(arguments, named)
        if self._open is None and self.schedule.due(self.step):
            again = self.schedule.whole(self.step)
            self._open = _Measuring(model, self._named, again, self._by_hand.possible)
            if self._within:
                self._open.weights.opened_within()

    def _ended(self, model: nn.Module, arguments: Any, output: Any) -> None:
        if self._trains():
            self._origin.ended(output)

    def _optimizer_begins(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not self._holds(optimizer):
            return
        self._by_hand.possible, self._within = False, True
        if self._open is not None:
            self._open.optimizer_begins()
        if self._is_spoilt():
            self.look_for_origin()

    def look_for_origin(self) -> NonFinite | None:
        """Find what made the first number that is none, now that one was met in this step; None if none was before.

        Called by itself before an optimizer's step; a loop that leaves such a step out calls it in its place.
        """
        if self._spoilt is not None or not self._origin.calls:
            return None
        if self._open is None:
            self._open = _Measuring(self.model, self._named, again=False, by_hand=False)
            self._open.optimizer_begins()
        self._spoilt = self._open.spoilt = self._origin.look(self.step)
        return self._spoilt

    def _is_spoilt(self) -> bool:
        if self._open is not None:
            return not all(map(math.isfinite, self._open.weights.gradient_norms.values()))
        return any(
            p.grad is not None and p.grad.layout == torch.strided and not math.isfinite(float(p.grad.sum()))
            for p in sentinels(self._named)
        )

    def _optimizer_ended(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not self._holds(optimizer):
            return
        self._within = False
        if self._open is not None:
            self._open.optimizer_ended()
        self._ended_step()

    def _ended_step(self) -> None:
        if self._open is not None:
            self._finish()
        self._origin.forget()
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


def sentinels(named: Mapping[str, Tensor]) -> list[Tensor]:
    """The first and the last small parameter.

    What backward spoils has come to the first; what forward spoils is in the loss, and so in the gradient of the last.
    """
    small = [p for p in named.values() if p.numel() <= SMALL] or list(named.values())
    return [small[0], small[-1]] if small else []


@dataclass
class ByHand:
    """Notices optimizer steps that are no torch optimizer's: weights changed since the last call of the model."""

    named: Mapping[str, Tensor]
    possible: bool = True  # until a torch optimizer was seen
    noted: Tensor | None = None

    def stepped(self) -> bool:
        """Did a parameter change since this was asked last?"""
        if not self.possible or not self.named:
            return False
        before, self.noted = self.noted, torch.cat([p.detach().reshape(-1)[:4] for p in self.named.values()])
        return before is not None and not torch.equal(before, self.noted)


class _Measuring:
    """One step, while it is measured."""

    def __init__(self, model: nn.Module, named: Mapping[str, Tensor], again: bool, by_hand: bool) -> None:
        self.depth, self.walks, self.weights = Depth(leaves(model)), Walks(watchable(model)), Weights(named)
        self.replays, self.loops = Replays(replayable(model) if again else {}), Loops(loopable(model))
        self.again, self.by_hand = again, by_hand
        self.rows: tuple[Any, ...] = ()
        self.times: tuple[Time, ...] | None = None
        self.left: float | None = None
        self.waiting = False  # for the end of a backward pass
        self.spoilt: NonFinite | None = None
        self.arrivals = [
            p.register_post_accumulate_grad_hook(self._arrival(name))  # type: ignore[no-untyped-call]
            for name, p in named.items()
            if p.is_leaf
        ]
        self.listeners = (self.depth, self.walks, self.replays, self.loops)
        for listener in self.listeners:
            listener.listen()

    def _arrival(self, name: str) -> Callable[[Tensor], None]:
        def arrived(_: Tensor) -> None:
            if self.by_hand and not self.waiting:  # perhaps no optimizer will say that backward is over
                self.waiting = True
                torch.autograd.Variable._execution_engine.queue_callback(self._backward_over)
            self.weights.gradients_arrived([name])

        return arrived

    def _backward_over(self) -> None:
        """Look now, while weights are those of the forward pass; another backward pass may follow."""
        self.waiting = False
        self.left = self.weights.optimizer_begins()
        self.times = self._times()

    def optimizer_begins(self) -> None:
        self.left = self.weights.optimizer_begins()
        self.times = self._times()
        self._leave()

    def _times(self) -> tuple[Time, ...]:
        return self.walks.times(self.again) + self.replays.times() + self.loops.times()

    def _leave(self) -> None:
        for listener in self.listeners:
            listener.leave()

    def optimizer_ended(self) -> None:
        self.rows = self.weights.optimizer_ended()

    def finish(self, step: int, seconds: float) -> Flow:
        self._leave()
        if self.times is None:
            self.times = self._times()
        for handle in self.arrivals:
            handle.remove()
        rows = self.rows or self.weights.optimizer_ended()
        return Flow(step, seconds, self.depth.points(), rows, self.times, self.left, self.spoilt)


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
    return Watch(model, Every(every), on_record)
