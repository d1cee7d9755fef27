"""The first number that was none: which operation made it, in which module, and from which line.

Every step's calls are remembered by reference. When a gradient is no number, the step's forward pass is made again
with every operation looked at, then its backward pass from the same gradients; both with the same random numbers, the
eager loop instead of kernels, and everything put back afterwards.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from undertow.flow.finder import Finder, Modules, finite
from undertow.flow.nested import differentiable, mapped, tensors
from undertow.flow.records import NonFinite
from undertow.flow.time import watchable
from undertow.flow.undisturbed import devices_of, draw_from, draws_now, undisturbed
from undertow.flow.warning import FlowWarning

MOST = 64  # calls of a step that are remembered
LARGEST = 1 << 22  # numbers of an output whose gradient is remembered


@dataclass
class _Call:
    """One call of the model, or of a part of it."""

    module: nn.Module
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    draws: Any  # where the generators stood
    gradients: dict[int, Tensor] = field(default_factory=dict)  # of the outputs, by their order


@dataclass
class Origin:
    """Remembers one step's calls, so that it can be looked at again."""

    model: nn.Module
    calls: list[_Call] = field(default_factory=list)
    current: _Call | None = None
    whole: bool = True  # nothing of this step was let go
    looking: bool = False
    devices: list[int] = field(default_factory=list)  # of CUDA that hold the model

    def refresh(self) -> None:
        """Where does the model lie?"""
        self.devices = devices_of(self.model) if torch.cuda.is_available() else []

    def begins(self, module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """A call begins."""
        self.current = None
        if len(self.calls) == MOST:
            self.whole = False
            return
        inner = module.module if isinstance(module, DataParallel | DistributedDataParallel) else module
        self.current = _Call(inner, arguments, named, draws_now(self.devices))
        self.calls.append(self.current)

    def ended(self, output: Any) -> None:
        """It gave this; None where it failed."""
        call, self.current = self.current, None
        if call is None:
            return
        if output is None:
            self.calls.remove(call)
            return
        for place, tensor in enumerate(differentiable(output)):
            tensor.register_hook(self._keeper(call, place))  # type: ignore[no-untyped-call]

    def _keeper(self, call: _Call, place: int) -> Any:
        gradients = call.gradients

        def keep(gradient: Tensor | None) -> None:
            if gradient is None:  # an operator of its own may leave out what it does not need
                return
            if gradient.numel() <= LARGEST:
                gradients[place] = gradient.detach()
            else:
                self.whole = False

        return keep

    def forget(self) -> None:
        """The step is over."""
        self.calls.clear()
        self.whole = True

    def look(self, step: int) -> NonFinite:
        """Which operation was it? A search that fails says so; it never stops a training."""
        self.looking = True
        try:
            return self._look(step)
        except Exception as error:  # noqa: BLE001 (whatever a model's second call may raise)
            warnings.warn(
                f"undertow.watch: a gradient of step {step} is no number, and its origin could not be looked for: "
                f"{type(error).__name__}: {error}",
                FlowWarning,
                stacklevel=2,
            )
            return NonFinite("unknown", "", "", "unknown", step)
        finally:
            self.looking = False

    def _look(self, step: int) -> NonFinite:
        spoilt = next((n for n, p in self.model.named_parameters() if not finite(p.detach())), None)
        if spoilt is not None:
            return NonFinite("optimizer", spoilt, "", "update", step)
        for call in tuple(self.calls):
            with _as_it_was(self.model, call):
                found = pass_again(self.model, call, step)
            if found is not None:
                return found
        buffer = next((n for n, b in self.model.named_buffers() if not finite(b)), None)
        if buffer is not None:
            return NonFinite("buffer", buffer, "", "unknown", step)
        gradients = [g for call in self.calls for g in call.gradients.values()]
        if self.whole and (
            not gradients or not all(finite(g) for g in gradients)
        ):  # the model gave what is finite
            return NonFinite("loss", "", "", "loss", step)
        return NonFinite("unknown", "", "", "unknown", step)


@contextmanager
def _as_it_was(model: nn.Module, call: _Call) -> Iterator[None]:
    """Generators as at the call, and the eager loop; all put back."""
    layers: list[Any] = list(watchable(model))
    engines = [layer.engine for layer in layers]
    try:
        with undisturbed(model), torch.enable_grad():
            draw_from(call.draws)
            for layer in layers:
                layer.set_engine("eager")
            yield
    finally:
        for layer, engine in zip(layers, engines, strict=True):
            layer.set_engine(engine)


def pass_again(model: nn.Module, call: _Call, step: int) -> NonFinite | None:
    """One call, forward and backward, every operation looked at."""
    modules = Modules(model)
    finder = Finder(modules)
    arguments, named = (mapped(value, _apart) for value in (call.arguments, call.named))
    given = [t for t in tensors((arguments, named)) if t.is_floating_point()]
    sound = all(finite(t.detach()) for t in given)
    with modules.listening(), torch.autograd.set_detect_anomaly(True, check_nan=False), finder:
        output = call.module(*arguments, **named)
    outputs = list(differentiable(output))
    cause = finder.cause(list(tensors(output)))
    if cause is not None:
        return NonFinite(cause.op, cause.module, cause.where, "forward", step)
    if not sound:
        return NonFinite("input", "", "", "input", step)
    sent = [(o, call.gradients[n]) for n, o in enumerate(outputs) if n in call.gradients]
    if not sent or not all(finite(g) for _, g in sent):
        return None
    ends = [t for t in (*model.parameters(), *given) if t.requires_grad]
    finder = Finder(modules, backward=True)
    with finder:
        found = torch.autograd.grad([o for o, _ in sent], ends, [g for _, g in sent], allow_unused=True)
    cause = finder.cause([g for g in found if g is not None])
    return None if cause is None else NonFinite(cause.op, cause.module, cause.where, "backward", step)


def _apart(tensor: Tensor) -> Tensor:
    """The same numbers in memory of their own, without what led to them."""
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)
