"""watch: see where a network's gradients go while it trains, in depth and in time, without an edit to it.

    with undertow.watch(model, every=20) as flow:
        for x, y in data:
            ...
            optimizer.step()
    flow.records[-1].time[0].gradient["h"]     # ‖∂L/∂h_t‖, step by step of the sequence

A step is what lies between two calls of an optimizer that holds a parameter of the model. Hooks lie on the model's
parts only while a step is measured; between such steps its calls are remembered, in case a gradient is no number, and
no more. Watching draws no random
number and changes none: a network ends with the same weights with it and without.
"""

from __future__ import annotations

import time
import warnings
import weakref
from collections.abc import Callable
from contextlib import nullcontext
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
from undertow.flow.guard import Guard
from undertow.flow.measuring import Measuring, Parts
from undertow.flow.nested import differentiable
from undertow.flow.origin import Origin
from undertow.flow.parameters import ByHand, spoilt, trained
from undertow.flow.records import Flow, NonFinite
from undertow.flow.schedule import EVERY, Every, Schedule
from undertow.flow.warning import FlowWarning


class Watch:
    """What is seen of one model; made by `watch`."""

    def __init__(
        self, model: nn.Module, schedule: Schedule, on_record: Callable[[Flow], None] | None = None
    ) -> None:
        self.model, self.schedule, self.on_record = model, schedule, on_record
        self.records: list[Flow] = []
        self.step = self._first = 0
        self._began = time.monotonic()
        self._open: Measuring | None = None
        self._handles: list[RemovableHandle] = []
        self._of_parts: list[RemovableHandle] = []  # those of them that listen to the model's parts
        self._origin = Origin(model)
        self._found: NonFinite | None = None  # the first; afterwards nothing is looked for
        self._running: nn.Module | None = None  # the model, or the part of it, that is being called
        self._within = False  # an optimizer's step, which may call the model itself
        self._optimizers: weakref.WeakSet[Optimizer] = weakref.WeakSet()  # that hold a parameter of the model
        self._stepped = False  # one of several has stepped; the step ends when the model is called again
        self._held: set[int] = set()  # ids of the parameters that were stepped, in this step
        self._by_hand = ByHand({})
        self.guard = Guard()
        self._refresh()

    def _refresh(self) -> None:
        """What the model holds may change while it trains."""
        self._parts, self._named = Parts.of(self.model), trained(self.model)
        self._by_hand.look_at(self._named)
        self._own = {id(p) for p in self._named.values()}
        self._origin.refresh()

    def __enter__(self) -> Watch:
        if self._handles:
            raise SettingError("watch: this watch is on already. Make another with undertow.watch(model).")
        self._first = self.step
        self._handles = [
            register_optimizer_step_pre_hook(self.guard(self._optimizer_begins)),
            register_optimizer_step_post_hook(self.guard(self._optimizer_ended)),
        ]
        self._listen(self.model)
        for part in self.model.children():  # some loops call a model's parts, one after another
            self._of_parts += self._listen(part)
        return self

    def give_up(self) -> None:
        """Listen no more; what was measured stays."""
        measuring, self._open = self._open, None
        for handle in self._handles:
            handle.remove()
        self._handles, self._of_parts, self._running = [], [], None
        if measuring is not None:
            measuring.give_up()

    def include(self, part: nn.Module) -> None:
        """Listen to a part that the model was given since watching began."""
        self._refresh()
        self._of_parts += self._listen(part)

    def _listen(self, module: nn.Module) -> list[RemovableHandle]:
        made = [
            module.register_forward_pre_hook(_Hook(self, "_begins"), with_kwargs=True),
            module.register_forward_hook(_Hook(self, "_ended"), always_call=True),
        ]
        self._handles += made
        return made

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()
        if error is None:
            self._say_if_blind()

    def close(self) -> None:
        """Take every hook off; a step that is half measured is kept as far as it was seen."""
        self.leave()
        self._say_if_blind()

    def examine(self) -> Any:
        """What is wrong with what was seen: for a watch that was made with examine=True.

        Raises:
            SettingError: it was not.
        """
        raise SettingError(
            "examine: this watch measures gradients only. Make it with watch(model, examine=True)."
        )

    def leave(self) -> None:
        """Take every hook off without a word."""
        for handle in self._handles:
            handle.remove()
        self._handles, self._of_parts, self._running = [], [], None
        self._origin.forget()
        if self._open is not None:
            self.guard(self._finish)()

    def _say_if_blind(self) -> None:
        if self.step > self._first and not self.records:
            warnings.warn(
                "undertow.watch: nothing was measured. The model was never called in training mode with gradients on; "
                "model.train() turns it on.",
                FlowWarning,
                stacklevel=4,
            )

    def _trains(self) -> bool:
        return torch.is_grad_enabled() and self.model.training

    def _begins(self, called: nn.Module, arguments: Any, named: Any) -> None:
        if self._running is not None or self._origin.looking or not self._trains():
            return
        self._running = called
        if called is self.model and self._of_parts:  # it is called whole
            for handle in self._of_parts:
                handle.remove()
            self._of_parts = []
        if self._stepped or self._by_hand.stepped():
            self._ended_step()
        if self._found is None:
            self._origin.begins(called, arguments, named)
        if self._open is None and self.schedule.due(self.step):
            self._start(self.schedule.whole(self.step))

    def _start(self, again: bool) -> None:
        if again:
            self._refresh()
        by_hand, exact = self._by_hand.possible or self._within, not self.schedule.often
        self._open = Measuring(
            self._parts, self._named, again=again, by_hand=by_hand, exact=exact, guard=self.guard
        )
        if self._within:
            self._open.weights.opened_within()

    def _ended(self, called: nn.Module, arguments: Any, output: Any) -> None:
        if self._running is not called:
            return
        self._running = None
        self._origin.ended(output)
        if self._open is not None:
            self._open.came_out(output)
        if (
            self._within and self._found is None
        ):  # no optimizer will begin between this backward pass and its step
            for tensor in differentiable(output):
                tensor.register_hook(self._look_after_backward)  # type: ignore[no-untyped-call]

    def _look_after_backward(self, _: Tensor | None) -> None:
        torch.autograd.Variable._execution_engine.queue_callback(self._look_if_spoilt)

    def _optimizer_begins(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not self._holds(optimizer):
            return
        self._optimizers.add(optimizer)
        self._by_hand.possible, self._within = False, True
        if self._open is not None and not self._stepped:
            self._open.optimizer_begins()
        skipped = getattr(optimizer, "found_inf", None)  # a loss scaler's, which knows what it does
        if skipped is None or not bool(skipped):
            self._look_if_spoilt()

    def _look_if_spoilt(self) -> None:
        if self._found is None and self._origin.calls and spoilt(self._named):
            self.look_for_origin()

    def look_for_origin(self) -> NonFinite | None:
        """Find what made the first number that is none, now that one was met in this step; None if none was before.

        Called by itself before an optimizer's step; a loop that leaves such a step out calls it in its place.
        """
        if self._found is not None or not self._origin.calls or self._origin.looking:
            return None
        if self._open is None:
            self._start(again=False)
        assert self._open is not None
        self._open.look()
        self._found = self._open.spoilt = self._origin.look(self.step)
        return self._found

    def _optimizer_ended(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not self._holds(optimizer):
            return
        self._within = False
        if self._open is not None:
            self._held |= {id(p) for group in optimizer.param_groups for p in group["params"]}
            self._open.optimizer_ended(self._held)
        if len(self._optimizers) > 1:
            self._stepped = True
        else:
            self._ended_step()

    def _ended_step(self) -> None:
        self._stepped, self._held = False, set()
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


class _Hook:
    """A method of a watch as a module's hook; in a copy of the module, kept or pickled, it does nothing."""

    def __init__(self, watch: Watch, name: str) -> None:
        self._watch, self._name = weakref.ref(watch), name

    def __call__(self, *arguments: Any) -> None:
        if torch.compiler.is_compiling():  # a graph is being made, nothing is computed
            return
        watch = self._watch()
        if watch is not None:
            watch.guard(getattr(watch, self._name))(*arguments)

    def __reduce__(self) -> Any:
        """In a copy it is Python's own thing that takes anything and does nothing: who reads the copy needs no
        undertow."""
        return getattr, (nullcontext(), "__exit__")


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
    if type(model).__name__ == "OptimizedModule":
        warnings.warn(
            "undertow.watch: a model of torch.compile runs without most hooks. Watch the model that was compiled, "
            "uncompiled.",
            FlowWarning,
            stacklevel=2,
        )
    return Watch(model, Every(every), on_record)
